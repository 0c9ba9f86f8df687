/* SPDX-License-Identifier: MIT */
#include "agent/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#define FIRST_YEAR_MS INT64_C(1704067200000) /* 2024 */

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

bool clock_is_synchronised(void)
{
    struct timex state = {0};

    return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC) &&
           clock_wall_ms() >= FIRST_YEAR_MS;
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

void clock_format_exif(int64_t wall_ms, char ret_text[CLOCK_EXIF_LEN],
                       char ret_offset[CLOCK_OFFSET_LEN])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local = {0};
    int minutes;

    localtime_r(&seconds, &local);
    strftime(ret_text, CLOCK_EXIF_LEN, "%Y:%m:%d %H:%M:%S", &local);
    minutes = (int)(local.tm_gmtoff / 60);
    snprintf(ret_offset, CLOCK_OFFSET_LEN, "%c%02d:%02d", minutes < 0 ? '-' : '+',
             abs(minutes) / 60 % 24, abs(minutes) % 60);
}

/* ".123456" as 123 ms. Returns behind it, or text when no digit follows the point. */
static const char *parse_fraction(const char *text, int64_t *ret_ms)
{
    const char *at = text + 1;
    int scale = 100;

    *ret_ms = 0;
    if (*text != '.' || strspn(at, "0123456789") == 0)
        return text;
    for (; *at >= '0' && *at <= '9'; at++, scale /= 10)
        *ret_ms += (*at - '0') * scale;
    return at;
}

/* strptime() takes spaces, single digits and the 31st of February; a time that is not written back
 * as it was read is none of ours. */
int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms)
{
    char again[CLOCK_RFC3339_LEN];
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    int64_t wall_ms, fraction_ms;

    if (!rest)
        return -EINVAL;
    wall_ms = (int64_t)timegm(&utc) * 1000;
    clock_format_rfc3339(wall_ms, again);
    if (rest - text != 19 || memcmp(text, again, 19) != 0)
        return -EINVAL;
    if (strcmp(parse_fraction(rest, &fraction_ms), "Z") != 0)
        return -EINVAL;
    *ret_wall_ms = wall_ms + fraction_ms;
    return 0;
}
