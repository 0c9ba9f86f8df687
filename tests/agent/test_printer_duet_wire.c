/* SPDX-License-Identifier: MIT */
/* What goes wrong between us and the printer while nothing is held. */
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

static bool has_missed(struct rig *rig, void *user)
{
    return (printer_error(rig->printer)->code != 0) == *(bool *)user;
}

static void bad_answers_end_no_job_and_are_forgotten(void **test)
{
    static const char *const faults[] = {"garbage", "html", "cut", "drop", "503"};
    bool yes = true, no = false;
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        char target[64];

        (void)!snprintf(target, sizeof(target), "/sim/fault?what=%s&count=2", faults[i]);
        rig_ask(&rig, target);
        rig_wait(&rig, has_missed, &yes, 5000, faults[i]);
        assert_int_equal(printer_get_view(rig.printer)->state, PRINTER_PRINTING);
        rig_wait(&rig, has_missed, &no, 5000, "all is well again");
        assert_int_equal(printer_get_view(rig.printer)->state, PRINTER_PRINTING);
    }
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_ENDED), 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_STARTED), 1);
    rig_stop(&rig);
}

static void silence_is_offline_and_the_job_goes_on_after_it(void **test)
{
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=drop&for_ms=1300");
    rig_wait_state(&rig, PRINTER_OFFLINE, 3000);
    assert_int_not_equal(printer_error(rig.printer)->code, 0);
    rig_wait_state(&rig, PRINTER_PRINTING, 6000);
    assert_int_equal(printer_error(rig.printer)->code, 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_ENDED), 0);
    rig_stop(&rig);
}

static void an_answer_that_drips_counts_as_none(void **test)
{
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig.settings.request_timeout_ms = 300;
    rig_ask(&rig, "/sim/fault?what=drip&ms=300&count=3");
    rig_wait_state(&rig, PRINTER_OFFLINE, 8000);
    rig_wait_state(&rig, PRINTER_PRINTING, 8000);
    rig_stop(&rig);
}

static void a_lost_session_is_opened_again_without_a_gap(void **test)
{
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=forget_sessions");
    rig_run_for(&rig, 600);
    assert_int_equal(printer_get_view(rig.printer)->state, PRINTER_PRINTING);
    assert_int_equal(rig_count_log(&rig, "rr_connect", NULL, NULL), 2);
    assert_true(rig_state_int(&rig, "sessions") <= 2); /* a stale key costs one, once */
    rig_stop(&rig);
}

static void refused_for_long_it_does_not_storm(void **test)
{
    int connects;
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    connects = rig_count_log(&rig, "rr_connect", NULL, NULL);
    rig_ask(&rig, "/sim/fault?what=401&for_ms=2000");
    rig_run_for(&rig, 2100);
    assert_true(rig_count_log(&rig, "rr_connect", NULL, NULL) - connects <= 6);
    rig_wait_state(&rig, PRINTER_PRINTING, 10000);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_answers_end_no_job_and_are_forgotten),
        cmocka_unit_test(silence_is_offline_and_the_job_goes_on_after_it),
        cmocka_unit_test(an_answer_that_drips_counts_as_none),
        cmocka_unit_test(a_lost_session_is_opened_again_without_a_gap),
        cmocka_unit_test(refused_for_long_it_does_not_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
