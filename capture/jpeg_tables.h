/* SPDX-License-Identifier: MIT */
/* jpeg_tables: the Huffman tables that many USB cameras leave out of their MJPG pictures.
 *
 * A picture of Motion JPEG in AVI ("AVI1") may omit its DHT segments: they are then those of ITU-T
 * T.81 annex K.3, as every decoder of that format knows. As a file of its own it needs them. Pure.
 */
#ifndef CAPTURE_JPEG_TABLES_H
#define CAPTURE_JPEG_TABLES_H

#include "agent/base/common.h"

/* A copy of the picture, with the standard tables when it has none before its first scan; anything
 * that is no JPEG is copied as it is. The caller frees. */
uint8_t *jpeg_copy_with_tables(const uint8_t *data, size_t len, size_t *ret_len) MUST_CHECK;

#endif
