/* SPDX-License-Identifier: MIT */
#include "agent/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_wall_of_mono_ms(int64_t mono_ms)
{
    return clock_wall_ms() - (clock_mono_ms() - mono_ms);
}

static struct tm to_utc(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    return utc;
}

void clock_format_rfc3339(int64_t wall_ms, char ret_text[CLOCK_RFC3339_LEN])
{
    struct tm utc = to_utc(wall_ms);
    size_t len = strftime(ret_text, CLOCK_RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &utc);

    snprintf(ret_text + len, CLOCK_RFC3339_LEN - len, ".%03dZ", (int)(wall_ms % 1000));
}

void clock_format_compact(int64_t wall_ms, char ret_text[CLOCK_COMPACT_LEN])
{
    struct tm utc = to_utc(wall_ms);

    strftime(ret_text, CLOCK_COMPACT_LEN, "%Y%m%dT%H%M%SZ", &utc);
}

int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms)
{
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    int64_t fraction_ms = 0;

    if (!rest)
        return -EINVAL;
    if (*rest == '.') {
        int scale = 100;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            fraction_ms += (*rest - '0') * scale;
    }
    if (strcmp(rest, "Z") != 0)
        return -EINVAL;
    *ret_wall_ms = (int64_t)timegm(&utc) * 1000 + fraction_ms;
    return 0;
}
