/* SPDX-License-Identifier: MIT */
/* light: carries out what light_state says. Events go through feed() only; who waits is told from a
 * timer, never from inside a call. */
#include "agent/light/light.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/light/driver.h"

#include <errno.h>
#include <stdlib.h>

enum { RETRY_FIRST_MS = 500, RETRY_LAST_MS = 60000 };

struct light_use {
    struct list link;
    struct light *light;
    light_ready_fn ready;
    void *user;
    bool waits; /* for light_ready_fn */
    bool lit;   /* what it will be told, when it waits no more */
    bool told;
    int64_t lit_at_mono_us;
};

enum seen { SEEN_NOTHING, SEEN_ON, SEEN_OFF };

struct light {
    struct light_rooms rooms;
    const struct light_settings *settings;
    const struct light_driver *driver;
    void *driver_data;
    light_changed_fn on_changed;
    void *user;

    enum light_phase phase;
    struct list uses;
    struct light_use *by_hand; /* NULL: none */
    struct timer *timer;       /* of the phase */
    struct timer *teller;
    int64_t lit_at_mono_us;
    enum seen seen; /* as the lamp itself said last */
    bool untrusted; /* it did not come on; until it does, nobody waits for it */
    int retries;
    struct error error;
    int64_t error_since;

    void (*on_stopped)(void *user); /* NULL: it is not to stop */
    void *stopped_user;
};

/* The driver's side is the light itself; the type keeps drivers out of it. */
struct light_port {
    struct light light;
};

static void feed(struct light *light, enum light_event event);

/* --- what is wrong --- */

static void set_error(struct light *light, const struct error *err)
{
    if (light->error.code == 0) {
        light->error_since = clock_wall_ms();
        log_warn("light.failed", "light=%s state=%s error=\"%s\"", light->settings->id,
                 light_phase_name(light->phase), err->text);
    }
    light->error = *err;
}

static void clear_error(struct light *light)
{
    if (light->error.code == 0)
        return;
    error_clear(&light->error);
    log_info("light.recovered", "light=%s", light->settings->id);
}

static bool reports(const struct light *light)
{
    return light->driver->reports && light->driver->reports(light->settings);
}

static void note_no_answer(struct light *light)
{
    bool on = light->phase == LIGHT_GOING_ON;
    struct error err;

    if (light->phase != LIGHT_NOTING && light->phase != LIGHT_GOING_ON &&
        light->phase != LIGHT_GOING_OFF)
        return;
    if (light->phase == LIGHT_NOTING)
        error_set(&err, -ETIMEDOUT, "the journal took longer than %lld ms: is the disk so slow?",
                  (long long)light->settings->timeout_ms);
    else if (reports(light))
        error_set(&err, -ETIMEDOUT, "no word on %s that it is %s within %lld ms",
                  light->settings->state_topic, on ? "on" : "off",
                  (long long)light->settings->timeout_ms);
    else
        error_set(&err, -ETIMEDOUT, "not switched %s within %lld ms", on ? "on" : "off",
                  (long long)light->settings->timeout_ms);
    set_error(light, &err);
}

/* --- who waits --- */

static void ready_one(struct light_use *use, bool lit)
{
    use->waits = false;
    use->lit = lit;
    use->lit_at_mono_us = use->light->lit_at_mono_us;
    timer_start(use->light->teller, 0);
}

static void ready_all(struct light *light, bool lit)
{
    struct light_use *use;

    LIST_FOR_EACH(&light->uses, use, struct light_use, link)
    {
        if (use->waits)
            ready_one(use, lit);
    }
}

static struct light_use *find_untold(struct light *light)
{
    struct light_use *use;

    LIST_FOR_EACH(&light->uses, use, struct light_use, link)
    {
        if (!use->waits && !use->told)
            return use;
    }
    return NULL;
}

/* Whoever is told may end his use, or begin others. */
static void on_teller(void *user)
{
    struct light *light = user;
    struct light_use *use;

    while ((use = find_untold(light)) != NULL) {
        use->told = true;
        if (use->ready)
            use->ready(use->lit, use->lit_at_mono_us, &light->error, use->user);
    }
}

/* --- the state --- */

static void on_noted(int result, const struct error *err, void *user)
{
    struct light *light = user;

    if (result < 0)
        set_error(light, err);
    feed(light, result < 0 ? LIGHT_EV_NOTE_FAILED : LIGHT_EV_NOTED);
}

static int64_t retry_ms(struct light *light)
{
    int64_t gap_ms = (int64_t)RETRY_FIRST_MS << MIN(light->retries, 10);

    light->retries++;
    return MIN(gap_ms, (int64_t)RETRY_LAST_MS);
}

