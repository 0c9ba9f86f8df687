/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_device.h"

#include "agent/base/mem.h"
#include "capture/camera/gphoto2_room.h"

#include <stdlib.h>

struct gphoto2_device {
    struct loop *loop;
    struct gphoto2_device_config config;
    struct list waiting;
    struct gphoto2_turn *owner; /* NULL: nobody has the camera */
    bool told;                  /* the owner knows that its turn has come */
    struct timer *call_timer;
};

/* --- turns --- */

static void on_call(void *user)
{
    struct gphoto2_device *device = user;

    if (!device->owner || device->told)
        return;
    device->told = true;
    device->owner->on_turn(device->owner->user);
}

static void call_next(struct gphoto2_device *device)
{
    struct gphoto2_turn *next = LIST_FIRST(&device->waiting, struct gphoto2_turn, link);

    if (device->owner || !next)
        return;
    list_remove(&next->link);
    device->owner = next;
    device->told = false;
    timer_start(device->call_timer, 0);
}

void gphoto2_turn_init(struct gphoto2_turn *turn, struct gphoto2_device *device,
                       void (*on_turn)(void *), void (*on_wanted)(void *), void *user)
{
    *turn = (struct gphoto2_turn){
        .device = device, .on_turn = on_turn, .on_wanted = on_wanted, .user = user};
    list_init(&turn->link);
}

void gphoto2_turn_ask(struct gphoto2_turn *turn)
{
    struct gphoto2_device *device = turn->device;
    struct gphoto2_turn *owner = device->owner;

    if (owner == turn || !list_empty(&turn->link))
        return;
    list_append(&device->waiting, &turn->link);
    call_next(device);
    if (owner && owner->on_wanted)
        owner->on_wanted(owner->user);
}

void gphoto2_turn_end(struct gphoto2_turn *turn)
{
    struct gphoto2_device *device = turn->device;

    list_remove(&turn->link);
    if (device->owner != turn)
        return;
    device->owner = NULL;
    call_next(device);
}

bool gphoto2_turn_is_ours(const struct gphoto2_turn *turn)
{
    return turn->device->owner == turn && turn->device->told;
}

size_t gphoto2_device_waiting(const struct gphoto2_device *device)
{
    size_t count = 0;

    for (const struct list *at = device->waiting.next; at != &device->waiting; at = at->next)
        count++;
    return count;
}

/* --- the device --- */

void gphoto2_device_prefix(const struct gphoto2_device *device,
                           const char *ret_words[GPHOTO2_PREFIX_MAX + 1])
{
    const struct gphoto2_device_config *config = &device->config;
    size_t count = 0;

    ret_words[count++] = config->program ? config->program : "gphoto2";
    if (config->port) {
        ret_words[count++] = "--port";
        ret_words[count++] = config->port;
    }
    if (config->model) {
        ret_words[count++] = "--camera";
        ret_words[count++] = config->model;
    }
    ret_words[count] = NULL;
}

struct loop *gphoto2_device_loop(const struct gphoto2_device *device)
{
    return device->loop;
}

struct gphoto2_device *gphoto2_device_new(struct loop *loop,
                                          const struct gphoto2_device_config *config)
{
    struct gphoto2_device *device = xcalloc(1, sizeof(*device));

    device->loop = loop;
    device->config = *config;
    list_init(&device->waiting);
    device->call_timer = timer_new(loop, on_call, device);
    gphoto2_room_clean_up(loop);
    return device;
}

void gphoto2_device_free(struct gphoto2_device *device)
{
    if (!device)
        return;
    timer_free(device->call_timer);
    free(device);
}
