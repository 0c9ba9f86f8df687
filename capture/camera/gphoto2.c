/* SPDX-License-Identifier: MIT */
/* gphoto2: a camera with lenses of its own (DSLR, mirrorless) by USB, through the program gphoto2.
 *
 * A session is one gphoto2 --shell. It sets what config says, and then photographs with
 * capture-image-and-download, the way that most cameras know. While the camera is warm the session
 * is kept from shot to shot; else, and when kept sessions fail again and again, each shot has its
 * own. The picture counts as captured when that line was sent, and goes on when its file is whole;
 * then gphoto2 looks for a RAW beside it, and what we made is deleted from the camera.
 *
 * gphoto2's exit codes say little: it is 0 after most failures. So a shot has succeeded when there
 * is a picture, and what gphoto2 said is read only when there is none.
 *
 * A camera that hangs (gphoto2 issues 213, 216, 297) is met by steps: at the deadline its gphoto2
 * is ended, the next shot gets a new one; when that hangs, too, the USB device is reset once; after
 * that only somebody at the camera can help, and the error says so. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_config.h"
#include "capture/camera/gphoto2_run.h"
#include "capture/camera/gphoto2_shell.h"
#include "capture/camera/gphoto2_words.h"
#include "capture/camera/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NEEDED_MS = 6000, /* what a camera takes beside its exposure, with the opening of a session */
    DRAIN_MS = 20000, /* for gphoto2 to look for a RAW, and to delete what we made */
    RESET_WAIT_MS = 1000,
    RESET_MS = 8000,
    HANGS_TO_RESET = 2,
    KEPT_FAILURES_MAX = 3,
    OURS_MAX = 4, /* files of one shot on the camera */
};

enum phase {
    PHASE_NONE,     /* no gphoto2 runs for us; perhaps we wait for our turn */
    PHASE_OPENING,  /* the camera is opened, its settings are made */
    PHASE_READY,    /* it waits for us */
    PHASE_SHOOTING, /* until the picture is here and gphoto2 has ended looking for more */
    PHASE_TIDYING,  /* what we made is deleted from the camera */
    PHASE_LEAVING,
};

/* A file of the camera on its way from the disk; outlives the driver while a worker has it. */
struct fetch {
    struct gphoto2 *driver; /* NULL: nobody wants it any more */
    char *path;
    size_t max_bytes;
    char *jpeg;
    size_t len;
    struct error err;
};

struct gphoto2 {
    struct camera_port *port;
    struct loop *loop;
    const struct camera_settings *settings;
    struct gphoto2_device *device;
    struct gphoto2_turn turn;
    struct gphoto2_shell *shell;
    enum phase phase;
    struct timer *patience;

    bool warm;
    bool open_early; /* without a request: the camera has become warm */
    bool wanted;     /* a request has no answer yet */
    size_t next_config;

    /* the shot under way */
    bool serves; /* it was begun for the request that is wanted now */
    bool done;   /* gphoto2 is through with it */
    bool has_jpeg, has_raw;
    int64_t shot_at_us;
    struct fetch *fetch;
    char *ours[OURS_MAX]; /* its files on the camera */
    size_t ours_count;

    size_t shots;      /* of this session */
    int kept_failures; /* shots in a row that failed in a session that was kept */
    int hangs;         /* in a row */
    bool reset_was_tried;
    struct gphoto2_run *reset;
};

static void proceed(struct gphoto2 *driver);

/* --- what becomes of a request --- */

static bool is_hang(int code)
{
    return code == -ETIMEDOUT || code == -EREMOTEIO;
}

static void note_trouble(struct gphoto2 *driver, struct error *err)
{
    if (driver->shots > 0)
        driver->kept_failures++;
    if (!is_hang(err->code))
        return;
    driver->hangs++;
    if (driver->reset_was_tried) {
        struct error before = *err;

        error_set(err, before.code,
                  "%s; a USB reset did not help: switch the camera off and on, or take its battery "
                  "out",
                  before.text);
    }
}

/* Tells whoever waits. */
static void fail(struct gphoto2 *driver, const struct error *err)
{
    bool was_wanted = driver->wanted;

    driver->wanted = driver->serves = false;
    if (was_wanted)
        camera_port_failed(driver->port, err);
    else if (driver->phase == PHASE_OPENING)
        camera_port_contact(driver->port, err);
}

static void session_fail(struct gphoto2 *driver, struct error *err)
{
    note_trouble(driver, err);
    fail(driver, err);
    driver->phase = PHASE_LEAVING;
}

