/* SPDX-License-Identifier: MIT */
#include "capture/camera/stream_clock.h"

enum {
    DRIFT_PART = 5000,        /* of the time that passes */
    SETTLED_US = 300 * 1000,  /* so long no picture was quicker than those before */
    QUICKER_US = 20 * 1000,   /* by more than what a network varies */
    AS_QUICK_US = 100 * 1000, /* not later than that: what a busy machine held up proves nothing */
};

static void start(struct stream_clock *clock, uint32_t time_ms, int64_t arrived_at_us)
{
    *clock = (struct stream_clock){
        .started = true,
        .last_time_ms = time_ms,
        .offset_us = arrived_at_us,
        .arrived_at_us = arrived_at_us,
        .fell_at_us = arrived_at_us,
    };
}

int64_t stream_clock_note(struct stream_clock *clock, uint32_t time_ms, int64_t arrived_at_mono_us)
{
    int64_t gap_us, offset_us;

    if (!clock->started) {
        start(clock, time_ms, arrived_at_mono_us);
        return arrived_at_mono_us;
    }
    gap_us = arrived_at_mono_us - clock->arrived_at_us;
    clock->arrived_at_us = arrived_at_mono_us;
    clock->time_us += (int64_t)(int32_t)(time_ms - clock->last_time_ms) * 1000;
    clock->last_time_ms = time_ms;
    clock->offset_us += gap_us / DRIFT_PART;
    offset_us = arrived_at_mono_us - clock->time_us;
    if (offset_us < clock->offset_us - QUICKER_US)
        clock->fell_at_us = arrived_at_mono_us;
    clock->offset_us = MIN(clock->offset_us, offset_us);
    /* Pictures out of a store follow each other quickly; who waited for one has it fresh. */
    if (offset_us <= clock->offset_us + AS_QUICK_US &&
        (gap_us >= SETTLED_US || arrived_at_mono_us - clock->fell_at_us >= SETTLED_US))
        clock->settled = true;
    return clock->time_us + clock->offset_us;
}
