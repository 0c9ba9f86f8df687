/* SPDX-License-Identifier: MIT */
/* crc32: half a byte at a time. A table of 16 is readable and stays in one cache line; the pictures
 * that we take (one in some seconds) do not need the faster ones. */
#include "agent/base/crc32.h"

/* what the reflected polynomial 0xedb88320 leaves of each half byte */
static const uint32_t half_byte[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32_more(uint32_t crc, const uint8_t *data, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc = (crc >> 4) ^ half_byte[(crc ^ data[i]) & 15];
        crc = (crc >> 4) ^ half_byte[(crc ^ (uint32_t)(data[i] >> 4)) & 15];
    }
    return ~crc;
}

uint32_t crc32_of(const uint8_t *data, size_t len)
{
    return crc32_more(0, data, len);
}
