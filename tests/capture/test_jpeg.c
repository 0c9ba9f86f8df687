/* SPDX-License-Identifier: MIT */
/* test_jpeg: no cut, foreign or absurd picture passes, and every whole one does. */
#include "agent/base/crc32.h"
#include "agent/base/mem.h"
#include "capture/jpeg.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect_refused(const void *data, size_t len, const char *words)
{
    struct jpeg_info info = {0};
    struct error err = {0};

    assert_int_equal(jpeg_check(data, len, &info, &err), -EBADMSG);
    assert_non_null(strstr(err.text, words));
    assert_int_equal(info.width, 0);
}

static void test_whole_picture_is_accepted_with_its_size(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(162, 98, 1, &len);
    struct jpeg_info info;

    (void)state;
    assert_int_equal(jpeg_check(jpeg, len, &info, NULL), 0);
    assert_int_equal(info.width, 162);
    assert_int_equal(info.height, 98);
    assert_int_equal(info.len, len);
}

static void test_every_cut_is_refused(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 2, &len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        /* a copy of the exact size, so that the sanitizer sees a read behind it */
        CLEANUP(free_p) uint8_t *part = xmemdup(jpeg, cut);
        struct jpeg_info info;

        assert_int_equal(jpeg_check(part, cut, &info, NULL), -EBADMSG);
    }
}

/* JPEG with a thumbnail in its APP1, which brings an EOI of its own. */
static uint8_t *with_thumbnail(const uint8_t *jpeg, size_t len, size_t *ret_len)
{
    size_t thumb_len;
    CLEANUP(free_p) uint8_t *thumb = picture_make(16, 16, 9, &thumb_len);

    return picture_with_segment(jpeg, len, 0xE1, thumb, thumb_len, ret_len);
}

static void test_end_of_embedded_thumbnail_is_not_the_end(void **state)
{
    size_t plain_len, len;
    CLEANUP(free_p) uint8_t *plain = picture_make(64, 48, 3, &plain_len);
    CLEANUP(free_p) uint8_t *jpeg = with_thumbnail(plain, plain_len, &len);
    struct jpeg_info info;

    (void)state;
    assert_int_equal(jpeg_check(jpeg, len, &info, NULL), 0);
    assert_int_equal(info.width, 64);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(jpeg_check(jpeg, cut, &info, NULL), -EBADMSG);
}

static void test_bytes_behind_the_end_are_told_apart(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 4, &len);
    CLEANUP(free_p) uint8_t *padded = xcalloc(len + 1000, 1);
    struct jpeg_info info;

    (void)state;
    memcpy(padded, jpeg, len);
    assert_int_equal(jpeg_check(padded, len + 1000, &info, NULL), 0);
    assert_int_equal(info.len, len);
    memcpy(padded + len, "SEFT of a phone", 15);
    assert_int_equal(jpeg_check(padded, len + 1000, &info, NULL), 0);
    assert_int_equal(info.len, len);
}

static void test_fill_bytes_before_a_marker_are_fine(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 5, &len);
    CLEANUP(free_p) uint8_t *filled = xmalloc(len + 3);
    struct jpeg_info info;

    (void)state;
    memcpy(filled, jpeg, 2);
    memset(filled + 2, 0xFF, 3);
    memcpy(filled + 5, jpeg + 2, len - 2);
    assert_int_equal(jpeg_check(filled, len + 3, &info, NULL), 0);
    assert_int_equal(info.len, len + 3);
}

static void test_foreign_content_is_named(void **state)
{
    (void)state;
    expect_refused("", 0, "empty");
    expect_refused("<!DOCTYPE html><html>", 21, "HTML page");
    expect_refused("\r\n <html>", 9, "HTML page");
    expect_refused("\x89PNG\r\n\x1a\n", 8, "PNG");
    expect_refused("GIF89a\1\0\1\0", 10, "GIF");
    expect_refused("RIFF\0\0\0\0WEBPVP8 ", 16, "WebP");
    expect_refused("#EXTM3U\n#EXT-X-VERSION:3\n", 25, "playlist");
    expect_refused("<svg xmlns=", 11, "SVG");
    expect_refused("{\"error\":1}", 11, "JSON");
    expect_refused("--frame\r\n", 9, "multipart");
    expect_refused("\0\0\0\0\0\0\0\0", 8, "starts with 00 00");
    expect_refused("\xFF", 1, "no JPEG");
    expect_refused("\xFF\xD8", 2, "cut after 2 bytes");
    expect_refused("\xFF\xD8\xFF\xD9", 4, "without a picture");
}

