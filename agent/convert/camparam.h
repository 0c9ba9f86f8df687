/* SPDX-License-Identifier: MIT */
/* camparam: DuetLapse3's -camparam, which it evaluates as Python and hands to a shell, read as what
 * it nearly always is: quoted texts joined with fn and weburl. Nothing is evaluated. */
#ifndef AGENT_CONVERT_CAMPARAM_H
#define AGENT_CONVERT_CAMPARAM_H

#include "agent/base/error.h"

enum { CAMPARAM_WORDS = 48 };

struct camparam {
    char *words[CAMPARAM_WORDS]; /* fn as {output}, weburl as {url} */
    size_t count;
};

/* -EINVAL: it is more than that, or needs a shell; *ret stays empty. */
int camparam_read(const char *text, struct camparam *ret, struct error *err) MUST_CHECK;
void camparam_done(struct camparam *camparam);

#endif
