/* SPDX-License-Identifier: MIT */
/* A printer that cannot be reached, or answers nonsense, for seconds of a print that is paused at
 * every layer: the print goes on as before, and is never left paused. */
#include "tests/e2e/parked_print.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONGEST_PAUSE_MS = 10000 };

static void test_connections_cut(void **state)
{
    parked_print_endures(*state, "what=drop&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_nobody_listening(void **state)
{
    parked_print_endures(*state, "what=refuse&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_answers_late(void **state)
{
    parked_print_endures(*state, "what=delay&ms=600&for_ms=2500", LONGEST_PAUSE_MS);
}

static void test_answers_cut_in_half(void **state)
{
    parked_print_endures(*state, "what=cut&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_garbage(void **state)
{
    parked_print_endures(*state, "what=garbage&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_html(void **state)
{
    parked_print_endures(*state, "what=html&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_busy(void **state)
{
    parked_print_endures(*state, "what=503&for_ms=1500", LONGEST_PAUSE_MS);
}

static void test_forgotten_login(void **state)
{
    parked_print_endures(*state, "what=401&for_ms=800", LONGEST_PAUSE_MS);
}

static void test_silence_while_held(void **state)
{
    struct rig *rig = *state;

    parked_print_await_held(rig, 800);
    rig_sim_fault(rig, "what=drop&for_ms=3000");
    RIG_WAIT(rig, sim_is(rig, "processing"));
    rig_sim_fault(rig, "what=none");
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", LONGEST_PAUSE_MS);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parked_print_setup, parked_print_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connections_cut),
        TEST(test_nobody_listening),
        TEST(test_answers_late),
        TEST(test_answers_cut_in_half),
        TEST(test_garbage),
        TEST(test_html),
        TEST(test_busy),
        TEST(test_forgotten_login),
        TEST(test_silence_while_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
