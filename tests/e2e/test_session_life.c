/* SPDX-License-Identifier: MIT */
/* The life of sessions as a user leads it by commands: what each step leaves behind in frames,
 * videos and words. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

enum { WRONG_STATE = -32002 };

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void expect_refused(struct rig *rig, const char *verb, const char *words)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/mk4/cmd/%s", verb);
    const cJSON *ack = rig_command(rig, topic, NULL);
    const char *message;

    assert_non_null(ack);
    message = json_get_string(ack, "message");
    if (event_number(ack, "code") != WRONG_STATE || !message || !strstr(message, words))
        fail_msg("%s: %.0f, %s", verb, event_number(ack, "code"), message ? message : "");
}

static bool is_there(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

static void check_pause(struct rig *rig)
{
    CLEANUP(json_free_p) cJSON *truth = NULL;
    size_t before;

    life_give(rig, "cmd/pause", NULL);
    life_await_state(rig, "paused");
    assert_int_equal(rig_event_count(rig, "session_paused"), 1);
    rig_linger(rig, 300); /* what was under way */
    before = rig_event_count(rig, "frame");
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "frame"), before);
    truth = rig_sim_get(rig, "/sim/state");
    assert_string_equal(json_get_string(truth, "status"), "processing");
    expect_refused(rig, "pause", "paused already");
    life_give(rig, "cmd/snapshot", NULL); /* wanted by a person: a frame also now */
    assert_int_equal(rig_event_count(rig, "frame"), before + 1);
    life_give(rig, "cmd/resume", NULL);
    life_await_state(rig, "capturing");
    life_await_more(rig, "frame", 3);
}

static void check_preview(struct rig *rig)
{
    size_t before = rig_event_count(rig, "frame");
    const cJSON *ack = life_give(rig, "cmd/preview", NULL);
    const cJSON *preview;

    assert_non_null(json_get_string(ack, "result.job"));
    events_await(rig, "preview_ready", 1, LIFE_DEADLINE_MS);
    preview = rig_event(rig, "preview_ready", 0);
    assert_string_equal(json_get_string(preview, "job"), json_get_string(ack, "result.job"));
    assert_true(event_number(preview, "frames") >= (double)before);
    assert_true(rig_says(rig, "unit/mk4/state", "capturing"));
    life_await_more(rig, "frame", 2);
    life_check_video(rig, preview);
}

static void test_a_session_is_led_by_commands_from_standby_to_finish(void **state)
{
    static const char *const useless[] = {"pause", "resume", "finish", "abort", "preview"};
    struct rig *rig = life_begin(state, "standby = true;");

    life_await_state(rig, "standby");
    for (size_t i = 0; i < ARRAY_LEN(useless); i++)
        expect_refused(rig, useless[i], "standby");
    sim_do(rig, LIFE_LONG_PRINT);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "printing"));
    rig_linger(rig, 500);
    assert_int_equal(rig_event_count(rig, "session_started"), 0);

    life_give(rig, "cmd/start", NULL);
    life_await_state(rig, "capturing");
    life_await_more(rig, "frame", 3);
    expect_refused(rig, "start", "open already");
    expect_refused(rig, "resume", "capturing already");
    check_pause(rig);
    check_preview(rig);

    life_give(rig, "cmd/restart", NULL);
    events_await(rig, "session_started", 2, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "finished");
    life_await_more(rig, "frame", 3);
    assert_string_not_equal(life_session(rig, 0), life_session(rig, 1));

    life_give(rig, "cmd/finish", NULL);
    events_await(rig, "session_finished", 2, LIFE_DEADLINE_MS);
    life_check_finished(rig, 1, "finished");
    life_await_state(rig, "standby");
    rig_pass(rig);
}

static void test_commands_that_make_no_sense_while_waiting_or_building_are_refused(void **state)
{
    struct rig *rig = life_begin(state, "");

    life_await_state(rig, "waiting");
    expect_refused(rig, "start", "armed already");
    expect_refused(rig, "pause", "waits for a print");
    expect_refused(rig, "resume", "waits for a print");
    expect_refused(rig, "preview", "waits for a print");
    life_begin_capture(rig);
    life_give(rig, "cmd/finish", NULL);
    expect_refused(rig, "pause", "");
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_check_finished(rig, 0, "finished");
    rig_pass(rig);
}

static void test_abort_keeps_the_frames_and_makes_no_video(void **state)
{
    struct rig *rig = life_begin(state, "");
    struct frames frames;

    life_begin_capture(rig);
    life_give(rig, "cmd/abort", NULL);
    life_await_state(rig, "waiting"); /* for the next print */
    events_await(rig, "session_aborted", 1, LIFE_DEADLINE_MS);
    assert_true(event_says(rig_event(rig, "session_aborted", 0), "end", "aborted"));
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    frames_read(rig, "mk4", "front", life_session(rig, 0), &frames);
    frames_check_order(&frames);
    assert_true(frames.count >= 4);
    frames_done(&frames);
    rig_pass(rig);
}

static void discard(struct rig *rig)
{
    life_give(rig, "cmd/standby", NULL);
    life_await_state(rig, "standby");
    assert_true(event_says(rig_event(rig, "session_discarded", 0), "end", "discarded"));
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
}

static void test_standby_discards_the_frames(void **state)
{
    struct rig *rig = life_begin(state, "");
    const char *dir;

    life_begin_capture(rig);
    dir = json_get_string(rig_event(rig, "session_started", 0), "dir");
    assert_true(is_there(dir));
    discard(rig);
    RIG_WAIT(rig, !is_there(dir));
    rig_pass(rig);
}

static void test_standby_keeps_the_frames_when_told(void **state)
{
    struct rig *rig = life_begin(state, "");
    struct frames frames;

    life_begin_capture(rig);
    life_give(rig, "set/keep_files", "true");
    discard(rig);
    rig_linger(rig, 1000);
    frames_read(rig, "mk4", "front", life_session(rig, 0), &frames);
    assert_true(frames.count >= 4);
    frames_done(&frames);
    rig_pass(rig);
}

static void test_no_second_session_of_the_same_job(void **state)
{
    struct rig *rig = life_begin(state, "");

    life_begin_capture(rig);
    life_give(rig, "cmd/finish", NULL);
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    life_await_state(rig, "waiting");
    rig_linger(rig, 1500);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    assert_true(rig_says(rig, "printer/mk4/state", "printing"));

    sim_do(rig, "finish");
    RIG_WAIT(rig, !rig_says(rig, "printer/mk4/state", "printing"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "finished") ||
                      rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, LIFE_LONG_PRINT);
    events_await(rig, "session_started", 2, LIFE_DEADLINE_MS);
    assert_string_not_equal(life_session(rig, 0), life_session(rig, 1));
    rig_pass(rig);
}

static void test_dontwait_begins_before_the_print_and_ends_with_it(void **state)
{
    struct rig *rig = life_begin(state, "dontwait = true;");

    life_await_state(rig, "capturing");
    events_await(rig, "frame", 2, LIFE_DEADLINE_MS);
    sim_do(rig, LIFE_SHORT_PRINT);
    events_await(rig, "session_finished", 1, LIFE_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    life_check_finished(rig, 0, "done");
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_is_led_by_commands_from_standby_to_finish),
        TEST(test_commands_that_make_no_sense_while_waiting_or_building_are_refused),
        TEST(test_abort_keeps_the_frames_and_makes_no_video),
        TEST(test_standby_discards_the_frames),
        TEST(test_standby_keeps_the_frames_when_told),
        TEST(test_no_second_session_of_the_same_job),
        TEST(test_dontwait_begins_before_the_print_and_ends_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
