/* SPDX-License-Identifier: MIT */
/* studio: a loop, an encoder queue and one video in a directory of their own, and what the video
 * told its owner. Waits run the loop until something is so, or fail after a generous deadline. */
#ifndef TESTS_ENCODE_STUDIO_H
#define TESTS_ENCODE_STUDIO_H

#include "encode/queue.h"
#include "encode/video.h"

struct studio {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    struct encode_settings encode;
    struct encode_queue *queue;
    char *dir;       /* of the video */
    char *frame_dir; /* 000001.jpg … */
    struct video_settings settings;
    struct video *video;
    int64_t next_seq;

    bool free_on_segment, free_on_done;
    int segments, failures; /* on_segment without and with an error */
    struct error last_error;
    struct video_state last;
    double progress;

    int done_calls, result;
    struct error done_error;
    char *path; /* of the last result */
    struct video_result video_result;
};

/* For cmocka's setup and teardown; 60 frames of RIG_WIDTH x RIG_HEIGHT lie in frame_dir. */
int studio_setup(void **state);
int studio_teardown(void **state);

void studio_open(struct studio *studio);
void studio_close(struct studio *studio);
/* The next count frames. */
void studio_add(struct studio *studio, int count);
void studio_add_path(struct studio *studio, const char *path);

void studio_start_finish(struct studio *studio);
/* Waits for the answer; returns the result. */
int studio_wait_done(struct studio *studio);
int studio_finish(struct studio *studio);
int studio_preview(struct studio *studio, const char *dest_path);

void studio_wait_frames(struct studio *studio, int64_t encoded_frames);
void studio_wait_failures(struct studio *studio, int failures);
void studio_wait_idle(struct studio *studio);
struct video_state studio_state(const struct studio *studio);

/* The last result was 0, and the file is what it says: to the frame and to the millisecond. */
void studio_assert_result(const struct studio *studio, int frames, int dropped, double duration_s);

/* A program that stands for ffmpeg: a shell script with this body; $REAL is the real one. The queue
 * remembers where it found ffmpeg: for a change on the way a script has to stand there before. */
void studio_use_script(struct studio *studio, const char *body);
void studio_use_ffmpeg(struct studio *studio);

/* Pid of a child of ours that is ffmpeg; waits for one. */
int studio_wait_child(struct studio *studio);

#endif
