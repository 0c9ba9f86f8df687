/* SPDX-License-Identifier: MIT */
/* A whole print with a parked frame of each layer, judged from the pixels: what each picture shows,
 * what the video shows, and what the printer was asked to do meanwhile. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/journal/journal.h"
#include "tests/e2e/frames.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAYERS = 10, PRINT_DEADLINE_MS = 90000, PARK_X_DMM = 100, PARK_Y_DMM = 1900 };

static const char *const by_number[] = {SIM_QUICK, "--heat-ms", "2500", NULL};
static const char *const by_change[] = {SIM_QUICK,         "--heat-ms", "2500",
                                        "--layer-comment", "change",    NULL};
static const char unit[] = "pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0;\n"
                           "park_feed_mm_min = 36000.0;\n"
                           "fps = 5.0; hold_last_s = 2.0; min_frames = 1; segment_frames = 4;";

static int setup_numbered(void **state)
{
    *state = rig_new(&(struct rig_options){.sim_args = by_number, .unit = unit});
    return 0;
}

static int setup_counted(void **state)
{
    *state = rig_new(&(struct rig_options){.sim_args = by_change, .unit = unit});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static const cJSON *print_and_await_video(struct rig *rig, int layers)
{
    CLEANUP(free_p) char *start = xasprintf("start&layers=%d&layer_ms=800", layers);

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, start);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_int_equal(rig_event_count(rig, "video_ready"), 1);
    return rig_event(rig, "video_ready", 0);
}

/* --- what the pictures show --- */

static void check_parked(const struct frame *frame)
{
    const struct marker *marker = &frame->marker;

    if (!frame->parked || !marker->standing || !marker->paused ||
        abs(marker->x_dmm - PARK_X_DMM) > 2 || abs(marker->y_dmm - PARK_Y_DMM) > 2)
        fail_msg("frame %lld (parked: %d) shows the head at %.1f, %.1f, standing %d, paused %d",
                 (long long)frame->seq, frame->parked, marker->x_dmm / 10.0, marker->y_dmm / 10.0,
                 marker->standing, marker->paused);
}

static void check_frames(const struct frames *frames, size_t layers)
{
    frames_check_order(frames);
    frames_check_layers(frames, 1, 1, (int)layers);
    assert_int_equal(frames_count(frames, "layer"), layers);
    assert_int_equal(frames->count, layers + 1);
    assert_string_equal(frames->items[layers].trigger, "last");
    for (size_t i = 0; i < layers; i++)
        check_parked(&frames->items[i]);
}

/* --- what the printer did --- */

/* One stop of the printer, from "paused" to "resuming". */
struct stop {
    const cJSON *paused, *resuming;
};

static struct stop next_stop(const cJSON *log, const cJSON *after)
{
    struct stop stop = {.paused = truth_find(log, after, "status", "status", "paused")};

    if (!stop.paused)
        return stop;
    assert_true(event_says(stop.paused, "by", "http"));
    stop.resuming = truth_find(log, stop.paused, "status", "status", "resuming");
    assert_non_null(stop.resuming);
    assert_true(event_says(stop.resuming, "by", "http"));
    return stop;
}

static double layer_began_ms(const cJSON *log, int layer)
{
    const cJSON *line = NULL;

    while ((line = truth_find(log, line, "layer", NULL, NULL)))
        if ((int)event_number(line, "layer") == layer)
            return event_number(line, "t_ms");
    fail_msg("the printer never began layer %d", layer);
    return 0;
}

/* Each parked frame was exposed after its layer began and within a stop of its own; nothing else
 * stopped the printer. */
static void check_stops(const cJSON *log, const struct frames *frames, size_t layers)
{
    struct stop stop = {0};

    for (size_t i = 0; i < layers; i++) {
        const struct frame *frame = &frames->items[i];

        stop = next_stop(log, stop.resuming);
        if (!stop.paused)
            fail_msg("the printer was stopped %zu times for %zu frames", i, layers);
        assert_true(frame->marker.time_ms >= layer_began_ms(log, frame->layer));
        assert_true(frame->marker.time_ms >= event_number(stop.paused, "t_ms") - 1);
        assert_true(frame->marker.time_ms <= event_number(stop.resuming, "t_ms"));
    }
    assert_null(next_stop(log, stop.resuming).paused);
    assert_int_equal(truth_count(log, "gcode", "code", "M25"), layers);
    assert_int_equal(truth_count(log, "gcode", "code", "M24"), layers);
    assert_int_equal(truth_count(log, "job", "what", "done"), 1);
}

