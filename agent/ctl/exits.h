/* SPDX-License-Identifier: MIT */
/* ctl_exits: the exit codes of lapsectl; a script may rely on them. */
#ifndef AGENT_CTL_EXITS_H
#define AGENT_CTL_EXITS_H

#include "agent/base/common.h"

enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1, /* the command was refused or failed */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,   /* the broker */
    CTL_NO_ANSWER = 4,     /* from the agent */
    CTL_INTERRUPTED = 130, /* 128 + SIGINT, as a shell says it */
    CTL_BROKEN_PIPE = 141, /* 128 + SIGPIPE */
    CTL_TERMINATED = 143,  /* 128 + SIGTERM */
};

struct ctl_exit_row {
    enum ctl_exit code;
    const char *name; /* "error" of --json */
    const char *help;
};
extern const struct ctl_exit_row ctl_exits[];
extern const size_t ctl_exit_count;

#endif
