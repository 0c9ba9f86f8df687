/* SPDX-License-Identifier: MIT */
/* commands: what comes in on the command topics: checked, acknowledged in two phases, carried out
 * by the handler of its verb (verbs.h, handlers/). A retained, stale, repeated, too large or too
 * frequent command changes nothing and is told so. Loop thread only. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/handlers/handlers.h"
#include "agent/journal.h"
#include "mqtt/client.h"

struct commands;

struct commands_config { /* borrowed */
    struct mqtt_client *mqtt;
    struct journal *journal;
    const char *prefix, *agent;
    const struct handler_rooms *rooms;
};

struct commands *commands_new(const struct commands_config *config) MUST_CHECK;
/* Answers what is pending and everything that still comes with "shutting_down"; the units and
 * cameras may go afterwards. */
void commands_stop(struct commands *commands);
void commands_free(struct commands *commands); /* stops it; NULL is fine */

/* Subscribes to the command topics. */
void commands_subscribe(struct commands *commands);
/* false: it was no request topic of ours. */
bool commands_on_message(struct commands *commands, const struct mqtt_message *message);

int64_t commands_refused(const struct commands *commands);

#endif
