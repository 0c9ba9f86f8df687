/* SPDX-License-Identifier: MIT */
/* crc32: the usual CRC-32 (IEEE 802.3): tells whether two pictures are the same bytes, and whether
 * a record is only half on the disk. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include "agent/base/common.h"

uint32_t crc32_of(const uint8_t *data, size_t len);
/* Of what had this checksum (0: nothing), and data behind it. */
uint32_t crc32_more(uint32_t crc, const uint8_t *data, size_t len);

#endif
