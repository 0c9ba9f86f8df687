/* SPDX-License-Identifier: MIT */
/* ctl_request: one thing that lapsectl asks of an agent, or of many: the topic and payload that go
 * out, and what an answer says. As a command when it has a topic, else by JSON-RPC. */
#ifndef AGENT_CTL_REQUEST_H
#define AGENT_CTL_REQUEST_H

#include "agent/ctl/options.h"
#include "agent/ctl/world.h"

struct ctl_request {
    enum topic_scope scope;
    const struct verb *verb; /* NULL: a setting, or a method that lapsectl does not know */
    const char *method;      /* of JSON-RPC; NULL: a command or a setting */
    const char *key, *value; /* of the setting */
    const char *target;      /* unit or camera as given; NULL = not given */
    const cJSON *args;       /* an object or NULL; borrowed */
    char id[24];
};

/* Fills in what a verb needs; the rest of *ret_request stays as it is. */
void ctl_request_of_verb(struct ctl_request *ret_request, const struct verb *verb,
                         const char *target, const cJSON *args);

/* agent: an id, "_all" or "_group/<group>"; target: "" = none. The caller frees. */
char *ctl_request_topic(const struct ctl_request *request, const struct ctl_options *options,
                        const char *agent, const char *target, const char *client) MUST_CHECK;
/* The first one gives it its id. The caller frees. */
char *ctl_request_payload(struct ctl_request *request, const char *target) MUST_CHECK;
/* "snapshot", "set fps", "session.list" */
const char *ctl_request_name(const struct ctl_request *request);
/* It may take hours, as it makes a video, or it is slow in itself. */
bool ctl_request_is_long(const struct ctl_request *request);

struct ctl_answer {
    bool final; /* else accepted */
    bool ok;
    int64_t code;
    char *name, *message; /* of a failure; cleaned for a terminal */
    const cJSON *result;  /* borrowed from the message */
};
/* false: it answers something else. */
bool ctl_request_answer(const struct ctl_request *request, const struct ctl_news *news,
                        struct ctl_answer *ret_answer);
void ctl_answer_done(struct ctl_answer *answer);

#endif
