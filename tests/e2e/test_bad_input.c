/* SPDX-License-Identifier: MIT */
/* Input that nobody should send: each piece is refused with words that name the thing, changes
 * nothing, and the print goes on. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/asking.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PRINT_DEADLINE_MS = 60000,
};

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "fps = 10.0; min_frames = 1; %unit } );\n";

static struct rig *begin(void **state, const char *unit, const char *const *sim_args)
{
    struct rig *rig = rig_new(&(struct rig_options){
        .sim_args = sim_args, .conf = conf, .unit = unit, .agent = "trust_clock = true;"});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static char *settings_of(struct rig *rig)
{
    return json_print(rig_look(rig, "unit/mk4/status", "settings"));
}

/* --- commands --- */

struct bad_command {
    const char *topic, *payload;
    int code;
    const char *words; /* in the message */
};

static void expect_refused(struct rig *rig, const struct bad_command *bad)
{
    const cJSON *ack = command(rig, bad->topic, bad->payload);
    const char *message = json_get_string(ack, "message");

    if ((int)event_number(ack, "code") != bad->code || !message || !strstr(message, bad->words))
        fail_msg("%s '%.80s': %.0f %s; expected %d with '%s'", bad->topic, bad->payload,
                 event_number(ack, "code"), message ? message : "(no message)", bad->code,
                 bad->words);
}

static const struct bad_command bad_commands[] = {
    {"unit/mk4/cmd/frobnicate", "", -32601, "frobnicate"},
    {"camera/front/cmd/start", "", -32601, "start"},
    {"cmd/frobnicate", "", -32601, "frobnicate"},
    {"unit/nosuch/cmd/abort", "", -32001, "unit"},
    {"camera/nosuch/cmd/snapshot", "", -32001, "camera"},
    {"unit/mk4/cmd/abort", "{", -32700, ""},
    {"unit/mk4/cmd/abort", "banana", -32700, ""},
    {"unit/mk4/cmd/abort", "\xff\xfe", -32700, "UTF-8"},
    {"unit/mk4/cmd/abort", "[]", -32600, "object"},
    {"unit/mk4/cmd/abort", "{\"id\":\"a\",\"id\":\"b\"}", -32700, "id"},
    {"unit/mk4/cmd/abort", "{\"id\":7}", -32602, "id"},
    {"unit/mk4/cmd/abort", "{\"arg\":{}}", -32602, "arg"},
    {"unit/mk4/cmd/abort", "{\"args\":{\"speed\":3}}", -32602, "speed"},
    {"unit/mk4/cmd/abort", "{\"args\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", -32700, ""},
    {"unit/mk4/cmd/abort", "{\"expires\":\"2020-01-01T00:00:00Z\"}", -32003, "expires"},
    {"unit/mk4/cmd/abort", "{\"expires\":\"soon\"}", -32602, "expires"},
    {"unit/nosuch/set/fps", "10", -32001, "unit"},
    {"unit/mk4/set/nosuch", "1", -32602, "nosuch"},
    {"unit/mk4/set/fps", "", -32602, "value"},
    {"unit/mk4/set/fps", "fast", -32602, "fps"},
    {"unit/mk4/set/fps", "-3", -32602, "fps"},
    {"unit/mk4/set/fps", "1e999", -32602, "fps"},
    {"unit/mk4/set/fps", "{\"value\":{}}", -32602, "value"},
    {"unit/mk4/set/trigger", "wobble", -32602, "wobble"},
    {"unit/mk4/set/trigger", "interval", -32602, "interval_s"},
    {"unit/mk4/set/park", "ON", -32602, "park"},
    {"unit/mk4/set/printer", "other", -32010, "printer"},
    {"unit/mk4/set/delete_frames", "true", -32010, "delete_frames"},
};

static void test_bad_commands_are_refused_by_name_and_change_nothing(void **state)
{
    struct rig *rig = begin(state, "trigger = \"layer\";", quick);
    CLEANUP(free_p) char *before = NULL;
    CLEANUP(free_p) char *after = NULL;
    pid_t pid = rig_agent_pid(rig);
    struct frames frames;

    sim_do(rig, "start&layers=22&layer_ms=800");
    events_await(rig, "frame", 1, PRINT_DEADLINE_MS);
    RIG_WAIT(rig, str_equal(json_string(rig_look(rig, "unit/mk4/status", "state")), "capturing"));
    before = settings_of(rig);
    for (size_t i = 0; i < ARRAY_LEN(bad_commands); i++)
        expect_refused(rig, &bad_commands[i]);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);

    after = settings_of(rig);
    assert_string_equal(before, after);
    assert_int_equal(rig_agent_pid(rig), pid);
    assert_true(rig_agent_running(rig));
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    frames_read(rig, "mk4", "front", NULL, &frames);
    frames_check_order(&frames);
    frames_check_layers(&frames, 1, 1, 22);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
    rig_pass(rig);
}

