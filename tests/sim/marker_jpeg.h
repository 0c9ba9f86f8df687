/* SPDX-License-Identifier: MIT */
/* marker_jpeg: the marker of a JPEG picture. */
#ifndef SIM_MARKER_JPEG_H
#define SIM_MARKER_JPEG_H

#include "tests/sim/marker.h"

#include <stddef.h>

/* As marker_read(); -EILSEQ: not a (whole) JPEG. */
int marker_read_jpeg(const uint8_t *data, size_t len, struct marker *ret_marker);

#endif
