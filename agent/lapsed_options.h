/* SPDX-License-Identifier: MIT */
/* lapsed_options: the command line and the exit codes of lapsed, as tables for the parser, --help
 * and the manual. */
#ifndef AGENT_LAPSED_OPTIONS_H
#define AGENT_LAPSED_OPTIONS_H

#include "agent/base/common.h"

#include <stdio.h>

#define LAPSED_DEFAULT_CONFIG "/etc/lapsed/lapsed.conf"

/* As in sysexits.h, which service managers know. */
enum lapsed_exit {
    LAPSED_EXIT_OK = 0,
    LAPSED_EXIT_USAGE = 64,
    LAPSED_EXIT_OS = 71,
    LAPSED_EXIT_BUSY = 75,
    LAPSED_EXIT_CONFIG = 78,
};

struct lapsed_exit_row {
    enum lapsed_exit code;
    const char *help;
};
extern const struct lapsed_exit_row lapsed_exits[];
extern const size_t lapsed_exit_count;

enum lapsed_mode { LAPSED_RUN, LAPSED_CHECK, LAPSED_PRINT, LAPSED_RELEASE, LAPSED_PROBE };

struct lapsed_options {
    enum lapsed_mode mode;
    const char *config;
    bool verbose;
    bool json; /* LAPSED_PROBE */
};

struct lapsed_option_row {
    int id; /* its letter, or a number above all letters */
    const char *name;
    const char *value; /* its name in the help; NULL: a switch */
    const char *help;
};
extern const struct lapsed_option_row lapsed_option_rows[];
extern const size_t lapsed_option_count;

/* true: go on. false: say nothing more and exit with *ret_exit. */
bool lapsed_options_parse(int argc, char **argv, struct lapsed_options *ret_options, int *ret_exit);

#endif
