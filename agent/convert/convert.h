/* SPDX-License-Identifier: MIT */
/* convert: a configuration of lapsed from what an older system was told. It is one that lapsed
 * accepts; what was not carried over stands in it as comments, with what to do instead. Pure. */
#ifndef AGENT_CONVERT_H
#define AGENT_CONVERT_H

#include "agent/problems.h"

struct conversion {
    char *config;             /* text of the file; NULL when there are problems */
    struct problems notes;    /* those that stand in it as comments */
    struct problems problems; /* of the input */
};

/* A command line of DuetLapse3, as duetlapse.h has it. */
void convert_duetlapse(const char *text, struct conversion *ret);
/* A moonraker.conf with the section [timelapse]. */
void convert_moonraker(const char *text, struct conversion *ret);
void conversion_done(struct conversion *conversion); /* for CLEANUP, too */

#endif
