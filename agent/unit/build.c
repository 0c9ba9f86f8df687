/* SPDX-License-Identifier: MIT */
#include "agent/unit/build.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct names { /* of cameras */
    char **items;
    size_t count;
};

struct build {
    struct track_services services;
    char *session, *session_dir, *name;
    struct video_settings settings;
    struct build_events events;
    void *user;
    struct names cameras;
    size_t index; /* the camera under way */
    struct video *video;
    struct timer *next;
};

/* --- which cameras --- */

static void add_name(const char *camera, void *user)
{
    struct names *names = user;

    names->items = xrealloc(names->items, (names->count + 1) * sizeof(*names->items));
    names->items[names->count++] = xstrdup(camera);
}

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

struct made_look {
    const char *camera;
    bool found;
};

static void note_made(const struct journal_video *video, void *user)
{
    struct made_look *look = user;

    if (str_equal(video->camera, look->camera) && access(video->path, F_OK) == 0)
        look->found = true;
}

/* A final video of the camera is there already. */
static bool is_made(const struct build *build, const char *camera)
{
    struct journal_video_filter filter = {.session = build->session, .kind = "final"};
    struct journal_range all = {.limit = INT64_MAX};
    struct made_look look = {.camera = camera};
    struct error err;

    if (!str_equal(build->name, build->session))
        return false;
    return journal_list_videos(build->services.journal, &filter, &all, note_made, &look, &err) ==
               0 &&
           look.found;
}

static int find_cameras(struct build *build, const char *only, struct error *err)
{
    struct names all = {0};
    int rc = journal_each_camera(build->services.journal, build->session, add_name, &all, err);

    for (size_t i = 0; i < all.count; i++)
        if ((!only || str_equal(all.items[i], only)) && !is_made(build, all.items[i]))
            add_name(all.items[i], &build->cameras);
    if (rc == 0 && all.count == 0)
        rc = error_set(err, -ENODATA, "session '%s' has no frames", build->session);
    names_done(&all);
    return rc;
}

/* --- one camera --- */

static const char *camera_of(const struct build *build)
{
    return build->cameras.items[build->index];
}

static void on_progress(double progress, void *user)
{
    struct build *build = user;

    build->events.on_progress(((double)build->index + progress) / (double)build->cameras.count,
                              build->user);
}

static void feed_frame(const struct journal_frame *frame, void *user)
{
    struct build *build = user;
    CLEANUP(free_p)
    char *path = frame_store_path(build->session_dir, frame->camera, frame->seq);

    video_add_frame(build->video, frame->seq, path, frame->width, frame->height);
}

static void on_built(int result, const struct video_result *video, const struct error *err,
                     void *user)
{
    struct build *build = user;

    build->events.on_video(result, camera_of(build), video, err, build->user);
    build->index++;
    timer_start(build->next, 0);
}

static int start_camera(struct build *build, struct error *err)
{
    CLEANUP(free_p) char *name = xasprintf("%s_%s", build->name, camera_of(build));
    struct video_config config = {
        .dir = build->session_dir, .name = name, .settings = &build->settings, .patient = true};
    static const struct video_events events = {.on_progress = on_progress};
    struct video_state state;
    int rc = video_open(build->services.loop, build->services.encoders, &config, &events, build,
                        &build->video, err);

    if (rc < 0)
        return rc;
    video_get_state(build->video, &state);
    rc = journal_each_frame(build->services.journal, build->session, camera_of(build),
                            state.last_seq, feed_frame, build, err);
    if (rc == 0)
        rc = video_finish(build->video, on_built, build, err);
    return rc;
}

static void on_next(void *user)
{
    struct build *build = user;
    struct error err = {0};
    int rc;

    video_free(TAKE(build->video));
    if (build->index == build->cameras.count) {
        build->events.on_over(build->user);
        return;
    }
    rc = start_camera(build, &err);
    if (rc < 0)
        on_built(rc, NULL, &err, build);
}

/* --- the face --- */

int build_start(const struct track_services *services, const struct build_order *order,
                const struct build_events *events, void *user, struct build **ret_build,
                struct error *err)
{
    struct build *build = xcalloc(1, sizeof(*build));
    int rc;

    build->services = *services;
    build->session = xstrdup(order->session);
    build->session_dir = xstrdup(order->session_dir);
    build->name = xstrdup(order->name);
    build->settings = order->settings;
    build->events = *events;
    build->user = user;
    build->next = timer_new(services->loop, on_next, build);
    rc = find_cameras(build, order->camera, err);
    if (rc < 0) {
        build_free(build);
        return rc;
    }
    timer_start(build->next, 0);
    *ret_build = build;
    return 0;
}

void build_free(struct build *build)
{
    if (!build)
        return;
    video_free(build->video);
    timer_free(build->next);
    names_done(&build->cameras);
    free(build->session);
    free(build->session_dir);
    free(build->name);
    free(build);
}

static bool frame_is_there(const char *session_dir, const char *camera, int64_t seq)
{
    CLEANUP(free_p) char *path = frame_store_path(session_dir, camera, seq);

    return access(path, R_OK) == 0;
}

int build_has_frames(const struct track_services *services, const char *session,
                     const char *session_dir, const char *camera, bool *ret_found,
                     struct error *err)
{
    struct names cameras = {0};
    int rc = journal_each_camera(services->journal, session, add_name, &cameras, err);

    *ret_found = false;
    for (size_t i = 0; i < cameras.count && rc == 0; i++) {
        struct journal_frame_totals totals = {0};

        if (camera && !str_equal(camera, cameras.items[i]))
            continue;
        rc = journal_frame_totals(services->journal, session, cameras.items[i], &totals, err);
        *ret_found |= frame_is_there(session_dir, cameras.items[i], 1) ||
                      frame_is_there(session_dir, cameras.items[i], totals.last_seq);
    }
    names_done(&cameras);
    return rc;
}

/* --- what is left of one that was given up --- */

struct rest {
    struct names stems; /* paths without suffix */
};

static void run_remove(void *user)
{
    struct rest *rest = user;

    for (size_t i = 0; i < rest->stems.count; i++) {
        CLEANUP(free_p) char *growing = xasprintf("%s.growing.mp4", rest->stems.items[i]);
        CLEANUP(free_p) char *ledger = xasprintf("%s.idx", rest->stems.items[i]);

        (void)unlink(ledger);
        (void)unlink(growing);
    }
}

static void on_removed(void *user)
{
    struct rest *rest = user;

    names_done(&rest->stems);
    free(rest);
}

void build_remove_rest(const struct track_services *services, const char *session,
                       const char *session_dir, const char *name)
{
    struct rest *rest = xcalloc(1, sizeof(*rest));
    struct names cameras = {0};
    struct error err;

    if (journal_each_camera(services->journal, session, add_name, &cameras, &err) == 0)
        for (size_t i = 0; i < cameras.count; i++) {
            CLEANUP(free_p)
            char *stem = xasprintf("%s/%s_%s", session_dir, name, cameras.items[i]);

            add_name(stem, &rest->stems);
        }
    names_done(&cameras);
    loop_work(services->loop, run_remove, on_removed, rest);
}
