/* SPDX-License-Identifier: MIT */
/* How often a Duet is asked for what: minutes of polling on a clock of our own. */
#include "agent/printer/duet_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

enum { MINUTE_MS = 60000 };

static const struct printer_settings settings = {.poll_idle_ms = 2000, .poll_printing_ms = 250};

struct minute {
    int asked[DUET_QUERY_COUNT];
    int total;
    int64_t longest_job_gap_ms;
};

/* One request at a time, each of which takes answer_ms. */
static struct minute poll_for_a_minute(struct duet_needs *needs, int64_t answer_ms)
{
    struct duet_schedule schedule;
    struct minute minute = {0};
    int64_t last_job_ms = 1000;

    duet_schedule_init(&schedule);
    duet_schedule_now(&schedule, DUET_ALL, 1000000);
    for (int64_t now_ms = 1000; now_ms < 1000 + MINUTE_MS;) {
        int64_t due_us;
        enum duet_query query = duet_schedule_find(&schedule, needs, &due_us);

        if (query == DUET_QUERY_COUNT || due_us > now_ms * 1000) {
            now_ms++;
            continue;
        }
        duet_schedule_asked(&schedule, needs, query, now_ms * 1000);
        if (query == DUET_JOB) {
            minute.longest_job_gap_ms = MAX(minute.longest_job_gap_ms, now_ms - last_job_ms);
            last_job_ms = now_ms;
        }
        minute.asked[query]++;
        minute.total++;
        now_ms += answer_ms;
    }
    return minute;
}

static void begin(struct duet_model *model, struct duet_needs *needs, enum printer_state state)
{
    duet_model_init(model);
    model->seq_reply = 1;
    model->view.state = state;
    model->has_job = state != PRINTER_IDLE;
    model->file_known = model->has_job;
    *needs = (struct duet_needs){.settings = &settings, .model = model};
}

static void an_idle_printer_is_hardly_asked(void **test)
{
    struct duet_model model;
    struct duet_needs needs;
    struct minute minute;

    (void)test;
    begin(&model, &needs, PRINTER_IDLE);
    minute = poll_for_a_minute(&needs, 30);
    assert_int_equal(minute.asked[DUET_STATE], 30);
    assert_int_equal(minute.asked[DUET_JOB], 0);
    assert_int_equal(minute.asked[DUET_SEQS], 0);
    assert_int_equal(minute.asked[DUET_AXES], 1);
    assert_true(minute.total <= 60);
}

static void a_job_is_looked_at_four_times_a_second(void **test)
{
    struct duet_model model;
    struct duet_needs needs;
    struct minute minute;

    (void)test;
    begin(&model, &needs, PRINTER_PRINTING);
    minute = poll_for_a_minute(&needs, 30);
    assert_in_range(minute.asked[DUET_JOB], 230, 241);
    assert_in_range(minute.asked[DUET_STATE], 58, 61);
    assert_true(minute.longest_job_gap_ms <= 250 + 4 * 30);
    assert_int_equal(minute.asked[DUET_FILE], 0);
    assert_true(minute.total <= 380);
}

static void in_a_hold_the_state_comes_first(void **test)
{
    struct duet_model model;
    struct duet_needs needs;
    struct minute minute;

    (void)test;
    begin(&model, &needs, PRINTER_PAUSED);
    needs.hold = true;
    minute = poll_for_a_minute(&needs, 30);
    assert_in_range(minute.asked[DUET_STATE], 380, 401);
    assert_in_range(minute.asked[DUET_JOB], 90, 101);
}

static void a_slow_printer_starves_no_query(void **test)
{
    struct duet_model model;
    struct duet_needs needs;
    struct minute minute;

    (void)test;
    begin(&model, &needs, PRINTER_PAUSED);
    needs.hold = needs.awaiting = true;
    minute = poll_for_a_minute(&needs, 200); /* slower than all of it wants */
    assert_true(minute.asked[DUET_STATE] >= 60);
    assert_true(minute.asked[DUET_SEQS] >= 60);
    assert_true(minute.asked[DUET_JOB] >= 20);
    assert_true(minute.asked[DUET_BOX] >= 20);
    assert_true(minute.asked[DUET_HEAT] >= 3);
}

static void the_session_is_kept_alive_with_any_settings(void **test)
{
    const struct printer_settings lazy = {.poll_idle_ms = 7000, .poll_printing_ms = 5000};
    struct duet_model model;
    struct duet_needs needs;

    (void)test;
    begin(&model, &needs, PRINTER_IDLE);
    needs.settings = &lazy;
    assert_true(poll_for_a_minute(&needs, 30).asked[DUET_STATE] >= 8);
    begin(&model, &needs, PRINTER_PRINTING);
    needs.settings = &lazy;
    assert_true(poll_for_a_minute(&needs, 30).asked[DUET_STATE] >= 11);
}

static void a_nameless_file_is_asked_for_three_times(void **test)
{
    struct duet_model model;
    struct duet_needs needs;
    struct duet_schedule schedule;
    int64_t due_us;

    (void)test;
    begin(&model, &needs, PRINTER_PRINTING);
    model.file_known = false;
    duet_schedule_init(&schedule);
    duet_schedule_first(&schedule, DUET_FILE);
    assert_int_equal(duet_schedule_find(&schedule, &needs, &due_us), DUET_FILE);
    needs.file_tries = DUET_FILE_TRIES;
    assert_int_equal(duet_schedule_find(&schedule, &needs, &due_us), DUET_QUERY_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_printer_is_hardly_asked),
        cmocka_unit_test(a_job_is_looked_at_four_times_a_second),
        cmocka_unit_test(in_a_hold_the_state_comes_first),
        cmocka_unit_test(a_slow_printer_starves_no_query),
        cmocka_unit_test(the_session_is_kept_alive_with_any_settings),
        cmocka_unit_test(a_nameless_file_is_asked_for_three_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
