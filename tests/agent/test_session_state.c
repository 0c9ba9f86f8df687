/* SPDX-License-Identifier: MIT */
/* The whole life of a unit's sessions as one table: a line for each state and event, for a unit
 * that follows a printer and stays armed, and further lines where something else decides. Then the
 * rules that must hold whatever the table says. */
#include "agent/unit/session_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* What a step must be. */
struct row {
    enum session_state state;
    enum session_event event;
    enum session_state next;
    unsigned actions; /* or REFUSED */
};

enum { DO_RESTART = SESSION_DO_FINISH | SESSION_DO_NOTE_RESTART, REFUSED = 1 << 30 };

/* The usual unit: bound to a printer, waits for its prints, one session after the other. */
static const struct session_facts usual = {
    .waits_for_job = true,
    .has_printer = true,
    .continuous = true,
};

/* clang-format off */
static const struct row rows[] = {
    /* Standby: only start and restart lead out; whatever the printer does is ignored. */
    {SESSION_STANDBY,   SESSION_CMD_START,    SESSION_WAITING,   0},
    {SESSION_STANDBY,   SESSION_CMD_STANDBY,  SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_CMD_PAUSE,    SESSION_STANDBY,   REFUSED},
    {SESSION_STANDBY,   SESSION_CMD_RESUME,   SESSION_STANDBY,   REFUSED},
    {SESSION_STANDBY,   SESSION_CMD_FINISH,   SESSION_STANDBY,   REFUSED},
    {SESSION_STANDBY,   SESSION_CMD_ABORT,    SESSION_STANDBY,   REFUSED},
    {SESSION_STANDBY,   SESSION_CMD_RESTART,  SESSION_WAITING,   0},
    {SESSION_STANDBY,   SESSION_CMD_SNAPSHOT, SESSION_STANDBY,   SESSION_DO_PICTURE},
    {SESSION_STANDBY,   SESSION_CMD_PREVIEW,  SESSION_STANDBY,   REFUSED},
    {SESSION_STANDBY,   SESSION_JOB_STARTED,  SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_JOB_ENDED,    SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_TRIGGER,      SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_BUILT,        SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_OPEN_FAILED,  SESSION_STANDBY,   0},
    {SESSION_STANDBY,   SESSION_RETRY,        SESSION_STANDBY,   0},

    /* Waiting: the print begins the session; only standby leads back. */
    {SESSION_WAITING,   SESSION_CMD_START,    SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_STANDBY,  SESSION_STANDBY,   0},
    {SESSION_WAITING,   SESSION_CMD_PAUSE,    SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_RESUME,   SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_FINISH,   SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_ABORT,    SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_RESTART,  SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_CMD_SNAPSHOT, SESSION_WAITING,   SESSION_DO_PICTURE},
    {SESSION_WAITING,   SESSION_CMD_PREVIEW,  SESSION_WAITING,   REFUSED},
    {SESSION_WAITING,   SESSION_JOB_STARTED,  SESSION_CAPTURING, SESSION_DO_OPEN},
    {SESSION_WAITING,   SESSION_JOB_ENDED,    SESSION_WAITING,   0},
    {SESSION_WAITING,   SESSION_TRIGGER,      SESSION_WAITING,   0},
    {SESSION_WAITING,   SESSION_BUILT,        SESSION_WAITING,   0},
    {SESSION_WAITING,   SESSION_OPEN_FAILED,  SESSION_WAITING,   0},
    {SESSION_WAITING,   SESSION_RETRY,        SESSION_WAITING,   0},

    /* Capturing. */
    {SESSION_CAPTURING, SESSION_CMD_START,    SESSION_CAPTURING, REFUSED},
    {SESSION_CAPTURING, SESSION_CMD_STANDBY,  SESSION_STANDBY,   SESSION_DO_DISCARD},
    {SESSION_CAPTURING, SESSION_CMD_PAUSE,    SESSION_PAUSED,    0},
    {SESSION_CAPTURING, SESSION_CMD_RESUME,   SESSION_CAPTURING, REFUSED},
    {SESSION_CAPTURING, SESSION_CMD_FINISH,   SESSION_BUILDING,  SESSION_DO_FINISH},
    {SESSION_CAPTURING, SESSION_CMD_ABORT,    SESSION_WAITING,   SESSION_DO_ABORT},
    {SESSION_CAPTURING, SESSION_CMD_RESTART,  SESSION_BUILDING,  DO_RESTART},
    {SESSION_CAPTURING, SESSION_CMD_SNAPSHOT, SESSION_CAPTURING, SESSION_DO_FRAME},
    {SESSION_CAPTURING, SESSION_CMD_PREVIEW,  SESSION_CAPTURING, SESSION_DO_PREVIEW},
    {SESSION_CAPTURING, SESSION_JOB_STARTED,  SESSION_CAPTURING, 0},
    {SESSION_CAPTURING, SESSION_JOB_ENDED,    SESSION_BUILDING,  SESSION_DO_FINISH},
    {SESSION_CAPTURING, SESSION_TRIGGER,      SESSION_CAPTURING, SESSION_DO_FRAME},
    {SESSION_CAPTURING, SESSION_BUILT,        SESSION_CAPTURING, 0},
    {SESSION_CAPTURING, SESSION_OPEN_FAILED,  SESSION_ERROR,     SESSION_DO_RETRY_LATER},
    {SESSION_CAPTURING, SESSION_RETRY,        SESSION_CAPTURING, 0},

    /* Paused: as capturing, but triggers take nothing; a frame asked for by name is taken. */
    {SESSION_PAUSED,    SESSION_CMD_START,    SESSION_PAUSED,    REFUSED},
    {SESSION_PAUSED,    SESSION_CMD_STANDBY,  SESSION_STANDBY,   SESSION_DO_DISCARD},
    {SESSION_PAUSED,    SESSION_CMD_PAUSE,    SESSION_PAUSED,    REFUSED},
    {SESSION_PAUSED,    SESSION_CMD_RESUME,   SESSION_CAPTURING, 0},
    {SESSION_PAUSED,    SESSION_CMD_FINISH,   SESSION_BUILDING,  SESSION_DO_FINISH},
    {SESSION_PAUSED,    SESSION_CMD_ABORT,    SESSION_WAITING,   SESSION_DO_ABORT},
    {SESSION_PAUSED,    SESSION_CMD_RESTART,  SESSION_BUILDING,  DO_RESTART},
    {SESSION_PAUSED,    SESSION_CMD_SNAPSHOT, SESSION_PAUSED,    SESSION_DO_FRAME},
    {SESSION_PAUSED,    SESSION_CMD_PREVIEW,  SESSION_PAUSED,    SESSION_DO_PREVIEW},
    {SESSION_PAUSED,    SESSION_JOB_STARTED,  SESSION_PAUSED,    0},
    {SESSION_PAUSED,    SESSION_JOB_ENDED,    SESSION_BUILDING,  SESSION_DO_FINISH},
    {SESSION_PAUSED,    SESSION_TRIGGER,      SESSION_PAUSED,    0},
    {SESSION_PAUSED,    SESSION_BUILT,        SESSION_PAUSED,    0},
    {SESSION_PAUSED,    SESSION_OPEN_FAILED,  SESSION_PAUSED,    0},
    {SESSION_PAUSED,    SESSION_RETRY,        SESSION_PAUSED,    0},

    /* Building: the session is over, its video is not; what comes next is only noted. */
    {SESSION_BUILDING,  SESSION_CMD_START,    SESSION_BUILDING,  REFUSED},
    {SESSION_BUILDING,  SESSION_CMD_STANDBY,  SESSION_STANDBY,   SESSION_DO_DISCARD},
    {SESSION_BUILDING,  SESSION_CMD_PAUSE,    SESSION_BUILDING,  REFUSED},
    {SESSION_BUILDING,  SESSION_CMD_RESUME,   SESSION_BUILDING,  REFUSED},
    {SESSION_BUILDING,  SESSION_CMD_FINISH,   SESSION_BUILDING,  REFUSED},
    {SESSION_BUILDING,  SESSION_CMD_ABORT,    SESSION_WAITING,   SESSION_DO_ABORT},
    {SESSION_BUILDING,  SESSION_CMD_RESTART,  SESSION_BUILDING,  SESSION_DO_NOTE_RESTART},
    {SESSION_BUILDING,  SESSION_CMD_SNAPSHOT, SESSION_BUILDING,  SESSION_DO_PICTURE},
    {SESSION_BUILDING,  SESSION_CMD_PREVIEW,  SESSION_BUILDING,  REFUSED},
    {SESSION_BUILDING,  SESSION_JOB_STARTED,  SESSION_BUILDING,  SESSION_DO_NOTE_JOB},
    {SESSION_BUILDING,  SESSION_JOB_ENDED,    SESSION_BUILDING,  0},
    {SESSION_BUILDING,  SESSION_TRIGGER,      SESSION_BUILDING,  0},
    {SESSION_BUILDING,  SESSION_BUILT,        SESSION_WAITING,   0},
    {SESSION_BUILDING,  SESSION_OPEN_FAILED,  SESSION_BUILDING,  0},
    {SESSION_BUILDING,  SESSION_RETRY,        SESSION_BUILDING,  0},

    /* Error: no session could be opened. Time, a new print or the user try again. */
    {SESSION_ERROR,     SESSION_CMD_START,    SESSION_WAITING,   0},
    {SESSION_ERROR,     SESSION_CMD_STANDBY,  SESSION_STANDBY,   0},
    {SESSION_ERROR,     SESSION_CMD_PAUSE,    SESSION_ERROR,     REFUSED},
    {SESSION_ERROR,     SESSION_CMD_RESUME,   SESSION_ERROR,     REFUSED},
    {SESSION_ERROR,     SESSION_CMD_FINISH,   SESSION_STANDBY,   0},
    {SESSION_ERROR,     SESSION_CMD_ABORT,    SESSION_STANDBY,   0},
    {SESSION_ERROR,     SESSION_CMD_RESTART,  SESSION_WAITING,   0},
    {SESSION_ERROR,     SESSION_CMD_SNAPSHOT, SESSION_ERROR,     SESSION_DO_PICTURE},
    {SESSION_ERROR,     SESSION_CMD_PREVIEW,  SESSION_ERROR,     REFUSED},
    {SESSION_ERROR,     SESSION_JOB_STARTED,  SESSION_CAPTURING, SESSION_DO_OPEN},
    {SESSION_ERROR,     SESSION_JOB_ENDED,    SESSION_WAITING,   0},
    {SESSION_ERROR,     SESSION_TRIGGER,      SESSION_ERROR,     0},
    {SESSION_ERROR,     SESSION_BUILT,        SESSION_ERROR,     0},
    {SESSION_ERROR,     SESSION_OPEN_FAILED,  SESSION_ERROR,     0},
    {SESSION_ERROR,     SESSION_RETRY,        SESSION_WAITING,   0},
};

