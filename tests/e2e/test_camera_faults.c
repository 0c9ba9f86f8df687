/* SPDX-License-Identifier: MIT */
/* Cameras that misbehave: whatever they do, only good pictures become frames, what is lost is said,
 * and the print is not held up.
 *
 * The whole list of what cameras do to us, and the tests of it (ctest names):
 *
 *   K1   hangs, 404, an HTML page, an empty answer        camera, camera_faults, timelines
 *   K2   a picture cut off, or with bytes behind it       jpeg (each cut), camera, camera_faults
 *   K3   no bytes at all                                  camera, camera_faults
 *   K4   another size or orientation in mid-job           pictures; camera_faults when one is set
 *   K5   the same picture for ever                        camera, pictures, camera_faults
 *   K6   black, overexposed                               look, pictures
 *   K7   other files named .jpg, absurd sizes             jpeg
 *   K8   an endless picture, no boundary                  mjpeg_parser, camera, camera_faults
 *   K9   a USB camera that is unplugged and comes back    device
 *   K10  one that is busy or gives nothing                device
 *   K11  gphoto2 hangs                                    camera_gphoto2, gphoto2_run
 *   K12  gphoto2 asks, or leaves children and locks       camera_gphoto2, gphoto2_run
 *   K13  the desktop has claimed the DSLR                 camera_gphoto2, gphoto2_words
 *   K14  the Pi camera's program fails, hangs, crashes    camera_rpicam, camera_program
 *   K15  undervoltage, throttling                         power, weak_supply
 *   K16  one camera in two units                          camera, timelines
 *   K17  places and hooks of gphoto2 in settings          camera_gphoto2, gphoto2_arguments
 */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT_DEADLINE_MS = 60000 };

#define PRINTER                                                                                    \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"
#define PARKED "pause = true; park = true; park_feed_mm_min = 36000.0;\n"
#define VIDEO  "fps = 10.0; min_frames = 1;\n"

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};

/* Its pictures of the wrong size are 320x240. */
static const char *const larger[] = {SIM_QUICK, "--camera-size", "640x480", NULL};

static struct rig *begin(void **state, const char *conf, const char *const *sim_args)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args, .conf = conf});

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

static const char still[] =
    "cameras = ( { id = \"front\"; kind = \"http\"; url = \"http://%sim/camera.jpg\";\n"
    "width = 640; height = 480; timeout_ms = 1000; stale_after = 3; } );\n"
    "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"interval\";\n"
    "interval_s = 0.3; " VIDEO " } );\n";
static const char stream[] =
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\";\n"
    "width = 640; height = 480; timeout_ms = 1000; stale_after = 8; } );\n"
    "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"interval\";\n"
    "interval_s = 0.3; " VIDEO " } );\n";

static void await_more(struct rig *rig, const char *type, size_t more)
{
    events_await(rig, type, rig_event_count(rig, type) + more, PRINT_DEADLINE_MS);
}

static void cause(struct rig *rig, const char *fault, const char *how)
{
    CLEANUP(free_p) char *query = xasprintf("what=%s%s", fault, how);

    rig_sim_fault(rig, query);
}

/* One bad answer costs nothing; only bad ones cost frames, which is said, until good ones come. */
static void check_fault(struct rig *rig, const char *fault, bool once)
{
    size_t missed = rig_event_count(rig, "frame_missed");
    const cJSON *event;

    if (once) {
        cause(rig, fault, "&count=1");
        await_more(rig, "frame", 3);
        if (rig_event_count(rig, "frame_missed") != missed)
            fail_msg("%s once costs a frame: %s", fault,
                     json_get_string(rig_event(rig, "frame_missed", missed), "error"));
    }
    cause(rig, fault, "");
    await_more(rig, "frame_missed", 1);
    event = rig_event(rig, "frame_missed", missed);
    assert_true(event_says(event, "camera", "front"));
    assert_true(event_says(event, "trigger", "interval"));
    assert_non_null(strstr(json_get_string(event, "error"), "front"));
    rig_sim_fault(rig, "what=none");
    await_more(rig, "frame", 2);
}

static void check_end(struct rig *rig)
{
    size_t missed = rig_event_count(rig, "frame_missed");
    struct frames frames;

    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_true(event_number(rig_event(rig, "session_finished", 0), "missed") >= (double)missed);
    frames_read(rig, "mk4", "front", NULL, &frames);
    frames_check_order(&frames);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
}

static void check_counts(struct rig *rig)
{
    double missed = (double)rig_event_count(rig, "frame_missed");

    RIG_WAIT(rig, json_number(rig_look(rig, "camera/front/status", "failures")) >= missed);
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/front/status", "refused")) > 0);
}

static void test_bad_stills_are_refused_and_asked_for_again(void **state)
{
    static const char *const faults[] = {"cam_html",       "cam_truncated", "cam_404", "cam_hang",
                                         "cam_wrong_size", "cam_garbage",   "cam_zero"};
    struct rig *rig = begin(state, still, larger);

    await_more(rig, "frame", 2);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        check_fault(rig, faults[i], true);
    check_fault(rig, "cam_endless", false);
    check_counts(rig);
    check_end(rig);
    rig_pass(rig);
}

static void test_bad_pictures_of_a_stream_are_refused(void **state)
{
    static const char *const faults[] = {"cam_html", "cam_truncated", "cam_wrong_size", "cam_hang"};
    struct rig *rig = begin(state, stream, larger);

    await_more(rig, "frame", 2);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        check_fault(rig, faults[i], true);
    check_counts(rig);
    check_end(rig);
    rig_pass(rig);
}

static void test_a_frozen_camera_is_noticed(void **state)
{
    struct rig *rig = begin(state, stream, larger);

    await_more(rig, "frame", 2);
    check_fault(rig, "cam_frozen", false);
    check_end(rig);
    rig_pass(rig);
}

static void test_a_failing_camera_does_not_hold_up_the_print(void **state)
{
    struct rig *rig = begin(
        state,
        PRINTER "cameras = ( { id = \"front\"; kind = \"http\"; url = \"http://%sim/camera.jpg\";\n"
                "timeout_ms = 700; } );\n"
                "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
                "trigger = \"layer\"; park_x_mm = 10.0; park_y_mm = 190.0; " PARKED VIDEO " } );\n",
        quick);
    CLEANUP(json_free_p) cJSON *log = NULL;
    const cJSON *paused = NULL, *resuming;
    size_t stops = 0;

    rig_sim_fault(rig, "what=cam_html");
    start_print(rig, "start&layers=4&layer_ms=800");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "frame"), 0);
    assert_int_equal(rig_event_count(rig, "frame_missed"), 4);
    assert_int_equal(rig_event_count(rig, "video_none"), 1);
    assert_true(event_says(rig_event(rig, "session_finished", 0), "end", "done"));
    log = rig_sim_log(rig);
    assert_int_equal(truth_count(log, "job", "what", "done"), 1);
    while ((paused = truth_find(log, paused, "status", "status", "paused"))) {
        resuming = truth_find(log, paused, "status", "status", "resuming");
        assert_non_null(resuming);
        assert_true(event_number(resuming, "t_ms") - event_number(paused, "t_ms") < 6000);
        stops++;
    }
    assert_int_equal(stops, 4);
    truth_check_printer(rig);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bad_stills_are_refused_and_asked_for_again),
        TEST(test_bad_pictures_of_a_stream_are_refused),
        TEST(test_a_frozen_camera_is_noticed),
        TEST(test_a_failing_camera_does_not_hold_up_the_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
