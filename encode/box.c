/* SPDX-License-Identifier: MIT */
#include "encode/box.h"

#include <assert.h>
#include <string.h>

void box_put_bytes(struct buf *out, const void *data, size_t len)
{
    int rc = buf_append(out, data, len);

    assert(rc == 0);
    (void)rc;
}

void box_put_zeros(struct buf *out, size_t count)
{
    static const uint8_t zeros[64];

    for (size_t left = count, step; left > 0; left -= step) {
        step = MIN(left, sizeof(zeros));
        box_put_bytes(out, zeros, step);
    }
}

void box_put_u8(struct buf *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    box_put_bytes(out, &byte, 1);
}

void box_put_u16(struct buf *out, unsigned value)
{
    box_put_u8(out, value >> 8 & 0xff);
    box_put_u8(out, value & 0xff);
}

void box_put_u32(struct buf *out, uint32_t value)
{
    uint8_t bytes[4];

    box_set_u32(bytes, value);
    box_put_bytes(out, bytes, sizeof(bytes));
}

void box_put_u64(struct buf *out, uint64_t value)
{
    box_put_u32(out, (uint32_t)(value >> 32));
    box_put_u32(out, (uint32_t)value);
}

size_t box_begin(struct buf *out, const char type[4])
{
    size_t begin = out->len;

    box_put_u32(out, 0);
    box_put_bytes(out, type, 4);
    return begin;
}

size_t box_begin_full(struct buf *out, const char type[4], unsigned version, uint32_t flags)
{
    size_t begin = box_begin(out, type);

    box_put_u32(out, version << 24 | flags);
    return begin;
}

void box_end(struct buf *out, size_t begin)
{
    box_set_u32(out->data + begin, (uint32_t)(out->len - begin));
}

uint32_t box_get_u32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

uint64_t box_get_u64(const uint8_t *data)
{
    return (uint64_t)box_get_u32(data) << 32 | box_get_u32(data + 4);
}

void box_set_u32(uint8_t *data, uint32_t value)
{
    data[0] = (uint8_t)(value >> 24);
    data[1] = (uint8_t)(value >> 16);
    data[2] = (uint8_t)(value >> 8);
    data[3] = (uint8_t)value;
}

void box_set_u64(uint8_t *data, uint64_t value)
{
    box_set_u32(data, (uint32_t)(value >> 32));
    box_set_u32(data + 4, (uint32_t)value);
}

bool box_find(const uint8_t *data, size_t len, const char type[4], const uint8_t **ret_content,
              size_t *ret_len)
{
    while (len >= 8) {
        size_t size = box_get_u32(data);

        if (size < 8 || size > len)
            return false;
        if (memcmp(data + 4, type, 4) == 0) {
            *ret_content = data + 8;
            *ret_len = size - 8;
            return true;
        }
        data += size;
        len -= size;
    }
    return false;
}
