/* SPDX-License-Identifier: MIT */
/* crc32: the checksum of zip, PNG and gzip; tells whether two pictures are the same bytes. */
#ifndef CAPTURE_CRC32_H
#define CAPTURE_CRC32_H

#include "agent/base/common.h"

uint32_t crc32_of(const uint8_t *data, size_t len);

#endif
