/* SPDX-License-Identifier: MIT */
/* job_state: what may be asked of a build job in which state, as a pure function. Every pair has
 * its line in the test. */
#ifndef AGENT_JOB_STATE_H
#define AGENT_JOB_STATE_H

#include "agent/base/common.h"

enum job_state {
    JOB_QUEUED, /* also one that failed and waits to be tried again */
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATE_COUNT,
};
const char *job_state_name(enum job_state state); /* "queued" … */
/* JOB_STATE_COUNT: no such name. */
enum job_state job_state_find(const char *name);
bool job_state_is_over(enum job_state state);

enum job_command { JOB_CANCEL, JOB_PAUSE, JOB_RESUME, JOB_MOVE, JOB_COMMAND_COUNT };

struct job_step {
    enum job_state next;
    const char *refusal; /* why not, and what would; NULL: it is done */
};
/* interim: a preview, which nobody can take up later. */
struct job_step job_next(enum job_state state, bool interim, enum job_command command);

#endif
