/* SPDX-License-Identifier: MIT */
/* parked_print: a print that is paused and parked at every layer, for tests that disturb it. */
#ifndef TESTS_E2E_PARKED_PRINT_H
#define TESTS_E2E_PARKED_PRINT_H

#include "tests/e2e/harness.h"

/* cmocka's setup and teardown; *state is a struct rig. The print has begun. */
int parked_print_setup(void **state);
int parked_print_teardown(void **state);

void parked_print_await_frames(struct rig *rig, size_t count);

/* The printer is held, because the camera gives nothing for that long. */
void parked_print_await_held(struct rig *rig, int64_t camera_ms);

/* Waits for two frames of a printer that stands, newer than now. */
void parked_print_goes_on(struct rig *rig);

/* Waits until the session has ended in that way, and for its video; judges all. */
void parked_print_await_end(struct rig *rig, const char *end, int64_t longest_pause_ms);

/* The fault hits after two frames, has to pass, and the print has to go on as before. */
void parked_print_endures(struct rig *rig, const char *fault, int64_t longest_pause_ms);

#endif
