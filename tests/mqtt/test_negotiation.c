/* SPDX-License-Identifier: MIT */
#include "mqtt/negotiation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

/* One attempt at now_ms: it must speak version; returns whether the next one follows at once. */
static bool attempt(struct negotiation *negotiation, int64_t now_ms, int version,
                    enum negotiation_outcome outcome)
{
    assert_int_equal(negotiation_protocol(negotiation, now_ms), version);
    return negotiation_result(negotiation, outcome, now_ms);
}

static void a_broker_that_takes_5_stays_with_5(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_false(attempt(&n, 0, 5, ATTEMPT_FAILED));
    assert_false(attempt(&n, 1, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 2, 5, ATTEMPT_ACCEPTED));
    assert_false(attempt(&n, 3, 5, ATTEMPT_BROKEN));
    assert_int_equal(negotiation_protocol(&n, 4), 5);
}

static void a_broker_that_refuses_the_version_gets_3_1_1_at_once_and_for_a_day(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_true(attempt(&n, 0, 5, ATTEMPT_VERSION_REFUSED));
    assert_false(negotiation_is_probe(&n));
    assert_false(attempt(&n, 1, 4, ATTEMPT_ACCEPTED));
    assert_false(attempt(&n, DAY_MS - 1, 4, ATTEMPT_BROKEN));
    assert_true(attempt(&n, DAY_MS, 5, ATTEMPT_VERSION_REFUSED));
    assert_false(attempt(&n, DAY_MS + 1, 4, ATTEMPT_ACCEPTED));
}

static void a_broker_that_only_breaks_is_probed_and_asked_once_more(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_true(negotiation_is_probe(&n));
    assert_true(attempt(&n, 0, 4, ATTEMPT_ACCEPTED));
    assert_true(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(negotiation_is_probe(&n));
    assert_false(attempt(&n, 0, 4, ATTEMPT_ACCEPTED));
}

static void a_proxy_whose_broker_was_starting_does_not_cost_us_5(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 0, 4, ATTEMPT_FAILED));
    assert_true(attempt(&n, 0, 4, ATTEMPT_ACCEPTED));
    assert_false(attempt(&n, 0, 5, ATTEMPT_FAILED));
    assert_false(attempt(&n, 0, 5, ATTEMPT_ACCEPTED));
    assert_int_equal(negotiation_protocol(&n, 1), 5);
}

static void a_broker_that_breaks_on_both_gets_5_again(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 0, 5, ATTEMPT_BROKEN));
    assert_false(attempt(&n, 0, 4, ATTEMPT_BROKEN));
    assert_int_equal(negotiation_protocol(&n, 1), 5);
}

static void refusing_both_versions_does_not_spin(void **state)
{
    struct negotiation n;

    (void)state;
    negotiation_init(&n, 0);
    assert_true(attempt(&n, 0, 5, ATTEMPT_VERSION_REFUSED));
    assert_false(attempt(&n, 0, 4, ATTEMPT_VERSION_REFUSED));
    assert_true(attempt(&n, 0, 5, ATTEMPT_VERSION_REFUSED));
}

static void a_version_that_the_user_chose_is_kept(void **state)
{
    static const int versions[] = {5, 4};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct negotiation n;

        negotiation_init(&n, versions[i]);
        for (int k = 0; k < 4; k++) {
            assert_false(attempt(&n, 0, versions[i], ATTEMPT_VERSION_REFUSED));
            assert_false(attempt(&n, 0, versions[i], ATTEMPT_BROKEN));
            assert_false(negotiation_is_probe(&n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_that_takes_5_stays_with_5),
        cmocka_unit_test(a_broker_that_refuses_the_version_gets_3_1_1_at_once_and_for_a_day),
        cmocka_unit_test(a_broker_that_only_breaks_is_probed_and_asked_once_more),
        cmocka_unit_test(a_proxy_whose_broker_was_starting_does_not_cost_us_5),
        cmocka_unit_test(a_broker_that_breaks_on_both_gets_5_again),
        cmocka_unit_test(refusing_both_versions_does_not_spin),
        cmocka_unit_test(a_version_that_the_user_chose_is_kept),
    };

    return cmocka_run_group_tests_name("negotiation", tests, NULL, NULL);
}
