/* SPDX-License-Identifier: MIT */
/* Every command in every state of a build job. */
#include "agent/jobs/job_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define REFUSED JOB_STATE_COUNT

static const enum job_state expected[JOB_STATE_COUNT][JOB_COMMAND_COUNT] = {
    /*                 cancel         pause       resume      move */
    [JOB_QUEUED] = {JOB_CANCELLED, JOB_PAUSED, REFUSED, JOB_QUEUED},
    [JOB_RUNNING] = {JOB_CANCELLED, JOB_PAUSED, REFUSED, REFUSED},
    [JOB_PAUSED] = {JOB_CANCELLED, REFUSED, JOB_QUEUED, JOB_PAUSED},
    [JOB_DONE] = {REFUSED, REFUSED, REFUSED, REFUSED},
    [JOB_FAILED] = {REFUSED, REFUSED, JOB_QUEUED, REFUSED},
    [JOB_CANCELLED] = {REFUSED, REFUSED, REFUSED, REFUSED},
};

static void every_command_in_every_state_has_its_result(void **test)
{
    (void)test;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        for (int command = 0; command < JOB_COMMAND_COUNT; command++) {
            enum job_state next = expected[state][command];
            struct job_step step =
                job_next((enum job_state)state, false, (enum job_command)command);

            if (next == REFUSED) {
                assert_non_null(step.refusal);
                assert_int_equal(step.next, state);
            } else {
                assert_null(step.refusal);
                assert_int_equal(step.next, next);
            }
        }
}

static void a_preview_can_be_cancelled_but_not_paused(void **test)
{
    (void)test;
    assert_null(job_next(JOB_RUNNING, true, JOB_CANCEL).refusal);
    assert_non_null(strstr(job_next(JOB_RUNNING, true, JOB_PAUSE).refusal, "cancel"));
}

static void every_state_is_found_by_its_name(void **test)
{
    (void)test;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        assert_int_equal(job_state_find(job_state_name((enum job_state)state)), state);
    assert_int_equal(job_state_find("asleep"), JOB_STATE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_in_every_state_has_its_result),
        cmocka_unit_test(a_preview_can_be_cancelled_but_not_paused),
        cmocka_unit_test(every_state_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
