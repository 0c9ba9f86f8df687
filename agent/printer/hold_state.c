/* SPDX-License-Identifier: MIT */
/* hold_state: the rules as one table, read from top to bottom; the first row that has both the
 * state and the event counts, and an event without a row means nothing in that state.
 *
 * Three things look as if they could be simpler and cannot. A resume is sent only on the event
 * PAUSED: RepRapFirmware drops an M24 that comes while it is pausing, and an M24 while nothing is
 * paused starts the selected file from its beginning. The head is not moved before the pause's
 * answer is in (PROVING): when a person or the filament sensor was a moment faster, only the answer
 * tells. And a pause that nobody wants any more is not forgotten (UNSURE): inside a macro the
 * firmware puts it off for minutes, and then somebody has to be there to resume. When it is dealt
 * with at last (DOUBT), only what is seen after that counts: an older "running" is from before the
 * pause, and would make our own pause look like a new one. */
#include "agent/printer/hold_state.h"

#include <errno.h>

#define S(name)  (1U << HOLD_##name)
#define E(name)  (1U << HOLD_EV_##name)
#define DO(name) HOLD_DO_##name

#define S_CHECKS (S(CHECKING) | S(ADOPT_CHECKING))
#define S_PAUSED (S(PARKING) | S(SETTLING) | S(HELD))
#define S_RESUME (S(RESUME_DUE) | S(RESUME_SENT) | S(RESUME_WAIT))
#define S_OURS                                                                                     \
    (S(PAUSING) | S(ANSWERED) | S(PROVING) | S_PAUSED | S(UNSURE) | S(DOUBT) | S_RESUME |          \
     S(LEAVING) | S(RUNNING_ONCE) | S(RECOVERING))

struct rule {
    unsigned states, events;
    enum hold_state next;
    unsigned actions;
    int fail;
};

static const struct rule rules[] = {
    /* the intent */
    {S(IDLE), E(WANT), HOLD_OPENING, DO(OPEN), 0},
    {S(IDLE), E(WANT_ADOPT), HOLD_ADOPT_OPENING, DO(OPEN), 0},
    {S(OPENING), E(WRITTEN), HOLD_CHECKING, DO(LOOK), 0},
    {S(ADOPT_OPENING), E(WRITTEN), HOLD_ADOPT_CHECKING, DO(LOOK), 0},
    {S(OPENING) | S(ADOPT_OPENING), E(WRITE_FAILED), HOLD_IDLE, 0, -EIO},

    /* the last look before it */
    {S(CHECKING), E(RUNNING), HOLD_PAUSING, DO(PAUSE), 0},
    {S(CHECKING), E(PAUSED) | E(PAUSING) | E(RESUMING), HOLD_IDLE, DO(CLOSE), -EPERM},
    {S(ADOPT_CHECKING), E(PAUSED), HOLD_PARKING, DO(PARK), 0},
    {S(ADOPT_CHECKING), E(RUNNING) | E(RESUMING), HOLD_IDLE, DO(CLOSE), -EAGAIN},
    {S_CHECKS, E(FORBIDDEN), HOLD_IDLE, DO(CLOSE), -EAGAIN},
    {S_CHECKS, E(FOREIGN), HOLD_IDLE, DO(CLOSE), -EPERM},
    {S_CHECKS, E(GONE), HOLD_IDLE, DO(CLOSE), -ECANCELED},
    {S_CHECKS, E(UNWANT), HOLD_IDLE, DO(CLOSE), 0},
    {S_CHECKS, E(TIMEOUT), HOLD_IDLE, DO(CLOSE), -EHOSTUNREACH},

    /* the way to "paused" */
    {S(PAUSING), E(PAUSE_DONE), HOLD_ANSWERED, DO(LOOK), 0},
    {S(PAUSING), E(PAUSED), HOLD_PROVING, 0, 0},
    {S(PAUSING), E(PAUSE_REFUSED), HOLD_IDLE, DO(CLOSE), -EAGAIN},
    {S(PAUSING), E(RESUMING), HOLD_UNSURE, DO(FLUSH), -EPERM},
    {S(PAUSING), E(UNWANT), HOLD_UNSURE, DO(FLUSH), 0},
    {S(PAUSING), E(TIMEOUT), HOLD_UNSURE, DO(FLUSH), -ETIMEDOUT},
    {S(ANSWERED), E(PAUSED), HOLD_PARKING, DO(PARK), 0},
    {S(ANSWERED), E(RESUMING), HOLD_LEAVING, 0, -EPERM},
    {S(ANSWERED), E(UNWANT), HOLD_DOUBT, 0, 0},
    {S(ANSWERED), E(TIMEOUT), HOLD_DOUBT, 0, -ETIMEDOUT},
    {S(PROVING), E(PAUSE_DONE) | E(PAUSE_LOST) | E(FLUSHED) | E(TIMEOUT), HOLD_PARKING, DO(PARK),
     0},
    {S(PROVING), E(PAUSE_REFUSED), HOLD_IDLE, DO(CLOSE) | DO(ATTENTION), -EPERM},

    /* paused */
    {S(PARKING), E(PARK_DONE) | E(TIMEOUT), HOLD_SETTLING, DO(SETTLE), 0},
    {S(SETTLING), E(TIMEOUT), HOLD_HELD, DO(GRANT), 0},
    {S(HELD), E(NEXT), HOLD_PARKING, DO(PARK), 0},
    {S_PAUSED, E(UNWANT), HOLD_RESUME_DUE, DO(LOOK), 0},
    {S_PAUSED | S(PROVING), E(RUNNING), HOLD_RUNNING_ONCE, 0, -EPERM},
    {S_PAUSED | S(PROVING), E(RESUMING), HOLD_LEAVING, 0, -EPERM},
    {S_PAUSED, E(PAUSING), HOLD_IDLE, DO(CLOSE) | DO(ATTENTION), -EPERM},

    /* a pause that may still come */
    {S(UNSURE), E(PAUSED), HOLD_PROVING, 0, 0},
    {S(UNSURE), E(PAUSE_DONE) | E(PAUSE_REFUSED) | E(FLUSHED), HOLD_DOUBT, 0, 0},
    {S(UNSURE), E(TIMEOUT), HOLD_UNSURE, DO(FLUSH), 0},
    {S(RECOVERING), E(RUNNING), HOLD_UNSURE, DO(FLUSH), 0},

    /* the release */
    {S(RESUME_DUE) | S(DOUBT) | S(RECOVERING), E(PAUSED), HOLD_RESUME_SENT, DO(RESUME), 0},
    {S(RESUME_SENT), E(RESUME_FAILED), HOLD_RESUME_WAIT, 0, 0},
    {S(RESUME_SENT) | S(RESUME_WAIT), E(TIMEOUT), HOLD_RESUME_DUE, DO(LOOK), 0},
    {S_RESUME, E(PAUSING), HOLD_IDLE, DO(CLOSE) | DO(ATTENTION), 0},
    {S_RESUME | S(DOUBT) | S(LEAVING), E(RUNNING), HOLD_RUNNING_ONCE, 0, 0},
    {S_RESUME | S(DOUBT) | S(RECOVERING), E(RESUMING), HOLD_LEAVING, 0, 0},
    {S(LEAVING), E(TIMEOUT), HOLD_LEAVING, DO(ATTENTION), 0},
    {S(LEAVING) | S(RUNNING_ONCE), E(PAUSED) | E(PAUSING), HOLD_IDLE, DO(CLOSE) | DO(ATTENTION), 0},
    {S(RUNNING_ONCE), E(RUNNING), HOLD_IDLE, DO(CLOSE), 0},

    /* wherever we are */
    {S_OURS, E(GONE), HOLD_IDLE, DO(CLOSE), -ECANCELED},
    {S_OURS, E(FOREIGN), HOLD_IDLE, DO(CLOSE) | DO(ATTENTION), -EPERM},
};

