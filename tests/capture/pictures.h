/* SPDX-License-Identifier: MIT */
/* pictures: real JPEGs for the tests of this folder. */
#ifndef TESTS_CAPTURE_PICTURES_H
#define TESTS_CAPTURE_PICTURES_H

#include "agent/base/common.h"

/* A noisy picture (even width and height); another seed gives other bytes. The caller frees. */
uint8_t *picture_make(int width, int height, int seed, size_t *ret_len) MUST_CHECK;

/* One of a single grey, 0 black – 255 white. */
uint8_t *picture_make_grey(int width, int height, int grey, size_t *ret_len) MUST_CHECK;

/* The picture with one more segment behind its start: 0xE1 is APP1. The caller frees. */
uint8_t *picture_with_segment(const uint8_t *jpeg, size_t len, int marker, const void *data,
                              size_t data_len, size_t *ret_len) MUST_CHECK;
/* What a telephone writes that was held upright: turn it clockwise. */
extern const uint8_t picture_exif_lying[];
extern const size_t picture_exif_lying_len;

#endif
