/* SPDX-License-Identifier: MIT */
/* nearest: "did you mean": of some words the one that was most likely meant. Pure. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "agent/base/common.h"

struct nearest {
    const char *word; /* as it was written; borrowed, as best is */
    const char *best; /* NULL: none is near */
    size_t distance;  /* of the best so far; at the start one more than is acceptable */
};

struct nearest nearest_init(const char *word) MUST_CHECK;
void nearest_try(struct nearest *nearest, const char *candidate);

#endif
