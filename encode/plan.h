/* SPDX-License-Identifier: MIT */
/* plan: how many frames go into the next segment, and what follows when one fails. Pure.
 *
 * A segment that fails is done once more; if it fails again its frames are halved until the one
 * that cannot be encoded stands alone. Then one behind it is tried: when that passes the encoder
 * works, the suspect gets a last chance and is dropped when it fails again; when nothing passes, the
 * encoder is to blame and every frame is kept. */
#ifndef ENCODE_PLAN_H
#define ENCODE_PLAN_H

#include "agent/base/common.h"

struct plan {
    size_t limit;        /* of a segment while searching; 0 = not searching */
    int64_t suspect_seq; /* the search ends behind this frame */
    int attempts;        /* of this very batch that failed */
    size_t skip;         /* frames at the head that are left out on trial */
    bool proved;         /* a batch has passed since the search began */
    int rounds;          /* searches given up since anything passed */
};

struct plan_look {
    size_t pending; /* frames waiting */
    size_t segment_frames, tail_frames;
    bool tail;
    bool build;   /* somebody waits for all of them */
    bool patient; /* but no print: a long segment would keep others waiting */
};

/* Frames to encode now, behind plan->skip; 0: wait for more. */
size_t plan_take(const struct plan *plan, const struct plan_look *look) MUST_CHECK;

enum plan_verdict {
    PLAN_RETRY,   /* take again */
    PLAN_DROP,    /* the skipped frames and the one of this batch cannot be encoded */
    PLAN_GIVE_UP, /* nothing passes: wait */
};

/* A batch of count frames up to last_seq failed. more: frames wait behind it; worked: the video has
 * frames, so the encoder did work once. */
enum plan_verdict plan_failed(struct plan *plan, size_t count, int64_t last_seq, bool more,
                              bool worked) MUST_CHECK;
/* It passed, or was dropped with the plan->skip frames before it; skip is 0 again. */
void plan_passed(struct plan *plan, int64_t last_seq);
/* A batch behind skipped frames passed: it was a trial and is not kept; the skipped are taken again. */
void plan_trial_passed(struct plan *plan);

/* Wait before the next try, after so many failures in a row. */
int64_t plan_backoff_ms(int failures) MUST_CHECK;

/* The print has ended while a background segment runs: is it faster to begin it anew on all cores?
 */
bool plan_redo_urgently(int64_t done, int64_t total, int cores) MUST_CHECK;

#endif
