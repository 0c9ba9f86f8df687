/* SPDX-License-Identifier: MIT */
/* test_mjpeg_parser: the same pictures come out wherever the network splits the stream, from every
 * dialect of multipart that cameras speak. */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "capture/mjpeg_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 3, PICTURE_BYTES = 700, MAX_BYTES = 5000 };

/* How a server writes its parts. */
struct dialect {
    const char *content_type;
    const char *preamble;
    const char *delimiter; /* before each part, line break included */
    const char *headers;   /* with %zu for the length, or none */
    long length_error;     /* added to the true length */
    const char *after;     /* behind each part */
    const char *end;
    int lost; /* pictures that a wrong length costs */
};

static const struct dialect dialects[] = {
    {"multipart/x-mixed-replace;boundary=frame", "", "--frame\r\n",
     "Content-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", 0, "\r\n", "--frame--\r\n", 0},
    {"multipart/x-mixed-replace; boundary=--frame", "", "--frame\r\n",
     "Content-type: image/jpeg\r\ncontent-length:%zu\r\n\r\n", 0, "\r\n", "--frame\r\n", 0},
    {"multipart/x-mixed-replace; boundary=--frame", "\r\n", "----frame\r\n",
     "Content-Length: %zu \r\n\r\n", 0, "\r\n", "----frame\r\n", 0},
    {"multipart/x-mixed-replace; boundary=\"a b:c\"; charset=x", "some words\r\n", "--a b:c \r\n",
     "Content-Type: image/jpeg\r\n\r\n", 0, "\r\n", "--a b:c--\r\n", 0},
    {"Multipart/X-Mixed-Replace;BOUNDARY=lf", "", "--lf\n", "Content-Type: image/jpeg\n\n", 0, "\n",
     "--lf\n", 0},
    {"multipart/x-mixed-replace;boundary=bare", "", "bare\r\n", "X: y\r\n\r\n", 0, "\r\n",
     "bare\r\n", 0},
    {"multipart/x-mixed-replace;boundary=tight", "", "--tight\r\n", "X: y\r\n\r\n", 0, "",
     "--tight\r\n", 0},
    {"multipart/x-mixed-replace;boundary=tight", "", "--tight\r\n", "Content-Length: %zu\r\n\r\n",
     0, "", "--tight\r\n", 0},
    {"multipart/x-mixed-replace;boundary=----", "", "------\r\n", "X: y\r\n\r\n", 0, "\r\n",
     "------\r\n", 0},
    {"multipart/x-mixed-replace;boundary=short", "", "--short\r\n", "Content-Length: %zu\r\n\r\n",
     -40, "\r\n", "--short\r\n", 1},
    {"multipart/x-mixed-replace;boundary=long", "", "--long\r\n", "Content-Length: %zu\r\n\r\n", 40,
     "\r\n", "--long\r\n", 2},
    {"multipart/x-mixed-replace;boundary=odd", "", "--odd\r\n", "Content-Length: many\r\n\r\n", 0,
     "\r\n", "--odd\r\n", 0},
};

/* Bytes that look like delimiters but are none, to be found inside pictures. */
static const char *const traps[] = {"frame",   "--frame",      "\r\n--frame and more\r\n",
                                    "\r\n-lf", "--tight.\r\n", "\n--bare-x\n"};

static void make_picture(int number, uint8_t ret_bytes[PICTURE_BYTES])
{
    uint32_t noise = (uint32_t)number + 1;

    for (size_t i = 0; i < PICTURE_BYTES; i++) {
        noise = noise * 1664525u + 1013904223u;
        ret_bytes[i] = (uint8_t)(noise >> 24);
    }
    for (size_t i = 0; i < ARRAY_LEN(traps); i++)
        memcpy(ret_bytes + 20 + i * 60, traps[i], strlen(traps[i]));
    memcpy(ret_bytes, "\xFF\xD8", 2);
    memcpy(ret_bytes + PICTURE_BYTES - 2, "\xFF\xD9", 2);
}

