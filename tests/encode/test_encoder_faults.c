/* SPDX-License-Identifier: MIT */
/* test_encoder_faults: encoders that are missing, killed, hang or lie. None may cost a frame. */
#include "tests/encode/studio.h"

#include "agent/base/mem.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

static void a_killed_encoder_costs_nothing(void **state)
{
    struct studio *s = *state;

    s->settings.segment_frames = 60;
    studio_open(s);
    studio_add(s, 60);
    kill(studio_wait_child(s), SIGKILL);
    studio_wait_failures(s, 1);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 60, 0, 60 / 25.0);
}

static void a_missing_encoder_is_said_once_and_waited_for(void **state)
{
    struct studio *s = *state;

    replace_str(&s->encode.ffmpeg, "/nonexistent/ffmpeg");
    studio_open(s);
    studio_add(s, 12);
    studio_wait_failures(s, 1);
    assert_int_equal(s->last_error.code, -ENOENT);
    studio_add(s, 8);
    assert_int_equal(studio_finish(s), -ENOENT);
    assert_int_equal(s->failures, 1);
    assert_int_equal(studio_state(s).pending_frames, 20);
    studio_use_ffmpeg(s);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 20, 0, 20 / 25.0);
}

/* No filter "zscale" in this build of ffmpeg. */
static void an_encoder_without_the_cheap_filter_is_good_enough(void **state)
{
    struct studio *s = *state;

    studio_use_script(s, "case \"$*\" in *zscale*) echo 'No such filter' >&2; exit 1;; esac\n"
                         "exec $REAL \"$@\"");
    studio_open(s);
    studio_add(s, 40);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 40, 0, 40 / 25.0);
    assert_true(s->failures <= 2); /* it is not tried for ever */
}

struct liar {
    const char *what, *body;
};

static void refuse(struct studio *s, const struct liar *liar)
{
    studio_use_script(s, liar->body);
    s->failures = 0;
    studio_add(s, 3);
    if (studio_finish(s) == 0)
        fail_msg("%s was believed", liar->what);
    assert_int_equal(studio_state(s).encoded_frames, 0);
    assert_int_equal(studio_state(s).dropped_frames, 0);
}

static void a_lying_encoder_is_refused_and_no_frame_lost(void **state)
{
    static const struct liar liars[] = {
        {"nothing, but exit code 0", "cat >/dev/null; exit 0"},
        {"an end before the frames", "exit 0"},
        {"noise", "cat >/dev/null; head -c 100000 /dev/urandom; exit 0"},
        {"a flood on stderr", "cat >/dev/null; head -c 5000000 /dev/zero >&2; exit 1"},
        {"the report of a good run without one",
         "cat >/dev/null; printf 'frame=3\\nprogress=end\\n' >&3; exit 0"},
        {"one frame fewer than fed",
         "case \"$*\" in *mpjpeg*) exec $REAL -loglevel error -f mpjpeg -i pipe:0 -vf "
         "'select=gte(n\\,1)' -fps_mode passthrough -c:v libx264 -bf 0 -pix_fmt yuv420p "
         "-progress pipe:3 -f h264 pipe:1;; esac\nexec $REAL \"$@\""},
        {"a good stream and exit code 3", "$REAL \"$@\"; exit 3"},
    };
    struct studio *s = *state;

    studio_open(s);
    for (size_t i = 0; i < ARRAY_LEN(liars); i++)
        refuse(s, &liars[i]);
    studio_use_ffmpeg(s);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 3 * (int)ARRAY_LEN(liars), 0, 3 * (double)ARRAY_LEN(liars) / 25);
}

static void a_hanging_encoder_is_stopped(void **state)
{
    struct studio *s = *state;

    s->encode.segment_timeout_s = 1;
    studio_use_script(s, "exec sleep 1000");
    studio_open(s);
    studio_add(s, 10);
    studio_wait_failures(s, 1);
    assert_int_equal(s->last_error.code, -ETIMEDOUT);
    s->encode.segment_timeout_s = 60;
    studio_use_ffmpeg(s);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 10, 0, 10 / 25.0);
}

/* The encoder is good, what the decoder counts is not: the segment is taken out of the file again.
 */
static void a_segment_that_does_not_decode_is_not_kept(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *growing = xasprintf("%s/film.growing.mp4", s->dir);

    studio_use_ffmpeg(s);
    studio_open(s);
    studio_add(s, 10);
    studio_wait_frames(s, 10);
    studio_use_script(s, "case \"$*\" in *mpjpeg*) exec $REAL \"$@\";; esac\n"
                         "printf 'frame=9\\nprogress=end\\n' >&3; exit 0");
    studio_add(s, 10);
    studio_wait_failures(s, 1);
    studio_wait_idle(s);
    assert_int_equal(studio_state(s).encoded_frames, 10);
    assert_int_equal(rig_count_frames(growing), 10);
    studio_use_ffmpeg(s);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 20, 0, 20 / 25.0);
}

#define VIDEO_TEST(name) cmocka_unit_test_setup_teardown(name, studio_setup, studio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIDEO_TEST(a_killed_encoder_costs_nothing),
        VIDEO_TEST(a_missing_encoder_is_said_once_and_waited_for),
        VIDEO_TEST(an_encoder_without_the_cheap_filter_is_good_enough),
        VIDEO_TEST(a_lying_encoder_is_refused_and_no_frame_lost),
        VIDEO_TEST(a_hanging_encoder_is_stopped),
        VIDEO_TEST(a_segment_that_does_not_decode_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
