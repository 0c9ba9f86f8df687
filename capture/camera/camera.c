/* SPDX-License-Identifier: MIT */
/* camera: when is a picture the one that was asked for.
 *
 * Shots wait in one list. A driver's picture goes to all of them that it is new enough for, so two
 * units that ask within one exposure share it without any rule about time; a picture that has just
 * come is remembered for 200 ms for a shot whose moment lies before it. A shot whose moment is
 * later gets none of these: it has the driver asked again.
 *
 * Everything that happens only changes the state and winds up one of two timers. work_timer acts
 * towards the driver (ask, stop, give up on shots), deliver_timer acts towards our users, one
 * callback per firing. So a driver may answer from inside its own functions, and a user may free
 * the camera from inside any callback, without either noticing the other.
 *
 * A failed shot ends early when the next try would come after its deadline: a printer may be
 * waiting for it. */
#include "capture/camera/camera.h"

#include "agent/base/clock.h"
#include "agent/base/crc32.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/driver.h"
#include "capture/exif.h"
#include "capture/jpeg.h"
#include "capture/look.h"
#include "capture/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARE_MS = 200,
    RETRY_FIRST_MS = 200,
    RETRY_MAX_MS = 1000,
    PATIENCE_TIMES = 3, /* what a shot usually takes */
    PATIENCE_MORE_MS = 1000,
};

struct shot {
    struct list link;
    struct camera *camera;
    int64_t asked_at_us, not_before_us, deadline_us;
    camera_done_fn done;
    void *user;
    struct picture *picture;
    struct error error; /* why there is none, so far */
};

struct camera_port {
    struct camera *camera;
};

struct camera {
    struct camera_port port;
    struct loop *loop;
    const struct camera_settings *settings;
    camera_status_fn on_status;
    void *user;

    const struct camera_driver *driver;
    void *driver_state;
    unsigned holds;
    bool warm;
    bool requested; /* the driver owes an answer */
    bool engaged;   /* the driver was asked and not yet told that it is over */

    struct list waiting, settled;
    struct timer *work_timer, *deliver_timer, *forget_timer;
    int64_t retry_at_us;
    int64_t back_off_ms;

    unsigned turn;        /* what the device does not do itself */
    struct list turning;  /* pictures on a worker, on their way to the shots */
    struct picture *last; /* for SHARE_MS */
    uint32_t same_crc32;
    size_t same_len;
    int64_t same_count; /* identical pictures in a row; 0 = none yet */

    bool failing;     /* the last shot had no picture */
    int64_t usual_ms; /* what a shot takes, rather too much; -1 = none succeeded yet */

    struct list looked_at; /* pictures on their way to status.brightness */
    struct camera_status status;
    struct camera_status told; /* what on_status was called for */
};

/* --- towards our users --- */

static bool status_is_news(const struct camera *camera)
{
    const struct camera_status *now = &camera->status, *told = &camera->told;

    return now->connected != told->connected || now->width != told->width ||
           now->height != told->height || now->error.code != told->error.code ||
           !str_equal(now->error.text, told->error.text);
}

static void deliver_shot(struct shot *shot)
{
    list_remove(&shot->link);
    shot->done(shot->picture, &shot->error, shot->user);
    picture_unref(shot->picture);
    free(shot);
}

/* One callback, and the camera is not touched after it: it may be gone. */
static void on_deliver(void *user)
{
    struct camera *camera = user;
    struct shot *shot = LIST_FIRST(&camera->settled, struct shot, link);
    bool news = status_is_news(camera);

    if (shot && (news || shot->link.next != &camera->settled))
        timer_start(camera->deliver_timer, 0);
    if (news) {
        camera->told = camera->status;
        if (camera->on_status)
            camera->on_status(camera, camera->user);
    } else if (shot) {
        deliver_shot(shot);
    }
}

static void settle(struct shot *shot)
{
    list_remove(&shot->link);
    list_append(&shot->camera->settled, &shot->link);
    timer_start(shot->camera->deliver_timer, 0);
}

static void settle_with_picture(struct shot *shot, struct picture *picture)
{
    struct camera *camera = shot->camera;
    int64_t took_ms = (clock_mono_us() - shot->asked_at_us) / 1000;

    shot->picture = picture_ref(picture);
    error_clear(&shot->error);
    camera->status.latency_ms = took_ms;
    camera->usual_ms = MAX(took_ms, camera->usual_ms * 7 / 8);
    settle(shot);
}

static void settle_failed(struct shot *shot)
{
    struct camera *camera = shot->camera;

    camera->failing = true;
    camera->status.failures++;
    camera->status.error = shot->error;
    settle(shot);
}

