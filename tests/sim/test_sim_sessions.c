/* SPDX-License-Identifier: MIT */
/* test_sim_sessions: the table of eight, and the trap in it. */
#include "tests/sim/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#define SECOND INT64_C(1000000)

static const struct session_client CLIENT = {.address = 0x7f000001};

static struct session_client with_key(uint32_t key)
{
    return (struct session_client){.has_key = true, .key = key, .address = CLIENT.address};
}

static uint32_t connect_key(struct sessions *s, int64_t now_us)
{
    uint32_t key = 0;

    assert_int_equal(sessions_connect(s, &CLIENT, "", true, now_us, &key), 0);
    assert_int_not_equal(key, 0);
    return key;
}

static void without_a_password_an_unknown_address_gets_a_session(void **state)
{
    struct sessions s;

    (void)state;
    sessions_init(&s, "", true, 1);
    assert_true(sessions_authorise(&s, &CLIENT, 0));
    assert_true(sessions_authorise(&s, &CLIENT, SECOND));
    assert_int_equal(sessions_count(&s), 1);
}

static void with_a_password_only_those_who_know_it_come_in(void **state)
{
    struct sessions s;
    uint32_t key;

    (void)state;
    sessions_init(&s, "secret", true, 1);
    assert_false(sessions_authorise(&s, &CLIENT, 0));
    assert_int_equal(sessions_connect(&s, &CLIENT, "wrong", false, 0, &key), -EACCES);
    assert_int_equal(sessions_connect(&s, &CLIENT, "secret", false, 0, &key), 0);
    assert_int_equal(key, 0);
    assert_true(sessions_authorise(&s, &CLIENT, 0));
}

static void the_password_reprap_means_none(void **state)
{
    struct sessions s;

    (void)state;
    sessions_init(&s, "reprap", true, 1);
    assert_true(sessions_authorise(&s, &CLIENT, 0));
}

static void a_session_ends_after_8_s_of_silence_and_not_before(void **state)
{
    struct sessions s;
    struct session_client client;

    (void)state;
    sessions_init(&s, "", true, 1);
    client = with_key(connect_key(&s, 0));
    assert_true(sessions_authorise(&s, &client, 8 * SECOND));
    assert_true(sessions_authorise(&s, &client, 16 * SECOND));
    assert_false(sessions_authorise(&s, &client, 24 * SECOND + 1));
}

static void the_ninth_key_finds_no_slot(void **state)
{
    struct sessions s;
    uint32_t key;

    (void)state;
    sessions_init(&s, "", true, 1);
    for (int i = 0; i < SESSIONS_MAX; i++)
        (void)connect_key(&s, 0);
    assert_int_equal(sessions_connect(&s, &CLIENT, "", true, 0, &key), -EUSERS);
    assert_int_equal(sessions_connect(&s, &CLIENT, "", true, 9 * SECOND, &key), 0);
}

static void stale_keys_are_refused_and_fill_the_table(void **state)
{
    const struct session_client stale = with_key(12345);
    struct sessions s;
    uint32_t key;

    (void)state;
    sessions_init(&s, "", true, 1);
    for (int i = 0; i < SESSIONS_MAX; i++)
        assert_false(sessions_authorise(&s, &stale, 0));
    assert_int_equal(sessions_connect(&s, &CLIENT, "", true, 0, &key), -EUSERS);
}

static void before_3_5_keys_mean_nothing(void **state)
{
    const struct session_client stale = with_key(12345);
    struct sessions s;
    uint32_t key;

    (void)state;
    sessions_init(&s, "", false, 1);
    assert_int_equal(sessions_connect(&s, &CLIENT, "", true, 0, &key), 0);
    assert_int_equal(key, 0);
    assert_true(sessions_authorise(&s, &stale, 0));
    assert_int_equal(sessions_count(&s), 1);
}

static void disconnecting_frees_the_slot_once(void **state)
{
    struct sessions s;
    struct session_client client;

    (void)state;
    sessions_init(&s, "", true, 1);
    client = with_key(connect_key(&s, 0));
    assert_true(sessions_disconnect(&s, &client));
    assert_false(sessions_disconnect(&s, &client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_password_an_unknown_address_gets_a_session),
        cmocka_unit_test(with_a_password_only_those_who_know_it_come_in),
        cmocka_unit_test(the_password_reprap_means_none),
        cmocka_unit_test(a_session_ends_after_8_s_of_silence_and_not_before),
        cmocka_unit_test(the_ninth_key_finds_no_slot),
        cmocka_unit_test(stale_keys_are_refused_and_fill_the_table),
        cmocka_unit_test(before_3_5_keys_mean_nothing),
        cmocka_unit_test(disconnecting_frees_the_slot_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