static void append(struct buf *stream, const void *data, size_t len)
{
    assert_int_equal(buf_append(stream, data, len), 0);
}

static void append_text(struct buf *stream, const char *text)
{
    append(stream, text, strlen(text));
}

static void append_headers(struct buf *stream, const struct dialect *dialect)
{
    const char *mark = strstr(dialect->headers, "%zu");

    if (!mark) {
        append_text(stream, dialect->headers);
        return;
    }
    append(stream, dialect->headers, (size_t)(mark - dialect->headers));
    assert_int_equal(buf_printf(stream, "%ld", PICTURE_BYTES + dialect->length_error), 0);
    append_text(stream, mark + 3);
}

static void make_stream(const struct dialect *dialect, struct buf *stream)
{
    buf_init(stream, 1 << 20);
    append_text(stream, dialect->preamble);
    for (int i = 0; i < PICTURES; i++) {
        uint8_t picture[PICTURE_BYTES];

        make_picture(i, picture);
        append_text(stream, dialect->delimiter);
        append_headers(stream, dialect);
        append(stream, picture, sizeof(picture));
        append_text(stream, dialect->after);
    }
    append_text(stream, dialect->end);
}

struct seen {
    struct buf pictures; /* each as its length and its bytes */
    int whole;           /* pictures equal to one that was sent */
    int count;
    int parts;
    bool want;
    int64_t first_byte_at[8];
};

static bool on_part(int64_t first_byte_at_mono_us, void *user)
{
    struct seen *seen = user;

    seen->first_byte_at[seen->parts++ % 8] = first_byte_at_mono_us;
    return seen->want;
}

static void on_picture(uint8_t *jpeg, size_t len, int64_t first_byte_at_mono_us, void *user)
{
    struct seen *seen = user;

    (void)first_byte_at_mono_us;
    seen->count++;
    for (int i = 0; i < PICTURES; i++) {
        uint8_t picture[PICTURE_BYTES];

        make_picture(i, picture);
        seen->whole += len == sizeof(picture) && memcmp(picture, jpeg, len) == 0;
    }
    append(&seen->pictures, &len, sizeof(len));
    append(&seen->pictures, jpeg, len);
    free(jpeg);
}

static const struct mjpeg_handler handler = {.on_part = on_part, .on_picture = on_picture};

static struct mjpeg_parser *start(const char *content_type, struct seen *seen)
{
    struct mjpeg_parser *parser = NULL;

    *seen = (struct seen){.pictures = BUF_INIT(1 << 20), .want = true};
    assert_int_equal(mjpeg_parser_new(content_type, MAX_BYTES, &handler, seen, &parser, NULL), 0);
    return parser;
}

/* Feeds the stream in pieces that end at a, b and the end. */
static void parse_split(const char *content_type, const struct buf *stream, size_t a, size_t b,
                        struct seen *seen)
{
    struct mjpeg_parser *parser = start(content_type, seen);
    const size_t ends[] = {a, b, stream->len};
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        /* a copy of the exact size, so that the sanitizer sees a read behind it */
        CLEANUP(free_p) uint8_t *piece = xmemdup(stream->data + at, ends[i] - at);

        assert_int_equal(mjpeg_parser_feed(parser, piece, ends[i] - at, (int64_t)i + 1, NULL), 0);
        at = ends[i];
    }
    mjpeg_parser_free(parser);
}

static void expect_same(const struct seen *seen, const struct seen *whole)
{
    assert_int_equal(seen->count, whole->count);
    assert_int_equal(seen->pictures.len, whole->pictures.len);
    assert_memory_equal(seen->pictures.data, whole->pictures.data, whole->pictures.len);
}

static void test_every_dialect_gives_its_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        CLEANUP(buf_done) struct buf stream;
        struct seen seen;

        make_stream(&dialects[i], &stream);
        parse_split(dialects[i].content_type, &stream, 0, 0, &seen);
        if (seen.whole != PICTURES - dialects[i].lost)
            print_error("dialect %zu: %d of %d\n", i, seen.whole, seen.count);
        assert_int_equal(seen.whole, PICTURES - dialects[i].lost);
        buf_done(&seen.pictures);
    }
}

