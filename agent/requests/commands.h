/* SPDX-License-Identifier: MIT */
/* commands: what a human can type: cmd/<verb> and set/<key> become requests, acknowledged in two
 * phases. Loop thread only. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/requests/request.h"
#include "mqtt/client.h"

struct commands;

struct commands_config { /* borrowed */
    struct mqtt_client *mqtt;
    struct requests *requests;
    const struct topic_response_rule *response_rule;
    const char *prefix, *agent;
};

struct commands *commands_new(const struct commands_config *config) MUST_CHECK;
/* After requests_stop(). NULL is fine. */
void commands_free(struct commands *commands);

/* target: of cmd/ or set/. admitted: ACK_OK, or why the message is refused whatever it says. */
void commands_on_message(struct commands *commands, const struct topic_target *target,
                         const struct mqtt_message *message, enum ack_code admitted);
/* A final acknowledgement from elsewhere, to the ack topic. */
void commands_tell(struct commands *commands, const char *ack);

#endif