static void set_timer(struct light *light, unsigned actions)
{
    const struct light_settings *settings = light->settings;

    if (actions & LIGHT_ACT_AWAIT_ANSWER)
        timer_start(light->timer, settings->timeout_ms);
    else if (actions & LIGHT_ACT_AWAIT_SETTLED)
        timer_start(light->timer, settings->settle_ms);
    else if (actions & LIGHT_ACT_AWAIT_LINGERED)
        timer_start(light->timer, light->on_stopped ? 0 : settings->linger_ms);
    else if (actions & LIGHT_ACT_AWAIT_RETRY)
        timer_start(light->timer, retry_ms(light));
    else if (!(actions & LIGHT_ACT_KEEP_TIMER))
        timer_stop(light->timer);
}

static void enter(struct light *light, enum light_phase phase)
{
    if (phase == light->phase)
        return;
    log_debug("light.state", "light=%s from=%s to=%s", light->settings->id,
              light_phase_name(light->phase), light_phase_name(phase));
    light->phase = phase;
    if (phase == LIGHT_ON)
        light->lit_at_mono_us = clock_mono_us();
    else if (phase == LIGHT_BORROWED)
        light->lit_at_mono_us = 0;
    if (phase == LIGHT_OFF)
        light->retries = 0;
    if (phase == LIGHT_ON || (phase == LIGHT_OFF && !light->untrusted))
        clear_error(light);
    light->on_changed(light, light->user);
}

static void switch_it(struct light *light, bool on)
{
    struct error err = {0};
    int rc = light->driver->set(light->driver_data, on, &err);

    if (rc < 0) {
        set_error(light, &err);
        feed(light, LIGHT_EV_FAILED);
    } else if (rc > 0 && !reports(light)) {
        feed(light, on ? LIGHT_EV_IS_ON : LIGHT_EV_IS_OFF);
    }
}

static void note_stopped(struct light *light)
{
    void (*done)(void *user) = light->on_stopped;

    if (!done || (light->phase != LIGHT_OFF && light->phase != LIGHT_BORROWED))
        return;
    light->on_stopped = NULL;
    done(light->stopped_user);
}

/* Switching comes last: it may feed the next event itself. */
static void feed(struct light *light, enum light_event event)
{
    struct light_step step = light_next(light->phase, event);

    if (event == LIGHT_EV_TIMER)
        note_no_answer(light);
    if (event == LIGHT_EV_IS_ON)
        light->untrusted = false;
    if ((step.actions & LIGHT_ACT_TELL_DARK) && light->error.code < 0)
        light->untrusted = true;
    enter(light, step.next);
    set_timer(light, step.actions);
    if (step.actions & LIGHT_ACT_TELL_LIT)
        ready_all(light, true);
    if (step.actions & LIGHT_ACT_TELL_DARK)
        ready_all(light, false);
    if (step.actions & LIGHT_ACT_FORGET)
        journal_note_dark(light->rooms.journal, light->settings->id);
    if (step.actions & LIGHT_ACT_NOTE)
        journal_note_lit(light->rooms.journal, light->settings->id, on_noted, light);
    if (step.actions & (LIGHT_ACT_SWITCH_ON | LIGHT_ACT_SWITCH_OFF))
        switch_it(light, (step.actions & LIGHT_ACT_SWITCH_ON) != 0);
    note_stopped(light);
}

/* A lamp that was there already need not say so once more. */
static void on_timer(void *user)
{
    struct light *light = user;

    if (light->phase == LIGHT_GOING_ON && light->seen == SEEN_ON)
        feed(light, LIGHT_EV_IS_ON);
    else if (light->phase == LIGHT_GOING_OFF && light->seen == SEEN_OFF)
        feed(light, LIGHT_EV_IS_OFF);
    else
        feed(light, LIGHT_EV_TIMER);
}

/* --- what the driver says --- */

void light_port_answer(struct light_port *port, int result, const struct error *err)
{
    struct light *light = &port->light;

    if (result < 0) {
        set_error(light, err);
        feed(light, LIGHT_EV_FAILED);
    } else if (!reports(light)) {
        feed(light, light->phase == LIGHT_GOING_ON || light->phase == LIGHT_DARK ? LIGHT_EV_IS_ON
                                                                                 : LIGHT_EV_IS_OFF);
    }
}

void light_port_seen(struct light_port *port, bool on)
{
    struct light *light = &port->light;

    light->seen = on ? SEEN_ON : SEEN_OFF;
    feed(light, on ? LIGHT_EV_IS_ON : LIGHT_EV_IS_OFF);
    light->on_changed(light, light->user);
}

