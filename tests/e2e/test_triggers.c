/* SPDX-License-Identifier: MIT */
/* What starts a frame, each kind alone and together, in real prints: nothing is missed, nothing is
 * taken twice. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRINT_DEADLINE_MS = 60000 };

#define MACHINES                                                                                   \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"                                                                                         \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
static const char at_printer[] =
    MACHINES "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
             "fps = 10.0; min_frames = 1; %unit } );\n";
static const char alone[] = MACHINES "units = ( { id = \"mk4\"; cameras = [ \"front\" ];\n"
                                     "fps = 10.0; min_frames = 1; %unit } );\n";

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
/* Nothing is read ahead, so the first layer is as long as the others. */
static const char *const even[] = {SIM_QUICK, "--heat-ms", "600", "--lookahead-ms", "0", NULL};
static const char *const warming_up[] = {SIM_QUICK, "--heat-ms", "1500", NULL};
static const char *const pausing_itself[] = {SIM_QUICK,      "--heat-ms", "600",
                                             "--m226-every", "2",         NULL};

static struct rig *begin(void **state, const char *conf, const char *unit,
                         const char *const *sim_args)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = sim_args, .conf = conf, .unit = unit});

    *state = rig;
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void start_print(struct rig *rig, int layers, int layer_ms)
{
    CLEANUP(free_p) char *start = xasprintf("start&layers=%d&layer_ms=%d", layers, layer_ms);

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, start);
}

static void await_end(struct rig *rig)
{
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "frame_missed"), 0);
}

static void read_all(struct rig *rig, struct frames *ret_frames)
{
    frames_read(rig, "mk4", "front", NULL, ret_frames);
    frames_check_order(ret_frames);
}

/* --- layers --- */

static void check_layer_print(void **state, const char *unit, int layers, int layer_ms, int every)
{
    struct rig *rig = begin(state, at_printer, unit, even);
    struct frames frames;

    start_print(rig, layers, layer_ms);
    await_end(rig);
    read_all(rig, &frames);
    frames_check_layers(&frames, 1, every, layers);
    assert_int_equal(frames.count, frames_count(&frames, "layer") + 1); /* the last frame */
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
    rig_pass(rig);
}

static void test_layers_of_two_seconds_are_all_caught(void **state)
{
    check_layer_print(state, "trigger = \"layer\";", 3, 2000, 1);
}

static void test_layers_of_half_a_second_are_all_caught(void **state)
{
    check_layer_print(state, "trigger = \"layer\";", 12, 500, 1);
}

static void test_every_third_layer_is_taken(void **state)
{
    check_layer_print(state, "trigger = \"layer\"; every_nth_layer = 3;", 10, 500, 3);
}

/* --- interval --- */

static void test_interval_without_a_printer_begins_at_once_and_keeps_its_pace(void **state)
{
    struct rig *rig = begin(state, alone, "trigger = \"interval\"; interval_s = 0.3;", quick);
    struct frames frames;
    const cJSON *ack;

    events_await(rig, "frame", 7, PRINT_DEADLINE_MS);
    ack = rig_command(rig, "unit/mk4/cmd/finish", NULL);
    assert_int_equal((int)event_number(ack, "code"), 0);
    await_end(rig);
    read_all(rig, &frames);
    for (size_t i = 0; i + 1 < frames.count; i++) {
        int64_t since_first_ms = frames.items[i].marker.time_ms - frames.items[0].marker.time_ms;

        assert_string_equal(frames.items[i].trigger, "interval");
        assert_int_equal(frames.items[i].layer, -1);
        assert_true(since_first_ms >= 300 * (int64_t)i - 200);
        assert_true(since_first_ms <= 300 * (int64_t)i + 2000);
    }
    frames_done(&frames);
    rig_pass(rig);
}

static void test_interval_frames_are_taken_only_while_it_prints(void **state)
{
    struct rig *rig =
        begin(state, at_printer, "trigger = \"interval\"; interval_s = 0.25;", warming_up);
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames frames;
    double began_ms;
    size_t before;

    start_print(rig, 60, 500);
    events_await(rig, "frame", 4, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, "what=user_pause");
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "paused"));
    rig_linger(rig, 500); /* what was under way */
    before = rig_event_count(rig, "frame");
    rig_linger(rig, 1200);
    assert_int_equal(rig_event_count(rig, "frame"), before);
    sim_do(rig, "resume");
    events_await(rig, "frame", before + 3, PRINT_DEADLINE_MS);
    sim_do(rig, "finish");
    await_end(rig);
    read_all(rig, &frames);
    log = rig_sim_log(rig);
    began_ms = event_number(truth_find(log, NULL, "layer", NULL, NULL), "t_ms");
    assert_true(frames.items[0].marker.time_ms >= began_ms);
    frames_done(&frames);
    rig_pass(rig);
}

