/* SPDX-License-Identifier: MIT */
/* mjpeg_parser: cameras agree on multipart/x-mixed-replace only roughly.
 *
 * The boundary comes with or without its leading dashes on either side, quoted or not, lines end in
 * CRLF or LF, Content-Length is missing or wrong. So a delimiter is: the boundary without its
 * leading dashes, on a line of its own or after two dashes, and nothing but "--" and blanks behind
 * it. Content-Length is believed until a part does not end at a delimiter; from then on the lengths
 * of this stream are ignored and the delimiters are searched for. That costs the one picture.
 *
 * A part is stamped with the arrival of its first header byte. The delimiter line before it would
 * be too early (some servers send it right behind the picture before), its body possibly too late.
 *
 * Bytes that cannot be decided yet stay in `in`. While a part is looked through for its delimiter
 * at least TAIL_BYTES stay there, more than the longest delimiter, so every decision sees the same
 * context wherever the network split the stream. Bytes inside a counted part never enter `in`; a
 * part that nobody wants costs nothing but a subtraction per read. */
#include "capture/mjpeg_parser.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BOUNDARY_MAX = 200,
    DASHES_MAX = 64,    /* that are looked at before a boundary */
    LOOKAHEAD_MAX = 64, /* in which the line of a boundary must end */
    TAIL_BYTES = 512,   /* > DASHES_MAX + BOUNDARY_MAX + LOOKAHEAD_MAX + CRLF */
    HEADERS_MAX = 16 * 1024,
    SLICE_BYTES = 16 * 1024, /* of a read, taken at a time: bounds `in` */
    IN_MAX = SLICE_BYTES + HEADERS_MAX + TAIL_BYTES,
};

enum state {
    STATE_SEARCH,  /* for a delimiter: preamble, or a part without a (true) length */
    STATE_HEADERS, /* of a part */
    STATE_COUNTED, /* body of a part with Content-Length */
    STATE_BEHIND,  /* a counted part: a delimiter must follow */
};

struct mjpeg_parser {
    struct mjpeg_handler handler;
    void *user;
    char *boundary; /* without leading dashes */
    size_t boundary_len;

    enum state state;
    struct buf in;
    size_t decided;     /* STATE_SEARCH: no delimiter starts before this byte of in */
    size_t headers_len; /* STATE_HEADERS: so far */
    bool lengths_lie;
    int64_t content_length; /* −1 = not told */

    struct buf part; /* what was kept of the body */
    bool in_part;    /* false in the preamble and while resynchronising */
    bool wanted;
    bool stamped;
    int64_t part_at_mono_us;
    size_t part_len; /* bytes of the body so far, kept or not */
    size_t max_part_bytes;
};

/* --- parts --- */

static void begin_search(struct mjpeg_parser *parser, bool in_part)
{
    parser->state = STATE_SEARCH;
    parser->decided = 0;
    parser->in_part = in_part;
    parser->part_len = 0;
}

static void begin_headers(struct mjpeg_parser *parser)
{
    parser->state = STATE_HEADERS;
    parser->headers_len = 0;
    parser->content_length = -1;
    parser->stamped = false;
    parser->in_part = false;
    parser->wanted = false;
    buf_clear(&parser->part);
}

static int refuse_size(const struct mjpeg_parser *parser, struct error *err)
{
    if (!parser->in_part)
        return error_set(err, -EMSGSIZE, "no boundary '%s' in %zu bytes of the stream",
                         parser->boundary, parser->max_part_bytes);
    return error_set(err, -EMSGSIZE, "a picture of the stream is larger than %zu bytes",
                     parser->max_part_bytes);
}

static int part_append(struct mjpeg_parser *parser, const uint8_t *data, size_t len,
                       struct error *err)
{
    if (len > parser->max_part_bytes - parser->part_len)
        return refuse_size(parser, err);
    parser->part_len += len;
    if (!parser->in_part || !parser->wanted)
        return 0;
    return buf_append(&parser->part, data, len);
}

static void part_deliver(struct mjpeg_parser *parser)
{
    size_t len;
    uint8_t *jpeg;

    if (!parser->in_part || !parser->wanted)
        return;
    parser->wanted = false;
    jpeg = buf_take(&parser->part, &len);
    parser->handler.on_picture(jpeg, len, parser->part_at_mono_us, parser->user);
}

/* --- delimiters --- */

/* Whether the boundary's line ends properly at `at`: its length with the line's end, 0 = more bytes
 * are needed to tell, −1 = no. */
static int match_line_end(const uint8_t *at, size_t len)
{
    size_t i = 0;

    while (i < len && i < LOOKAHEAD_MAX && at[i] && strchr("- \t\r", at[i]))
        i++;
    if (i == len)
        return i < LOOKAHEAD_MAX ? 0 : -1;
    return at[i] == '\n' ? (int)i + 1 : -1;
}

struct delimiter {
    size_t body_end; /* without the line break that belongs to the delimiter */
    size_t next;     /* behind the delimiter's line */
};

