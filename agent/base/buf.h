/* SPDX-License-Identifier: MIT */
/* buf: a growing byte buffer with a hard maximum, so that nothing from outside can make us
 * allocate without limit. After a failed append the content is what it was before. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "agent/base/common.h"

#include <stdarg.h>

struct buf {
    uint8_t *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max_bytes;
};

#define BUF_INIT(max) {.max_bytes = (max)}

void buf_init(struct buf *buf, size_t max_bytes);
/* Also for CLEANUP(buf_done). The buffer may be used again afterwards. */
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);

/* 0, or -EMSGSIZE when the content would pass max_bytes. */
int buf_append(struct buf *buf, const void *data, size_t len) MUST_CHECK;
int buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Makes room for len more bytes and returns where to write them, NULL when they would pass
 * max_bytes; buf_commit() then counts the bytes really written. */
uint8_t *buf_reserve(struct buf *buf, size_t len) MUST_CHECK;
void buf_commit(struct buf *buf, size_t len);

/* Drops the first len bytes. */
void buf_consume(struct buf *buf, size_t len);

/* The content as NUL-terminated text ("" when empty), valid until the next change. */
const char *buf_text(struct buf *buf);

/* Hands the bytes, and a NUL behind them, to the caller, who frees them; the buffer is empty
 * afterwards. */
uint8_t *buf_take(struct buf *buf, size_t *ret_len) MUST_CHECK;

#endif
