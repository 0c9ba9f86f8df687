/* SPDX-License-Identifier: MIT */
/* Following a printer: connect, jobs, layers, and everything that goes wrong on the wire, at the
 * real simulator. */
#include "printer_rig.h"

#include "agent/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define QUICK_JOB                                                                                  \
    "--layers", "6", "--layer-ms", "400", "--heat-ms", "200", "--start-delay-ms", "400"

static void a_whole_print_gives_every_layer_once_and_a_good_end(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS(QUICK_JOB));
    rig_open(&rig, NULL);
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 15000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_STARTED), 1);
    assert_false(rig_last(&rig, PRINTER_EVENT_JOB_STARTED)->resumed_job);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_LAYER), 6);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_LAYER)->layer, 6);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_DONE);
    rig_wait_state(&rig, PRINTER_FINISHED, 5000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    rig_stop(&rig);
}

static void the_view_tells_what_people_want_to_know(void **test)
{
    const struct printer_view *view;
    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_run_for(&rig, 300);
    view = printer_get_view(rig.printer);
    assert_string_equal(view->job_file, "benchy.gcode");
    assert_string_equal(view->firmware, "RepRapFirmware 3.5.0");
    assert_string_equal(view->native_state, "processing");
    assert_int_equal(view->layers, 200);
    assert_true(view->job_size_bytes > 1000000);
    assert_true(view->job_progress_percent > 0 && view->job_progress_percent < 10);
    assert_true(view->job_remaining_s > 100);
    assert_int_equal(view->heater_count, 2);
    assert_string_equal(view->heaters[0].name, "bed");
    assert_string_equal(view->heaters[1].name, "tool0");
    assert_true(view->heaters[1].target > 200);
    assert_true(view->homed[0] && view->homed[1] && view->max_mm[0] > 100);
    assert_true(rig.changes > 0);
    rig_stop(&rig);
}

/* "layer" lines of the log have their exact time in the simulator's clock; events have ours. The
 * mean latency is that of the polling, half its period and a bit. */
static void layers_are_noticed_within_a_poll(void **test)
{
    int64_t before_us, after_us;
    struct rig rig;
    double sum_ms = 0;

    (void)test;
    rig_begin(&rig, RIG_ARGS("--layers", "12", "--layer-ms", "300", "--heat-ms", "100"));
    for (int layer = 2; layer <= 9; layer++) {
        CLEANUP(json_free_p) cJSON *state = NULL;
        int64_t shown;

        do {
            before_us = clock_mono_us();
            json_free(state);
            state = rig_state(&rig);
            after_us = clock_mono_us();
            assert_true(json_get_int(state, "shown_layer", &shown));
        } while (shown < layer);
        rig_wait_layer(&rig, layer, 3000);
        sum_ms +=
            (double)(rig_last(&rig, PRINTER_EVENT_LAYER)->at_mono_us - (before_us + after_us) / 2) /
            1000;
    }
    printf("mean latency of a layer at poll_printing_ms 100: %.0f ms\n", sum_ms / 8);
    assert_true(sum_ms / 8 < 150);
    rig_stop(&rig);
}

static void the_same_file_printed_again_is_two_jobs(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "3", "--layer-ms", "300", "--heat-ms", "200",
                             "--start-delay-ms", "300", "--loop", "--gap-ms", "700"));
    rig_open(&rig, NULL);
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 2, 15000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_STARTED), 2);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_LAYER), 6);
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

static void bad_answers_end_no_job_and_are_forgotten(void **test)
{
    static const char *const faults[] = {"garbage", "html", "cut", "drop", "503"};

    struct rig rig;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        char target[64];

        (void)!snprintf(target, sizeof(target), "/sim/fault?what=%s&count=2", faults[i]);
        rig_ask(&rig, target);
        rig_run_for(&rig, 900);
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
    rig_ask(&rig, "/sim/fault?what=drop&for_ms=2000");
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
    rig.settings.request_timeout_ms = 500;
    rig_ask(&rig, "/sim/fault?what=drip&ms=300&count=4");
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
    rig_ask(&rig, "/sim/fault?what=401&for_ms=2500");
    rig_run_for(&rig, 2600);
    assert_true(rig_count_log(&rig, "rr_connect", NULL, NULL) - connects <= 6);
    rig_wait_state(&rig, PRINTER_PRINTING, 10000);
    rig_stop(&rig);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_print_gives_every_layer_once_and_a_good_end),
        cmocka_unit_test(the_view_tells_what_people_want_to_know),
        cmocka_unit_test(layers_are_noticed_within_a_poll),
        cmocka_unit_test(the_same_file_printed_again_is_two_jobs),
        cmocka_unit_test(a_cancelled_job_ends_cancelled),
        cmocka_unit_test(a_reboot_loses_the_job),
        cmocka_unit_test(bad_answers_end_no_job_and_are_forgotten),
        cmocka_unit_test(silence_is_offline_and_the_job_goes_on_after_it),
        cmocka_unit_test(an_answer_that_drips_counts_as_none),
        cmocka_unit_test(a_lost_session_is_opened_again_without_a_gap),
        cmocka_unit_test(refused_for_long_it_does_not_storm),
        cmocka_unit_test(a_wrong_password_is_said_once_and_not_hammered),
        cmocka_unit_test(the_right_password_opens),
        cmocka_unit_test(every_firmware_is_followed),
        cmocka_unit_test(one_request_at_a_time_and_few_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
