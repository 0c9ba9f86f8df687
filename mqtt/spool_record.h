/* SPDX-License-Identifier: MIT */
/* spool_record: one event as it stands in a spool file. Pure.
 *
 * u32 size of what follows the CRC · u32 CRC-32 of that · u16 length of the topic with its NUL ·
 * topic · payload; numbers in little endian. A record that is only half there fails its CRC. */
#ifndef MQTT_SPOOL_RECORD_H
#define MQTT_SPOOL_RECORD_H

#include "agent/base/buf.h"

enum { SPOOL_RECORD_MAX_BYTES = 256 * 1024 };

struct spool_record {
    const char *topic;
    const uint8_t *payload;
    size_t len;
};

/* Appends a record. -EMSGSIZE: larger than SPOOL_RECORD_MAX_BYTES, or than out takes. */
int spool_record_put(struct buf *out, const struct spool_record *record) MUST_CHECK;
/* The record at data: its whole size (> 0), and *ret_record points into data. 0: some of it is
 * missing. -EBADMSG: it is damaged. */
int spool_record_get(const uint8_t *data, size_t len, struct spool_record *ret_record) MUST_CHECK;

void spool_put_u32(uint8_t *at, uint32_t value);
void spool_put_u64(uint8_t *at, uint64_t value);
uint32_t spool_get_u32(const uint8_t *at);
uint64_t spool_get_u64(const uint8_t *at);

#endif
