/* SPDX-License-Identifier: MIT */
#include "agent/unit/session.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>

struct build {
    session_video_fn on_video;
    session_built_fn all_done;
    void *user;
    size_t waiting; /* cameras; 0 = no build under way */
};

/* What a track's callbacks need: which one it is. */
struct member {
    struct session *session;
    struct track *track;
    double progress;
};

struct session {
    struct track_services services;
    const struct unit_settings *settings;
    const char *agent;
    struct session_events events;
    void *user;
    struct journal_session row;
    struct member *members;
    size_t member_count;
    struct build build;
};

static void save(struct session *session)
{
    struct session_totals totals;

    session_get_totals(session, &totals);
    session->row.frames = totals.frames;
    session->row.bytes = totals.bytes;
    journal_put_session(session->services.journal, &session->row, NULL, NULL);
}

/* --- what the tracks say --- */

static void on_frame(const struct track_frame *frame, void *user)
{
    struct member *member = user;

    member->session->events.on_frame(frame, member->session->user);
}

static void on_frame_lost(const char *camera, const struct frame_cause *cause,
                          const struct error *err, void *user)
{
    struct member *member = user;

    session_count_missed(member->session, 1);
    member->session->events.on_frame_lost(camera, cause, err, member->session->user);
}

static void on_video(const char *camera, const struct video_state *state, const struct error *err,
                     void *user)
{
    struct member *member = user;

    member->session->events.on_video(camera, state, err, member->session->user);
}

static void on_progress(const char *camera, double progress, void *user)
{
    struct member *member = user;
    struct session *session = member->session;
    double sum = 0;

    (void)camera;
    member->progress = progress;
    for (size_t i = 0; i < session->member_count; i++)
        sum += session->members[i].progress;
    session->events.on_progress(sum / (double)session->member_count, session->user);
}

static int open_tracks(struct session *session, struct error *err)
{
    static const struct track_events events = {
        .on_frame = on_frame,
        .on_frame_lost = on_frame_lost,
        .on_video = on_video,
        .on_progress = on_progress,
    };
    const struct conf_strings *cameras = &session->settings->cameras;

    session->members = xcalloc(cameras->count, sizeof(*session->members));
    for (size_t i = 0; i < cameras->count; i++) {
        struct member *member = &session->members[i];
        struct track_config config = {
            .services = &session->services,
            .agent = session->agent,
            .session = session->row.id,
            .session_dir = session->row.dir,
            .camera = cameras->items[i],
            .settings = session->settings,
        };
        int rc;

        member->session = session;
        rc = track_open(&config, &events, member, &member->track, err);
        if (rc < 0)
            return rc;
        session->member_count++;
    }
    return 0;
}

static struct session *session_new(const struct session_config *config,
                                   const struct session_events *events, void *user)
{
    struct session *session = xcalloc(1, sizeof(*session));

    session->services = *config->services;
    session->settings = config->settings;
    session->agent = config->agent;
    session->events = *events;
    session->user = user;
    return session;
}

/* "20260131T110000Z-mk4-benchy": the unit keeps two units of one printer apart. */
static char *make_id(const char *unit, const char *job, int64_t now)
{
    CLEANUP(free_p) char *base = job && job[0] ? path_base_name(job, ".gcode") : NULL;
    CLEANUP(free_p) char *safe = base ? path_safe_name(base) : NULL;
    char stamp[CLOCK_COMPACT_LEN];

    clock_format_compact(now, stamp);
    if (!safe)
        return xasprintf("%s-%s", stamp, unit);
    return xasprintf("%s-%s-%.60s", stamp, unit, safe);
}

static int make_directory(struct session *session, const struct session_config *config,
                          struct error *err)
{
    const struct unit_settings *settings = session->settings;
    CLEANUP(free_p) char *wanted = make_id(settings->id, session->row.job, session->row.started_at);

    return frame_store_make_session(session->services.store, config->agent,
                                    settings->printer ? settings->printer : settings->id, wanted,
                                    &session->row.dir, &session->row.id, err);
}

int session_begin(const struct session_config *config, const char *job,
                  const struct session_events *events, void *user, struct session **ret_session,
                  struct error *err)
{
    struct session *session = session_new(config, events, user);
    int rc;

    session->row.unit = xstrdup(config->settings->id);
    replace_str(&session->row.printer, config->settings->printer);
    replace_str(&session->row.job, job && job[0] ? job : NULL);
    session->row.state = xstrdup(session_state_name(SESSION_CAPTURING));
    session->row.started_at = clock_wall_ms();
    session->row.last_layer = -1;
    rc = make_directory(session, config, err);
    if (rc == 0)
        rc = open_tracks(session, err);
    if (rc < 0) {
        session_free(session);
        return rc;
    }
    save(session);
    *ret_session = session;
    return 0;
}

static void copy_row(struct journal_session *to, const struct journal_session *from)
{
    *to = *from;
    to->id = xstrdup(from->id);
    to->unit = xstrdup(from->unit);
    to->dir = xstrdup(from->dir);
    to->state = xstrdup(from->state);
    to->printer = from->printer ? xstrdup(from->printer) : NULL;
    to->job = from->job ? xstrdup(from->job) : NULL;
    to->end = from->end ? xstrdup(from->end) : NULL;
    to->settings = from->settings ? xstrdup(from->settings) : NULL;
}

int session_resume(const struct session_config *config, const struct journal_session *row,
                   const struct session_events *events, void *user, struct session **ret_session,
                   struct error *err)
{
    struct session *session = session_new(config, events, user);
    int rc;