/* Finds the SOF0 segment; the picture of turbojpeg has exactly one. */
static uint8_t *find_sof(uint8_t *jpeg, size_t len)
{
    return memmem(jpeg, len, "\xFF\xC0", 2);
}

static void test_absurd_headers_are_refused(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 6, &len);
    uint8_t *sof = find_sof(jpeg, len);

    (void)state;
    memcpy(sof + 5, "\xEA\x60\xEA\x60", 4);
    expect_refused(jpeg, len, "absurd size 60000x60000");
    memcpy(sof + 5, "\0\0\0\x40", 4);
    expect_refused(jpeg, len, "absurd size 64x0");
    memcpy(sof + 5, "\0\x30\0\x40", 4);
    sof[4] = 12;
    expect_refused(jpeg, len, "rare kind (12 bit");
    sof[4] = 8;
    sof[1] = 0xC9;
    expect_refused(jpeg, len, "rare kind (SOF9)");
}

static void test_garbage_in_the_middle_is_mostly_seen_and_never_read_beyond(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(320, 240, 7, &len);
    uint32_t noise = 1;
    int refused = 0;

    (void)state;
    for (int round = 0; round < 300; round++) {
        CLEANUP(free_p) uint8_t *bad = xmemdup(jpeg, len);
        struct jpeg_info info;

        for (size_t i = 0; i < 1000; i++) {
            noise = noise * 1664525u + 1013904223u;
            bad[len / 2 + i] = (uint8_t)(noise >> 24);
        }
        refused += jpeg_check(bad, len, &info, NULL) < 0;
    }
    assert_in_range(refused, 200, 300);
}

static void test_any_byte_flipped_never_crashes(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(32, 32, 8, &len);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        for (unsigned value = 0; value < 256; value += 5) {
            CLEANUP(free_p) uint8_t *bad = xmemdup(jpeg, len);
            struct jpeg_info info;
            int rc;

            bad[i] = (uint8_t)value;
            rc = jpeg_check(bad, len, &info, NULL);
            assert_true(rc == -EBADMSG || (rc == 0 && info.len <= len));
        }
    }
}

/* As the look and the picture on MQTT do it between them. */
static int make_thumbnail(const uint8_t *jpeg, size_t len, int max_px, size_t max_bytes,
                          uint8_t **ret_thumb, size_t *ret_len, struct error *err)
{
    CLEANUP(picture_pixels_done) struct picture_pixels pixels = {0};
    bool damaged = false;

    assert_int_equal(jpeg_decode(jpeg, len, max_px, &pixels, &damaged, NULL), 0);
    assert_false(damaged);
    return jpeg_shrink(&pixels, max_px, max_bytes, ret_thumb, ret_len, err);
}

static void test_thumbnail_is_small_enough_and_whole(void **state)
{
    size_t len, thumb_len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(1280, 720, 10, &len);
    CLEANUP(free_p) uint8_t *thumb = NULL;
    struct jpeg_info info;

    (void)state;
    assert_int_equal(make_thumbnail(jpeg, len, 640, 200000, &thumb, &thumb_len, NULL), 0);
    assert_int_equal(jpeg_check(thumb, thumb_len, &info, NULL), 0);
    assert_int_equal(info.width, 640);
    assert_int_equal(info.height, 360);
    assert_true(thumb_len <= 200000);
}

