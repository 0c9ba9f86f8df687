/* SPDX-License-Identifier: MIT */
/* One command to many agents: who obeys, what is not asked of many, and each one's own answer. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define ALL  "timelapse/v1/_all/"
#define HALL "timelapse/v1/_group/hall/"

enum { DELAY_MAX_MS = 500 };

static const char conf[] =
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; } );\n"
    "units = ( { id = \"a\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; },\n"
    "          { id = \"b\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; } "
    ");\n";

static struct rig *begin(void **state, const char *agent)
{
    struct rig *rig = rig_new(&(struct rig_options){.conf = conf, .no_sim = true, .agent = agent});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/b/state", "standby"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static const cJSON *ask_many(struct rig *rig, const char *topic, const char *payload)
{
    size_t from = rig_message_count(rig);

    pub(rig, topic, payload, NULL);
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    rig_linger(rig, ASK_GAP_MS);
    return final_ack(rig, from, NULL);
}

static void test_a_command_to_all_reaches_every_unit_and_is_answered_once(void **state)
{
    struct rig *rig = begin(state, NULL);
    size_t from = rig_message_count(rig);
    const cJSON *ack = ask_many(rig, ALL "cmd/start", "{\"id\":\"go\"}");
    bool ok = false;

    assert_int_equal(code_of(ack), 0);
    assert_int_equal(json_size(json_get(ack, "result.units")), 2);
    assert_string_equal(json_get_string(ack, "result.units[0].unit"), "a");
    assert_true(json_get_bool(ack, "result.units[1].ok", &ok) && ok);
    assert_string_equal(json_get_string(ack, "agent"), "pi01");
    assert_int_equal(count_acks(rig, from, "go", "accepted"), 1);
    assert_int_equal(count_acks(rig, from, "go", "final"), 1);
    RIG_WAIT(rig, rig_says(rig, "unit/a/state", "capturing"));
    RIG_WAIT(rig, rig_says(rig, "unit/b/state", "capturing"));
    rig_pass(rig);
}

static void test_finish_to_all_ends_what_is_open_and_leaves_the_rest(void **state)
{
    struct rig *rig = begin(state, NULL);
    const cJSON *ack;

    assert_int_equal(code_of(command(rig, "unit/a/cmd/start", "")), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/a/state", "capturing"));
    ack = ask_many(rig, ALL "cmd/finish", "{\"id\":\"end\"}");
    assert_int_equal(code_of(ack), 0);
    assert_int_equal(json_size(json_get(ack, "result.units")), 1);
    assert_string_equal(json_get_string(ack, "result.units[0].unit"), "a");
    RIG_WAIT(rig, !rig_says(rig, "unit/a/state", "capturing"));
    assert_true(rig_says(rig, "unit/b/state", "standby"));
    rig_pass(rig);
}

static void test_units_that_cannot_are_named_and_the_others_do_it(void **state)
{
    struct rig *rig = begin(state, NULL);
    const cJSON *ack;
    double code = 0;

    assert_int_equal(code_of(command(rig, "unit/a/cmd/start", "")), 0);
    ack = ask_many(rig, ALL "cmd/pause", "");
    assert_int_equal(code_of(ack), -32002);
    assert_non_null(strstr(message_of(ack), "1 of 2"));
    assert_string_equal(json_get_string(ack, "result.units[1].unit"), "b");
    assert_true(json_get_number(ack, "result.units[1].code", &code) && code == -32002);
    RIG_WAIT(rig, rig_says(rig, "unit/a/state", "paused"));
    rig_pass(rig);
}

static void test_what_is_not_for_many_is_refused_and_nothing_happens(void **state)
{
    static const struct {
        const char *topic;
        int code;
    } rows[] = {
        {ALL "cmd/shutdown", -32010}, {ALL "cmd/purge_retained", -32010},
        {ALL "cmd/standby", -32010},  {ALL "cmd/abort", -32010},
        {ALL "cmd/restart", -32010},  {ALL "cmd/frobnicate", -32601},
    };
    struct rig *rig = begin(state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(code_of(ask_many(rig, rows[i].topic, "")), rows[i].code);
    assert_true(rig_says(rig, "availability", "online"));
    assert_true(rig_agent_running(rig));
    rig_pass(rig);
}

static void test_the_operator_may_allow_less(void **state)
{
    struct rig *rig = begin(state, "fleet_verbs = [ \"agent.ping\" ];");
    const cJSON *ack = ask_many(rig, ALL "cmd/start", "");

    assert_int_equal(code_of(ack), -32010);
    assert_non_null(strstr(message_of(ack), "fleet_verbs"));
    assert_int_equal(code_of(ask_many(rig, ALL "cmd/ping", "")), 0);
    assert_int_equal(json_size(rig_look(rig, "info", "fleet_methods")), 1);
    assert_true(rig_says(rig, "unit/a/state", "standby"));
    rig_pass(rig);
}

static void test_a_group_reaches_its_members_and_nobody_else(void **state)
{
    struct rig *rig = begin(state, "groups = [ \"hall\", \"north\" ];");
    size_t from;

    assert_string_equal(json_string(rig_look(rig, "info", "groups[0]")), "hall");
    assert_int_equal(code_of(ask_many(rig, HALL "cmd/ping", "")), 0);
    assert_int_equal(code_of(ask_many(rig, "timelapse/v1/_group/north/cmd/ping", "")), 0);
    from = rig_message_count(rig);
    pub(rig, "timelapse/v1/_group/south/cmd/ping", "", NULL);
    pub(rig, "timelapse/v1/pi02/cmd/ping", "", NULL);
    rig_linger(rig, 2 * DELAY_MAX_MS);
    assert_null(final_ack(rig, from, NULL));
    rig_pass(rig);
}

static void test_rpc_to_all_is_answered_below_each_agent(void **state)
{
    struct rig *rig = begin(state, NULL);
    size_t from = rig_message_count(rig);
    const cJSON *response;

    pub(rig, ALL "rpc/desk", "{\"jsonrpc\":\"2.0\",\"method\":\"unit.list\",\"id\":1}", NULL);
    pub(rig, ALL "rpc/desk", "{\"jsonrpc\":\"2.0\",\"method\":\"agent.shutdown\",\"id\":2}", NULL);
    pub(rig, ALL "rpc/desk", "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\",\"id\":3}", NULL);
    RIG_WAIT(rig, response_to(rig, from, "desk", "1"));
    RIG_WAIT(rig, response_to(rig, from, "desk", "2"));
    RIG_WAIT(rig, response_to(rig, from, "desk", "3"));
    assert_int_equal(json_size(json_get(response_to(rig, from, "desk", "1"), "result.items")), 2);
    assert_int_equal(code_of(response_to(rig, from, "desk", "2")), -32010);
    response = response_to(rig, from, "desk", "3");
    assert_int_equal(json_size(json_get(response, "result.units")), 2);
    RIG_WAIT(rig, rig_says(rig, "unit/b/state", "capturing"));
    assert_true(rig_agent_running(rig));
    rig_pass(rig);
}

/* More than wait their moment are refused, not kept. */
static void test_a_flood_to_all_leaves_the_agent_answering(void **state)
{
    struct rig *rig = begin(state, NULL);
    size_t from = rig_message_count(rig);
    const struct rig_message *message;
    size_t done = 0;

    for (int i = 0; i < 20; i++)
        pub(rig, ALL "cmd/ping", "", NULL);
    rig_linger(rig, 2 * DELAY_MAX_MS);
    for (size_t i = from; (message = rig_message(rig, i)); i++)
        if (str_equal(message->topic, "ack"))
            done += code_of(message->json) == 0;
    assert_true(done > 0);
    assert_int_equal(code_of(command(rig, "unit/a/cmd/start", "")), 0);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_command_to_all_reaches_every_unit_and_is_answered_once),
        TEST(test_finish_to_all_ends_what_is_open_and_leaves_the_rest),
        TEST(test_units_that_cannot_are_named_and_the_others_do_it),
        TEST(test_what_is_not_for_many_is_refused_and_nothing_happens),
        TEST(test_the_operator_may_allow_less),
        TEST(test_a_group_reaches_its_members_and_nobody_else),
        TEST(test_rpc_to_all_is_answered_below_each_agent),
        TEST(test_a_flood_to_all_leaves_the_agent_answering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
