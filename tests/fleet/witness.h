/* SPDX-License-Identifier: MIT */
/* witness: hears every event of a swarm, and none less because the broker was killed: mosquitto_sub
 * with QoS 0 (nothing waits in the broker for its acknowledgements, and it writes nothing into a
 * dead connection) and a session that the broker keeps on disk, so that who comes back before the
 * witness is heard, too. */
#ifndef TESTS_FLEET_WITNESS_H
#define TESTS_FLEET_WITNESS_H

#include "agent/base/common.h"

/* The broker that it needs. */
#define WITNESS_BROKER                                                                             \
    "allow_anonymous true\nlog_type all\npersistence true\npersistence_location %dir/\n"           \
    "autosave_interval 0\nqueue_qos0_messages true\nmax_queued_messages 0\n"

struct witness;

/* log_path: what it hears is kept there. Ends the program when it cannot listen. */
struct witness *witness_new(int port, size_t agents, const char *log_path) MUST_CHECK;
void witness_free(struct witness *witness);

/* Reads on. true: the broker has confirmed its subscription. */
bool witness_listens(struct witness *witness);
/* Reads on. The events of this agent from the first one on without a gap. */
int64_t witness_heard(struct witness *witness, size_t agent);
int64_t witness_twice(const struct witness *witness);  /* events that were heard before */
int64_t witness_jumped(const struct witness *witness); /* came before one that was said earlier */

#endif
