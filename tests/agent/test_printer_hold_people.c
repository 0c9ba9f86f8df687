/* SPDX-License-Identifier: MIT */
/* Never resume another's pause: people, the filament sensor, cancelled and other jobs, a reboot. */
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

static void hold_it(struct rig *rig, struct rig_hold *hold)
{
    rig_begin(rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(rig, hold, &rig_plain);
    rig_wait_held(rig, hold);
}

static void a_pause_of_a_person_is_not_touched(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_PAUSED, 1, 5000);
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -EPERM);
    rig_release(&hold);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_paused(&rig);
}

static void a_person_who_was_faster_keeps_the_pause(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.ledger.delay_ms = 400;
    rig_hold(&rig, &hold, &rig_corner);
    rig_run_for(&rig, 350);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -EPERM);
    rig_release(&hold);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 0);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_paused(&rig);
}

static void a_filament_that_ran_out_is_not_resumed(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.ledger.delay_ms = 400;
    rig_hold(&rig, &hold, &rig_corner);
    rig_run_for(&rig, 350);
    rig_ask(&rig, "/sim/fault?what=filament_runout");
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -EPERM);
    rig_release(&hold);
    rig_end_paused(&rig);
}

static void resumed_and_paused_by_a_person_it_is_theirs(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=user_resume");
    rig_wait_sim(&rig, "processing", 5000);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_sim(&rig, "paused", 5000);
    rig_release(&hold);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_paused(&rig);
}

static void a_person_who_pauses_during_our_resume_is_obeyed(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_release(&hold);
    rig_wait_sim(&rig, "processing", 5000);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_sim(&rig, "paused", 5000);
    rig_end_paused(&rig);
}

static void a_message_for_a_person_leaves_the_pause_to_them(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=message_box&mode=2");
    rig_wait_event(&rig, PRINTER_EVENT_ATTENTION, 1, 5000);
    rig_release(&hold);
    rig_end_paused(&rig);
}

static void cancelled_while_held_nothing_is_sent_any_more(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=cancel");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 5000);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_CANCELLED);
    rig_wait_ledger(&rig, false, 3000);
    rig_release(&hold);
    rig_run_for(&rig, 500);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_stop(&rig);
}

static void another_job_during_the_hold_is_left_alone(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=cancel");
    rig_wait_sim(&rig, "idle", 5000);
    rig_ask(&rig, "/sim/command?do=start&job=other.gcode&layers=50&layer_ms=2000");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_STARTED, 2, 5000);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_sim(&rig, "paused", 5000);
    rig_release(&hold);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_paused(&rig);
}

static void a_reboot_during_the_hold_ends_it(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=reboot");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 8000);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_LOST);
    rig_wait_ledger(&rig, false, 3000);
    rig_release(&hold);
    rig_run_for(&rig, 500);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_of_a_person_is_not_touched),
        cmocka_unit_test(a_person_who_was_faster_keeps_the_pause),
        cmocka_unit_test(a_filament_that_ran_out_is_not_resumed),
        cmocka_unit_test(resumed_and_paused_by_a_person_it_is_theirs),
        cmocka_unit_test(a_person_who_pauses_during_our_resume_is_obeyed),
        cmocka_unit_test(a_message_for_a_person_leaves_the_pause_to_them),
        cmocka_unit_test(cancelled_while_held_nothing_is_sent_any_more),
        cmocka_unit_test(another_job_during_the_hold_is_left_alone),
        cmocka_unit_test(a_reboot_during_the_hold_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
