/* SPDX-License-Identifier: MIT */
/* box: big-endian numbers and the nested boxes of MP4, written into a buf and read from bytes.
 *
 * What we write is bounded by ourselves, so the buffer's limit is far above it and passing it is a
 * mistake of ours (assert). */
#ifndef ENCODE_BOX_H
#define ENCODE_BOX_H

#include "agent/base/buf.h"

#define BOX_BUF_MAX ((size_t)1 << 30)

void box_put_bytes(struct buf *out, const void *data, size_t len);
void box_put_zeros(struct buf *out, size_t count);
void box_put_u8(struct buf *out, unsigned value);
void box_put_u16(struct buf *out, unsigned value);
void box_put_u32(struct buf *out, uint32_t value);
void box_put_u64(struct buf *out, uint64_t value);

/* Begins a box and returns where; its size is filled in by box_end(). */
size_t box_begin(struct buf *out, const char type[4]) MUST_CHECK;
size_t box_begin_full(struct buf *out, const char type[4], unsigned version,
                      uint32_t flags) MUST_CHECK;
void box_end(struct buf *out, size_t begin);

uint32_t box_get_u32(const uint8_t *data);
uint64_t box_get_u64(const uint8_t *data);
void box_set_u32(uint8_t *data, uint32_t value);
void box_set_u64(uint8_t *data, uint64_t value);

/* Finds the first child box of the type inside data; its content (behind the 8-byte header) goes to
 * ret. False when there is none or the boxes are malformed. */
bool box_find(const uint8_t *data, size_t len, const char type[4], const uint8_t **ret_content,
              size_t *ret_len) MUST_CHECK;

#endif
