/* SPDX-License-Identifier: MIT */
/* An encoder that is killed, absent, late or lying: the camera goes on, and what is called a video
 * is one. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHILDREN_MAX = 64, ENCODER_KILLS = 3 };

static const char *const sim[] = {"--idle", "--layers",      "10",      "--layer-ms",
                                  "300",    "--heat-ms",     "0",       "--camera-fps",
                                  "20",     "--camera-size", "320x240", NULL};

#define BEFORE_UNITS                                                                               \
    "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0; };\n"                   \
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"                                            \
    "encode = { ffmpeg = \"%dir/ffmpeg\"; max_encoders = 1; };\n"                                  \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"                                                                                         \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; },\n"           \
    "    { id = \"side\"; kind = \"mjpeg\"; url = \"http://%sim/stream2\"; } );\n"
#define SEGMENTS "min_frames = 1; fps = 5.0; segment_frames = 3; tail_frames = 3; "

static const char conf[] = BEFORE_UNITS
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    " SEGMENTS "} );\n";
static const char two_units_conf[] = BEFORE_UNITS
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    min_frames = 1; fps = 5.0; segment_frames = 60; tail_frames = 60; },\n"
    "  { id = \"two\"; printer = \"mk4\"; cameras = [ \"side\" ]; trigger = \"layer\";\n"
    "    min_frames = 1; fps = 5.0; segment_frames = 60; tail_frames = 60; } );\n";

#define SHORT_PRINT "/sim/command?do=start"

/* Half of a segment comes, and then nothing any more, unless it is "calm". What decodes works. */
static const char stuck_ffmpeg[] = "for last; do :; done\n"
                                   "[ -e \"%dir/calm\" ] && exec ffmpeg \"$@\"\n"
                                   "[ \"$last\" = pipe:1 ] || exec ffmpeg \"$@\"\n"
                                   "ffmpeg \"$@\" | head -c 700\n"
                                   ": >\"%dir/stuck\"\n"
                                   "exec sleep 300\n";
static const char slow_ffmpeg[] = "sleep 0.4\nexec ffmpeg \"$@\"\n";
static const char honest_ffmpeg[] = "exec ffmpeg \"$@\"\n";
/* What decodes is let through: the lies are about what was encoded. */
#define LIE(what)                                                                                  \
    "[ -e \"%dir/honest\" ] && exec ffmpeg \"$@\"\n"                                               \
    "for last; do :; done\n"                                                                       \
    "[ \"$last\" = pipe:1 ] || exec ffmpeg \"$@\"\n" what

static int setup_with(void **state, const char *text, const char *ffmpeg, const char *print)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim, .no_agent = true});

    if (ffmpeg)
        script_write(rig, "ffmpeg", ffmpeg);
    conf_write(rig, text);
    rig_agent_start(rig);
    sim_do(rig, print);
    *state = rig;
    return 0;
}

static int setup_stuck_and_long(void **state)
{
    return setup_with(state, conf, stuck_ffmpeg, "/sim/command?do=start&layers=200");
}

static int setup_slow(void **state)
{
    return setup_with(state, conf, slow_ffmpeg, SHORT_PRINT);
}

static int setup_none(void **state)
{
    return setup_with(state, conf, NULL, SHORT_PRINT);
}

/* Success, and not a byte. */
static int setup_silent_liar(void **state)
{
    return setup_with(state, conf, LIE("cat >/dev/null\n"), SHORT_PRINT);
}

/* Success, a report of all the frames, and a picture too few. */
static int setup_short_liar(void **state)
{
    return setup_with(state, conf, LIE("ffmpeg \"$@\" | head -c -1500\n"), SHORT_PRINT);
}

/* Success, the right number of pictures, the last of them cut short. */
static int setup_damaging_liar(void **state)
{
    return setup_with(state, conf, LIE("ffmpeg \"$@\" | head -c -200\n"), SHORT_PRINT);
}

