/* SPDX-License-Identifier: MIT */
#include "encode/child.h"

#include <errno.h>
#include <signal.h>

const char *const child_env[] = {"MALLOC_MMAP_THRESHOLD_=67108864",
                                 "MALLOC_TRIM_THRESHOLD_=268435456", NULL};

int child_judge_exit(const char *who, const struct process_result *result, struct error *err)
{
    char how[64];

    process_describe(result, how, sizeof(how));
    if (result->timed_out)
        return error_set(err, -ETIMEDOUT, "the %s took too long and was stopped", who);
    /* By a person, or by the kernel because memory is short; the input has no part in it. */
    if (result->signal == SIGKILL || result->signal == SIGTERM)
        return error_set(err, -EINTR, "the %s was stopped from outside (%s)", who, how);
    if (result->signal != 0 || result->exit_code != 0)
        return error_set(err, -EBADMSG, "the %s failed (%s): %s", who, how, result->stderr_tail);
    return 0;
}
