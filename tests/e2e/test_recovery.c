/* SPDX-License-Identifier: MIT */
/* The agent is killed at the worst moments that there are; what it finds when it is back differs
 * from test to test. */
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

enum { LONGEST_PAUSE_MS = 15000 };

static const char *const sim[] = {
    "--idle", "--layers",     "30",  "--layer-ms",    "500",     "--heat-ms",
    "0",      "--pause-ms",   "100", "--resume-ms",   "100",     "--move-mm-s",
    "1000",   "--camera-fps", "20",  "--camera-size", "320x240", NULL};

#define GROUPS                                                                                     \
    "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0; };\n"                   \
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"
#define PRINTER_AND_CAMERA                                                                         \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"                                                                                         \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
#define UNIT                                                                                       \
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n" \
    "    min_frames = 1; fps = 5.0; "
#define PARK                                                                                       \
    "pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0; park_feed_mm_min = 60000.0; "

static const char printing_conf[] = GROUPS PRINTER_AND_CAMERA UNIT "segment_frames = 3; } );\n";
static const char parking_conf[] = GROUPS PRINTER_AND_CAMERA UNIT PARK "segment_frames = 3; } );\n";
/* The unit "mk4" is called "other" now. */
static const char renamed_conf[] = GROUPS PRINTER_AND_CAMERA
    "units = ( { id = \"other\"; printer = \"mk4\"; cameras = [ \"front\" ]; "
    "trigger = \"layer\"; min_frames = 1; } );\n";
/* All is encoded at the end, by a program that takes its time. */
static const char slow_conf[] =
    GROUPS "encode = { ffmpeg = \"%dir/ffmpeg\"; };\n" PRINTER_AND_CAMERA UNIT
           "segment_frames = 60; tail_frames = 60; } );\n";

#define SHORT_PRINT "/sim/command?do=start&layers=8"
#define LONG_PRINT  "/sim/command?do=start&layers=60"

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static int setup_with(void **state, const char *conf, const char *print)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim, .no_agent = true});

    script_write(rig, "ffmpeg", "[ -e \"%dir/fast\" ] || sleep 2\nexec ffmpeg \"$@\"\n");
    conf_write(rig, conf);
    rig_agent_start(rig);
    sim_do(rig, print);
    *state = rig;
    return 0;
}

static int setup_printing(void **state)
{
    return setup_with(state, printing_conf, SHORT_PRINT);
}

static int setup_printing_long(void **state)
{
    return setup_with(state, printing_conf, LONG_PRINT);
}

static int setup_parking(void **state)
{
    return setup_with(state, parking_conf, LONG_PRINT);
}

static int setup_slow_encoder(void **state)
{
    return setup_with(state, slow_conf, SHORT_PRINT);
}

static const char *session_of(struct rig *rig, const char *event, size_t index)
{
    return json_get_string(rig_event(rig, event, index), "session");
}

/* Until the unit has said that it waits for the next print, and all that must hold does. */
static void await_waiting_since(struct rig *rig, size_t from)
{
    RIG_WAIT(rig, said_since(rig, from, "unit/mk4/state", "waiting"));
    promise_frames(rig);
    promise_videos(rig);
    promise_printer_is_free(rig, LONGEST_PAUSE_MS);
}

static void await_one_video(struct rig *rig)
{
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    await_waiting_since(rig, 0);
    assert_int_equal(rig_event_count(rig, "video_ready"), 1);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
}

/* The rest of the print proves nothing. */
static void end_with_one_video(struct rig *rig)
{
    sim_do(rig, "/sim/command?do=cancel");
    await_one_video(rig);
}

/* The camera keeps the printer waiting: held, and nothing but the agent can end it. */
static void await_held(struct rig *rig)
{
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    rig_sim_fault(rig, "what=cam_hang&for_ms=20000");
    RIG_WAIT(rig, sim_is_paused_by(rig, "http"));
    RIG_WAIT(rig, heard_since(rig, 0, "printer/mk4/state") > 0 &&
                      rig_says(rig, "printer/mk4/state", "paused"));
}

static void test_killed_while_capturing_goes_on_with_the_same_session(void **state)
{
    struct rig *rig = *state;
    size_t before;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 3);
    rig_agent_signal(rig, SIGKILL);
    before = rig_event_count(rig, "frame");
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    assert_int_equal(rig_event_count(rig, "session_recovered"), 1);
    assert_string_equal(session_of(rig, "frame", before), session_of(rig, "frame", 0));
    end_with_one_video(rig);
    rig_agent_signal(rig, SIGTERM);
    promise_journal(rig);
    rig_pass(rig);
}

static void test_killed_while_held_releases_the_printer_and_goes_on(void **state)
{
    struct rig *rig = *state;
    size_t before;

    await_held(rig);
    rig_agent_signal(rig, SIGKILL);
    before = rig_event_count(rig, "frame");
    rig_linger(rig, 500);
    assert_true(sim_is_paused_by(rig, "http"));
    rig_sim_fault(rig, "what=none");
    rig_agent_start(rig);
    RIG_WAIT(rig, sim_is(rig, "processing"));
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before + 1);
    end_with_one_video(rig);
    rig_pass(rig);
}

static void test_killed_while_held_releases_the_printer_without_a_camera(void **state)
{
    struct rig *rig = *state;

    await_held(rig);
    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig); /* the camera still hangs */
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_sim_fault(rig, "what=none");
    end_with_one_video(rig);
    rig_pass(rig);
}

/* After a frame the printer is left in peace for half a second. */
static void kill_between_holds(struct rig *rig)
{
    size_t before = rig_event_count(rig, "frame");

    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_linger(rig, 200);
    rig_agent_signal(rig, SIGKILL);
}

