/* SPDX-License-Identifier: MIT */
/* test_turn: a picture turned is the same picture, and any two turns are one. */
#include "capture/turn.h"

#include "agent/base/error.h"
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

enum { TURNS = 8, WIDE = 3, HIGH = 2, BLOCK_PX = 16 };

/* --- by hand, on numbers --- */

struct grid {
    int cells[WIDE * WIDE];
    int width, height;
};

static struct grid transpose(const struct grid *grid)
{
    struct grid out = {.width = grid->height, .height = grid->width};

    for (int y = 0; y < grid->height; y++)
        for (int x = 0; x < grid->width; x++)
            out.cells[x * out.width + y] = grid->cells[y * grid->width + x];
    return out;
}

static struct grid turn_grid(const struct grid *grid, unsigned turn)
{
    struct grid from = turn & TURN_TRANSPOSE ? transpose(grid) : *grid;
    struct grid out = {.width = from.width, .height = from.height};

    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            int from_x = turn & TURN_HFLIP ? out.width - 1 - x : x;
            int from_y = turn & TURN_VFLIP ? out.height - 1 - y : y;

            out.cells[y * out.width + x] = from.cells[from_y * out.width + from_x];
        }
    return out;
}

static void assert_same_grid(const struct grid *one, const struct grid *other)
{
    assert_int_equal(one->width, other->width);
    assert_int_equal(one->height, other->height);
    assert_memory_equal(one->cells, other->cells, sizeof(one->cells));
}

static const struct grid original = {.cells = {1, 2, 3, 4, 5, 6}, .width = WIDE, .height = HIGH};

static void test_any_two_turns_are_one(void **state)
{
    (void)state;
    for (unsigned first = 0; first < TURNS; first++)
        for (unsigned second = 0; second < TURNS; second++) {
            struct grid once = turn_grid(&original, first);
            struct grid twice = turn_grid(&once, second);
            struct grid both = turn_grid(&original, turn_then(first, second));

            assert_same_grid(&twice, &both);
        }
}

static void test_ninety_degrees_are_clockwise_and_after_the_mirroring(void **state)
{
    /* 1 2 3      4 1     3 2 1      6 3
     * 4 5 6  90: 5 2     6 5 4  90: 5 2
     *            6 3                4 1 */
    static const struct grid turned = {.cells = {4, 1, 5, 2, 6, 3}, .width = 2, .height = 3};
    static const struct grid mirrored = {.cells = {6, 3, 5, 2, 4, 1}, .width = 2, .height = 3};
    struct grid got = turn_grid(&original, turn_of_settings(false, false, 90));

    (void)state;
    assert_same_grid(&got, &turned);
    got = turn_grid(&original, turn_of_settings(true, false, 90));
    assert_same_grid(&got, &mirrored);
    assert_int_equal(turn_of_settings(true, true, 180), TURN_NONE);
    assert_int_equal(turn_of_settings(false, false, 270), TURN_270);
    assert_int_equal(turn_then(TURN_90, TURN_270), TURN_NONE);
}

static void test_orientations_are_undone(void **state)
{
    (void)state;
    assert_int_equal(turn_of_orientation(1), TURN_NONE);
    assert_int_equal(turn_of_orientation(3), TURN_180);
    assert_int_equal(turn_of_orientation(6), TURN_90);
    assert_int_equal(turn_of_orientation(8), TURN_270);
    assert_int_equal(turn_of_orientation(0), TURN_NONE);
    assert_int_equal(turn_of_orientation(9), TURN_NONE);
    assert_int_equal(turn_of_orientation(-1), TURN_NONE);
}

/* --- on pictures --- */

/* A picture of grey blocks, one for each cell, and greys read back as a grid. */
static uint8_t *picture_of(const struct grid *grid, size_t *ret_len)
{
    int width = grid->width * BLOCK_PX, height = grid->height * BLOCK_PX;
    size_t luma = (size_t)width * (size_t)height;
    CLEANUP(free_p) uint8_t *planes = xmalloc(luma * 3 / 2);
    uint8_t *jpeg = NULL;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            planes[y * width + x] =
                (uint8_t)(30 * grid->cells[y / BLOCK_PX * grid->width + x / BLOCK_PX]);
    memset(planes + luma, 128, luma / 2);
    assert_int_equal(jpeg_compress_yuv420(planes, width, height, 90, &jpeg, ret_len, NULL), 0);
    return jpeg;
}