static const char *const state_names[HOLD_STATE_COUNT] = {
    [HOLD_IDLE] = "idle",
    [HOLD_OPENING] = "opening",
    [HOLD_CHECKING] = "checking",
    [HOLD_ADOPT_OPENING] = "adopt_opening",
    [HOLD_ADOPT_CHECKING] = "adopt_checking",
    [HOLD_PAUSING] = "pausing",
    [HOLD_ANSWERED] = "answered",
    [HOLD_PROVING] = "proving",
    [HOLD_PARKING] = "parking",
    [HOLD_SETTLING] = "settling",
    [HOLD_HELD] = "held",
    [HOLD_UNSURE] = "unsure",
    [HOLD_DOUBT] = "doubt",
    [HOLD_RESUME_DUE] = "resume_due",
    [HOLD_RESUME_SENT] = "resume_sent",
    [HOLD_RESUME_WAIT] = "resume_wait",
    [HOLD_LEAVING] = "leaving",
    [HOLD_RUNNING_ONCE] = "running_once",
    [HOLD_RECOVERING] = "recovering",
};

static const char *const event_names[HOLD_EVENT_COUNT] = {
    [HOLD_EV_WANT] = "want",
    [HOLD_EV_WANT_ADOPT] = "want_adopt",
    [HOLD_EV_UNWANT] = "unwant",
    [HOLD_EV_NEXT] = "next",
    [HOLD_EV_WRITTEN] = "written",
    [HOLD_EV_WRITE_FAILED] = "write_failed",
    [HOLD_EV_PAUSE_DONE] = "pause_done",
    [HOLD_EV_PAUSE_REFUSED] = "pause_refused",
    [HOLD_EV_PAUSE_LOST] = "pause_lost",
    [HOLD_EV_PARK_DONE] = "park_done",
    [HOLD_EV_RESUME_FAILED] = "resume_failed",
    [HOLD_EV_FLUSHED] = "flushed",
    [HOLD_EV_TIMEOUT] = "timeout",
    [HOLD_EV_RUNNING] = "running",
    [HOLD_EV_PAUSING] = "pausing",
    [HOLD_EV_PAUSED] = "paused",
    [HOLD_EV_RESUMING] = "resuming",
    [HOLD_EV_FORBIDDEN] = "forbidden",
    [HOLD_EV_GONE] = "gone",
    [HOLD_EV_FOREIGN] = "foreign",
};

struct hold_step hold_next(enum hold_state state, enum hold_event event)
{
    struct hold_step step = {.next = state};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *rule = &rules[i];

        if (!(rule->states & 1U << state) || !(rule->events & 1U << event))
            continue;
        step = (struct hold_step){rule->next, rule->actions, rule->fail, true};
        break;
    }
    return step;
}

const char *hold_state_name(enum hold_state state)
{
    return state_names[state];
}

const char *hold_event_name(enum hold_event event)
{
    return event_names[event];
}

bool hold_state_is_ours(enum hold_state state)
{
    return S_OURS & 1U << state;
}
