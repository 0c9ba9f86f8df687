/* SPDX-License-Identifier: MIT */
/* flood: a process that publishes as fast as it is told to, with its own few bytes of MQTT 3.1.1
 * (QoS 0): no client library would be this rude. */
#ifndef TESTS_BENCH_FLOOD_H
#define TESTS_BENCH_FLOOD_H

#include "agent/base/common.h"

struct flood;

/* Publishes {} to the topic, per_s times a second, for so long. */
struct flood *flood_start(int port, const char *topic, int per_s, int seconds) MUST_CHECK;
/* Whether it has ended. */
bool flood_is_over(struct flood *flood);
/* Waits for the end; messages a second that it came to, 0 when it failed. Frees it. */
double flood_end(struct flood *flood);

#endif
