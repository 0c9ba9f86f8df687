/* SPDX-License-Identifier: MIT */
/* When a printer must not be held, and for how long at most. */
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

static void expect_refused(struct rig *rig, const struct hold_request *request, int result)
{
    struct rig_hold hold;

    rig_hold(rig, &hold, request);
    rig_wait_told(rig, &hold, 8000);
    if (hold.result != result)
        fail_msg("%d (%s), wanted %d", hold.result, hold.err.text, result);
    rig_release(&hold);
}

static void below_from_layer_it_is_not_held(void **test)
{
    const struct hold_request request = {.from_layer = 5};
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    expect_refused(&rig, &request, -EAGAIN);
    assert_int_equal(rig.ledger.opens, 0);
    rig_end_running(&rig);
}

static void before_the_first_layer_it_is_not_held(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "200", "--layer-ms", "1500", "--heat-ms", "60000"));
    rig_open(&rig, NULL);
    expect_refused(&rig, &rig_plain, -EHOSTUNREACH); /* not even connected */
    rig_wait_event(&rig, PRINTER_EVENT_JOB_STARTED, 1, 5000);
    expect_refused(&rig, &rig_plain, -EAGAIN);
    assert_int_equal(rig_count_gcode(&rig, "M25"), 0);
    rig_stop(&rig);
}

static void without_a_job_it_is_not_held(void **test)
{
    const struct hold_request adopt = {.adopt_job_pause = true};
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle"));
    rig_open(&rig, NULL);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    expect_refused(&rig, &rig_plain, -EAGAIN);
    expect_refused(&rig, &adopt, -EAGAIN);
    rig_stop(&rig);
}

static void a_dry_run_is_not_held(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle", "--heat-ms", "0"));
    rig_open(&rig, NULL);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    rig_ask(&rig, "/sim/command?do=start&job=dry.gcode&layers=50&layer_ms=1000&simulated=1");
    rig_wait_state(&rig, PRINTER_PRINTING, 5000);
    expect_refused(&rig, &rig_plain, -EAGAIN);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_STARTED), 0);
    rig_stop(&rig);
}

static void in_the_last_per_cent_it_is_not_held(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "3", "--layer-ms", "300", "--heat-ms", "0", "--loop",
                             "--gap-ms", "60000"));
    rig_open(&rig, NULL);
    rig_wait_layer(&rig, 3, 8000);
    while (printer_get_view(rig.printer)->job_progress_percent < 99)
        loop_run_once(rig.loop);
    expect_refused(&rig, &rig_plain, -EAGAIN);
    rig_stop(&rig);
}

static void a_hold_that_lasts_too_long_is_let_go_by_force(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.settings.max_hold_ms = 1000;
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_held(&rig, &hold);
    rig_wait_sim(&rig, "processing", 4000);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void no_pause_is_sent_before_the_intent_is_on_disk(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.ledger.delay_ms = 600;
    rig_hold(&rig, &hold, &rig_plain);
    rig_run_for(&rig, 400);
    assert_int_equal(rig_count_gcode(&rig, "M25"), 0);
    rig_wait_held(&rig, &hold);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void no_pause_is_sent_when_the_disk_fails(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.ledger.result = -ENOSPC;
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -EIO);
    rig_release(&hold);
    rig_run_for(&rig, 300);
    assert_int_equal(rig_count_gcode(&rig, "M25"), 0);
    rig.ledger.opens = rig.ledger.closes;
    rig_end_running(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_from_layer_it_is_not_held),
        cmocka_unit_test(before_the_first_layer_it_is_not_held),
        cmocka_unit_test(without_a_job_it_is_not_held),
        cmocka_unit_test(a_dry_run_is_not_held),
        cmocka_unit_test(in_the_last_per_cent_it_is_not_held),
        cmocka_unit_test(a_hold_that_lasts_too_long_is_let_go_by_force),
        cmocka_unit_test(no_pause_is_sent_before_the_intent_is_on_disk),
        cmocka_unit_test(no_pause_is_sent_when_the_disk_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
