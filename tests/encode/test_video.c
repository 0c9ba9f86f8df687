/* SPDX-License-Identifier: MIT */
/* test_video: from frames to a finished video with the real ffmpeg, and what can go wrong between.
 */
#include "tests/encode/studio.h"

#include "agent/base/mem.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

static void add_bad(struct studio *s, const char *name, const void *data, size_t len)
{
    CLEANUP(free_p) char *path = xasprintf("%s/%s", s->frame_dir, name);

    rig_write(path, data, len);
    studio_add_path(s, path);
}

/* --- the good way --- */

static void every_frame_added_is_in_the_finished_video(void **state)
{
    struct studio *s = *state;

    studio_open(s);
    studio_add(s, 37);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 37, 0, 37 / 25.0);
    assert_int_equal(studio_state(s).pending_frames, 0);
    assert_int_equal(studio_state(s).last_seq, 37);
    assert_true(s->progress > 0);
}

static void segments_are_made_while_frames_come(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *growing = xasprintf("%s/film.growing.mp4", s->dir);

    studio_open(s);
    studio_add(s, 25);
    studio_wait_frames(s, 20);
    studio_wait_idle(s);
    assert_int_equal(s->segments, 2);
    assert_int_equal(s->last.last_seq, 20);
    assert_int_equal(studio_state(s).pending_frames, 5);
    assert_int_equal(rig_count_frames(growing), 20);
    video_set_tail(s->video, true);
    studio_wait_frames(s, 25);
    studio_add(s, 2);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 27, 0, 27 / 25.0);
}

static void length_and_hold_are_numbers_that_may_change_late(void **state)
{
    struct studio *s = *state;

    studio_open(s);
    studio_add(s, 30);
    studio_wait_frames(s, 30);
    s->settings.target_length_s = 7;
    s->settings.hold_last_s = 2;
    video_set_settings(s->video, &s->settings);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 30, 0, 9);
}

static void a_preview_is_a_video_of_all_so_far_and_capture_goes_on(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *preview = xasprintf("%s/preview.mp4", s->dir);

    studio_open(s);
    studio_add(s, 13);
    s->done_calls = 0;
    assert_int_equal(studio_preview(s, preview), 0);
    studio_assert_result(s, 13, 0, 13 / 25.0);
    assert_string_equal(s->video_result.path, preview);
    studio_add(s, 4);
    assert_int_equal(studio_preview(s, preview), 0);
    studio_assert_result(s, 17, 0, 17 / 25.0);
    studio_add(s, 10);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 27, 0, 27 / 25.0);
}

static void other_sizes_are_fitted_into_the_first(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *odd_dir = rig_dir_make();
    CLEANUP(free_p) char *odd = rig_frame_path(odd_dir, 1);

    rig_make_frames(odd_dir, 1, 1, 200, 322);
    studio_open(s);
    studio_add(s, 5);
    video_add_frame(s->video, s->next_seq++, odd, 200, 322);
    studio_add(s, 5);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 11, 0, 11 / 25.0);
    rig_dir_remove(TAKE(odd_dir));
}

static void a_large_picture_is_scaled_down_to_the_limit(void **state)
{
    struct studio *s = *state;

    s->settings.max_width = 161;
    studio_open(s);
    studio_add(s, 4);
    assert_int_equal(studio_finish(s), 0);
    assert_int_equal(s->video_result.width, 160);
    assert_int_equal(s->video_result.height, 120);
    assert_int_equal(rig_count_frames(s->video_result.path), 4);
}

static void too_few_frames_make_no_video(void **state)
{
    struct studio *s = *state;

    s->settings.min_frames = 5;
    studio_open(s);
    assert_int_equal(studio_finish(s), -ENODATA);
    studio_add(s, 4);
    assert_int_equal(studio_finish(s), -ENODATA);
    studio_add(s, 1);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 5, 0, 5 / 25.0);
}

