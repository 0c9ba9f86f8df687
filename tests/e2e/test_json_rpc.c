/* SPDX-License-Identifier: MIT */
/* JSON-RPC 2.0 over a real broker: the whole table of methods, strictness, batches, pages, where
 * the answer goes, and the configuration read again. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/verbs.h"
#include "tests/e2e/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RPC_TOPIC "timelapse/v1/pi01/rpc/desk"

static const char conf[] =
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; },\n"
    "            { id = \"top\"; kind = \"pattern\"; width = 64; height = 64; },\n"
    "            { id = \"side\"; kind = \"pattern\"; width = 64; height = 64; } );\n"
    "units = ( { id = \"garden\"; cameras = [ \"front\" ]; trigger = \"command\"; %unit } );\n";

static struct rig *begin(void **state, const char *agent, const char *broker)
{
    struct rig *rig = rig_new(&(struct rig_options){.conf = conf,
                                                    .no_sim = true,
                                                    .agent = agent,
                                                    .broker = broker,
                                                    .unit = "fps = 25.0; standby = true;"});

    *state = rig;
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- the table --- */

static const cJSON *find_method(const cJSON *document, const char *name)
{
    for (const cJSON *it = json_first(json_get(document, "methods")); it; it = json_next(it))
        if (str_equal(json_get_string(it, "name"), name))
            return it;
    return NULL;
}

static void test_discover_tells_every_method_with_its_parameters_and_the_errors(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    const cJSON *document = json_get(rpc(rig, "rpc.discover", NULL), "result");
    const cJSON *info = json_get(rpc(rig, "agent.info", NULL), "result.methods");
    double code = 0;

    assert_int_equal(json_size(json_get(document, "methods")), VERB_COUNT);
    assert_int_equal(json_size(info), VERB_COUNT);
    for (int i = 0; i < VERB_COUNT; i++) {
        const cJSON *method = find_method(document, verbs[i].method);
        size_t args = 0;

        assert_non_null(method);
        assert_string_equal(json_get_string(method, "summary"), verbs[i].help);
        for (const struct verb_arg *arg = verbs[i].args; arg && arg->name; arg++)
            args++;
        assert_true(json_size(json_get(method, "params")) >= args);
    }
    assert_string_equal(json_get_string(find_method(document, "unit.set"), "params[0].name"),
                        "unit");
    assert_true(json_get_number(document, "components.errors.busy.code", &code) && code == -32000);
    document = json_get(rpc(rig, "rpc.discover", "{\"method\":\"unit.list\"}"), "result");
    assert_int_equal(json_size(json_get(document, "methods")), 1);
    rig_pass(rig);
}

