/* SPDX-License-Identifier: MIT */
/* ear: hears and speaks on a rig's broker with stamps of microseconds (the rig's own tap notes
 * milliseconds). */
#ifndef TESTS_BENCH_EAR_H
#define TESTS_BENCH_EAR_H

#include "tests/e2e/harness.h"

struct ear;

/* topic: without "timelapse/v1/pi01/"; valid during the call only, as json. */
typedef void (*ear_fn)(const char *topic, const cJSON *json, int64_t at_mono_us, void *user);

/* Hears the events of all units and the acknowledgements. Ends the program when it cannot. */
struct ear *ear_new(struct rig *rig, ear_fn on_heard, void *user) MUST_CHECK;
void ear_free(struct ear *ear);

/* topic: in full. Returns the moment just before (monotonic µs). */
int64_t ear_say(struct ear *ear, const char *topic, const char *payload);

#endif
