/* SPDX-License-Identifier: MIT */
/* ctl_command: one command to one agent on its way, for the files that see it through. */
#ifndef AGENT_CTL_COMMAND_H
#define AGENT_CTL_COMMAND_H

#include "agent/ctl/progress.h"
#include "agent/ctl/request.h"
#include "agent/ctl/task.h"

enum { CTL_LONG_TIMEOUT_MS = 6 * 3600 * 1000 };

enum ctl_stage {
    CTL_STAGE_RESOLVING, /* which agent and unit is meant? */
    CTL_STAGE_SENT,
    CTL_STAGE_ACCEPTED,
    CTL_STAGE_BUILDING, /* done as far as the agent goes; its video is being made */
};

struct ctl_one {
    struct ctl_request request;
    char *label; /* "mk4: snapshot" */
    char *agent; /* the id, once sent */
    char *unit;  /* NULL when it is for none */
    enum ctl_stage stage;
    int64_t videos_left;
    char *job;    /* that makes it; NULL = unknown */
    cJSON *ended; /* the event of a job that was over before we knew that it is ours */
    bool failed;  /* a video */
    struct ctl_progress progress;
    char *target;
    const cJSON *given_args;
    cJSON *items; /* of the pages of a list so far */
    cJSON *page_args;
    size_t pages;
};

/* choose.c: which agent is meant, and which unit or camera of it ("" = none). NULL: not known
 * yet, or given up. */
struct ctl_agent *ctl_choose_agent(struct ctl *ctl);
const char *ctl_choose_target(struct ctl *ctl, const struct ctl_request *request,
                              const struct ctl_agent *agent);

/* await.c: the video that a command makes. The agent has answered; false: there is nothing to
 * wait for. */
bool ctl_await_begin(struct ctl *ctl, struct ctl_one *one, const cJSON *result);
/* Everything that the agent says once the command is sent; ends the run when all is there. */
void ctl_await_news(struct ctl *ctl, struct ctl_one *one, const struct ctl_news *news);

#endif
