/* SPDX-License-Identifier: MIT */
/* A Zigbee lamp on the broker is on around each frame, and off whatever happens to it, to the agent
 * and to the broker. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/lamp.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 150 };

#define LIGHT(more)                                                                                \
    "lights = ( { id = \"lamp\"; settle_ms = 150; timeout_ms = 1000;\n" LAMP_TOPICS more " } );\n"
#define CAMERA   "cameras = ( { id = \"front\"; kind = \"pattern\"; light = \"lamp\"; } );\n"
#define SNAPSHOT "unit/mk4/cmd/snapshot"
/* Frames when they are asked for. */
#define ON_DEMAND                                                                                  \
    "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"command\"; dontwait = true;\n" \
    "video = false; } );\n"

struct fixture {
    struct rig *rig;
    struct lamp *lamp;
};

static void begin(void **state, const char *conf)
{
    struct fixture *f = *state;
    bool sim = strstr(conf, "%sim") != NULL;
    static const char *const quick[] = {"--idle", "--pause-ms", "150", "--resume-ms",
                                        "150",    "--heat-ms",  "600", NULL};

    f->rig = rig_new(
        &(struct rig_options){.conf = conf, .no_sim = !sim, .sim_args = quick, .no_agent = true});
    f->lamp = lamp_new(f->rig);
    rig_agent_start(f->rig);
}

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lamp_free(f->lamp);
    if (f->rig)
        rig_free(f->rig);
    free(f);
    return 0;
}

/* Takes a frame by command, and looks whether it was lit. */
static const cJSON *take_frame(struct fixture *f, bool lit)
{
    size_t before = rig_event_count(f->rig, "frame");
    const cJSON *ack = rig_command(f->rig, SNAPSHOT, NULL);
    bool said = !lit;

    assert_non_null(ack);
    if (!json_get_bool(ack, "ok", &said) || !said)
        fail_msg("no frame: %s", json_get_string(ack, "message"));
    RIG_WAIT(f->rig, rig_event_count(f->rig, "frame") > before);
    assert_true(json_get_bool(rig_event(f->rig, "frame", before), "lit", &said));
    assert_int_equal(said, lit);
    return rig_event(f->rig, "frame", before);
}

static bool light_is(struct fixture *f, const char *state)
{
    const char *said = json_string(rig_look(f->rig, "light/lamp/status", "state"));

    return said && strcmp(said, state) == 0;
}

static int64_t captured_at(const cJSON *frame)
{
    int64_t at = 0;

    assert_int_equal(clock_parse_rfc3339(json_get_string(frame, "captured_at"), &at), 0);
    return at;
}

static void test_the_picture_is_taken_when_the_lamp_has_settled(void **state)
{
    struct fixture *f = *state;
    const cJSON *frame;

    begin(state, LIGHT("linger_ms = 0;") CAMERA ON_DEMAND);
    frame = take_frame(f, true);
    assert_true(lamp_order(f->lamp, 0)->on);
    assert_true(captured_at(frame) >= lamp_order(f->lamp, 0)->at + SETTLE_MS - 1);
    RIG_WAIT(f->rig, lamp_order_count(f->lamp) == 2 && !lamp_is_on(f->lamp));
    RIG_WAIT(f->rig, light_is(f, "off"));
    assert_true(lamp_order(f->lamp, 1)->at >= captured_at(frame));
    rig_pass(f->rig);
}

static void test_it_stays_on_between_frames_that_follow_closely(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 60000;") CAMERA ON_DEMAND);
    take_frame(f, true);
    take_frame(f, true);
    take_frame(f, true);
    assert_int_equal(lamp_order_count(f->lamp), 1);
    RIG_WAIT(f->rig, light_is(f, "on"));
    assert_true(ended_well(rig_agent_signal(f->rig, SIGTERM)));
    assert_int_equal(lamp_order_count(f->lamp), 2);
    assert_false(lamp_is_on(f->lamp));
    rig_pass(f->rig);
}

static void test_a_killed_agent_switches_it_off_at_the_next_start(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 60000;") CAMERA ON_DEMAND);
    take_frame(f, true);
    rig_agent_signal(f->rig, SIGKILL);
    assert_true(lamp_is_on(f->lamp));
    rig_agent_start(f->rig);
    RIG_WAIT(f->rig, !lamp_is_on(f->lamp));
    take_frame(f, true);
    rig_pass(f->rig);
}

static void test_a_lamp_that_was_on_stays_on(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 0;") CAMERA ON_DEMAND);
    lamp_press(f->lamp, true);
    RIG_WAIT(f->rig, light_is(f, "on"));
    take_frame(f, true);
    assert_true(ended_well(rig_agent_signal(f->rig, SIGTERM)));
    assert_int_equal(lamp_order_count(f->lamp), 0);
    assert_true(lamp_is_on(f->lamp));
    rig_pass(f->rig);
}

static void test_a_lamp_that_a_person_switches_off_meanwhile_is_off(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 60000;") CAMERA ON_DEMAND);
    take_frame(f, true);
    lamp_press(f->lamp, false);
    RIG_WAIT(f->rig, light_is(f, "off")); /* though the lamp does not say so again */
    take_frame(f, true);
    rig_pass(f->rig);
}

