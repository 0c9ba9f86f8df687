/* SPDX-License-Identifier: MIT */
#include "capture/camera/stream_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS(number) ((int64_t)(number)*1000)

static void expect_about(int64_t captured_us, int64_t expected_ms, int64_t off_by_ms)
{
    assert_in_range(captured_us + MS(100000), MS(100000 + expected_ms - off_by_ms),
                    MS(100000 + expected_ms + off_by_ms));
}

/* Pictures of 20 per second, seen 70 ms late, jitter included. */
static void play(struct stream_clock *clock, int from_ms, int to_ms)
{
    for (int at = from_ms; at < to_ms; at += 50)
        stream_clock_note(clock, (uint32_t)at, MS(at + 70 + (at % 3) * 5));
}

static void pictures_of_a_store_are_older_than_their_arrival(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    /* Two seconds that the server had kept come within 40 ms. */
    for (int i = 0; i < 40; i++) {
        stream_clock_note(&clock, (uint32_t)i * 50, MS(2000 + i));
        assert_false(clock.settled);
    }
    play(&clock, 2000, 2400);
    assert_true(clock.settled);
    expect_about(stream_clock_note(&clock, 2400, MS(2470)), 2470, 45);
}

static void first_picture_alone_proves_nothing(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    stream_clock_note(&clock, 0, MS(5000));
    assert_false(clock.settled);
}

static void next_key_frame_of_a_stream_is_believed_in(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    /* The first was kept for 1.5 s, the next comes as it is made. */
    stream_clock_note(&clock, 0, MS(1500));
    expect_about(stream_clock_note(&clock, 2000, MS(2000)), 2000, 1);
    assert_true(clock.settled);
}

static void stored_picture_that_was_held_up_proves_nothing(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    stream_clock_note(&clock, 0, MS(2000));
    stream_clock_note(&clock, 200, MS(2005));
    stream_clock_note(&clock, 400, MS(2600)); /* a busy machine, not a live picture */
    assert_false(clock.settled);
    stream_clock_note(&clock, 600, MS(2605));
    assert_false(clock.settled);
}

static void reader_that_falls_back_shows_in_the_age(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    play(&clock, 0, 1000);
    expect_about(stream_clock_note(&clock, 1000, MS(3070)), 1070, 2);
    expect_about(stream_clock_note(&clock, 1050, MS(3075)), 1120, 2);
}

static void camera_with_a_slow_clock_does_not_grow_old(void **state)
{
    struct stream_clock clock = {0};
    int64_t captured_us = 0, arrived_us = 0;

    (void)state;
    for (int64_t i = 0; i < 86400; i++) { /* a day, 100 ppm */
        arrived_us = i * 1000100;
        captured_us = stream_clock_note(&clock, (uint32_t)(i * 1000), arrived_us);
    }
    assert_in_range(arrived_us - captured_us, 0, 1000);
}

static void times_may_pass_their_largest_number(void **state)
{
    struct stream_clock clock = {0};

    (void)state;
    stream_clock_note(&clock, UINT32_MAX - 499, MS(1000));
    expect_about(stream_clock_note(&clock, 500, MS(2000)), 2000, 1);
    expect_about(stream_clock_note(&clock, 1500, MS(3500)), 3000, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_of_a_store_are_older_than_their_arrival),
        cmocka_unit_test(first_picture_alone_proves_nothing),
        cmocka_unit_test(next_key_frame_of_a_stream_is_believed_in),
        cmocka_unit_test(stored_picture_that_was_held_up_proves_nothing),
        cmocka_unit_test(reader_that_falls_back_shows_in_the_age),
        cmocka_unit_test(camera_with_a_slow_clock_does_not_grow_old),
        cmocka_unit_test(times_may_pass_their_largest_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
