/* SPDX-License-Identifier: MIT */
/* When a printer may be paused, and whose pause it is that we see. */
#include "agent/printer/hold_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct printer_view running(void)
{
    return (struct printer_view){.state = PRINTER_PRINTING,
                                 .job_file = "a.g",
                                 .job_size_bytes = 1000000,
                                 .job_position_bytes = 500000,
                                 .job_elapsed_s = 100,
                                 .layer = 10,
                                 .state_at_mono_us = 1000,
                                 .job_at_mono_us = 1000};
}

static struct printer_view paused(int64_t position, int64_t at_us)
{
    struct printer_view view = running();

    view.state = PRINTER_PAUSED;
    view.job_position_bytes = position;
    view.state_at_mono_us = at_us;
    view.job_at_mono_us = at_us + 1;
    return view;
}

static const struct hold_request plain = {.from_layer = 2};
static const struct hold_request adopt = {.adopt_job_pause = true};

static int may(struct printer_view view, const struct hold_request *request)
{
    struct error err;

    return hold_may_pause(&view, request, &err);
}

static void a_running_job_may_be_paused(void **test)
{
    (void)test;
    assert_int_equal(may(running(), &plain), 0);
    assert_int_equal(may(running(), &adopt), -EAGAIN);
}

static void each_reason_against_it_is_enough(void **test)
{
    struct printer_view view;

    (void)test;
    view = running(), view.state = PRINTER_OFFLINE;
    assert_int_equal(may(view, &plain), -EHOSTUNREACH);
    view = running(), view.state = PRINTER_IDLE;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.state = PRINTER_RESUMING;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.state = PRINTER_PAUSED;
    assert_int_equal(may(view, &plain), -EPERM);
    view = running(), view.state = PRINTER_PAUSING;
    assert_int_equal(may(view, &plain), -EPERM);
    view = running(), view.simulating = true;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.message_box = true;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.heating = true;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.layer = -1;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.layer = 1;
    assert_int_equal(may(view, &plain), -EAGAIN);
    view = running(), view.job_position_bytes = 990000;
    assert_int_equal(may(view, &plain), -EAGAIN);
}

static void a_pause_of_the_job_may_be_adopted_unless_a_message_waits(void **test)
{
    struct printer_view view = paused(500000, 2000);

    (void)test;
    assert_int_equal(may(view, &adopt), 0);
    view.message_box = true;
    assert_int_equal(may(view, &adopt), -EAGAIN);
    view = paused(500000, 2000), view.simulating = true;
    assert_int_equal(may(view, &adopt), -EAGAIN);
}

static enum hold_event see(struct hold_facts *facts, struct printer_view view)
{
    hold_facts_see(facts, &view);
    return hold_judge(facts, &view);
}

static void begin(struct hold_facts *facts)
{
    struct printer_view view = running();

    hold_facts_begin(facts, &view);
}