/* --- towards the driver --- */

struct turning {
    struct list link;
    struct camera *camera; /* NULL: it is gone */
    struct picture *picture;
    unsigned turn;
    uint8_t *turned;
    struct jpeg_info info;
    int result;
    struct error err;
};

/* Its picture is here and is being turned. */
static bool is_served(const struct shot *shot)
{
    struct turning *turning;

    LIST_FOR_EACH(&shot->camera->turning, turning, struct turning, link)
    {
        if (shot->not_before_us <= turning->picture->captured_at_mono_us)
            return true;
    }
    return false;
}

/* When the driver may be asked: what it brings then is new enough, its latency included. */
static int64_t due_at_us(const struct shot *shot)
{
    return shot->not_before_us + shot->camera->settings->latency_ms * 1000;
}

static void start_work_at(struct camera *camera, int64_t at_us)
{
    int64_t left_us = at_us - clock_mono_us();

    timer_start(camera->work_timer, left_us > 0 ? (left_us + 999) / 1000 : 0);
}

/* Winds up the timer for what comes next. */
static void plan(struct camera *camera)
{
    int64_t next_us = INT64_MAX;
    struct shot *shot;

    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        next_us = MIN(next_us, shot->deadline_us);
        if (!camera->requested && !is_served(shot))
            next_us = MIN(next_us, MAX(due_at_us(shot), camera->retry_at_us));
    }
    if (list_empty(&camera->waiting) && camera->engaged)
        next_us = 0;
    if (next_us == INT64_MAX)
        timer_stop(camera->work_timer);
    else
        start_work_at(camera, next_us);
}

static void expire(struct camera *camera, int64_t now_us)
{
    struct shot *shot;

    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        if (shot->deadline_us > now_us)
            continue;
        if (!shot->error.code) {
            error_set(&shot->error, -ETIMEDOUT, "%s: no picture in %lld ms", camera->settings->id,
                      (long long)(now_us - shot->asked_at_us) / 1000);
            camera->status.connected = false;
        }
        settle_failed(shot);
    }
}

static bool is_any_due(const struct camera *camera, int64_t now_us)
{
    struct shot *shot;

    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        if (due_at_us(shot) <= now_us && !is_served(shot))
            return true;
    }
    return false;
}

static void on_work(void *user)
{
    struct camera *camera = user;
    int64_t now_us = clock_mono_us();

    expire(camera, now_us);
    if (list_empty(&camera->waiting) && camera->engaged) {
        camera->engaged = false;
        camera->requested = false;
        camera->driver->cancel(camera->driver_state);
    } else if (!camera->requested && now_us >= camera->retry_at_us && is_any_due(camera, now_us)) {
        camera->engaged = true;
        camera->requested = true;
        camera->driver->request(camera->driver_state);
    }
    plan(camera);
}

static void update_warm(struct camera *camera)
{
    int mode = camera->settings->warm;
    bool warm = mode == CAMERA_WARM_ALWAYS || (mode == CAMERA_WARM_AUTO && camera->holds > 0);

    if (warm == camera->warm || !camera->driver->set_warm)
        return;
    camera->warm = warm;
    camera->driver->set_warm(camera->driver_state, warm);
}

/* --- pictures come --- */

static int check_size(const struct camera *camera, const struct jpeg_info *info, struct error *err)
{
    const struct camera_settings *settings = camera->settings;

    if (settings->width == 0 ||
        (info->width == (int)settings->width && info->height == (int)settings->height))
        return 0;
    return error_set(err, -EBADMSG, "a picture of %dx%d instead of %dx%d", info->width,
                     info->height, (int)settings->width, (int)settings->height);
}

static struct picture *make_picture(uint8_t *jpeg, const struct jpeg_info *info)
{
    struct picture *picture = picture_new(jpeg, info->len);

    picture->width = info->width;
    picture->height = info->height;
    picture->crc32 = crc32_of(picture->jpeg, picture->len);
    picture->received_at_mono_us = clock_mono_us();
    return picture;
}

/* Takes jpeg over in any case. NULL: err says why. turn: what makes it upright. */
static struct picture *validate(const struct camera *camera, uint8_t *jpeg, size_t len,
                                unsigned *ret_turn, struct error *err)
{
    CLEANUP(free_p) uint8_t *owned = jpeg;
    struct jpeg_info info = {0};
    int orientation;

    if (jpeg_check(owned, len, &info, err) < 0 || check_size(camera, &info, err) < 0)
        return NULL;
    orientation = exif_orientation(owned + info.exif_at, info.exif_len);
    *ret_turn = turn_then(turn_of_orientation(orientation), camera->turn);
    return make_picture(TAKE(owned), &info);
}

