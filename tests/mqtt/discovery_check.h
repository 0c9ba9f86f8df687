/* SPDX-License-Identifier: MIT */
/* discovery_check: a strict reader of Home Assistant's discovery documents. It knows the rules of
 * 2024.11 to 2026 (their schemas, and what is refused later or dropped without a word) and says
 * every fault it finds: Home Assistant itself would only drop an entity, or the whole device. */
#ifndef TESTS_MQTT_DISCOVERY_CHECK_H
#define TESTS_MQTT_DISCOVERY_CHECK_H

#include "agent/base/json.h"

struct discovery_check;

struct discovery_check *check_new(void) MUST_CHECK;
void check_free(struct discovery_check *check);

/* A document of either form, as it stands at this topic. */
void check_document(struct discovery_check *check, const char *topic, const char *text);
/* What was really said on a topic of ours: templates are looked up in it, and an event that is
 * retained is a fault. */
void check_said(struct discovery_check *check, const char *topic, const char *text, bool retained);
/* After all of them: each topic that a document listens to was said (but for those in silent, which
 * ends with NULL), and each key that a template names is there. */
void check_templates(struct discovery_check *check, const char *const *silent);

/* One line for each fault; "" = none. */
const char *check_faults(struct discovery_check *check);
size_t check_entity_count(const struct discovery_check *check);
/* Whether an entity of this default_entity_id was seen. */
bool check_has_entity(const struct discovery_check *check, const char *entity_id);
/* The component of this default_entity_id; NULL: none. */
const cJSON *check_find_entity(const struct discovery_check *check, const char *entity_id);

#endif
