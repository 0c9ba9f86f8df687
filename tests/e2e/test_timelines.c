/* SPDX-License-Identifier: MIT */
/* Several timelines of one print side by side, and several cameras of which one is ill: none spoils
 * another, the printer is stopped once at a time and for nobody who does not answer. */
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

enum { PRINT_DEADLINE_MS = 60000, LAYERS = 4 };

#define PRINTER                                                                                    \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"
#define STREAM "{ id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; }"
#define STILL  "{ id = \"top\"; kind = \"http\"; url = \"http://%sim/camera.jpg\"; }"
#define SIDE                                                                                       \
    "{ id = \"side\"; kind = \"http\"; url = \"http://%sim/camera2.jpg\"; timeout_ms = 4000; }"
#define PARKED "pause = true; park = true; park_feed_mm_min = 36000.0;\n"
#define VIDEO  "min_frames = 1;\n"

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

static void start_print(struct rig *rig, int layers)
{
    CLEANUP(free_p) char *start = xasprintf("start&layers=%d&layer_ms=800", layers);

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, start);
}

static const cJSON *video_of(struct rig *rig, const char *unit, const char *camera)
{
    const cJSON *ready;

    for (size_t i = 0; (ready = rig_event(rig, "video_ready", i)); i++)
        if (event_says(ready, "unit", unit) && event_says(ready, "camera", camera))
            return ready;
    fail_msg("no video of unit %s, camera %s", unit, camera);
    return NULL;
}

/* Frames in order, each of them in the video of this unit and camera, at its own speed. */
static void read_timeline(struct rig *rig, const char *unit, const char *camera, double fps,
                          struct frames *ret_frames)
{
    const cJSON *video = video_of(rig, unit, camera);

    frames_read(rig, unit, camera, NULL, ret_frames);
    frames_check_order(ret_frames);
    for (size_t i = 0; i < ret_frames->count; i++)
        assert_string_equal(ret_frames->items[i].session, ret_frames->items[0].session);
    assert_true(fabs(event_number(video, "fps") - fps) < 0.001);
    frames_check_video(rig, ret_frames, json_get_string(video, "file"));
}

static void check_parked_at(const struct frame *frame, int x_dmm)
{
    const struct marker *marker = &frame->marker;

    if (!frame->parked || !marker->standing || !marker->paused || abs(marker->x_dmm - x_dmm) > 2)
        fail_msg("%s frame %lld (parked: %d) shows the head at %.1f, standing %d, paused %d",
                 frame->trigger, (long long)frame->seq, frame->parked, marker->x_dmm / 10.0,
                 marker->standing, marker->paused);
}

/* Every stop was ours and ended by us; returns how many there were, *ret_longest_ms: the longest.
 */
static size_t count_stops(const cJSON *log, double *ret_longest_ms)
{
    const cJSON *paused = NULL, *resuming = NULL;
    size_t stops = 0;

    *ret_longest_ms = 0;
    while ((paused = truth_find(log, resuming, "status", "status", "paused"))) {
        assert_true(event_says(paused, "by", "http"));
        resuming = truth_find(log, paused, "status", "status", "resuming");
        assert_non_null(resuming);
        assert_true(event_says(resuming, "by", "http"));
        *ret_longest_ms =
            fmax(*ret_longest_ms, event_number(resuming, "t_ms") - event_number(paused, "t_ms"));
        stops++;
    }
    assert_int_equal(truth_count(log, "gcode", "code", "M25"), stops);
    assert_int_equal(truth_count(log, "gcode", "code", "M24"), stops);
    assert_int_equal(truth_count(log, "job", "what", "done"), 1);
    return stops;
}

/* --- two timelines of one print --- */

static size_t count_paused(const struct frames *frames)
{
    size_t count = 0;

    for (size_t i = 0; i < frames->count; i++)
        count += frames->items[i].marker.paused;
    return count;
}

/* Events of that type with this member. */
static size_t count_events(struct rig *rig, const char *type, const char *key, const char *value)
{
    const cJSON *event;
    size_t count = 0;

    for (size_t i = 0; (event = rig_event(rig, type, i)); i++)
        count += event_says(event, key, value);
    return count;
}

