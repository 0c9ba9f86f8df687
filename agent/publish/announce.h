/* SPDX-License-Identifier: MIT */
/* announce: when Home Assistant is told about us, and what it is to forget.
 *
 * The broker's own copies are the memory: they are read on every connection and after each birth of
 * Home Assistant, and only what is missing, other or no more there is published. So nothing is sent
 * twice, a broker that forgot is told again, and what an earlier configuration made is removed.
 * Loop thread only. */
#ifndef AGENT_ANNOUNCE_H
#define AGENT_ANNOUNCE_H

#include "agent/devices.h"
#include "agent/publish/publish.h"
#include "agent/unit/units.h"

struct announcer;

struct announcer_config { /* borrowed */
    struct loop *loop;
    struct mqtt_client *mqtt;
    struct publisher *publisher;
    const struct config *config;
    const struct units *units;
    const struct devices *devices;
};

/* How many messages may come at once because of it: all that the broker has of us. 0: few. */
size_t announce_burst(const struct discovery_settings *settings);

/* Subscribes to its topics; call it before the client is started. */
struct announcer *announcer_new(const struct announcer_config *config) MUST_CHECK;
/* The units are about to go, which is nothing to tell. */
void announcer_stop(struct announcer *announcer);
void announcer_free(struct announcer *announcer); /* NULL is fine */

/* A unit, a printer or a camera came or went, or the link is up. */
void announce_changed(struct announcer *announcer);
/* What it has may have changed. */
void announce_printer(struct announcer *announcer, const struct printer *printer);
/* The link is down: what the broker has is unknown. */
void announce_on_down(struct announcer *announcer);
/* false: it was no topic of Home Assistant's. */
bool announce_on_message(struct announcer *announcer, const struct mqtt_message *message);
/* Whether a retained topic is one that announcer looks after. */
bool announce_keeps(const struct announcer *announcer, const char *topic);

#endif
