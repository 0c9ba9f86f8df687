/* SPDX-License-Identifier: MIT */
/* child: a program under test, with all that it says in a file. Unlike agent/base/process it can be
 * killed in any way, and its log is kept whole. */
#ifndef TESTS_E2E_CHILD_H
#define TESTS_E2E_CHILD_H

#include "agent/base/common.h"

#include <sys/types.h>

struct child {
    pid_t pid;  /* 0 = not running */
    int status; /* as of waitpid(), once it has ended */
};

/* argv NULL-terminated, argv[0] a path or a name in PATH; stdout and stderr are appended to
 * log_path. */
void child_start(struct child *child, const char *const *argv, const char *log_path);
/* true: it has ended (child->status) or was never started. Does not wait. */
bool child_ended(struct child *child);
/* Sends the signal and, for SIGKILL, waits for the end. */
void child_signal(struct child *child, int signum);
/* Writes the last bytes of a log to stderr, under a title. */
void child_show_log(const char *title, const char *log_path);

#endif
