/* SPDX-License-Identifier: MIT */
#include "mqtt/back_off.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONGEST_MS = 60000, DRAWS = 20000, SLICES = 10 };

static void test_the_first_wait_is_short_and_the_longest_a_minute(void **state)
{
    static const int64_t limits_ms[] = {400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits_ms); i++)
        for (int draw = 0; draw < DRAWS / 10; draw++)
            assert_in_range(back_off_ms((int)i + 1, LONGEST_MS), BACK_OFF_MIN_MS, limits_ms[i]);
    assert_in_range(back_off_ms(1000000, LONGEST_MS), BACK_OFF_MIN_MS, LONGEST_MS);
}

/* Each tenth of the time gets its tenth of the agents, give or take a quarter (eleven standard
 * deviations: it never happens by chance). */
static void test_agents_spread_over_the_whole_wait(void **state)
{
    const int64_t span_ms = LONGEST_MS - BACK_OFF_MIN_MS + 1;
    int counts[SLICES] = {0};

    (void)state;
    for (int draw = 0; draw < DRAWS; draw++)
        counts[(back_off_ms(20, LONGEST_MS) - BACK_OFF_MIN_MS) * SLICES / span_ms]++;
    for (int i = 0; i < SLICES; i++)
        assert_in_range(counts[i], DRAWS / SLICES * 3 / 4, DRAWS / SLICES * 5 / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_wait_is_short_and_the_longest_a_minute),
        cmocka_unit_test(test_agents_spread_over_the_whole_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
