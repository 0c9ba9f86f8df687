/* SPDX-License-Identifier: MIT */
/* asking: asking the agent things as its users do, and waiting for what it says to that. */
#ifndef TESTS_E2E_ASKING_H
#define TESTS_E2E_ASKING_H

#include "agent/base/clock.h" /* for RIG_WAIT */
#include "tests/e2e/harness.h"

enum { ASK_GAP_MS = 520 }; /* the agent takes two requests a second */

/* --- commands --- */
/* The final acknowledgement that came after so many messages; id NULL: of any. NULL: not yet. */
const cJSON *final_ack(struct rig *rig, size_t from, const char *id);
/* How many acknowledgements of a phase came since then for an id. */
size_t count_acks(struct rig *rig, size_t from, const char *id, const char *phase);
/* Publishes and waits for the final acknowledgement; leaves the agent time for the next one. */
const cJSON *command(struct rig *rig, const char *topic, const char *payload);
int code_of(const cJSON *answer); /* of an acknowledgement, or of a response: 0 = a result */
/* Why not: message of an acknowledgement or of an error; "" when it is none. */
const char *message_of(const cJSON *answer);

/* --- JSON-RPC --- */
/* The response with this id (JSON: "\"a\"", "7", "null") on reply/<client> since then; a batch's
 * member, too. NULL: not yet. */
const cJSON *response_to(struct rig *rig, size_t from, const char *client, const char *id);
/* A request with these parameters (JSON, NULL = none) by rpc/desk; its response. */
const cJSON *rpc(struct rig *rig, const char *method, const char *params);

/* --- with mosquitto_pub --- */
/* Publishes with MQTT 5 and further options, NULL-terminated ("-r", "-D", "publish", …), to a full
 * topic. */
void pub(struct rig *rig, const char *topic, const char *payload, const char *const *options);

#endif
