/* SPDX-License-Identifier: MIT */
/* pause: the job paused itself (M226 in the file) so that a frame is taken. RepRapFirmware does not
 * say who paused; the operator who chooses this trigger says that pauses of this job are for us. */
#include "agent/base/mem.h"
#include "agent/trigger/trigger.h"

#include <stdlib.h>

struct pause_trigger {
    trigger_fn on_trigger;
    void *user;
};

static void *pause_open(struct loop *loop, const struct unit_settings *settings,
                        trigger_fn on_trigger, void *user)
{
    struct pause_trigger *trigger = xcalloc(1, sizeof(*trigger));

    (void)loop;
    (void)settings;
    trigger->on_trigger = on_trigger;
    trigger->user = user;
    return trigger;
}

static void pause_on_printer(void *self, const struct printer_event *event)
{
    struct pause_trigger *trigger = self;

    if (event->kind == PRINTER_EVENT_JOB_PAUSED)
        trigger->on_trigger(
            &(struct trigger_cause){.name = "pause", .layer = -1, .at_mono_us = event->at_mono_us},
            trigger->user);
}

const struct trigger_driver trigger_pause_driver = {
    .name = "pause",
    .bit = UNIT_TRIGGER_PAUSE,
    .open = pause_open,
    .close = free,
    .on_printer = pause_on_printer,
};
