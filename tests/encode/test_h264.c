/* SPDX-License-Identifier: MIT */
/* test_h264: streams by hand, byte for byte, and one of the real encoder. */
#include "encode/h264.h"

#include "agent/base/mem.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define START 0, 0, 0, 1
#define SPS   START, 0x67, 100, 0, 42, 0xaa
#define PPS   START, 0x68, 0xee, 0x38, 0x80
#define AUD   START, 0x09, 0xf0
#define SEI   START, 0x06, 5, 1, 2
#define IDR   START, 0x65, 0x88, 0x11
#define NEXT  START, 0x41, 0x9a, 0x22
#define MORE  0, 0, 1, 0x41, 0x2a, 0x33 /* a second slice: first_mb_in_slice is not 0 */

static int split(const uint8_t *data, size_t len, struct h264_stream *ret)
{
    struct error err;
    uint8_t *exact = xmemdup(data, len); /* so that the sanitizer sees a read behind the end */
    int rc = h264_split(exact, len, ret, &err);

    free(exact);
    return rc;
}

static void pictures_become_samples_with_lengths(void **state)
{
    static const uint8_t data[] = {AUD, SPS, PPS, SEI, IDR, AUD, NEXT, MORE, NEXT};
    static const uint8_t wanted[] = {0, 0, 0, 3, 0x65, 0x88, 0x11, 0, 0, 0, 3, 0x41, 0x9a, 0x22,
                                     0, 0, 0, 3, 0x41, 0x2a, 0x33, 0, 0, 0, 3, 0x41, 0x9a, 0x22};
    struct h264_stream stream;

    (void)state;
    assert_int_equal(split(data, sizeof(data), &stream), 0);
    assert_int_equal(stream.sample_count, 3);
    assert_true(stream.samples[0].key);
    assert_int_equal(stream.samples[0].bytes, 7);
    assert_false(stream.samples[1].key);
    assert_int_equal(stream.samples[1].bytes, 14);
    assert_int_equal(stream.samples[2].bytes, 7);
    assert_int_equal(stream.data.len, sizeof(wanted));
    assert_memory_equal(stream.data.data, wanted, sizeof(wanted));
    assert_int_equal(stream.sps_len, 5);
    assert_int_equal(stream.pps_len, 4);
    h264_stream_done(&stream);
}

static void what_is_no_stream_is_refused(void **state)
{
    static const uint8_t no_idr[] = {SPS, PPS, NEXT};
    static const uint8_t no_parameters[] = {IDR};
    static const uint8_t other_parameters[] = {SPS, PPS, IDR, START, 0x67, 100, 0, 51, 0xaa};
    static const uint8_t no_pictures[] = {SPS, PPS, SEI};
    static const uint8_t data_partition[] = {SPS, PPS, IDR, START, 0x42, 0x9a};
    static const uint8_t garbage[] = "<html>not found</html>";
    static const struct {
        const uint8_t *data;
        size_t len;
    } cases[] = {{no_idr, sizeof(no_idr)},
                 {no_parameters, sizeof(no_parameters)},
                 {other_parameters, sizeof(other_parameters)},
                 {no_pictures, sizeof(no_pictures)},
                 {data_partition, sizeof(data_partition)},
                 {garbage, sizeof(garbage)},
                 {garbage, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct h264_stream stream;

        assert_int_equal(split(cases[i].data, cases[i].len, &stream), -EBADMSG);
        h264_stream_done(&stream);
    }
}

static void a_cut_at_any_byte_never_gives_more_pictures(void **state)
{
    static const uint8_t data[] = {SPS, PPS, IDR, NEXT, MORE, NEXT};

    (void)state;
    for (size_t len = 0; len < sizeof(data); len++) {
        struct h264_stream stream;
        int rc = split(data, len, &stream);

        assert_true(rc == 0 || rc == -EBADMSG);
        assert_true(stream.sample_count <= 3);
        h264_stream_done(&stream);
    }
}

static void the_real_encoder_is_counted_right(void **state)
{
    struct h264_stream stream;

    (void)state;
    rig_make_h264(17, "4.2", &stream);
    assert_int_equal(stream.sample_count, 17);
    assert_true(stream.samples[0].key);
    h264_stream_done(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_become_samples_with_lengths),
        cmocka_unit_test(what_is_no_stream_is_refused),
        cmocka_unit_test(a_cut_at_any_byte_never_gives_more_pictures),
        cmocka_unit_test(the_real_encoder_is_counted_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
