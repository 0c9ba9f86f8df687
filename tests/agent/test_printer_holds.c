/* SPDX-License-Identifier: MIT */
/* Holding a printer still and letting it go again, alone and with several units. The simulator's
 * log says what was really done to the printer. */
#include "tests/agent/printer_rig.h"

#include "agent/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void a_hold_pauses_parks_and_resumes(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_held(&rig, &hold);
    assert_true(hold.parked);
    assert_true(rig.ledger.open);
    assert_string_equal(rig.ledger.record.job_file, "benchy.gcode");
    assert_true(rig_sim_is(&rig, "paused"));
    assert_true(printer_paused_by_us(rig.printer));
    rig_release(&hold);
    assert_true(rig.ledger.open); /* until it was seen running */
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_PAUSED), 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    rig_end_running(&rig);
}

static void a_hold_without_a_move_leaves_the_head_where_it_is(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    assert_false(hold.parked);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 0);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void the_resume_goes_out_at_once_with_the_release(void **test)
{
    struct rig rig;
    struct rig_hold hold;
    int64_t released_ms;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_run_for(&rig, 300);
    rig_release(&hold);
    released_ms = clock_mono_ms();
    rig_wait_sim(&rig, "resuming", 2000);
    assert_true(clock_mono_ms() - released_ms < 400); /* a poll of ours and one of the test */
    rig_end_running(&rig);
}

static void two_units_at_the_same_place_share_one_pause(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_hold(&rig, &second, &rig_corner);
    rig_wait_held(&rig, &first);
    rig_wait_held(&rig, &second);
    rig_release(&first);
    rig_run_for(&rig, 300);
    assert_true(rig_sim_is(&rig, "paused"));
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 1);
    rig_end_running(&rig);
}

static void two_units_at_different_places_are_served_one_after_the_other(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_hold(&rig, &second, &rig_other_corner);
    rig_wait_held(&rig, &first);
    rig_run_for(&rig, 200);
    assert_false(second.told);
    rig_release(&first);
    rig_wait_held(&rig, &second);
    assert_true(second.parked);
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    rig_end_running(&rig);
}

static void who_comes_while_it_is_held_joins(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_wait_held(&rig, &first);
    rig_hold(&rig, &second, &rig_plain);
    rig_wait_held(&rig, &second);
    rig_release(&first);
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    rig_end_running(&rig);
}

static void a_hold_right_after_a_release_waits_for_its_turn(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    for (int i = 0; i < 2; i++) {
        rig_hold(&rig, &hold, &rig_plain);
        rig_wait_held(&rig, &hold);
        rig_release(&hold);
    }
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 2);
    rig_end_running(&rig);
}

static void released_before_it_is_held_it_is_let_go(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_sim(&rig, "pausing", 5000);
    rig_release(&hold);
    assert_false(hold.told);
    rig_end_running(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_pauses_parks_and_resumes),
        cmocka_unit_test(a_hold_without_a_move_leaves_the_head_where_it_is),
        cmocka_unit_test(the_resume_goes_out_at_once_with_the_release),
        cmocka_unit_test(two_units_at_the_same_place_share_one_pause),
        cmocka_unit_test(two_units_at_different_places_are_served_one_after_the_other),
        cmocka_unit_test(who_comes_while_it_is_held_joins),
        cmocka_unit_test(a_hold_right_after_a_release_waits_for_its_turn),
        cmocka_unit_test(released_before_it_is_held_it_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
