/* SPDX-License-Identifier: MIT */
/* Holding a printer still and letting it go again when all goes well, and when it must not be held
 * at all. The simulator's log says what was really done to the printer. */
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

static void a_hold_pauses_parks_and_resumes(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_held(&rig, &hold);
    assert_true(hold.parked);
    assert_true(rig.ledger.open);
    assert_string_equal(rig.ledger.record.job_file, "benchy.gcode");
    assert_true(rig_sim_is(&rig, "paused"));
    assert_true(printer_paused_by_us(rig.printer));
    rig_release(&hold);
    assert_true(rig.ledger.open); /* until it was seen running */
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_JOB_PAUSED), 0);
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_ATTENTION), 0);
    rig_end_running(&rig);
}

static void a_hold_without_a_move_leaves_the_head_where_it_is(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    assert_false(hold.parked);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 0);
    rig_release(&hold);
    rig_end_running(&rig);
}

static void the_resume_goes_out_at_once_with_the_release(void **test)
{
    struct rig rig;
    struct rig_hold hold;
    int64_t released_ms;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_plain);
    rig_wait_held(&rig, &hold);
    rig_run_for(&rig, 300);
    rig_release(&hold);
    released_ms = clock_mono_ms();
    rig_wait_sim(&rig, "resuming", 2000);
    assert_true(clock_mono_ms() - released_ms < 400); /* a poll of ours and one of the test */
    rig_end_running(&rig);
}

static void two_units_at_the_same_place_share_one_pause(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_hold(&rig, &second, &rig_corner);
    rig_wait_held(&rig, &first);
    rig_wait_held(&rig, &second);
    rig_release(&first);
    rig_run_for(&rig, 300);
    assert_true(rig_sim_is(&rig, "paused"));
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    assert_int_equal(rig_count_gcode(&rig, "G1"), 1);
    rig_end_running(&rig);
}

static void two_units_at_different_places_are_served_one_after_the_other(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_hold(&rig, &second, &rig_other_corner);
    rig_wait_held(&rig, &first);
    rig_run_for(&rig, 200);
    assert_false(second.told);
    rig_release(&first);
    rig_wait_held(&rig, &second);
    assert_true(second.parked);
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    rig_end_running(&rig);
}

static void who_comes_while_it_is_held_joins(void **test)
{
    struct rig rig;
    struct rig_hold first, second;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &first, &rig_corner);
    rig_wait_held(&rig, &first);
    rig_hold(&rig, &second, &rig_plain);
    rig_wait_held(&rig, &second);
    rig_release(&first);
    rig_release(&second);
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 1);
    rig_end_running(&rig);
}

static void a_hold_right_after_a_release_waits_for_its_turn(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    for (int i = 0; i < 2; i++) {
        rig_hold(&rig, &hold, &rig_plain);
        rig_wait_held(&rig, &hold);
        rig_release(&hold);
    }
    rig_wait_ledger(&rig, false, 5000);
    assert_int_equal(rig_state_int(&rig, "pauses"), 2);
    rig_end_running(&rig);
}

static void released_before_it_is_held_it_is_let_go(void **test)
{
    struct rig rig;
    struct rig_hold hold;

    (void)test;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    rig_hold(&rig, &hold, &rig_corner);
    rig_wait_sim(&rig, "pausing", 5000);
    rig_release(&hold);
    assert_false(hold.told);
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

/* Not even a simulated person can look into the future: the last layer is the last per cent. */
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

/* The job pauses itself at every layer (M226); without us it would stand for ever. */
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

/* Each layer is held; the printer counts a layer again whose comment it reads again. */
static void a_pause_at_every_layer_does_not_trigger_itself(void **test)
{
    struct rig rig;
    int served = 0;

    (void)test;
    rig_start(&rig, RIG_ARGS("--layers", "6", "--layer-ms", "700", "--heat-ms", "100", "--pause-ms",
                             "60", "--resume-ms", "60", "--start-delay-ms", "300",
                             "--layer-comment", "change", "--lookahead-ms", "500"));
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
    assert_int_equal(rig_count(&rig, PRINTER_EVENT_LAYER), 6);
    assert_int_equal(rig_last(&rig, PRINTER_EVENT_LAYER)->layer, 6);
    assert_true(rig_count_log(&rig, "\"event\":\"layer\"", "\"again\":true", NULL) > 0);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_pauses_parks_and_resumes),
        cmocka_unit_test(a_hold_without_a_move_leaves_the_head_where_it_is),
        cmocka_unit_test(the_resume_goes_out_at_once_with_the_release),
        cmocka_unit_test(two_units_at_the_same_place_share_one_pause),
        cmocka_unit_test(two_units_at_different_places_are_served_one_after_the_other),
        cmocka_unit_test(who_comes_while_it_is_held_joins),
        cmocka_unit_test(a_hold_right_after_a_release_waits_for_its_turn),
        cmocka_unit_test(released_before_it_is_held_it_is_let_go),
        cmocka_unit_test(no_pause_is_sent_before_the_intent_is_on_disk),
        cmocka_unit_test(no_pause_is_sent_when_the_disk_fails),
        cmocka_unit_test(below_from_layer_it_is_not_held),
        cmocka_unit_test(before_the_first_layer_it_is_not_held),
        cmocka_unit_test(without_a_job_it_is_not_held),
        cmocka_unit_test(a_dry_run_is_not_held),
        cmocka_unit_test(in_the_last_per_cent_it_is_not_held),
        cmocka_unit_test(a_hold_that_lasts_too_long_is_let_go_by_force),
        cmocka_unit_test(pauses_of_the_job_are_adopted_to_its_end),
        cmocka_unit_test(a_pause_at_every_layer_does_not_trigger_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
