/* SPDX-License-Identifier: MIT */
#include "agent/trigger/trigger.h"

#include "agent/base/mem.h"

#include <stdlib.h>

static const struct trigger_driver *const drivers[] = {
    &trigger_layer_driver,
    &trigger_interval_driver,
    &trigger_pause_driver,
    &trigger_mqtt_driver,
};

struct triggers {
    void *open[ARRAY_LEN(drivers)]; /* NULL: not asked for */
};

struct triggers *triggers_open(struct loop *loop, const struct unit_settings *settings,
                               trigger_fn on_trigger, void *user)
{
    struct triggers *triggers = xcalloc(1, sizeof(*triggers));

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (settings->trigger & drivers[i]->bit)
            triggers->open[i] = drivers[i]->open(loop, settings, on_trigger, user);
    return triggers;
}

void triggers_close(struct triggers *triggers)
{
    if (!triggers)
        return;
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (triggers->open[i])
            drivers[i]->close(triggers->open[i]);
    free(triggers);
}

void triggers_set_active(struct triggers *triggers, bool active)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (triggers->open[i] && drivers[i]->set_active)
            drivers[i]->set_active(triggers->open[i], active);
}

void triggers_on_printer(struct triggers *triggers, const struct printer_event *event)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (triggers->open[i] && drivers[i]->on_printer)
            drivers[i]->on_printer(triggers->open[i], event);
}

void triggers_on_message(struct triggers *triggers, const char *payload, size_t len,
                         int64_t at_mono_us)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (triggers->open[i] && drivers[i]->on_message)
            drivers[i]->on_message(triggers->open[i], payload, len, at_mono_us);
}
