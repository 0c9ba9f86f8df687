/* SPDX-License-Identifier: MIT */
/* clock: the two clocks. Intervals and deadlines run on the monotonic one (CLOCK_BOOTTIME, which
 * no time server can step); calendars and file names use the wall clock, in UTC. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "agent/base/common.h"

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);

/* Whether the wall clock may be trusted: the kernel says that something keeps it right (NTP), and
 * the year is not that of a machine without a battery. */
bool clock_is_synchronised(void);

/* Converts a monotonic instant of this boot to wall clock, by today's difference of the two. */
int64_t clock_wall_of_mono_ms(int64_t mono_ms);

#define CLOCK_RFC3339_LEN 32 /* "2026-01-31T12:00:00.123Z" and its NUL */
#define CLOCK_COMPACT_LEN 20 /* "20260131T120000Z" and its NUL */

void clock_format_rfc3339(int64_t wall_ms, char ret_text[CLOCK_RFC3339_LEN]);
void clock_format_compact(int64_t wall_ms, char ret_text[CLOCK_COMPACT_LEN]);

#define CLOCK_EXIF_LEN   20 /* "2026:01:31 13:00:00" and its NUL */
#define CLOCK_OFFSET_LEN 7  /* "+01:00" and its NUL */
/* The local time as Exif writes it, and how far it is from UTC. */
void clock_format_exif(int64_t wall_ms, char ret_text[CLOCK_EXIF_LEN],
                       char ret_offset[CLOCK_OFFSET_LEN]);

/* Parses what clock_format_rfc3339() writes, fraction optional, 'Z' only. -EINVAL. */
int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms) MUST_CHECK;

#endif
