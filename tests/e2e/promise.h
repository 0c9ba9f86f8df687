/* SPDX-License-Identifier: MIT */
/* promise: what must be true whatever was broken, judged by what really happened: the simulator's
 * log, the files on disk, the journal and what was said on the broker. Each promise_… fails the
 * running test when it does not hold. */
#ifndef TESTS_E2E_PROMISE_H
#define TESTS_E2E_PROMISE_H

#include "tests/e2e/harness.h"

/* What the printer went through, from the simulator's log. */
struct printer_story {
    int pauses;          /* of ours */
    int64_t longest_ms;  /* from a pause of ours until it printed again */
    bool held;           /* the log ends with a pause of ours */
    int foreign_resumes; /* pauses of a person or a sensor that we ended */
    int started_files;   /* an M24 that started a file */
    int stray_moves;     /* moves of ours into a running print */
};
void promise_read_story(struct rig *rig, struct printer_story *ret_story);

/* Never left paused, never paused for longer than that, never meddled with. */
void promise_printer_is_free(struct rig *rig, int64_t longest_ms);

/* Every announced frame is there with the bytes that were said and a marker that can be read (the
 * head standing when it was said to be held); numbers rise within a session. Returns how many. */
size_t promise_frames(struct rig *rig);

/* Every video that was called ready decodes without a complaint to as many pictures as were said,
 * and these are the frames on disk, each once and in order. Returns how many videos. */
size_t promise_videos(struct rig *rig);

/* The same of one video file and the frames beside it. */
void promise_video_file(struct rig *rig, const char *path, const char *camera);

/* With the agent stopped: what was announced is in the journal, what is in the journal is on disk
 * with the checksum it was stored with. */
void promise_journal(struct rig *rig);

/* With the agent stopped: whether the journal knows a pause of ours. */
bool promise_pause_is_open(struct rig *rig);

#endif