/* --- what was said --- */

static void check_video(struct rig *rig, const cJSON *ready, const struct frames *frames)
{
    const char *file = json_get_string(ready, "file");
    double expected_s = (double)frames->count / 5.0 + 2.0;
    struct decoded_video video;

    assert_int_equal((size_t)event_number(ready, "frames"), frames->count);
    assert_int_equal((int)event_number(ready, "dropped_frames"), 0);
    assert_int_equal((int)event_number(ready, "missed"), 0);
    assert_true(fabs(event_number(ready, "fps") - 5.0) < 0.001);
    assert_true(fabs(event_number(ready, "duration_s") - expected_s) < 0.01);
    frames_check_video(rig, frames, file);
    video_decode(rig, file, &video);
    assert_int_equal(video.width, 320);
    assert_int_equal(video.height, 240);
    assert_string_equal(video.codec, "h264");
    assert_string_equal(video.pixel_format, "yuv420p");
    if (fabs(video.fps - 5.0) > 0.001 || fabs(video.duration_s - expected_s) > 0.05)
        fail_msg("the video has %.3f fps and lasts %.3f s, not %.3f s", video.fps, video.duration_s,
                 expected_s);
    decoded_video_done(&video);
}

static void check_status(struct rig *rig, const struct frames *frames)
{
    const cJSON *finished = rig_event(rig, "session_finished", 0);

    assert_true(event_says(finished, "end", "done"));
    assert_int_equal((size_t)event_number(finished, "frames"), frames->count);
    assert_int_equal((int)event_number(finished, "missed"), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, json_is_null(rig_look(rig, "unit/mk4/status", "session")));
    RIG_WAIT(rig, rig_look(rig, "unit/mk4/video", "frames"));
    assert_int_equal((size_t)json_number(rig_look(rig, "unit/mk4/video", "frames")), frames->count);
    assert_true(json_is_null(rig_look(rig, "unit/mk4/status", "error")));
}

/* --- the journal --- */

struct journal_check {
    const struct frames *frames;
    size_t seen;
};

static void check_row(const struct journal_frame *row, void *user)
{
    struct journal_check *check = user;

    assert_true(check->seen < check->frames->count);
    assert_int_equal(row->seq, check->frames->items[check->seen].seq);
    check->seen++;
}

/* The agent is stopped for it: a journal has one user. */
static void check_journal(struct rig *rig, const struct frames *frames)
{
    CLEANUP(free_p) char *dir = path_join(rig_dir(rig), "data");
    struct journal_check check = {.frames = frames};
    struct journal *journal;
    struct error err = {0};
    bool damaged;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    if (journal_open(rig_loop(rig), dir, &journal, &damaged, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(damaged);
    assert_int_equal(
        journal_each_frame(journal, frames->items[0].session, "front", 0, check_row, &check, &err),
        0);
    assert_int_equal(check.seen, frames->count);
    journal_close(journal);
}

static void judge(struct rig *rig, const cJSON *ready, size_t layers)
{
    CLEANUP(json_free_p) cJSON *log = rig_sim_log(rig);
    struct frames frames;

    frames_read(rig, "mk4", "front", NULL, &frames);
    check_frames(&frames, layers);
    check_stops(log, &frames, layers);
    check_video(rig, ready, &frames);
    check_status(rig, &frames);
    truth_check_printer(rig);
    check_journal(rig, &frames);
    frames_done(&frames);
}

static void test_each_layer_is_one_frame_of_the_parked_head(void **state)
{
    struct rig *rig = *state;

    judge(rig, print_and_await_video(rig, LAYERS), LAYERS);
    rig_pass(rig);
}

/* The printer's own counter goes up twice when the file is rewound over a layer's comment. */
static void test_a_layer_that_the_printer_counts_twice_is_one_frame(void **state)
{
    struct rig *rig = *state;

    judge(rig, print_and_await_video(rig, LAYERS / 2), LAYERS / 2);
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_layer_is_one_frame_of_the_parked_head, setup_numbered),
        TEST(test_a_layer_that_the_printer_counts_twice_is_one_frame, setup_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
