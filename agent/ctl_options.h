/* SPDX-License-Identifier: MIT */
/* ctl_options: the command line of lapsectl, and what a configuration file of lapsed adds to it. */
#ifndef AGENT_CTL_OPTIONS_H
#define AGENT_CTL_OPTIONS_H

#include "mqtt/client.h"

/* Exit codes; a script may rely on them. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1, /* the command was refused or failed */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3, /* the broker */
    CTL_NO_ANSWER = 4,   /* from the agent */
};

enum { CTL_TIMEOUT_MS = 10 * 1000 };

struct ctl_options {
    struct mqtt_settings mqtt;
    char *agent;         /* NULL: not given */
    char *default_agent; /* of the configuration file, or the host name made an id */
    bool json, no_wait;
    int64_t timeout_ms; /* 0: not given */
    bool colours;
    char **words; /* the command and its arguments; borrowed from argv */
    int word_count;
};

/* true: go on. false: say nothing more and exit with *ret_exit. Release *ret_options either way. */
bool ctl_options_parse(int argc, char **argv, struct ctl_options *ret_options, int *ret_exit);
void ctl_options_done(struct ctl_options *options);

#endif
