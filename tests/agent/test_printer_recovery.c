/* SPDX-License-Identifier: MIT */
/* The agent dies while it has paused the printer. Nothing but the ledger's record survives; the
 * printer must run again all the same. */
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

static void crash_and_return(struct rig *rig)
{
    struct pause_record record = rig->ledger.record;

    rig_crash(rig);
    rig_open(rig, rig->ledger.open ? &record : NULL);
}

static void killed_while_held_it_resumes_on_return(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_held(&rig, &hold);
    crash_and_return(&rig);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_PAUSED), 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    assert_true(rig_last(&rig, PRINTER_EVENT_JOB_STARTED)->resumed_job);
    rig_end_running(&rig);
}

static void killed_anywhere_in_a_hold_it_runs_again(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    for (int delay_ms = 0; delay_ms < 420; delay_ms += 60) {
        rig_wait_layer(&rig, 1, 5000);
        rig_wait_state(&rig, PRINTER_PRINTING, 5000);
        rig_hold(&rig, &hold, &rig_plain);
        rig_run_for(&rig, delay_ms);
        if (hold.told && delay_ms % 120 == 0)
            rig_release(&hold);
        crash_and_return(&rig);
        rig_wait_ledger(&rig, false, 8000);
        rig_wait_sim(&rig, "processing", 3000);
    }
    rig_end_running(&rig);
}

static void killed_with_a_pause_put_off_it_waits_for_it(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=deferred_pause&for_ms=2500");
    rig_hold(&rig, &hold, &rig_plain);
    rig_run_for(&rig, 500);
    assert_true(rig.ledger.open);
    crash_and_return(&rig);
    rig_run_for(&rig, 500);
    assert_true(rig.ledger.open);
    rig_wait_ledger(&rig, false, 8000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    rig_end_running(&rig);
}

static void returning_to_a_printer_that_runs_only_closes(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=user_resume");
    rig_wait_sim(&rig, "processing", 3000);
    crash_and_return(&rig);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_running(&rig);
}

static void returning_to_another_pause_leaves_it(void **test)
{
    struct pause_record record;
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS("--layers", "400", "--layer-ms", "200", "--heat-ms", "100",
                             "--pause-ms", "100", "--resume-ms", "100"));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    record = rig.ledger.record;
    rig_crash(&rig);
    rig_ask(&rig, "/sim/fault?what=user_resume");
    rig_run_for(&rig, 1200);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_sim(&rig, "paused", 3000);
    rig_open(&rig, &record);
    rig_wait_event(&rig, PRINTER_EVENT_ATTENTION, 1, 5000);
    rig_end_paused(&rig);
}

static void returning_to_another_job_closes(void **test)
{
    struct pause_record record;
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    record = rig.ledger.record;
    rig_crash(&rig);
    rig_ask(&rig, "/sim/fault?what=cancel");
    rig_wait_sim(&rig, "idle", 5000);
    rig_ask(&rig, "/sim/command?do=start&job=other.gcode&layers=50&layer_ms=2000");
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_sim(&rig, "paused", 3000);
    rig_open(&rig, &record);
    rig_end_paused(&rig);
}

static void returning_before_the_printer_does_it_waits(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=drop&for_ms=2000");
    crash_and_return(&rig);
    rig_run_for(&rig, 1500);
    assert_true(rig.ledger.open);
    rig_end_running(&rig);
}

static void while_it_recovers_nothing_is_held(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=ignore_resume&count=1");
    crash_and_return(&rig);
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_told(&rig, &hold, 8000);
    assert_int_not_equal(hold.result, 0);
    rig_release(&hold);
    rig_end_running(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_while_held_it_resumes_on_return),
        cmocka_unit_test(killed_anywhere_in_a_hold_it_runs_again),
        cmocka_unit_test(killed_with_a_pause_put_off_it_waits_for_it),
        cmocka_unit_test(returning_to_a_printer_that_runs_only_closes),
        cmocka_unit_test(returning_to_another_pause_leaves_it),
        cmocka_unit_test(returning_to_another_job_closes),
        cmocka_unit_test(returning_before_the_printer_does_it_waits),
        cmocka_unit_test(while_it_recovers_nothing_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
