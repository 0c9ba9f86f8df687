/* SPDX-License-Identifier: MIT */
/* ctl_complete: what may stand next on a command line, for the shells. The shells' own scripts only
 * ask: everything that is known stands in the tables. */
#ifndef AGENT_CTL_COMPLETE_H
#define AGENT_CTL_COMPLETE_H

#include "agent/ctl/commands.h"

#include <stdio.h>

/* Names that only the agents know. */
enum ctl_live { CTL_LIVE_NONE, CTL_LIVE_UNITS, CTL_LIVE_CAMERAS, CTL_LIVE_AGENTS, CTL_LIVE_GROUPS };

struct ctl_completion {
    FILE *out;          /* "word<tab>what it is" in lines, those that begin as the last word */
    const char *begin;  /* of the last word */
    enum ctl_live live; /* set when such names may stand there, too */
    bool files;         /* set when a file name may */
    char **asked;       /* the options that say how to reach the agents; borrowed words */
    size_t asked_count;
};

/* words: those behind "lapsectl", the last one unfinished ("" when it is not begun). Free with
 * ctl_completion_done(). */
void ctl_complete_words(char **words, size_t count, FILE *out,
                        struct ctl_completion *ret_completion);
void ctl_completion_done(struct ctl_completion *completion);

/* lapsectl complete WORD… */
int ctl_complete(const struct ctl_options *options, char **words, int word_count);
/* lapsectl completion SHELL */
int ctl_completion(const struct ctl_options *options, char **words, int word_count);
/* The shells that begin so, in lines as above. */
void ctl_completion_shells(FILE *out, const char *begin);

#endif
