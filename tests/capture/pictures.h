/* SPDX-License-Identifier: MIT */
/* pictures: real JPEGs for the tests of this folder. */
#ifndef TESTS_CAPTURE_PICTURES_H
#define TESTS_CAPTURE_PICTURES_H

#include "agent/base/common.h"

/* A noisy picture (even width and height); another seed gives other bytes. The caller frees. */
uint8_t *picture_make(int width, int height, int seed, size_t *ret_len) MUST_CHECK;

/* One of a single grey, 0 black – 255 white. */
uint8_t *picture_make_grey(int width, int height, int grey, size_t *ret_len) MUST_CHECK;

#endif
