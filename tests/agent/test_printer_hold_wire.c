/* SPDX-License-Identifier: MIT */
/* Holds while the wire between us and the printer fails. */
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

static void released_while_it_cannot_be_reached_it_is_resumed_on_return(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_run_for(&rig, 400); /* where it stands has been read */
    rig_ask(&rig, "/sim/fault?what=drop&for_ms=2500");
    rig_release(&hold);
    rig_wait_state(&rig, PRINTER_OFFLINE, 5000);
    assert_true(rig.ledger.open);
    rig_end_running(&rig);
}

static void moved_on_while_it_could_not_be_reached_it_is_theirs(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_run_for(&rig, 400);
    rig_ask(&rig, "/sim/fault?what=drop&for_ms=3000");
    rig_ask(&rig, "/sim/fault?what=user_resume");
    rig_run_for(&rig, 1000);
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_release(&hold);
    rig_wait_event(&rig, PRINTER_EVENT_ATTENTION, 1, 8000);
    assert_int_equal(rig_count_gcode(&rig, "M24"), 0);
    rig_end_paused(&rig);
}

static void a_pause_lost_on_the_wire_leaves_nothing_paused(void **test)
{
    static const char *const faults[] = {
        "/sim/fault?what=drop&count=2", "/sim/fault?what=cut&count=2",
        "/sim/fault?what=503&count=2", "/sim/fault?what=garbage&count=2"};

    (void)test;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct rig rig;
        struct rig_hold hold;

        rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
        rig.settings.pause_timeout_ms = 1500;
        rig.ledger.delay_ms = 200;
        rig_hold(&rig, &hold, &rig_plain);
        rig_run_for(&rig, 180);
        rig_ask(&rig, faults[i]);
        rig_wait_told(&rig, &hold, 8000);
        rig_release(&hold);
        rig_end_running(&rig);
    }
}

static void a_session_that_is_gone_in_a_hold_is_opened_again(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    hold_it(&rig, &hold);
    rig_ask(&rig, "/sim/fault?what=forget_sessions");
    rig_release(&hold);
    rig_end_running(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released_while_it_cannot_be_reached_it_is_resumed_on_return),
        cmocka_unit_test(moved_on_while_it_could_not_be_reached_it_is_theirs),
        cmocka_unit_test(a_pause_lost_on_the_wire_leaves_nothing_paused),
        cmocka_unit_test(a_session_that_is_gone_in_a_hold_is_opened_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
