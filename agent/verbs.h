/* SPDX-License-Identifier: MIT */
/* verbs: the one table of what the agent can be asked. A row is the MQTT topic cmd/<name>, the
 * JSON-RPC method, the lapsectl command, their arguments, help and documentation;
 * agent/handlers/table.c has what it does. */
#ifndef AGENT_VERBS_H
#define AGENT_VERBS_H

#include "agent/base/json.h"
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
    VERB_UNIT_REBUILD,
    VERB_UNIT_SET,
    VERB_UNIT_LIST,
    VERB_UNIT_STATUS,
    VERB_UNIT_CREATE,
    VERB_CAMERA_SNAPSHOT,
    VERB_CAMERA_GPHOTO2,
    VERB_CAMERA_LIST,
    VERB_CAMERA_PROBE,
    VERB_LIGHT_ON,
    VERB_LIGHT_OFF,
    VERB_LIGHT_LIST,
    VERB_PRINTER_LIST,
    VERB_PRINTER_STATUS,
    VERB_AGENT_FINISH,
    VERB_AGENT_PING,
    VERB_AGENT_SHUTDOWN,
    VERB_AGENT_PURGE_RETAINED,
    VERB_AGENT_INFO,
    VERB_AGENT_STATUS,
    VERB_AGENT_RELOAD,
    VERB_RPC_DISCOVER,
    VERB_SESSION_LIST,
    VERB_SESSION_GET,
    VERB_SESSION_DELETE,
    VERB_VIDEO_BUILD,
    VERB_VIDEO_LIST,
    VERB_VIDEO_DELETE,
    VERB_JOB_LIST,
    VERB_JOB_GET,
    VERB_JOB_ADD,
    VERB_JOB_CANCEL,
    VERB_JOB_PAUSE,
    VERB_JOB_RESUME,
    VERB_JOB_MOVE,
    VERB_COUNT,
};

enum verb_flags {
    VERB_DURABLE_ID = 1 << 0, /* its command id is remembered on disk */
    VERB_LONG = 1 << 1, /* answered with a job id; its video comes as an event (lapsectl waits) */
    VERB_NO_TOPIC = 1 << 2, /* no cmd/<name>: JSON-RPC (and set/<key>) only */
    VERB_FLEET = 1 << 3,    /* may be asked of all agents or of a group at once */
    VERB_READ = 1 << 4,     /* changes nothing */
    VERB_BARE = 1 << 5,     /* its arguments may stand in the payload without "args" */
    VERB_SLOW = 1 << 6,     /* may take an hour until it is answered */
    VERB_TRUSTED = 1 << 7,  /* for operators, not for Home Assistant's user */
};

enum arg_type {
    ARG_STRING,
    ARG_ID, /* str_is_id() */
    ARG_INT,
    ARG_NUMBER,
    ARG_BOOL,
    ARG_SCALAR, /* text, number or truth value */
    ARG_STRINGS,
    ARG_WORDS, /* of a command line: one text, or a list of them */
    ARG_OBJECT,
};

struct verb_arg {
    const char *name;
    enum arg_type type;
    bool required;
    double min, max; /* of numbers; both 0 = any. Of texts: max is the longest, 0 = 1024 bytes */
    const char *help;
};

struct verb {
    enum topic_scope scope; /* whose topic; in JSON-RPC the unit or camera is a parameter */
    const char *name;
    const char *method; /* of JSON-RPC */
    unsigned flags;
    const struct verb_arg *args; /* ends with a NULL name; NULL = none */
    const char *help;            /* one line */
};
extern const struct verb verbs[VERB_COUNT];

/* The command cmd/<name> of this scope. VERB_COUNT: there is none. */
enum verb_id verb_find(enum topic_scope scope, const char *name);
/* The two arguments of every list; handlers.h has what goes with them. */
extern const struct verb_arg verb_list_args[];
enum { VERB_LIST_LIMIT = 50, VERB_LIST_LIMIT_MAX = 100 };

/* VERB_COUNT: no such method. */
enum verb_id verb_find_method(const char *method);

/* Whether args (an object, or NULL for none) are what the row allows: -EINVAL, err names the
 * argument, as "<path>.<name>: …". */
int verb_check_args(const struct verb *verb, const char *path, const cJSON *args,
                    struct error *err) MUST_CHECK;

#endif
