/* SPDX-License-Identifier: MIT */
/* fleet: many agents played by one client, as lapsectl sees them: retained topics, and answers to
 * what is asked of all, of a group or of one. job.list has two pages. */
#ifndef TESTS_E2E_FLEET_H
#define TESTS_E2E_FLEET_H

#include "tests/e2e/harness.h"

/* What an agent of the fleet is like, by its number. */
enum fleet_manner {
    FLEET_ANSWERS,
    FLEET_OFFLINE,
    FLEET_SILENT,  /* online, and says nothing */
    FLEET_REFUSES, /* busy */
};
typedef enum fleet_manner (*fleet_manner_fn)(size_t number);

struct fleet;

/* Agents "a000", "a001" …, each with a unit "u"; those of even number are in the group "even".
 * Returns when the broker has all of their topics. */
struct fleet *fleet_new(struct rig *rig, size_t count, fleet_manner_fn manner) MUST_CHECK;
void fleet_free(struct fleet *fleet);

/* What the first agent says of the preview that it was asked for: how far it is; that it is ready.
 */
void fleet_tell_progress(struct fleet *fleet, int percent);
void fleet_tell_ready(struct fleet *fleet);

/* How many publishes asked for something; a fleet topic counts once. */
size_t fleet_asked(const struct fleet *fleet);
/* The last one's topic behind "timelapse/v1/". */
const char *fleet_last_topic(const struct fleet *fleet);

#endif
