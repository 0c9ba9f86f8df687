/* SPDX-License-Identifier: MIT */
#include "agent/verbs.h"

#include "agent/base/str.h"

const struct verb verbs[VERB_COUNT] = {
    [VERB_UNIT_START] = {TOPIC_SCOPE_UNIT, "start", VERB_DURABLE_ID,
                         "arm the unit: capture the print that runs, or wait for the next"},
    [VERB_UNIT_STANDBY] = {TOPIC_SCOPE_UNIT, "standby", VERB_DURABLE_ID,
                           "stop and discard the session: its frames are deleted, no video"},
    [VERB_UNIT_PAUSE] = {TOPIC_SCOPE_UNIT, "pause", 0,
                         "take no frames for now (the printer is not touched)"},
    [VERB_UNIT_RESUME] = {TOPIC_SCOPE_UNIT, "resume", 0, "go on taking frames"},
    [VERB_UNIT_FINISH] = {TOPIC_SCOPE_UNIT, "finish", VERB_DURABLE_ID | VERB_LONG,
                          "end the session: one last frame, then the video"},
    [VERB_UNIT_ABORT] = {TOPIC_SCOPE_UNIT, "abort", VERB_DURABLE_ID,
                         "end the session at once: no last frame, no video; frames are kept"},
    [VERB_UNIT_RESTART] = {TOPIC_SCOPE_UNIT, "restart", VERB_DURABLE_ID | VERB_LONG,
                           "finish the session with its video and begin a new one"},
    [VERB_UNIT_SNAPSHOT] =
        {TOPIC_SCOPE_UNIT, "snapshot", 0,
         "take one frame now (without a session: only the picture is published)"},
    [VERB_UNIT_PREVIEW] = {TOPIC_SCOPE_UNIT, "preview", VERB_LONG,
                           "make a video of the frames so far; capture goes on"},
    [VERB_CAMERA_SNAPSHOT] = {TOPIC_SCOPE_CAMERA, "snapshot", 0,
                              "take one picture now and publish it"},
    [VERB_AGENT_PING] = {TOPIC_SCOPE_AGENT, "ping", 0, "answer at once"},
    [VERB_AGENT_SHUTDOWN] = {TOPIC_SCOPE_AGENT, "shutdown", 0,
                             "stop the agent; open sessions go on when it is started again"},
    [VERB_AGENT_PURGE_RETAINED] = {TOPIC_SCOPE_AGENT, "purge_retained", 0,
                                   "clear every retained topic of this agent from the broker"},
};

enum verb_id verb_find(enum topic_scope scope, const char *name)
{
    for (int id = 0; id < VERB_COUNT; id++)
        if (verbs[id].scope == scope && str_equal(verbs[id].name, name))
            return (enum verb_id)id;
    return VERB_COUNT;
}