static void test_by_day_it_stays_off_and_by_night_no_frame_is_dark(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 0;") //
          "cameras = ( { id = \"front\"; kind = \"http\"; url = \"http://%sim/camera.jpg\";\n"
          "light = \"lamp\"; light_when = \"dark\"; } );\n" ON_DEMAND);
    assert_non_null(rig_command(f->rig, SNAPSHOT, NULL));
    RIG_WAIT(f->rig, rig_event_count(f->rig, "frame") == 1);
    assert_true(json_is_null(json_get(rig_event(f->rig, "frame", 0), "lit")));
    assert_int_equal(lamp_order_count(f->lamp), 0);
    rig_sim_fault(f->rig, "what=cam_black");
    take_frame(f, true); /* taken once more */
    RIG_WAIT(f->rig, !lamp_is_on(f->lamp));
    take_frame(f, true);
    assert_int_equal(lamp_order(f->lamp, 2)->on, true);
    RIG_WAIT(f->rig, !lamp_is_on(f->lamp));
    lamp_set_dead(f->lamp, true);
    take_frame(f, false);
    rig_pass(f->rig);
}

static int64_t code_of(const cJSON *ack)
{
    int64_t code = 1;

    assert_true(json_get_int(ack, "code", &code));
    return code;
}

static void expect_ctl(struct rig *rig, const char *const *words, const char *text)
{
    struct rig_output output = rig_ctl(rig, words);

    assert_int_equal(output.exit_code, 0);
    if (!strstr(output.out, text))
        fail_msg("no '%s' in: %s", text, output.out);
    rig_output_done(&output);
}

static void test_a_person_switches_it_by_command(void **state)
{
    struct fixture *f = *state;
    const cJSON *ack;

    begin(state, LIGHT("linger_ms = 60000;") CAMERA ON_DEMAND);
    ack = rig_ask(f->rig, "cmd/light_on", "{\"light\":\"lamp\"}");
    assert_int_equal(code_of(ack), 0);
    RIG_WAIT(f->rig, light_is(f, "on") && lamp_is_on(f->lamp));
    take_frame(f, true);
    expect_ctl(f->rig, (const char *const[]){"status", NULL}, "LIGHT  STATE  KIND  USERS");
    expect_ctl(f->rig, (const char *const[]){"light", "off", "lamp", NULL}, "light_off done");
    RIG_WAIT(f->rig, light_is(f, "off") && !lamp_is_on(f->lamp));
    lamp_press(f->lamp, true); /* another person's */
    RIG_WAIT(f->rig, light_is(f, "on"));
    assert_non_null(rig_ask(f->rig, "cmd/light_off", "{\"light\":\"lamp\"}"));
    RIG_WAIT(f->rig, !lamp_is_on(f->lamp));
    assert_int_equal(code_of(rig_ask(f->rig, "cmd/light_on", "{\"light\":\"lamb\"}")), -32001);
    rig_pass(f->rig);
}

static void test_a_dead_lamp_costs_no_frame_and_is_told(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 0;") CAMERA ON_DEMAND);
    lamp_set_dead(f->lamp, true);
    take_frame(f, false);
    take_frame(f, false);
    RIG_WAIT(f->rig, light_is(f, "failed_to_go_off"));
    assert_non_null(strstr(json_string(rig_look(f->rig, "light/lamp/status", "error.message")),
                           "no word on zigbee2mqtt/lamp"));
    lamp_set_dead(f->lamp, false);
    RIG_WAIT(f->rig, light_is(f, "off"));
    take_frame(f, false); /* it is not waited for until it came on once */
    RIG_WAIT(f->rig, light_is(f, "off"));
    take_frame(f, true);
    RIG_WAIT(f->rig, json_is_null(rig_look(f->rig, "light/lamp/status", "error")));
    rig_pass(f->rig);
}

static void test_an_off_that_the_broker_missed_is_sent_when_it_is_back(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 1000;") CAMERA ON_DEMAND);
    take_frame(f, true);
    rig_broker_kill(f->rig);
    RIG_WAIT(f->rig, !lamp_is_up(f->lamp));
    rig_linger(f->rig, 1300); /* the off falls into the outage */
    assert_true(lamp_is_on(f->lamp));
    rig_broker_start(f->rig);
    RIG_WAIT(f->rig, !lamp_is_on(f->lamp));
    RIG_WAIT(f->rig, light_is(f, "off"));
    RIG_WAIT(f->rig, rig_says(f->rig, "availability", "online"));
    take_frame(f, true);
    rig_pass(f->rig);
}

