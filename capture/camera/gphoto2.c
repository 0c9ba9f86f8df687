/* SPDX-License-Identifier: MIT */
/* gphoto2: a camera with lenses of its own (DSLR, mirrorless) by USB, through the program gphoto2.
 *
 * While the camera is warm one session is kept from shot to shot; else, and when kept sessions fail
 * again and again, each shot has its own. Between two shots others may have the camera.
 *
 * A camera that hangs (gphoto2 issues 213, 216, 297) is met by steps: at the deadline its gphoto2
 * is ended, the next shot gets a new one; when that hangs, too, the USB device is reset once; after
 * that only somebody at the camera can help, and the error says so. */
#include "agent/base/mem.h"
#include "capture/camera/gphoto2_arguments.h"
#include "capture/camera/gphoto2_config.h"
#include "capture/camera/gphoto2_run.h"
#include "capture/camera/gphoto2_session.h"
#include "capture/camera/gphoto2_words.h"
#include "capture/camera/program.h"

#include <errno.h>
#include <stdlib.h>

enum {
    NEEDED_MS = 6000, /* what a camera takes beside its exposure, with the opening of a session */
    LONG_EXPOSURE_MS = 1000,
    DRAIN_MS = 15000, /* for gphoto2 to look for a RAW, and to delete what we made */
    RESET_WAIT_MS = 1000,
    RESET_MS = 8000,
    HANGS_TO_RESET = 2,
    KEPT_FAILURES_MAX = 3,
};

struct gphoto2 {
    struct camera_port *port;
    const struct camera_settings *settings;
    struct gphoto2_device *device;
    struct gphoto2_turn turn;
    struct gphoto2_session *session; /* NULL: none; perhaps we wait for our turn */
    bool opened;                     /* it has been ready once */
    bool ready;                      /* it waits for us */
    struct timer *patience;          /* of a request, or of opening without one */
    struct timer *drain;             /* of what follows a picture */

    bool warm;
    bool open_early; /* without a request: the camera has become warm */
    bool wanted;     /* a request has no answer yet */

    size_t shots;      /* good ones of this session */
    int kept_failures; /* in a row, in sessions that had been kept */
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
    struct error before = *err;

    if (driver->shots > 0)
        driver->kept_failures++;
    if (!is_hang(err->code))
        return;
    driver->hangs++;
    if (driver->reset_was_tried)
        error_set(err, before.code,
                  "%s; a USB reset did not help: switch the camera off and on, or take its battery "
                  "out",
                  before.text);
}

static void note_success(struct gphoto2 *driver)
{
    if (driver->shots > 0)
        driver->kept_failures = 0;
    driver->shots++;
    driver->hangs = 0;
    driver->reset_was_tried = false;
}

/* Tells whoever waits; without a request the camera's status. */
static void fail(struct gphoto2 *driver, const struct error *err)
{
    bool was_wanted = driver->wanted;

    driver->wanted = false;
    if (was_wanted)
        camera_port_failed(driver->port, err);
    else
        camera_port_contact(driver->port, err);
}

static void on_failed(const struct error *session_err, void *user)
{
    struct gphoto2 *driver = user;
    struct error err = *session_err;

    note_trouble(driver, &err);
    fail(driver, &err);
}

static void on_picture(uint8_t *jpeg, size_t len, int64_t captured_at_mono_us, struct raw *raw,
                       void *user)
{
    struct gphoto2 *driver = user;

    note_success(driver);
    timer_stop(driver->patience);
    timer_start(driver->drain, DRAIN_MS);
    if (!camera_port_wants(driver->port, captured_at_mono_us)) {
        free(jpeg);
        if (driver->wanted)
            timer_start(driver->patience, program_patience_ms(driver->settings));
        return;
    }
    driver->wanted = false;
    camera_port_picture_and_raw(driver->port, jpeg, len, captured_at_mono_us, raw);
}

/* --- the session's life --- */

static bool keeps(const struct gphoto2 *driver)
{
    return driver->warm && driver->kept_failures < KEPT_FAILURES_MAX &&
           gphoto2_device_waiting(driver->device) == 0;
}

static void shoot(struct gphoto2 *driver)
{
    driver->ready = false;
    gphoto2_session_shoot(driver->session);
}

static void leave(struct gphoto2 *driver)
{
    driver->ready = false;
    gphoto2_session_leave(driver->session);
}

static void on_ready(void *user)
{
    struct gphoto2 *driver = user;

    driver->ready = true;
    timer_stop(driver->drain);
    if (!driver->opened)
        camera_port_contact(driver->port, NULL);
    driver->opened = true;
    if (!driver->wanted)
        timer_stop(driver->patience);
    proceed(driver);
}

static void on_end(void *user)
{
    struct gphoto2 *driver = user;

    driver->session = NULL;
    driver->opened = driver->ready = false;
    timer_stop(driver->drain);
    driver->shots = 0;
    if (!driver->wanted)
        timer_stop(driver->patience);
    gphoto2_turn_end(&driver->turn);
    proceed(driver);
}

