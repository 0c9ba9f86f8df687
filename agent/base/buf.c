/* SPDX-License-Identifier: MIT */
/* buf: one byte more than cap says is always allocated, so that buf_text() never has to grow. */
#include "agent/base/buf.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf)BUF_INIT(max_bytes);
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max_bytes);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    size_t cap = MAX(buf->cap, (size_t)BUF_FIRST_BYTES);

    if (len > buf->max_bytes - buf->len)
        return NULL;
    while (cap < buf->len + len)
        cap *= 2;
    if (cap > buf->cap) {
        buf->data = xrealloc(buf->data, cap + 1);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
    buf->len += len;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
    uint8_t *room = buf_reserve(buf, len);

    if (!room)
        return -EMSGSIZE;
    if (len > 0)
        memcpy(room, data, len);
    buf_commit(buf, len);
    return 0;
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    char *text;
    int rc;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    rc = buf_append(buf, text, strlen(text));
    free(text);
    return rc;
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len == 0)
        return; /* data may be NULL */
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}

const char *buf_text(struct buf *buf)
{
    if (!buf->data)
        return "";
    buf->data[buf->len] = '\0';
    return (const char *)buf->data;
}

uint8_t *buf_take(struct buf *buf, size_t *ret_len)
{
    uint8_t *data = buf->data ? buf->data : xmalloc(1);

    data[buf->len] = '\0'; /* text taken whole is text still */
    *ret_len = buf->len;
    buf_init(buf, buf->max_bytes);
    return data;
}