/* A pause of a person that began while we were dead. */
static void test_pause_of_a_person_is_left_alone_after_a_restart(void **state)
{
    struct rig *rig = *state;
    size_t before;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    kill_between_holds(rig);
    while (promise_pause_is_open(rig) || !sim_try(rig, "/sim/fault?what=user_pause")) {
        rig_agent_start(rig);
        kill_between_holds(rig);
    }
    before = rig_event_count(rig, "frame");
    rig_agent_start(rig);
    rig_linger(rig, 3000);
    assert_true(sim_is_paused_by(rig, "user"));
    sim_do(rig, "/sim/command?do=resume");
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    end_with_one_video(rig);
    rig_pass(rig);
}

static void test_print_that_ended_unseen_gets_its_video(void **state)
{
    struct rig *rig = *state;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 4);
    rig_agent_signal(rig, SIGKILL);
    RIG_WAIT(rig, sim_is(rig, "idle"));
    rig_agent_start(rig);
    await_one_video(rig);
    assert_string_equal(json_get_string(rig_event(rig, "session_finished", 0), "end"), "unseen");
    rig_pass(rig);
}

static void test_other_job_gets_a_session_of_its_own(void **state)
{
    struct rig *rig = *state;
    size_t before;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 3);
    rig_agent_signal(rig, SIGKILL);
    before = rig_event_count(rig, "frame");
    sim_do(rig, "/sim/command?do=cancel");
    RIG_WAIT(rig, sim_is(rig, "idle"));
    sim_do(rig, "/sim/command?do=start&job=other.gcode&layers=8");
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 2);
    await_waiting_since(rig, 0);
    assert_int_equal(rig_event_count(rig, "video_ready"), 2);
    assert_string_equal(json_get_string(rig_event(rig, "session_finished", 0), "end"), "unseen");
    assert_non_null(strstr(session_of(rig, "session_started", 1), "other"));
    assert_string_equal(session_of(rig, "frame", rig_event_count(rig, "frame") - 1),
                        session_of(rig, "session_started", 1));
    assert_string_not_equal(session_of(rig, "video_ready", 0), session_of(rig, "video_ready", 1));
    assert_true(rig_event_count(rig, "frame") > before + 2);
    rig_pass(rig);
}

static void test_session_of_a_unit_that_is_gone_gets_its_video(void **state)
{
    struct rig *rig = *state;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 4);
    rig_agent_signal(rig, SIGKILL);
    conf_write(rig, renamed_conf);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    assert_string_equal(session_of(rig, "video_ready", 0), session_of(rig, "frame", 0));
    promise_frames(rig);
    promise_videos(rig);
    rig_agent_signal(rig, SIGTERM);
    rig_agent_start(rig); /* and not again */
    rig_linger(rig, 500);
    assert_int_equal(rig_event_count(rig, "video_ready"), 1);
    rig_pass(rig);
}

static void test_printer_without_an_answer_at_restart_is_waited_for(void **state)
{
    struct rig *rig = *state;
    size_t before, from;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    rig_agent_signal(rig, SIGKILL);
    before = rig_event_count(rig, "frame");
    from = rig_message_count(rig);
    rig_sim_fault(rig, "what=drop&for_ms=2500");
    rig_agent_start(rig);
    RIG_WAIT(rig, said_since(rig, from, "printer/mk4/state", "offline"));
    RIG_WAIT(rig, said_since(rig, from, "printer/mk4/state", "printing"));
    assert_false(said_since(rig, from, "unit/mk4/state", "building"));
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    assert_string_equal(session_of(rig, "frame", before), session_of(rig, "frame", 0));
    end_with_one_video(rig);
    rig_pass(rig);
}

static void test_printer_held_and_unreachable_at_restart_is_released_later(void **state)
{
    struct rig *rig = *state;

    await_held(rig);
    rig_agent_signal(rig, SIGKILL);
    rig_sim_fault(rig, "what=none");
    rig_sim_fault(rig, "what=drop&for_ms=3000");
    rig_agent_start(rig);
    RIG_WAIT(rig, sim_is(rig, "processing"));
    end_with_one_video(rig);
    rig_pass(rig);
}

/* --- while the video is built --- */

static void test_killed_while_the_video_is_built_makes_it_once(void **state)
{
    struct rig *rig = *state;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building"));
    rig_linger(rig, 700);
    rig_agent_signal(rig, SIGKILL);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    script_write(rig, "fast", "");
    rig_agent_start(rig);
    await_one_video(rig);
    rig_agent_signal(rig, SIGTERM);
    rig_agent_start(rig); /* and not again */
    rig_linger(rig, 1000);
    assert_int_equal(rig_event_count(rig, "video_ready"), 1);
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_killed_while_capturing_goes_on_with_the_same_session, setup_printing_long),
        TEST(test_killed_while_held_releases_the_printer_and_goes_on, setup_parking),
        TEST(test_killed_while_held_releases_the_printer_without_a_camera, setup_parking),
        TEST(test_pause_of_a_person_is_left_alone_after_a_restart, setup_parking),
        TEST(test_print_that_ended_unseen_gets_its_video, setup_printing),
        TEST(test_other_job_gets_a_session_of_its_own, setup_printing),
        TEST(test_session_of_a_unit_that_is_gone_gets_its_video, setup_printing_long),
        TEST(test_printer_without_an_answer_at_restart_is_waited_for, setup_printing_long),
        TEST(test_printer_held_and_unreachable_at_restart_is_released_later, setup_parking),
        TEST(test_killed_while_the_video_is_built_makes_it_once, setup_slow_encoder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
