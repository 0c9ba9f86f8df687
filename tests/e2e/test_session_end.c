/* SPDX-License-Identifier: MIT */
/* How sessions end: done, cancelled or lost by the printer, with settings that were changed on the
 * way; the video is made in any case. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/life.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- settings --- */

static double setting(struct rig *rig, const char *key)
{
    CLEANUP(free_p) char *path = xasprintf("settings.%s", key);

    return json_number(rig_look(rig, "unit/mk4/status", path));
}

static void test_settings_change_while_it_captures(void **state)
{
    struct rig *rig = life_begin(state, "");
    const cJSON *ready;

    life_begin_print(rig, "start&layers=20&layer_ms=450");
    life_give(rig, "set/fps", "12.5");
    RIG_WAIT(rig, setting(rig, "fps") == 12.5);
    life_give(rig, "set/trigger", "\"layer,interval\"");
    RIG_WAIT(rig, json_size(rig_look(rig, "unit/mk4/status", "settings.trigger")) == 2);
    life_give(rig, "set/interval_s", "100");
    life_give(rig, "set/trigger", "\"layer\"");
    life_await_more(rig, "frame", 1); /* the last of the interval may have been under way */
    life_await_more(rig, "frame", 2);
    assert_true(
        event_says(rig_event(rig, "frame", rig_event_count(rig, "frame") - 1), "trigger", "layer"));
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "done");
    ready = rig_event(rig, "video_ready", 0);
    assert_true(fabs(event_number(ready, "fps") - 12.5) < 0.001);
    rig_pass(rig);
}

static void test_the_length_of_a_video_can_be_asked_for(void **state)
{
    struct rig *rig = life_begin(state, "");
    struct decoded_video video;

    life_begin_print(rig, LIFE_SHORT_PRINT);
    life_give(rig, "set/target_length_s", "3");
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "done");
    video_decode(rig, json_get_string(rig_event(rig, "video_ready", 0), "file"), &video);
    if (fabs(video.duration_s - 3) > 0.05)
        fail_msg("it lasts %.3f s", video.duration_s);
    decoded_video_done(&video);
    rig_pass(rig);
}

/* --- by the printer --- */

static void test_a_cancelled_job_still_becomes_a_video(void **state)
{
    struct rig *rig = life_begin(state, "");

    life_begin_capture(rig);
    rig_sim_fault(rig, "what=cancel");
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "cancelled");
    life_await_state(rig, "waiting");
    rig_pass(rig);
}

static void test_a_job_lost_by_a_reboot_still_becomes_a_video(void **state)
{
    struct rig *rig = life_begin(state, "");

    life_begin_capture(rig);
    rig_sim_fault(rig, "what=reboot");
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "lost");
    life_await_state(rig, "waiting");
    rig_pass(rig);
}

static void test_without_restart_it_goes_to_standby_after_the_print(void **state)
{
    struct rig *rig = life_begin(state, "restart = false;");

    life_begin_print(rig, LIFE_SHORT_PRINT);
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "done");
    life_await_state(rig, "standby");
    rig_pass(rig);
}

static void test_too_few_frames_are_no_video_and_no_failure(void **state)
{
    struct rig *rig = life_begin(state, "");

    life_begin_capture(rig);
    life_give(rig, "set/min_frames", "1000");
    sim_do(rig, "finish");
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "video_none"), 1);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    assert_int_equal(rig_event_count(rig, "video_failed"), 0);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_settings_change_while_it_captures),
        TEST(test_the_length_of_a_video_can_be_asked_for),
        TEST(test_a_cancelled_job_still_becomes_a_video),
        TEST(test_a_job_lost_by_a_reboot_still_becomes_a_video),
        TEST(test_without_restart_it_goes_to_standby_after_the_print),
        TEST(test_too_few_frames_are_no_video_and_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