/* --- the job's own pauses --- */

static void test_pauses_of_the_job_are_frames_and_it_goes_on(void **state)
{
    struct rig *rig = begin(state, at_printer,
                            "trigger = \"pause\"; park = true; park_x_mm = 10.0;\n"
                            "park_y_mm = 190.0; park_feed_mm_min = 36000.0;",
                            pausing_itself);
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames frames;
    size_t pauses;

    start_print(rig, 8, 500);
    await_end(rig);
    log = rig_sim_log(rig);
    read_all(rig, &frames);
    pauses = truth_count(log, "gcode", "code", "M24");
    assert_true(pauses >= 3);
    assert_int_equal(truth_count(log, "gcode", "code", "M25"), 0);
    assert_int_equal(frames_count(&frames, "pause"), pauses);
    assert_int_equal(frames.count, pauses + 1);
    for (size_t i = 0; i < pauses; i++) {
        const struct marker *marker = &frames.items[i].marker;

        assert_true(frames.items[i].parked && marker->paused && marker->standing);
        assert_true(abs(marker->x_dmm - 100) <= 2 && abs(marker->y_dmm - 1900) <= 2);
    }
    truth_check_printer(rig);
    frames_done(&frames);
    rig_pass(rig);
}

/* --- messages --- */

static void publish_outside(struct rig *rig, const char *payload, bool retain)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *argv[] = {
        "mosquitto_pub",      "-h", "127.0.0.1", "-p", port, "-t", "workshop/layer", "-m", payload,
        retain ? "-r" : NULL, NULL};
    struct rig_output output = rig_run(rig, argv);

    if (output.exit_code != 0)
        fail_msg("mosquitto_pub: %s", output.err);
    rig_output_done(&output);
}

static void test_a_message_is_a_frame_whatever_it_says(void **state)
{
    struct rig *rig =
        begin(state, alone, "trigger = \"mqtt\"; trigger_topic = \"workshop/layer\";", quick);
    static const char *const payloads[] = {"pressed", "7", "", "{\"door\":\"open\"}"};
    struct frames frames;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        publish_outside(rig, payloads[i], false);
        events_await(rig, "frame", i + 1, RIG_DEADLINE_MS);
    }
    read_all(rig, &frames);
    assert_int_equal(frames.count, ARRAY_LEN(payloads));
    assert_int_equal(frames_count(&frames, "mqtt"), ARRAY_LEN(payloads));
    assert_int_equal(frames.items[1].layer, 7);
    assert_int_equal(frames.items[0].layer, -1);
    frames_done(&frames);
    rig_pass(rig);
}

static void test_a_retained_message_of_yesterday_is_no_frame(void **state)
{
    struct rig *rig = rig_new(
        &(struct rig_options){.sim_args = quick,
                              .conf = alone,
                              .unit = "trigger = \"mqtt\"; trigger_topic = \"workshop/layer\";",
                              .no_agent = true});

    *state = rig;
    publish_outside(rig, "7", true);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "frame"), 0);
    rig_pass(rig);
}

static bool is_announced(struct rig *rig, int layer)
{
    for (size_t i = 0; rig_event(rig, "frame", i); i++) {
        int64_t told;

        if (json_get_int(rig_event(rig, "frame", i), "layer", &told) && told == layer)
            return true;
    }
    return false;
}

/* Tells odd layers as soon as they begin and even ones when their frame was taken already: both the
 * message and the printer's own count are first sometimes. */
static void tell_layers(struct rig *rig)
{
    int64_t deadline_ms = clock_mono_ms() + PRINT_DEADLINE_MS;
    int64_t told = 0, layer = 0;

    while (rig_event_count(rig, "session_finished") == 0) {
        CLEANUP(json_free_p) cJSON *truth = rig_sim_get(rig, "/sim/state");
        CLEANUP(free_p) char *payload = NULL;

        assert_true(clock_mono_ms() < deadline_ms);
        json_get_int(truth, "layer", &layer);
        if (layer <= told || (layer % 2 == 0 && !is_announced(rig, (int)layer)))
            continue;
        told = layer;
        payload = xasprintf("%d", (int)layer);
        publish_outside(rig, payload, false);
    }
}

