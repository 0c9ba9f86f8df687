/* SPDX-License-Identifier: MIT */
/* topic: the names of the contract (version 1): building ours, taking apart what comes in. Pure. */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include "agent/base/conf.h"

enum topic_kind {
    TOPIC_AVAILABILITY, /* <agent>/availability */
    TOPIC_INFO,
    TOPIC_STATUS,
    TOPIC_JOBS,
    TOPIC_EVENT,
    TOPIC_ACK,
    TOPIC_PRINTER_AVAILABILITY, /* printer/<id>/… */
    TOPIC_PRINTER_STATE,
    TOPIC_PRINTER_STATUS,
    TOPIC_CAMERA_STATUS,
    TOPIC_LIGHT_STATUS,
    TOPIC_IMAGE, /* image/<camera>/last */
    TOPIC_IMAGE_META,
    TOPIC_UNIT_AVAILABILITY, /* unit/<id>/… */
    TOPIC_UNIT_STATE,
    TOPIC_UNIT_STATUS,
    TOPIC_UNIT_VIDEO,
    TOPIC_UNIT_EVENT,
    TOPIC_KIND_COUNT,
};

/* Whether it is about a unit, printer, camera or light. */
bool topic_kind_has_id(enum topic_kind kind);

/* "<prefix>/v1/<agent>/…"; id: the unit, printer or camera, NULL for the agent's own topics. The
 * caller frees. */
char *topic_build(const char *prefix, const char *agent, enum topic_kind kind,
                  const char *id) MUST_CHECK;

enum topic_scope { TOPIC_SCOPE_AGENT, TOPIC_SCOPE_UNIT, TOPIC_SCOPE_CAMERA };
enum topic_request { TOPIC_CMD, TOPIC_SET, TOPIC_RPC };

/* A topic that came in. */
struct topic_target {
    enum topic_scope scope;
    enum topic_request request;
    bool broadcast; /* below _all or _group/<g>: the group is then in agent */
    char agent[64];
    char id[64];   /* unit or camera; "" for the agent */
    char verb[64]; /* verb of cmd, key of set, client of rpc */
};

/* -ENOENT: not a request topic of the contract; -EINVAL: an id or verb of wrong form. */
int topic_parse(const char *prefix, const char *topic, struct topic_target *ret_target,
                struct error *err) MUST_CHECK;

/* Topic that asks for verb: scope and id as above. The caller frees. */
char *topic_build_cmd(const char *prefix, const char *agent, enum topic_scope scope, const char *id,
                      const char *verb) MUST_CHECK;
char *topic_build_set(const char *prefix, const char *agent, const char *unit,
                      const char *key) MUST_CHECK;

/* Where the agent answers JSON-RPC of a client that names no Response Topic. The caller frees. */
char *topic_build_reply(const char *prefix, const char *agent, const char *client) MUST_CHECK;

/* The filters an agent subscribes to for its own requests: NULL-terminated, count in ret_count;
 * free each and the array. */
char **topic_filters(const char *prefix, const char *agent, size_t *ret_count) MUST_CHECK;
/* For those of a group; NULL: of all agents. */
char **topic_fleet_filters(const char *prefix, const char *group, size_t *ret_count) MUST_CHECK;

/* Takes apart an outgoing topic as lapsectl reads it: kind, agent and id. -ENOENT. */
int topic_parse_status(const char *prefix, const char *topic, enum topic_kind *ret_kind,
                       char ret_agent[64], char ret_id[64]) MUST_CHECK;

/* 1..8 levels of [A-Za-z0-9_-]{1,32}, no empty one. */
bool topic_prefix_valid(const char *prefix);
/* A topic that may be published to (no wildcard, no NUL, UTF-8, 1..65535 bytes, not $…). */
bool topic_publishable(const char *topic);
/* A filter that may be subscribed to. */
bool topic_filter_valid(const char *filter);
/* As the broker would match it. */
bool topic_matches(const char *filter, const char *topic);

struct topic_response_rule {
    const char *prefix, *agent;
    const struct conf_strings *allow; /* filters; NULL = none */
};
/* A Response Topic that we may answer to: ≤ 256 bytes, publishable, below our prefix or in the
 * list, no topic that means something and none of another agent. */
bool topic_response_allowed(const struct topic_response_rule *rule, const char *topic);

#endif
