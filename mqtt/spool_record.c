/* SPDX-License-Identifier: MIT */
#include "mqtt/spool_record.h"

#include "agent/base/crc32.h"

#include <errno.h>
#include <string.h>

enum { HEAD_BYTES = 8, TOPIC_LEN_BYTES = 2 };

void spool_put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void spool_put_u64(uint8_t *at, uint64_t value)
{
    spool_put_u32(at, (uint32_t)value);
    spool_put_u32(at + 4, (uint32_t)(value >> 32));
}

uint32_t spool_get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t spool_get_u64(const uint8_t *at)
{
    return spool_get_u32(at) | (uint64_t)spool_get_u32(at + 4) << 32;
}

int spool_record_put(struct buf *out, const struct spool_record *record)
{
    size_t topic_len = strlen(record->topic) + 1;
    size_t body_len = TOPIC_LEN_BYTES + topic_len + record->len;
    uint8_t *at;

    if (topic_len > UINT16_MAX || body_len > SPOOL_RECORD_MAX_BYTES - HEAD_BYTES)
        return -EMSGSIZE;
    at = buf_reserve(out, HEAD_BYTES + body_len);
    if (!at)
        return -EMSGSIZE;
    at[HEAD_BYTES] = (uint8_t)topic_len;
    at[HEAD_BYTES + 1] = (uint8_t)(topic_len >> 8);
    memcpy(at + HEAD_BYTES + TOPIC_LEN_BYTES, record->topic, topic_len);
    if (record->len)
        memcpy(at + HEAD_BYTES + TOPIC_LEN_BYTES + topic_len, record->payload, record->len);
    spool_put_u32(at, (uint32_t)body_len);
    spool_put_u32(at + 4, crc32_of(at + HEAD_BYTES, body_len));
    buf_commit(out, HEAD_BYTES + body_len);
    return 0;
}

int spool_record_get(const uint8_t *data, size_t len, struct spool_record *ret_record)
{
    size_t body_len, topic_len;
    const uint8_t *body = data + HEAD_BYTES;

    if (len < HEAD_BYTES)
        return 0;
    body_len = spool_get_u32(data);
    if (body_len <= TOPIC_LEN_BYTES || body_len > SPOOL_RECORD_MAX_BYTES - HEAD_BYTES)
        return -EBADMSG;
    if (len < HEAD_BYTES + body_len)
        return 0;
    if (crc32_of(body, body_len) != spool_get_u32(data + 4))
        return -EBADMSG;
    topic_len = body[0] | (size_t)body[1] << 8;
    if (topic_len == 0 || topic_len > body_len - TOPIC_LEN_BYTES ||
        body[TOPIC_LEN_BYTES + topic_len - 1] != '\0')
        return -EBADMSG;
    ret_record->topic = (const char *)body + TOPIC_LEN_BYTES;
    ret_record->payload = body + TOPIC_LEN_BYTES + topic_len;
    ret_record->len = body_len - TOPIC_LEN_BYTES - topic_len;
    return (int)(HEAD_BYTES + body_len);
}
