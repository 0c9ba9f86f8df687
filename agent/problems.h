/* SPDX-License-Identifier: MIT */
/* problems: everything that is wrong with a request, so that it can be told at once. */
#ifndef AGENT_PROBLEMS_H
#define AGENT_PROBLEMS_H

#include "agent/base/common.h"

enum { PROBLEMS_MAX = 40 };

struct problems {
    char *items[PROBLEMS_MAX];
    size_t count;
};

/* What is beyond PROBLEMS_MAX is not kept. */
void problems_add(struct problems *problems, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "a; b; c"; the caller frees. */
char *problems_join(const struct problems *problems) MUST_CHECK;
void problems_done(struct problems *problems); /* for CLEANUP, too */

#endif