static void note_success(struct gphoto2 *driver)
{
    if (driver->shots > 0)
        driver->kept_failures = 0;
    driver->shots++;
    driver->hangs = 0;
    driver->reset_was_tried = false;
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

static void shot_finish(struct gphoto2 *driver);

static void deliver(struct gphoto2 *driver, struct fetch *fetch)
{
    if (fetch->jpeg && camera_port_wants(driver->port, driver->shot_at_us)) {
        driver->wanted = driver->serves = false;
        timer_start(driver->patience, DRAIN_MS);
        camera_port_picture(driver->port, (uint8_t *)TAKE(fetch->jpeg), fetch->len,
                            driver->shot_at_us);
    } else if (!fetch->jpeg && driver->serves) {
        fail(driver, &fetch->err);
    }
}

static void on_fetched(void *user)
{
    struct fetch *fetch = user;
    struct gphoto2 *driver = fetch->driver;

    if (driver) {
        driver->fetch = NULL;
        deliver(driver, fetch);
        if (driver->done && driver->phase == PHASE_SHOOTING)
            shot_finish(driver);
    }
    fetch_free(fetch);
}

static void fetch_start(struct gphoto2 *driver, const char *path)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));

    fetch->driver = driver;
    fetch->path = xstrdup(path);
    fetch->max_bytes = (size_t)driver->settings->max_bytes;
    driver->fetch = fetch;
    driver->has_jpeg = true;
    note_success(driver);
    loop_work(driver->loop, fetch_on_worker, on_fetched, fetch);
}

static void unlink_on_worker(void *user)
{
    unlink(user);
}

static void on_file(const char *path, void *user)
{
    struct gphoto2 *driver = user;
    enum gphoto2_file kind = gphoto2_file_kind(path);
    bool shooting = driver->phase == PHASE_SHOOTING;

    if (shooting && kind == GPHOTO2_JPEG && !driver->has_jpeg) {
        fetch_start(driver, path);
        return;
    }
    if (shooting && kind == GPHOTO2_RAW)
        driver->has_raw = true;
    loop_work(driver->loop, unlink_on_worker, free, xstrdup(path));
}

/* --- a shot --- */

static void forget_ours(struct gphoto2 *driver)
{
    for (size_t i = 0; i < driver->ours_count; i++)
        free(driver->ours[i]);
    driver->ours_count = 0;
}

static void become_ready(struct gphoto2 *driver)
{
    driver->phase = PHASE_READY;
    if (!driver->wanted)
        timer_stop(driver->patience);
    proceed(driver);
}

static void shoot(struct gphoto2 *driver)
{
    driver->phase = PHASE_SHOOTING;
    driver->serves = true;
    driver->done = driver->has_jpeg = driver->has_raw = false;
    forget_ours(driver);
    driver->shot_at_us = clock_mono_us();
    gphoto2_shell_say(driver->shell, "capture-image-and-download");
}

/* The first file that it tells of is what we took; of the others those that belong to it. Somebody
 * may have photographed by hand at the same time. */
static void note_ours(struct gphoto2 *driver, const char *said)
{
    char *path;

    while (driver->ours_count < OURS_MAX && gphoto2_next_camera_file(&said, &path)) {
        if (driver->ours_count == 0 || gphoto2_same_picture(driver->ours[0], path))
            driver->ours[driver->ours_count++] = path;
        else
            free(path);
    }
}

static void delete_next(struct gphoto2 *driver)
{
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *line = NULL;

    if (driver->ours_count == 0 || driver->settings->keep_on_camera) {
        forget_ours(driver);
        become_ready(driver);
        return;
    }
    path = driver->ours[--driver->ours_count];
    line = xasprintf("delete %s", path);
    driver->phase = PHASE_TIDYING;
    gphoto2_shell_say(driver->shell, line);
}

static void explain_no_picture(const struct gphoto2 *driver, const char *said, struct error *err)
{
    if (driver->has_raw)
        error_set(err, -EINVAL,
                  "the camera makes RAW files only; set it to RAW and JPEG, or JPEG, on the camera "
                  "or in config (imageformat or imagequality)");
    else
        gphoto2_explain(said, err);
}

static void shot_finish(struct gphoto2 *driver)
{
    if (driver->fetch)
        return;
    delete_next(driver);
}

static void on_shot(struct gphoto2 *driver, const char *said)
{
    struct error err = {0};

    driver->done = true;
    if (driver->has_jpeg) {
        note_ours(driver, said);
        shot_finish(driver);
        return;
    }
    explain_no_picture(driver, said, &err);
    session_fail(driver, &err);
    gphoto2_shell_leave(driver->shell);
}