static void test_every_reading_method_gives_what_its_topic_says(void **state)
{
    static const struct {
        const char *method, *params, *path, *topic, *topic_path;
    } rows[] = {
        {"agent.info", NULL, "result.contract", "info", "contract"},
        {"agent.status", NULL, "result.agent", "status", "agent"},
        {"unit.status", "{\"unit\":\"garden\"}", "result.state", "unit/garden/status", "state"},
        {"unit.list", NULL, "result.items[0].unit", "unit/garden/status", "unit"},
        {"camera.list", NULL, "result.items[0].kind", "camera/front/status", "kind"},
    };
    struct rig *rig = begin(state, NULL, NULL);

    RIG_WAIT(rig, rig_look(rig, "unit/garden/status", "state"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const cJSON *response = rpc(rig, rows[i].method, rows[i].params);

        RIG_WAIT(rig, rig_look(rig, rows[i].topic, rows[i].topic_path));
        assert_string_equal(json_get_string(response, rows[i].path),
                            json_string(rig_look(rig, rows[i].topic, rows[i].topic_path)));
    }
    assert_int_equal(json_size(json_get(rpc(rig, "printer.list", "{}"), "result.items")), 0);
    assert_int_equal(code_of(rpc(rig, "printer.status", "{\"printer\":\"mk4\"}")), -32001);
    assert_true(json_is_object(json_get(rpc(rig, "agent.ping", NULL), "result")));
    rig_pass(rig);
}

static void test_a_method_of_a_unit_does_what_the_command_does(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    const cJSON *response = rpc(rig, "unit.start", "{\"unit\":\"garden\"}");

    assert_int_equal(code_of(response), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    response = rpc(rig, "unit.snapshot", "{\"unit\":\"garden\"}");
    assert_int_equal(code_of(response), 0);
    assert_int_equal(rig_event_count(rig, "frame"), 1);
    response = rpc(rig, "camera.snapshot", "{\"camera\":\"top\"}");
    assert_int_equal(code_of(response), 0);
    response = rpc(rig, "unit.set", "{\"unit\":\"garden\",\"key\":\"fps\",\"value\":12}");
    assert_int_equal(code_of(response), 0);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/garden/status", "settings.fps")) == 12);
    assert_int_equal(code_of(rpc(rig, "unit.standby", "{\"unit\":\"garden\"}")), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "standby"));
    rig_pass(rig);
}

/* --- strictness --- */

static const struct {
    const char *method, *params;
    int code;
    const char *words;
} wrong[] = {
    {"unit.frobnicate", NULL, -32601, "frobnicate"},
    {"unit.start", "[\"garden\"]", -32602, "by name"},
    {"unit.start", NULL, -32602, "unit"},
    {"unit.start", "{\"unit\":7}", -32602, "unit"},
    {"unit.start", "{\"unit\":\"../../etc\"}", -32602, "unit"},
    {"unit.abort", "{\"unit\":\"nosuch\"}", -32001, "unit"},
    {"unit.status", "{\"unit\":\"nosuch\"}", -32001, "unit"},
    {"camera.snapshot", "{\"camera\":\"nosuch\"}", -32001, "camera"},
    {"unit.pause", "{\"unit\":\"garden\",\"hard\":true}", -32602, "params.hard"},
    {"unit.pause", "{\"unit\":\"garden\",\"command_id\":7}", -32602, "command_id"},
    {"unit.pause", "{\"unit\":\"garden\",\"expires\":\"soon\"}", -32602, "expires"},
    {"unit.pause", "{\"unit\":\"garden\",\"expires\":1}", -32003, "expires"},
    {"unit.set", "{\"unit\":\"garden\",\"key\":\"fps\",\"value\":\"fast\"}", -32602, "fps"},
    {"unit.list", "{\"limit\":0}", -32602, "params.limit"},
    {"unit.list", "{\"limit\":101}", -32602, "limit"},
    {"unit.list", "{\"cursor\":\"banana\"}", -32602, "cursor"},
    {"printer.status", "{}", -32602, "printer"},
    {"rpc.discover", "{\"metod\":\"x\"}", -32602, "metod"},
};

static void test_what_is_wrong_is_refused_by_name_and_changes_nothing(void **state)
{
    struct rig *rig = begin(state, "trust_clock = true;", NULL);
    CLEANUP(free_p) char *before = NULL;
    CLEANUP(free_p) char *after = NULL;

    RIG_WAIT(rig, rig_look(rig, "unit/garden/status", "settings"));
    before = json_print(rig_look(rig, "unit/garden/status", "settings"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const cJSON *response = rpc(rig, wrong[i].method, wrong[i].params);

        if (code_of(response) != wrong[i].code || !strstr(message_of(response), wrong[i].words))
            fail_msg("%s %s: %d %s", wrong[i].method, wrong[i].params ? wrong[i].params : "",
                     code_of(response), message_of(response));
        assert_non_null(json_get_string(response, "error.data.error"));
        assert_null(json_get(response, "result"));
    }
    after = json_print(rig_look(rig, "unit/garden/status", "settings"));
    assert_string_equal(before, after);
    rig_pass(rig);
}

static void expect_alone(struct rig *rig, const char *payload, int code)
{
    size_t from = rig_message_count(rig);

    rig_publish(rig, "rpc/desk", payload);
    RIG_WAIT(rig, response_to(rig, from, "desk", "null"));
    assert_int_equal(code_of(response_to(rig, from, "desk", "null")), code);
    rig_linger(rig, ASK_GAP_MS);
}

static void test_what_cannot_be_read_is_answered_with_the_id_null(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);

    expect_alone(rig, "", -32700);
    expect_alone(rig, "PRESS", -32700);
    expect_alone(rig, "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1,\"id\":2}", -32700);
    expect_alone(rig, "[]", -32600);
    expect_alone(rig, "{\"method\":\"agent.ping\"}", -32600);
    expect_alone(rig, "{\"jsonrpc\":\"2.0\",\"method\":\"agent.ping\",\"id\":{}}", -32600);
    rig_pass(rig);
}

/* --- notifications and batches --- */

static void test_a_notification_is_done_and_never_answered(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    size_t from = rig_message_count(rig);

    rig_publish(rig, "rpc/desk",
                "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\",\"params\":{\"unit\":\"garden\"}}");
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    rig_publish(rig, "rpc/desk", "{\"jsonrpc\":\"2.0\",\"method\":\"nosuch\"}");
    rig_publish(rig, "rpc/desk", "[{\"jsonrpc\":\"2.0\",\"method\":\"agent.ping\"}]");
    assert_int_equal(code_of(rpc(rig, "agent.ping", NULL)), 0);
    for (const struct rig_message *message; (message = rig_message(rig, from)); from++)
        if (str_equal(message->topic, "reply/desk"))
            assert_true(json_is_number(json_get(message->json, "id")));
    rig_pass(rig);
}

static void test_a_batch_is_answered_at_once_each_with_its_own_id(void **state)
{
    static const char batch[] =
        "[{\"jsonrpc\":\"2.0\",\"method\":\"agent.ping\",\"id\":\"a\"},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"camera.snapshot\",\"params\":{\"camera\":\"front\"},"
        "\"id\":9007199254740991},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\",\"params\":{\"unit\":\"garden\"}},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"nosuch\",\"id\":3},17]";
    struct rig *rig = begin(state, NULL, NULL);
    size_t from = rig_message_count(rig);
    const struct rig_message *reply;

    rig_publish(rig, "rpc/desk", batch);
    RIG_WAIT(rig, response_to(rig, from, "desk", "\"a\""));
    reply = rig_last(rig, "reply/desk");
    assert_true(json_is_array(reply->json));
    assert_int_equal(json_size(reply->json), 4);
    assert_non_null(strstr(reply->payload, "9007199254740991"));
    assert_int_equal(code_of(response_to(rig, from, "desk", "\"a\"")), 0);
    assert_int_equal(code_of(response_to(rig, from, "desk", "3")), -32601);
    assert_int_equal(code_of(response_to(rig, from, "desk", "null")), -32600);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    rig_pass(rig);
}

/* --- pages --- */

static void test_a_list_is_read_in_pages_to_its_end(void **state)
{
    static const char *const cameras[] = {"front", "top", "side"};
    struct rig *rig = begin(state, NULL, NULL);
    char cursor[64] = "";

    for (size_t i = 0; i < ARRAY_LEN(cameras); i++) {
        CLEANUP(free_p)
        char *params = cursor[0] ? xasprintf("{\"limit\":1,\"cursor\":\"%s\"}", cursor)
                                 : xstrdup("{\"limit\":1}");
        const cJSON *result = json_get(rpc(rig, "camera.list", params), "result");
        const char *next = json_get_string(result, "next_cursor");

        assert_int_equal(json_size(json_get(result, "items")), 1);
        assert_string_equal(json_get_string(result, "items[0].camera"), cameras[i]);
        assert_int_equal(next == NULL, i + 1 == ARRAY_LEN(cameras));
        snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
    }
    rig_pass(rig);
}

static void test_an_answer_that_the_broker_would_not_take_says_to_ask_for_less(void **state)
{
    struct rig *rig = begin(state, NULL, "allow_anonymous true\nmax_packet_size 1500\n");
    const cJSON *response = rpc(rig, "rpc.discover", NULL);

    assert_int_equal(code_of(response), -32011);
    assert_non_null(strstr(message_of(response), "limit"));
    assert_int_equal(code_of(rpc(rig, "camera.list", "{\"limit\":1}")), 0);
    rig_pass(rig);
}

/* --- where the answer goes --- */

static void test_the_answer_goes_to_the_response_topic_with_its_correlation(void **state)
{
    static const char *const options[] = {
        "-D", "publish", "response-topic",   "timelapse/v1/pi01/reply/private",
        "-D", "publish", "correlation-data", "c0ffee",
        NULL};
    struct rig *rig = begin(state, NULL, NULL);
    size_t from = rig_message_count(rig);

    pub(rig, RPC_TOPIC, "{\"jsonrpc\":\"2.0\",\"method\":\"agent.ping\",\"id\":1}", options);
    RIG_WAIT(rig, response_to(rig, from, "private", "1"));
    assert_string_equal(rig_last(rig, "reply/private")->correlation, "c0ffee");
    assert_null(rig_last(rig, "reply/desk"));
    rig_pass(rig);
}

/* C14. Nothing is done and nothing is written there; whoever asked is told in the usual place. */
static void test_a_hostile_response_topic_gets_nothing_done(void **state)
{
    static const char *const hostile[] = {
        "$SYS/x",
        "timelapse/v1/pi02/reply/desk",
        "timelapse/v1/pi02/cmd/shutdown",
        "timelapse/v1/pi01/cmd/shutdown",
        "timelapse/v1/pi01/availability",
        "timelapse/v1/pi01/rpc/desk",
        "timelapse/v1/_all/cmd/start",
        "other/topic",
    };
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\","
                                  "\"params\":{\"unit\":\"garden\"},\"id\":1}";
    struct rig *rig = begin(state, NULL, NULL);

    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        const char *options[] = {"-D", "publish", "response-topic", hostile[i], NULL};
        size_t from = rig_message_count(rig);

        pub(rig, RPC_TOPIC, request, options);
        RIG_WAIT(rig, response_to(rig, from, "desk", "1"));
        assert_int_equal(code_of(response_to(rig, from, "desk", "1")), -32010);
        assert_non_null(
            strstr(message_of(response_to(rig, from, "desk", "1")), "response_topic_allow"));
        pub(rig, "timelapse/v1/pi01/unit/garden/cmd/start", "", options);
        RIG_WAIT(rig, final_ack(rig, from, NULL));
        assert_int_equal(code_of(final_ack(rig, from, NULL)), -32010);
        rig_linger(rig, 2 * ASK_GAP_MS);
    }
    assert_true(rig_says(rig, "availability", "online"));
    assert_true(rig_agent_running(rig));
    assert_false(rig_says(rig, "unit/garden/state", "capturing"));
    rig_pass(rig);
}

