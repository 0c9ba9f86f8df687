/* SPDX-License-Identifier: MIT */
/* picture: a validated JPEG in memory, shared by reference, and what is known about it. What it
 * looks like becomes known a little later (look.h). Loop thread only; a worker may read the jpeg of
 * one that somebody on the loop holds a reference of. */
#ifndef CAPTURE_PICTURE_H
#define CAPTURE_PICTURE_H

#include "agent/base/list.h"
#include "capture/raw.h"

/* What is strange about it; nothing of this makes it a bad picture. */
enum picture_flag {
    PICTURE_BLACK = 1 << 0,
    PICTURE_OVEREXPOSED = 1 << 1,
    PICTURE_FROZEN = 1 << 2,  /* the same bytes as the camera's picture before it */
    PICTURE_RESIZED = 1 << 3, /* another size than the camera's picture before it */
    PICTURE_DAMAGED = 1 << 4, /* a part of it could not be decoded */
};
/* The words for them, in the order of the bits, NULL-terminated. */
extern const char *const picture_flag_words[];
enum { PICTURE_FLAG_COUNT = 5 };

/* Its pixels, small: RGB without padding. */
struct picture_pixels {
    uint8_t *rgb; /* NULL: none */
    int width, height;
};
void picture_pixels_done(struct picture_pixels *pixels);

struct picture {
    int refs;
    uint8_t *jpeg;
    size_t len;
    int width, height;
    int64_t captured_at_mono_us; /* earliest moment that it can show */
    int64_t received_at_mono_us; /* its last byte */
    uint32_t crc32;
    struct raw *raw; /* the camera may bring a RAW beside it; NULL: no such camera */
    bool stale;      /* frozen for so long that it counts no more (stale_after) */
    unsigned flags;  /* enum picture_flag */

    int brightness; /* mean luma, 0 black – 255 white; -1: not known (yet) */
    struct picture_pixels preview;
    bool looking; /* brightness, preview and some flags are still to come */
    struct list waiters;
};

/* jpeg (ownership passes) is len bytes from malloc(); brightness is -1, the rest zero, refs 1. */
struct picture *picture_new(uint8_t *jpeg, size_t len) MUST_CHECK;
struct picture *picture_ref(struct picture *picture);
void picture_unref(struct picture *picture); /* NULL is fine */

/* Waits until it is known what the picture looks like. Begins with picture_waiter_init(). */
struct picture_waiter {
    struct list link;
    void (*on_looked)(void *user);
    void *user;
};
void picture_waiter_init(struct picture_waiter *waiter, void (*on_looked)(void *user), void *user);
/* on_looked comes once, later; the waiter's owner keeps a reference of the picture until then.
 * False: it is known already, or never will be, and nothing comes. */
bool picture_await(struct picture *picture, struct picture_waiter *waiter);
void picture_waiter_done(struct picture_waiter *waiter); /* on_looked comes no more */

#endif
