/* SPDX-License-Identifier: MIT */
/* The life of sessions as a user leads it by commands, and as the printer ends it: what each step
 * leaves behind in frames, videos and words. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PRINT_DEADLINE_MS = 60000, WRONG_STATE = -32002 };

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
static const char at_printer[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "trigger = \"interval\"; interval_s = 0.25; fps = 10.0; min_frames = 1; segment_frames = 4;\n"
    "%unit } );\n";

#define LONG_PRINT  "start&layers=400&layer_ms=500"
#define SHORT_PRINT "start&layers=8&layer_ms=450"

static struct rig *begin(void **state, const char *unit)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = quick, .conf = at_printer, .unit = unit});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- steps --- */

static void await_state(struct rig *rig, const char *state)
{
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", state));
}

static void await_more(struct rig *rig, const char *type, size_t more)
{
    events_await(rig, type, rig_event_count(rig, type) + more, PRINT_DEADLINE_MS);
}

static const cJSON *give(struct rig *rig, const char *request, const char *value)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/mk4/%s", request);
    const cJSON *ack = rig_command(rig, topic, value);

    if (!ack)
        fail_msg("%s: no answer", request);
    if (event_number(ack, "code") != 0)
        fail_msg("%s: %s", request, json_get_string(ack, "message"));
    return ack;
}

static void expect_refused(struct rig *rig, const char *verb, const char *words)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/mk4/cmd/%s", verb);
    const cJSON *ack = rig_command(rig, topic, NULL);

    assert_non_null(ack);
    assert_false(json_is_null(json_get(ack, "message")));
    if (event_number(ack, "code") != WRONG_STATE || !strstr(json_get_string(ack, "message"), words))
        fail_msg("%s: %.0f, %s", verb, event_number(ack, "code"), json_get_string(ack, "message"));
}

static void begin_print(struct rig *rig, const char *print)
{
    await_state(rig, "waiting");
    sim_do(rig, print);
    events_await(rig, "frame", 4, PRINT_DEADLINE_MS);
}

static void begin_capture(struct rig *rig)
{
    begin_print(rig, LONG_PRINT);
}

static const char *session_of(struct rig *rig, size_t index)
{
    const cJSON *started = rig_event(rig, "session_started", index);

    assert_non_null(started);
    return json_get_string(started, "session");
}

static bool is_there(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

/* The video that an event announces shows the first frames of the session, no more and no less than
 * the event says. */
static void check_video_event(struct rig *rig, const cJSON *event)
{
    const char *session = json_get_string(event, "session");
    struct frames frames;

    assert_non_null(event);
    frames_read(rig, "mk4", "front", session, &frames);
    frames_check_order(&frames);
    assert_true(event_number(event, "frames") <= (double)frames.count);
    assert_int_equal((int)event_number(event, "dropped_frames"), 0);
    frames.count = (size_t)event_number(event, "frames");
    frames_check_video(rig, &frames, json_get_string(event, "file"));
    frames_done(&frames);
}

/* A session that ended with all of its frames in a video. */
static void check_finished(struct rig *rig, size_t index, const char *end)
{
    const cJSON *finished = rig_event(rig, "session_finished", index);
    const cJSON *ready = rig_event(rig, "video_ready", index);

    assert_non_null(finished);
    assert_non_null(ready);
    if (!event_says(finished, "end", end))
        fail_msg("the session ended \"%s\", not \"%s\"", json_get_string(finished, "end"), end);
    assert_string_equal(json_get_string(ready, "session"), session_of(rig, index));
    assert_true(event_number(ready, "frames") == event_number(finished, "frames"));
    check_video_event(rig, ready);
}

/* --- by commands --- */

static void check_pause(struct rig *rig)
{
    CLEANUP(json_free_p) cJSON *truth = NULL;
    size_t before;

    give(rig, "cmd/pause", NULL);
    await_state(rig, "paused");
    assert_int_equal(rig_event_count(rig, "session_paused"), 1);
    rig_linger(rig, 300); /* what was under way */
    before = rig_event_count(rig, "frame");
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "frame"), before);
    truth = rig_sim_get(rig, "/sim/state");
    assert_string_equal(json_get_string(truth, "status"), "processing");
    expect_refused(rig, "pause", "paused already");
    give(rig, "cmd/snapshot", NULL); /* wanted by a person: a frame also now */
    assert_int_equal(rig_event_count(rig, "frame"), before + 1);
    give(rig, "cmd/resume", NULL);
    await_state(rig, "capturing");
    await_more(rig, "frame", 3);
}