static void a_pause_that_stays_where_it_was_is_ours(void **test)
{
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    assert_false(facts.adopted);
    assert_int_equal(see(&facts, paused(499000, 2000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(499000, 3000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(499000, 3600000000)), HOLD_EV_PAUSED);
}

static void a_pause_somewhere_else_is_another(void **test)
{
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    assert_int_equal(see(&facts, paused(499000, 2000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(499040, 3000)), HOLD_EV_FOREIGN);
}

static void a_pause_that_was_put_off_may_come_anywhere(void **test)
{
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    assert_int_equal(see(&facts, paused(700000, 2000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(700000, 3000)), HOLD_EV_PAUSED);
}

static void a_place_read_before_the_pause_says_nothing(void **test)
{
    struct printer_view view = paused(600000, 2000);
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    view.job_at_mono_us = 1500;
    assert_int_equal(see(&facts, view), HOLD_EV_PAUSED);
    assert_int_equal(facts.paused_bytes, -1);
    assert_int_equal(see(&facts, paused(498000, 2500)), HOLD_EV_PAUSED);
    assert_int_equal(facts.paused_bytes, 498000);
}

/* The place is read more often than the state, and comes first once the printer goes on. */
static void a_place_that_moved_after_our_resume_is_judged_by_the_next_state(void **test)
{
    struct printer_view view = paused(510000, 3000);
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    assert_int_equal(see(&facts, paused(499000, 2000)), HOLD_EV_PAUSED);
    view.state_at_mono_us = 2500;
    assert_int_equal(see(&facts, view), HOLD_EV_FOREIGN);
    facts.resumed = true;
    assert_int_equal(see(&facts, view), HOLD_EV_PAUSED);
    view.state_at_mono_us = 3500;
    assert_int_equal(see(&facts, view), HOLD_EV_FOREIGN);
    view.state = PRINTER_PRINTING;
    assert_int_equal(see(&facts, view), HOLD_EV_RUNNING);
}

static void a_message_makes_it_another_s(void **test)
{
    struct printer_view view = paused(499000, 2000);
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    view.message_box = true;
    assert_int_equal(see(&facts, view), HOLD_EV_FOREIGN);
}

static void another_job_is_gone(void **test)
{
    struct printer_view view = paused(499000, 2000);
    struct hold_facts facts;

    (void)test;
    begin(&facts);
    (void)!snprintf(view.job_file, sizeof(view.job_file), "b.g");
    assert_int_equal(see(&facts, view), HOLD_EV_GONE);
    view = paused(499000, 2000), view.job_elapsed_s = 5; /* the same file from its beginning */
    assert_int_equal(see(&facts, view), HOLD_EV_GONE);
    view = running(), view.state = PRINTER_CANCELLING;
    assert_int_equal(see(&facts, view), HOLD_EV_GONE);
    view.state = PRINTER_ERROR;
    assert_int_equal(see(&facts, view), HOLD_EV_GONE);
    view.state = PRINTER_OFFLINE;
    assert_int_equal(see(&facts, view), HOLD_EVENT_COUNT);
}

static void recover(struct hold_facts *facts)
{
    struct pause_record record = {.job_file = "a.g", .job_position_bytes = 500000, .layer = 10};

    hold_facts_recover(facts, &record);
}

static void after_a_restart_about_the_same_place_is_ours(void **test)
{
    struct hold_facts facts;

    (void)test;
    recover(&facts);
    assert_int_equal(see(&facts, paused(495000, 2000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(495000, 3000)), HOLD_EV_PAUSED);
    assert_int_equal(see(&facts, paused(495500, 4000)), HOLD_EV_FOREIGN);
    recover(&facts);
    assert_int_equal(see(&facts, paused(510000, 2000)), HOLD_EV_PAUSED);
}

static void after_a_restart_another_place_is_another_s(void **test)
{
    struct hold_facts facts;

    (void)test;
    recover(&facts);
    assert_int_equal(see(&facts, paused(600000, 2000)), HOLD_EV_FOREIGN);
    recover(&facts);
    assert_int_equal(see(&facts, paused(400000, 2000)), HOLD_EV_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_job_may_be_paused),
        cmocka_unit_test(each_reason_against_it_is_enough),
        cmocka_unit_test(a_pause_of_the_job_may_be_adopted_unless_a_message_waits),
        cmocka_unit_test(a_pause_that_stays_where_it_was_is_ours),
        cmocka_unit_test(a_pause_somewhere_else_is_another),
        cmocka_unit_test(a_pause_that_was_put_off_may_come_anywhere),
        cmocka_unit_test(a_place_read_before_the_pause_says_nothing),
        cmocka_unit_test(a_place_that_moved_after_our_resume_is_judged_by_the_next_state),
        cmocka_unit_test(a_message_makes_it_another_s),
        cmocka_unit_test(another_job_is_gone),
        cmocka_unit_test(after_a_restart_about_the_same_place_is_ours),
        cmocka_unit_test(after_a_restart_another_place_is_another_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
