/* SPDX-License-Identifier: MIT */
/* A printer that does not do what it is told, or does it late: in the end the print goes on. */
#include "tests/e2e/parked_print.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_resume_that_is_ignored_is_repeated(void **state)
{
    parked_print_endures(*state, "what=ignore_resume&count=2", 12000);
}

static void test_pause_that_is_ignored_costs_only_the_parking(void **state)
{
    parked_print_endures(*state, "what=ignore_pause&count=1", 8000);
}

static void test_slow_pause_is_waited_for(void **state)
{
    parked_print_endures(*state, "what=slow_pause&ms=1500", 8000);
}

/* Later than pause_timeout_ms: the frame is taken without it, the pause ended when it comes. */
static void test_pause_that_comes_too_late_is_ended(void **state)
{
    parked_print_endures(*state, "what=slow_pause&ms=4500", 10000);
}

static void test_pause_put_off_by_a_macro_is_ended(void **state)
{
    parked_print_endures(*state, "what=deferred_pause&for_ms=2000", 8000);
}

static void test_macro_longer_than_the_patience_leaves_no_pause(void **state)
{
    parked_print_endures(*state, "what=deferred_pause&for_ms=5000", 8000);
}

/* A camera without an answer is a reason to go on, not to wait. */
static void test_camera_that_hangs_holds_nobody_for_long(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 2);
    rig_sim_fault(rig, "what=cam_hang");
    RIG_WAIT(rig, rig_event_count(rig, "frame_missed") >= 1);
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_sim_fault(rig, "what=none");
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", 9000);
    rig_pass(rig);
}

static void test_reboot_while_held_ends_the_session_as_lost(void **state)
{
    struct rig *rig = *state;

    parked_print_await_held(rig, 1500);
    rig_sim_fault(rig, "what=reboot");
    rig_sim_fault(rig, "what=none");
    parked_print_await_end(rig, "lost", 8000);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parked_print_setup, parked_print_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_resume_that_is_ignored_is_repeated),
        TEST(test_pause_that_is_ignored_costs_only_the_parking),
        TEST(test_slow_pause_is_waited_for),
        TEST(test_pause_that_comes_too_late_is_ended),
        TEST(test_pause_put_off_by_a_macro_is_ended),
        TEST(test_macro_longer_than_the_patience_leaves_no_pause),
        TEST(test_camera_that_hangs_holds_nobody_for_long),
        TEST(test_reboot_while_held_ends_the_session_as_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
