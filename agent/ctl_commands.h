/* SPDX-License-Identifier: MIT */
/* ctl_commands: what lapsectl can do. Each runs to its end and returns the exit code. */
#ifndef AGENT_CTL_COMMANDS_H
#define AGENT_CTL_COMMANDS_H

#include "agent/ctl_options.h"

/* words: those behind the command's own. */
int ctl_status(const struct ctl_options *options, char **words, int word_count);
int ctl_watch(const struct ctl_options *options, char **words, int word_count);
/* A verb of the table or a setting; words begins with the command. */
int ctl_command(const struct ctl_options *options, char **words, int word_count);

#endif
