/* SPDX-License-Identifier: MIT */
/* marker: what the printer did at a picture's moment, written into the picture so that a test can
 * read it back from any decoded frame.
 *
 * Two rows of black and white squares at the top left, with a grey margin; the squares are so large
 * that they survive JPEG, H.264 and scaling down by two. No dependencies. */
#ifndef SIM_MARKER_H
#define SIM_MARKER_H

#include <stdbool.h>
#include <stdint.h>

struct marker {
    uint16_t layer;       /* the file's layer, from 1; 0 = none yet */
    int16_t x_dmm, y_dmm; /* head, in tenths of a mm */
    bool paused;          /* the status is paused … */
    bool standing;        /* … or at least the head does not move */
    uint8_t job;          /* serial number of the job */
    uint8_t view;         /* which camera */
    uint32_t frame;       /* serial number of the picture, 24 bits */
    uint32_t time_ms;     /* since the simulator started */
};

/* Rows of a picture of this width that belong to the marker. */
int marker_rows(int width);

/* Draws into an 8-bit plane (luma); what it covers is overwritten whole. */
void marker_draw(uint8_t *luma, int width, int height, int stride, const struct marker *marker);

/* -EBADMSG: no marker there, or a damaged one. -EINVAL: the picture is too small for one. */
int marker_read(const uint8_t *luma, int width, int height, int stride, struct marker *ret_marker);

#endif
