/* SPDX-License-Identifier: MIT */
/* swarm: many agents' links to one broker: each a client of mqtt/client.h with a pump thread, a
 * spool and retained topics of its own, as the agent has them; and each says numbered events. */
#ifndef TESTS_FLEET_SWARM_H
#define TESTS_FLEET_SWARM_H

#include "mqtt/client.h"

/* The agents are a000, a001 …; their events go to "timelapse/v1/a000/unit/u/event". */
#define SWARM_EVENTS "timelapse/v1/+/unit/u/event"

enum { SWARM_RETAINED = 5 }; /* topics of each, availability included */

struct swarm;

/* dir: for the spools. At most 250 agents: the library waits with select(), which knows 1024
 * descriptors of one process. Starts all of them; ends the program when it cannot. */
struct swarm *swarm_new(struct loop *loop, int port, size_t agents, const char *dir) MUST_CHECK;
void swarm_free(struct swarm *swarm);

/* Each of them says an event once in every_ms, one after the other; 0 = silence. */
void swarm_talk(struct swarm *swarm, int64_t every_ms);

size_t swarm_count(const struct swarm *swarm);
size_t swarm_up(const struct swarm *swarm); /* so many are connected */
int64_t swarm_said(const struct swarm *swarm, size_t agent);
int64_t swarm_said_least(const struct swarm *swarm);
/* When it connected last (monotonic ms). */
int64_t swarm_up_at_ms(const struct swarm *swarm, size_t agent);
/* Of all: events that were dropped because too many waited. */
int64_t swarm_dropped(const struct swarm *swarm);

#endif
