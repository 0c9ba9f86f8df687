/* SPDX-License-Identifier: MIT */
/* test_marker: what is written into a picture comes back, or an error does. */
#include "tests/sim/marker.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static const struct marker WRITTEN = {
    .layer = 54321,
    .x_dmm = 1234,
    .y_dmm = -56,
    .paused = true,
    .standing = true,
    .job = 200,
    .view = 1,
    .frame = 0xabcdef,
    .time_ms = 4123456789,
};

static void assert_same(const struct marker *a, const struct marker *b)
{
    assert_int_equal(a->layer, b->layer);
    assert_int_equal(a->x_dmm, b->x_dmm);
    assert_int_equal(a->y_dmm, b->y_dmm);
    assert_int_equal(a->paused, b->paused);
    assert_int_equal(a->standing, b->standing);
    assert_int_equal(a->job, b->job);
    assert_int_equal(a->view, b->view);
    assert_int_equal(a->frame, b->frame);
    assert_int_equal(a->time_ms, b->time_ms);
}

/* A grey picture with texture and the marker; the caller frees. */
static uint8_t *draw(int width, int height)
{
    uint8_t *luma = malloc((size_t)width * (size_t)height);

    assert_non_null(luma);
    for (int i = 0; i < width * height; i++)
        luma[i] = (uint8_t)(100 + i * 7 % 60);
    marker_draw(luma, width, height, width, &WRITTEN);
    return luma;
}

static void what_is_drawn_is_read_at_every_size(void **state)
{
    static const int sizes[][2] = {{320, 240}, {640, 480}, {800, 600}, {1280, 720}, {1920, 1080}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *luma = draw(sizes[i][0], sizes[i][1]);
        struct marker read;

        assert_int_equal(marker_read(luma, sizes[i][0], sizes[i][1], sizes[i][0], &read), 0);
        assert_same(&read, &WRITTEN);
        free(luma);
    }
}

static unsigned char *compress(const uint8_t *luma, int width, int height, int quality,
                               unsigned long *ret_len)
{
    tjhandle encoder = tjInitCompress();
    unsigned char *jpeg = NULL;

    *ret_len = 0;
    assert_int_equal(tjCompress2(encoder, luma, width, width, height, TJPF_GRAY, &jpeg, ret_len,
                                 TJSAMP_GRAY, quality, 0),
                     0);
    tjDestroy(encoder);
    return jpeg;
}

static void it_survives_a_jpeg_of_quality_60_and_of_30(void **state)
{
    static const int qualities[] = {60, 30};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *luma = draw(640, 480);
        unsigned long len;
        unsigned char *jpeg = compress(luma, 640, 480, qualities[i], &len);
        struct marker read;

        assert_int_equal(marker_read_jpeg(jpeg, len, &read), 0);
        assert_same(&read, &WRITTEN);
        tjFree(jpeg);
        free(luma);
    }
}

static void it_survives_half_the_size_and_another_range(void **state)
{
    uint8_t *luma = draw(640, 480), *half = malloc(320 * 240);
    struct marker read;

    (void)state;
    assert_non_null(half);
    for (int y = 0; y < 240; y++) {
        for (int x = 0; x < 320; x++) {
            const uint8_t *at = luma + 2 * y * 640 + 2 * x;
            int mean = (at[0] + at[1] + at[640] + at[641]) / 4;

            half[y * 320 + x] = (uint8_t)(16 + mean * 219 / 255);
        }
    }
    assert_int_equal(marker_read(half, 320, 240, 320, &read), 0);
    assert_same(&read, &WRITTEN);
    free(half);
    free(luma);
}

/* Turns each square over, one after the other. */
static void one_wrong_square_is_always_noticed(void **state)
{
    (void)state;
    for (int row = 1; row <= 2; row++) {
        for (int column = 2; column < 78; column++) {
            uint8_t *luma = draw(640, 480);
            struct marker read;

            for (int y = row * 8; y < row * 8 + 8; y++) {
                for (int x = column * 8; x < column * 8 + 8; x++)
                    luma[y * 640 + x] = (uint8_t)(255 - luma[y * 640 + x]);
            }
            assert_int_equal(marker_read(luma, 640, 480, 640, &read), -EBADMSG);
            free(luma);
        }
    }
}

static void a_picture_without_a_marker_has_none(void **state)
{
    uint8_t *luma = malloc(640 * 480);
    struct marker read;

    (void)state;
    assert_non_null(luma);
    memset(luma, 90, 640 * 480);
    assert_int_equal(marker_read(luma, 640, 480, 640, &read), -EBADMSG);
    for (int i = 0; i < 640 * 480; i++)
        luma[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(marker_read(luma, 640, 480, 640, &read), -EBADMSG);
    assert_int_equal(marker_read(luma, 100, 100, 100, &read), -EINVAL);
    free(luma);
}

static void half_a_jpeg_and_none_at_all_are_refused(void **state)
{
    uint8_t *luma = draw(640, 480);
    unsigned long len;
    unsigned char *jpeg = compress(luma, 640, 480, 80, &len);
    struct marker read;

    (void)state;
    assert_int_equal(marker_read_jpeg(jpeg, len / 2, &read), -EILSEQ);
    assert_int_equal(marker_read_jpeg(luma, 1000, &read), -EILSEQ);
    tjFree(jpeg);
    free(luma);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_drawn_is_read_at_every_size),
        cmocka_unit_test(it_survives_a_jpeg_of_quality_60_and_of_30),
        cmocka_unit_test(it_survives_half_the_size_and_another_range),
        cmocka_unit_test(one_wrong_square_is_always_noticed),
        cmocka_unit_test(a_picture_without_a_marker_has_none),
        cmocka_unit_test(half_a_jpeg_and_none_at_all_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