static void check_preview(struct rig *rig)
{
    size_t before = rig_event_count(rig, "frame");
    const cJSON *ack = give(rig, "cmd/preview", NULL);
    const cJSON *preview;

    assert_non_null(json_get_string(ack, "result.job"));
    events_await(rig, "preview_ready", 1, PRINT_DEADLINE_MS);
    preview = rig_event(rig, "preview_ready", 0);
    assert_string_equal(json_get_string(preview, "job"), json_get_string(ack, "result.job"));
    assert_true(event_number(preview, "frames") >= (double)before);
    assert_true(rig_says(rig, "unit/mk4/state", "capturing"));
    await_more(rig, "frame", 2);
    check_video_event(rig, preview);
}

static void test_a_session_is_led_by_commands_from_standby_to_finish(void **state)
{
    static const char *const useless[] = {"pause", "resume", "finish", "abort", "preview"};
    struct rig *rig = begin(state, "standby = true;");

    await_state(rig, "standby");
    for (size_t i = 0; i < ARRAY_LEN(useless); i++)
        expect_refused(rig, useless[i], "standby");
    sim_do(rig, LONG_PRINT);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "printing"));
    rig_linger(rig, 500);
    assert_int_equal(rig_event_count(rig, "session_started"), 0);

    give(rig, "cmd/start", NULL);
    await_state(rig, "capturing");
    await_more(rig, "frame", 3);
    expect_refused(rig, "start", "open already");
    expect_refused(rig, "resume", "capturing already");
    check_pause(rig);
    check_preview(rig);

    give(rig, "cmd/restart", NULL);
    events_await(rig, "session_started", 2, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "finished");
    await_more(rig, "frame", 3);
    assert_string_not_equal(session_of(rig, 0), session_of(rig, 1));

    give(rig, "cmd/finish", NULL);
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    check_finished(rig, 1, "finished");
    await_state(rig, "standby");
    rig_pass(rig);
}

static void test_commands_that_make_no_sense_while_waiting_or_building_are_refused(void **state)
{
    struct rig *rig = begin(state, "");

    await_state(rig, "waiting");
    expect_refused(rig, "start", "armed already");
    expect_refused(rig, "pause", "waits for a print");
    expect_refused(rig, "resume", "waits for a print");
    expect_refused(rig, "preview", "waits for a print");
    begin_capture(rig);
    give(rig, "cmd/finish", NULL);
    expect_refused(rig, "pause", "");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "finished");
    rig_pass(rig);
}

static void test_abort_keeps_the_frames_and_makes_no_video(void **state)
{
    struct rig *rig = begin(state, "");
    struct frames frames;

    begin_capture(rig);
    give(rig, "cmd/abort", NULL);
    await_state(rig, "waiting"); /* for the next print */
    events_await(rig, "session_aborted", 1, PRINT_DEADLINE_MS);
    assert_true(event_says(rig_event(rig, "session_aborted", 0), "end", "aborted"));
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    frames_read(rig, "mk4", "front", session_of(rig, 0), &frames);
    frames_check_order(&frames);
    assert_true(frames.count >= 4);
    frames_done(&frames);
    rig_pass(rig);
}

static void discard(struct rig *rig)
{
    give(rig, "cmd/standby", NULL);
    await_state(rig, "standby");
    assert_true(event_says(rig_event(rig, "session_discarded", 0), "end", "discarded"));
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
}

static void test_standby_discards_the_frames(void **state)
{
    struct rig *rig = begin(state, "");
    const char *dir;

    begin_capture(rig);
    dir = json_get_string(rig_event(rig, "session_started", 0), "dir");
    assert_true(is_there(dir));
    discard(rig);
    RIG_WAIT(rig, !is_there(dir));
    rig_pass(rig);
}

static void test_standby_keeps_the_frames_when_told(void **state)
{
    struct rig *rig = begin(state, "");
    struct frames frames;

    begin_capture(rig);
    give(rig, "set/keep_files", "true");
    discard(rig);
    rig_linger(rig, 1000);
    frames_read(rig, "mk4", "front", session_of(rig, 0), &frames);
    assert_true(frames.count >= 4);
    frames_done(&frames);
    rig_pass(rig);
}

