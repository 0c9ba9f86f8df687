/* SPDX-License-Identifier: MIT */
/* Never leave a printer paused: pauses that come late or never, resumes that are ignored. */
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

static void a_resume_that_is_ignored_is_sent_again(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=ignore_resume&count=1");
    rig_release(&hold);
    rig_run_for(&rig, 500);
    assert_true(rig.ledger.open);
    rig_wait_ledger(&rig, false, 10000);
    assert_true(rig_count_gcode(&rig, "M24") >= 2);
    rig_end_running(&rig);
}

static void a_pause_that_comes_late_is_resumed_when_it_comes(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.settings.pause_timeout_ms = 700;
    rig_ask(&rig, "/sim/fault?what=slow_pause&ms=1500");
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -ETIMEDOUT);
    rig_release(&hold);
    assert_true(rig.ledger.open);
    rig_wait_ledger(&rig, false, 8000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 0);
    rig_end_running(&rig);
}

static void a_pause_put_off_by_a_macro_is_still_ours(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=deferred_pause&for_ms=1500");
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void a_pause_put_off_beyond_our_patience_is_resumed_all_the_same(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.settings.pause_timeout_ms = 700;
    rig_ask(&rig, "/sim/fault?what=deferred_pause&for_ms=2500");
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -ETIMEDOUT);
    rig_release(&hold);
    rig_hold(&rig, &hold, &rig_plain); /* and meanwhile there is no second one */
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -EAGAIN);
    rig_release(&hold);
    rig_wait_ledger(&rig, false, 10000);
    assert_int_equal(rig_count_gcode(&rig, "M25"), 1);
    rig_end_running(&rig);
}

static void a_pause_that_never_comes_is_given_up(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.settings.pause_timeout_ms = 700;
    rig_ask(&rig, "/sim/fault?what=ignore_pause&count=1");
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_told(&rig, &hold, 5000);
    assert_int_equal(hold.result, -ETIMEDOUT);
    rig_release(&hold);
    rig_end_running(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resume_that_is_ignored_is_sent_again),
        cmocka_unit_test(a_pause_that_comes_late_is_resumed_when_it_comes),
        cmocka_unit_test(a_pause_put_off_by_a_macro_is_still_ours),
        cmocka_unit_test(a_pause_put_off_beyond_our_patience_is_resumed_all_the_same),
        cmocka_unit_test(a_pause_that_never_comes_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