/* A camera that hangs behind its web server goes on giving its last picture. */
static void note_sameness(struct camera *camera, struct picture *picture)
{
    int64_t limit = camera->settings->stale_after;
    bool same = camera->same_count > 0 && picture->crc32 == camera->same_crc32 &&
                picture->len == camera->same_len;

    camera->same_crc32 = picture->crc32;
    camera->same_len = picture->len;
    camera->same_count = same ? camera->same_count + 1 : 1;
    if (same)
        picture->flags |= PICTURE_FROZEN;
    picture->stale = limit > 0 && camera->same_count >= limit;
    if (!picture->stale)
        error_clear(&camera->status.error);
    else if (camera->same_count == limit || camera->status.error.code != -ESTALE)
        error_set(&camera->status.error, -ESTALE,
                  "%s: the same picture %lld times; is the camera frozen?", camera->settings->id,
                  (long long)camera->same_count);
}

/* Somebody changed the camera's settings, or turned the telephone. */
static void note_size(struct camera *camera, struct picture *picture)
{
    struct camera_status *status = &camera->status;

    if (status->width > 0 && (status->width != picture->width || status->height != picture->height))
        picture->flags |= PICTURE_RESIZED;
    status->width = picture->width;
    status->height = picture->height;
}

/* --- what they look like --- */

struct looked_at {
    struct list link;
    struct camera *camera;
    struct picture *picture;
    struct picture_waiter waiter;
};

static void looked_at_free(struct looked_at *looked_at)
{
    list_remove(&looked_at->link);
    picture_waiter_done(&looked_at->waiter);
    picture_unref(looked_at->picture);
    free(looked_at);
}

static void note_look(struct camera *camera, const struct picture *picture)
{
    if (picture->brightness >= 0)
        camera->status.brightness = picture->brightness;
    for (int i = 0; i < PICTURE_FLAG_COUNT; i++)
        if (picture->flags & 1u << i)
            camera->status.flagged[i]++;
}

static void on_looked(void *user)
{
    struct looked_at *looked_at = user;

    note_look(looked_at->camera, looked_at->picture);
    looked_at_free(looked_at);
}

static void look(struct camera *camera, struct picture *picture)
{
    struct looked_at *looked_at = xcalloc(1, sizeof(*looked_at));

    looked_at->camera = camera;
    looked_at->picture = picture_ref(picture);
    list_append(&camera->looked_at, &looked_at->link);
    picture_waiter_init(&looked_at->waiter, on_looked, looked_at);
    look_start(camera->loop, picture, (int)camera->settings->image_px);
    if (!picture_await(picture, &looked_at->waiter))
        on_looked(looked_at);
}

static void remember(struct camera *camera, struct picture *picture)
{
    picture_unref(camera->last);
    camera->last = picture_ref(picture);
    timer_start(camera->forget_timer, SHARE_MS);
}

static void on_forget(void *user)
{
    struct camera *camera = user;

    picture_unref(TAKE(camera->last));
}

static void reset_retries(struct camera *camera)
{
    camera->retry_at_us = 0;
    camera->back_off_ms = RETRY_FIRST_MS;
}

static void accept_picture(struct camera *camera, struct picture *picture)
{
    struct shot *shot;

    note_sameness(camera, picture);
    note_size(camera, picture);
    look(camera, picture);
    camera->failing = false;
    camera->status.connected = true;
    camera->status.last_frame_at = clock_wall_ms();
    camera->status.pictures++;
    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        if (shot->not_before_us <= picture->captured_at_mono_us)
            settle_with_picture(shot, picture);
    }
    remember(camera, picture);
    reset_retries(camera);
    timer_start(camera->deliver_timer, 0);
}

static bool is_final(int code)
{
    return code == -EACCES || code == -EPROTOTYPE || code == -ENOPKG || code == -EKEYREJECTED ||
           code == -EINVAL;
}

/* The shots that the driver was asked for try again, or fail when there is no time left for it. */
static void retry(struct camera *camera, const struct error *err)
{
    int64_t now_us = clock_mono_us();
    struct shot *shot;

    camera->retry_at_us = now_us + camera->back_off_ms * 1000;
    camera->back_off_ms = MIN(camera->back_off_ms * 2, (int64_t)RETRY_MAX_MS);
    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        if (due_at_us(shot) > now_us || is_served(shot))
            continue;
        shot->error = *err;
        if (is_final(err->code) || camera->retry_at_us >= shot->deadline_us)
            settle_failed(shot);
    }
}

