/* SPDX-License-Identifier: MIT */
/* duet_schedule: each query has its own period, which depends on what the printer does; there is no
 * rotation to keep in step. The most overdue goes first, so that none starves when the printer is
 * slow, and a late one does not try to catch up. */
#include "agent/printer/duet_schedule.h"

enum {
    HOLD_STATE_MS = 150,
    HOLD_REPLY_MS = 15,
    HOLD_REST_MS = 600,
    STATE_MAX_MS = 5000,
    REPLY_MS = 1000,
    SLOW_FACTS_MS = 10000
};

void duet_schedule_init(struct duet_schedule *schedule)
{
    for (int query = 0; query < DUET_QUERY_COUNT; query++)
        schedule->due_us[query] = DUET_NEVER_US;
}

static int64_t state_period_ms(const struct duet_needs *needs)
{
    if (needs->hold)
        return HOLD_STATE_MS;
    return needs->model->has_job ? MIN(4 * needs->settings->poll_printing_ms, STATE_MAX_MS)
                                 : needs->settings->poll_idle_ms;
}

static int64_t box_period_ms(const struct duet_needs *needs)
{
    if (needs->hold)
        return HOLD_REST_MS;
    return needs->model->has_job ? 16 * needs->settings->poll_printing_ms : SLOW_FACTS_MS;
}

/* 0 = only when it is asked for. */
static int64_t period_ms(const struct duet_needs *needs, enum duet_query query)
{
    int64_t poll_ms = needs->settings->poll_printing_ms;

    switch (query) {
    case DUET_STATE:
        return state_period_ms(needs);
    case DUET_JOB:
        /* it stands when it is paused; but right after that layers are hard to tell apart */
        return needs->model->view.state == PRINTER_PAUSED ? HOLD_REST_MS : poll_ms;
    case DUET_INPUTS:
        return needs->hold ? HOLD_REST_MS : 8 * poll_ms;
    case DUET_BOX:
        return box_period_ms(needs);
    case DUET_SEQS:
        return needs->hold ? HOLD_REPLY_MS : REPLY_MS;
    case DUET_HEAT:
    case DUET_POSITION:
        return SLOW_FACTS_MS;
    default:
        return 0;
    }
}

/* The rest of the queries makes sense at any time. */
static bool makes_sense(const struct duet_needs *needs, enum duet_query query)
{
    const struct duet_model *model = needs->model;

    if (query == DUET_JOB || query == DUET_INPUTS)
        return model->has_job;
    if (query == DUET_FILE)
        return model->has_job && !model->file_known && needs->file_tries < DUET_FILE_TRIES;
    if (query == DUET_SEQS)
        return model->seq_reply < 0 || needs->awaiting;
    return true;
}

enum duet_query duet_schedule_find(const struct duet_schedule *schedule,
                                   const struct duet_needs *needs, int64_t *ret_due_us)
{
    enum duet_query found = DUET_QUERY_COUNT;

    *ret_due_us = DUET_NEVER_US;
    for (int query = 0; query < DUET_QUERY_COUNT; query++) {
        if (schedule->due_us[query] >= *ret_due_us || !makes_sense(needs, query))
            continue;
        found = query;
        *ret_due_us = schedule->due_us[query];
    }
    return found;
}

void duet_schedule_asked(struct duet_schedule *schedule, const struct duet_needs *needs,
                         enum duet_query query, int64_t now_us)
{
    int64_t period_us = period_ms(needs, query) * 1000;
    int64_t next_us;

    if (period_us == 0) {
        schedule->due_us[query] = DUET_NEVER_US;
        return;
    }
    next_us = MIN(schedule->due_us[query], now_us) + period_us;
    schedule->due_us[query] = MAX(next_us, now_us + period_us / 2);
}

void duet_schedule_by(struct duet_schedule *schedule, enum duet_query query, int64_t at_us)
{
    schedule->due_us[query] = MIN(schedule->due_us[query], at_us);
}

void duet_schedule_now(struct duet_schedule *schedule, unsigned queries, int64_t now_us)
{
    for (int query = 0; query < DUET_QUERY_COUNT; query++) {
        if (queries & DUET_BIT(query))
            duet_schedule_by(schedule, query, now_us);
    }
}

void duet_schedule_first(struct duet_schedule *schedule, enum duet_query query)
{
    schedule->due_us[query] = 0;
}

void duet_schedule_refit(struct duet_schedule *schedule, const struct duet_needs *needs,
                         int64_t now_us)
{
    for (int query = 0; query < DUET_QUERY_COUNT; query++) {
        int64_t period = period_ms(needs, query);

        if (period > 0)
            duet_schedule_by(schedule, query, now_us + period * 1000);
    }
}
