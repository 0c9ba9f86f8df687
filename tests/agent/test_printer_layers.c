/* SPDX-License-Identifier: MIT */
/* The layer counter against a file that is read ahead, rewound by pauses and read again. */
#include "agent/printer/layer_counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static bool look(struct layer_counter *counter, int shown, int64_t position)
{
    return layer_counter_look(counter, shown, position, false);
}

static void the_first_layer_is_one(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, -1, 0);
    assert_false(look(&counter, -1, 100));
    assert_int_equal(layer_counter_layer(&counter), -1);
    assert_true(look(&counter, 1, 200));
    assert_int_equal(layer_counter_layer(&counter), 1);
}

static void the_layer_that_was_found_is_none(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 57, 5000);
    assert_false(look(&counter, 57, 5000));
    assert_false(look(&counter, 57, 5100));
    assert_true(look(&counter, 58, 5200));
}

static void a_jump_is_one_layer_and_so_is_the_way_down(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 3, 1000);
    assert_true(look(&counter, 8, 2000));
    assert_int_equal(layer_counter_layer(&counter), 8);
    assert_true(look(&counter, 1, 3000));
    assert_int_equal(layer_counter_layer(&counter), 1);
    assert_false(look(&counter, 1, 3100));
    assert_true(look(&counter, 2, 4000));
}

static void a_number_that_is_gone_for_a_moment_is_no_layer(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 3, 1000);
    assert_false(look(&counter, -1, 1100));
    assert_false(look(&counter, 3, 1200));
    assert_true(look(&counter, 4, 1300));
}

static void a_layer_read_again_after_a_pause_counts_once(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_true(look(&counter, 5, 10000));
    assert_false(layer_counter_look(&counter, 5, 8900, true)); /* rewound before the comment */
    assert_false(look(&counter, 6, 9900));                     /* read again */
    assert_int_equal(layer_counter_layer(&counter), 5);
    assert_true(look(&counter, 7, 19000));
    assert_int_equal(layer_counter_layer(&counter), 6);
}

static void a_layer_read_again_counts_once_also_when_the_look_came_late(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_true(look(&counter, 5, 10000));
    assert_false(layer_counter_look(&counter, 5, 8900, true));
    assert_false(look(&counter, 6, 12000)); /* beyond where it was seen first */
    assert_int_equal(layer_counter_layer(&counter), 5);
}

static void a_new_layer_with_the_one_read_again_is_one_layer(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_true(look(&counter, 5, 10000));
    assert_false(layer_counter_look(&counter, 5, 8900, true));
    assert_true(look(&counter, 7, 21000));
    assert_int_equal(layer_counter_layer(&counter), 6);
}

static void a_layer_seen_only_when_paused_counts_once(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_false(look(&counter, 4, 9200));
    assert_true(layer_counter_look(&counter, 5, 9210, true));
    assert_false(look(&counter, 6, 9500));
    assert_int_equal(layer_counter_layer(&counter), 5);
}

static void a_look_between_the_rewind_and_the_word_paused_does_no_harm(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_false(look(&counter, 4, 9200));
    assert_true(look(&counter, 5, 9210));
    assert_false(layer_counter_look(&counter, 5, 9210, true));
    assert_false(look(&counter, 6, 9500));
}

static void numbered_layers_are_noticed_and_none_is_swallowed(void **test)
{
    struct layer_counter counter;

    (void)test;
    layer_counter_init(&counter, 4, 9000);
    assert_true(look(&counter, 5, 10000));
    assert_false(layer_counter_look(&counter, 5, 8900, true));
    assert_false(look(&counter, 5, 10500)); /* past it, and the number did not rise */
    assert_true(look(&counter, 6, 20000));
    assert_false(layer_counter_look(&counter, 6, 8900, true));
    assert_true(look(&counter, 7, 20100)); /* known by now: not swallowed */
    assert_int_equal(layer_counter_layer(&counter), 7);
}

/* --- a print --- */

