/* SPDX-License-Identifier: MIT */
/* child: what the encoder and the checking decoder have in common. */
#ifndef ENCODE_CHILD_H
#define ENCODE_CHILD_H

#include "agent/base/process.h"

enum {
    CHILD_LOWEST_NICE = 19,
    CHILD_OOM_SCORE_ADJ =
        800, /* when memory is short the kernel takes these first: they are redone */
};

/* For process_config.env. Frames are large blocks, which glibc gives back to the kernel and fetches
 * anew, cleared, for each one; keeping them saves 5 % of an encoder's processor time. */
extern const char *const child_env[];

/* 0: it ended well. -EBADMSG: it refused its input or crashed over it. -ETIMEDOUT, -EINTR (somebody
 * killed it): the machine's matter. */
int child_judge_exit(const char *who, const struct process_result *result,
                     struct error *err) MUST_CHECK;

#endif
