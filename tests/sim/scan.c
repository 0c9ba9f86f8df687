/* SPDX-License-Identifier: MIT */
#include "tests/sim/scan.h"

enum { DIGITS_MAX = 18 }; /* always fit an int64_t */

const char *scan_int(const char *text, int64_t *ret_value)
{
    const char *start = text;
    int64_t value = 0;

    while (*text >= '0' && *text <= '9' && text - start < DIGITS_MAX)
        value = value * 10 + (*text++ - '0');
    if (text == start)
        return NULL;
    *ret_value = value;
    return text;
}
