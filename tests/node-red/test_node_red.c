/* SPDX-License-Identifier: MIT */
/* The flows that we ship, in a real Node-RED, before a real agent. A second tab, as a user would
 * draw it, says on "reply/<end>" what leaves the flow's ends. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"
#include "tests/node-red/node_red.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT_DEADLINE_MS = 60000, FLOWS_MAX_BYTES = 1 << 20 };

#define OUT "lapsed-out-"

struct world {
    struct rig *rig;
    struct node_red *red;
};

/* --- what is deployed --- */

static cJSON *shipped_flows(void)
{
    static const struct json_limits limits = {FLOWS_MAX_BYTES, 16};
    CLEANUP(free_p) char *text = NULL;
    cJSON *nodes = NULL;
    struct error err;
    size_t len;

    if (path_read_file(FLOWS_FILE, FLOWS_MAX_BYTES, &text, &len, &err) < 0 ||
        json_parse(text, len, &limits, &nodes, &err) < 0)
        fail_msg("%s", err.text);
    return nodes;
}

static void add_node(cJSON *nodes, const char *text)
{
    static const struct json_limits limits = {4096, 8};
    struct error err;
    cJSON *node;

    if (json_parse(text, strlen(text), &limits, &node, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    json_add(nodes, NULL, node);
}

/* Draws a link from an end of the flow to a topic. */
static void add_listener(cJSON *nodes, const char *out)
{
    const char *name = out + strlen(OUT);
    CLEANUP(free_p)
    char *link = xasprintf("{\"id\":\"in-%s\",\"type\":\"link in\",\"z\":\"test\","
                           "\"links\":[\"%s\"],\"wires\":[[\"say-%s\"]]}",
                           name, out, name);
    CLEANUP(free_p)
    char *say = xasprintf("{\"id\":\"set-%s\",\"type\":\"mqtt out\",\"z\":\"test\",\"qos\":\"1\","
                          "\"retain\":\"false\",\"broker\":\"test-broker\","
                          "\"topic\":\"timelapse/v1/pi01/reply/%s\",\"wires\":[]}",
                          name, name);
    CLEANUP(free_p)
    char *pick =
        xasprintf("{\"id\":\"say-%s\",\"type\":\"change\",\"z\":\"test\",\"rules\":[{\"t\":\"delete"
                  "\",\"p\":\"topic\",\"pt\":\"msg\"}],\"wires\":[[\"set-%s\"]]}",
                  name, name);

    add_node(nodes, link);
    add_node(nodes, pick);
    add_node(nodes, say);
}

/* A node as the editor would save it when its one link is drawn. */
static cJSON *linked(const cJSON *node, const char *to)
{
    cJSON *copy = json_object();

    for (const cJSON *member = json_first(node); member; member = json_next(member))
        if (str_equal(json_key(member), "links"))
            json_add_string(json_add_array(copy, "links"), NULL, to);
        else
            json_add(copy, json_key(member), json_copy(member));
    return copy;
}

static void deploy(struct world *world)
{
    CLEANUP(json_free_p) cJSON *shipped = shipped_flows();
    CLEANUP(json_free_p) cJSON *nodes = json_array();
    CLEANUP(free_p)
    char *broker =
        xasprintf("{\"id\":\"test-broker\",\"type\":\"mqtt-broker\",\"broker\":\"127.0.0.1\","
                  "\"port\":%d,\"protocolVersion\":\"5\",\"autoConnect\":true,"
                  "\"cleansession\":true,\"keepalive\":\"30\"}",
                  rig_mqtt_port(world->rig));

    add_node(nodes, "{\"id\":\"test\",\"type\":\"tab\",\"label\":\"test\"}");
    add_node(nodes, broker);
    for (const cJSON *node = json_first(shipped); node; node = json_next(node)) {
        const char *id = json_get_string(node, "id");

        if (str_equal(json_get_string(node, "type"), "link out")) {
            CLEANUP(free_p) char *to = xasprintf("in-%s", id + strlen(OUT));

            json_add(nodes, NULL, linked(node, to));
            add_listener(nodes, id);
        } else {
            json_add(nodes, NULL, json_copy(node));
        }
    }
    node_red_deploy(world->red, nodes);
}

/* --- birth and death --- */

static int setup(void **state)
{
    static const char *const sim_args[] = {SIM_QUICK, "--heat-ms", "600", NULL};
    struct world *world = xcalloc(1, sizeof(*world));

    *state = world;
    world->rig = rig_new(&(struct rig_options){.sim_args = sim_args, .unit = "min_frames = 1;"});
    world->red = node_red_new(world->rig);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    unsetenv("LAPSED_UNIT");
    unsetenv("LAPSED_AGENT");
    unsetenv("LAPSED_ANSWER_S");
    node_red_free(world->red);
    rig_free(world->rig);
    free(world);
    return 0;
}

static int setup_and_deploy(void **state)
{
    setup(state);
    deploy(*state);
    return 0;
}

/* Another unit than there is, and no patience. */
static int setup_with_a_wrong_unit(void **state)
{
    setenv("LAPSED_AGENT", "pi01", 1);
    setenv("LAPSED_UNIT", "nosuch", 1);
    setenv("LAPSED_ANSWER_S", "1", 1);
    return setup_and_deploy(state);
}

static bool said(struct rig *rig, const char *end, const char *path, const char *text)
{
    CLEANUP(free_p) char *topic = xasprintf("reply/%s", end);

    return str_equal(json_string(rig_look(rig, topic, path)), text);
}

/* --- tests --- */

static bool is_core_type(const cJSON *sets, const char *type)
{
    if (str_equal(type, "tab"))
        return true;
    for (const cJSON *set = json_first(sets); set; set = json_next(set)) {
        if (!str_equal(json_get_string(set, "module"), "node-red"))
            continue;
        for (const cJSON *name = json_first(json_get(set, "types")); name; name = json_next(name))
            if (str_equal(json_string(name), type))
                return true;
    }
    return false;
}

static void test_the_flows_need_nothing_but_the_core_nodes(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *sets = node_red_get(world->red, "/nodes");
    CLEANUP(json_free_p) cJSON *shipped = shipped_flows();
    CLEANUP(json_free_p) cJSON *kept = NULL;

    for (const cJSON *node = json_first(shipped); node; node = json_next(node))
        if (!is_core_type(sets, json_get_string(node, "type")))
            fail_msg("%s is no core node", json_get_string(node, "type"));
    node_red_deploy(world->red, shipped);
    kept = node_red_get(world->red, "/flows");
    assert_int_equal(json_size(kept), json_size(shipped));
    rig_pass(world->rig);
}

static void test_status_comes_in_and_follows(void **state)
{
    struct world *world = *state;
    struct rig *rig = world->rig;

    RIG_WAIT(rig, said(rig, "unit", "state", "waiting"));
    assert_true(said(rig, "unit", "agent", "pi01"));
    assert_true(said(rig, "unit", "unit", "mk4"));
    RIG_WAIT(rig, said(rig, "printer", "state", "idle"));
    RIG_WAIT(rig,
             str_equal(rig_last(rig, "reply/agent") ? rig_last(rig, "reply/agent")->payload : "",
                       "{\"agent\":\"pi01\",\"online\":true}"));
    sim_do(rig, "start&layers=200&layer_ms=400");
    RIG_WAIT(rig, said(rig, "unit", "state", "capturing"));
    RIG_WAIT(rig, json_number(rig_look(rig, "reply/unit", "frames")) >= 2);
    rig_agent_signal(rig, SIGTERM);
    RIG_WAIT(rig, str_equal(rig_last(rig, "reply/agent")->payload,
                            "{\"agent\":\"pi01\",\"online\":false}"));
    rig_pass(rig);
}

/* Nothing is named anywhere: the flow means the only unit that it has heard of. */
static void test_the_button_takes_a_picture(void **state)
{
    struct world *world = *state;
    struct rig *rig = world->rig;
    const struct rig_message *command;
    const cJSON *done;

    RIG_WAIT(rig, said(rig, "unit", "unit", "mk4"));
    node_red_press(world->red, "lapsed-snapshot");
    RIG_WAIT(rig, rig_last(rig, "reply/done"));
    done = rig_last(rig, "reply/done")->json;
    command = rig_last(rig, "unit/mk4/cmd/snapshot");
    assert_non_null(command);
    assert_false(command->retained);
    assert_string_equal(json_get_string(done, "id"), json_get_string(command->json, "id"));
    assert_string_equal(json_get_string(done, "unit"), "mk4");
    assert_string_equal(json_get_string(done, "phase"), "final");
    RIG_WAIT(rig, rig_last(rig, "image/front/last/meta"));
    assert_null(rig_last(rig, "reply/failed"));
    rig_pass(rig);
}

static void test_the_message_leaves_when_a_video_is_ready(void **state)
{
    struct world *world = *state;
    struct rig *rig = world->rig;
    CLEANUP(free_p) char *wanted = NULL;
    const cJSON *event;
    const char *message;

    RIG_WAIT(rig, said(rig, "unit", "unit", "mk4"));
    sim_do(rig, "start&layers=6&layer_ms=400");
    events_await(rig, "video_ready", 1, PRINT_DEADLINE_MS);
    RIG_WAIT(rig, rig_last(rig, "reply/message"));
    message = rig_last(rig, "reply/message")->payload;
    event = rig_event(rig, "video_ready", 0);
    wanted = xasprintf("mk4: the video is ready: %.0f frames, ", event_number(event, "frames"));
    assert_true(str_starts_with(message, wanted));
    assert_true(str_ends_with(message, json_get_string(event, "file")));
    rig_pass(rig);
}

static void test_a_refusal_and_a_silence_are_told(void **state)
{
    struct world *world = *state;
    struct rig *rig = world->rig;

    RIG_WAIT(rig, said(rig, "unit", "unit", "mk4"));
    node_red_press(world->red, "lapsed-snapshot");
    RIG_WAIT(rig, said(rig, "failed", "error", "unknown_target"));
    assert_true(said(rig, "failed", "unit", "nosuch"));
    rig_agent_signal(rig, SIGTERM);
    node_red_press(world->red, "lapsed-snapshot");
    RIG_WAIT(rig, said(rig, "failed", "error", "no_answer"));
    assert_null(rig_last(rig, "reply/done"));
    rig_pass(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_flows_need_nothing_but_the_core_nodes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_status_comes_in_and_follows, setup_and_deploy,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_button_takes_a_picture, setup_and_deploy,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_message_leaves_when_a_video_is_ready,
                                        setup_and_deploy, teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_and_a_silence_are_told,
                                        setup_with_a_wrong_unit, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
