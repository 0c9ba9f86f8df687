/* SPDX-License-Identifier: MIT */
/* frames: what a unit announced, beside what its pictures show and what the printer really did. The
 * functions named check fail the test. */
#ifndef TESTS_E2E_FRAMES_H
#define TESTS_E2E_FRAMES_H

#include "tests/e2e/harness.h"
#include "tests/sim/marker.h"

/* Options of a simulator that waits for a job and loses little time. A warm-up is to be longer than
 * the agent leaves an idle printer alone (poll_idle_ms), as that of every real print. */
#define SIM_QUICK                                                                                  \
    "--idle", "--pause-ms", "150", "--resume-ms", "150", "--move-mm-s", "600", "--camera-fps",     \
        "20", "--camera-size", "320x240"

/* Runs the loop until so many events of a type were heard; else fails the test. */
void events_await(struct rig *rig, const char *type, size_t count, int64_t deadline_ms);
/* Members of the event's JSON. The number fails the test when it is not there. */
double event_number(const cJSON *event, const char *key);
bool event_says(const cJSON *event, const char *key, const char *text);

/* One announced frame; texts belong to the event. */
struct frame {
    const cJSON *event;
    const char *session, *trigger, *file;
    int64_t seq, age_ms;
    int layer; /* -1: none */
    bool parked;
    struct marker marker; /* read from the JPEG */
};
struct frames {
    struct frame *items;
    size_t count;
};

/* The frames of one camera of a unit, in the order announced; NULL = any unit, any session. Every
 * file must be there, with the bytes announced and a readable marker. Free with frames_done(). */
void frames_read(struct rig *rig, const char *unit, const char *camera, const char *session,
                 struct frames *ret_frames);
void frames_done(struct frames *frames);

/* Numbers 1, 2, 3 …; none older than its trigger or than the frame before it. */
void frames_check_order(const struct frames *frames);
/* Frames of the trigger "layer": the layers from first in steps of every, each once, and the
 * pictures show just these. */
void frames_check_layers(const struct frames *frames, int first, int every, int last);
size_t frames_count(const struct frames *frames, const char *trigger);
/* The video shows exactly these frames' pictures in this order. */
void frames_check_video(struct rig *rig, const struct frames *frames, const char *path);

/* --- the simulator's log --- */
/* The next line after another (NULL = from the start) with that event and member; key NULL = any.
 * NULL: there is none. */
const cJSON *truth_find(const cJSON *log, const cJSON *after, const char *event, const char *key,
                        const char *value);
size_t truth_count(const cJSON *log, const char *event, const char *key, const char *value);
/* Nothing was ever done that may not be done to a printer, and it is not left paused. */
void truth_check_printer(struct rig *rig);

/* "/sim/command?do=…"; fails the test when the simulator refuses. */
void sim_do(struct rig *rig, const char *query);

#endif