static void note_failure(struct camera *camera, const struct error *driver_err,
                         struct error *ret_named)
{
    *ret_named = *driver_err;
    error_prefix(ret_named, "%s", camera->settings->id);
    camera->status.error = *ret_named;
    timer_start(camera->deliver_timer, 0);
}

static void refuse_picture(struct camera *camera, const struct error *err)
{
    struct error named;

    camera->status.refused++;
    note_failure(camera, err, &named);
    retry(camera, &named);
}

static bool wants(const struct camera *camera, int64_t captured_at_us)
{
    struct shot *shot;

    LIST_FOR_EACH(&camera->waiting, shot, struct shot, link)
    {
        if (shot->not_before_us <= captured_at_us && !is_served(shot))
            return true;
    }
    return false;
}

static int64_t less_latency(const struct camera *camera, int64_t captured_at_mono_us)
{
    return captured_at_mono_us - camera->settings->latency_ms * 1000;
}

bool camera_port_wants(const struct camera_port *port, int64_t captured_at_mono_us)
{
    return wants(port->camera, less_latency(port->camera, captured_at_mono_us));
}

/* --- upright --- */

static void turning_free(struct turning *turning)
{
    list_remove(&turning->link);
    picture_unref(turning->picture);
    free(turning->turned);
    free(turning);
}

static void run_turn(void *user)
{
    struct turning *turning = user;
    const struct picture *picture = turning->picture;

    turning->result = jpeg_turn(picture->jpeg, picture->len, turning->turn, &turning->turned,
                                &turning->info, &turning->err);
}

static void accept_turned(struct turning *turning)
{
    struct picture *picture = make_picture(TAKE(turning->turned), &turning->info);

    picture->captured_at_mono_us = turning->picture->captured_at_mono_us;
    picture->received_at_mono_us = turning->picture->received_at_mono_us;
    picture->raw = raw_ref(turning->picture->raw);
    accept_picture(turning->camera, picture);
    picture_unref(picture);
}

static void on_turned(void *user)
{
    struct turning *turning = user;
    struct camera *camera = turning->camera;

    list_remove(&turning->link);
    if (camera && turning->result == 0)
        accept_turned(turning);
    else if (camera && !list_empty(&camera->waiting))
        refuse_picture(camera, &turning->err);
    turning_free(turning);
    if (camera)
        plan(camera);
}

static void start_turn(struct camera *camera, struct picture *picture, unsigned turn)
{
    struct turning *turning = xcalloc(1, sizeof(*turning));

    turning->camera = camera;
    turning->picture = picture_ref(picture);
    turning->turn = turn;
    list_append(&camera->turning, &turning->link);
    loop_work(camera->loop, run_turn, on_turned, turning);
}

static void leave_turning(struct camera *camera)
{
    struct turning *turning;

    LIST_FOR_EACH(&camera->turning, turning, struct turning, link)
    {
        turning->camera = NULL;
        list_remove(&turning->link);
    }
}

/* --- the driver's answers --- */

void camera_port_picture(struct camera_port *port, uint8_t *jpeg, size_t len,
                         int64_t captured_at_mono_us)
{
    camera_port_picture_and_raw(port, jpeg, len, captured_at_mono_us, NULL);
}

void camera_port_picture_and_raw(struct camera_port *port, uint8_t *jpeg, size_t len,
                                 int64_t captured_at_mono_us, struct raw *raw)
{
    struct camera *camera = port->camera;
    int64_t captured_at_us = less_latency(camera, captured_at_mono_us);
    struct picture *picture = NULL;
    unsigned turn = TURN_NONE;
    struct error err = {0};

    camera->requested = false;
    if (wants(camera, captured_at_us)) {
        picture = validate(camera, jpeg, len, &turn, &err);
    } else {
        free(jpeg);
        error_set(&err, -ESTALE, "the picture is older than the moment asked for");
    }
    if (picture) {
        picture->captured_at_mono_us = captured_at_us;
        picture->raw = raw_ref(raw);
        if (turn != TURN_NONE)
            start_turn(camera, picture, turn);
        else
            accept_picture(camera, picture);
        picture_unref(picture);
    } else if (!list_empty(&camera->waiting)) {
        refuse_picture(camera, &err);
    }
    plan(camera);
}

void camera_port_failed(struct camera_port *port, const struct error *err)
{
    struct camera *camera = port->camera;
    struct error named;

    camera->requested = false;
    camera->status.connected = false;
    note_failure(camera, err, &named);
    retry(camera, &named);
    plan(camera);
}

