/* SPDX-License-Identifier: MIT */
/* When Home Assistant is told about us: when it is needed and at no other time; and what is gone is
 * removed. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/announced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void publish_as_home_assistant(struct rig *rig, const char *topic, const char *payload,
                                      bool retained)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *argv[] = {"mosquitto_pub",
                          "-h",
                          "127.0.0.1",
                          "-p",
                          port,
                          "-q",
                          "1",
                          "-t",
                          topic,
                          "-m",
                          payload,
                          retained ? "-r" : NULL,
                          NULL};
    struct rig_output output = rig_run(rig, argv);

    assert_int_equal(output.exit_code, 0);
    rig_output_done(&output);
}

/* --- when --- */

static void test_unchanged_documents_are_sent_once_and_not_after_a_restart(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    size_t from;

    announced_await(rig);
    from = rig_message_count(rig);
    announced_restart(rig, TELLING("device"), announced_one_unit);
    rig_linger(rig, 2500);
    assert_int_equal(documents_since(rig, from), 0);
    rig_pass(rig);
}

static void test_a_printer_that_is_off_keeps_its_heaters_over_a_restart(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    size_t from;

    announced_await(rig);
    rig_sim_kill(rig);
    from = rig_message_count(rig);
    announced_restart(rig, TELLING("device"), announced_one_unit);
    RIG_WAIT(rig, said_since(rig, from, "printer/mk4/state", "offline"));
    rig_linger(rig, 2500);
    assert_int_equal(documents_since(rig, from), 0);
    rig_pass(rig);
}

static void test_a_broker_that_forgot_is_told_again(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    size_t from;

    announced_await(rig);
    rig_broker_kill(rig);
    from = rig_message_count(rig);
    rig_broker_start(rig);
    RIG_WAIT(rig, heard_since(rig, from, AGENT_DOC) == 1 && heard_since(rig, from, UNIT_DOC) == 1 &&
                      heard_since(rig, from, PRINTER_DOC) == 1);
    rig_pass(rig);
}

static void test_what_was_cleared_comes_back_with_the_next_birth_and_nothing_else(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    size_t from;

    announced_await(rig);
    from = rig_message_count(rig);
    publish_as_home_assistant(rig, UNIT_DOC, "", true); /* the device was deleted there */
    RIG_WAIT(rig, !stands(rig, UNIT_DOC));
    rig_linger(rig, 2500);
    assert_false(stands(rig, UNIT_DOC));
    publish_as_home_assistant(rig, "homeassistant/status", "online", false);
    RIG_WAIT(rig, stands(rig, UNIT_DOC));
    rig_linger(rig, 1500);
    assert_int_equal(documents_since(rig, from), 2); /* cleared, and told again */
    rig_pass(rig);
}

static void test_purging_clears_the_documents_too(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);

    announced_await(rig);
    assert_non_null(rig_command(rig, "cmd/purge_retained", NULL));
    RIG_WAIT(rig, documents_standing(rig, "homeassistant/") == 0);
    rig_linger(rig, 2000);
    assert_int_equal(documents_standing(rig, "homeassistant/"), 0);
    rig_pass(rig);
}

/* --- what comes and goes --- */

static void test_a_unit_made_at_run_time_is_told_and_taken_back(void **state)
{
    static const char doc[] = OWN "lapsed_extra/config";
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    size_t from;

    announced_await(rig);
    from = rig_message_count(rig);
    assert_non_null(rig_ask(rig, "cmd/start", "{\"unit\":\"extra\",\"like\":\"mk4\"}"));
    RIG_WAIT(rig, stands(rig, doc));
    assert_non_null(rig_look(rig, doc, "components.armed.command_topic"));
    assert_non_null(rig_command(rig, "unit/extra/cmd/finish", NULL));
    RIG_WAIT(rig, heard_since(rig, from, doc) == 2 && !stands(rig, doc));
    assert_int_equal(documents_since(rig, from), 2);
    rig_pass(rig);
}

