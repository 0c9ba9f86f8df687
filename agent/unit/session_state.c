/* SPDX-License-Identifier: MIT */
/* session_state: one function per state, so that each reads as the list of what can happen there.
 * What a command may not do is refused with the words that the user sees; what an event from the
 * outside means nothing to is dropped. */
#include "agent/unit/session_state.h"

#include "agent/base/str.h"

static const char *const state_names[SESSION_STATE_COUNT] = {
    [SESSION_STANDBY] = "standby",     [SESSION_WAITING] = "waiting",
    [SESSION_CAPTURING] = "capturing", [SESSION_PAUSED] = "paused",
    [SESSION_BUILDING] = "building",   [SESSION_ERROR] = "error",
};

static const char *const event_names[SESSION_EVENT_COUNT] = {
    [SESSION_CMD_START] = "start",     [SESSION_CMD_STANDBY] = "standby",
    [SESSION_CMD_PAUSE] = "pause",     [SESSION_CMD_RESUME] = "resume",
    [SESSION_CMD_FINISH] = "finish",   [SESSION_CMD_ABORT] = "abort",
    [SESSION_CMD_RESTART] = "restart", [SESSION_CMD_SNAPSHOT] = "snapshot",
    [SESSION_CMD_PREVIEW] = "preview", [SESSION_JOB_STARTED] = "job_started",
    [SESSION_JOB_ENDED] = "job_ended", [SESSION_TRIGGER] = "trigger",
    [SESSION_BUILT] = "built",         [SESSION_OPEN_FAILED] = "open_failed",
    [SESSION_RETRY] = "retry",
};

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

enum session_state session_state_find(const char *name)
{
    int state = 0;

    while (state < SESSION_STATE_COUNT && !str_equal(state_names[state], name))
        state++;
    return (enum session_state)state;
}

const char *session_event_name(enum session_event event)
{
    return event_names[event];
}

static struct session_step go(enum session_state next, unsigned actions)
{
    return (struct session_step){.next = next, .actions = actions};
}

static struct session_step refuse(enum session_state state, const char *why)
{
    return (struct session_step){.next = state, .refusal = why};
}

/* Armed: capture now when there is nothing to wait for, else wait for the job. */
static struct session_step begin(const struct session_facts *facts)
{
    if (facts->waits_for_job && !facts->job_running)
        return go(SESSION_WAITING, 0);
    return go(SESSION_CAPTURING, SESSION_DO_OPEN);
}

static enum session_state after_session(const struct session_facts *facts)
{
    bool rearm = facts->continuous && facts->has_printer && !facts->starts_standby;

    return rearm ? SESSION_WAITING : SESSION_STANDBY;
}

static struct session_step next_in_standby(enum session_event event,
                                           const struct session_facts *facts)
{
    switch (event) {
    case SESSION_CMD_START:
    case SESSION_CMD_RESTART:
        return begin(facts);
    case SESSION_CMD_SNAPSHOT:
        return go(SESSION_STANDBY, SESSION_DO_PICTURE);
    case SESSION_CMD_PAUSE:
    case SESSION_CMD_RESUME:
    case SESSION_CMD_FINISH:
    case SESSION_CMD_ABORT:
    case SESSION_CMD_PREVIEW:
        return refuse(SESSION_STANDBY, "the unit is in standby, no session is open; send start");
    default:
        return go(SESSION_STANDBY, 0);
    }
}

static struct session_step next_in_waiting(enum session_event event,
                                           const struct session_facts *facts)
{
    switch (event) {
    case SESSION_JOB_STARTED:
        return go(SESSION_CAPTURING, SESSION_DO_OPEN);
    case SESSION_CMD_START: /* also in the middle of a job, after its session was finished */
    case SESSION_CMD_RESTART:
        if (begin(facts).next == SESSION_CAPTURING)
            return begin(facts);
        return refuse(SESSION_WAITING, "the unit is armed already and waits for a print");
    case SESSION_CMD_STANDBY:
        return go(SESSION_STANDBY, 0);
    case SESSION_CMD_SNAPSHOT:
        return go(SESSION_WAITING, SESSION_DO_PICTURE);
    case SESSION_CMD_PAUSE:
    case SESSION_CMD_RESUME:
    case SESSION_CMD_FINISH:
    case SESSION_CMD_ABORT:
    case SESSION_CMD_PREVIEW:
        return refuse(SESSION_WAITING, "the unit waits for a print, no session is open; send "
                                       "standby to stop waiting");
    default:
        return go(SESSION_WAITING, 0);
    }
}

