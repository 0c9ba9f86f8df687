/* SPDX-License-Identifier: MIT */
/* What a lamp of ours does: told as stories, and promises that hold in every phase. */
#include "agent/base/common.h"
#include "agent/light/light_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct chapter {
    enum light_event event;
    enum light_phase phase; /* afterwards */
    unsigned actions;       /* but for timers */
};

enum {
    NOTHING = 0,
    TIMERS = LIGHT_ACT_KEEP_TIMER | LIGHT_ACT_AWAIT_ANSWER | LIGHT_ACT_AWAIT_SETTLED |
             LIGHT_ACT_AWAIT_LINGERED | LIGHT_ACT_AWAIT_RETRY,
};

static void tell(const struct chapter *story, size_t count)
{
    enum light_phase phase = LIGHT_OFF;

    for (size_t i = 0; i < count; i++) {
        struct light_step step = light_next(phase, story[i].event);

        if (step.next != story[i].phase || (step.actions & ~(unsigned)TIMERS) != story[i].actions)
            fail_msg("chapter %zu: from %s to %s with %#x", i, light_phase_name(phase),
                     light_phase_name(step.next), step.actions);
        phase = step.next;
    }
}

#define TELL(...)                                                                                  \
    do {                                                                                           \
        static const struct chapter story_[] = {__VA_ARGS__};                                      \
        tell(story_, ARRAY_LEN(story_));                                                           \
    } while (0)

#define UNTIL_ON                                                                                   \
    {LIGHT_EV_USER_CAME, LIGHT_NOTING, LIGHT_ACT_NOTE},                                            \
        {LIGHT_EV_NOTED, LIGHT_GOING_ON, LIGHT_ACT_SWITCH_ON},                                     \
        {LIGHT_EV_IS_ON, LIGHT_SETTLING, NOTHING},                                                 \
    {                                                                                              \
        LIGHT_EV_TIMER, LIGHT_ON, LIGHT_ACT_TELL_LIT                                               \
    }

static void test_it_is_noted_on_disk_before_it_goes_on_and_forgotten_when_it_is_off(void **state)
{
    (void)state;
    TELL(UNTIL_ON, {LIGHT_EV_LAST_LEFT, LIGHT_LINGERING, NOTHING},
         {LIGHT_EV_TIMER, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_IS_OFF, LIGHT_OFF, LIGHT_ACT_FORGET});
}

static void test_the_next_frame_finds_it_on(void **state)
{
    (void)state;
    TELL(UNTIL_ON, {LIGHT_EV_USER_CAME, LIGHT_ON, LIGHT_ACT_TELL_LIT},
         {LIGHT_EV_LAST_LEFT, LIGHT_LINGERING, NOTHING},
         {LIGHT_EV_USER_CAME, LIGHT_ON, LIGHT_ACT_TELL_LIT});
}

static void test_a_lamp_that_does_not_come_on_costs_no_frame_and_is_switched_off(void **state)
{
    (void)state;
    TELL({LIGHT_EV_USER_CAME, LIGHT_NOTING, LIGHT_ACT_NOTE},
         {LIGHT_EV_NOTED, LIGHT_GOING_ON, LIGHT_ACT_SWITCH_ON},
         {LIGHT_EV_TIMER, LIGHT_DARK, LIGHT_ACT_TELL_DARK},
         {LIGHT_EV_LAST_LEFT, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_TIMER, LIGHT_OWING, NOTHING},
         {LIGHT_EV_TIMER, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_FAILED, LIGHT_OWING, NOTHING},
         {LIGHT_EV_REACHABLE, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_IS_OFF, LIGHT_OFF, LIGHT_ACT_FORGET});
}

static void test_a_slow_disk_costs_no_frame(void **state)
{
    (void)state;
    TELL({LIGHT_EV_USER_CAME, LIGHT_NOTING, LIGHT_ACT_NOTE},
         {LIGHT_EV_TIMER, LIGHT_NOTING, LIGHT_ACT_TELL_DARK},
         {LIGHT_EV_LAST_LEFT, LIGHT_ABANDONED, NOTHING},
         {LIGHT_EV_NOTED, LIGHT_OFF, LIGHT_ACT_FORGET});
    TELL({LIGHT_EV_USER_CAME, LIGHT_NOTING, LIGHT_ACT_NOTE},
         {LIGHT_EV_NOTE_FAILED, LIGHT_OFF, LIGHT_ACT_TELL_DARK});
}

