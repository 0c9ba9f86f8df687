/* SPDX-License-Identifier: MIT */
/* test_v4l2_pictures: what USB cameras bring becomes a JPEG that everybody can read: MJPG without
 * Huffman tables, and pixels. The driver itself is tested with real devices: tests/device. */
#include "agent/base/mem.h"
#include "capture/camera/v4l2_control.h"
#include "capture/jpeg.h"
#include "capture/jpeg_tables.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 64, HEIGHT = 48, MARKER_DHT = 0xC4, MARKER_SOS = 0xDA };

/* Takes the Huffman tables out, as many cameras send it. Returns how long it is then. */
static size_t drop_tables(uint8_t *jpeg, size_t len)
{
    size_t at = 2;

    while (jpeg[at + 1] != MARKER_SOS) {
        size_t segment = 2 + ((size_t)jpeg[at + 2] << 8 | jpeg[at + 3]);

        assert_true(at + segment < len);
        if (jpeg[at + 1] == MARKER_DHT) {
            memmove(jpeg + at, jpeg + at + segment, len - at - segment);
            len -= segment;
        } else {
            at += segment;
        }
    }
    return len;
}

static void test_pictures_without_tables_get_the_standard_ones(void **state)
{
    size_t len, bare_len, whole_len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(WIDTH, HEIGHT, 3, &len);
    CLEANUP(free_p) uint8_t *bare = xmemdup(jpeg, len);
    CLEANUP(free_p) uint8_t *whole = NULL;
    CLEANUP(picture_pixels_done) struct picture_pixels before = {0}, after = {0};
    bool damaged = true;

    (void)state;
    bare_len = drop_tables(bare, len);
    assert_true(bare_len < len);
    assert_int_equal(jpeg_decode(jpeg, len, WIDTH, &before, &damaged, NULL), 0);
    whole = jpeg_copy_with_tables(bare, bare_len, &whole_len);
    assert_int_equal(jpeg_decode(whole, whole_len, WIDTH, &after, &damaged, NULL), 0);
    assert_false(damaged);
    assert_memory_equal(after.rgb, before.rgb, (size_t)WIDTH * HEIGHT * 3);
}

static void test_pictures_with_tables_and_anything_else_stay_as_they_are(void **state)
{
    size_t len, copy_len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(WIDTH, HEIGHT, 4, &len);

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) { /* no cut is read beyond */
        CLEANUP(free_p) uint8_t *exact = xmemdup(jpeg, cut);
        CLEANUP(free_p) uint8_t *copy = jpeg_copy_with_tables(exact, cut, &copy_len);

        assert_int_equal(copy_len, cut);
        assert_memory_equal(copy, jpeg, cut);
    }
}

/* The brightness of the first pixel, of grey pictures. */
static int grey_of(const struct jpeg_pixels *pixels)
{
    CLEANUP(free_p) uint8_t *jpeg = NULL;
    CLEANUP(picture_pixels_done) struct picture_pixels decoded = {0};
    struct error err = {0};
    bool damaged = true;
    size_t len;

    if (jpeg_compress_pixels(pixels, 90, &jpeg, &len, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(jpeg_decode(jpeg, len, WIDTH, &decoded, &damaged, NULL), 0);
    assert_false(damaged);
    assert_int_equal(decoded.width, pixels->width);
    assert_int_equal(decoded.height, pixels->height);
    return decoded.rgb[0];
}

static void test_video_range_becomes_the_full_range(void **state)
{
    uint8_t data[WIDTH * HEIGHT * 2];
    struct jpeg_pixels pixels = {.kind = JPEG_PIXELS_YUYV,
                                 .data = data,
                                 .len = sizeof(data),
                                 .stride = WIDTH * 2,
                                 .width = WIDTH,
                                 .height = HEIGHT};

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = i % 2 ? 128 : 235;
    assert_in_range(grey_of(&pixels), 253, 255);
    pixels.full_range = true;
    assert_in_range(grey_of(&pixels), 233, 237);
    for (size_t i = 0; i < sizeof(data); i += 2)
        data[i] = 16;
    pixels.full_range = false;
    assert_in_range(grey_of(&pixels), 0, 2);
}

static void test_rows_may_be_longer_than_the_picture(void **state)
{
    enum { STRIDE = WIDTH * 3 + 32 };
    uint8_t data[STRIDE * HEIGHT];
    struct jpeg_pixels pixels = {.kind = JPEG_PIXELS_BGR,
                                 .data = data,
                                 .len = sizeof(data) - 32,
                                 .stride = STRIDE,
                                 .width = WIDTH,
                                 .height = HEIGHT};

    (void)state;
    memset(data, 0, sizeof(data));
    for (size_t row = 0; row < HEIGHT; row++)
        memset(data + row * STRIDE, 200, WIDTH * 3);
    assert_in_range(grey_of(&pixels), 198, 202);
    pixels.kind = JPEG_PIXELS_RGB;
    assert_in_range(grey_of(&pixels), 198, 202);
}

static void test_pixels_that_are_not_there_are_refused(void **state)
{
    const uint8_t data[64] = {0};
    uint8_t *jpeg = NULL;
    size_t len;
    struct jpeg_pixels pixels = {.kind = JPEG_PIXELS_YUYV,
                                 .data = data,
                                 .len = sizeof(data),
                                 .stride = 16,
                                 .width = 8,
                                 .height = 5};

    (void)state;
    assert_int_equal(jpeg_compress_pixels(&pixels, 90, &jpeg, &len, NULL), -EINVAL);
    pixels.height = 4;
    pixels.stride = 15;
    assert_int_equal(jpeg_compress_pixels(&pixels, 90, &jpeg, &len, NULL), -EINVAL);
    pixels.stride = 16;
    pixels.width = 7;
    assert_int_equal(jpeg_compress_pixels(&pixels, 90, &jpeg, &len, NULL), -EINVAL);
    pixels.width = 0;
    assert_int_equal(jpeg_compress_pixels(&pixels, 90, &jpeg, &len, NULL), -EINVAL);
    assert_null(jpeg);
}

static void test_controls_are_name_and_whole_number(void **state)
{
    static const char *const wrong[] = {
        "", "focus", "=3", "focus=", "focus=on", "focus=1.5", "focus=99999999999", NULL};
    char name[V4L2_CONTROL_NAME];
    int64_t value;

    (void)state;
    assert_int_equal(v4l2_knob_parse("pan_absolute=-3600", name, &value, NULL), 0);
    assert_string_equal(name, "pan_absolute");
    assert_int_equal(value, -3600);
    for (size_t i = 0; wrong[i]; i++)
        assert_int_equal(v4l2_knob_parse(wrong[i], name, &value, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_without_tables_get_the_standard_ones),
        cmocka_unit_test(test_pictures_with_tables_and_anything_else_stay_as_they_are),
        cmocka_unit_test(test_video_range_becomes_the_full_range),
        cmocka_unit_test(test_rows_may_be_longer_than_the_picture),
        cmocka_unit_test(test_pixels_that_are_not_there_are_refused),
        cmocka_unit_test(test_controls_are_name_and_whole_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
