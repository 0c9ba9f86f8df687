/* SPDX-License-Identifier: MIT */
#include "tests/mqtt/discovery_rules.h"

#include <string.h>

#define AVAILABILITY                                                                               \
    "availability availability_mode availability_topic availability_template payload_available "   \
    "payload_not_available "
#define ATTRIBUTES "json_attributes_topic json_attributes_template "
#define COMMAND    "command_topic command_template retain optimistic "

const char rule_root_keys[] =
    AVAILABILITY "device origin components state_topic command_topic qos encoding";
const char rule_device_keys[] =
    "identifiers connections name manufacturer model model_id hw_version sw_version serial_number "
    "suggested_area via_device configuration_url";
const char rule_origin_keys[] = "name sw_version support_url";
const char rule_common_keys[] =
    AVAILABILITY ATTRIBUTES "platform name unique_id default_entity_id icon entity_category "
                            "enabled_by_default qos encoding "
                            "device origin";

const struct platform_rule platform_rules[] = {
    {"sensor", "state_topic",
     "value_template device_class unit_of_measurement state_class suggested_display_precision "
     "expire_after force_update options last_reset_value_template",
     "data_size duration enum temperature timestamp battery distance speed frequency power energy "
     "voltage current weight volume humidity pressure"},
    {"binary_sensor", "state_topic",
     "value_template device_class payload_on payload_off off_delay expire_after force_update",
     "connectivity problem running power motion occupancy light heat lock battery update"},
    {"switch", "command_topic",
     COMMAND "state_topic value_template payload_on payload_off state_on state_off device_class",
     "outlet switch"},
    {"button", "command_topic", "command_template payload_press device_class retain",
     "identify restart update"},
    {"number", "command_topic",
     COMMAND "state_topic value_template min max step mode unit_of_measurement device_class "
             "payload_reset",
     "data_size duration temperature distance speed frequency"},
    {"select", "command_topic options", COMMAND "state_topic value_template", ""},
    {"text", "command_topic", COMMAND "state_topic value_template min max pattern mode", ""},
    {"image", "image_topic|url_topic", "content_type image_encoding url_template", ""},
    {"camera", "topic", "image_encoding", ""},
    {"event", "state_topic event_types", "value_template device_class", "button doorbell motion"},
    {"update", "state_topic",
     COMMAND "value_template latest_version_topic latest_version_template payload_install title "
             "release_url release_summary display_precision device_class entity_picture",
     "firmware"},
    {"device_automation", "automation_type topic type subtype", "payload value_template", ""},
};
const size_t platform_rule_count = ARRAY_LEN(platform_rules);

const struct class_rule class_rules[] = {
    {"data_size", "bit B kB MB GB TB KiB MiB GiB TiB"},
    {"duration", "d h min s ms"},
    {"temperature", "°C °F K"},
    {"distance", "km m cm mm"},
    {"speed", "mm/s m/s km/h"},
    {"frequency", "Hz kHz MHz"},
    {"battery", "%"},
    {"humidity", "%"},
    {"power", "W kW"},
    {"energy", "Wh kWh"},
    {"voltage", "V mV"},
    {"current", "A mA"},
    {"weight", "g kg"},
    {"volume", "mL L"},
    {"pressure", "Pa hPa bar"},
    {"enum", ""},
    {"timestamp", ""},
};
const size_t class_rule_count = ARRAY_LEN(class_rules);

bool rule_has(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; len > 0 && (at = strstr(at, word)); at += len) {
        bool begins = at == words || at[-1] == ' ';

        if (begins && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}
