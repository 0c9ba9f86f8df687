/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_session.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "capture/camera/gphoto2_shell.h"
#include "capture/camera/gphoto2_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OURS_MAX = 4 }; /* files of one shot on the camera */

enum phase {
    PHASE_STARTING, /* until its first prompt */
    PHASE_PROBING,  /* the camera is opened by asking it something */
    PHASE_SETTING,  /* what config says */
    PHASE_READY,
    PHASE_SHOOTING, /* until the picture is here and gphoto2 looks for no RAW any more */
    PHASE_TIDYING,  /* what we made is deleted from the camera */
    PHASE_LEAVING,
};

/* A picture on its way from the disk; outlives the session while a worker has it. */
struct fetch {
    struct gphoto2_session *session; /* NULL: nobody wants it any more */
    char *path;
    size_t max_bytes;
    char *jpeg; /* NULL: err says why */
    size_t len;
    struct error err;
};

struct gphoto2_session {
    struct loop *loop;
    const struct camera_settings *settings;
    const struct gphoto2_session_events *events;
    void *user;
    struct gphoto2_shell *shell;
    enum phase phase;
    size_t next_config;

    /* the shot under way */
    int64_t shot_at_us;
    bool has_jpeg, has_raw;
    bool answered; /* gphoto2 is through with it */
    struct fetch *fetch;
    struct raw *raw;
    struct error err;     /* of the fetch */
    char *ours[OURS_MAX]; /* its files on the camera */
    size_t ours_count;
};

/* --- its ends --- */

static void raw_over(struct gphoto2_session *session)
{
    if (session->raw)
        raw_settle_without(session->raw);
    raw_unref(TAKE(session->raw));
}

static void forget_ours(struct gphoto2_session *session)
{
    for (size_t i = 0; i < session->ours_count; i++)
        free(session->ours[i]);
    session->ours_count = 0;
}

static void session_done(struct gphoto2_session *session)
{
    if (session->fetch)
        session->fetch->session = NULL;
    raw_over(session);
    forget_ours(session);
    free(session);
}

static void fail(struct gphoto2_session *session, const struct error *err)
{
    session->phase = PHASE_LEAVING;
    raw_over(session);
    session->events->on_failed(err, session->user);
}

static void fail_and_leave(struct gphoto2_session *session, const struct error *err)
{
    fail(session, err);
    gphoto2_shell_leave(session->shell);
}

static void on_end(const struct process_result *result, const char *said, void *user)
{
    struct gphoto2_session *session = user;
    struct error err = {0};

    session->shell = NULL;
    if (session->phase != PHASE_LEAVING && session->phase != PHASE_READY) {
        if (*said || gphoto2_check_result(result, 0, &err) == 0)
            gphoto2_explain(said, &err);
        fail(session, &err);
    }
    session->events->on_end(session->user);
    session_done(session);
}

static void become_ready(struct gphoto2_session *session)
{
    session->phase = PHASE_READY;
    session->events->on_ready(session->user);
}

/* --- opening --- */

static void set_next(struct gphoto2_session *session)
{
    const struct conf_strings *config = &session->settings->config;
    CLEANUP(free_p) char *line = NULL;

    if (session->next_config == config->count) {
        become_ready(session);
        return;
    }
    session->phase = PHASE_SETTING;
    line = xasprintf("set-config %s", config->items[session->next_config++]);
    gphoto2_shell_say(session->shell, line);
}

static bool has_failed(const char *said)
{
    return strstr(said, "*** Error") != NULL;
}

/* Not every camera has a battery to tell of. */
static void on_probed(struct gphoto2_session *session, const char *said)
{
    struct error err = {0};

    if (!has_failed(said) || strstr(said, "not found in configuration tree")) {
        set_next(session);
        return;
    }
    gphoto2_explain(said, &err);
    fail_and_leave(session, &err);
}

static void on_set(struct gphoto2_session *session, const char *said)
{
    struct error err = {0};

    if (!has_failed(said)) {
        set_next(session);
        return;
    }
    gphoto2_explain(said, &err);
    error_prefix(&err, "config \"%s\"", session->settings->config.items[session->next_config - 1]);
    fail_and_leave(session, &err);
}

/* --- after a shot --- */

/* The first file that it tells of is what we took; of the others those that belong to it. Somebody
 * may have photographed by hand at the same time. */
static void note_ours(struct gphoto2_session *session, const char *said)
{
    char *path;

    while (session->ours_count < OURS_MAX && gphoto2_next_camera_file(&said, &path)) {
        if (session->ours_count == 0 || gphoto2_same_picture(session->ours[0], path))
            session->ours[session->ours_count++] = path;
        else
            free(path);
    }
}

static void delete_next(struct gphoto2_session *session)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *line = NULL;

    if (session->ours_count == 0 || session->settings->keep_on_camera) {
        forget_ours(session);
        become_ready(session);
        return;
    }
    path = session->ours[--session->ours_count];
    line = xasprintf("delete %s", path);
    session->phase = PHASE_TIDYING;
    gphoto2_shell_say(session->shell, line);
}

