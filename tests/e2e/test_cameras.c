/* SPDX-License-Identifier: MIT */
/* Several cameras in a unit and several units on one printer: each has its own frames and video. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

enum { PRINT_DEADLINE_MS = 60000, LAYERS = 6 };

#define PRINTER                                                                                    \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"
#define TWO_CAMERAS                                                                                \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; },\n"           \
    "            { id = \"side\"; kind = \"http\"; url = \"http://%sim/camera2.jpg\"; } );\n"
#define PARKED "pause = true; park = true; park_feed_mm_min = 36000.0;\n"
#define VIDEO  "fps = 10.0; min_frames = 1;\n"

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};

static struct rig *begin(void **state, const char *conf)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = quick, .conf = conf});

    *state = rig;
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void start_print(struct rig *rig, const char *query)
{
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, query);
}

static const char *video_of(struct rig *rig, const char *unit, const char *camera)
{
    const cJSON *ready;

    for (size_t i = 0; (ready = rig_event(rig, "video_ready", i)); i++)
        if (event_says(ready, "unit", unit) && event_says(ready, "camera", camera))
            return json_get_string(ready, "file");
    fail_msg("no video of unit %s, camera %s", unit, camera);
    return NULL;
}

static void check_layer_frames(struct rig *rig, const char *unit, const char *camera, int view,
                               struct frames *ret_frames)
{
    frames_read(rig, unit, camera, NULL, ret_frames);
    frames_check_order(ret_frames);
    frames_check_layers(ret_frames, 1, 1, LAYERS);
    assert_int_equal(ret_frames->count, LAYERS + 1);
    for (size_t i = 0; i < ret_frames->count; i++)
        assert_int_equal(ret_frames->items[i].marker.view, view);
    frames_check_video(rig, ret_frames, video_of(rig, unit, camera));
}

/* --- several cameras --- */

static void test_each_camera_of_a_unit_gets_its_frames_and_its_video(void **state)
{
    struct rig *rig = begin(state, PRINTER TWO_CAMERAS
                            "units = ( { id = \"mk4\"; printer = \"mk4\"; trigger = \"layer\";\n"
                            "cameras = [ \"front\", \"side\" ]; " VIDEO " } );\n");
    struct frames front, side;

    start_print(rig, "start&layers=6&layer_ms=800");
    events_await(rig, "frame", 4, PRINT_DEADLINE_MS);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/mk4/status", "cameras[1].frames")) >= 2);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "video_ready"), 2);
    assert_int_equal((int)event_number(rig_event(rig, "session_finished", 0), "frames"),
                     2 * (LAYERS + 1));
    check_layer_frames(rig, "mk4", "front", 0, &front);
    check_layer_frames(rig, "mk4", "side", 1, &side);
    frames_done(&front);
    frames_done(&side);
    rig_pass(rig);
}

/* Frames of 320x240 of the camera "test", and a whole video of them. */
static void expect_video(void **state, const char *conf)
{
    struct rig *rig = begin(state, conf);
    struct decoded_video video;
    size_t frames;

    events_await(rig, "frame", 5, PRINT_DEADLINE_MS);
    assert_int_equal((int)event_number(rig_event(rig, "frame", 0), "width"), 320);
    assert_int_equal((int)event_number(rig_event(rig, "frame", 0), "height"), 240);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    frames = rig_event_count(rig, "frame");
    video_decode(rig, video_of(rig, "mk4", "test"), &video);
    assert_string_equal(video.complaints, "");
    assert_int_equal(video.count, frames);
    decoded_video_done(&video);
    rig_pass(rig);
}

#define GARDEN                                                                                     \
    "units = ( { id = \"mk4\"; cameras = [ \"test\" ]; trigger = \"interval\";\n"                  \
    "interval_s = 0.2; last_frame = false; " VIDEO " } );\n"

static void test_the_built_in_pattern_becomes_a_video(void **state)
{
    expect_video(state, "cameras = ( { id = \"test\"; kind = \"pattern\"; width = 320; "
                        "height = 240; } );\n" GARDEN);
}

static void test_pictures_of_a_program_become_a_video(void **state)
{
    expect_video(
        state, "cameras = ( { id = \"test\"; kind = \"command\"; url = \"testsrc=size=320x240\";\n"
               "command = [ \"ffmpeg\", \"-nostdin\", \"-v\", \"error\", \"-f\", \"lavfi\",\n"
               "\"-i\", \"{url}\", \"-frames:v\", \"1\", \"-f\", \"mjpeg\", \"{output}\" ];\n"
               "timeout_ms = 20000; } );\n" GARDEN);
}

/* --- several units --- */

static void test_two_units_of_one_printer_have_their_own_sessions(void **state)
{
    struct rig *rig =
        begin(state, PRINTER TWO_CAMERAS
              "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
              "trigger = \"layer\"; park_x_mm = 10.0; park_y_mm = 190.0; " PARKED VIDEO " },\n"
              "{ id = \"side\"; printer = \"mk4\"; cameras = [ \"side\" ];\n"
              "trigger = \"layer\"; " VIDEO " } );\n");
    struct frames parked, unparked;

    start_print(rig, "start&layers=6&layer_ms=800");
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    check_layer_frames(rig, "mk4", "front", 0, &parked);
    check_layer_frames(rig, "side", "side", 1, &unparked);
    assert_string_not_equal(parked.items[0].session, unparked.items[0].session);
    for (size_t i = 0; i < LAYERS; i++) {
        assert_true(parked.items[i].parked);
        assert_true(abs(parked.items[i].marker.x_dmm - 100) <= 2);
        assert_false(unparked.items[i].parked);
    }
    truth_check_printer(rig);
    frames_done(&parked);
    frames_done(&unparked);
    rig_pass(rig);
}

static void test_two_units_that_park_elsewhere_share_one_pause(void **state)
{
    struct rig *rig =
        begin(state, PRINTER TWO_CAMERAS
              "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
              "trigger = \"layer\"; park_x_mm = 10.0; park_y_mm = 190.0; " PARKED VIDEO " },\n"
              "{ id = \"side\"; printer = \"mk4\"; cameras = [ \"side\" ];\n"
              "trigger = \"layer\"; park_x_mm = 190.0; park_y_mm = 10.0; " PARKED VIDEO " } );\n");
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames left, right;

    start_print(rig, "start&layers=6&layer_ms=800");
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    check_layer_frames(rig, "mk4", "front", 0, &left);
    check_layer_frames(rig, "side", "side", 1, &right);
    for (size_t i = 0; i < LAYERS; i++) {
        assert_true(left.items[i].marker.paused && right.items[i].marker.paused);
        assert_true(left.items[i].marker.standing && right.items[i].marker.standing);
        assert_true(abs(left.items[i].marker.x_dmm - 100) <= 2);
        assert_true(abs(right.items[i].marker.x_dmm - 1900) <= 2);
    }
    log = rig_sim_log(rig);
    assert_int_equal(truth_count(log, "gcode", "code", "M25"), LAYERS);
    assert_int_equal(truth_count(log, "gcode", "code", "M24"), LAYERS);
    truth_check_printer(rig);
    frames_done(&left);
    frames_done(&right);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_camera_of_a_unit_gets_its_frames_and_its_video),
        TEST(test_the_built_in_pattern_becomes_a_video),
        TEST(test_pictures_of_a_program_become_a_video),
        TEST(test_two_units_of_one_printer_have_their_own_sessions),
        TEST(test_two_units_that_park_elsewhere_share_one_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
