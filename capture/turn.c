/* SPDX-License-Identifier: MIT */
#include "capture/turn.h"

/* A mirroring that changes places with a transposition after it becomes the other mirroring. */
static unsigned swap_flips(unsigned turn)
{
    return (turn & TURN_TRANSPOSE) | (turn & TURN_HFLIP ? TURN_VFLIP : 0) |
           (turn & TURN_VFLIP ? TURN_HFLIP : 0);
}

unsigned turn_then(unsigned first, unsigned second)
{
    return (second & TURN_TRANSPOSE ? swap_flips(first) : first) ^ second;
}

unsigned turn_of_orientation(int orientation)
{
    static const unsigned turns[] = {
        [1] = TURN_NONE,
        [2] = TURN_HFLIP,
        [3] = TURN_180,
        [4] = TURN_VFLIP,
        [5] = TURN_TRANSPOSE,
        [6] = TURN_90,
        [7] = TURN_TRANSPOSE | TURN_180,
        [8] = TURN_270,
    };

    return orientation >= 1 && orientation <= 8 ? turns[orientation] : TURN_NONE;
}

unsigned turn_of_settings(bool hflip, bool vflip, int degrees)
{
    static const unsigned quarters[] = {TURN_NONE, TURN_90, TURN_180, TURN_270};
    unsigned flips = (hflip ? TURN_HFLIP : 0u) | (vflip ? TURN_VFLIP : 0u);

    return turn_then(flips, quarters[degrees / 90 % 4]);
}
