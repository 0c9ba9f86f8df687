/* SPDX-License-Identifier: MIT */
/* turn: the eight ways in which a picture can lie, as one number: transposed first, then mirrored.
 * Pure. */
#ifndef CAPTURE_TURN_H
#define CAPTURE_TURN_H

#include "agent/base/common.h"

enum turn {
    TURN_NONE = 0,
    TURN_HFLIP = 1 << 0,                   /* left to right */
    TURN_VFLIP = 1 << 1,                   /* top to bottom */
    TURN_TRANSPOSE = 1 << 2,               /* along the diagonal from the upper left; comes first */
    TURN_90 = TURN_TRANSPOSE | TURN_HFLIP, /* clockwise */
    TURN_180 = TURN_HFLIP | TURN_VFLIP,
    TURN_270 = TURN_TRANSPOSE | TURN_VFLIP,
};

/* One and then the other as one. */
unsigned turn_then(unsigned first, unsigned second);
/* What makes a picture of this EXIF orientation upright; all but 2 to 8: nothing. */
unsigned turn_of_orientation(int orientation);
/* Mirrored first, then turned clockwise by 0, 90, 180 or 270 degrees. */
unsigned turn_of_settings(bool hflip, bool vflip, int degrees);

#endif
