/* SPDX-License-Identifier: MIT */
/* v4l2: a camera at the USB socket, or any other that Linux has as /dev/videoN.
 *
 * Whatever may block (opening, starting, closing, compressing) is one job at a time on a worker;
 * the loop only takes frames out of the queue. While nobody waits for a picture the queue is left
 * alone, full: the driver drops what comes, without a copy, and all that runs is a look twice a
 * second whether the camera is still there. The frames that lay in the queue are older than the
 * shot that then comes and are given back unread.
 *
 * warm = auto keeps the camera running while a session is open, but lets it go when nobody wanted a
 * picture for a minute: from then on it is opened for each picture. After opening, pictures are
 * skipped until exposure and colours have settled.
 *
 * A camera that was unplugged is looked for at growing gaps of at most two seconds, also at other
 * numbers; one that is busy or not as the settings say at gaps of four. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "capture/camera/driver.h"
#include "capture/camera/v4l2_control.h"
#include "capture/camera/v4l2_device.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LOOK_MS = 500,
    LOOK_WAITING_MS = 100, /* while a shot waits */
    LINGER_MS = 60000,
    SILENCE_MS = 3000, /* of a camera that nobody waits for */
    REOPEN_FIRST_MS = 500,
    REOPEN_MAX_MS = 2000,
    REOPEN_LATE_MS = 4000,
    DAMAGED_MAX = 10, /* in a row */
    TAKES_MAX = 8,    /* frames in one round of the loop */
    START_MS = 1000,  /* what opening a USB camera takes, roughly */
};

enum state { CLOSED, OPENING, STREAMING, COMPRESSING, CLOSING };

struct usb {
    struct camera_port *port;
    struct loop *loop;
    const struct camera_settings *settings;
    bool warm;
    bool wanted;  /* between request and cancel */
    bool resting; /* warm, but nobody has wanted a picture for long */

    enum state state;
    struct v4l2_device *device; /* while STREAMING */
    struct job *job;            /* while OPENING, COMPRESSING, CLOSING */
    struct watch *watch;
    bool watching;
    struct timer *look;
    struct timer *reopen_timer;
    int64_t back_off_ms;

    struct v4l2_identity known; /* that was opened last */
    bool proved;                /* a frame came since it was opened */
    int64_t settled_at_us;
    int64_t frame_came_at_us;
    int64_t waiting_since_us;
    int damaged; /* frames in a row */
};

/* --- jobs: what may block --- */

struct job {
    struct loop *loop;
    struct usb *usb; /* NULL: gone */
    struct v4l2_wish wish;
    struct v4l2_identity known;
    struct v4l2_device *device;
    struct v4l2_frame frame;
    uint8_t *jpeg;
    size_t len;
    int result;
    struct error err;
};

static void usb_step(struct usb *usb);

static struct job *job_new(struct loop *loop, struct usb *usb)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->loop = loop;
    job->usb = usb;
    if (usb)
        usb->job = job;
    return job;
}

static void job_free(struct job *job)
{
    if (job->usb)
        job->usb->job = NULL;
    v4l2_wish_done(&job->wish);
    free(job->jpeg);
    free(job);
}

static void run_close(void *user)
{
    struct job *job = user;

    v4l2_device_close(job->device);
}

static void on_closed(void *user)
{
    struct job *job = user;
    struct usb *usb = job->usb;

    job_free(job);
    if (!usb)
        return;
    usb->state = CLOSED;
    usb_step(usb);
}

static void close_later(struct loop *loop, struct usb *usb, struct v4l2_device *device)
{
    struct job *job = job_new(loop, usb);

    job->device = device;
    loop_work(loop, run_close, on_closed, job);
}

/* --- leaving --- */

static void usb_close_device(struct usb *usb)
{
    timer_stop(usb->look);
    watch_free(TAKE(usb->watch));
    usb->watching = false;
    usb->state = CLOSING;
    close_later(usb->loop, usb, TAKE(usb->device));
}

static void plan_reopening(struct usb *usb, int code)
{
    bool late = code == -EBUSY || code == -EACCES || code == -EPROTOTYPE;

    timer_start(usb->reopen_timer, late ? REOPEN_LATE_MS : usb->back_off_ms);
    usb->back_off_ms = MIN(usb->back_off_ms * 2, (int64_t)REOPEN_MAX_MS);
}

static void tell_failure(struct usb *usb, const struct error *err)
{
    if (usb->wanted)
        camera_port_failed(usb->port, err); /* which asks again, sooner than our timer */
    else
        camera_port_contact(usb->port, err);
}

static void on_lost(struct usb *usb, const struct error *err)
{
    usb_close_device(usb);
    plan_reopening(usb, err->code);
    tell_failure(usb, err);
}

/* --- frames --- */

