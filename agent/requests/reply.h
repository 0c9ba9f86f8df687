/* SPDX-License-Identifier: MIT */
/* reply: where the answers to a message go besides the usual place: its MQTT 5 Response Topic, with
 * its Correlation Data. */
#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include "mqtt/client.h"
#include "mqtt/topic.h"

struct reply {
    char *topic; /* NULL: the message names none that we may use */
    uint8_t *correlation;
    size_t correlation_len;
};

/* -EACCES: the message names a topic that we do not write to; err says so, and the reply has the
 * correlation only. */
int reply_init(struct reply *reply, const struct topic_response_rule *rule,
               const struct mqtt_message *message, struct error *err) MUST_CHECK;
void reply_done(struct reply *reply);

#endif
