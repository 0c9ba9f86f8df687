/* SPDX-License-Identifier: MIT */
/* ledger: type, length, content, CRC-32 over the three. A record that is only half on the disk
 * after a power cut fails its CRC and is cut off; nothing behind a bad record is looked at, because
 * records are made durable in order. */
#include "encode/ledger.h"

#include "agent/base/crc32.h"
#include "encode/box.h"

enum { HEAD_BYTES = 8, CRC_BYTES = 4, SEGMENT_BYTES = 36, RESERVE_BYTES = 12, SIZE_BYTES = 8 };

#define KEY_BIT 0x80000000u

/* --- writing --- */

static size_t record_begin(struct buf *out, enum ledger_type type)
{
    size_t begin = out->len;

    box_put_u32(out, type);
    box_put_u32(out, 0);
    return begin;
}

static void record_end(struct buf *out, size_t begin)
{
    box_set_u32(out->data + begin + 4, (uint32_t)(out->len - begin - HEAD_BYTES));
    box_put_u32(out, crc32_of(out->data + begin, out->len - begin));
}

void ledger_put_size(struct buf *out, const struct ledger_size *size)
{
    size_t begin = record_begin(out, LEDGER_SIZE);

    box_put_u32(out, size->width);
    box_put_u32(out, size->height);
    record_end(out, begin);
}

void ledger_put_reserve(struct buf *out, const struct ledger_reserve *reserve)
{
    size_t begin = record_begin(out, LEDGER_RESERVE);

    box_put_u64(out, (uint64_t)reserve->at);
    box_put_u32(out, reserve->slot_bytes);
    record_end(out, begin);
}

void ledger_put_config(struct buf *out, const struct ledger_config *config)
{
    size_t begin = record_begin(out, LEDGER_CONFIG);

    box_put_u32(out, (uint32_t)config->sps_len);
    box_put_bytes(out, config->sps, config->sps_len);
    box_put_bytes(out, config->pps, config->pps_len);
    record_end(out, begin);
}

size_t ledger_segment_begin(struct buf *out, const struct ledger_segment *segment)
{
    size_t begin = record_begin(out, LEDGER_SEGMENT);

    box_put_u64(out, (uint64_t)segment->first_seq);
    box_put_u64(out, (uint64_t)segment->last_seq);
    box_put_u32(out, segment->dropped);
    box_put_u64(out, (uint64_t)segment->offset);
    box_put_u32(out, segment->config);
    box_put_u32(out, segment->sample_count);
    return begin;
}

void ledger_put_sample(struct buf *out, uint32_t bytes, bool key)
{
    box_put_u32(out, bytes | (key ? KEY_BIT : 0));
}

void ledger_segment_end(struct buf *out, size_t begin)
{
    record_end(out, begin);
}

/* --- reading --- */

static uint32_t sample_word(const struct ledger_segment *segment, uint32_t index)
{
    return box_get_u32(segment->samples + 4 * (size_t)index);
}

uint32_t ledger_sample_bytes(const struct ledger_segment *segment, uint32_t index)
{
    return sample_word(segment, index) & ~KEY_BIT;
}

bool ledger_sample_key(const struct ledger_segment *segment, uint32_t index)
{
    return sample_word(segment, index) & KEY_BIT;
}

static bool read_size(const uint8_t *data, size_t len, struct ledger_size *ret)
{
    if (len != SIZE_BYTES)
        return false;
    *ret = (struct ledger_size){.width = box_get_u32(data), .height = box_get_u32(data + 4)};
    return true;
}

static bool read_reserve(const uint8_t *data, size_t len, struct ledger_reserve *ret)
{
    if (len != RESERVE_BYTES)
        return false;
    *ret = (struct ledger_reserve){.at = (int64_t)box_get_u64(data),
                                   .slot_bytes = box_get_u32(data + 8)};
    return true;
}

static bool read_config(const uint8_t *data, size_t len, struct ledger_config *ret)
{
    size_t sps_len = len >= 4 ? box_get_u32(data) : 0;

    if (sps_len < 4 || len - 4 <= sps_len)
        return false;
    *ret = (struct ledger_config){.sps = data + 4,
                                  .pps = data + 4 + sps_len,
                                  .sps_len = sps_len,
                                  .pps_len = len - 4 - sps_len};
    return true;
}

static bool read_segment(const uint8_t *data, size_t len, struct ledger_segment *ret)
{
    if (len < SEGMENT_BYTES)
        return false;
    *ret = (struct ledger_segment){
        .first_seq = (int64_t)box_get_u64(data),
        .last_seq = (int64_t)box_get_u64(data + 8),
        .dropped = box_get_u32(data + 16),
        .offset = (int64_t)box_get_u64(data + 20),
        .config = box_get_u32(data + 28),
        .sample_count = box_get_u32(data + 32),
        .samples = data + SEGMENT_BYTES,
    };
    return len == SEGMENT_BYTES + 4 * (uint64_t)ret->sample_count;
}

static bool read_record(uint32_t type, const uint8_t *data, size_t len,
                        struct ledger_record *ret_record)
{
    switch (type) {
    case LEDGER_SIZE:
        return read_size(data, len, &ret_record->size);
    case LEDGER_RESERVE:
        return read_reserve(data, len, &ret_record->reserve);
    case LEDGER_CONFIG:
        return read_config(data, len, &ret_record->config);
    case LEDGER_SEGMENT:
        return read_segment(data, len, &ret_record->segment);
    default:
        return false;
    }
}

bool ledger_next(const uint8_t *data, size_t len, size_t *at, struct ledger_record *ret_record)
{
    size_t left = len - *at, content_len;
    const uint8_t *head = data + *at;

    if (left < HEAD_BYTES + CRC_BYTES)
        return false;
    content_len = box_get_u32(head + 4);
    if (content_len > left - HEAD_BYTES - CRC_BYTES ||
        box_get_u32(head + HEAD_BYTES + content_len) != crc32_of(head, HEAD_BYTES + content_len) ||
        !read_record(box_get_u32(head), head + HEAD_BYTES, content_len, ret_record))
        return false;
    ret_record->type = (enum ledger_type)box_get_u32(head);
    *at += HEAD_BYTES + content_len + CRC_BYTES;
    return true;
}