static void test_every_split_gives_the_same_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        CLEANUP(buf_done) struct buf stream;
        struct seen whole;

        make_stream(&dialects[i], &stream);
        parse_split(dialects[i].content_type, &stream, 0, 0, &whole);
        for (size_t at = 0; at <= stream.len; at++) {
            struct seen seen;

            parse_split(dialects[i].content_type, &stream, at, MIN(at + at % 97, stream.len),
                        &seen);
            expect_same(&seen, &whole);
            buf_done(&seen.pictures);
        }
        buf_done(&whole.pictures);
    }
}

static void test_pieces_of_any_size_give_the_same_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        CLEANUP(buf_done) struct buf stream;
        struct seen whole;

        make_stream(&dialects[i], &stream);
        parse_split(dialects[i].content_type, &stream, 0, 0, &whole);
        for (size_t piece = 1; piece < 600; piece += 1 + piece / 8) {
            struct seen seen;
            struct mjpeg_parser *parser = start(dialects[i].content_type, &seen);

            for (size_t at = 0; at < stream.len; at += piece)
                assert_int_equal(mjpeg_parser_feed(parser, stream.data + at,
                                                   MIN(piece, stream.len - at), 1, NULL),
                                 0);
            mjpeg_parser_free(parser);
            expect_same(&seen, &whole);
            buf_done(&seen.pictures);
        }
        buf_done(&whole.pictures);
    }
}

static void test_part_is_stamped_with_its_first_header_byte(void **state)
{
    static const char *const pieces[] = {
        "--frame\r\n", "C", "ontent-Length: 4\r\n\r\nab", "cd", "\r\n--frame\r\n", "X: y\r\n\r\n"};
    struct seen seen;
    struct mjpeg_parser *parser = start("multipart/x-mixed-replace;boundary=frame", &seen);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        assert_int_equal(mjpeg_parser_feed(parser, (const uint8_t *)pieces[i], strlen(pieces[i]),
                                           (int64_t)i * 10, NULL),
                         0);
    mjpeg_parser_free(parser);
    assert_int_equal(seen.parts, 2);
    assert_int_equal(seen.first_byte_at[0], 10);
    assert_int_equal(seen.first_byte_at[1], 50);
    buf_done(&seen.pictures);
}

static void test_counted_picture_does_not_wait_for_the_next_boundary(void **state)
{
    static const char text[] = "--frame\r\nContent-Length: 4\r\n\r\nabcd";
    struct seen seen;
    struct mjpeg_parser *parser = start("multipart/x-mixed-replace;boundary=frame", &seen);

    (void)state;
    assert_int_equal(mjpeg_parser_feed(parser, (const uint8_t *)text, strlen(text), 1, NULL), 0);
    assert_int_equal(seen.count, 1);
    mjpeg_parser_free(parser);
    buf_done(&seen.pictures);
}

static void test_unwanted_parts_are_not_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        CLEANUP(buf_done) struct buf stream;
        struct mjpeg_parser *parser;
        struct seen seen;

        make_stream(&dialects[i], &stream);
        parser = start(dialects[i].content_type, &seen);
        seen.want = false;
        assert_int_equal(mjpeg_parser_feed(parser, stream.data, stream.len, 1, NULL), 0);
        assert_int_equal(seen.count, 0);
        assert_true(seen.parts >= 2);
        mjpeg_parser_free(parser);
    }
}

static void test_empty_part_is_an_empty_picture(void **state)
{
    static const char text[] = "--f\r\nContent-Length: 0\r\n\r\n\r\n--f\r\nX: y\r\n\r\n\r\n--f\r\n";
    struct seen seen;
    struct mjpeg_parser *parser = start("multipart/x-mixed-replace;boundary=f", &seen);

    (void)state;
    assert_int_equal(mjpeg_parser_feed(parser, (const uint8_t *)text, strlen(text), 1, NULL), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.pictures.len, 2 * sizeof(size_t));
    mjpeg_parser_free(parser);
    buf_done(&seen.pictures);
}

