/* SPDX-License-Identifier: MIT */
/* publish: when something is said on MQTT. Status topics are marked and sent a little later, many
 * changes as one, and only when the document differs from the last one; events go out at once.
 *
 * Also keeps the list of retained topics ever published, so that what today's configuration does
 * not make any more is cleared from the broker. Loop thread only. */
#ifndef AGENT_PUBLISH_H
#define AGENT_PUBLISH_H

#include "agent/base/json.h"
#include "agent/journal/journal.h"
#include "mqtt/client.h"
#include "mqtt/topic.h"

struct publisher;

struct publisher_config { /* borrowed */
    struct loop *loop;
    struct mqtt_client *mqtt;
    struct journal *journal;
    const char *prefix, *agent;
};
/* Makes the document of a status topic (status.h), when its time has come; NULL = nothing to say.
 */
typedef cJSON *(*publish_build_fn)(enum topic_kind kind, const char *id, void *user);

struct publisher *publisher_new(const struct publisher_config *config, publish_build_fn build,
                                void *user) MUST_CHECK;
void publisher_free(struct publisher *publisher); /* NULL is fine */

/* The document of this topic may have changed: it is built and sent when min_gap_ms have passed
 * since it was sent last. id: NULL for the agent's own topics. */
void publish_touch(struct publisher *publisher, enum topic_kind kind, const char *id,
                   int64_t min_gap_ms);
/* Sends what is marked now, for the last words before a stop. */
void publish_flush(struct publisher *publisher);

/* Retained plain text (states, availability), at once. */
void publish_text(struct publisher *publisher, enum topic_kind kind, const char *id,
                  const char *text);
/* Retained document of a moment (the last video, a picture's data): stamped with that moment (wall
 * ms; 0 = now), at once. */
void publish_document(struct publisher *publisher, enum topic_kind kind, const char *id, int64_t at,
                      const cJSON *json);
void publish_picture(struct publisher *publisher, const char *camera, const uint8_t *jpeg,
                     size_t len);
/* Every event_type of a unit and of the agent, for those who must know them beforehand. */
extern const char *const publish_unit_events[], *const publish_agent_events[]; /* NULL-terminated */
/* An event: {"event_type":type, stamp, …data}, not retained. id: the unit; NULL = the agent. */
void publish_event(struct publisher *publisher, const char *id, const char *type,
                   const cJSON *data);

/* Clears one topic: what it is about is gone, and is not asked for any more. */
void publish_withdraw(struct publisher *publisher, enum topic_kind kind, const char *id);
/* Retained and outside of the contract (discovery): sent once, kept by the broker for ever. */
void publish_config(struct publisher *publisher, const char *topic, const char *json);

/* Clears the retained topics, of this run or of an earlier one, for which keep() says no; returns
 * how many. */
typedef bool (*publish_keep_fn)(const char *topic, void *user);
size_t publish_clear_stale(struct publisher *publisher, publish_keep_fn keep, void *user);
/* Clears all of them; returns how many. */
size_t publish_purge(struct publisher *publisher);

#endif
