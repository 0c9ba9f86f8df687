/* SPDX-License-Identifier: MIT */
/* interval: every interval_s from the moment frames begin, on a fixed grid, so that a slow frame
 * does not shift the ones after it. A machine that slept catches up with one frame, not with all.
 *
 * Grids of the same interval begin at whole intervals, those of long ones at whole seconds, and a
 * frame is of the moment when it was due, not of the one when we came to it: so units which one
 * print has begun a few milliseconds apart ask for the same moment and share a camera's pictures.
 */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/trigger/trigger.h"

#include <stdlib.h>

enum { BEGIN_MIN_MS = 200, BEGIN_MAX_MS = 1000, LATE_MAX_MS = 200 };

struct interval_trigger {
    const struct unit_settings *settings;
    trigger_fn on_trigger;
    void *user;
    struct timer *timer;
    int64_t next_at_ms; /* monotonic */
};

static int64_t interval_ms(const struct interval_trigger *trigger)
{
    return MAX((int64_t)(trigger->settings->interval_s * 1000), 1);
}

static void schedule(struct interval_trigger *trigger)
{
    int64_t now_ms = clock_mono_ms();
    int64_t step_ms = interval_ms(trigger);

    trigger->next_at_ms += step_ms;
    if (trigger->next_at_ms <= now_ms)
        trigger->next_at_ms += (now_ms - trigger->next_at_ms) / step_ms * step_ms + step_ms;
    timer_start(trigger->timer, trigger->next_at_ms - now_ms);
}

static void on_timer(void *user)
{
    struct interval_trigger *trigger = user;
    int64_t at_us = MAX(trigger->next_at_ms * 1000, clock_mono_us() - LATE_MAX_MS * 1000);

    schedule(trigger);
    trigger->on_trigger(
        &(struct trigger_cause){.name = "interval", .layer = -1, .at_mono_us = at_us},
        trigger->user);
}

static void *interval_open(struct loop *loop, const struct unit_settings *settings,
                           trigger_fn on_trigger, void *user)
{
    struct interval_trigger *trigger = xcalloc(1, sizeof(*trigger));

    trigger->settings = settings;
    trigger->on_trigger = on_trigger;
    trigger->user = user;
    trigger->timer = timer_new(loop, on_timer, trigger);
    return trigger;
}

static void interval_close(void *self)
{
    struct interval_trigger *trigger = self;

    timer_free(trigger->timer);
    free(trigger);
}

/* In one of the next moments that others begin in, too. */
static int64_t begin_ms(int64_t step_ms)
{
    int64_t now_ms = clock_mono_ms(), grid_ms = MIN(step_ms, (int64_t)BEGIN_MAX_MS);

    return step_ms < BEGIN_MIN_MS ? now_ms : (now_ms + grid_ms - 1) / grid_ms * grid_ms;
}

static void interval_set_active(void *self, bool active)
{
    struct interval_trigger *trigger = self;

    if (!active) {
        timer_stop(trigger->timer);
        return;
    }
    if (timer_active(trigger->timer))
        return;
    trigger->next_at_ms = begin_ms(interval_ms(trigger));
    schedule(trigger);
}

const struct trigger_driver trigger_interval_driver = {
    .name = "interval",
    .bit = UNIT_TRIGGER_INTERVAL,
    .open = interval_open,
    .close = interval_close,
    .set_active = interval_set_active,
};
