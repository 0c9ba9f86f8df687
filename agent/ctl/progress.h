/* SPDX-License-Identifier: MIT */
/* ctl_progress: one line on a terminal that says how far long work is; it is drawn over until it is
 * erased. Nothing where stderr is no terminal. */
#ifndef AGENT_CTL_PROGRESS_H
#define AGENT_CTL_PROGRESS_H

#include "agent/ctl/options.h"

struct ctl_progress {
    bool wanted; /* of ctl_options */
    bool drawn;
};

void ctl_progress_draw(struct ctl_progress *progress, const char *text);
/* Before anything else is written. */
void ctl_progress_erase(struct ctl_progress *progress);

/* "mk4: preview [#######-------------]  35 %  12 s left" of a row of the jobs topic; the caller
 * frees. */
char *ctl_progress_text(const cJSON *job) MUST_CHECK;
/* The job of this id in a jobs document, or else one of this unit and kind; NULL: none. */
const cJSON *ctl_progress_find(const cJSON *jobs, const char *id, const char *unit,
                               const char *kind);

#endif