/* Whether the boundary found at `at` is a delimiter: 1 yes, 0 more bytes needed, −1 no. */
static int match_delimiter(const uint8_t *in, size_t len, size_t at, size_t boundary_len,
                           struct delimiter *ret)
{
    int line_end = match_line_end(in + at + boundary_len, len - at - boundary_len);
    size_t start = at;

    if (line_end <= 0)
        return line_end;
    while (start > 0 && in[start - 1] == '-' && at - start < DASHES_MAX)
        start--;
    if (at - start < 2 && start > 0 && in[start - 1] != '\n')
        return -1;
    ret->next = at + boundary_len + (size_t)line_end;
    if (start > 0 && in[start - 1] == '\n')
        start--;
    if (start > 0 && in[start] == '\n' && in[start - 1] == '\r')
        start--;
    ret->body_end = start;
    return 1;
}

/* Looks through in from `decided` on: 1 found, 0 not yet. */
static int find_delimiter(struct mjpeg_parser *parser, struct delimiter *ret)
{
    const uint8_t *in = parser->in.data;
    size_t len = parser->in.len;

    while (len - parser->decided >= parser->boundary_len) {
        const uint8_t *hit = memmem(in + parser->decided, len - parser->decided, parser->boundary,
                                    parser->boundary_len);
        int rc;

        if (!hit) {
            parser->decided = len - parser->boundary_len + 1;
            break;
        }
        parser->decided = (size_t)(hit - in);
        rc = match_delimiter(in, len, parser->decided, parser->boundary_len, ret);
        if (rc >= 0)
            return rc;
        parser->decided++;
    }
    return 0;
}

/* --- the states; each takes what it can from in: 1 = took something, 0 = needs more --- */

static int step_search(struct mjpeg_parser *parser, struct error *err)
{
    struct delimiter delimiter = {0};
    size_t take;
    int rc;

    if (find_delimiter(parser, &delimiter)) {
        rc = part_append(parser, parser->in.data, delimiter.body_end, err);
        if (rc < 0)
            return rc;
        buf_consume(&parser->in, delimiter.next);
        part_deliver(parser);
        begin_headers(parser);
        return 1;
    }
    if (parser->in.len <= TAIL_BYTES)
        return 0;
    take = parser->in.len - TAIL_BYTES;
    rc = part_append(parser, parser->in.data, take, err);
    if (rc < 0)
        return rc;
    buf_consume(&parser->in, take);
    parser->decided -= MIN(parser->decided, take);
    return 0;
}