static void two_videos_share_one_encoder(void **state)
{
    struct studio *s = *state;
    struct video *other = NULL;
    int running, waiting;

    studio_open(s);
    assert_int_equal(
        video_open(s->loop, s->queue,
                   &(struct video_config){.dir = s->dir, .name = "other", .settings = &s->settings},
                   &(struct video_events){0}, NULL, &other, NULL),
        0);
    for (int i = 1; i <= 10; i++) {
        CLEANUP(free_p) char *path = rig_frame_path(s->frame_dir, i);

        video_add_frame(other, i, path, RIG_WIDTH, RIG_HEIGHT);
    }
    studio_add(s, 10);
    studio_start_finish(s);
    do {
        loop_run_once(s->loop);
        encode_queue_counts(s->queue, &running, &waiting);
        assert_true(running <= 1);
    } while (s->done_calls == 0);
    studio_assert_result(s, 10, 0, 10 / 25.0);
    video_free(other);
}

/* --- bad frames --- */

static void unusable_files_are_left_out_and_counted(void **state)
{
    struct studio *s = *state;
    CLEANUP(buf_done) struct buf jpeg = BUF_INIT(1 << 20);
    CLEANUP(free_p) char *whole = rig_frame_path(s->frame_dir, 1);
    CLEANUP(free_p) char *gone = xasprintf("%s/gone.jpg", s->frame_dir);

    rig_read(whole, &jpeg);
    studio_open(s);
    studio_add(s, 6);
    add_bad(s, "empty.jpg", "", 0);
    studio_add(s, 3);
    add_bad(s, "half.jpg", jpeg.data, jpeg.len / 2);
    add_bad(s, "page.jpg", "<html>busy</html>", 17);
    studio_add_path(s, gone);
    studio_add(s, 4);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 13, 4, 13 / 25.0);
}

/* Whole to look at, but the decoder makes no picture of it. */
static void a_frame_that_only_the_decoder_refuses_is_found(void **state)
{
    struct studio *s = *state;
    static const uint8_t hollow[] = {0xff, 0xd8, 0xff, 0xc0, 0, 11,   8,    0,   240, 1,
                                     64,   1,    1,    0x11, 0, 0xff, 0xda, 0,   8,   1,
                                     1,    0,    0,    63,   0, 0,    0xff, 0xd9};

    studio_open(s);
    studio_add(s, 7);
    add_bad(s, "hollow.jpg", hollow, sizeof(hollow));
    studio_add(s, 5);
    assert_int_equal(studio_finish(s), 0);
    assert_true(s->failures > 0);
    studio_assert_result(s, 12, 1, 12 / 25.0);
}

static void frames_that_are_all_gone_are_counted(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *gone = xasprintf("%s/gone.jpg", s->frame_dir);

    studio_open(s);
    for (int i = 0; i < 10; i++)
        studio_add_path(s, gone);
    studio_add(s, 10);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 10, 10, 10 / 25.0);
}

#define VIDEO_TEST(name) cmocka_unit_test_setup_teardown(name, studio_setup, studio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIDEO_TEST(every_frame_added_is_in_the_finished_video),
        VIDEO_TEST(segments_are_made_while_frames_come),
        VIDEO_TEST(length_and_hold_are_numbers_that_may_change_late),
        VIDEO_TEST(a_preview_is_a_video_of_all_so_far_and_capture_goes_on),
        VIDEO_TEST(other_sizes_are_fitted_into_the_first),
        VIDEO_TEST(a_large_picture_is_scaled_down_to_the_limit),
        VIDEO_TEST(too_few_frames_make_no_video),
        VIDEO_TEST(two_videos_share_one_encoder),
        VIDEO_TEST(unusable_files_are_left_out_and_counted),
        VIDEO_TEST(a_frame_that_only_the_decoder_refuses_is_found),
        VIDEO_TEST(frames_that_are_all_gone_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
