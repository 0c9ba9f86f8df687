/* SPDX-License-Identifier: MIT */
/* crc32: the usual CRC-32 (IEEE 802.3), for records that may be only half on the disk. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include "agent/base/common.h"

uint32_t crc32_of(const uint8_t *data, size_t len);

#endif