static char *long_payload(size_t len)
{
    char *payload = xmalloc(len + 1);

    memset(payload, ' ', len);
    memcpy(payload, "{\"id\":\"x\",\"args\":{", 18);
    memcpy(payload + len - 2, "}}", 2);
    payload[len] = '\0';
    return payload;
}

static void test_a_payload_that_is_too_large_is_refused_or_never_arrives(void **state)
{
    struct rig *rig = begin(state, "", quick);
    CLEANUP(free_p) char *large = long_payload(17 * 1024);
    CLEANUP(free_p) char *huge = long_payload(200 * 1024);
    struct bad_command bad = {"unit/mk4/cmd/standby", large, -32011, "16384"};
    size_t from;

    expect_refused(rig, &bad);
    from = rig_message_count(rig);
    rig_publish(rig, "unit/mk4/cmd/standby", huge);
    rig_linger(rig, 1000);
    if (final_ack(rig, from, NULL))
        assert_int_equal((int)event_number(final_ack(rig, from, NULL), "code"), -32011);
    assert_int_equal((int)event_number(command(rig, "cmd/ping", ""), "code"), 0);
    assert_true(rig_says(rig, "unit/mk4/state", "waiting"));
    assert_true(rig_says(rig, "availability", "online"));
    rig_pass(rig);
}

/* A flood is not answered one by one, and no frame waits for it. */
static void test_a_flood_of_commands_costs_no_frame(void **state)
{
    struct rig *rig = begin(state, "trigger = \"layer\";", quick);
    struct frames frames;

    sim_do(rig, "start&layers=8&layer_ms=600");
    for (size_t i = 1; i <= 6; i++) {
        events_await(rig, "frame", i, PRINT_DEADLINE_MS);
        for (int sent = 0; sent < 100; sent++)
            rig_publish(rig, "unit/mk4/cmd/resume", "");
    }
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    frames_read(rig, "mk4", "front", NULL, &frames);
    frames_check_order(&frames);
    frames_check_layers(&frames, 1, 1, 8);
    frames_done(&frames);
    rig_linger(rig, ASK_GAP_MS);
    assert_int_equal((int)event_number(command(rig, "cmd/ping", ""), "code"), 0);
    rig_pass(rig);
}

/* --- ids --- */

static void test_the_same_id_is_answered_again_and_not_done_again(void **state)
{
    struct rig *rig = begin(state, "trigger = \"command\";", quick);
    const cJSON *first, *second, *other;
    bool dup = false;

    sim_do(rig, "start&layers=100&layer_ms=500");
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    first = command(rig, "unit/mk4/cmd/snapshot", "{\"id\":\"once\"}");
    assert_int_equal((int)event_number(first, "code"), 0);
    second = command(rig, "unit/mk4/cmd/snapshot", "{\"id\":\"once\"}");
    assert_true(json_get_bool(second, "dup", &dup) && dup);
    assert_true(event_number(first, "result.frames[0].frame") ==
                event_number(second, "result.frames[0].frame"));
    assert_string_equal(json_get_string(first, "ts"), json_get_string(second, "ts"));
    assert_int_equal(rig_event_count(rig, "frame"), 1);
    other = command(rig, "unit/mk4/cmd/standby", "{\"id\":\"once\"}");
    assert_int_equal((int)event_number(other, "code"), -32004);
    assert_true(rig_says(rig, "unit/mk4/state", "capturing"));
    rig_pass(rig);
}

static void test_the_same_id_is_known_after_a_restart(void **state)
{
    struct rig *rig = begin(state, "", quick);
    const cJSON *again;
    bool dup = false;

    assert_int_equal(
        (int)event_number(command(rig, "unit/mk4/cmd/standby", "{\"id\":\"rest\"}"), "code"), 0);
    assert_true(rig_says(rig, "unit/mk4/state", "standby"));
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    again = command(rig, "unit/mk4/cmd/standby", "{\"id\":\"rest\"}");
    assert_true(json_get_bool(again, "dup", &dup) && dup);
    assert_true(rig_says(rig, "unit/mk4/state", "waiting"));
    rig_pass(rig);
}

/* --- retained commands --- */

static void test_a_retained_command_is_never_done(void **state)
{
    struct rig *rig = begin(state, "", quick);
    size_t from = rig_message_count(rig);

    pub(rig, "timelapse/v1/pi01/unit/mk4/cmd/standby", "PRESS", (const char *const[]){"-r", NULL});
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    assert_int_equal((int)event_number(final_ack(rig, from, NULL), "code"), -32005);
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    rig_linger(rig, 1000);
    assert_true(rig_says(rig, "unit/mk4/state", "waiting"));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bad_commands_are_refused_by_name_and_change_nothing),
        TEST(test_a_payload_that_is_too_large_is_refused_or_never_arrives),
        TEST(test_a_flood_of_commands_costs_no_frame),
        TEST(test_the_same_id_is_answered_again_and_not_done_again),
        TEST(test_the_same_id_is_known_after_a_restart),
        TEST(test_a_retained_command_is_never_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