static void shot_over(struct gphoto2_session *session)
{
    if (session->err.code) {
        fail_and_leave(session, &session->err);
        return;
    }
    raw_over(session);
    delete_next(session);
}

static void explain_no_picture(const struct gphoto2_session *session, const char *said,
                               struct error *err)
{
    if (session->has_raw)
        error_set(err, -EINVAL,
                  "the camera makes RAW files only; set it to RAW and JPEG, or JPEG, on the camera "
                  "or in config (imageformat or imagequality)");
    else
        gphoto2_explain(said, err);
}

static void on_shot(struct gphoto2_session *session, const char *said)
{
    struct error err = {0};

    if (!session->has_jpeg) {
        explain_no_picture(session, said, &err);
        fail_and_leave(session, &err);
        return;
    }
    note_ours(session, said);
    session->answered = true;
    if (!session->fetch)
        shot_over(session);
}

/* --- its files --- */

static void fetch_free(struct fetch *fetch)
{
    free(fetch->path);
    free(fetch->jpeg);
    free(fetch);
}

static void fetch_on_worker(void *user)
{
    struct fetch *fetch = user;

    if (path_read_file(fetch->path, fetch->max_bytes, &fetch->jpeg, &fetch->len, &fetch->err) < 0)
        fetch->jpeg = NULL;
    unlink(fetch->path);
}

static void on_fetched(void *user)
{
    struct fetch *fetch = user;
    struct gphoto2_session *session = fetch->session;

    if (session) {
        session->fetch = NULL;
        session->err = fetch->err;
        if (fetch->jpeg && session->phase == PHASE_SHOOTING)
            session->events->on_picture((uint8_t *)TAKE(fetch->jpeg), fetch->len,
                                        session->shot_at_us, session->raw, session->user);
        if (session->answered && session->phase == PHASE_SHOOTING)
            shot_over(session);
    }
    fetch_free(fetch);
}

static void fetch_start(struct gphoto2_session *session, const char *path)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));

    fetch->session = session;
    fetch->path = xstrdup(path);
    fetch->max_bytes = (size_t)session->settings->max_bytes;
    session->fetch = fetch;
    session->has_jpeg = true;
    loop_work(session->loop, fetch_on_worker, on_fetched, fetch);
}

static void unlink_on_worker(void *user)
{
    unlink(user);
}

static void on_file(const char *path, void *user)
{
    struct gphoto2_session *session = user;
    enum gphoto2_file kind = gphoto2_file_kind(path);
    bool shooting = session->phase == PHASE_SHOOTING;

    if (shooting && kind == GPHOTO2_JPEG && !session->has_jpeg) {
        fetch_start(session, path);
    } else if (shooting && kind == GPHOTO2_RAW && !session->has_raw) {
        session->has_raw = true;
        raw_settle(session->raw, path);
    } else {
        loop_work(session->loop, unlink_on_worker, free, xstrdup(path));
    }
}

/* --- what it is told --- */

static void on_answer(const char *said, void *user)
{
    struct gphoto2_session *session = user;

    switch (session->phase) {
    case PHASE_STARTING:
        session->phase = PHASE_PROBING;
        gphoto2_shell_say(session->shell, "get-config batterylevel");
        break;
    case PHASE_PROBING:
        on_probed(session, said);
        break;
    case PHASE_SETTING:
        on_set(session, said);
        break;
    case PHASE_SHOOTING:
        on_shot(session, said);
        break;
    case PHASE_TIDYING:
        delete_next(session);
        break;
    case PHASE_READY:
    case PHASE_LEAVING:
        break;
    }
}

void gphoto2_session_shoot(struct gphoto2_session *session)
{
    session->phase = PHASE_SHOOTING;
    session->answered = session->has_jpeg = session->has_raw = false;
    error_clear(&session->err);
    session->raw = raw_new();
    session->shot_at_us = clock_mono_us();
    gphoto2_shell_say(session->shell, "capture-image-and-download");
}

void gphoto2_session_leave(struct gphoto2_session *session)
{
    session->phase = PHASE_LEAVING;
    gphoto2_shell_leave(session->shell);
}

void gphoto2_session_kill(struct gphoto2_session *session)
{
    session->phase = PHASE_LEAVING;
    raw_over(session);
    gphoto2_shell_kill(session->shell);
}

int gphoto2_session_start(struct gphoto2_device *device, const struct camera_settings *settings,
                          const struct gphoto2_session_events *events, void *user,
                          struct gphoto2_session **ret_session, struct error *err)
{
    static const struct gphoto2_shell_events shell_events = {on_answer, on_file, on_end};
    struct gphoto2_session *session = xcalloc(1, sizeof(*session));
    int rc;

    session->loop = gphoto2_device_loop(device);
    session->settings = settings;
    session->events = events;
    session->user = user;
    rc = gphoto2_shell_start(device, &shell_events, session, &session->shell, err);
    if (rc < 0) {
        free(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void gphoto2_session_free(struct gphoto2_session *session)
{
    if (!session)
        return;
    gphoto2_shell_free(session->shell);
    session_done(session);
}
