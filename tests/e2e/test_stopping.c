/* SPDX-License-Identifier: MIT */
/* The agent ends while it holds the printer; nobody is there any more to let it go, but the stop
 * itself, and "lapsed --release-printers". */
#include "agent/base/mem.h"
#include "tests/e2e/parked_print.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>

enum { LONGEST_PAUSE_MS = 8000, STOP_MS = 8000 };

/* The camera keeps the printer waiting. */
static void await_held(struct rig *rig)
{
    parked_print_await_frames(rig, 2);
    rig_sim_fault(rig, "what=cam_hang");
    RIG_WAIT(rig, sim_is_paused_by(rig, "http"));
}

static const char *session_of(struct rig *rig, size_t frame)
{
    return json_get_string(rig_event(rig, "frame", frame), "session");
}

static void stop_while_held(struct rig *rig, int signum)
{
    int64_t start_ms;
    size_t before;

    await_held(rig);
    start_ms = clock_mono_ms();
    assert_true(ended_well(rig_agent_signal(rig, signum)));
    assert_true(clock_mono_ms() - start_ms < STOP_MS);
    assert_true(sim_is(rig, "processing"));
    RIG_WAIT(rig, rig_says(rig, "availability", "offline"));
    rig_sim_fault(rig, "what=none");
    before = rig_event_count(rig, "frame");
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    assert_string_equal(session_of(rig, before), session_of(rig, 0));
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

static void test_stopped_while_held_lets_the_printer_go_first(void **state)
{
    stop_while_held(*state, SIGTERM);
}

static void test_interrupted_while_held_lets_the_printer_go_first(void **state)
{
    stop_while_held(*state, SIGINT);
}

/* The pause command is on its way, the answer is not there yet. */
static void test_stopped_while_pausing_lets_the_printer_go_first(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 2);
    rig_sim_fault(rig, "what=slow_pause&ms=1500");
    RIG_WAIT(rig, sim_is(rig, "pausing"));
    assert_true(ended_well(rig_agent_signal(rig, SIGTERM)));
    RIG_WAIT(rig, sim_is(rig, "processing"));
    promise_printer_is_free(rig, LONGEST_PAUSE_MS);
    assert_false(promise_pause_is_open(rig));
    rig_pass(rig);
}

static void test_stopped_while_building_finishes_at_the_next_start(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 3);
    sim_do(rig, "/sim/command?do=cancel");
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building"));
    assert_true(ended_well(rig_agent_signal(rig, SIGTERM)));
    if (rig_event_count(rig, "video_ready") == 0)
        rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_int_equal(promise_videos(rig), 1);
    rig_pass(rig);
}

static struct rig_output release_printers(struct rig *rig)
{
    CLEANUP(free_p) char *conf = xasprintf("%s/lapsed.conf", rig_dir(rig));
    const char *argv[] = {LAPSED_PROGRAM, "--config", conf, "--release-printers", NULL};

    return rig_run(rig, argv);
}

static void test_release_printers_needs_no_broker(void **state)
{
    struct rig *rig = *state;
    struct rig_output output;

    await_held(rig);
    rig_agent_signal(rig, SIGKILL);
    rig_broker_kill(rig);
    output = release_printers(rig);
    if (output.exit_code != 0)
        fail_msg("exit code %d: %s", output.exit_code, output.err);
    rig_output_done(&output);
    assert_true(sim_is(rig, "processing"));
    assert_false(promise_pause_is_open(rig));
    output = release_printers(rig); /* nothing to do is fine, too */
    assert_int_equal(output.exit_code, 0);
    rig_output_done(&output);
    promise_printer_is_free(rig, LONGEST_PAUSE_MS);
    rig_pass(rig);
}

static void test_release_printers_leaves_a_person_alone(void **state)
{
    struct rig *rig = *state;
    struct rig_output output;

    await_held(rig);
    rig_agent_signal(rig, SIGKILL);
    sim_do(rig, "/sim/fault?what=user_resume");
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_linger(rig, 2500); /* far from where we had paused */
    sim_do(rig, "/sim/fault?what=user_pause");
    RIG_WAIT(rig, sim_is_paused_by(rig, "user"));
    output = release_printers(rig);
    assert_int_equal(output.exit_code, 0);
    rig_output_done(&output);
    assert_true(sim_is_paused_by(rig, "user"));
    promise_printer_is_free(rig, LONGEST_PAUSE_MS);
    rig_pass(rig);
}

static void test_release_printers_beside_an_agent_touches_nothing(void **state)
{
    struct rig *rig = *state;
    struct rig_output output;

    await_held(rig);
    output = release_printers(rig);
    assert_int_equal(output.exit_code, 75);
    rig_output_done(&output);
    assert_true(rig_agent_running(rig));
    rig_sim_fault(rig, "what=none");
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parked_print_setup, parked_print_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stopped_while_held_lets_the_printer_go_first),
        TEST(test_interrupted_while_held_lets_the_printer_go_first),
        TEST(test_stopped_while_pausing_lets_the_printer_go_first),
        TEST(test_stopped_while_building_finishes_at_the_next_start),
        TEST(test_release_printers_needs_no_broker),
        TEST(test_release_printers_leaves_a_person_alone),
        TEST(test_release_printers_beside_an_agent_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