static void test_a_layer_told_by_printer_and_message_is_one_frame(void **state)
{
    struct rig *rig =
        begin(state, at_printer,
              "trigger = [ \"layer\", \"mqtt\" ]; trigger_topic = \"workshop/layer\";", quick);
    struct frames frames;

    start_print(rig, 6, 900);
    tell_layers(rig);
    assert_int_equal(rig_event_count(rig, "frame_missed"), 0);
    read_all(rig, &frames);
    assert_int_equal(frames.count, 6 + 1);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(frames.items[i].layer, i + 1);
        assert_int_equal(frames.items[i].marker.layer, i + 1);
    }
    assert_true(frames_count(&frames, "mqtt") > 0);
    assert_true(frames_count(&frames, "layer") > 0);
    frames_done(&frames);
    rig_pass(rig);
}

/* --- commands --- */

static void test_a_snapshot_is_a_frame_of_the_session_only_while_there_is_one(void **state)
{
    struct rig *rig = begin(state, at_printer, "trigger = \"command\";", quick);
    struct frames frames;
    const cJSON *ack;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    ack = rig_command(rig, "unit/mk4/cmd/snapshot", NULL);
    assert_int_equal((int)event_number(ack, "code"), 0);
    assert_null(json_get(ack, "result.frames[0].frame"));
    assert_true(event_number(ack, "result.frames[0].age_ms") >= 0);
    RIG_WAIT(rig, rig_last(rig, "image/front/last/meta"));
    assert_true(json_is_null(rig_look(rig, "image/front/last/meta", "session")));

    start_print(rig, 40, 400);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    RIG_WAIT(rig, json_number(rig_look(rig, "printer/mk4/status", "job.layer")) >= 2);
    assert_int_equal(rig_event_count(rig, "frame"), 0);
    for (int i = 1; i <= 3; i++) {
        ack = rig_command(rig, "unit/mk4/cmd/snapshot", NULL);
        assert_int_equal((int)event_number(ack, "code"), 0);
        assert_int_equal((int)event_number(ack, "result.frames[0].frame"), i);
        assert_true(event_number(ack, "result.frames[0].age_ms") >= 0);
    }
    sim_do(rig, "finish");
    await_end(rig);
    read_all(rig, &frames);
    assert_int_equal(frames_count(&frames, "command"), 3);
    assert_int_equal(frames.count, 4);
    assert_true(frames.items[0].layer >= 2);
    frames_done(&frames);
    rig_pass(rig);
}

/* --- all at once --- */

static void test_layer_interval_and_command_go_together(void **state)
{
    struct rig *rig =
        begin(state, at_printer, "trigger = [ \"layer\", \"interval\" ]; interval_s = 0.7;", quick);
    struct frames frames;

    start_print(rig, 8, 800);
    for (size_t i = 2; i <= 8; i += 3) {
        events_await(rig, "frame", i, PRINT_DEADLINE_MS);
        assert_non_null(rig_command(rig, "unit/mk4/cmd/snapshot", NULL));
    }
    await_end(rig);
    read_all(rig, &frames);
    frames_check_layers(&frames, 1, 1, 8);
    assert_true(frames_count(&frames, "interval") >= 4);
    assert_int_equal(frames_count(&frames, "command"), 3);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_layers_of_two_seconds_are_all_caught),
        TEST(test_layers_of_half_a_second_are_all_caught),
        TEST(test_every_third_layer_is_taken),
        TEST(test_interval_without_a_printer_begins_at_once_and_keeps_its_pace),
        TEST(test_interval_frames_are_taken_only_while_it_prints),
        TEST(test_pauses_of_the_job_are_frames_and_it_goes_on),
        TEST(test_a_message_is_a_frame_whatever_it_says),
        TEST(test_a_retained_message_of_yesterday_is_no_frame),
        TEST(test_a_layer_told_by_printer_and_message_is_one_frame),
        TEST(test_a_snapshot_is_a_frame_of_the_session_only_while_there_is_one),
        TEST(test_layer_interval_and_command_go_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