/* --- a session --- */

static bool has_failed(const char *said)
{
    return strstr(said, "*** Error") != NULL;
}

static void open_next(struct gphoto2 *driver)
{
    const struct conf_strings *config = &driver->settings->config;
    CLEANUP(free_p) char *line = NULL;

    if (driver->next_config == config->count) {
        camera_port_contact(driver->port, NULL);
        become_ready(driver);
        return;
    }
    line = xasprintf("set-config %s", config->items[driver->next_config++]);
    gphoto2_shell_say(driver->shell, line);
}

/* next_config counts the lines sent so far, less one: the first opens the camera by asking it
 * something that every camera may refuse. */
static void on_opened(struct gphoto2 *driver, const char *said)
{
    bool is_probe = driver->next_config == 0;
    struct error err = {0};

    if (!has_failed(said) || (is_probe && strstr(said, "not found in configuration tree"))) {
        open_next(driver);
        return;
    }
    gphoto2_explain(said, &err);
    if (!is_probe)
        error_prefix(&err, "config \"%s\"",
                     driver->settings->config.items[driver->next_config - 1]);
    session_fail(driver, &err);
    gphoto2_shell_leave(driver->shell);
}

static void on_answer(const char *said, void *user)
{
    struct gphoto2 *driver = user;

    switch (driver->phase) {
    case PHASE_NONE: /* its first prompt */
        driver->phase = PHASE_OPENING;
        gphoto2_shell_say(driver->shell, "get-config batterylevel");
        break;
    case PHASE_OPENING:
        on_opened(driver, said);
        break;
    case PHASE_SHOOTING:
        on_shot(driver, said);
        break;
    case PHASE_TIDYING:
        delete_next(driver);
        break;
    case PHASE_READY:
    case PHASE_LEAVING:
        break;
    }
}

static void on_end(const struct process_result *result, const char *said, void *user)
{
    struct gphoto2 *driver = user;
    enum phase phase = driver->phase;
    struct error err = {0};

    driver->shell = NULL;
    if (phase != PHASE_LEAVING && phase != PHASE_READY) {
        if (*said || gphoto2_check_result(result, 0, &err) == 0)
            gphoto2_explain(said, &err);
        driver->phase = PHASE_OPENING;
        session_fail(driver, &err);
    }
    driver->phase = PHASE_NONE;
    driver->shots = 0;
    gphoto2_turn_end(&driver->turn);
    proceed(driver);
}

static bool keeps(const struct gphoto2 *driver)
{
    return driver->warm && driver->kept_failures < KEPT_FAILURES_MAX &&
           gphoto2_device_waiting(driver->device) == 0;
}

static void leave(struct gphoto2 *driver)
{
    driver->phase = PHASE_LEAVING;
    gphoto2_shell_leave(driver->shell);
}

/* --- the steps against a camera that hangs --- */

static void on_reset(const struct gphoto2_outcome *outcome, void *user)
{
    struct gphoto2 *driver = user;

    (void)outcome; /* the next shot shows whether it helped */
    driver->reset = NULL;
    proceed(driver);
}

static bool reset_when_needed(struct gphoto2 *driver)
{
    static const char *const words[] = {"--reset", NULL};
    const struct gphoto2_order order = {
        .words = words, .wait_ms = RESET_WAIT_MS, .timeout_ms = RESET_MS};

    if (driver->hangs < HANGS_TO_RESET || driver->reset_was_tried)
        return false;
    driver->reset_was_tried = true;
    return gphoto2_run_start(driver->device, &order, on_reset, driver, &driver->reset, NULL) == 0;
}

static void on_patience(void *user)
{
    struct gphoto2 *driver = user;
    struct error err = {0};

    if (!driver->shell) {
        gphoto2_turn_end(&driver->turn);
        error_set(&err, -EBUSY, "the camera was busy with something else");
        fail(driver, &err);
        return;
    }
    if (driver->wanted && !driver->serves && driver->phase >= PHASE_SHOOTING) {
        error_set(&err, -EBUSY, "the camera was still busy with the shot before");
        fail(driver, &err);
        timer_start(driver->patience, DRAIN_MS);
        return;
    }
    error_set(&err, -ETIMEDOUT, "the camera did not answer within %lld ms",
              (long long)program_patience_ms(driver->settings));
    session_fail(driver, &err);
    gphoto2_shell_kill(driver->shell);
}

/* --- what to do next --- */