    copy_row(&session->row, row);
    rc = open_tracks(session, err);
    if (rc < 0) {
        session_free(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < session->member_count; i++)
        track_free(session->members[i].track);
    free(session->members);
    journal_session_done(&session->row);
    free(session);
}

/* --- while it runs --- */

void session_add(struct session *session, const struct shot_result *taken,
                 const struct frame_cause *cause)
{
    struct member *member = &session->members[taken->camera];

    if (taken->picture)
        track_add(member->track, taken->picture, cause);
    else
        on_frame_lost(track_camera(member->track), cause, &taken->error, member);
}

void session_count_missed(struct session *session, int64_t count)
{
    session->row.missed += count;
    save(session);
}

void session_set_state(struct session *session, enum session_state state)
{
    if (str_equal(session->row.state, session_state_name(state)))
        return;
    replace_str(&session->row.state, session_state_name(state));
    save(session);
}

void session_set_tail(struct session *session, bool tail)
{
    for (size_t i = 0; i < session->member_count; i++)
        track_set_tail(session->members[i].track, tail);
}

void session_settings_changed(struct session *session)
{
    for (size_t i = 0; i < session->member_count; i++)
        track_settings_changed(session->members[i].track);
}

/* --- building --- */

static void on_built(int result, const struct video_result *video, const struct error *err,
                     void *user)
{
    struct member *member = user;
    struct session *session = member->session;
    struct build *build = &session->build;
    session_built_fn all_done = build->all_done;
    void *build_user = build->user;

    member->progress = 1;
    build->on_video(result, track_camera(member->track), video, err, build_user);
    if (--build->waiting == 0)
        all_done(build_user);
}

static void start_build(struct session *session, session_video_fn on_result,
                        session_built_fn all_done, void *user)
{
    session->build = (struct build){
        .on_video = on_result,
        .all_done = all_done,
        .user = user,
        .waiting = session->member_count,
    };
    for (size_t i = 0; i < session->member_count; i++)
        session->members[i].progress = 0;
}

void session_finish(struct session *session, session_video_fn on_result, session_built_fn all_done,
                    void *user)
{
    start_build(session, on_result, all_done, user);
    for (size_t i = 0; i < session->member_count; i++)
        track_finish(session->members[i].track, on_built, &session->members[i]);
}

int session_preview(struct session *session, session_video_fn on_result, session_built_fn all_done,
                    void *user, struct error *err)
{
    size_t started = 0;
    int rc = 0;

    if (session_building(session))
        return error_set(err, -EBUSY, "a video of this session is being built already");
    start_build(session, on_result, all_done, user);
    for (size_t i = 0; i < session->member_count; i++) {
        rc = track_preview(session->members[i].track, on_built, &session->members[i], err);
        if (rc < 0)
            break;
        started++;
    }
    session->build.waiting = started;
    return started > 0 ? 0 : rc;
}

void session_stop_preview(struct session *session)
{
    for (size_t i = 0; i < session->member_count; i++)
        track_stop_preview(session->members[i].track);
}

bool session_building(const struct session *session)
{
    return session->build.waiting > 0;
}

/* --- the end --- */

void session_end(struct session *session, const char *why)
{
    replace_str(&session->row.state, "ended");
    replace_str(&session->row.end, why);
    session->row.ended_at = clock_wall_ms();
    save(session);
}

void session_discard(struct session *session)
{
    session_end(session, "discarded");
    for (size_t i = 0; i < session->member_count; i++)
        track_free(TAKE(session->members[i].track));
    session->member_count = 0;
    archive_delete_session(session->services.archive, &session->row, NULL, NULL);
}

/* --- looks --- */

const char *session_id(const struct session *session)
{
    return session->row.id;
}

const char *session_job(const struct session *session)
{
    return session->row.job;
}

const char *session_dir(const struct session *session)
{
    return session->row.dir;
}

int64_t session_started_at(const struct session *session)
{
    return session->row.started_at;
}

int64_t session_missed(const struct session *session)
{
    return session->row.missed;
}

int session_last_layer(const struct session *session)
{
    return session->row.last_layer;
}

void session_set_last_layer(struct session *session, int layer)
{
    if (session->row.last_layer == layer)
        return;
    session->row.last_layer = layer;
    save(session);
}

void session_get_totals(const struct session *session, struct session_totals *ret_totals)
{
    struct video_timing timing = {0};

    *ret_totals = (struct session_totals){0};
    for (size_t i = 0; i < session->member_count; i++) {
        struct track_totals totals;

        track_get_totals(session->members[i].track, &totals);
        ret_totals->frames += totals.frames;
        ret_totals->bytes += totals.bytes;
        ret_totals->last_frame_at = MAX(ret_totals->last_frame_at, totals.last_frame_at);
        ret_totals->encoded_frames += totals.video.encoded_frames;
        ret_totals->dropped_frames += totals.video.dropped_frames;
        if (i == 0 && session->settings->video.enabled) {
            video_timing(&session->settings->video, totals.frames, &timing);
            ret_totals->video_s = timing.duration_s;
        }
    }
}

int64_t session_camera_frames(const struct session *session, size_t camera)
{
    struct track_totals totals;

    track_get_totals(session->members[camera].track, &totals);
    return totals.frames;
}

int64_t session_camera_resized(const struct session *session, const char *camera)
{
    struct track_totals totals = {0};

    for (size_t i = 0; i < session->member_count; i++)
        if (str_equal(track_camera(session->members[i].track), camera))
            track_get_totals(session->members[i].track, &totals);
    return totals.resized;
}
