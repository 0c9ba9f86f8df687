/* SPDX-License-Identifier: MIT */
/* duet_schedule: what to ask a Duet next, and when. Pure: the time is given. */
#ifndef AGENT_PRINTER_DUET_SCHEDULE_H
#define AGENT_PRINTER_DUET_SCHEDULE_H

#include "agent/printer/duet_model.h"

enum { DUET_FILE_TRIES = 3 }; /* then the job has no name */

#define DUET_NEVER_US   INT64_MAX
#define DUET_BIT(query) (1U << (query))
#define DUET_ALL        (DUET_BIT(DUET_QUERY_COUNT) - 1)

struct duet_schedule {
    int64_t due_us[DUET_QUERY_COUNT]; /* DUET_NEVER_US = not by itself */
};

struct duet_needs {
    const struct printer_settings *settings;
    const struct duet_model *model;
    bool hold;     /* a pause of ours is under way: as fast as is harmless */
    bool awaiting; /* a reply is awaited */
    int file_tries;
};

void duet_schedule_init(struct duet_schedule *schedule);

/* The most overdue query, and since when it is due or when it will be; DUET_QUERY_COUNT and
 * DUET_NEVER_US = none. */
enum duet_query duet_schedule_find(const struct duet_schedule *schedule,
                                   const struct duet_needs *needs, int64_t *ret_due_us);

/* It goes out now; when it is due again follows. */
void duet_schedule_asked(struct duet_schedule *schedule, const struct duet_needs *needs,
                         enum duet_query query, int64_t now_us);

/* Not later than that. */
void duet_schedule_by(struct duet_schedule *schedule, enum duet_query query, int64_t at_us);
/* Bits. */
void duet_schedule_now(struct duet_schedule *schedule, unsigned queries, int64_t now_us);
/* Before everything else. */
void duet_schedule_first(struct duet_schedule *schedule, enum duet_query query);
/* The needs have changed: nothing later than its period from now. */
void duet_schedule_refit(struct duet_schedule *schedule, const struct duet_needs *needs,
                         int64_t now_us);

#endif
