/* SPDX-License-Identifier: MIT */
#include "agent/ctl/progress.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/text.h"

#include <stdio.h>
#include <stdlib.h>

#define BAR  "####################"
#define DOTS "--------------------"

enum { BAR_COLUMNS = sizeof(BAR) - 1 };

void ctl_progress_draw(struct ctl_progress *progress, const char *text)
{
    if (!progress->wanted)
        return;
    fprintf(stderr, "\r%s\033[K", text);
    progress->drawn = true;
}

void ctl_progress_erase(struct ctl_progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

char *ctl_progress_text(const cJSON *job)
{
    CLEANUP(free_p) char *unit = ctl_text(job, "unit");
    CLEANUP(free_p) char *kind = ctl_text(job, "kind");
    CLEANUP(free_p) char *state = ctl_text(job, "state");
    CLEANUP(free_p) char *left = ctl_text_duration(job, "eta_s");
    double percent = 0;
    int filled;

    if (!json_get_number(job, "progress", &percent) || !str_equal(state, "running"))
        return xasprintf("%s: %s %s", unit, kind, state);
    percent = MIN(MAX(percent, 0), 100);
    filled = (int)(percent * BAR_COLUMNS / 100);
    return xasprintf("%s: %s [%.*s%.*s] %3.0f %%%s%s%s", unit, kind, filled, BAR,
                     BAR_COLUMNS - filled, DOTS, percent, str_equal(left, "-") ? "" : "  ",
                     str_equal(left, "-") ? "" : left, str_equal(left, "-") ? "" : " left");
}

const cJSON *ctl_progress_find(const cJSON *jobs, const char *id, const char *unit,
                               const char *kind)
{
    const cJSON *list = json_is_array(jobs) ? jobs : json_get(jobs, "jobs");
    const cJSON *like = NULL;

    for (const cJSON *job = json_first(list); job; job = json_next(job)) {
        if (id && str_equal(json_get_string(job, "id"), id))
            return job;
        if (str_equal(json_get_string(job, "unit"), unit) &&
            str_equal(json_get_string(job, "kind"), kind))
            like = job;
    }
    return like;
}