static void test_somebody_elses_light_is_not_switched(void **state)
{
    (void)state;
    TELL({LIGHT_EV_BORROW, LIGHT_BORROWED, LIGHT_ACT_TELL_LIT},
         {LIGHT_EV_USER_CAME, LIGHT_BORROWED, LIGHT_ACT_TELL_LIT},
         {LIGHT_EV_LAST_LEFT, LIGHT_OFF, NOTHING});
}

static void test_a_light_taken_away_meanwhile_becomes_ours(void **state)
{
    (void)state;
    TELL({LIGHT_EV_BORROW, LIGHT_BORROWED, LIGHT_ACT_TELL_LIT},
         {LIGHT_EV_IS_OFF, LIGHT_NOTING, LIGHT_ACT_NOTE});
}

static void test_a_light_that_somebody_switches_on_just_before_us_is_his(void **state)
{
    (void)state;
    TELL({LIGHT_EV_USER_CAME, LIGHT_NOTING, LIGHT_ACT_NOTE},
         {LIGHT_EV_IS_ON, LIGHT_BORROWED, LIGHT_ACT_FORGET | LIGHT_ACT_TELL_LIT},
         {LIGHT_EV_NOTED, LIGHT_BORROWED, NOTHING}, {LIGHT_EV_LAST_LEFT, LIGHT_OFF, NOTHING});
}

static void test_what_an_earlier_life_left_on_goes_off(void **state)
{
    (void)state;
    TELL({LIGHT_EV_FOUND, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_IS_OFF, LIGHT_OFF, LIGHT_ACT_FORGET});
    TELL({LIGHT_EV_FOUND, LIGHT_GOING_OFF, LIGHT_ACT_SWITCH_OFF},
         {LIGHT_EV_USER_CAME, LIGHT_GOING_ON, LIGHT_ACT_SWITCH_ON});
}

/* Between the on and the off that was confirmed there is a note, whatever happens. */
static void test_it_is_never_on_without_a_note_nor_forgotten_while_on(void **state)
{
    (void)state;
    for (int phase = 0; phase < LIGHT_PHASE_COUNT; phase++) {
        for (int event = 0; event < LIGHT_EVENT_COUNT; event++) {
            struct light_step step = light_next((enum light_phase)phase, (enum light_event)event);

            if (step.actions & LIGHT_ACT_SWITCH_ON) {
                assert_int_equal(step.next, LIGHT_GOING_ON);
                assert_true(phase != LIGHT_OFF && phase != LIGHT_BORROWED &&
                            phase != LIGHT_ABANDONED);
            }
            if (step.actions & LIGHT_ACT_FORGET)
                assert_true(event == LIGHT_EV_IS_OFF || phase == LIGHT_ABANDONED ||
                            phase == LIGHT_NOTING);
            if (step.next == LIGHT_OFF && phase >= LIGHT_GOING_ON)
                assert_int_equal(step.actions, LIGHT_ACT_FORGET);
        }
    }
}

/* No phase between is for ever: a timer runs, or somebody uses it. */
static void test_every_phase_that_waits_has_a_timer(void **state)
{
    static const enum light_phase waiting[] = {LIGHT_GOING_ON, LIGHT_SETTLING, LIGHT_LINGERING,
                                               LIGHT_GOING_OFF, LIGHT_OWING};

    (void)state;
    for (int phase = 0; phase < LIGHT_PHASE_COUNT; phase++) {
        for (int event = 0; event < LIGHT_EVENT_COUNT; event++) {
            struct light_step step = light_next((enum light_phase)phase, (enum light_event)event);

            for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
                if (step.next == waiting[i])
                    assert_true(step.actions & TIMERS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_noted_on_disk_before_it_goes_on_and_forgotten_when_it_is_off),
        cmocka_unit_test(test_the_next_frame_finds_it_on),
        cmocka_unit_test(test_a_lamp_that_does_not_come_on_costs_no_frame_and_is_switched_off),
        cmocka_unit_test(test_a_slow_disk_costs_no_frame),
        cmocka_unit_test(test_somebody_elses_light_is_not_switched),
        cmocka_unit_test(test_a_light_taken_away_meanwhile_becomes_ours),
        cmocka_unit_test(test_a_light_that_somebody_switches_on_just_before_us_is_his),
        cmocka_unit_test(test_what_an_earlier_life_left_on_goes_off),
        cmocka_unit_test(test_it_is_never_on_without_a_note_nor_forgotten_while_on),
        cmocka_unit_test(test_every_phase_that_waits_has_a_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
