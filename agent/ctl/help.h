/* SPDX-License-Identifier: MIT */
/* ctl_help: what "lapsectl help" says, from the tables of commands, options and exit codes. */
#ifndef AGENT_CTL_HELP_H
#define AGENT_CTL_HELP_H

#include "agent/ctl/commands.h"

#include <stdio.h>

/* Of one command; both NULL: of everything. */
void ctl_help_of(const struct ctl_own_command *own, const struct verb *verb, FILE *out);
int ctl_help_command(const struct ctl_options *options, char **words, int word_count);

#endif