/* One encoder has all to do at the end. */
static int setup_two_units(void **state)
{
    return setup_with(state, two_units_conf, slow_ffmpeg, SHORT_PRINT);
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void await_finished(struct rig *rig, const char *end)
{
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_string_equal(json_get_string(rig_event(rig, "session_finished", 0), "end"), end);
}

/* No frame was given up for an encoder's failure. The video may be late: when the last try failed it
 * is made from the queue. */
static void expect_whole_video(struct rig *rig, const char *end)
{
    await_finished(rig, end);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    promise_frames(rig);
    assert_int_equal(promise_videos(rig), 1);
    assert_int_equal(json_number(json_get(rig_event(rig, "video_ready", 0), "frames")),
                     frames_on_disk(rig, NULL));
}

static size_t kill_children(struct rig *rig)
{
    pid_t children[CHILDREN_MAX];
    size_t count = agent_children(rig, children, CHILDREN_MAX);

    for (size_t i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    return count;
}

static int64_t encoded_frames(struct rig *rig)
{
    return (int64_t)json_number(rig_look(rig, "unit/mk4/status", "session.encoded_frames"));
}

/* Killed in the middle of its work again and again, and it makes progress in between. */
static void test_encoder_killed_mid_segment_costs_no_frame(void **state)
{
    struct rig *rig = *state;

    CLEANUP(free_p) char *stuck = path_join(rig_dir(rig), "stuck");
    CLEANUP(free_p) char *calm = path_join(rig_dir(rig), "calm");

    for (int kills = 0; kills < ENCODER_KILLS; kills++) {
        int64_t before = encoded_frames(rig);

        RIG_WAIT(rig, access(stuck, F_OK) == 0);
        script_write(rig, "calm", "");
        assert_int_equal(unlink(stuck), 0);
        assert_int_equal(kill_children(rig), 1);
        RIG_WAIT(rig, encoded_frames(rig) > before);
        if (kills + 1 < ENCODER_KILLS)
            assert_int_equal(unlink(calm), 0);
    }
    sim_do(rig, "/sim/command?do=cancel");
    expect_whole_video(rig, "cancelled");
    rig_pass(rig);
}

/* While somebody waits for the video it is tried again at once. */
static void test_encoder_killed_at_the_end_makes_the_video_late_but_whole(void **state)
{
    struct rig *rig = *state;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building"));
    RIG_WAIT(rig, kill_children(rig) > 0);
    expect_whole_video(rig, "done");
    rig_pass(rig);
}

static void test_without_ffmpeg_it_films_and_says_so(void **state)
{
    struct rig *rig = *state;
    const cJSON *failed;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 4);
    RIG_WAIT(rig, json_is_bool(rig_look(rig, "status", "ffmpeg")));
    {
        bool found = true;

        assert_true(json_get_bool(rig_last(rig, "status")->json, "ffmpeg", &found));
        assert_false(found);
    }
    RIG_WAIT(rig, json_is_object(rig_look(rig, "unit/mk4/status", "error")));
    assert_non_null(
        strstr(json_string(rig_look(rig, "unit/mk4/status", "error.message")), "ffmpeg"));
    await_finished(rig, "done");
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    failed = rig_event(rig, "video_failed", 0);
    assert_non_null(failed);
    assert_non_null(strstr(json_get_string(failed, "error"), "ffmpeg"));
    assert_in_range(promise_frames(rig), 8, 11); /* 10 layers and the last one */
    rig_pass(rig);
}

static void test_ffmpeg_that_appears_mid_print_is_used(void **state)
{
    struct rig *rig = *state;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 5);
    script_write(rig, "ffmpeg", honest_ffmpeg);
    expect_whole_video(rig, "done");
    rig_pass(rig);
}

static void test_ffmpeg_that_vanishes_mid_print_comes_back(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "ffmpeg");

    RIG_WAIT(rig, encoded_frames(rig) > 0);
    assert_int_equal(unlink(path), 0);
    RIG_WAIT(rig, json_is_object(rig_look(rig, "unit/mk4/status", "error")));
    script_write(rig, "ffmpeg", honest_ffmpeg);
    expect_whole_video(rig, "done");
    rig_pass(rig);
}

/* It lies for some segments, and is an honest one from then on. */
static void expect_lies_seen_through(struct rig *rig)
{
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 5);
    assert_int_equal(encoded_frames(rig), 0);
    RIG_WAIT(rig, json_is_object(rig_look(rig, "unit/mk4/status", "error")));
    script_write(rig, "honest", "");
    expect_whole_video(rig, "done");
    rig_pass(rig);
}

static void test_success_without_a_video_is_seen_through(void **state)
{
    expect_lies_seen_through(*state);
}

static void test_success_with_a_picture_too_few_is_seen_through(void **state)
{
    expect_lies_seen_through(*state);
}

static void test_success_with_a_picture_cut_short_is_seen_through(void **state)
{
    expect_lies_seen_through(*state);
}

/* And one that lies to the end gives no video, but a word about it. */
static void test_liar_to_the_end_gives_no_video(void **state)
{
    struct rig *rig = *state;

    await_finished(rig, "done");
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    assert_int_equal(rig_event_count(rig, "video_failed"), 1);
    promise_frames(rig);
    rig_pass(rig);
}

static void test_two_units_finish_with_one_encoder_at_a_time(void **state)
{
    struct rig *rig = *state;
    size_t most = 0, seen = 0;

    while (rig_event_count(rig, "video_ready") < 2 && rig_event_count(rig, "video_failed") == 0) {
        pid_t children[CHILDREN_MAX];
        size_t count = agent_children(rig, children, CHILDREN_MAX);

        most = MAX(most, count);
        seen += count > 0;
        rig_linger(rig, 5);
    }
    assert_true(seen > 0);
    assert_int_equal(most, 1);
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 2);
    promise_frames(rig);
    assert_int_equal(promise_videos(rig), 2);
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_encoder_killed_mid_segment_costs_no_frame, setup_stuck_and_long),
        TEST(test_encoder_killed_at_the_end_makes_the_video_late_but_whole, setup_slow),
        TEST(test_without_ffmpeg_it_films_and_says_so, setup_none),
        TEST(test_ffmpeg_that_appears_mid_print_is_used, setup_none),
        TEST(test_ffmpeg_that_vanishes_mid_print_comes_back, setup_slow),
        TEST(test_success_without_a_video_is_seen_through, setup_silent_liar),
        TEST(test_success_with_a_picture_too_few_is_seen_through, setup_short_liar),
        TEST(test_success_with_a_picture_cut_short_is_seen_through, setup_damaging_liar),
        TEST(test_liar_to_the_end_gives_no_video, setup_silent_liar),
        TEST(test_two_units_finish_with_one_encoder_at_a_time, setup_two_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
