/* SPDX-License-Identifier: MIT */
#include "mqtt/back_off.h"

#include "agent/base/clock.h"

#include <sys/random.h>

int64_t back_off_ms(int failures, int64_t longest_ms)
{
    int64_t limit_ms = BACK_OFF_MIN_MS;
    uint32_t random = 0;

    for (int i = 0; i < failures && limit_ms < longest_ms; i++)
        limit_ms *= 2;
    limit_ms = MIN(limit_ms, longest_ms);
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_us();
    return BACK_OFF_MIN_MS + random % (limit_ms - BACK_OFF_MIN_MS + 1);
}
