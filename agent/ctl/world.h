/* SPDX-License-Identifier: MIT */
/* ctl_world: what lapsectl has seen of the agents on a broker: the last value of each status topic.
 */
#ifndef AGENT_CTL_WORLD_H
#define AGENT_CTL_WORLD_H

#include "agent/base/json.h"
#include "agent/base/list.h"
#include "mqtt/client.h"
#include "mqtt/topic.h"

enum ctl_room { CTL_UNITS, CTL_PRINTERS, CTL_CAMERAS, CTL_LIGHTS, CTL_ROOM_COUNT };

/* A unit, printer or camera. */
struct ctl_thing {
    struct list link;
    char id[64];
    cJSON *status; /* never NULL */
};

struct ctl_agent {
    struct list link;
    char id[64];
    bool announced; /* its availability was seen */
    bool online;
    cJSON *info, *status;               /* NULL: not seen */
    struct list things[CTL_ROOM_COUNT]; /* of struct ctl_thing, by id */
};

struct ctl_world {
    struct list agents;    /* by id */
    size_t count;          /* of agents and things, bounded */
    const char *client_id; /* of <agent>/reply/<client>, which is for us; NULL = none */
};

void ctl_world_init(struct ctl_world *world);
void ctl_world_done(struct ctl_world *world);

/* What a message told. */
struct ctl_news {
    bool is_reply; /* an answer of JSON-RPC; then kind says nothing */
    enum topic_kind kind;
    struct ctl_agent *agent;
    char id[64]; /* of the unit, printer or camera; "" */
    cJSON *json; /* the document; NULL when the topic carries plain text */
};

/* Takes a message in; false: it is none of the contract's, or damaged. Either way *ret_news is to
 * be released with ctl_news_done(). */
bool ctl_world_take(struct ctl_world *world, const char *prefix, const struct mqtt_message *message,
                    struct ctl_news *ret_news);
void ctl_news_done(struct ctl_news *news);

struct ctl_agent *ctl_world_find(const struct ctl_world *world, const char *id);
/* Of those online; the first of them in *ret_first. */
size_t ctl_world_count_online(const struct ctl_world *world, struct ctl_agent **ret_first);
/* Of every agent that was seen its availability and info were, too. */
bool ctl_world_introduced(const struct ctl_world *world);
/* And every unit, printer and camera that each agent's info names was seen. */
bool ctl_world_complete(const struct ctl_world *world);
/* "a, b, c": the ids of all agents; the caller frees. */
char *ctl_world_agents(const struct ctl_world *world, bool online_only) MUST_CHECK;

#endif
