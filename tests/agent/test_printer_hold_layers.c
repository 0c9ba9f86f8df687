/* SPDX-License-Identifier: MIT */
/* A hold at every layer of a job, to its end. */
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

static void pauses_of_the_job_are_adopted_to_its_end(void **test)
{
    const struct hold_request request = {
        .adopt_job_pause = true, .move = true, .x_mm = 10, .y_mm = 190, .feed_mm_min = 60000};
    struct rig rig;
    int served = 0;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "5", "--layer-ms", "300", "--heat-ms", "300", "--pause-ms",
                             "100", "--resume-ms", "100", "--m226-every", "1", "--start-delay-ms",
                             "300", "--move-mm-s", "2000"));
    rig_open(&rig, NULL);
    while (rig_count(&rig, PRINTER_EVENT_JOB_ENDED) == 0) {
        struct rig_hold hold;

        loop_run_once(rig.loop);
        if (rig_count(&rig, PRINTER_EVENT_JOB_PAUSED) == served)
            continue;
        served++;
        rig_hold(&rig, &hold, &request);
        rig_wait_held(&rig, &hold);
        assert_true(hold.parked);
        rig_release(&hold);
    }
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_DONE);
    assert_true(served >= 4);
    assert_int_equal(rig_count_gcode(&rig, "M25"), 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    assert_int_equal(rig.ledger.opens, rig.ledger.closes);
    rig_stop(&rig);
}

static void a_pause_at_every_layer_does_not_trigger_itself(void **test)
{
    struct rig rig;
    int served = 0;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "5", "--layer-ms", "1000", "--heat-ms", "100",
                             "--pause-ms", "60", "--resume-ms", "60", "--start-delay-ms", "300",
                             "--layer-comment", "change", "--lookahead-ms", "800"));
    rig_open(&rig, NULL);
    while (rig_count(&rig, PRINTER_EVENT_JOB_ENDED) == 0) {
        struct rig_hold hold;

        loop_run_once(rig.loop);
        if (rig_count(&rig, PRINTER_EVENT_LAYER) == served)
            continue;
        served++;
        rig_hold(&rig, &hold, &rig_plain);
        rig_wait_told(&rig, &hold, 8000);
        rig_release(&hold);
    }
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_LAYER), 5);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_LAYER)->layer, 5);
    assert_true(rig_count_log(&rig, "\"event\":\"layer\"", "\"again\":true", NULL) > 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_of_the_job_are_adopted_to_its_end),
        cmocka_unit_test(a_pause_at_every_layer_does_not_trigger_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