/* --- where the facts decide --- */

#define PRINTER .has_printer = true
#define WAITS   .has_printer = true, .waits_for_job = true

static const struct {
    const char *why;
    struct session_facts facts;
    struct row row;
} decided[] = {
    {"no printer: capture at once", {0},
     {SESSION_STANDBY, SESSION_CMD_START, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"dontwait: capture at once", {PRINTER},
     {SESSION_STANDBY, SESSION_CMD_START, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"the print runs already: join it", {WAITS, .job_running = true},
     {SESSION_STANDBY, SESSION_CMD_START, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"restart is start when nothing is open", {0},
     {SESSION_STANDBY, SESSION_CMD_RESTART, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"start beats the setting standby", {WAITS, .starts_standby = true},
     {SESSION_STANDBY, SESSION_CMD_START, SESSION_WAITING, 0}},

    {"finished by hand, the print goes on: start joins it", {WAITS, .job_running = true},
     {SESSION_WAITING, SESSION_CMD_START, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"finished by hand, the print goes on: restart joins it", {WAITS, .job_running = true},
     {SESSION_WAITING, SESSION_CMD_RESTART, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"dontwait: restart begins at once", {PRINTER},
     {SESSION_WAITING, SESSION_CMD_RESTART, SESSION_CAPTURING, SESSION_DO_OPEN}},

    {"one print only: standby after it", {WAITS},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_STANDBY, 0}},
    {"standby wins over restart", {WAITS, .continuous = true, .starts_standby = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_STANDBY, 0}},
    {"no printer, so no next print", {.continuous = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_STANDBY, 0}},
    {"dontwait is for the first session: the next one begins with a print",
     {PRINTER, .continuous = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_WAITING, 0}},
    {"finished by hand, the print goes on: it is not begun again",
     {WAITS, .continuous = true, .job_running = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_WAITING, 0}},
    {"the next print began meanwhile: it gets its session",
     {WAITS, .continuous = true, .job_running = true, .new_job = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"the next print began meanwhile and ended already",
     {WAITS, .continuous = true, .new_job = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_WAITING, 0}},
    {"the next print is not wanted", {WAITS, .job_running = true, .new_job = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_STANDBY, 0}},
    {"the next print must be started by hand",
     {WAITS, .continuous = true, .starts_standby = true, .job_running = true, .new_job = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_STANDBY, 0}},
    {"restart in the middle of a print", {WAITS, .restart_asked = true, .job_running = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"restart after the print: wait for the next, also when one print only was set",
     {WAITS, .restart_asked = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_WAITING, 0}},
    {"restart without a printer", {.restart_asked = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"restart beats the setting standby", {WAITS, .restart_asked = true, .starts_standby = true},
     {SESSION_BUILDING, SESSION_BUILT, SESSION_WAITING, 0}},

    {"try again while the print runs", {WAITS, .job_running = true},
     {SESSION_ERROR, SESSION_RETRY, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"try again without a printer", {0},
     {SESSION_ERROR, SESSION_RETRY, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"the user cannot wait for the next try", {WAITS, .job_running = true},
     {SESSION_ERROR, SESSION_CMD_START, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"restart is start", {WAITS, .job_running = true},
     {SESSION_ERROR, SESSION_CMD_RESTART, SESSION_CAPTURING, SESSION_DO_OPEN}},
    {"the print that could not be captured is over, and it was the only one", {WAITS},
     {SESSION_ERROR, SESSION_JOB_ENDED, SESSION_STANDBY, 0}},
    {"the print that could not be captured is over, the next is started by hand",
     {WAITS, .continuous = true, .starts_standby = true},
     {SESSION_ERROR, SESSION_JOB_ENDED, SESSION_STANDBY, 0}},
};
/* clang-format on */

static void check_row(const struct row *row, const struct session_facts *facts, const char *why)
{
    struct session_step step = session_next(row->state, row->event, facts);
    unsigned actions = step.refusal ? REFUSED : step.actions;

    if (step.next != row->next || actions != row->actions)
        fail_msg("%s + %s (%s): is %s, actions 0x%x; should be %s, actions 0x%x",
                 session_state_name(row->state), session_event_name(row->event), why,
                 session_state_name(step.next), actions, session_state_name(row->next),
                 row->actions);
}

static void every_pair_does_what_its_line_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i], &usual, "usual unit");
}

static void the_table_has_one_line_for_every_pair(void **state)
{
    int lines[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        lines[rows[i].state][rows[i].event]++;
    for (int s = 0; s < SESSION_STATE_COUNT; s++)
        for (int e = 0; e < SESSION_EVENT_COUNT; e++)
            if (lines[s][e] != 1)
                fail_msg("%d lines for %s + %s", lines[s][e],
                         session_state_name((enum session_state)s),
                         session_event_name((enum session_event)e));
    assert_int_equal(ARRAY_LEN(rows), SESSION_STATE_COUNT * SESSION_EVENT_COUNT);
}

static void facts_decide_where_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decided); i++)
        check_row(&decided[i].row, &decided[i].facts, decided[i].why);
}

/* --- rules over everything --- */

typedef void (*rule_fn)(enum session_state state, enum session_event event,
                        const struct session_facts *facts, const struct session_step *step);

static struct session_facts facts_of(unsigned bits)
{
    return (struct session_facts){
        .waits_for_job = bits & 1,
        .has_printer = bits & 2,
        .job_running = bits & 4,
        .new_job = bits & 8,
        .continuous = bits & 16,
        .starts_standby = bits & 32,
        .restart_asked = bits & 64,
    };
}

static void check_everywhere(rule_fn rule)
{
    for (unsigned bits = 0; bits < 128; bits++) {
        struct session_facts facts = facts_of(bits);

        for (int s = 0; s < SESSION_STATE_COUNT; s++) {
            for (int e = 0; e < SESSION_EVENT_COUNT; e++) {
                struct session_step step =
                    session_next((enum session_state)s, (enum session_event)e, &facts);
                rule((enum session_state)s, (enum session_event)e, &facts, &step);
            }
        }
    }
}

static bool has_session(enum session_state state)
{
    return state == SESSION_CAPTURING || state == SESSION_PAUSED || state == SESSION_BUILDING;
}

static void refusal_rule(enum session_state state, enum session_event event,
                         const struct session_facts *facts, const struct session_step *step)
{
    (void)facts;
    if (!step->refusal)
        return;
    assert_true(event <= SESSION_CMD_PREVIEW);
    assert_int_equal(step->next, state);
    assert_int_equal(step->actions, 0);
    assert_true(strlen(step->refusal) > 10);
}

static void only_commands_are_refused_and_change_nothing_then(void **state)
{
    (void)state;
    check_everywhere(refusal_rule);
}

static void open_rule(enum session_state state, enum session_event event,
                      const struct session_facts *facts, const struct session_step *step)
{
    bool opens = step->actions & SESSION_DO_OPEN;
    bool begins = !has_session(state) || event == SESSION_BUILT;

    (void)facts;
    if (opens)
        assert_true(begins && step->next == SESSION_CAPTURING);
    if (begins && !opens)
        assert_true(!has_session(step->next) || step->next == state);
}

static void no_session_is_opened_beside_another_or_entered_unopened(void **state)
{
    (void)state;
    check_everywhere(open_rule);
}

static void close_rule(enum session_state state, enum session_event event,
                       const struct session_facts *facts, const struct session_step *step)
{
    unsigned ends = SESSION_DO_DISCARD | SESSION_DO_ABORT;

    (void)facts;
    if (!has_session(state) || has_session(step->next))
        return;
    assert_true((step->actions & ends) || event == SESSION_BUILT || event == SESSION_OPEN_FAILED);
}

static void no_session_is_left_without_its_end(void **state)
{
    (void)state;
    check_everywhere(close_rule);
}

static void need_rule(enum session_state state, enum session_event event,
                      const struct session_facts *facts, const struct session_step *step)
{
    unsigned need = SESSION_DO_FRAME | SESSION_DO_FINISH | SESSION_DO_DISCARD | SESSION_DO_ABORT |
                    SESSION_DO_PREVIEW | SESSION_DO_NOTE_RESTART | SESSION_DO_NOTE_JOB;

    (void)event;
    (void)facts;
    if (step->actions & need)
        assert_true(has_session(state));
}

static void what_needs_a_session_happens_only_in_one(void **state)
{
    (void)state;
    check_everywhere(need_rule);
}

static void discard_rule(enum session_state state, enum session_event event,
                         const struct session_facts *facts, const struct session_step *step)
{
    (void)state;
    (void)facts;
    if (step->actions & SESSION_DO_DISCARD)
        assert_int_equal(event, SESSION_CMD_STANDBY);
}

static void frames_are_thrown_away_by_the_standby_command_only(void **state)
{
    (void)state;
    check_everywhere(discard_rule);
}

static void standby_rule(enum session_state state, enum session_event event,
                         const struct session_facts *facts, const struct session_step *step)
{
    (void)facts;
    if (event == SESSION_CMD_STANDBY)
        assert_int_equal(step->next, SESSION_STANDBY);
    if (state == SESSION_STANDBY && step->next != SESSION_STANDBY)
        assert_true(event == SESSION_CMD_START || event == SESSION_CMD_RESTART);
}

static void standby_is_always_reached_and_left_by_a_command_only(void **state)
{
    (void)state;
    check_everywhere(standby_rule);
}

/* --- names --- */

static void states_have_names_that_are_found_again(void **state)
{
    (void)state;
    for (int s = 0; s < SESSION_STATE_COUNT; s++)
        assert_int_equal(session_state_find(session_state_name((enum session_state)s)), s);
    assert_int_equal(session_state_find("asleep"), SESSION_STATE_COUNT);
    assert_int_equal(session_state_find(""), SESSION_STATE_COUNT);
    assert_int_equal(session_state_find(NULL), SESSION_STATE_COUNT);
}

static void events_have_names_of_their_own(void **state)
{
    (void)state;
    for (int e = 0; e < SESSION_EVENT_COUNT; e++) {
        const char *name = session_event_name((enum session_event)e);

        assert_non_null(name);
        for (int other = 0; other < e; other++)
            assert_string_not_equal(name, session_event_name((enum session_event)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_one_line_for_every_pair),
        cmocka_unit_test(every_pair_does_what_its_line_says),
        cmocka_unit_test(facts_decide_where_they_should),
        cmocka_unit_test(only_commands_are_refused_and_change_nothing_then),
        cmocka_unit_test(no_session_is_opened_beside_another_or_entered_unopened),
        cmocka_unit_test(no_session_is_left_without_its_end),
        cmocka_unit_test(what_needs_a_session_happens_only_in_one),
        cmocka_unit_test(frames_are_thrown_away_by_the_standby_command_only),
        cmocka_unit_test(standby_is_always_reached_and_left_by_a_command_only),
        cmocka_unit_test(states_have_names_that_are_found_again),
        cmocka_unit_test(events_have_names_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