static void on_turn(void *user)
{
    static const struct gphoto2_session_events events = {on_ready, on_picture, on_failed, on_end};
    struct gphoto2 *driver = user;
    struct error err = {0};

    driver->open_early = false;
    if (!timer_active(driver->patience))
        timer_start(driver->patience, program_patience_ms(driver->settings));
    if (gphoto2_session_start(driver->device, driver->settings, &events, driver, &driver->session,
                              &err) == 0)
        return;
    if (err.code == -ENOENT)
        err.code = -ENOPKG;
    timer_stop(driver->patience);
    gphoto2_turn_end(&driver->turn);
    fail(driver, &err);
}

/* Somebody else wants the camera; a warm one is opened again afterwards. */
static void on_wanted(void *user)
{
    struct gphoto2 *driver = user;

    driver->open_early = driver->warm;
    proceed(driver);
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

static void end_hang(struct gphoto2 *driver, int64_t waited_ms)
{
    struct error err = {0};

    error_set(&err, -ETIMEDOUT, "the camera did not answer within %lld ms", (long long)waited_ms);
    timer_stop(driver->drain);
    gphoto2_session_kill(driver->session);
    on_failed(&err, driver);
}

static void on_patience(void *user)
{
    struct gphoto2 *driver = user;
    struct error err = {0};

    if (driver->session && !timer_active(driver->drain)) {
        end_hang(driver, program_patience_ms(driver->settings));
        return;
    }
    if (!driver->session)
        gphoto2_turn_end(&driver->turn);
    error_set(&err, -EBUSY,
              driver->session ? "the camera was still busy with the shot before"
                              : "the camera was busy with something else");
    fail(driver, &err);
}

static void on_drain(void *user)
{
    end_hang(user, DRAIN_MS);
}

/* --- what to do next --- */

static void proceed(struct gphoto2 *driver)
{
    bool may_open = !driver->session && !driver->reset && (driver->wanted || driver->open_early);

    if (may_open && !reset_when_needed(driver))
        gphoto2_turn_ask(&driver->turn);
    else if (driver->ready && driver->wanted && (driver->shots == 0 || keeps(driver)))
        shoot(driver);
    else if (driver->ready && !keeps(driver))
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

    driver->wanted = false;
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
    int64_t needed_ms = NEEDED_MS + (exposure_ms >= LONG_EXPOSURE_MS ? exposure_ms : 0);
    struct error err = {0};

    if (settings->port && gphoto2_port_check(settings->port, &err) < 0)
        conf_problem(conf, &camera_table, index, "port", "%s", err.text);
    for (size_t i = 0; i < settings->config.count; i++)
        if (gphoto2_config_check(settings->config.items[i], &err) < 0)
            conf_problem(conf, &camera_table, index, "config", "%s", err.text);
    for (size_t i = 0; i < settings->gphoto2_allow.count; i++)
        if (gphoto2_allow_check(settings->gphoto2_allow.items[i], &err) < 0)
            conf_problem(conf, &camera_table, index, "gphoto2_allow", "%s", err.text);
    if (settings->timeout_ms < needed_ms)
        conf_problem(conf, &camera_table, index, "timeout_ms",
                     "such a camera needs %lld ms with its exposure; timeout_ms = %lld is a good "
                     "start",
                     (long long)needed_ms, (long long)(needed_ms + 9000 + exposure_ms));
}

static void *gphoto2_open(struct camera_port *port, struct loop *loop, struct http *http,
                          const struct camera_settings *settings)
{
    const struct gphoto2_device_config config = {
        .program = settings->program, .port = settings->port, .model = settings->model};
    struct gphoto2 *driver = xcalloc(1, sizeof(*driver));

    (void)http;
    driver->port = port;
    driver->settings = settings;
    driver->device = gphoto2_device_new(loop, &config);
    gphoto2_turn_init(&driver->turn, driver->device, on_turn, on_wanted, driver);
    driver->patience = timer_new(loop, on_patience, driver);
    driver->drain = timer_new(loop, on_drain, driver);
    return driver;
}

static void gphoto2_close(void *user)
{
    struct gphoto2 *driver = user;

    gphoto2_run_free(driver->reset);
    gphoto2_session_free(driver->session);
    gphoto2_turn_end(&driver->turn);
    gphoto2_device_free(driver->device);
    timer_free(driver->drain);
    timer_free(driver->patience);
    free(driver);
}

static struct gphoto2_device *gphoto2_device_of(void *user)
{
    const struct gphoto2 *driver = user;

    return driver->device;
}

static const char *const gphoto2_keys[] = {"program",        "port",     "model",         "config",
                                           "keep_on_camera", "base_dir", "gphoto2_allow", NULL};

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