/* Time goes on while the other has the printer stand. */
static void test_layers_and_time_of_one_print_are_two_videos(void **state)
{
    struct rig *rig = begin(
        state, PRINTER "cameras = ( " STREAM " );\n"
                       "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];"
                       " trigger = \"layer\"; park_x_mm = 10.0; fps = 5.0; " PARKED VIDEO
                       " }, { id = \"live\"; printer = \"mk4\"; cameras = [ \"front\" ];"
                       " trigger = \"interval\"; interval_s = 0.2; fps = 20.0; " VIDEO " } );\n");
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames layers, live;
    double longest_ms;

    start_print(rig, LAYERS);
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    assert_int_equal(count_events(rig, "frame_missed", "unit", "mk4"), 0);
    read_timeline(rig, "mk4", "front", 5, &layers);
    read_timeline(rig, "live", "front", 20, &live);
    assert_string_not_equal(layers.items[0].session, live.items[0].session);
    frames_check_layers(&layers, 1, 1, LAYERS);
    assert_int_equal(layers.count, LAYERS + 1);
    for (size_t i = 0; i < LAYERS; i++)
        check_parked_at(&layers.items[i], 100);
    assert_true(count_paused(&live) >= LAYERS - 1);
    assert_int_equal(frames_count(&live, "interval"), live.count - 1);
    log = rig_sim_log(rig);
    assert_int_equal(count_stops(log, &longest_ms), LAYERS);
    truth_check_printer(rig);
    frames_done(&layers);
    frames_done(&live);
    rig_pass(rig);
}

/* The one stands when the other wants to, or is just about to go on. */
static void test_two_timelines_that_stop_the_printer_do_not_disturb_each_other(void **state)
{
    struct rig *rig = begin(
        state, PRINTER
        "cameras = ( " STREAM ", " SIDE " );\n"
        "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];"
        " trigger = \"layer\"; park_x_mm = 10.0; rest_s = 0.3; fps = 5.0; " PARKED VIDEO
        " }, { id = \"live\"; printer = \"mk4\"; cameras = [ \"side\" ];"
        " trigger = \"interval\"; interval_s = 0.9; park_x_mm = 190.0; fps = 10.0;\n" PARKED VIDEO
        " } );\n");
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames layers, live;
    double longest_ms;

    start_print(rig, LAYERS);
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    read_timeline(rig, "mk4", "front", 5, &layers);
    read_timeline(rig, "live", "side", 10, &live);
    frames_check_layers(&layers, 1, 1, LAYERS);
    for (size_t i = 0; i < layers.count; i++)
        if (layers.items[i].parked)
            check_parked_at(&layers.items[i], 100);
    for (size_t i = 0; i < live.count; i++)
        if (live.items[i].parked)
            check_parked_at(&live.items[i], 1900);
    assert_true(layers.items[0].parked && live.items[0].parked);
    log = rig_sim_log(rig);
    assert_true(count_stops(log, &longest_ms) >= LAYERS);
    truth_check_printer(rig);
    frames_done(&layers);
    frames_done(&live);
    rig_pass(rig);
}

/* --- one camera, two units --- */

static size_t count_stills(const cJSON *log, int view)
{
    const cJSON *line = NULL;
    size_t count = 0;
    bool stream;

    while ((line = truth_find(log, line, "frame", NULL, NULL)))
        if (json_get_bool(line, "stream", &stream) && !stream &&
            (int)event_number(line, "view") == view)
            count++;
    return count;
}

static void test_two_units_share_the_pictures_of_one_camera(void **state)
{
    struct rig *rig =
        begin(state, "cameras = ( " STILL " );\n"
                     "units = ( { id = \"mk4\"; cameras = [ \"top\" ]; trigger = \"interval\";"
                     " interval_s = 0.4; fps = 5.0; last_frame = false; " VIDEO " },\n"
                     "{ id = \"two\"; cameras = [ \"top\" ]; trigger = \"interval\";"
                     " interval_s = 0.4; fps = 10.0; last_frame = false; " VIDEO " } );\n");
    CLEANUP(json_free_p) cJSON *log = NULL;
    struct frames one, two;
    size_t shared = 0;

    RIG_WAIT(rig, count_events(rig, "frame", "unit", "mk4") >= 6);
    RIG_WAIT(rig, count_events(rig, "frame", "unit", "two") >= 6);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    assert_non_null(rig_command(rig, "unit/two/cmd/finish", NULL));
    events_await(rig, "session_finished", 2, PRINT_DEADLINE_MS);
    read_timeline(rig, "mk4", "top", 5, &one);
    read_timeline(rig, "two", "top", 10, &two);
    for (size_t i = 0; i < one.count; i++)
        for (size_t k = 0; k < two.count; k++)
            shared += one.items[i].marker.frame == two.items[k].marker.frame;
    /* A machine that is busy may come to one of them too late. */
    assert_true(shared >= 5);
    log = rig_sim_log(rig);
    assert_true(count_stills(log, 0) <= one.count + two.count - shared + 1);
    frames_done(&one);
    frames_done(&two);
    rig_pass(rig);
}