void camera_port_contact(struct camera_port *port, const struct error *err)
{
    struct camera *camera = port->camera;
    struct error named;

    camera->status.connected = !err;
    camera->failing = camera->failing && err;
    if (err)
        note_failure(camera, err, &named);
    else if (camera->status.error.code != -ESTALE)
        error_clear(&camera->status.error);
    timer_start(camera->deliver_timer, 0);
}

/* --- shots --- */

struct shot *camera_shoot(struct camera *camera, int64_t not_before_mono_us, int64_t budget_ms,
                          camera_done_fn done, void *user)
{
    struct shot *shot = xcalloc(1, sizeof(*shot));
    int64_t now_us = clock_mono_us();

    shot->camera = camera;
    shot->asked_at_us = now_us;
    shot->not_before_us = not_before_mono_us ? not_before_mono_us : now_us;
    shot->deadline_us =
        now_us + (budget_ms ? budget_ms : camera->settings->timeout_ms) * (int64_t)1000;
    shot->done = done;
    shot->user = user;
    if (list_empty(&camera->waiting))
        reset_retries(camera);
    list_append(&camera->waiting, &shot->link);
    if (camera->last && camera->last->captured_at_mono_us >= shot->not_before_us)
        settle_with_picture(shot, camera->last);
    plan(camera);
    return shot;
}

static void shot_free(struct shot *shot)
{
    list_remove(&shot->link);
    picture_unref(shot->picture);
    free(shot);
}

void camera_cancel(struct shot *shot)
{
    struct camera *camera;

    if (!shot)
        return;
    camera = shot->camera;
    shot_free(shot);
    plan(camera);
}

/* --- life --- */

void camera_hold(struct camera *camera)
{
    camera->holds++;
    update_warm(camera);
}

void camera_release(struct camera *camera)
{
    camera->holds--;
    update_warm(camera);
}

struct gphoto2_device *camera_gphoto2(struct camera *camera)
{
    return camera->driver->gphoto2 ? camera->driver->gphoto2(camera->driver_state) : NULL;
}

int64_t camera_patience_ms(const struct camera *camera)
{
    int64_t timeout_ms = camera->settings->timeout_ms;

    if (camera->failing)
        return 0;
    if (camera->usual_ms < 0)
        return timeout_ms;
    return MIN(camera->usual_ms * PATIENCE_TIMES + PATIENCE_MORE_MS, timeout_ms);
}

const char *camera_id(const struct camera *camera)
{
    return camera->settings->id;
}

const struct camera_settings *camera_get_settings(const struct camera *camera)
{
    return camera->settings;
}

const char *camera_kind(const struct camera *camera)
{
    return camera->driver->kind;
}

void camera_get_status(const struct camera *camera, struct camera_status *ret_status)
{
    *ret_status = camera->status;
}

struct camera *camera_new(struct loop *loop, struct http *http,
                          const struct camera_settings *settings, camera_status_fn on_status,
                          void *user)
{
    struct camera *camera = xcalloc(1, sizeof(*camera));

    camera->port.camera = camera;
    camera->loop = loop;
    camera->settings = settings;
    camera->on_status = on_status;
    camera->user = user;
    camera->usual_ms = -1;
    list_init(&camera->waiting);
    list_init(&camera->settled);
    list_init(&camera->turning);
    list_init(&camera->looked_at);
    camera->status.brightness = -1;
    camera->work_timer = timer_new(loop, on_work, camera);
    camera->deliver_timer = timer_new(loop, on_deliver, camera);
    camera->forget_timer = timer_new(loop, on_forget, camera);
    reset_retries(camera);
    camera->driver = camera_driver_of(settings->kind);
    if (!camera->driver->turns || !camera->driver->turns(settings))
        camera->turn = turn_of_settings(settings->hflip, settings->vflip, (int)settings->rotation);
    camera->driver_state = camera->driver->open(&camera->port, loop, http, settings);
    update_warm(camera);
    return camera;
}

static void free_looked_at(struct list *pictures)
{
    struct looked_at *looked_at;

    while ((looked_at = LIST_FIRST(pictures, struct looked_at, link)))
        looked_at_free(looked_at);
}

static void free_shots(struct list *shots)
{
    struct shot *shot;

    while ((shot = LIST_FIRST(shots, struct shot, link)))
        shot_free(shot);
}

void camera_free(struct camera *camera)
{
    if (!camera)
        return;
    camera->driver->close(camera->driver_state);
    free_shots(&camera->waiting);
    free_shots(&camera->settled);
    free_looked_at(&camera->looked_at);
    leave_turning(camera);
    timer_free(camera->forget_timer);
    timer_free(camera->deliver_timer);
    timer_free(camera->work_timer);
    picture_unref(camera->last);
    free(camera);
}
