/* SPDX-License-Identifier: MIT */
/* Connecting, passwords, firmwares, and how jobs end. */
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

static bool has_error(struct rig *rig, void *user)
{
    return strstr(printer_error(rig->printer)->text, user) != NULL;
}

static void a_wrong_password_is_said_once_and_not_hammered(void **test)
{
    char word[] = "password";
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle", "--password", "right"));
    rig_open(&rig, NULL);
    rig_wait(&rig, has_error, word, 5000, "password");
    rig_run_for(&rig, 1500);
    assert_int_equal(rig_count_log(&rig, "rr_connect", NULL, NULL), 1);
    assert_int_equal(printer_get_view(rig.printer)->state, PRINTER_OFFLINE);
    rig_stop(&rig);
}

static void the_right_password_opens(void **test)
{
    char password[] = "a b&c=d/\xc3\xa9";
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle", "--password", password));
    rig.settings.password = password;
    rig_open(&rig, NULL);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    rig_stop(&rig);
}

static void every_firmware_is_followed(void **test)
{
    static const char *const versions[] = {"3.3", "3.4", "3.6"};

    (void)test;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct rig rig;
        struct rig_hold hold;

        rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB, "--firmware", versions[i]));
        rig_hold(&rig, &hold, &rig_corner);
        rig_wait_held(&rig, &hold);
        assert_true(hold.parked);
        rig_release(&hold);
        rig_end_running(&rig);
    }
}

static void one_request_at_a_time_and_few_when_idle(void **test)
{
    struct printer_traffic before, after;
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--idle"));
    rig_open(&rig, NULL);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    rig_run_for(&rig, 300);
    printer_get_traffic(rig.printer, &before);
    rig_run_for(&rig, 1500);
    printer_get_traffic(rig.printer, &after);
    assert_true(after.requests - before.requests >= 3); /* every 300 ms here */
    assert_true(after.requests - before.requests <= 7);
    assert_true(after.bytes_received > before.bytes_received && before.bytes_sent > 0);
    rig_stop(&rig);
}

static void a_cancelled_job_ends_cancelled(void **test)
{
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=user_pause");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_PAUSED, 1, 5000);
    rig_ask(&rig, "/sim/fault?what=cancel");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 5000);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_CANCELLED);
    rig_wait_state(&rig, PRINTER_IDLE, 5000);
    rig_stop(&rig);
}

static void a_reboot_loses_the_job(void **test)
{
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_ask(&rig, "/sim/fault?what=reboot");
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 8000);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_LOST);
    rig_wait_state(&rig, PRINTER_IDLE, 8000);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_password_is_said_once_and_not_hammered),
        cmocka_unit_test(the_right_password_opens),
        cmocka_unit_test(every_firmware_is_followed),
        cmocka_unit_test(one_request_at_a_time_and_few_when_idle),
        cmocka_unit_test(a_cancelled_job_ends_cancelled),
        cmocka_unit_test(a_reboot_loses_the_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