/* --- one of several cameras is ill --- */

static const char three[] =
    PRINTER "cameras = ( " STREAM ", " STILL ", " SIDE " );\n"
            "units = ( { id = \"mk4\"; printer = \"mk4\"; trigger = \"layer\"; fps = 5.0;\n"
            "cameras = [ \"side\", \"front\", \"top\" ]; park_x_mm = 10.0; " PARKED VIDEO " } );\n";

static size_t count_lost(struct rig *rig, const char *camera)
{
    return count_events(rig, "frame_missed", "camera", camera);
}

static void check_healthy(struct rig *rig, const char *camera)
{
    struct frames frames;

    read_timeline(rig, "mk4", camera, 5, &frames);
    frames_check_layers(&frames, 1, 1, LAYERS);
    assert_int_equal(count_lost(rig, camera), 0);
    for (size_t i = 0; i < LAYERS; i++)
        check_parked_at(&frames.items[i], 100);
    frames_done(&frames);
}

static void test_a_camera_that_hangs_keeps_neither_printer_nor_cameras_waiting(void **state)
{
    struct rig *rig = begin(state, three);
    CLEANUP(json_free_p) cJSON *log = NULL;
    double longest_ms;

    start_print(rig, LAYERS);
    events_await(rig, "frame", 3, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, "what=hang&on=camera2");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_healthy(rig, "front");
    check_healthy(rig, "top");
    assert_true(count_lost(rig, "side") >= LAYERS - 2);
    log = rig_sim_log(rig);
    assert_int_equal(count_stops(log, &longest_ms), LAYERS);
    if (longest_ms > 3900) /* its time for one picture is 4 s */
        fail_msg("the printer stood for %.0f ms", longest_ms);
    truth_check_printer(rig);
    rig_pass(rig);
}

static void test_a_hanging_camera_does_not_slow_down_the_others(void **state)
{
    struct rig *rig = begin(
        state, "cameras = ( " STILL ", " SIDE " );\n"
               "units = ( { id = \"mk4\"; cameras = [ \"side\", \"top\" ]; fps = 5.0;\n"
               "trigger = \"interval\"; interval_s = 0.5; last_frame = false; " VIDEO " } );\n");
    struct frames top, side;
    size_t before;

    events_await(rig, "frame", 4, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, "what=hang&on=camera2");
    RIG_WAIT(rig, count_lost(rig, "side") >= 2);
    before = rig_event_count(rig, "frame");
    events_await(rig, "frame", before + 8, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, "what=none");
    before = count_events(rig, "frame", "camera", "side");
    RIG_WAIT(rig, count_events(rig, "frame", "camera", "side") >= before + 3);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(count_lost(rig, "top"), 0);
    read_timeline(rig, "mk4", "top", 5, &top);
    read_timeline(rig, "mk4", "side", 5, &side);
    assert_true(side.count < top.count);
    for (size_t i = 1; i < top.count; i++)
        assert_true(top.items[i].marker.time_ms - top.items[i - 1].marker.time_ms < 5000);
    frames_done(&top);
    frames_done(&side);
    rig_pass(rig);
}

static void test_a_camera_that_vanishes_leaves_a_gap_and_a_whole_video(void **state)
{
    struct rig *rig = begin(state, three);
    const cJSON *finished;
    struct frames side;

    start_print(rig, LAYERS);
    events_await(rig, "frame", 6, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, "what=drop&on=camera2");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_healthy(rig, "front");
    check_healthy(rig, "top");
    read_timeline(rig, "mk4", "side", 5, &side);
    assert_true(side.count >= 2 && side.count < LAYERS + 1);
    finished = rig_event(rig, "session_finished", 0);
    assert_int_equal((size_t)event_number(finished, "missed"), count_lost(rig, "side"));
    assert_int_equal(side.count + count_lost(rig, "side"), LAYERS + 1);
    /* The good pictures of the others do not make it well. */
    RIG_WAIT(rig, json_is_string(rig_look(rig, "unit/mk4/status", "error.message")));
    assert_true(
        str_starts_with(json_string(rig_look(rig, "unit/mk4/status", "error.message")), "side: "));
    frames_done(&side);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_layers_and_time_of_one_print_are_two_videos),
        TEST(test_two_timelines_that_stop_the_printer_do_not_disturb_each_other),
        TEST(test_two_units_share_the_pictures_of_one_camera),
        TEST(test_a_camera_that_hangs_keeps_neither_printer_nor_cameras_waiting),
        TEST(test_a_hanging_camera_does_not_slow_down_the_others),
        TEST(test_a_camera_that_vanishes_leaves_a_gap_and_a_whole_video),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