static void test_no_second_session_of_the_same_job(void **state)
{
    struct rig *rig = begin(state, "");

    begin_capture(rig);
    give(rig, "cmd/finish", NULL);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    await_state(rig, "waiting");
    rig_linger(rig, 1500);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    assert_true(rig_says(rig, "printer/mk4/state", "printing"));

    sim_do(rig, "finish");
    RIG_WAIT(rig, !rig_says(rig, "printer/mk4/state", "printing"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "finished") ||
                      rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, LONG_PRINT);
    events_await(rig, "session_started", 2, PRINT_DEADLINE_MS);
    assert_string_not_equal(session_of(rig, 0), session_of(rig, 1));
    rig_pass(rig);
}

static void test_dontwait_begins_before_the_print_and_ends_with_it(void **state)
{
    struct rig *rig = begin(state, "dontwait = true;");

    await_state(rig, "capturing");
    events_await(rig, "frame", 2, PRINT_DEADLINE_MS);
    sim_do(rig, SHORT_PRINT);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    check_finished(rig, 0, "done");
    rig_pass(rig);
}

/* --- settings --- */

static double setting(struct rig *rig, const char *key)
{
    CLEANUP(free_p) char *path = xasprintf("settings.%s", key);

    return json_number(rig_look(rig, "unit/mk4/status", path));
}

static void test_settings_change_while_it_captures(void **state)
{
    struct rig *rig = begin(state, "");
    const cJSON *ready;

    begin_print(rig, "start&layers=20&layer_ms=450");
    give(rig, "set/fps", "12.5");
    RIG_WAIT(rig, setting(rig, "fps") == 12.5);
    give(rig, "set/trigger", "\"layer,interval\"");
    RIG_WAIT(rig, json_size(rig_look(rig, "unit/mk4/status", "settings.trigger")) == 2);
    give(rig, "set/interval_s", "100");
    give(rig, "set/trigger", "\"layer\"");
    await_more(rig, "frame", 1); /* the last of the interval may have been under way */
    await_more(rig, "frame", 2);
    assert_true(
        event_says(rig_event(rig, "frame", rig_event_count(rig, "frame") - 1), "trigger", "layer"));
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "done");
    ready = rig_event(rig, "video_ready", 0);
    assert_true(fabs(event_number(ready, "fps") - 12.5) < 0.001);
    rig_pass(rig);
}

static void test_the_length_of_a_video_can_be_asked_for(void **state)
{
    struct rig *rig = begin(state, "");
    struct decoded_video video;

    begin_print(rig, SHORT_PRINT);
    give(rig, "set/target_length_s", "3");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "done");
    video_decode(rig, json_get_string(rig_event(rig, "video_ready", 0), "file"), &video);
    if (fabs(video.duration_s - 3) > 0.05)
        fail_msg("it lasts %.3f s", video.duration_s);
    decoded_video_done(&video);
    rig_pass(rig);
}

/* --- by the printer --- */

static void test_a_cancelled_job_still_becomes_a_video(void **state)
{
    struct rig *rig = begin(state, "");

    begin_capture(rig);
    rig_sim_fault(rig, "what=cancel");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "cancelled");
    await_state(rig, "waiting");
    rig_pass(rig);
}

static void test_a_job_lost_by_a_reboot_still_becomes_a_video(void **state)
{
    struct rig *rig = begin(state, "");

    begin_capture(rig);
    rig_sim_fault(rig, "what=reboot");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "lost");
    await_state(rig, "waiting");
    rig_pass(rig);
}

static void test_without_restart_it_goes_to_standby_after_the_print(void **state)
{
    struct rig *rig = begin(state, "restart = false;");

    begin_print(rig, SHORT_PRINT);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_finished(rig, 0, "done");
    await_state(rig, "standby");
    rig_pass(rig);
}

static void test_too_few_frames_are_no_video_and_no_failure(void **state)
{
    struct rig *rig = begin(state, "");

    begin_capture(rig);
    give(rig, "set/min_frames", "1000");
    sim_do(rig, "finish");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "video_none"), 1);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    assert_int_equal(rig_event_count(rig, "video_failed"), 0);
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
        TEST(test_settings_change_while_it_captures),
        TEST(test_the_length_of_a_video_can_be_asked_for),
        TEST(test_a_cancelled_job_still_becomes_a_video),
        TEST(test_a_job_lost_by_a_reboot_still_becomes_a_video),
        TEST(test_without_restart_it_goes_to_standby_after_the_print),
        TEST(test_too_few_frames_are_no_video_and_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
