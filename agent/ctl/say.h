/* SPDX-License-Identifier: MIT */
/* ctl_say: what lapsectl says beside its results: errors and notes on stderr; with --json an error
 * is one line of JSON on stdout, and notes are left out. */
#ifndef AGENT_CTL_SAY_H
#define AGENT_CTL_SAY_H

#include "agent/base/json.h"
#include "agent/ctl/options.h"

/* Says why it ends so; returns exit_code. */
int ctl_fail(const struct ctl_options *options, enum ctl_exit exit_code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Good to know: not with --quiet. */
void ctl_note(const struct ctl_options *options, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One line of JSON on stdout, written at once; NULL: nothing. */
void ctl_print_json(const cJSON *json);

#endif
