/* SPDX-License-Identifier: MIT */
#include "encode/queue.h"
#include "encode/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

static const struct {
    const char *what;
    struct video_settings settings;
    int64_t frames;
    int64_t fps_num, fps_den;
    double duration_s;
} cases[] = {
    {"plain", {.fps = 25}, 100, 25, 1, 4},
    {"a fraction", {.fps = 29.97}, 2997, 2997, 100, 100},
    {"held", {.fps = 25, .hold_last_s = 3}, 100, 25, 1, 7},
    {"nothing", {.fps = 25, .hold_last_s = 3}, 0, 25, 1, 0},
    {"shorter than the minimum", {.fps = 10, .min_length_s = 5}, 30, 6, 1, 5},
    {"longer than the minimum", {.fps = 10, .min_length_s = 5}, 60, 10, 1, 6},
    {"longer than the maximum", {.fps = 10, .max_length_s = 7}, 300, 300, 7, 7},
    {"shorter than the maximum", {.fps = 10, .max_length_s = 7}, 50, 10, 1, 5},
    {"minimum above maximum", {.fps = 10, .min_length_s = 9, .max_length_s = 5}, 85, 85, 9, 9},
    {"minimum above maximum, long",
     {.fps = 10, .min_length_s = 9, .max_length_s = 5},
     180,
     20,
     1,
     9},
    {"target", {.fps = 10, .target_length_s = 7}, 300, 300, 7, 7},
    {"target beats limits",
     {.fps = 10, .min_length_s = 20, .max_length_s = 30, .target_length_s = 8},
     300,
     75,
     2,
     8},
    {"target of a part of a second", {.fps = 10, .target_length_s = 0.5}, 300, 600, 1, 0.5},
    {"never below one a second", {.fps = 10, .target_length_s = 60}, 5, 1, 1, 5},
    {"minimum, never below one a second", {.fps = 10, .min_length_s = 60}, 20, 1, 1, 20},
    {"no rate at all", {.fps = 0}, 10, 1, 1, 10},
};

static void timing_follows_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct video_timing timing;

        video_timing(&cases[i].settings, cases[i].frames, &timing);
        if (timing.fps_num != cases[i].fps_num || timing.fps_den != cases[i].fps_den ||
            fabs(timing.duration_s - cases[i].duration_s) > 1e-9)
            fail_msg("%s: %lld/%lld, %f s", cases[i].what, (long long)timing.fps_num,
                     (long long)timing.fps_den, timing.duration_s);
    }
}

static void settings_are_checked_and_what_shapes_pictures_is_fixed(void **state)
{
    struct video_settings settings = {0};
    const struct conf_table table = {
        .name = "video", .fields = video_fields, .field_count = video_field_count};

    (void)state;
    assert_int_equal(conf_set_text(&table, &settings, "fps", "30", NULL), 0);
    assert_true(settings.fps > 29.9);
    assert_int_equal(conf_set_text(&table, &settings, "fps", "0", NULL), -ERANGE);
    assert_int_equal(conf_set_text(&table, &settings, "fps", "-vf x", NULL), -EINVAL);
    assert_int_equal(conf_set_text(&table, &settings, "crf", "20", NULL), -EPERM);
    assert_int_equal(conf_set_text(&table, &settings, "preset", "slow", NULL), -EPERM);
}

static void every_field_has_help_and_a_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < video_field_count; i++) {
        assert_non_null(video_fields[i].help);
        assert_non_null(video_fields[i].fallback);
    }
    for (size_t i = 0; i < encode_table.field_count; i++)
        assert_non_null(encode_table.fields[i].fallback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timing_follows_the_table),
        cmocka_unit_test(settings_are_checked_and_what_shapes_pictures_is_fixed),
        cmocka_unit_test(every_field_has_help_and_a_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
