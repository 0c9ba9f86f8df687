/* SPDX-License-Identifier: MIT */
/* ctl_help: what "lapsectl help" says; the commands come from the table of verbs. */
#ifndef AGENT_CTL_HELP_H
#define AGENT_CTL_HELP_H

#include "agent/base/common.h"

#include <stdio.h>

/* command NULL: of everything. false: there is no such command. */
bool ctl_help(const char *command, FILE *out);

#endif
