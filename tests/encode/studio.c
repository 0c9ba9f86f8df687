/* SPDX-License-Identifier: MIT */
#include "tests/encode/studio.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, FRAMES = 60 };

/* --- the world --- */

static void on_deadline(void *user)
{
    struct studio *studio = user;

    studio->late = true;
}

static void turn(struct studio *studio)
{
    loop_run_once(studio->loop);
    if (studio->late)
        fail_msg("nothing happened for %d s; last error: %s", DEADLINE_MS / 1000,
                 studio->last_error.text);
}

static void wait_begin(struct studio *studio)
{
    studio->late = false;
    timer_start(studio->deadline, DEADLINE_MS);
}

int studio_setup(void **state)
{
    struct studio *studio = xcalloc(1, sizeof(*studio));

    signal(SIGPIPE, SIG_IGN);
    if (loop_new(&studio->loop, NULL) < 0)
        return -1;
    studio->deadline = timer_new(studio->loop, on_deadline, studio);
    studio->dir = rig_dir_make();
    studio->frame_dir = xasprintf("%s/frames", studio->dir);
    assert_int_equal(mkdir(studio->frame_dir, 0700), 0);
    rig_make_frames(studio->frame_dir, 1, FRAMES, RIG_WIDTH, RIG_HEIGHT);
    studio->encode = (struct encode_settings){
        .max_encoders = 1, .max_queued = 8, .segment_timeout_s = 60, .ffmpeg = xstrdup("ffmpeg")};
    studio->queue = encode_queue_new(studio->loop, &studio->encode);
    studio->settings = (struct video_settings){.enabled = true,
                                               .fps = 25,
                                               .min_frames = 1,
                                               .crf = 23,
                                               .preset = 2,
                                               .segment_frames = 10,
                                               .tail_frames = 3};
    studio->next_seq = 1;
    *state = studio;
    return 0;
}

int studio_teardown(void **state)
{
    struct studio *studio = *state;

    studio_close(studio);
    encode_queue_free(studio->queue);
    timer_free(studio->deadline);
    loop_free(studio->loop);
    video_result_done(&studio->video_result);
    rig_dir_remove(studio->dir);
    free(studio->frame_dir);
    free(studio->encode.ffmpeg);
    free(studio);
    return 0;
}

/* --- the video --- */

static void on_segment(const struct video_state *state, const struct error *err, void *user)
{
    struct studio *studio = user;

    studio->last = *state;
    if (err) {
        studio->failures++;
        studio->last_error = *err;
    } else {
        studio->segments++;
    }
    if (studio->free_on_segment)
        studio_close(studio);
}

static void on_progress(double progress, void *user)
{
    struct studio *studio = user;

    assert_true(progress >= 0 && progress <= 1);
    studio->progress = progress;
}

static void on_done(int result, const struct video_result *ret, const struct error *err, void *user)
{
    struct studio *studio = user;

    studio->done_calls++;
    studio->result = result;
    if (err)
        studio->done_error = *err;
    video_result_done(&studio->video_result);
    if (result == 0) {
        studio->video_result = *ret;
        studio->video_result.path = xstrdup(ret->path);
    }
    if (studio->free_on_done)
        studio_close(studio);
}

void studio_open(struct studio *studio)
{
    static const struct video_events events = {.on_segment = on_segment,
                                               .on_progress = on_progress};
    struct video_config config = {
        .dir = studio->dir, .name = "film", .settings = &studio->settings};
    struct error err = {0};

    if (video_open(studio->loop, studio->queue, &config, &events, studio, &studio->video, &err) < 0)
        fail_msg("%s", err.text);
    studio->last = studio_state(studio);
    studio->next_seq = MAX(studio->last.last_seq, (int64_t)0) + 1;
}

void studio_close(struct studio *studio)
{
    video_free(TAKE(studio->video));
}

void studio_add_path(struct studio *studio, const char *path)
{
    video_add_frame(studio->video, studio->next_seq++, path, RIG_WIDTH, RIG_HEIGHT);
}