static void test_a_retained_request_is_refused(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    size_t from = rig_message_count(rig);

    pub(rig, RPC_TOPIC,
        "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\",\"params\":{\"unit\":\"garden\"},\"id\":1}",
        (const char *const[]){"-r", NULL});
    RIG_WAIT(rig, response_to(rig, from, "desk", "1"));
    assert_int_equal(code_of(response_to(rig, from, "desk", "1")), -32005);
    rig_pass(rig);
}

/* --- ids --- */

static void test_the_same_command_id_is_answered_again_and_not_done_again(void **state)
{
    static const char params[] = "{\"unit\":\"garden\",\"command_id\":\"once\"}";
    struct rig *rig = begin(state, NULL, NULL);
    bool dup = false;

    assert_int_equal(code_of(rpc(rig, "unit.start", "{\"unit\":\"garden\"}")), 0);
    assert_int_equal(code_of(rpc(rig, "unit.snapshot", params)), 0);
    assert_true(json_get_bool(rpc(rig, "unit.snapshot", params), "result.dup", &dup) && dup);
    assert_int_equal(rig_event_count(rig, "frame"), 1);
    assert_int_equal(code_of(rpc(rig, "unit.standby", params)), -32004);
    assert_int_equal(code_of(command(rig, "unit/garden/cmd/standby", "{\"id\":\"once\"}")), -32004);
    rig_pass(rig);
}

