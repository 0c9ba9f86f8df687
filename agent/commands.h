/* SPDX-License-Identifier: MIT */
/* commands: what comes in on the command topics: checked, acknowledged in two phases, carried out
 * by the handler of its verb (verbs.h). A retained, stale, repeated, too large or too frequent
 * command changes nothing and is told so. Loop thread only. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/journal.h"
#include "agent/unit.h"
#include "mqtt/client.h"

struct commands;

struct commands_config { /* borrowed */
    struct mqtt_client *mqtt;
    struct journal *journal;
    const char *prefix, *agent;
    struct unit **units;
    size_t unit_count;
    struct camera **cameras;
    size_t camera_count;
};
struct commands_callbacks {
    void (*on_shutdown)(void *user);
    size_t (*on_purge)(void *user); /* how many topics were cleared */
    void (*on_camera_picture)(const char *camera, struct picture *picture, void *user);
};

struct commands *commands_new(const struct commands_config *config,
                              const struct commands_callbacks *callbacks, void *user) MUST_CHECK;
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