static void on_compressed(void *user)
{
    struct job *job = user;
    struct usb *usb = job->usb;
    struct error err = {0};

    if (!usb) {
        close_later(job->loop, NULL, job->device);
        job_free(job);
        return;
    }
    usb->device = job->device;
    usb->state = STREAMING;
    if (job->result < 0)
        camera_port_failed(usb->port, &job->err);
    else
        camera_port_picture(usb->port, TAKE(job->jpeg), job->len, job->frame.captured_at_mono_us);
    if (v4l2_device_give_back(usb->device, &job->frame, &err) < 0) {
        job_free(job);
        on_lost(usb, &err);
        return;
    }
    job_free(job);
    usb_step(usb);
}

static void run_compress(void *user)
{
    struct job *job = user;

    job->result = v4l2_device_jpeg(job->device, &job->frame, &job->jpeg, &job->len, &job->err);
}

static void compress_later(struct usb *usb, const struct v4l2_frame *frame)
{
    struct job *job = job_new(usb->loop, usb);

    job->device = TAKE(usb->device);
    job->frame = *frame;
    usb->state = COMPRESSING;
    timer_stop(usb->look);
    watch_stop(usb->watch);
    usb->watching = false;
    loop_work(usb->loop, run_compress, on_compressed, job);
}

static void copy_now(struct usb *usb, const struct v4l2_frame *frame)
{
    struct error err = {0};
    uint8_t *jpeg = NULL;
    size_t len = 0;

    if (v4l2_device_jpeg(usb->device, frame, &jpeg, &len, &err) < 0)
        camera_port_failed(usb->port, &err);
    else
        camera_port_picture(usb->port, jpeg, len, frame->captured_at_mono_us);
}

static void note_frame(struct usb *usb, const struct v4l2_frame *frame)
{
    struct error err = {0};

    usb->frame_came_at_us = clock_mono_us();
    usb->damaged = frame->damaged ? usb->damaged + 1 : 0;
    if (!frame->damaged && !usb->proved) {
        usb->proved = true;
        usb->back_off_ms = REOPEN_FIRST_MS;
        camera_port_contact(usb->port, NULL);
    }
    if (usb->damaged < DAMAGED_MAX || !usb->wanted)
        return;
    usb->damaged = 0;
    error_set(&err, -EBADMSG,
              "%d damaged pictures in a row; is its cable or its power supply weak?", DAMAGED_MAX);
    camera_port_failed(usb->port, &err);
}

static bool is_useful(const struct usb *usb, const struct v4l2_frame *frame)
{
    return usb->wanted && !frame->damaged && frame->captured_at_mono_us >= usb->settled_at_us &&
           camera_port_wants(usb->port, frame->captured_at_mono_us);
}

/* All that lies in the queue; ret_count: how many frames. */
static void take_frames(struct usb *usb, int *ret_count)
{
    for (*ret_count = 0; *ret_count < TAKES_MAX; (*ret_count)++) {
        struct v4l2_frame frame;
        struct error err = {0};
        int rc = v4l2_device_take(usb->device, &frame, &err);

        if (rc == 0)
            return;
        if (rc > 0) {
            note_frame(usb, &frame);
            if (is_useful(usb, &frame) && !v4l2_device_is_compressed(usb->device)) {
                compress_later(usb, &frame);
                return;
            }
            if (is_useful(usb, &frame))
                copy_now(usb, &frame);
            rc = v4l2_device_give_back(usb->device, &frame, &err);
        }
        if (rc < 0) {
            on_lost(usb, &err);
            return;
        }
    }
}

static void stop_watching(struct usb *usb)
{
    watch_stop(usb->watch);
    usb->watching = false;
}

/* Of an empty queue: v4l2loopback wakes nobody who began to wait while there was a frame. */
static void start_watching(struct usb *usb)
{
    int count;

    if (usb->watching)
        return;
    take_frames(usb, &count);
    if (usb->state != STREAMING)
        return;
    watch_start(usb->watch, WATCH_READ);
    usb->watching = true;
}

static void on_ready(int events, void *user)
{
    struct usb *usb = user;
    int count;

    (void)events;
    take_frames(usb, &count);
    if (count == 0 && usb->state == STREAMING)
        stop_watching(usb); /* ready for nothing: the next look goes on */
}

/* --- is it still there? --- */

static int64_t patience_us(const struct usb *usb)
{
    int64_t timeout_ms = usb->settings->timeout_ms;
    int64_t ms = usb->proved ? timeout_ms / 2 : timeout_ms * 3 / 4;

    return (usb->wanted ? ms : MAX(ms, (int64_t)SILENCE_MS)) * 1000;
}

static void on_look(void *user)
{
    struct usb *usb = user;
    struct error err = {0};
    int64_t now_us = clock_mono_us();
    int count;

    take_frames(usb, &count);
    if (usb->state != STREAMING)
        return;
    if (now_us - MAX(usb->frame_came_at_us, usb->waiting_since_us) > patience_us(usb)) {
        v4l2_device_explain_silence(usb->device, &err);
        on_lost(usb, &err);
        return;
    }
    usb->resting = usb->settings->warm != CAMERA_WARM_ALWAYS && !usb->wanted &&
                   now_us - usb->waiting_since_us > (int64_t)LINGER_MS * 1000;
    usb_step(usb);
}

