/* SPDX-License-Identifier: MIT */
/* mqtt: a message on a topic that the operator named: a sensor, a button, or the printer itself
 * (RepRapFirmware: M118 P6 S"12" T"topic" in the layer-change G-code gives the layer without
 * polling). */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/trigger/trigger.h"

#include <stdlib.h>
#include <string.h>

struct mqtt_trigger {
    trigger_fn on_trigger;
    void *user;
};

static void *mqtt_open(struct loop *loop, const struct unit_settings *settings,
                       trigger_fn on_trigger, void *user)
{
    struct mqtt_trigger *trigger = xcalloc(1, sizeof(*trigger));

    (void)loop;
    (void)settings;
    trigger->on_trigger = on_trigger;
    trigger->user = user;
    return trigger;
}

static int layer_of(const char *payload, size_t len)
{
    char text[16] = "";
    int64_t layer;

    if (len == 0 || len >= sizeof(text) || memchr(payload, '\0', len))
        return -1;
    memcpy(text, payload, len);
    if (str_to_int(text, &layer) < 0 || layer < 0 || layer > INT32_MAX)
        return -1;
    return (int)layer;
}

static void mqtt_on_message(void *self, const char *payload, size_t len, int64_t at_mono_us)
{
    struct mqtt_trigger *trigger = self;

    trigger->on_trigger(&(struct trigger_cause){.name = "mqtt",
                                                .layer = layer_of(payload, len),
                                                .at_mono_us = at_mono_us},
                        trigger->user);
}

const struct trigger_driver trigger_mqtt_driver = {
    .name = "mqtt",
    .bit = UNIT_TRIGGER_MQTT,
    .open = mqtt_open,
    .close = free,
    .on_message = mqtt_on_message,
};
