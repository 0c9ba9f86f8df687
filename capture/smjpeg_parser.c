/* SPDX-License-Identifier: MIT */
/* smjpeg_parser: every step first gathers the few bytes of a head, which say how many bytes follow
 * that are kept or skipped. */
#include "capture/smjpeg_parser.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_BYTES = 4,
    CHUNK_BYTES = 8,    /* of the head of a chunk: name, length */
    PICTURE_BYTES = 12, /* of the head of a picture: name, time, length */
    MAGIC_BYTES = 16,   /* magic, version, duration */
    SKIP_MAX = 64 * 1024,
};

static const uint8_t magic[] = {0, 0x0a, 'S', 'M', 'J', 'P', 'E', 'G'};

enum state { STATE_MAGIC, STATE_HEAD, STATE_SKIP, STATE_PICTURE };

struct smjpeg_parser {
    struct smjpeg_handler handler;
    void *user;
    size_t max_picture_bytes;

    enum state state;
    uint8_t head[MAGIC_BYTES];
    size_t head_len;
    int64_t head_at_mono_us; /* its first byte */
    size_t left;             /* STATE_SKIP, STATE_PICTURE: bytes still to come */
    struct buf picture;
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_named(const struct smjpeg_parser *parser, const char *name)
{
    return memcmp(parser->head, name, NAME_BYTES) == 0;
}

static void expect(struct smjpeg_parser *parser, enum state state, size_t left)
{
    parser->state = state == STATE_SKIP && left == 0 ? STATE_HEAD : state;
    parser->left = left;
    parser->head_len = 0;
}

/* How many bytes a head has, of which the first four are there. */
static size_t head_size(const struct smjpeg_parser *parser)
{
    if (parser->state == STATE_MAGIC)
        return MAGIC_BYTES;
    if (parser->head_len < NAME_BYTES || is_named(parser, "HEND") || is_named(parser, "DONE"))
        return NAME_BYTES;
    return is_named(parser, "vidD") || is_named(parser, "sndD") ? PICTURE_BYTES : CHUNK_BYTES;
}

static int begin_picture(struct smjpeg_parser *parser, struct error *err)
{
    uint32_t time_ms = read_u32(parser->head + NAME_BYTES);
    size_t len = read_u32(parser->head + 2 * NAME_BYTES);

    if (len == 0)
        return error_set(err, -EBADMSG, "a picture of no bytes");
    if (len > parser->max_picture_bytes)
        return error_set(err, -EFBIG, "a picture of %zu bytes; max_bytes is %zu", len,
                         parser->max_picture_bytes);
    if (parser->handler.on_part(time_ms, parser->head_at_mono_us, parser->user))
        expect(parser, STATE_PICTURE, len);
    else
        expect(parser, STATE_SKIP, len);
    return 0;
}

static int take_head(struct smjpeg_parser *parser, struct error *err)
{
    size_t len;

    if (parser->state == STATE_MAGIC) {
        if (memcmp(parser->head, magic, sizeof(magic)) != 0)
            return error_set(err, -EBADMSG, "is not what ffmpeg was told to write (SMJPEG)");
        expect(parser, STATE_HEAD, 0);
        return 0;
    }
    if (is_named(parser, "vidD"))
        return begin_picture(parser, err);
    if (is_named(parser, "HEND") || is_named(parser, "DONE")) {
        expect(parser, STATE_HEAD, 0);
        return 0;
    }
    len = read_u32(parser->head + (is_named(parser, "sndD") ? 2 : 1) * NAME_BYTES);
    if (parser->head[0] != '_' || len > SKIP_MAX)
        return error_set(err, -EBADMSG, "is not what ffmpeg was told to write (SMJPEG)");
    expect(parser, STATE_SKIP, len);
    return 0;
}

static size_t feed_head(struct smjpeg_parser *parser, const uint8_t *data, size_t len,
                        int64_t at_mono_us, int *ret_rc, struct error *err)
{
    size_t wanted = head_size(parser) - parser->head_len;
    size_t taken = MIN(len, wanted);

    if (parser->head_len == 0)
        parser->head_at_mono_us = at_mono_us;
    memcpy(parser->head + parser->head_len, data, taken);
    parser->head_len += taken;
    if (parser->head_len == head_size(parser))
        *ret_rc = take_head(parser, err);
    return taken;
}

static size_t feed_body(struct smjpeg_parser *parser, const uint8_t *data, size_t len, int *ret_rc)
{
    size_t taken = MIN(len, parser->left);
    bool keep = parser->state == STATE_PICTURE;
    uint8_t *jpeg;

    if (keep)
        *ret_rc = buf_append(&parser->picture, data, taken);
    parser->left -= taken;
    if (parser->left > 0 || *ret_rc < 0)
        return taken;
    expect(parser, STATE_HEAD, 0);
    if (keep) {
        jpeg = buf_take(&parser->picture, &len);
        parser->handler.on_picture(jpeg, len, parser->user);
    }
    return taken;
}

int smjpeg_parser_feed(struct smjpeg_parser *parser, const uint8_t *data, size_t len,
                       int64_t at_mono_us, struct error *err)
{
    int rc = 0;

    while (len > 0 && rc == 0) {
        bool in_head = parser->state == STATE_MAGIC || parser->state == STATE_HEAD;
        size_t taken = in_head ? feed_head(parser, data, len, at_mono_us, &rc, err)
                               : feed_body(parser, data, len, &rc);

        data += taken;
        len -= taken;
    }
    return rc;
}

struct smjpeg_parser *smjpeg_parser_new(size_t max_picture_bytes,
                                        const struct smjpeg_handler *handler, void *user)
{
    struct smjpeg_parser *parser = xcalloc(1, sizeof(*parser));

    parser->handler = *handler;
    parser->user = user;
    parser->max_picture_bytes = max_picture_bytes;
    buf_init(&parser->picture, max_picture_bytes);
    return parser;
}

void smjpeg_parser_free(struct smjpeg_parser *parser)
{
    if (!parser)
        return;
    buf_done(&parser->picture);
    free(parser);
}