/* --- the configuration read again --- */

static void write_conf(struct rig *rig, const char *cameras, const char *unit)
{
    CLEANUP(free_p) char *path = xasprintf("%s/lapsed.conf", rig_dir(rig));
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fprintf(file,
            "agent = { id = \"pi01\"; data_dir = \"%s/data\"; reserve_mb = 50.0; };\n"
            "mqtt = { host = \"127.0.0.1\"; port = %d; };\n"
            "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; }%s );\n"
            "units = ( { id = \"garden\"; cameras = [ \"front\" ]; %s } );\n",
            rig_dir(rig), rig_mqtt_port(rig), cameras, unit);
    assert_int_equal(fclose(file), 0);
}

static bool lists(const cJSON *array, const char *text)
{
    for (const cJSON *it = json_first(array); it; it = json_next(it))
        if (str_equal(json_string(it), text))
            return true;
    return false;
}

static void test_reload_applies_what_it_can_and_names_the_rest(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    const cJSON *result;

    write_conf(rig, "",
               "standby = true; trigger = [ \"interval\" ]; interval_s = 3600.0; "
               "fps = 10.0;");
    result = json_get(rpc(rig, "agent.reload", NULL), "result");
    assert_true(lists(json_get(result, "changed"), "units.garden.fps"));
    assert_true(lists(json_get(result, "changed"), "units.garden.trigger"));
    assert_true(lists(json_get(result, "needs_restart"), "cameras.top (removed)"));
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/garden/status", "settings.fps")) == 10);
    assert_string_equal(json_string(rig_look(rig, "unit/garden/status", "settings.trigger[0]")),
                        "interval");

    write_conf(rig, "", "standby = true; trigger = \"command\"; fps = 30.0;");
    assert_int_equal(rig_agent_signal(rig, SIGHUP), 0);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/garden/status", "settings.fps")) == 30);
    rig_pass(rig);
}

