/* SPDX-License-Identifier: MIT */
/* lamp: a lamp as Zigbee2MQTT has them on the broker: it listens on zigbee2mqtt/lamp/set and says
 * on zigbee2mqtt/lamp, retained, what it does. It shares the rig's loop. */
#ifndef TESTS_E2E_LAMP_H
#define TESTS_E2E_LAMP_H

#include "tests/e2e/harness.h"

/* Of a light in the configuration, with state. */
#define LAMP_TOPICS                                                                                \
    "kind = \"mqtt\"; topic = \"zigbee2mqtt/lamp/set\"; state_topic = \"zigbee2mqtt/lamp\";\n"     \
    "state_path = \"state\";\n"

enum { LAMP_ORDERS_MAX = 256 };

struct lamp_order {
    bool on;
    int64_t at; /* wall ms */
};

struct lamp;

struct lamp *lamp_new(struct rig *rig) MUST_CHECK;
void lamp_free(struct lamp *lamp); /* NULL is fine */

/* By hand, at the lamp. */
void lamp_press(struct lamp *lamp, bool on);
/* It gets orders, but neither obeys nor says anything. */
void lamp_set_dead(struct lamp *lamp, bool dead);

bool lamp_is_on(const struct lamp *lamp);
bool lamp_is_up(const struct lamp *lamp); /* connected */
size_t lamp_order_count(const struct lamp *lamp);
/* By index, in the order they came. */
const struct lamp_order *lamp_order(const struct lamp *lamp, size_t index);

#endif
