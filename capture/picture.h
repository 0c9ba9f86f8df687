/* SPDX-License-Identifier: MIT */
/* picture: a validated JPEG in memory, shared by reference. Loop thread only; a worker may read one
 * that somebody on the loop holds a reference of. */
#ifndef CAPTURE_PICTURE_H
#define CAPTURE_PICTURE_H

#include "agent/base/common.h"

struct picture {
    int refs;
    uint8_t *jpeg;
    size_t len;
    int width, height;
    int64_t captured_at_mono_us; /* earliest moment that it can show */
    int64_t received_at_mono_us; /* its last byte */
    uint32_t crc32;
    bool frozen; /* the same bytes as the pictures before it */
};

/* jpeg (ownership passes) is len bytes from malloc(); the rest is zero, refs is 1. */
struct picture *picture_new(uint8_t *jpeg, size_t len) MUST_CHECK;
struct picture *picture_ref(struct picture *picture);
void picture_unref(struct picture *picture); /* NULL is fine */

#endif
