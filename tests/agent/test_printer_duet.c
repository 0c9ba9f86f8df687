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

static void a_whole_print_gives_every_layer_once_and_a_good_end(void **test)
{
    struct rig rig;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "8", "--layer-ms", "400", "--heat-ms", "300",
                             "--start-delay-ms", "500"));
    rig_open(&rig, NULL);
    rig_wait_event(&rig, PRINTER_EVENT_JOB_ENDED, 1, 15000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_STARTED), 1);
    assert_false(rig_last(&rig, PRINTER_EVENT_JOB_STARTED)->resumed_job);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_LAYER), 8);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_LAYER)->layer, 8);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_JOB_ENDED)->end, PRINTER_JOB_DONE);
    rig_wait_state(&rig, PRINTER_FINISHED, 5000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_print_gives_every_layer_once_and_a_good_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
