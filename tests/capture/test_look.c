/* SPDX-License-Identifier: MIT */
/* test_look: how bright a picture is and what is strange about it is told soon, never instead of
 * the picture. */
#include "capture/look.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { SIDE_PX = 64 };

static struct look look_at_grey(int grey, int spots, int spot_grey)
{
    CLEANUP(picture_pixels_done)
    struct picture_pixels pixels = {
        .rgb = xmalloc(SIDE_PX * SIDE_PX * 3), .width = SIDE_PX, .height = SIDE_PX};

    memset(pixels.rgb, grey, SIDE_PX * SIDE_PX * 3);
    memset(pixels.rgb, spot_grey, (size_t)spots * 3);
    return look_at(&pixels);
}

static void test_brightness_is_the_mean_luma(void **state)
{
    static const uint8_t primaries[] = {255, 0, 0, 0, 255, 0, 0, 0, 255};
    uint8_t rgb[sizeof(primaries)];
    struct picture_pixels pixels = {.rgb = rgb, .width = 3, .height = 1};

    (void)state;
    memcpy(rgb, primaries, sizeof(rgb));
    assert_int_equal(look_at_grey(0, 0, 0).brightness, 0);
    assert_int_equal(look_at_grey(128, 0, 0).brightness, 128);
    assert_int_equal(look_at_grey(255, 0, 0).brightness, 255);
    assert_int_equal(look_at_grey(0, SIDE_PX * SIDE_PX / 2, 200).brightness, 100);
    assert_int_equal(look_at(&pixels).brightness, 85);
}

static void test_black_and_overexposed_are_told(void **state)
{
    (void)state;
    assert_int_equal(look_at_grey(0, 0, 0).flags, PICTURE_BLACK);
    assert_int_equal(look_at_grey(9, 100, 18).flags, PICTURE_BLACK);
    assert_int_equal(look_at_grey(255, 0, 0).flags, PICTURE_OVEREXPOSED);
    assert_int_equal(look_at_grey(255, SIDE_PX * SIDE_PX / 4, 40).flags, PICTURE_OVEREXPOSED);
}

static void test_a_night_with_a_lamp_and_a_white_wall_are_ordinary_pictures(void **state)
{
    (void)state;
    assert_int_equal(look_at_grey(4, SIDE_PX, 220).flags, 0);
    assert_int_equal(look_at_grey(30, 0, 0).flags, 0);
    assert_int_equal(look_at_grey(230, 0, 0).flags, 0);
    assert_int_equal(look_at_grey(120, 0, 0).flags, 0);
}

/* --- on the worker --- */

struct fixture {
    struct loop *loop;
    struct picture *picture;
    struct picture_waiter first, second;
    int told;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct error err;

    *state = f;
    return loop_new(&f->loop, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    loop_free(f->loop);
    picture_unref(f->picture);
    free(f);
    return 0;
}

static void on_looked(void *user)
{
    struct fixture *f = user;

    f->told++;
}

/* One that is told takes the other along. */
static void on_looked_and_end(void *user)
{
    struct fixture *f = user;

    f->told++;
    picture_waiter_done(&f->second);
}

static void wait_look(struct fixture *f)
{
    while (f->picture->looking)
        loop_run_once(f->loop);
}

static void test_everybody_who_waits_is_told_once(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *jpeg = picture_make_grey(640, 480, 100, &len);

    f->picture = picture_new(jpeg, len);
    picture_waiter_init(&f->first, on_looked, f);
    picture_waiter_init(&f->second, on_looked, f);
    assert_false(picture_await(f->picture, &f->first)); /* nobody looks */
    look_start(f->loop, f->picture, 320);
    assert_true(picture_await(f->picture, &f->first));
    assert_true(picture_await(f->picture, &f->second));
    assert_int_equal(f->told, 0);
    wait_look(f);
    assert_int_equal(f->told, 2);
    assert_in_range(f->picture->brightness, 98, 102);
    assert_int_equal(f->picture->preview.width, 320);
    assert_int_equal(f->picture->preview.height, 240);
    assert_false(picture_await(f->picture, &f->first));
}

static void test_who_left_is_not_told(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *jpeg = picture_make_grey(64, 48, 0, &len);

    f->picture = picture_new(jpeg, len);
    picture_waiter_init(&f->first, on_looked_and_end, f);
    picture_waiter_init(&f->second, on_looked, f);
    look_start(f->loop, f->picture, 0);
    assert_true(picture_await(f->picture, &f->first));
    assert_true(picture_await(f->picture, &f->second));
    wait_look(f);
    assert_int_equal(f->told, 1);
    assert_int_equal(f->picture->flags, PICTURE_BLACK);
    assert_null(f->picture->preview.rgb); /* nobody wanted one */
}

static void test_the_look_ends_before_the_loop(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *jpeg = picture_make(1280, 720, 1, &len);

    f->picture = picture_new(jpeg, len);
    look_start(f->loop, f->picture, 960);
}

static void test_damage_inside_is_flagged_and_what_is_left_is_shown(void **state)
{
    struct fixture *f = *state;
    size_t len;
    uint8_t *jpeg = picture_make(320, 240, 12, &len);

    memmove(jpeg + len - 3002, jpeg + len - 2, 2);
    f->picture = picture_new(jpeg, len - 3000);
    look_start(f->loop, f->picture, 320);
    wait_look(f);
    assert_int_equal(f->picture->flags, PICTURE_DAMAGED);
    assert_in_range(f->picture->brightness, 1, 254);
    assert_non_null(f->picture->preview.rgb);
}

#define look_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brightness_is_the_mean_luma),
        cmocka_unit_test(test_black_and_overexposed_are_told),
        cmocka_unit_test(test_a_night_with_a_lamp_and_a_white_wall_are_ordinary_pictures),
        look_test(test_everybody_who_waits_is_told_once),
        look_test(test_who_left_is_not_told),
        look_test(test_the_look_ends_before_the_loop),
        look_test(test_damage_inside_is_flagged_and_what_is_left_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
