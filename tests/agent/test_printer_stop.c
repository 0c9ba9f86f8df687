/* SPDX-License-Identifier: MIT */
/* The agent ends in good order: nothing of ours is left at the printer. */
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

static void on_stopped(void *user)
{
    ((struct rig *)user)->stopped = true;
}

static bool is_stopped(struct rig *rig, void *user)
{
    (void)user;
    return rig->stopped;
}

static void a_stop_releases_and_says_good_bye(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    printer_stop(rig.printer, 10000, on_stopped, &rig);
    assert_false(rig.stopped);
    rig_wait(&rig, is_stopped, NULL, 8000, "stopped");
    assert_int_equal(rig.ledger.opens, rig.ledger.closes);
    assert_int_equal(rig_state_int(&rig, "sessions"), 0);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void a_stop_takes_no_new_holds(void **test)
{
    struct rig rig;
    struct rig_hold held, late;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &held, &rig_plain);
    rig_wait_held(&rig, &held);
    printer_stop(rig.printer, 10000, on_stopped, &rig);
    rig_hold(&rig, &late, &rig_plain);
    rig_wait_told(&rig, &late, 3000);
    assert_int_equal(late.result, -ECANCELED);
    rig_wait(&rig, is_stopped, NULL, 8000, "stopped");
    rig_release(&held);
    rig_release(&late);
    rig_end_running(&rig);
}

static void a_stop_without_the_printer_ends_and_keeps_the_record(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_kill_sim(&rig);
    printer_stop(rig.printer, 1000, on_stopped, &rig);
    rig_wait(&rig, is_stopped, NULL, 4000, "stopped");
    assert_true(rig.ledger.open);
    rig_release(&hold);
    rig_stop(&rig);
}

static void an_idle_printer_stops_at_once(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle"));
    rig_open(&rig, NULL);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    printer_stop(rig.printer, 10000, on_stopped, &rig);
    rig_wait(&rig, is_stopped, NULL, 2000, "stopped");
    assert_int_equal(rig_state_int(&rig, "sessions"), 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_releases_and_says_good_bye),
        cmocka_unit_test(a_stop_takes_no_new_holds),
        cmocka_unit_test(a_stop_without_the_printer_ends_and_keeps_the_record),
        cmocka_unit_test(an_idle_printer_stops_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