void light_port_reachable(struct light_port *port)
{
    feed(&port->light, LIGHT_EV_REACHABLE);
}

void light_on_message(struct light *light, const struct mqtt_message *message)
{
    if (light->driver->on_message)
        light->driver->on_message(light->driver_data, message);
}

void light_on_broker(struct light *light)
{
    if (light->driver->on_broker)
        light->driver->on_broker(light->driver_data);
}

void light_on_printer(struct light *light, const struct printer *printer)
{
    if (light->driver->on_printer)
        light->driver->on_printer(light->driver_data, printer);
}

/* --- uses --- */

struct light_use *light_begin(struct light *light, light_ready_fn ready, void *user)
{
    struct light_use *use = xcalloc(1, sizeof(*use));

    *use = (struct light_use){.light = light, .ready = ready, .user = user, .waits = true};
    list_append(&light->uses, &use->link);
    feed(light, light->phase == LIGHT_OFF && light->seen == SEEN_ON ? LIGHT_EV_BORROW
                                                                    : LIGHT_EV_USER_CAME);
    if (use->waits && light->untrusted)
        ready_one(use, false);
    return use;
}

void light_end(struct light_use *use)
{
    struct light *light;

    if (!use)
        return;
    light = use->light;
    list_remove(&use->link);
    free(use);
    if (list_empty(&light->uses))
        feed(light, LIGHT_EV_LAST_LEFT);
}

int64_t light_longest_ms(const struct light *light)
{
    return light->settings->timeout_ms + light->settings->settle_ms;
}

int light_switch(struct light *light, bool on, struct error *err)
{
    if (on && !light->by_hand)
        light->by_hand = light_begin(light, NULL, NULL);
    if (on)
        return 0;
    light_end(TAKE(light->by_hand));
    if (!list_empty(&light->uses))
        return error_set(err, -EBUSY,
                         "a frame is being taken in the light of '%s'; it goes off afterwards",
                         light->settings->id);
    feed(light, LIGHT_EV_TURN_OFF);
    return 0;
}

/* --- life --- */

struct light *light_new(const struct light_rooms *rooms, const struct light_settings *settings,
                        light_changed_fn on_changed, void *user)
{
    struct light_port *port = xcalloc(1, sizeof(*port));
    struct light *light = &port->light;

    light->rooms = *rooms;
    light->settings = settings;
    light->driver = light_driver_of(settings->kind);
    light->on_changed = on_changed;
    light->user = user;
    list_init(&light->uses);
    light->timer = timer_new(rooms->loop, on_timer, light);
    light->teller = timer_new(rooms->loop, on_teller, light);
    light->driver_data = light->driver->open(port, rooms, settings);
    return light;
}

static void drop_uses(struct light *light)
{
    struct light_use *use;

    light->by_hand = NULL;
    LIST_FOR_EACH(&light->uses, use, struct light_use, link)
    {
        list_remove(&use->link);
        free(use);
    }
}

void light_free(struct light *light)
{
    if (!light)
        return;
    light->driver->close(light->driver_data);
    timer_free(light->timer);
    timer_free(light->teller);
    drop_uses(light);
    free(CONTAINER_OF(light, struct light_port, light));
}

void light_found_lit(struct light *light)
{
    log_warn("light.found_lit", "light=%s message=\"an agent that died left it on\"",
             light->settings->id);
    feed(light, LIGHT_EV_FOUND);
}

void light_stop(struct light *light, void (*done)(void *user), void *user)
{
    light->on_stopped = done;
    light->stopped_user = user;
    drop_uses(light);
    feed(light, LIGHT_EV_LAST_LEFT);
    if (light->phase == LIGHT_LINGERING || light->phase == LIGHT_OWING)
        feed(light, LIGHT_EV_TURN_OFF);
}

/* --- looks --- */

const struct light_settings *light_get_settings(const struct light *light)
{
    return light->settings;
}

enum light_phase light_phase(const struct light *light)
{
    return light->phase;
}

bool light_is_foreign(const struct light *light)
{
    return light->phase == LIGHT_BORROWED || (light->phase == LIGHT_OFF && light->seen == SEEN_ON);
}

size_t light_users(const struct light *light)
{
    size_t count = 0;

    for (const struct list *it = light->uses.next; it != &light->uses; it = it->next)
        count++;
    return count;
}

const struct error *light_error(const struct light *light, int64_t *ret_since)
{
    *ret_since = light->error_since;
    return &light->error;
}
