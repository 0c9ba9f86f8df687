/* SPDX-License-Identifier: MIT */
/* ctl_options: the command line of lapsectl, and what a configuration file of lapsed adds to it. */
#ifndef AGENT_CTL_OPTIONS_H
#define AGENT_CTL_OPTIONS_H

#include "agent/ctl/exits.h"
#include "agent/verbs.h"
#include "mqtt/client.h"

enum { CTL_TIMEOUT_MS = 10 * 1000 };

struct ctl_options {
    struct mqtt_settings mqtt;
    char *agent;         /* NULL: not given */
    char *group;         /* NULL: not given */
    bool all;            /* every agent */
    char *default_agent; /* of the configuration file, or the host name made an id */
    bool json, no_wait, quiet;
    int64_t timeout_ms; /* 0: not given */
    bool colours;
    bool progress; /* a bar for long work: stderr is a terminal */

    const struct ctl_own_command *own; /* the command: one of the two; neither: none was given */
    const struct verb *verb;
    cJSON *args;  /* what was given as --name VALUE for the command's own arguments; an object */
    char **words; /* those behind the command; borrowed from argv */
    int word_count;
};

/* A row for each option, for the help, the completion and the manual. */
struct ctl_option_row {
    char letter;
    const char *name;
    const char *value; /* its name in the help; NULL: a switch */
    const char *help;
    size_t offset; /* where the parser notes it */
};
extern const struct ctl_option_row ctl_option_rows[];
extern const size_t ctl_option_count;

/* The command's own arguments; ends with a NULL name; NULL = none. */
const struct verb_arg *ctl_own_args(const struct ctl_options *options);
/* The unit or camera that a verb is for, as one more argument; NULL: it is for the agent. */
const struct verb_arg *ctl_target_arg(const struct verb *verb);

/* true: go on. false: say nothing more and exit with *ret_exit. Release *ret_options either way. */
bool ctl_options_parse(int argc, char **argv, struct ctl_options *ret_options, int *ret_exit);
void ctl_options_done(struct ctl_options *options);

/* More than one agent is meant. */
bool ctl_options_many(const struct ctl_options *options);

#endif
