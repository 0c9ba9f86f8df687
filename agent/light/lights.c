/* SPDX-License-Identifier: MIT */
#include "agent/light/lights.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>

enum { DARK_FOR_MS = 10 * 60 * 1000 }; /* then it is looked at again */

struct darkness {
    struct list link;
    char *camera;
    int64_t until_mono_ms;
};

struct lights {
    struct light_rooms rooms;
    struct list darkness;
    struct light **items;
    size_t count;
    struct timer *stop_timer;
    size_t stopping; /* still to go off, and one for the caller */
    void (*on_stopped)(void *user);
    void *stopped_user;
};

struct light *lights_find(const struct lights *lights, const char *id)
{
    for (size_t i = 0; id && i < lights->count; i++)
        if (str_equal(light_get_settings(lights->items[i])->id, id))
            return lights->items[i];
    return NULL;
}

size_t lights_count(const struct lights *lights)
{
    return lights->count;
}

struct light *lights_at(const struct lights *lights, size_t index)
{
    return lights->items[index];
}

/* --- where it is dark --- */

static struct darkness *find_darkness(const struct lights *lights, const char *camera)
{
    struct darkness *darkness;

    LIST_FOR_EACH(&lights->darkness, darkness, struct darkness, link)
    {
        if (str_equal(darkness->camera, camera))
            return darkness;
    }
    return NULL;
}

bool lights_is_dark(const struct lights *lights, const char *camera)
{
    const struct darkness *darkness = find_darkness(lights, camera);

    return darkness && clock_mono_ms() < darkness->until_mono_ms;
}

void lights_note_dark(struct lights *lights, const char *camera)
{
    struct darkness *darkness = find_darkness(lights, camera);

    if (!darkness) {
        darkness = xcalloc(1, sizeof(*darkness));
        darkness->camera = xstrdup(camera);
        list_append(&lights->darkness, &darkness->link);
    }
    darkness->until_mono_ms = clock_mono_ms() + DARK_FOR_MS;
}

/* --- what the world tells --- */

void lights_on_message(struct lights *lights, const struct mqtt_message *message)
{
    for (size_t i = 0; i < lights->count; i++)
        light_on_message(lights->items[i], message);
}

void lights_on_broker(struct lights *lights)
{
    for (size_t i = 0; i < lights->count; i++)
        light_on_broker(lights->items[i]);
}

void lights_on_printer(struct lights *lights, const struct printer *printer)
{
    for (size_t i = 0; i < lights->count; i++)
        light_on_printer(lights->items[i], printer);
}

/* --- life --- */

/* A light that is not in the configuration any more cannot be switched by anybody. */
static void take_note(const char *id, void *user)
{
    struct lights *lights = user;
    struct light *light = lights_find(lights, id);

    if (light) {
        light_found_lit(light);
        return;
    }
    log_warn("light.unknown",
             "light=%s message=\"an agent that died left it on, and it is not in "
             "the configuration any more\"",
             id);
    journal_note_dark(lights->rooms.journal, id);
}

static void finish_stop(void *user)
{
    struct lights *lights = user;
    void (*done)(void *user) = lights->on_stopped;

    timer_stop(lights->stop_timer);
    lights->on_stopped = NULL;
    if (done)
        done(lights->stopped_user);
}

static void on_light_off(void *user)
{
    struct lights *lights = user;

    if (--lights->stopping == 0)
        finish_stop(lights);
}

void lights_stop(struct lights *lights, int64_t limit_ms, void (*done)(void *user), void *user)
{
    lights->on_stopped = done;
    lights->stopped_user = user;
    lights->stopping = lights->count + 1;
    timer_start(lights->stop_timer, limit_ms);
    for (size_t i = 0; i < lights->count; i++)
        light_stop(lights->items[i], on_light_off, lights);
    on_light_off(lights);
}

struct lights *lights_new(const struct light_rooms *rooms, const struct light_settings *settings,
                          size_t count, light_changed_fn on_changed, void *user)
{
    struct lights *lights = xcalloc(1, sizeof(*lights));
    struct error err;

    lights->rooms = *rooms;
    list_init(&lights->darkness);
    lights->count = count;
    lights->items = xcalloc(count, sizeof(struct light *));
    lights->stop_timer = timer_new(rooms->loop, finish_stop, lights);
    for (size_t i = 0; i < count; i++)
        lights->items[i] = light_new(rooms, &settings[i], on_changed, user);
    if (journal_each_lit(rooms->journal, take_note, lights, &err) < 0)
        log_error("journal.failed", "error=\"%s\"", err.text);
    return lights;
}

void lights_free(struct lights *lights)
{
    struct darkness *darkness;

    if (!lights)
        return;
    LIST_FOR_EACH(&lights->darkness, darkness, struct darkness, link)
    {
        list_remove(&darkness->link);
        free(darkness->camera);
        free(darkness);
    }
    for (size_t i = 0; i < lights->count; i++)
        light_free(lights->items[i]);
    timer_free(lights->stop_timer);
    free(lights->items);
    free(lights);
}
