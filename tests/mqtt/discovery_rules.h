/* SPDX-License-Identifier: MIT */
/* discovery_rules: what Home Assistant's schemas allow, as tables. Words are separated by spaces.
 */
#ifndef TESTS_MQTT_DISCOVERY_RULES_H
#define TESTS_MQTT_DISCOVERY_RULES_H

#include "agent/base/common.h"

struct platform_rule {
    const char *name;
    const char *required; /* "a|b" : one of them */
    const char *allowed;  /* besides these and the common ones */
    const char *classes;  /* device classes; "" = none */
};
extern const struct platform_rule platform_rules[];
extern const size_t platform_rule_count;

/* Of a sensor or number: the units of a class. */
struct class_rule {
    const char *name, *units; /* units "" = it must have none */
};
extern const struct class_rule class_rules[];
extern const size_t class_rule_count;

extern const char rule_root_keys[], rule_device_keys[], rule_origin_keys[], rule_common_keys[];

/* Whether word is one of words. */
bool rule_has(const char *words, const char *word);

#endif
