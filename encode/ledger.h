/* SPDX-License-Identifier: MIT */
/* ledger: the sidecar "<name>.idx" of a growing video: what of the file is safe.
 *
 * A list of records, each with its length and a CRC, that is only ever appended to. It is the truth
 * about the growing file: bytes behind its last record are a torn tail. Pure. */
#ifndef ENCODE_LEDGER_H
#define ENCODE_LEDGER_H

#include "agent/base/buf.h"

#define LEDGER_MAGIC       "LAPSIDX1"
#define LEDGER_MAGIC_BYTES 8

enum ledger_type {
    LEDGER_SIZE = 1, /* width and height of the video */
    LEDGER_RESERVE,  /* room for moov was made in the file */
    LEDGER_CONFIG,   /* parameter sets of the encoder */
    LEDGER_SEGMENT,  /* a segment was verified */
};

struct ledger_size {
    uint32_t width, height;
};

struct ledger_reserve {
    int64_t at;
    uint32_t slot_bytes;
};

struct ledger_config {
    const uint8_t *sps, *pps; /* when read: into the record */
    size_t sps_len, pps_len;
};

struct ledger_segment {
    int64_t first_seq, last_seq;
    uint32_t dropped; /* frames of this stretch that are not in the file */
    int64_t offset;
    uint32_t config;
    uint32_t sample_count;
    const uint8_t *samples; /* when read: sample_count words, see ledger_sample_*() */
};

struct ledger_record {
    enum ledger_type type;
    union {
        struct ledger_size size;
        struct ledger_reserve reserve;
        struct ledger_config config;
        struct ledger_segment segment;
    };
};

void ledger_put_size(struct buf *out, const struct ledger_size *size);
void ledger_put_reserve(struct buf *out, const struct ledger_reserve *reserve);
void ledger_put_config(struct buf *out, const struct ledger_config *config);

/* segment->samples is not looked at: ledger_put_sample() follows sample_count times, then
 * ledger_segment_end(). */
size_t ledger_segment_begin(struct buf *out, const struct ledger_segment *segment) MUST_CHECK;
void ledger_put_sample(struct buf *out, uint32_t bytes, bool key);
void ledger_segment_end(struct buf *out, size_t begin);

uint32_t ledger_sample_bytes(const struct ledger_segment *segment, uint32_t index);
bool ledger_sample_key(const struct ledger_segment *segment, uint32_t index);

/* Reads the record at *at, which moves behind it. False at the end and at the first record that is
 * cut, damaged or unknown. */
bool ledger_next(const uint8_t *data, size_t len, size_t *at,
                 struct ledger_record *ret_record) MUST_CHECK;

#endif
