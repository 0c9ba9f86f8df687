/* SPDX-License-Identifier: MIT */
/* settings: the kinds of lights, and the table of what a user can say about one. */
#include "agent/light/settings.h"

#include "agent/base/str.h"
#include "agent/light/driver.h"

static const struct light_driver *const drivers[] = {
    &light_mqtt_driver,
    &light_gcode_driver,
    &light_command_driver,
    &light_gpio_driver,
};

/* In the order of drivers. */
const char *const light_kinds[] = {"mqtt", "gcode", "command", "gpio", NULL};

_Static_assert(ARRAY_LEN(light_kinds) == ARRAY_LEN(drivers) + 1, "a kind for each driver");

#define LIGHT_FIELD(name, ...)                                                                     \
    {                                                                                              \
        .key = #name, .offset = offsetof(struct light_settings, name), __VA_ARGS__                 \
    }

static const struct conf_field light_fields[] = {
    LIGHT_FIELD(id, .type = CONF_ID, .flags = CONF_REQUIRED,
                .help = "Name of the light, by which cameras use it."),
    LIGHT_FIELD(kind, .type = CONF_ENUM, .choices = light_kinds, .flags = CONF_REQUIRED,
                .help = "mqtt: a lamp or plug on the broker; gcode: at the printer; command: a "
                        "program of your own; gpio: a line of this machine."),
    LIGHT_FIELD(topic, .type = CONF_STRING, .help = "mqtt: where on and off are sent to."),
    LIGHT_FIELD(on, .type = CONF_STRING,
                .help = "mqtt: payload that switches it on, default ON; gcode: the line or lines "
                        "for it."),
    LIGHT_FIELD(off, .type = CONF_STRING,
                .help = "mqtt: payload that switches it off, default OFF; gcode: as on."),
    LIGHT_FIELD(qos, .type = CONF_INT, .fallback = "1", .max = 1,
                .help = "mqtt: quality of service of on and off."),
    LIGHT_FIELD(retain, .type = CONF_BOOL, .fallback = "false",
                .help = "mqtt: the broker keeps on and off for a lamp that comes later."),
    LIGHT_FIELD(state_topic, .type = CONF_STRING,
                .help = "mqtt: where the lamp itself says what it does; then a picture waits for "
                        "its word, and a lamp that was on already stays on."),
    LIGHT_FIELD(state_path, .type = CONF_STRING, .max = 128,
                .help = "mqtt: where in the JSON of state_topic that stands; absent: the payload "
                        "is the word."),
    LIGHT_FIELD(state_on, .type = CONF_STRING,
                .help = "mqtt: the word for on; absent: as the setting on."),
    LIGHT_FIELD(state_off, .type = CONF_STRING,
                .help = "mqtt: the word for off; absent: as the setting off."),
    LIGHT_FIELD(printer, .type = CONF_ID, .help = "gcode: id of the printer."),
    LIGHT_FIELD(on_command, .type = CONF_STRINGS, .max = 2048,
                .help = "command: program and words that switch it on, run without a shell."),
    LIGHT_FIELD(off_command, .type = CONF_STRINGS, .max = 2048,
                .help = "command: program and words that switch it off."),
    LIGHT_FIELD(chip, .type = CONF_PATH, .fallback = "/dev/gpiochip0",
                .help = "gpio: the chip's device."),
    LIGHT_FIELD(line, .type = CONF_INT, .fallback = "-1", .min = -1, .max = 1023,
                .help = "gpio: number of the line on its chip."),
    LIGHT_FIELD(active_low, .type = CONF_BOOL, .fallback = "false",
                .help = "gpio: on is the low level."),
    LIGHT_FIELD(settle_ms, .type = CONF_INT, .fallback = "300", .max = 10000, .unit = "ms",
                .help = "So long lamp and camera get used to it, before the picture."),
    LIGHT_FIELD(timeout_ms, .type = CONF_INT, .fallback = "1000", .min = 50, .max = 10000,
                .unit = "ms",
                .help = "After so long without the lamp the picture is taken in the dark."),
    LIGHT_FIELD(linger_ms, .type = CONF_INT, .fallback = "2000", .max = 600000, .unit = "ms",
                .help = "It stays on so long after a picture, for the next one."),
};

const struct conf_table light_table = {
    .name = "lights",
    .fields = light_fields,
    .field_count = ARRAY_LEN(light_fields),
    .help = "Lights that are switched on for pictures, each with a name by which cameras use it.",
};

const struct light_driver *light_driver_of(int kind)
{
    return drivers[kind];
}

static bool has_key(size_t kind, const char *key)
{
    for (const char *const *at = drivers[kind]->keys; *at; at++)
        if (str_equal(*at, key))
            return true;
    return false;
}

void light_settings_check(const struct light_settings *settings, struct conf *conf, size_t index)
{
    struct light_settings defaults = {0};

    conf_set_defaults(&light_table, &defaults);
    conf_check_kind(conf, &(struct conf_kind_check){.table = &light_table,
                                                    .index = index,
                                                    .values = settings,
                                                    .defaults = &defaults,
                                                    .kinds = light_kinds,
                                                    .has_key = has_key,
                                                    .kind = (size_t)settings->kind});
    conf_values_done(&light_table, &defaults);
    light_driver_of(settings->kind)->check(settings, conf, index);
}
