/* SPDX-License-Identifier: MIT */
#include "agent/base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_word_that_was_meant_is_near_or_none(void **state)
{
    static const char *const words[] = {"status", "start", "standby", "snapshot", "set"};
    static const struct {
        const char *typed, *meant;
    } cases[] = {{"stauts", "status"},
                 {"snap-shot", "snapshot"},
                 {"strat", "start"},
                 {"frobnicate", NULL},
                 {"", NULL}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nearest nearest = nearest_init(cases[i].typed);

        for (size_t word = 0; word < ARRAY_LEN(words); word++)
            nearest_try(&nearest, words[word]);
        if (cases[i].meant)
            assert_string_equal(nearest.best, cases[i].meant);
        else
            assert_null(nearest.best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_word_that_was_meant_is_near_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
