/* SPDX-License-Identifier: MIT */
/* look: what a picture looks like: how bright it is, whether it is black, overexposed or damaged
 * inside, and its pixels small enough to be shown. One decode on a worker serves all of that.
 * Loop thread. */
#ifndef CAPTURE_LOOK_H
#define CAPTURE_LOOK_H

#include "agent/base/loop.h"
#include "capture/picture.h"

/* picture->looking until it is known; who waits for that is told then. preview_px: the longer side
 * that the preview may have, 0 = none is wanted. */
void look_start(struct loop *loop, struct picture *picture, int preview_px);

/* The pure part. */
struct look {
    int brightness; /* mean luma, 0–255 */
    unsigned flags; /* PICTURE_BLACK, PICTURE_OVEREXPOSED */
};
/* Black: dark, and nothing in it is much brighter than the rest; a lamp or a lit display is enough
 * for a picture of the night. Overexposed: most of it is plain white. */
struct look look_at(const struct picture_pixels *pixels) MUST_CHECK;

#endif