/* Feeds start_text and then zeros until the parser refuses. */
static int feed_endless(const char *start_text, uint8_t filler, struct error *err)
{
    struct seen seen;
    struct mjpeg_parser *parser = start("multipart/x-mixed-replace;boundary=frame", &seen);
    uint8_t zeros[1000];
    int rc = mjpeg_parser_feed(parser, (const uint8_t *)start_text, strlen(start_text), 1, err);

    memset(zeros, filler, sizeof(zeros));
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = mjpeg_parser_feed(parser, zeros, sizeof(zeros), 1, err);
    mjpeg_parser_free(parser);
    buf_done(&seen.pictures);
    return rc;
}

static void test_endless_part_is_refused(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(feed_endless("--frame\r\nX: y\r\n\r\n", 0, &err), -EMSGSIZE);
    assert_non_null(strstr(err.text, "larger than 5000"));
    assert_int_equal(feed_endless("--frame\r\nContent-Length: 5001\r\n\r\n", 0, &err), -EMSGSIZE);
    assert_int_equal(feed_endless("", 0, &err), -EMSGSIZE);
    assert_non_null(strstr(err.text, "no boundary"));
    assert_int_equal(feed_endless("--frame\r\n", 'x', &err), -EBADMSG);
    assert_non_null(strstr(err.text, "endless headers"));
}

static void expect_type_refused(const char *content_type, const char *words)
{
    struct mjpeg_parser *parser = NULL;
    struct error err = {0};

    assert_int_equal(mjpeg_parser_new(content_type, MAX_BYTES, &handler, NULL, &parser, &err),
                     -EBADMSG);
    assert_null(parser);
    assert_non_null(strstr(err.text, words));
}

static void test_other_content_types_are_refused_with_advice(void **state)
{
    (void)state;
    expect_type_refused("image/jpeg", "use kind = \"http\"");
    expect_type_refused("text/html; charset=utf-8", "HTML page");
    expect_type_refused("video/mp4", "video/mp4");
    expect_type_refused(NULL, "no content type");
    expect_type_refused("multipart/x-mixed-replace", "without a boundary");
    expect_type_refused("multipart/x-mixed-replace; boundary=\"\"", "without a boundary");
}

static void test_random_bytes_never_crash(void **state)
{
    uint32_t noise = 7;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct seen seen;
        struct mjpeg_parser *parser = start("multipart/x-mixed-replace;boundary=f", &seen);
        int rc = 0;

        for (int i = 0; i < 50 && rc == 0; i++) {
            static const char alphabet[] = "f-\r\n:0C\xFF";
            uint8_t piece[64];

            for (size_t b = 0; b < sizeof(piece); b++) {
                noise = noise * 1664525u + 1013904223u;
                piece[b] = (uint8_t)alphabet[(noise >> 24) % (sizeof(alphabet) - 1)];
            }
            rc = mjpeg_parser_feed(parser, piece, 1 + noise % sizeof(piece), 1, NULL);
        }
        mjpeg_parser_free(parser);
        buf_done(&seen.pictures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_dialect_gives_its_pictures),
        cmocka_unit_test(test_every_split_gives_the_same_pictures),
        cmocka_unit_test(test_pieces_of_any_size_give_the_same_pictures),
        cmocka_unit_test(test_part_is_stamped_with_its_first_header_byte),
        cmocka_unit_test(test_counted_picture_does_not_wait_for_the_next_boundary),
        cmocka_unit_test(test_unwanted_parts_are_not_kept),
        cmocka_unit_test(test_empty_part_is_an_empty_picture),
        cmocka_unit_test(test_endless_part_is_refused),
        cmocka_unit_test(test_other_content_types_are_refused_with_advice),
        cmocka_unit_test(test_random_bytes_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
