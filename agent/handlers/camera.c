/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/publish/report.h"

#include <stdlib.h>

struct look {
    struct call *call;
    struct exposure *exposure; /* NULL: the picture is here */
    enum exposure_light light;
    struct picture *picture;
    struct picture_waiter waiter;
    int64_t asked_at_mono_us;
};

static void look_free(struct look *look)
{
    picture_waiter_done(&look->waiter);
    picture_unref(look->picture);
    free(look);
}

static void on_looked(void *user)
{
    struct look *look = user;
    struct call *call = look->call;
    const struct handler_rooms *rooms = call->rooms;
    cJSON *report =
        report_picture(call->target, look->picture, look->light, look->asked_at_mono_us);

    call->cancel = NULL;
    rooms->on_camera_picture(call->target, look->picture, rooms->user);
    look_free(look);
    call_succeed(call, report);
}

static void on_picture(struct picture *picture, const struct error *err, enum exposure_light light,
                       void *user)
{
    struct look *look = user;
    struct call *call = look->call;

    look->exposure = NULL;
    look->light = light;
    if (!picture) {
        call->cancel = NULL;
        look_free(look);
        call_answer(call, ACK_CAMERA_FAILED, err->text, NULL);
        return;
    }
    look->picture = picture_ref(picture);
    if (!picture_await(picture, &look->waiter))
        on_looked(look);
}

static void cancel_look(struct call *call)
{
    struct look *look = call->work;

    exposure_cancel(look->exposure);
    look_free(look);
}

struct camera *call_find_camera(struct call *call)
{
    struct camera *camera = devices_find_camera(call->rooms->devices, call->target);

    if (!camera)
        call_answer(call, ACK_UNKNOWN_TARGET,
                    "there is no camera of this name; the info topic lists them", NULL);
    return camera;
}

static const struct exposure_events exposure_events = {.on_picture = on_picture};

void handle_camera_snapshot(struct call *call)
{
    struct camera *camera = call_find_camera(call);
    struct look *look;

    if (!camera)
        return;
    look = xcalloc(1, sizeof(*look));
    look->call = call;
    picture_waiter_init(&look->waiter, on_looked, look);
    look->asked_at_mono_us = clock_mono_us();
    call->work = look;
    call->cancel = cancel_look;
    look->exposure = exposure_new(call->rooms->lights, camera, &exposure_events, look);
    exposure_go(look->exposure, look->asked_at_mono_us);
}

static cJSON *camera_item(const struct call *call, size_t index)
{
    const struct handler_rooms *rooms = call->rooms;

    return rooms->document(TOPIC_CAMERA_STATUS, camera_id(devices_camera(rooms->devices, index)),
                           rooms->user);
}

void handle_camera_list(struct call *call)
{
    call_succeed_list(call, devices_camera_count(call->rooms->devices), camera_item);
}
