/* SPDX-License-Identifier: MIT */
/* People at the printer while the agent pauses it at every layer: what they do counts, and what
 * they paused is theirs to resume. */
#include "tests/e2e/parked_print.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONGEST_PAUSE_MS = 8000 };

static void test_print_cancelled_while_held_gets_its_video(void **state)
{
    struct rig *rig = *state;

    parked_print_await_held(rig, 1500);
    rig_sim_fault(rig, "what=cancel");
    rig_sim_fault(rig, "what=none");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

/* The head moves from then on, so the frame that comes late must not be called a held one. */
static void test_person_who_resumes_while_held_is_obeyed(void **state)
{
    struct rig *rig = *state;
    size_t before;

    parked_print_await_held(rig, 1500);
    before = rig_event_count(rig, "frame");
    rig_sim_fault(rig, "what=user_resume");
    RIG_WAIT(rig, sim_is(rig, "processing"));
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    rig_sim_fault(rig, "what=none");
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

/* For three seconds; then the person goes on, and so do we. */
static void leave_to_the_person(struct rig *rig, const char *by)
{
    rig_linger(rig, 3000);
    assert_true(sim_is_paused_by(rig, by));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "paused"));
    sim_do(rig, "/sim/command?do=resume");
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

static void test_pause_of_a_person_is_left_to_the_person(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 2);
    RIG_WAIT(rig, sim_try(rig, "/sim/fault?what=user_pause"));
    leave_to_the_person(rig, "user");
}

/* The moment that is easiest to mistake: the same place, an instant after our own. */
static void test_pause_of_a_person_right_after_ours_is_left_to_the_person(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 2);
    RIG_WAIT(rig, sim_is_paused_by(rig, "http"));
    while (!sim_try(rig, "/sim/fault?what=user_pause"))
        rig_linger(rig, 5);
    leave_to_the_person(rig, "user");
}

static void test_filament_runout_is_left_to_the_person(void **state)
{
    struct rig *rig = *state;

    parked_print_await_frames(rig, 2);
    RIG_WAIT(rig, sim_try(rig, "/sim/fault?what=filament_runout"));
    leave_to_the_person(rig, "filament");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parked_print_setup, parked_print_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_print_cancelled_while_held_gets_its_video),
        TEST(test_person_who_resumes_while_held_is_obeyed),
        TEST(test_pause_of_a_person_is_left_to_the_person),
        TEST(test_pause_of_a_person_right_after_ours_is_left_to_the_person),
        TEST(test_filament_runout_is_left_to_the_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