/* What capturing and paused have in common. */
static struct session_step next_with_session(enum session_state state, enum session_event event,
                                             const struct session_facts *facts)
{
    switch (event) {
    case SESSION_CMD_START:
        return refuse(state, "a session is open already; send finish, restart or standby");
    case SESSION_CMD_STANDBY:
        return go(SESSION_STANDBY, SESSION_DO_DISCARD);
    case SESSION_CMD_FINISH:
    case SESSION_JOB_ENDED:
        return go(SESSION_BUILDING, SESSION_DO_FINISH);
    case SESSION_CMD_RESTART:
        return go(SESSION_BUILDING, SESSION_DO_FINISH | SESSION_DO_NOTE_RESTART);
    case SESSION_CMD_ABORT:
        return go(after_session(facts), SESSION_DO_ABORT);
    case SESSION_CMD_SNAPSHOT:
        return go(state, SESSION_DO_FRAME);
    case SESSION_CMD_PREVIEW:
        return go(state, SESSION_DO_PREVIEW);
    default:
        return go(state, 0);
    }
}

static struct session_step next_in_capturing(enum session_event event,
                                             const struct session_facts *facts)
{
    switch (event) {
    case SESSION_TRIGGER:
        return go(SESSION_CAPTURING, SESSION_DO_FRAME);
    case SESSION_CMD_PAUSE:
        return go(SESSION_PAUSED, 0);
    case SESSION_CMD_RESUME:
        return refuse(SESSION_CAPTURING, "the unit is capturing already");
    case SESSION_OPEN_FAILED:
        return go(SESSION_ERROR, SESSION_DO_RETRY_LATER);
    default:
        return next_with_session(SESSION_CAPTURING, event, facts);
    }
}

static struct session_step next_in_paused(enum session_event event,
                                          const struct session_facts *facts)
{
    switch (event) {
    case SESSION_CMD_RESUME:
        return go(SESSION_CAPTURING, 0);
    case SESSION_CMD_PAUSE:
        return refuse(SESSION_PAUSED, "the unit is paused already; send resume to go on");
    default:
        return next_with_session(SESSION_PAUSED, event, facts);
    }
}

static struct session_step after_build(const struct session_facts *facts)
{
    if (facts->restart_asked)
        return begin(facts);
    /* The new one may be over already, and then nothing would ever end its session. */
    if (facts->new_job && facts->job_running && after_session(facts) == SESSION_WAITING)
        return go(SESSION_CAPTURING, SESSION_DO_OPEN);
    return go(after_session(facts), 0);
}

static struct session_step next_in_building(enum session_event event,
                                            const struct session_facts *facts)
{
    switch (event) {
    case SESSION_BUILT:
        return after_build(facts);
    case SESSION_CMD_STANDBY:
        return go(SESSION_STANDBY, SESSION_DO_DISCARD);
    case SESSION_CMD_ABORT:
        return go(after_session(facts), SESSION_DO_ABORT);
    case SESSION_CMD_RESTART:
        return go(SESSION_BUILDING, SESSION_DO_NOTE_RESTART);
    case SESSION_CMD_SNAPSHOT:
        return go(SESSION_BUILDING, SESSION_DO_PICTURE);
    case SESSION_JOB_STARTED:
        return go(SESSION_BUILDING, SESSION_DO_NOTE_JOB);
    case SESSION_CMD_START:
    case SESSION_CMD_PAUSE:
    case SESSION_CMD_RESUME:
    case SESSION_CMD_FINISH:
    case SESSION_CMD_PREVIEW:
        return refuse(SESSION_BUILDING, "the final video is being built; wait for video_ready");
    default:
        return go(SESSION_BUILDING, 0);
    }
}

static struct session_step next_in_error(enum session_event event,
                                         const struct session_facts *facts)
{
    switch (event) {
    case SESSION_CMD_START:
    case SESSION_CMD_RESTART:
    case SESSION_RETRY:
        return begin(facts);
    case SESSION_JOB_STARTED:
        return go(SESSION_CAPTURING, SESSION_DO_OPEN);
    case SESSION_JOB_ENDED:
        return go(after_session(facts), 0);
    case SESSION_CMD_STANDBY:
    case SESSION_CMD_FINISH:
    case SESSION_CMD_ABORT:
        return go(SESSION_STANDBY, 0);
    case SESSION_CMD_SNAPSHOT:
        return go(SESSION_ERROR, SESSION_DO_PICTURE);
    case SESSION_CMD_PAUSE:
    case SESSION_CMD_RESUME:
    case SESSION_CMD_PREVIEW:
        return refuse(SESSION_ERROR, "no session could be opened; see the unit's error");
    default:
        return go(SESSION_ERROR, 0);
    }
}

struct session_step session_next(enum session_state state, enum session_event event,
                                 const struct session_facts *facts)
{
    switch (state) {
    case SESSION_STANDBY:
        return next_in_standby(event, facts);
    case SESSION_WAITING:
        return next_in_waiting(event, facts);
    case SESSION_CAPTURING:
        return next_in_capturing(event, facts);
    case SESSION_PAUSED:
        return next_in_paused(event, facts);
    case SESSION_BUILDING:
        return next_in_building(event, facts);
    case SESSION_ERROR:
        return next_in_error(event, facts);
    case SESSION_STATE_COUNT:
        break;
    }
    return go(state, 0);
}
