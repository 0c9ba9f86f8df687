/* SPDX-License-Identifier: MIT */
/* dispatch: the door for whoever asks something over MQTT. It knows which topics are ours (the
 * agent's own, its groups', those of all agents), lets a fleet's questions wait a random moment, so
 * that not all agents answer at once, and hands each to commands or rpc. Loop thread only. */
#ifndef AGENT_DISPATCH_H
#define AGENT_DISPATCH_H

#include "agent/config.h"
#include "agent/handlers/handlers.h"
#include "agent/journal/journal.h"

struct dispatch;

struct dispatch_config { /* borrowed */
    struct loop *loop;
    struct mqtt_client *mqtt;
    struct journal *journal;
    const struct config *config;
    const struct handler_rooms *rooms;
};

struct dispatch *dispatch_new(const struct dispatch_config *config) MUST_CHECK;
/* Answers what is pending and everything that still comes with "shutting_down"; the units and
 * cameras may go afterwards. */
void dispatch_stop(struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch); /* stops it; NULL is fine */

void dispatch_subscribe(struct dispatch *dispatch);
/* false: it was no request topic of ours. */
bool dispatch_on_message(struct dispatch *dispatch, const struct mqtt_message *message);

int64_t dispatch_refused(const struct dispatch *dispatch);

#endif