enum { LAYERS = 60, LAYER_BYTES = 20000 };

struct reader {
    bool counts;           /* ";LAYER_CHANGE" */
    int64_t motion, ahead; /* where the head is; how far the file is read before it */
    int64_t read;
    int shown;
};

static void read_on(struct reader *reader, int64_t bytes)
{
    int64_t from = reader->read;

    reader->motion += bytes;
    reader->read = reader->motion + reader->ahead;
    for (int layer = 1; layer <= LAYERS; layer++) {
        int64_t comment = (int64_t)layer * LAYER_BYTES;

        if (comment > from && comment <= reader->read)
            reader->shown = reader->counts ? MAX(reader->shown, 0) + 1 : layer;
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Prints with polls_per_layer looks in each layer and a pause at every layer and now and then.
 * The number of layers that were announced. */
static int print_with_pauses(bool counts, int polls_per_layer, uint32_t seed, int *ret_last)
{
    struct reader reader = {
        .counts = counts, .shown = -1, .ahead = 500 + next_random(&seed) % 9000};
    struct layer_counter counter;
    int announced = 0;

    layer_counter_init(&counter, -1, 0);
    while (reader.motion < (int64_t)(LAYERS + 1) * LAYER_BYTES) {
        bool begun;

        read_on(&reader, LAYER_BYTES / polls_per_layer + next_random(&seed) % 300);
        begun = look(&counter, reader.shown, reader.read);
        if (begun || next_random(&seed) % 13 == 0) {
            /* it goes on a little before it stops, and the file with it */
            read_on(&reader, next_random(&seed) % 1500);
            reader.read = reader.motion;
            announced += layer_counter_look(&counter, reader.shown, reader.read, true);
        }
        announced += begun;
    }
    *ret_last = layer_counter_layer(&counter);
    return announced;
}

static void counted_layers_come_once_each_with_a_pause_at_every_layer(void **test)
{
    (void)test;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        int last, announced = print_with_pauses(true, 6, seed, &last);

        if (announced != LAYERS || last != LAYERS)
            fail_msg("seed %u: %d layers, the last is %d", seed, announced, last);
    }
}

static void numbered_layers_come_once_each_with_a_pause_at_every_layer(void **test)
{
    (void)test;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        int last, announced = print_with_pauses(false, 6, seed, &last);

        if (announced != LAYERS || last != LAYERS)
            fail_msg("seed %u: %d layers, the last is %d", seed, announced, last);
    }
}

/* With two looks a layer some may be missed, but a pause must never trigger itself. */
static void short_layers_are_never_announced_twice(void **test)
{
    (void)test;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        for (int counts = 0; counts <= 1; counts++) {
            int last, announced = print_with_pauses(counts, 2, seed, &last);

            if (announced > LAYERS || announced < LAYERS * 8 / 10)
                fail_msg("seed %u: %d layers", seed, announced);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_layer_is_one),
        cmocka_unit_test(the_layer_that_was_found_is_none),
        cmocka_unit_test(a_jump_is_one_layer_and_so_is_the_way_down),
        cmocka_unit_test(a_number_that_is_gone_for_a_moment_is_no_layer),
        cmocka_unit_test(a_layer_read_again_after_a_pause_counts_once),
        cmocka_unit_test(a_layer_read_again_counts_once_also_when_the_look_came_late),
        cmocka_unit_test(a_new_layer_with_the_one_read_again_is_one_layer),
        cmocka_unit_test(a_layer_seen_only_when_paused_counts_once),
        cmocka_unit_test(a_look_between_the_rewind_and_the_word_paused_does_no_harm),
        cmocka_unit_test(numbered_layers_are_noticed_and_none_is_swallowed),
        cmocka_unit_test(counted_layers_come_once_each_with_a_pause_at_every_layer),
        cmocka_unit_test(numbered_layers_come_once_each_with_a_pause_at_every_layer),
        cmocka_unit_test(short_layers_are_never_announced_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