static void test_a_unit_that_is_gone_is_removed_and_the_others_stay(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_both_units);
    size_t from;

    announced_await(rig);
    RIG_WAIT(rig, stands(rig, SIDE_DOC));
    from = rig_message_count(rig);
    announced_restart(rig, TELLING("device"), announced_one_unit);
    RIG_WAIT(rig, !stands(rig, SIDE_DOC));
    rig_linger(rig, 2500);
    assert_int_equal(documents_since(rig, from), 1);
    rig_pass(rig);
}

static bool says_removal(struct rig *rig, size_t from, const char *component)
{
    CLEANUP(free_p) char *path = xasprintf("components.%s", component);

    for (size_t i = from; i < rig_message_count(rig); i++)
        if (str_equal(rig_message(rig, i)->topic, SIDE_DOC) &&
            json_size(json_get(rig_message(rig, i)->json, path)) == 1)
            return true;
    return false;
}

static void test_components_that_are_gone_are_removed_once_then_left_out(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_both_units);
    size_t from;

    announced_await(rig);
    RIG_WAIT(rig, stands(rig, SIDE_DOC));
    from = rig_message_count(rig);
    announced_restart(rig, TELLING("device"), announced_side_alone);
    RIG_WAIT(rig, heard_since(rig, from, SIDE_DOC) == 2);
    assert_true(says_removal(rig, from, "layer"));
    assert_true(says_removal(rig, from, "park"));
    assert_null(rig_look(rig, SIDE_DOC, "components.layer"));
    assert_non_null(rig_look(rig, SIDE_DOC, "components.frames.unique_id"));
    rig_linger(rig, 2000);
    assert_int_equal(heard_since(rig, from, SIDE_DOC), 2);
    rig_pass(rig);
}

static void test_another_form_takes_the_place_of_the_first_and_off_clears_all(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    struct discovery_check *check;

    announced_await(rig);
    announced_restart(rig, TELLING("component"), announced_one_unit);
    RIG_WAIT(rig, documents_standing(rig, "homeassistant/sensor/pi01/") > 25);
    RIG_WAIT(rig, documents_standing(rig, OWN) == 0);
    check = read_documents(rig);
    check_free(check);
    announced_restart(rig, TELLING("off"), announced_one_unit);
    RIG_WAIT(rig, documents_standing(rig, "homeassistant/") == 0);
    rig_linger(rig, 2000);
    assert_int_equal(documents_standing(rig, "homeassistant/"), 0);
    rig_pass(rig);
}

static void test_documents_of_others_below_our_name_are_left_alone(void **state)
{
    static const char other[] = "homeassistant/sensor/pi01/cpu/config";
    struct rig *rig = announced_begin(state, TELLING("component"), announced_one_unit);

    publish_as_home_assistant(rig, other, "{}", true);
    RIG_WAIT(rig, documents_standing(rig, "homeassistant/sensor/pi01/lapsed") > 25);
    announced_restart(rig, TELLING("off"), announced_one_unit);
    RIG_WAIT(rig, documents_standing(rig, "homeassistant/sensor/pi01/lapsed") == 0);
    assert_string_equal(standing(rig, other), "{}");
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, announced_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unchanged_documents_are_sent_once_and_not_after_a_restart),
        TEST(a_printer_that_is_off_keeps_its_heaters_over_a_restart),
        TEST(a_broker_that_forgot_is_told_again),
        TEST(what_was_cleared_comes_back_with_the_next_birth_and_nothing_else),
        TEST(purging_clears_the_documents_too),
        TEST(a_unit_made_at_run_time_is_told_and_taken_back),
        TEST(a_unit_that_is_gone_is_removed_and_the_others_stay),
        TEST(components_that_are_gone_are_removed_once_then_left_out),
        TEST(another_form_takes_the_place_of_the_first_and_off_clears_all),
        TEST(documents_of_others_below_our_name_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
