/* SPDX-License-Identifier: MIT */
/* shot_queue: who wants a picture of a unit's cameras; one shot after another, because a printer is
 * held once at a time. Only a camera that is out of patience (shot.h) still owes its picture while
 * the next shot is taken, of the others. A request is over when every camera's picture is stored or
 * lost; whoever waits for it gets the one answer then. Loop thread only. */
#ifndef AGENT_SHOT_QUEUE_H
#define AGENT_SHOT_QUEUE_H

#include "agent/base/json.h"
#include "agent/trigger/trigger.h"
#include "agent/unit/shot.h"
#include "mqtt/envelope.h"

/* The answer to a command: comes exactly once. result: an object or NULL, borrowed; message: for a
 * failure. */
typedef void (*answer_fn)(enum ack_code code, const char *message, const cJSON *result, void *user);

struct shot_request {
    struct trigger_cause cause; /* its moment tells requests apart */
    bool for_session;           /* a frame; else only to be seen */
    bool must;                  /* never gives way to a newer one */
    answer_fn answer;           /* NULL: nobody waits for it */
    void *answer_user;
};

struct shot_queue_events {
    /* How the shot is to be taken, with every camera. */
    void (*plan)(const struct shot_request *request, struct shot_plan *ret_plan, void *user);
    /* The printer is not held for it, and why. */
    void (*unheld)(const struct shot_request *request, const struct error *err, void *user);
    /* The picture of one camera is here, or none comes; once for each. shot_queue_part() must
     * follow, now or later. */
    void (*taken)(const struct shot_request *request, const struct shot_result *result, void *user);
    /* A trigger came while this one still waited. */
    void (*gave_way)(const struct shot_request *request, void *user);
    /* Nothing waits and nothing is under way. */
    void (*idle)(void *user);
};

struct shot_queue;
struct shot_queue *shot_queue_new(size_t camera_count, const struct shot_queue_events *events,
                                  void *user) MUST_CHECK;
void shot_queue_free(struct shot_queue *queue); /* drops; NULL is fine */

/* Takes the request in. A trigger that waits (nobody waits for its answer, not must) gives way to
 * this one when it is a trigger too: two frames of one moment help nobody. Too many snapshots are
 * answered "busy". */
void shot_queue_ask(struct shot_queue *queue, const struct shot_request *request);

/* One camera's picture of the request of that moment is dealt with: proof (ownership passes)
 * describes what was taken; err: it was lost. */
void shot_queue_part(struct shot_queue *queue, int64_t trigger_at_mono_us, cJSON *proof,
                     const struct error *err);

/* Forgets all requests, answered "cancelled"; a printer held for one is let go. */
void shot_queue_drop(struct shot_queue *queue);
bool shot_queue_idle(const struct shot_queue *queue);

#endif