/* --- opening --- */

static void begin_streaming(struct usb *usb, struct v4l2_device *device)
{
    int64_t now_us = clock_mono_us();

    usb->state = STREAMING;
    usb->device = device;
    usb->proved = false;
    usb->damaged = 0;
    usb->frame_came_at_us = now_us;
    usb->settled_at_us = now_us + usb->settings->settle_ms * 1000;
    v4l2_device_identity(device, &usb->known);
    usb->watch = watch_new(usb->loop, v4l2_device_fd(device), on_ready, usb);
}

static void on_opened(void *user)
{
    struct job *job = user;
    struct usb *usb = job->usb;
    struct error err = job->err;
    struct v4l2_device *device = job->device;
    struct loop *loop = job->loop;
    int rc = job->result;

    job_free(job);
    if (!usb && rc == 0)
        close_later(loop, NULL, device);
    if (!usb)
        return;
    if (rc == 0) {
        begin_streaming(usb, device);
    } else {
        usb->state = CLOSED;
        plan_reopening(usb, rc);
        tell_failure(usb, &err);
    }
    usb_step(usb);
}

static void run_open(void *user)
{
    struct job *job = user;

    job->result = v4l2_device_open(&job->wish, &job->known, &job->device, &job->err);
}

static void open_later(struct usb *usb)
{
    struct job *job = job_new(usb->loop, usb);

    v4l2_wish_init(&job->wish, usb->settings);
    job->known = usb->known;
    usb->state = OPENING;
    loop_work(usb->loop, run_open, on_opened, job);
}

/* --- what should be --- */

/* The next step from what is to what should be; a job that runs comes first. */
static void usb_step(struct usb *usb)
{
    bool needed = usb->wanted || (usb->warm && !usb->resting);

    if (usb->state == CLOSED && needed && !timer_active(usb->reopen_timer))
        open_later(usb);
    if (usb->state != STREAMING)
        return;
    if (!needed) {
        usb_close_device(usb);
        return;
    }
    timer_start(usb->look, usb->wanted ? LOOK_WAITING_MS : LOOK_MS);
    usb->wanted ? start_watching(usb) : stop_watching(usb);
}

static void on_reopen(void *user)
{
    usb_step(user);
}

static void usb_set_warm(void *user, bool warm)
{
    struct usb *usb = user;

    usb->warm = warm;
    usb->resting = false;
    usb->waiting_since_us = clock_mono_us();
    usb_step(usb);
}

static void usb_request(void *user)
{
    struct usb *usb = user;

    usb->wanted = true;
    usb->resting = false;
    usb->waiting_since_us = clock_mono_us();
    timer_stop(usb->reopen_timer);
    usb_step(usb);
}

static void usb_cancel(void *user)
{
    struct usb *usb = user;

    usb->wanted = false;
    usb->waiting_since_us = clock_mono_us();
    usb_step(usb);
}

/* --- life --- */

static void usb_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    char name[V4L2_CONTROL_NAME];
    struct error err = {0};
    int64_t value;

    for (size_t i = 0; i < settings->controls.count; i++)
        if (v4l2_knob_parse(settings->controls.items[i], name, &value, &err) < 0)
            conf_problem(conf, &camera_table, index, "controls", "%s", err.text);
    if (START_MS + settings->settle_ms > settings->timeout_ms)
        conf_problem(conf, &camera_table, index, "timeout_ms",
                     "opening the camera and settle_ms = %lld need about %lld ms; timeout_ms = "
                     "%lld is too short",
                     (long long)settings->settle_ms, (long long)settings->settle_ms + START_MS,
                     (long long)settings->timeout_ms);
}

static void *usb_open(struct camera_port *port, struct loop *loop, struct http *http,
                      const struct camera_settings *settings)
{
    struct usb *usb = xcalloc(1, sizeof(*usb));

    (void)http;
    usb->port = port;
    usb->loop = loop;
    usb->settings = settings;
    usb->back_off_ms = REOPEN_FIRST_MS;
    usb->look = timer_new(loop, on_look, usb);
    usb->reopen_timer = timer_new(loop, on_reopen, usb);
    return usb;
}

static void usb_close(void *user)
{
    struct usb *usb = user;

    watch_free(usb->watch);
    timer_free(usb->look);
    timer_free(usb->reopen_timer);
    if (usb->job)
        usb->job->usb = NULL;
    if (usb->device)
        close_later(usb->loop, NULL, usb->device);
    free(usb);
}

static const char *const usb_keys[] = {"device", "format",    "controls", "quality",
                                       "fps",    "settle_ms", NULL};

const struct camera_driver camera_v4l2_driver = {
    .kind = "v4l2",
    .keys = usb_keys,
    .check = usb_check,
    .open = usb_open,
    .close = usb_close,
    .set_warm = usb_set_warm,
    .request = usb_request,
    .cancel = usb_cancel,
};
