/* SPDX-License-Identifier: MIT */
/* Every state × event pair of the hold against a list written state by state (what is not listed
 * must change nothing), and the promises that hold for any order of events. */
#include "agent/printer/hold_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

struct expected {
    enum hold_event event;
    enum hold_state next;
    unsigned actions;
    int fail;
};

#define ROWS_MAX 20

enum {
    OPEN = HOLD_DO_OPEN,
    CLOSE = HOLD_DO_CLOSE,
    PAUSE = HOLD_DO_PAUSE,
    RESUME = HOLD_DO_RESUME,
    FLUSH = HOLD_DO_FLUSH,
    PARK = HOLD_DO_PARK,
    SETTLE = HOLD_DO_SETTLE,
    GRANT = HOLD_DO_GRANT,
    LOOK = HOLD_DO_LOOK,
    ALARM = HOLD_DO_CLOSE | HOLD_DO_ATTENTION,
};

#define EV(name) HOLD_EV_##name

static const struct expected expected[HOLD_STATE_COUNT][ROWS_MAX] = {
    [HOLD_IDLE] = {{EV(WANT), HOLD_OPENING, OPEN, 0},
                   {EV(WANT_ADOPT), HOLD_ADOPT_OPENING, OPEN, 0}},
    [HOLD_OPENING] = {{EV(WRITTEN), HOLD_CHECKING, LOOK, 0},
                      {EV(WRITE_FAILED), HOLD_IDLE, 0, -EIO}},
    [HOLD_CHECKING] = {{EV(RUNNING), HOLD_PAUSING, PAUSE, 0},
                       {EV(PAUSED), HOLD_IDLE, CLOSE, -EPERM},
                       {EV(PAUSING), HOLD_IDLE, CLOSE, -EPERM},
                       {EV(RESUMING), HOLD_IDLE, CLOSE, -EPERM},
                       {EV(FOREIGN), HOLD_IDLE, CLOSE, -EPERM},
                       {EV(FORBIDDEN), HOLD_IDLE, CLOSE, -EAGAIN},
                       {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                       {EV(UNWANT), HOLD_IDLE, CLOSE, 0},
                       {EV(TIMEOUT), HOLD_IDLE, CLOSE, -EHOSTUNREACH}},
    [HOLD_ADOPT_OPENING] = {{EV(WRITTEN), HOLD_ADOPT_CHECKING, LOOK, 0},
                            {EV(WRITE_FAILED), HOLD_IDLE, 0, -EIO}},
    [HOLD_ADOPT_CHECKING] = {{EV(PAUSED), HOLD_PARKING, PARK, 0},
                             {EV(RUNNING), HOLD_IDLE, CLOSE, -EAGAIN},
                             {EV(RESUMING), HOLD_IDLE, CLOSE, -EAGAIN},
                             {EV(FOREIGN), HOLD_IDLE, CLOSE, -EPERM},
                             {EV(FORBIDDEN), HOLD_IDLE, CLOSE, -EAGAIN},
                             {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                             {EV(UNWANT), HOLD_IDLE, CLOSE, 0},
                             {EV(TIMEOUT), HOLD_IDLE, CLOSE, -EHOSTUNREACH}},
    [HOLD_PAUSING] = {{EV(PAUSE_DONE), HOLD_ANSWERED, LOOK, 0},
                      {EV(PAUSED), HOLD_PROVING, 0, 0},
                      {EV(PAUSE_REFUSED), HOLD_IDLE, CLOSE, -EAGAIN},
                      {EV(RESUMING), HOLD_UNSURE, FLUSH, -EPERM},
                      {EV(UNWANT), HOLD_UNSURE, FLUSH, 0},
                      {EV(TIMEOUT), HOLD_UNSURE, FLUSH, -ETIMEDOUT},
                      {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                      {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_ANSWERED] = {{EV(PAUSED), HOLD_PARKING, PARK, 0},
                       {EV(RESUMING), HOLD_LEAVING, 0, -EPERM},
                       {EV(UNWANT), HOLD_DOUBT, 0, 0},
                       {EV(TIMEOUT), HOLD_DOUBT, 0, -ETIMEDOUT},
                       {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                       {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_PROVING] = {{EV(PAUSE_DONE), HOLD_PARKING, PARK, 0},
                      {EV(PAUSE_LOST), HOLD_PARKING, PARK, 0},
                      {EV(FLUSHED), HOLD_PARKING, PARK, 0},
                      {EV(TIMEOUT), HOLD_PARKING, PARK, 0},
                      {EV(PAUSE_REFUSED), HOLD_IDLE, ALARM, -EPERM},
                      {EV(RUNNING), HOLD_RUNNING_ONCE, 0, -EPERM},
                      {EV(RESUMING), HOLD_LEAVING, 0, -EPERM},
                      {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                      {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_PARKING] = {{EV(PARK_DONE), HOLD_SETTLING, SETTLE, 0},
                      {EV(TIMEOUT), HOLD_SETTLING, SETTLE, 0},
                      {EV(UNWANT), HOLD_RESUME_DUE, LOOK, 0},
                      {EV(RUNNING), HOLD_RUNNING_ONCE, 0, -EPERM},
                      {EV(RESUMING), HOLD_LEAVING, 0, -EPERM},
                      {EV(PAUSING), HOLD_IDLE, ALARM, -EPERM},
                      {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                      {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_SETTLING] = {{EV(TIMEOUT), HOLD_HELD, GRANT, 0},
                       {EV(UNWANT), HOLD_RESUME_DUE, LOOK, 0},
                       {EV(RUNNING), HOLD_RUNNING_ONCE, 0, -EPERM},
                       {EV(RESUMING), HOLD_LEAVING, 0, -EPERM},
                       {EV(PAUSING), HOLD_IDLE, ALARM, -EPERM},
                       {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                       {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_HELD] = {{EV(NEXT), HOLD_PARKING, PARK, 0},
                   {EV(UNWANT), HOLD_RESUME_DUE, LOOK, 0},
                   {EV(RUNNING), HOLD_RUNNING_ONCE, 0, -EPERM},
                   {EV(RESUMING), HOLD_LEAVING, 0, -EPERM},
                   {EV(PAUSING), HOLD_IDLE, ALARM, -EPERM},
                   {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                   {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_UNSURE] = {{EV(PAUSED), HOLD_PROVING, 0, 0},
                     {EV(PAUSE_DONE), HOLD_DOUBT, 0, 0},
                     {EV(PAUSE_REFUSED), HOLD_DOUBT, 0, 0},
                     {EV(FLUSHED), HOLD_DOUBT, 0, 0},
                     {EV(TIMEOUT), HOLD_UNSURE, FLUSH, 0},
                     {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                     {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_DOUBT] = {{EV(PAUSED), HOLD_RESUME_SENT, RESUME, 0},
                    {EV(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
                    {EV(RESUMING), HOLD_LEAVING, 0, 0},
                    {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                    {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_RESUME_DUE] = {{EV(PAUSED), HOLD_RESUME_SENT, RESUME, 0},
                         {EV(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
                         {EV(RESUMING), HOLD_LEAVING, 0, 0},
                         {EV(PAUSING), HOLD_IDLE, ALARM, 0},
                         {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                         {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_RESUME_SENT] = {{EV(RESUME_FAILED), HOLD_RESUME_WAIT, 0, 0},
                          {EV(TIMEOUT), HOLD_RESUME_DUE, LOOK, 0},
                          {EV(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
                          {EV(RESUMING), HOLD_LEAVING, 0, 0},
                          {EV(PAUSING), HOLD_IDLE, ALARM, 0},
                          {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                          {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_RESUME_WAIT] = {{EV(TIMEOUT), HOLD_RESUME_DUE, LOOK, 0},
                          {EV(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
                          {EV(RESUMING), HOLD_LEAVING, 0, 0},
                          {EV(PAUSING), HOLD_IDLE, ALARM, 0},
                          {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                          {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_LEAVING] = {{EV(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
                      {EV(PAUSED), HOLD_IDLE, ALARM, 0},
                      {EV(PAUSING), HOLD_IDLE, ALARM, 0},
                      {EV(TIMEOUT), HOLD_LEAVING, HOLD_DO_ATTENTION, 0},
                      {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                      {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_RUNNING_ONCE] = {{EV(RUNNING), HOLD_IDLE, CLOSE, 0},
                           {EV(PAUSED), HOLD_IDLE, ALARM, 0},
                           {EV(PAUSING), HOLD_IDLE, ALARM, 0},
                           {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                           {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
    [HOLD_RECOVERING] = {{EV(PAUSED), HOLD_RESUME_SENT, RESUME, 0},
                         {EV(RUNNING), HOLD_UNSURE, FLUSH, 0},
                         {EV(RESUMING), HOLD_LEAVING, 0, 0},
                         {EV(GONE), HOLD_IDLE, CLOSE, -ECANCELED},
                         {EV(FOREIGN), HOLD_IDLE, ALARM, -EPERM}},
};

/* A listed row always changes the state, acts, or both; so {0} ends the rows. */
static const struct expected *find_expected(enum hold_state state, enum hold_event event)
{
    for (int i = 0; i < ROWS_MAX; i++) {
        const struct expected *row = &expected[state][i];

        if (row->event == event && (row->next != HOLD_IDLE || row->actions || row->fail))
            return row;
    }
    return NULL;
}

static void check_pair(enum hold_state state, enum hold_event event)
{
    const struct expected *row = find_expected(state, event);
    struct hold_step step = hold_next(state, event);
    struct hold_step want = {.next = state};

    if (row)
        want = (struct hold_step){row->next, row->actions, row->fail, true};
    if (step.next == want.next && step.actions == want.actions && step.fail == want.fail &&
        step.moved == want.moved)
        return;
    fail_msg("%s + %s: %s actions %x fail %d, wanted %s actions %x fail %d", hold_state_name(state),
             hold_event_name(event), hold_state_name(step.next), step.actions, step.fail,
             hold_state_name(want.next), want.actions, want.fail);
}

static void every_pair_is_as_listed(void **test)
{
    (void)test;
    for (int state = 0; state < HOLD_STATE_COUNT; state++)
        for (int event = 0; event < HOLD_EVENT_COUNT; event++)
            check_pair(state, event);
}

static void every_state_and_event_has_a_name(void **test)
{
    (void)test;
    for (int state = 0; state < HOLD_STATE_COUNT; state++)
        assert_non_null(hold_state_name(state));
    for (int event = 0; event < HOLD_EVENT_COUNT; event++)
        assert_non_null(hold_event_name(event));
}

static void a_pause_is_sent_only_after_the_write_and_a_look_at_a_running_job(void **test)
{
    (void)test;
    for (int state = 0; state < HOLD_STATE_COUNT; state++)
        for (int event = 0; event < HOLD_EVENT_COUNT; event++)
            if (hold_next(state, event).actions & HOLD_DO_PAUSE) {
                assert_int_equal(state, HOLD_CHECKING);
                assert_int_equal(event, HOLD_EV_RUNNING);
            }
}

static void a_resume_is_sent_only_at_the_sight_of_our_own_pause(void **test)
{
    (void)test;
    for (int state = 0; state < HOLD_STATE_COUNT; state++)
        for (int event = 0; event < HOLD_EVENT_COUNT; event++)
            if (hold_next(state, event).actions & HOLD_DO_RESUME) {
                assert_int_equal(event, HOLD_EV_PAUSED);
                assert_true(hold_state_is_ours(state));
            }
}

static void the_ledger_is_closed_exactly_on_the_way_to_idle(void **test)
{
    (void)test;
    for (int state = 0; state < HOLD_STATE_COUNT; state++)
        for (int event = 0; event < HOLD_EVENT_COUNT; event++) {
            struct hold_step step = hold_next(state, event);
            bool ends = step.next == HOLD_IDLE && state != HOLD_IDLE;
            bool closes = step.actions & HOLD_DO_CLOSE;

            if (event == HOLD_EV_WRITE_FAILED)
                assert_false(closes);
            else
                assert_int_equal(ends, closes);
        }
}

static void nothing_but_the_job_or_a_person_takes_a_pause_from_us(void **test)
{
    (void)test;
    for (int event = HOLD_EV_WANT; event <= HOLD_EV_TIMEOUT; event++)
        for (int state = 0; state < HOLD_STATE_COUNT; state++) {
            bool told =
                event == HOLD_EV_PAUSE_REFUSED && (state == HOLD_PAUSING || state == HOLD_PROVING);

            if (hold_state_is_ours(state) && !told)
                assert_true(hold_state_is_ours(hold_next(state, event).next));
        }
}

/* From any state in which our pause may stand on the printer, a printer that keeps saying "paused"
 * gets a resume, again and again, within a bounded number of events. */
static void a_pause_of_ours_is_resumed_for_ever(void **test)
{
    static const enum hold_event stubborn[] = {HOLD_EV_UNWANT, HOLD_EV_PAUSED, HOLD_EV_TIMEOUT,
                                               HOLD_EV_RESUME_FAILED};

    (void)test;
    for (int start = 0; start < HOLD_STATE_COUNT; start++) {
        enum hold_state state = start;
        int resumes = 0;

        if (!hold_state_is_ours(start) || start == HOLD_LEAVING || start == HOLD_RUNNING_ONCE)
            continue;
        for (int i = 0; i < 200; i++) {
            struct hold_step step = hold_next(state, stubborn[i % 4]);

            state = step.next;
            resumes += !!(step.actions & HOLD_DO_RESUME);
        }
        if (resumes < 20)
            fail_msg("from %s: %d resumes only", hold_state_name(start), resumes);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Whatever happens in whatever order: every pause that was sent is followed by the close of the
 * ledger, and never two at once. */
static void random_histories_never_pause_twice_without_a_close(void **test)
{
    uint32_t seed = 1;

    (void)test;
    for (int run = 0; run < 10000; run++) {
        enum hold_state state = HOLD_IDLE;
        bool open = false;

        for (int i = 0; i < 40; i++) {
            struct hold_step step = hold_next(state, next_random(&seed) % HOLD_EVENT_COUNT);

            if (step.actions & HOLD_DO_OPEN) {
                assert_false(open);
                open = true;
            }
            if (step.actions & (HOLD_DO_PAUSE | HOLD_DO_RESUME))
                assert_true(open);
            if (step.actions & HOLD_DO_CLOSE || step.fail == -EIO)
                open = false;
            state = step.next;
            assert_int_equal(open, state != HOLD_IDLE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_as_listed),
        cmocka_unit_test(every_state_and_event_has_a_name),
        cmocka_unit_test(a_pause_is_sent_only_after_the_write_and_a_look_at_a_running_job),
        cmocka_unit_test(a_resume_is_sent_only_at_the_sight_of_our_own_pause),
        cmocka_unit_test(the_ledger_is_closed_exactly_on_the_way_to_idle),
        cmocka_unit_test(nothing_but_the_job_or_a_person_takes_a_pause_from_us),
        cmocka_unit_test(a_pause_of_ours_is_resumed_for_ever),
        cmocka_unit_test(random_histories_never_pause_twice_without_a_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