static void on_turn(void *user)
{
    static const struct gphoto2_shell_events events = {on_answer, on_file, on_end};
    struct gphoto2 *driver = user;
    struct error err = {0};

    driver->next_config = 0;
    driver->open_early = false;
    if (!timer_active(driver->patience))
        timer_start(driver->patience, program_patience_ms(driver->settings));
    if (gphoto2_shell_start(driver->device, &events, driver, &driver->shell, &err) == 0)
        return;
    if (err.code == -ENOENT)
        err.code = -ENOPKG;
    gphoto2_turn_end(&driver->turn);
    fail(driver, &err);
}

static void on_wanted(void *user)
{
    struct gphoto2 *driver = user;

    driver->open_early = driver->warm;
    proceed(driver);
}

static void proceed(struct gphoto2 *driver)
{
    if (driver->phase == PHASE_NONE && !driver->shell && !driver->reset &&
        (driver->wanted || driver->open_early) && !reset_when_needed(driver))
        gphoto2_turn_ask(&driver->turn);
    else if (driver->phase == PHASE_READY && driver->shots > 0 && !keeps(driver))
        leave(driver);
    else if (driver->phase == PHASE_READY && driver->wanted)
        shoot(driver);
    else if (driver->phase == PHASE_READY && !keeps(driver))
        leave(driver);
}

static void gphoto2_request(void *user)
{
    struct gphoto2 *driver = user;

    driver->wanted = true;
    timer_start(driver->patience, program_patience_ms(driver->settings));
    proceed(driver);
}

/* What runs is not torn out of the camera's hands: it ends by itself or at its deadline. */
static void gphoto2_cancel(void *user)
{
    struct gphoto2 *driver = user;

    driver->wanted = driver->serves = false;
}

static void gphoto2_set_warm(void *user, bool warm)
{
    struct gphoto2 *driver = user;

    driver->warm = driver->open_early = warm;
    if (warm)
        driver->kept_failures = 0;
    proceed(driver);
}

/* --- settings and life --- */

static void gphoto2_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    int64_t exposure_ms = gphoto2_config_exposure_ms(&settings->config);
    struct error err = {0};

    if (settings->port && gphoto2_port_check(settings->port, &err) < 0)
        conf_problem(conf, &camera_table, index, "port", "%s", err.text);
    for (size_t i = 0; i < settings->config.count; i++)
        if (gphoto2_config_check(settings->config.items[i], &err) < 0)
            conf_problem(conf, &camera_table, index, "config", "%s", err.text);
    if (settings->timeout_ms < NEEDED_MS + exposure_ms)
        conf_problem(conf, &camera_table, index, "timeout_ms",
                     "such a camera needs %d ms and the time of its exposure (%lld ms); "
                     "timeout_ms = %lld is a good start",
                     NEEDED_MS, (long long)exposure_ms, (long long)(15000 + 2 * exposure_ms));
}

static void *gphoto2_open(struct camera_port *port, struct loop *loop, struct http *http,
                          const struct camera_settings *settings)
{
    const struct gphoto2_device_config config = {
        .program = settings->program, .port = settings->port, .model = settings->model};
    struct gphoto2 *driver = xcalloc(1, sizeof(*driver));

    (void)http;
    driver->port = port;
    driver->loop = loop;
    driver->settings = settings;
    driver->device = gphoto2_device_new(loop, &config);
    gphoto2_turn_init(&driver->turn, driver->device, on_turn, on_wanted, driver);
    driver->patience = timer_new(loop, on_patience, driver);
    return driver;
}

static void gphoto2_close(void *user)
{
    struct gphoto2 *driver = user;

    gphoto2_run_free(driver->reset);
    gphoto2_shell_free(driver->shell);
    gphoto2_turn_end(&driver->turn);
    gphoto2_device_free(driver->device);
    if (driver->fetch)
        driver->fetch->driver = NULL;
    timer_free(driver->patience);
    forget_ours(driver);
    free(driver);
}

static struct gphoto2_device *gphoto2_device_of(void *user)
{
    const struct gphoto2 *driver = user;

    return driver->device;
}

static const char *const gphoto2_keys[] = {"program", "port",           "model",
                                           "config",  "keep_on_camera", NULL};

const struct camera_driver camera_gphoto2_driver = {
    .kind = "gphoto2",
    .keys = gphoto2_keys,
    .check = gphoto2_check,
    .open = gphoto2_open,
    .close = gphoto2_close,
    .set_warm = gphoto2_set_warm,
    .request = gphoto2_request,
    .cancel = gphoto2_cancel,
    .gphoto2 = gphoto2_device_of,
};