static void test_without_a_broker_frames_are_taken_in_the_dark_at_once(void **state)
{
    struct fixture *f = *state;
    bool lit = true;

    begin(state, "lights = ( { id = \"lamp\"; timeout_ms = 10000;\n" LAMP_TOPICS " } );\n" CAMERA
                 "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"interval\";\n"
                 "interval_s = 0.5; dontwait = true; video = false; } );\n");
    RIG_WAIT(f->rig, rig_event_count(f->rig, "frame") >= 1);
    rig_broker_kill(f->rig);
    RIG_WAIT(f->rig, !lamp_is_up(f->lamp));
    rig_linger(f->rig, 1000);
    rig_broker_start(f->rig);
    /* lit or not, those of the outage are there */
    RIG_WAIT(f->rig, rig_event_count(f->rig, "frame") >= 3);
    assert_true(json_get_bool(rig_event(f->rig, "frame", 0), "lit", &lit) && lit);
    assert_int_equal(rig_event_count(f->rig, "frame_missed"), 0);
    RIG_WAIT(f->rig, lamp_is_on(f->lamp));
    rig_pass(f->rig);
}

static void test_units_share_a_lamp(void **state)
{
    struct fixture *f = *state;

    begin(state, LIGHT("linger_ms = 60000;") //
          "cameras = ( { id = \"front\"; kind = \"pattern\"; light = \"lamp\"; },\n"
          "            { id = \"side\"; kind = \"pattern\"; light = \"lamp\"; },\n"
          "            { id = \"bare\"; kind = \"pattern\"; } );\n"
          "units = ( { id = \"mk4\"; cameras = [ \"front\", \"bare\" ]; trigger = \"interval\";\n"
          "interval_s = 0.2; dontwait = true; video = false; },\n"
          "{ id = \"other\"; cameras = [ \"side\" ]; trigger = \"interval\";\n"
          "interval_s = 0.3; dontwait = true; video = false; } );\n");
    RIG_WAIT(f->rig, unit_event_count(f->rig, "other", "frame") >= 5 &&
                         unit_event_count(f->rig, "mk4", "frame") >= 10);
    for (size_t i = 0; i < rig_event_count(f->rig, "frame"); i++) {
        const cJSON *frame = rig_event(f->rig, "frame", i);
        bool lit = false;

        if (strcmp(json_get_string(frame, "camera"), "bare") == 0)
            assert_true(json_is_null(json_get(frame, "lit")));
        else
            assert_true(json_get_bool(frame, "lit", &lit) && lit);
    }
    assert_int_equal(lamp_order_count(f->lamp), 1);
    assert_true(ended_well(rig_agent_signal(f->rig, SIGTERM)));
    assert_false(lamp_is_on(f->lamp));
    assert_int_equal(lamp_order_count(f->lamp), 2);
    rig_pass(f->rig);
}

static int64_t ordered_on_before(const struct lamp *lamp, int64_t at)
{
    int64_t last = 0;

    for (size_t i = 0; i < lamp_order_count(lamp); i++)
        if (lamp_order(lamp, i)->on && lamp_order(lamp, i)->at <= at)
            last = lamp_order(lamp, i)->at;
    return last;
}

/* The lamp goes on while the head goes to its place; a dead one is waited for once, not at each
 * layer. */
static void test_a_dead_lamp_does_not_keep_the_printer_waiting(void **state)
{
    struct fixture *f = *state;

    begin(state, "lights = ( { id = \"lamp\"; timeout_ms = 5000;\n" LAMP_TOPICS " } );\n"
                 "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\";\n"
                 "poll_idle_ms = 250; } );\n"
                 "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\";\n"
                 "light = \"lamp\"; } );\n"
                 "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
                 "trigger = \"layer\"; pause = true; park = true; park_x_mm = 10.0;\n"
                 "park_y_mm = 190.0; park_feed_mm_min = 36000.0; video = false; } );\n");
    lamp_set_dead(f->lamp, true);
    RIG_WAIT(f->rig, rig_says(f->rig, "printer/mk4/state", "idle"));
    sim_do(f->rig, "/sim/command?do=start&layers=3&layer_ms=600");
    RIG_WAIT(f->rig, rig_event_count(f->rig, "session_finished") == 1);
    for (size_t i = 0; i < 3; i++) {
        const cJSON *frame = rig_event(f->rig, "frame", i);
        bool lit = true, parked = false;

        assert_true(json_get_bool(frame, "lit", &lit));
        assert_false(lit);
        assert_true(json_get_bool(frame, "parked", &parked) && parked);
        if (i > 0)
            assert_true(captured_at(frame) - ordered_on_before(f->lamp, captured_at(frame)) < 5000);
    }
    promise_printer_is_free(f->rig, 15000);
    rig_pass(f->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_picture_is_taken_when_the_lamp_has_settled),
        TEST(test_it_stays_on_between_frames_that_follow_closely),
        TEST(test_a_killed_agent_switches_it_off_at_the_next_start),
        TEST(test_a_lamp_that_was_on_stays_on),
        TEST(test_a_lamp_that_a_person_switches_off_meanwhile_is_off),
        TEST(test_by_day_it_stays_off_and_by_night_no_frame_is_dark),
        TEST(test_a_person_switches_it_by_command),
        TEST(test_a_dead_lamp_costs_no_frame_and_is_told),
        TEST(test_an_off_that_the_broker_missed_is_sent_when_it_is_back),
        TEST(test_without_a_broker_frames_are_taken_in_the_dark_at_once),
        TEST(test_units_share_a_lamp),
        TEST(test_a_dead_lamp_does_not_keep_the_printer_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
