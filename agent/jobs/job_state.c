/* SPDX-License-Identifier: MIT */
#include "agent/jobs/job_state.h"

#include "agent/base/str.h"

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running", [JOB_PAUSED] = "paused",
    [JOB_DONE] = "done",     [JOB_FAILED] = "failed",   [JOB_CANCELLED] = "cancelled",
};

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

enum job_state job_state_find(const char *name)
{
    int state = 0;

    while (state < JOB_STATE_COUNT && !str_equal(state_names[state], name))
        state++;
    return (enum job_state)state;
}

bool job_state_is_over(enum job_state state)
{
    return state == JOB_DONE || state == JOB_FAILED || state == JOB_CANCELLED;
}

static struct job_step go(enum job_state next)
{
    return (struct job_step){.next = next};
}

static struct job_step refuse(enum job_state state, const char *why)
{
    return (struct job_step){.next = state, .refusal = why};
}

static struct job_step next_of_over(enum job_state state, enum job_command command)
{
    if (command == JOB_RESUME && state == JOB_FAILED)
        return go(JOB_QUEUED);
    if (state == JOB_FAILED)
        return refuse(state, "the job has failed; send resume to try it again");
    if (state == JOB_CANCELLED)
        return refuse(state, "the job was cancelled; ask for a new one with video.build");
    return refuse(state, "the job is done; video.list names what it made");
}

static struct job_step next_in_running(bool interim, enum job_command command)
{
    if (command == JOB_CANCEL)
        return go(JOB_CANCELLED);
    if (command == JOB_PAUSE && interim)
        return refuse(JOB_RUNNING, "a preview cannot be paused; cancel it and ask for it later");
    if (command == JOB_PAUSE)
        return go(JOB_PAUSED);
    if (command == JOB_MOVE)
        return refuse(JOB_RUNNING, "the job runs already; pause it to let others go first");
    return refuse(JOB_RUNNING, "the job runs already");
}

struct job_step job_next(enum job_state state, bool interim, enum job_command command)
{
    if (job_state_is_over(state))
        return next_of_over(state, command);
    if (state == JOB_RUNNING)
        return next_in_running(interim, command);
    if (command == JOB_CANCEL)
        return go(JOB_CANCELLED);
    if (command == JOB_MOVE)
        return go(state);
    if (state == JOB_PAUSED && command == JOB_PAUSE)
        return refuse(state, "the job is paused already; send resume to go on");
    if (state == JOB_QUEUED && command == JOB_RESUME)
        return refuse(state, "the job waits for its turn already");
    return go(state == JOB_PAUSED ? JOB_QUEUED : JOB_PAUSED);
}
