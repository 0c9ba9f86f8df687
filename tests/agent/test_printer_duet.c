/* SPDX-License-Identifier: MIT */
/* Following a printer through its jobs, at the real simulator. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_print_gives_every_layer_once_and_a_good_end),
        cmocka_unit_test(the_view_tells_what_people_want_to_know),
        cmocka_unit_test(layers_are_noticed_within_a_poll),
        cmocka_unit_test(the_same_file_printed_again_is_two_jobs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