void studio_add(struct studio *studio, int count)
{
    for (int i = 0; i < count; i++) {
        int number = (int)((studio->next_seq - 1) % FRAMES) + 1;
        CLEANUP(free_p) char *path = rig_frame_path(studio->frame_dir, number);

        studio_add_path(studio, path);
    }
}

struct video_state studio_state(const struct studio *studio)
{
    struct video_state state;

    video_get_state(studio->video, &state);
    return state;
}

/* --- waiting --- */

void studio_start_finish(struct studio *studio)
{
    studio->done_calls = 0;
    assert_int_equal(video_finish(studio->video, on_done, studio, NULL), 0);
    assert_int_equal(studio->done_calls, 0);
}

int studio_wait_done(struct studio *studio)
{
    wait_begin(studio);
    while (studio->done_calls == 0)
        turn(studio);
    assert_int_equal(studio->done_calls, 1);
    return studio->result;
}

int studio_finish(struct studio *studio)
{
    studio_start_finish(studio);
    return studio_wait_done(studio);
}

int studio_preview(struct studio *studio, const char *dest_path)
{
    studio->done_calls = 0;
    assert_int_equal(video_preview(studio->video, dest_path, on_done, studio, NULL), 0);
    return studio_wait_done(studio);
}

void studio_wait_frames(struct studio *studio, int64_t encoded_frames)
{
    wait_begin(studio);
    while (studio_state(studio).encoded_frames < encoded_frames)
        turn(studio);
}

void studio_wait_failures(struct studio *studio, int failures)
{
    wait_begin(studio);
    while (studio->failures < failures)
        turn(studio);
}

void studio_wait_idle(struct studio *studio)
{
    wait_begin(studio);
    while (studio_state(studio).encoding)
        turn(studio);
}

void studio_assert_result(const struct studio *s, int frames, int dropped, double duration_s)
{
    const struct video_result *result = &s->video_result;

    if (s->result != 0)
        fail_msg("%d: %s", s->result, s->done_error.text);
    assert_int_equal(result->frames, frames);
    assert_int_equal(result->dropped_frames, dropped);
    assert_true(fabs(result->duration_s - duration_s) < 1e-9);
    assert_int_equal(result->width, RIG_WIDTH);
    assert_int_equal(result->height, RIG_HEIGHT);
    assert_int_equal(result->bytes, rig_size(result->path));
    assert_int_equal(rig_count_frames(result->path), frames);
    assert_true(fabs(rig_duration_s(result->path) - duration_s) < 0.0005);
    assert_true(rig_decodes(result->path));
}

/* --- ffmpeg and its doubles --- */

void studio_use_script(struct studio *studio, const char *body)
{
    CLEANUP(free_p) char *real = NULL;
    CLEANUP(free_p) char *path = xasprintf("%s/ffmpeg", studio->dir);
    CLEANUP(free_p) char *script = NULL;

    assert_int_equal(process_find_program("ffmpeg", &real, NULL), 0);
    script = xasprintf("#!/bin/sh\nREAL=%s\n%s\n", real, body);
    remove(path);
    rig_write(path, script, strlen(script));
    assert_int_equal(chmod(path, 0700), 0);
    replace_str(&studio->encode.ffmpeg, path);
}

void studio_use_ffmpeg(struct studio *studio)
{
    studio_use_script(studio, "exec $REAL \"$@\"");
}

static int child_pid(void)
{
    CLEANUP(buf_done) struct buf children = BUF_INIT(4096);
    CLEANUP(free_p)
    char *path = xasprintf("/proc/self/task/%d/children", (int)getpid());
    int pid = 0;

    rig_read(path, &children);
    return sscanf(buf_text(&children), "%d", &pid) == 1 ? pid : 0;
}

int studio_wait_child(struct studio *studio)
{
    int pid;

    wait_begin(studio);
    while ((pid = child_pid()) == 0)
        turn(studio);
    return pid;
}