static void test_reload_of_a_wrong_file_changes_nothing_and_says_all_problems(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    const cJSON *response;

    write_conf(rig, ", { id = \"x\"; kind = \"hologram\"; }",
               "trigger = \"command\"; fps = \"fast\";");
    response = rpc(rig, "agent.reload", NULL);
    assert_int_equal(code_of(response), -32602);
    assert_non_null(strstr(message_of(response), "lapsed.conf:3"));
    assert_true(json_size(json_get(response, "error.data.result.problems")) >= 2);
    assert_true(rig_agent_running(rig));
    assert_int_equal((int)json_number(rig_look(rig, "unit/garden/status", "settings.fps")), 25);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_discover_tells_every_method_with_its_parameters_and_the_errors),
        TEST(test_every_reading_method_gives_what_its_topic_says),
        TEST(test_a_method_of_a_unit_does_what_the_command_does),
        TEST(test_what_is_wrong_is_refused_by_name_and_changes_nothing),
        TEST(test_what_cannot_be_read_is_answered_with_the_id_null),
        TEST(test_a_notification_is_done_and_never_answered),
        TEST(test_a_batch_is_answered_at_once_each_with_its_own_id),
        TEST(test_a_list_is_read_in_pages_to_its_end),
        TEST(test_an_answer_that_the_broker_would_not_take_says_to_ask_for_less),
        TEST(test_the_answer_goes_to_the_response_topic_with_its_correlation),
        TEST(test_a_hostile_response_topic_gets_nothing_done),
        TEST(test_a_retained_request_is_refused),
        TEST(test_the_same_command_id_is_answered_again_and_not_done_again),
        TEST(test_reload_applies_what_it_can_and_names_the_rest),
        TEST(test_reload_of_a_wrong_file_changes_nothing_and_says_all_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
