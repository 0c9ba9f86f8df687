/* SPDX-License-Identifier: MIT */
/* layer: every n-th layer change that the printer reports, counted from the first one seen; numbers
 * are not trusted for the count, because a layer may go down (objects printed one after another).
 */
#include "agent/base/mem.h"
#include "agent/trigger/trigger.h"

#include <stdlib.h>

struct layer_trigger {
    const struct unit_settings *settings;
    trigger_fn on_trigger;
    void *user;
    int64_t changes; /* of this job */
};

static void *layer_open(struct loop *loop, const struct unit_settings *settings,
                        trigger_fn on_trigger, void *user)
{
    struct layer_trigger *trigger = xcalloc(1, sizeof(*trigger));

    (void)loop;
    trigger->settings = settings;
    trigger->on_trigger = on_trigger;
    trigger->user = user;
    return trigger;
}

static void layer_on_printer(void *self, const struct printer_event *event)
{
    struct layer_trigger *trigger = self;

    if (event->kind == PRINTER_EVENT_JOB_STARTED)
        trigger->changes = 0;
    if (event->kind != PRINTER_EVENT_LAYER)
        return;
    if (trigger->changes++ % trigger->settings->every_nth_layer == 0)
        trigger->on_trigger(&(struct trigger_cause){.name = "layer",
                                                    .layer = event->layer,
                                                    .at_mono_us = event->at_mono_us},
                            trigger->user);
}

const struct trigger_driver trigger_layer_driver = {
    .name = "layer",
    .bit = UNIT_TRIGGER_LAYER,
    .open = layer_open,
    .close = free,
    .on_printer = layer_on_printer,
};
