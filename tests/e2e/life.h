/* SPDX-License-Identifier: MIT */
/* life: the steps of a session's life, for a unit "mk4" that takes a frame each quarter of a second
 * while a job runs. Each step fails the test when it does not come. */
#ifndef TESTS_E2E_LIFE_H
#define TESTS_E2E_LIFE_H

#include "tests/e2e/frames.h"

enum { LIFE_DEADLINE_MS = 60000 };

#define LIFE_LONG_PRINT  "start&layers=400&layer_ms=500"
#define LIFE_SHORT_PRINT "start&layers=8&layer_ms=450"

/* unit: further settings. The rig is in *state, too; the printer is idle. */
struct rig *life_begin(void **state, const char *unit);
void life_await_state(struct rig *rig, const char *state);
/* So many events more than there are now. */
void life_await_more(struct rig *rig, const char *type, size_t more);
/* "cmd/pause" or "set/fps" with its value; it must be done. The final acknowledgement. */
const cJSON *life_give(struct rig *rig, const char *request, const char *value);
/* A job starts, and the first frames come. */
void life_begin_print(struct rig *rig, const char *print);
void life_begin_capture(struct rig *rig); /* of a job that outlives the test */

/* The id of a session, by its number from 0. */
const char *life_session(struct rig *rig, size_t index);
/* The video that an event announces shows the first frames of its session, as many as it says. */
void life_check_video(struct rig *rig, const cJSON *event);
/* The session ended so, with all of its frames in a video. */
void life_check_finished(struct rig *rig, size_t index, const char *end);

#endif
