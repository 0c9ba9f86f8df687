/* SPDX-License-Identifier: MIT */
#include "encode/plan.h"

enum {
    FIRST_BACKOFF_MS = 1000,
    LAST_BACKOFF_MS = 60000,
    ATTEMPTS_BEFORE_SEARCH = 2,
    SKIP_FIRST_ROUND = 3,
    ROUNDS_MAX = 6,
    LARGEST_SEGMENT = 250, /* of a long backlog: memory and the cost of a failure stay bounded */
};

size_t plan_take(const struct plan *plan, const struct plan_look *look)
{
    size_t left = look->pending > plan->skip ? look->pending - plan->skip : 0;
    size_t full = MAX(look->segment_frames, (size_t)1);
    size_t most = MAX(full, MIN(left, (size_t)LARGEST_SEGMENT));
    size_t enough = look->build || plan->limit > 0 ? 1 : look->tail ? look->tail_frames : full;

    if (left == 0 || left < enough)
        return 0;
    if (look->patient || (!look->build && !look->tail))
        most = full;
    if (plan->limit > 0)
        most = MIN(most, plan->limit);
    return MIN(left, most);
}

static void search_in(struct plan *plan, size_t count, int64_t last_seq)
{
    if (plan->limit == 0) {
        plan->suspect_seq = last_seq;
        plan->proved = false;
    }
    plan->limit = MAX(count / 2, (size_t)1);
}

static enum plan_verdict give_up(struct plan *plan)
{
    int rounds = MIN(plan->rounds + 1, (int)ROUNDS_MAX);

    *plan = (struct plan){.rounds = rounds};
    return PLAN_GIVE_UP;
}

enum plan_verdict plan_failed(struct plan *plan, size_t count, int64_t last_seq, bool more,
                              bool worked)
{
    plan->attempts++;
    if (plan->limit == 0 && plan->attempts < ATTEMPTS_BEFORE_SEARCH)
        return PLAN_RETRY;
    if (count > 1 || plan->limit == 0)
        search_in(plan, count, last_seq);
    if (count > 1)
        return PLAN_RETRY;
    if (plan->proved || (!more && worked))
        return PLAN_DROP;
    if (!more || plan->skip + 1 >= (size_t)SKIP_FIRST_ROUND << plan->rounds)
        return give_up(plan);
    plan->skip++;
    return PLAN_RETRY;
}

void plan_trial_passed(struct plan *plan)
{
    plan->skip = 0;
    plan->proved = true;
}

void plan_passed(struct plan *plan, int64_t last_seq)
{
    plan->skip = 0;
    plan->attempts = 0;
    plan->rounds = 0;
    plan->proved = true;
    /* Behind an offender the rest is most likely good: small segments cost key frames. */
    plan->limit *= 2;
    if (plan->limit > 0 && last_seq >= plan->suspect_seq)
        *plan = (struct plan){0};
}

int64_t plan_backoff_ms(int failures)
{
    int64_t wait_ms = FIRST_BACKOFF_MS;

    for (; failures > 1 && wait_ms < LAST_BACKOFF_MS; failures--)
        wait_ms *= 2;
    return MIN(wait_ms, (int64_t)LAST_BACKOFF_MS);
}

bool plan_redo_urgently(int64_t done, int64_t total, int cores)
{
    return cores > 1 && (total - done) * cores > total + cores;
}
