/* SPDX-License-Identifier: MIT */
/* verbs: the one table of commands. A row is the MQTT topic cmd/<verb>, the lapsectl command, its
 * help and its documentation; agent/commands.c has the handler of each. */
#ifndef AGENT_VERBS_H
#define AGENT_VERBS_H

#include "mqtt/topic.h"

enum verb_id {
    VERB_UNIT_START,
    VERB_UNIT_STANDBY,
    VERB_UNIT_PAUSE,
    VERB_UNIT_RESUME,
    VERB_UNIT_FINISH,
    VERB_UNIT_ABORT,
    VERB_UNIT_RESTART,
    VERB_UNIT_SNAPSHOT,
    VERB_UNIT_PREVIEW,
    VERB_CAMERA_SNAPSHOT,
    VERB_AGENT_PING,
    VERB_AGENT_SHUTDOWN,
    VERB_AGENT_PURGE_RETAINED,
    VERB_COUNT,
};

enum verb_flags {
    VERB_DURABLE_ID = 1 << 0, /* its command id is remembered on disk */
    VERB_LONG = 1 << 1, /* answered with a job id; its video comes as an event (lapsectl waits) */
};

struct verb {
    enum topic_scope scope;
    const char *name;
    unsigned flags;
    const char *help; /* one line */
};
extern const struct verb verbs[VERB_COUNT];

/* VERB_COUNT: no such verb in this scope. */
enum verb_id verb_find(enum topic_scope scope, const char *name);

#endif