static void read_header(struct mjpeg_parser *parser, const char *line, size_t len)
{
    static const char name[] = "content-length:";
    CLEANUP(free_p) char *value = NULL;
    int64_t length;

    if (len < sizeof(name) - 1 || strncasecmp(line, name, sizeof(name) - 1) != 0)
        return;
    line += sizeof(name) - 1;
    len -= sizeof(name) - 1;
    while (len > 0 && isblank((unsigned char)*line)) {
        line++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    value = xstrndup(line, len);
    if (str_to_int(value, &length) == 0 && length >= 0)
        parser->content_length = length;
}

static int begin_body(struct mjpeg_parser *parser, struct error *err)
{
    begin_search(parser, true);
    parser->wanted = parser->handler.on_part(parser->part_at_mono_us, parser->user);
    if (parser->content_length < 0 || parser->lengths_lie)
        return 1;
    if (parser->content_length > (int64_t)parser->max_part_bytes)
        return refuse_size(parser, err);
    parser->state = STATE_COUNTED;
    return 1;
}

static int step_headers(struct mjpeg_parser *parser, struct error *err)
{
    const uint8_t *end = parser->in.len > 0 ? memchr(parser->in.data, '\n', parser->in.len) : NULL;
    size_t line_len = end ? (size_t)(end - parser->in.data) + 1 : parser->in.len;
    bool blank;

    if (parser->headers_len + line_len > HEADERS_MAX)
        return error_set(err, -EBADMSG, "endless headers in the stream");
    if (!end)
        return 0;
    blank = line_len == 1 || (line_len == 2 && parser->in.data[0] == '\r');
    if (!blank)
        read_header(parser, (const char *)parser->in.data, line_len);
    parser->headers_len += line_len;
    buf_consume(&parser->in, line_len);
    return blank ? begin_body(parser, err) : 1;
}

/* Takes body bytes from data; returns how many. */
static size_t take_counted(struct mjpeg_parser *parser, const uint8_t *data, size_t len, int *ret,
                           struct error *err)
{
    size_t take = MIN(len, (size_t)parser->content_length - parser->part_len);

    *ret = part_append(parser, data, take, err);
    if (*ret == 0 && parser->part_len == (size_t)parser->content_length) {
        part_deliver(parser);
        parser->state = STATE_BEHIND;
    }
    return take;
}

static int step_counted(struct mjpeg_parser *parser, struct error *err)
{
    int rc;
    size_t taken = take_counted(parser, parser->in.data, parser->in.len, &rc, err);

    if (taken > 0)
        buf_consume(&parser->in, taken);
    if (rc < 0)
        return rc;
    return parser->state == STATE_BEHIND;
}

/* The delimiter, after line breaks and dashes: 1 it is there, 0 more needed, −1 something else. */
static int match_behind(const struct mjpeg_parser *parser, size_t *ret_next)
{
    const uint8_t *in = parser->in.data;
    size_t len = parser->in.len, at = 0;
    int line_end;

    while (at < len && (in[at] == '\r' || in[at] == '\n') && at < DASHES_MAX)
        at++;
    while (at < len && in[at] == '-' && at < 2 * DASHES_MAX)
        at++;
    if (at == len)
        return 0;
    if (memcmp(in + at, parser->boundary, MIN(len - at, parser->boundary_len)) != 0)
        return -1;
    if (len - at <= parser->boundary_len)
        return 0;
    at += parser->boundary_len;
    line_end = match_line_end(in + at, len - at);
    *ret_next = at + (size_t)MAX(line_end, 0);
    return line_end > 0 ? 1 : line_end;
}

static int step_behind(struct mjpeg_parser *parser)
{
    size_t next = 0;
    int rc = match_behind(parser, &next);

    if (rc == 0)
        return 0;
    if (rc > 0) {
        buf_consume(&parser->in, next);
        begin_headers(parser);
    } else {
        parser->lengths_lie = true;
        begin_search(parser, false);
    }
    return 1;
}

static int step(struct mjpeg_parser *parser, struct error *err)
{
    switch (parser->state) {
    case STATE_SEARCH:
        return step_search(parser, err);
    case STATE_HEADERS:
        return step_headers(parser, err);
    case STATE_COUNTED:
        return step_counted(parser, err);
    case STATE_BEHIND:
        return step_behind(parser);
    }
    return 0;
}

/* --- feeding --- */

static int feed_slice(struct mjpeg_parser *parser, const uint8_t *data, size_t len,
                      int64_t at_mono_us, struct error *err)
{
    int rc = buf_append(&parser->in, data, len);

    while (rc == 0) {
        if (parser->state == STATE_HEADERS && !parser->stamped && parser->in.len > 0) {
            parser->stamped = true;
            parser->part_at_mono_us = at_mono_us;
        }
        rc = step(parser, err);
        if (rc == 0)
            return 0;
        if (rc > 0)
            rc = 0;
    }
    return rc;
}

int mjpeg_parser_feed(struct mjpeg_parser *parser, const uint8_t *data, size_t len,
                      int64_t at_mono_us, struct error *err)
{
    int rc = 0;

    while (len > 0 && rc == 0) {
        size_t taken = MIN(len, (size_t)SLICE_BYTES);

        if (parser->state == STATE_COUNTED && parser->in.len == 0)
            taken = take_counted(parser, data, len, &rc, err);
        else
            rc = feed_slice(parser, data, taken, at_mono_us, err);
        data += taken;
        len -= taken;
    }
    return rc;
}

/* --- content type --- */

static int refuse_type(const char *content_type, struct error *err)
{
    if (strncasecmp(content_type, "image/", 6) == 0)
        return error_set(err, -EBADMSG, "is a still picture: use kind = \"http\"");
    if (strncasecmp(content_type, "text/html", 9) == 0)
        return error_set(err, -EBADMSG, "an HTML page instead of a stream: check the url");
    return error_set(err, -EBADMSG, "not an MJPEG stream but '%.60s': check the url", content_type);
}

/* The value of boundary=, quoted or not; NULL when there is none. */
static char *read_boundary(const char *content_type)
{
    const char *at = strcasestr(content_type, "boundary=");
    size_t len;

    if (!at)
        return NULL;
    at += strlen("boundary=");
    if (*at == '"') {
        at++;
        len = strcspn(at, "\"");
    } else {
        len = strcspn(at, "; \t\r\n");
    }
    /* Nothing but dashes is a boundary, too. */
    if (strspn(at, "-") < len) {
        len -= strspn(at, "-");
        at += strspn(at, "-");
    }
    return len > 0 && len <= BOUNDARY_MAX ? xstrndup(at, len) : NULL;
}

int mjpeg_parser_new(const char *content_type, size_t max_part_bytes,
                     const struct mjpeg_handler *handler, void *user,
                     struct mjpeg_parser **ret_parser, struct error *err)
{
    struct mjpeg_parser *parser;
    char *boundary;

    if (!content_type)
        return error_set(err, -EBADMSG, "no content type: not an MJPEG stream, check the url");
    if (strncasecmp(content_type, "multipart/", 10) != 0)
        return refuse_type(content_type, err);
    boundary = read_boundary(content_type);
    if (!boundary)
        return error_set(err, -EBADMSG, "a stream without a boundary: '%.60s'", content_type);
    parser = xcalloc(1, sizeof(*parser));
    parser->handler = *handler;
    parser->user = user;
    parser->boundary = boundary;
    parser->boundary_len = strlen(boundary);
    parser->max_part_bytes = max_part_bytes;
    buf_init(&parser->in, IN_MAX);
    buf_init(&parser->part, max_part_bytes);
    begin_search(parser, false);
    *ret_parser = parser;
    return 0;
}

void mjpeg_parser_free(struct mjpeg_parser *parser)
{
    if (!parser)
        return;
    buf_done(&parser->in);
    buf_done(&parser->part);
    free(parser->boundary);
    free(parser);
}
