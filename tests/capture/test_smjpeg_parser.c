/* SPDX-License-Identifier: MIT */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "capture/smjpeg_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1000, PICTURES_MAX = 8 };

/* As ffmpeg 5.1 begins. */
static const char head[] = "\0\nSMJPEG\0\0\0\0\0\0\1\54"
                           "_TXT\0\0\0\3abc"
                           "_VID\0\0\0\14\0\0\0\0\2\200\1\150JFIF"
                           "HEND";
static const char pictures[] = "vidD\0\0\0\310\0\0\0\4ABCD"
                               "vidD\0\0\1\220\0\0\0\2EF"
                               "DONE";

struct heard {
    uint32_t times[PICTURES_MAX];
    int64_t arrivals[PICTURES_MAX];
    char bodies[PICTURES_MAX][8];
    size_t parts, count;
    bool unwanted;
};

static bool on_part(uint32_t time_ms, int64_t first_byte_at_mono_us, void *user)
{
    struct heard *heard = user;

    heard->times[heard->parts] = time_ms;
    heard->arrivals[heard->parts++] = first_byte_at_mono_us;
    return !heard->unwanted;
}

static void on_picture(uint8_t *jpeg, size_t len, void *user)
{
    struct heard *heard = user;

    assert_true(len < sizeof(heard->bodies[0]));
    memcpy(heard->bodies[heard->count++], jpeg, len);
    free(jpeg);
}

static struct smjpeg_parser *begin(struct heard *heard)
{
    static const struct smjpeg_handler handler = {.on_part = on_part, .on_picture = on_picture};

    *heard = (struct heard){0};
    return smjpeg_parser_new(MAX_BYTES, &handler, heard);
}

static int feed(struct smjpeg_parser *parser, const char *data, size_t len, int64_t at_us,
                struct error *err)
{
    return smjpeg_parser_feed(parser, (const uint8_t *)data, len, at_us, err);
}

static void pictures_come_however_the_stream_is_cut(void **state)
{
    char stream[sizeof(head) - 1 + sizeof(pictures) - 1];
    struct heard heard;

    (void)state;
    memcpy(stream, head, sizeof(head) - 1);
    memcpy(stream + sizeof(head) - 1, pictures, sizeof(pictures) - 1);
    for (size_t step = 1; step <= sizeof(stream); step++) {
        struct smjpeg_parser *parser = begin(&heard);

        for (size_t at = 0; at < sizeof(stream); at += step)
            assert_int_equal(
                feed(parser, stream + at, MIN(step, sizeof(stream) - at), (int64_t)at, NULL), 0);
        assert_int_equal(heard.count, 2);
        assert_int_equal(heard.times[0], 200);
        assert_int_equal(heard.times[1], 400);
        assert_string_equal(heard.bodies[0], "ABCD");
        assert_string_equal(heard.bodies[1], "EF");
        smjpeg_parser_free(parser);
    }
}

static void picture_has_the_time_of_its_first_byte(void **state)
{
    struct heard heard;
    struct smjpeg_parser *parser = begin(&heard);

    (void)state;
    assert_int_equal(feed(parser, head, sizeof(head) - 1, 1, NULL), 0);
    assert_int_equal(feed(parser, pictures, 3, 5, NULL), 0);
    assert_int_equal(feed(parser, pictures + 3, sizeof(pictures) - 4, 9, NULL), 0);
    assert_int_equal(heard.arrivals[0], 5);
    assert_int_equal(heard.arrivals[1], 9);
    smjpeg_parser_free(parser);
}

static void picture_that_nobody_wants_is_skipped(void **state)
{
    struct heard heard;
    struct smjpeg_parser *parser = begin(&heard);

    (void)state;
    heard.unwanted = true;
    assert_int_equal(feed(parser, head, sizeof(head) - 1, 1, NULL), 0);
    assert_int_equal(feed(parser, pictures, 20, 1, NULL), 0);
    heard.unwanted = false;
    assert_int_equal(feed(parser, pictures + 20, sizeof(pictures) - 1 - 20, 1, NULL), 0);
    assert_int_equal(heard.parts, 2);
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.bodies[0], "EF");
    smjpeg_parser_free(parser);
}

static void expect_refused(const char *data, size_t len, int code, bool with_head)
{
    struct heard heard;
    struct smjpeg_parser *parser = begin(&heard);
    struct error err = {0};

    if (with_head)
        assert_int_equal(feed(parser, head, sizeof(head) - 1, 1, NULL), 0);
    assert_int_equal(feed(parser, data, len, 1, &err), code);
    assert_int_equal(err.code, code);
    assert_int_equal(heard.count, 0);
    smjpeg_parser_free(parser);
}

static void what_is_no_smjpeg_is_refused(void **state)
{
    (void)state;
    expect_refused("<html><head>not a stream", 24, -EBADMSG, false);
    expect_refused("vidX\0\0\0\1\0\0\0\1A", 13, -EBADMSG, true);
    expect_refused("_TXT\377\377\377\377", 8, -EBADMSG, true);
    expect_refused("vidD\0\0\0\1\0\0\0\0", 12, -EBADMSG, true);
}

static void picture_over_the_limit_is_refused_before_it_is_stored(void **state)
{
    (void)state;
    expect_refused("vidD\0\0\0\1\0\0\3\351", 12, -EFBIG, true);
    expect_refused("vidD\0\0\0\1\377\377\377\377", 12, -EFBIG, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_come_however_the_stream_is_cut),
        cmocka_unit_test(picture_has_the_time_of_its_first_byte),
        cmocka_unit_test(picture_that_nobody_wants_is_skipped),
        cmocka_unit_test(what_is_no_smjpeg_is_refused),
        cmocka_unit_test(picture_over_the_limit_is_refused_before_it_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