static struct grid grid_of(const uint8_t *jpeg, size_t len)
{
    CLEANUP(picture_pixels_done) struct picture_pixels pixels = {0};
    struct grid grid;
    bool damaged = true;

    assert_int_equal(jpeg_decode(jpeg, len, 1000, &pixels, &damaged, NULL), 0);
    assert_false(damaged);
    grid = (struct grid){.width = pixels.width / BLOCK_PX, .height = pixels.height / BLOCK_PX};
    for (int y = 0; y < grid.height; y++)
        for (int x = 0; x < grid.width; x++) {
            size_t at = (size_t)((y * BLOCK_PX + 8) * pixels.width + x * BLOCK_PX + 8) * 3;

            grid.cells[y * grid.width + x] = (pixels.rgb[at] + 15) / 30;
        }
    return grid;
}

static void test_a_jpeg_is_turned_as_said_and_without_loss(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_of(&original, &len);

    (void)state;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        CLEANUP(free_p) uint8_t *turned = NULL;
        struct grid want = turn_grid(&original, turn), got;
        struct jpeg_info info;

        assert_int_equal(jpeg_turn(jpeg, len, turn, &turned, &info, NULL), 0);
        assert_int_equal(info.width, want.width * BLOCK_PX);
        assert_int_equal(info.height, want.height * BLOCK_PX);
        got = grid_of(turned, info.len);
        assert_same_grid(&got, &want);
    }
}

static void test_four_quarters_give_the_first_picture_bit_by_bit(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(320, 240, 3, &len);
    CLEANUP(picture_pixels_done) struct picture_pixels before = {0};
    CLEANUP(picture_pixels_done) struct picture_pixels after = {0};
    struct jpeg_info info = {.len = len};
    bool damaged;

    (void)state;
    assert_int_equal(jpeg_decode(jpeg, len, 1000, &before, &damaged, NULL), 0);
    for (int i = 0; i < 4; i++) {
        uint8_t *turned = NULL;

        assert_int_equal(jpeg_turn(jpeg, info.len, TURN_90, &turned, &info, NULL), 0);
        free(jpeg);
        jpeg = turned;
    }
    assert_int_equal(jpeg_decode(jpeg, info.len, 1000, &after, &damaged, NULL), 0);
    assert_int_equal(after.width, 320);
    assert_memory_equal(before.rgb, after.rgb, 320 * 240 * 3);
}

static void test_an_edge_that_is_no_whole_block_is_cut_off(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(104, 58, 4, &len); /* blocks of 16 */
    CLEANUP(free_p) uint8_t *upside_down = NULL;
    CLEANUP(free_p) uint8_t *quarter = NULL;
    struct jpeg_info info;

    (void)state;
    assert_int_equal(jpeg_turn(jpeg, len, TURN_180, &upside_down, &info, NULL), 0);
    assert_int_equal(info.width, 96);
    assert_int_equal(info.height, 48);
    assert_int_equal(jpeg_turn(jpeg, len, TURN_90, &quarter, &info, NULL), 0);
    assert_int_equal(info.width, 48); /* the edge that would come to lie left */
    assert_int_equal(info.height, 104);
}

static void test_what_is_no_picture_is_not_turned(void **state)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 5, &len);
    uint8_t *turned = NULL;
    struct jpeg_info info;
    struct error err = {0};

    (void)state;
    assert_int_equal(jpeg_turn(jpeg, len / 2, TURN_90, &turned, &info, &err), -EBADMSG);
    assert_null(turned);
    assert_non_null(strstr(err.text, "cut after"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_two_turns_are_one),
        cmocka_unit_test(test_ninety_degrees_are_clockwise_and_after_the_mirroring),
        cmocka_unit_test(test_orientations_are_undone),
        cmocka_unit_test(test_a_jpeg_is_turned_as_said_and_without_loss),
        cmocka_unit_test(test_four_quarters_give_the_first_picture_bit_by_bit),
        cmocka_unit_test(test_an_edge_that_is_no_whole_block_is_cut_off),
        cmocka_unit_test(test_what_is_no_picture_is_not_turned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
