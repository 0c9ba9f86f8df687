/* SPDX-License-Identifier: MIT */
/* test_plan: the search for an offender is played through against a pretended encoder. */
#include "encode/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { FRAMES = 120, RUNS_MAX = 400 };

/* A world of numbered frames, some of which no encoder takes. */
struct world {
    bool bad[FRAMES], kept[FRAMES], dropped[FRAMES];
    size_t head;         /* first pending frame */
    bool worked, broken; /* broken: nothing passes */
    int lies;            /* so many batches fail for nothing */
    int runs, given_up;
    struct plan plan;
};

static bool passes(struct world *world, size_t from, size_t count)
{
    if (world->lies > 0 && world->lies-- > 0)
        return false;
    for (size_t i = from; i < from + count; i++)
        if (world->bad[i])
            return false;
    return !world->broken;
}

static void leave_out(struct world *world, size_t count)
{
    memset(world->dropped + world->head, true, count);
    world->head += count;
}

static void run_once(struct world *world, size_t count)
{
    size_t from = world->head + world->plan.skip, last = from + count - 1;

    world->runs++;
    if (passes(world, from, count)) {
        if (world->plan.skip > 0) {
            plan_trial_passed(&world->plan);
            return;
        }
        memset(world->kept + from, true, count);
        world->head = from + count;
        world->worked = true;
        plan_passed(&world->plan, (int64_t)last);
        return;
    }
    switch (plan_failed(&world->plan, count, (int64_t)last, last + 1 < FRAMES, world->worked)) {
    case PLAN_DROP:
        leave_out(world, world->plan.skip + count);
        plan_passed(&world->plan, (int64_t)last);
        break;
    case PLAN_GIVE_UP:
        world->given_up++;
        break;
    case PLAN_RETRY:
        break;
    }
}

static void play(struct world *world)
{
    while (world->head < FRAMES && world->given_up == 0 && world->runs < RUNS_MAX) {
        struct plan_look look = {.pending = FRAMES - world->head,
                                 .segment_frames = FRAMES,
                                 .tail_frames = 10,
                                 .build = true};
        size_t count = plan_take(&world->plan, &look);

        if (count == 0) {
            world->plan.skip = look.pending - 1;
            continue;
        }
        run_once(world, count);
    }
    assert_true(world->runs < RUNS_MAX);
}

static void assert_only_bad_are_dropped(const struct world *world)
{
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(world->dropped[i], world->bad[i]);
        assert_int_equal(world->kept[i], !world->bad[i]);
    }
}

static void one_bad_frame_is_found_wherever_it_is(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < FRAMES; bad++) {
        struct world world = {0};

        world.bad[bad] = true;
        play(&world);
        assert_only_bad_are_dropped(&world);
        assert_true(world.runs <= 40);
    }
}

static void an_encoder_that_lies_for_a_while_costs_no_frame(void **state)
{
    (void)state;
    for (int lies = 0; lies <= 8; lies++) {
        struct world world = {.lies = lies};

        play(&world);
        assert_only_bad_are_dropped(&world);
    }
}

static void several_bad_frames_are_found(void **state)
{
    struct world world = {0};

    (void)state;
    world.bad[3] = world.bad[4] = world.bad[60] = world.bad[119] = true;
    play(&world);
    assert_only_bad_are_dropped(&world);
}

static void a_broken_encoder_costs_no_frame(void **state)
{
    struct world world = {.broken = true};

    (void)state;
    play(&world);
    assert_int_equal(world.given_up, 1);
    for (size_t i = 0; i < FRAMES; i++)
        assert_false(world.dropped[i]);
    world.broken = false; /* repaired */
    world.given_up = 0;
    play(&world);
    assert_only_bad_are_dropped(&world);
}

static void an_encoder_that_breaks_later_costs_no_frame(void **state)
{
    struct world world = {.worked = true, .broken = true};

    (void)state;
    play(&world);
    for (size_t i = 0; i < FRAMES; i++)
        assert_false(world.dropped[i]);
}

static void segments_are_full_in_the_background_short_in_the_tail(void **state)
{
    struct plan plan = {0};
    struct plan_look look = {.segment_frames = 60, .tail_frames = 10};

    (void)state;
    look.pending = 59;
    assert_int_equal(plan_take(&plan, &look), 0);
    look.pending = 75;
    assert_int_equal(plan_take(&plan, &look), 60);
    look.tail = true;
    look.pending = 9;
    assert_int_equal(plan_take(&plan, &look), 0);
    look.pending = 10;
    assert_int_equal(plan_take(&plan, &look), 10);
    look.pending = 45;
    assert_int_equal(plan_take(&plan, &look), 45);
    look.tail = false;
    look.build = true;
    look.pending = 3;
    assert_int_equal(plan_take(&plan, &look), 3);
    look.pending = 5000;
    assert_int_equal(plan_take(&plan, &look), 250);
    look.pending = 0;
    assert_int_equal(plan_take(&plan, &look), 0);
}

static void waiting_grows_to_a_minute(void **state)
{
    (void)state;
    assert_int_equal(plan_backoff_ms(1), 1000);
    assert_int_equal(plan_backoff_ms(2), 2000);
    assert_int_equal(plan_backoff_ms(6), 32000);
    assert_int_equal(plan_backoff_ms(7), 60000);
    assert_int_equal(plan_backoff_ms(1000), 60000);
}

static void a_segment_is_begun_anew_only_when_that_is_faster(void **state)
{
    (void)state;
    assert_true(plan_redo_urgently(0, 60, 2));
    assert_false(plan_redo_urgently(40, 60, 2));
    assert_true(plan_redo_urgently(40, 60, 4));
    assert_false(plan_redo_urgently(0, 60, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_frame_is_found_wherever_it_is),
        cmocka_unit_test(an_encoder_that_lies_for_a_while_costs_no_frame),
        cmocka_unit_test(several_bad_frames_are_found),
        cmocka_unit_test(a_broken_encoder_costs_no_frame),
        cmocka_unit_test(an_encoder_that_breaks_later_costs_no_frame),
        cmocka_unit_test(segments_are_full_in_the_background_short_in_the_tail),
        cmocka_unit_test(waiting_grows_to_a_minute),
        cmocka_unit_test(a_segment_is_begun_anew_only_when_that_is_faster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