static void test_thumbnail_gives_up_size_for_bytes(void **state)
{
    size_t len, thumb_len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(1280, 720, 11, &len);
    CLEANUP(free_p) uint8_t *thumb = NULL;
    struct jpeg_info info;
    struct error err = {0};

    (void)state;
    assert_int_equal(make_thumbnail(jpeg, len, 1280, 8000, &thumb, &thumb_len, NULL), 0);
    assert_int_equal(jpeg_check(thumb, thumb_len, &info, NULL), 0);
    assert_in_range(info.width, 1, 640);
    assert_true(thumb_len <= 8000);
    free_p(&thumb);
    assert_int_equal(make_thumbnail(jpeg, len, 1280, 100, &thumb, &thumb_len, &err), -EMSGSIZE);
    assert_int_equal(make_thumbnail(jpeg, len, 20, 8000, &thumb, &thumb_len, &err), -EMSGSIZE);
    assert_null(thumb);
}

static void test_thumbnail_of_a_huge_picture_is_smaller_than_the_decoder_can_scale(void **state)
{
    size_t len, thumb_len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(4000, 1000, 13, &len);
    CLEANUP(free_p) uint8_t *thumb = NULL;
    struct jpeg_info info;

    (void)state;
    assert_int_equal(make_thumbnail(jpeg, len, 300, 100000, &thumb, &thumb_len, NULL), 0);
    assert_int_equal(jpeg_check(thumb, thumb_len, &info, NULL), 0);
    assert_int_equal(info.width, 250);
    assert_int_equal(info.height, 62);
}

/* Takes bytes out of the scan without touching a marker: only decoding can see that. */
static void test_decoding_finds_damage_that_markers_do_not_show(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(320, 240, 12, &len);
    CLEANUP(picture_pixels_done) struct picture_pixels pixels = {0};
    struct jpeg_info info;
    bool damaged = false;

    (void)state;
    memmove(jpeg + len - 3002, jpeg + len - 2, 2);
    len -= 3000;
    assert_int_equal(jpeg_check(jpeg, len, &info, NULL), 0);
    assert_int_equal(jpeg_decode(jpeg, len, 320, &pixels, &damaged, NULL), 0);
    assert_true(damaged);
    assert_int_equal(pixels.width, 320);
}

static void test_compress_refuses_absurd_sizes(void **state)
{
    uint8_t *data = NULL;
    size_t len;

    (void)state;
    assert_int_equal(jpeg_compress_yuv420(NULL, 0, 10, 80, &data, &len, NULL), -EINVAL);
    assert_int_equal(jpeg_compress_yuv420(NULL, 11, 10, 80, &data, &len, NULL), -EINVAL);
    assert_int_equal(jpeg_compress_yuv420(NULL, 60000, 60000, 80, &data, &len, NULL), -EINVAL);
}

static void test_crc32_is_the_well_known_one(void **state)
{
    (void)state;
    assert_int_equal(crc32_of((const uint8_t *)"123456789", 9), 0xcbf43926u);
    assert_int_equal(crc32_of((const uint8_t *)"", 0), 0);
    assert_int_equal(crc32_more(crc32_of((const uint8_t *)"1234", 4), (const uint8_t *)"56789", 5),
                     0xcbf43926u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_picture_is_accepted_with_its_size),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_end_of_embedded_thumbnail_is_not_the_end),
        cmocka_unit_test(test_bytes_behind_the_end_are_told_apart),
        cmocka_unit_test(test_fill_bytes_before_a_marker_are_fine),
        cmocka_unit_test(test_foreign_content_is_named),
        cmocka_unit_test(test_absurd_headers_are_refused),
        cmocka_unit_test(test_garbage_in_the_middle_is_mostly_seen_and_never_read_beyond),
        cmocka_unit_test(test_any_byte_flipped_never_crashes),
        cmocka_unit_test(test_thumbnail_is_small_enough_and_whole),
        cmocka_unit_test(test_thumbnail_gives_up_size_for_bytes),
        cmocka_unit_test(test_thumbnail_of_a_huge_picture_is_smaller_than_the_decoder_can_scale),
        cmocka_unit_test(test_decoding_finds_damage_that_markers_do_not_show),
        cmocka_unit_test(test_compress_refuses_absurd_sizes),
        cmocka_unit_test(test_crc32_is_the_well_known_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
