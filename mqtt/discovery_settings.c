/* SPDX-License-Identifier: MIT */
/* settings: the group "home_assistant" of the configuration. */
#include "mqtt/discovery.h"
#include "mqtt/topic.h"

static const char *const modes[] = {"device", "component", "off", NULL};

#define FIELD(member) .key = #member, .offset = offsetof(struct discovery_settings, member)

static const struct conf_field fields[] = {
    {FIELD(mode), .type = CONF_ENUM, .fallback = "device", .choices = modes,
     .help = "How Home Assistant is told about us: device (2024.11 or later), component (older "
             "ones, openHAB) or off."},
    {FIELD(prefix), .type = CONF_STRING, .fallback = "homeassistant", .max = 263,
     .help = "Its discovery prefix."},
    {FIELD(birth_topic), .type = CONF_STRING, .fallback = "homeassistant/status", .max = 1024,
     .help = "Where it says \"online\" when it starts."},
    {FIELD(delay_s), .type = CONF_INT, .fallback = "10", .min = 1, .max = 3600, .unit = "s",
     .help = "So long nothing may change before it is told: it is not good at documents in a row."},
};

const struct conf_table discovery_table = {
    .name = "home_assistant",
    .fields = fields,
    .field_count = ARRAY_LEN(fields),
    .help = "Entities in Home Assistant, by MQTT discovery.",
};

void discovery_settings_check(const struct discovery_settings *settings, struct conf *conf)
{
    if (!settings->prefix || !topic_prefix_valid(settings->prefix))
        conf_problem(conf, &discovery_table, 0, "prefix",
                     "prefix must be one to eight levels of letters, digits, '_' and '-'");
    if (!settings->birth_topic || !topic_publishable(settings->birth_topic))
        conf_problem(conf, &discovery_table, 0, "birth_topic",
                     "birth_topic is not a topic (no wildcards, not starting with $)");
}
