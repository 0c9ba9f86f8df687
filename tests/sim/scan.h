/* SPDX-License-Identifier: MIT */
/* scan: reading a number at the beginning of a text. */
#ifndef SIM_SCAN_H
#define SIM_SCAN_H

#include "agent/base/common.h"

/* Decimal digits, at most 18. Returns what follows them, NULL when there are none. */
const char *scan_int(const char *text, int64_t *ret_value) MUST_CHECK;

#endif
