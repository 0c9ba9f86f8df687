/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BELOW "timelapse/v1/pi01/"

static void every_published_topic_has_the_name_of_the_contract(void **state)
{
    static const struct {
        enum topic_kind kind;
        const char *id, *topic;
    } rows[] = {
        {TOPIC_AVAILABILITY, NULL, BELOW "availability"},
        {TOPIC_INFO, NULL, BELOW "info"},
        {TOPIC_STATUS, NULL, BELOW "status"},
        {TOPIC_JOBS, NULL, BELOW "jobs"},
        {TOPIC_EVENT, NULL, BELOW "event"},
        {TOPIC_ACK, NULL, BELOW "ack"},
        {TOPIC_PRINTER_AVAILABILITY, "mk4", BELOW "printer/mk4/availability"},
        {TOPIC_PRINTER_STATE, "mk4", BELOW "printer/mk4/state"},
        {TOPIC_PRINTER_STATUS, "mk4", BELOW "printer/mk4/status"},
        {TOPIC_CAMERA_STATUS, "front", BELOW "camera/front/status"},
        {TOPIC_LIGHT_STATUS, "lamp", BELOW "light/lamp/status"},
        {TOPIC_IMAGE, "front", BELOW "image/front/last"},
        {TOPIC_IMAGE_META, "front", BELOW "image/front/last/meta"},
        {TOPIC_UNIT_AVAILABILITY, "u", BELOW "unit/u/availability"},
        {TOPIC_UNIT_STATE, "u", BELOW "unit/u/state"},
        {TOPIC_UNIT_STATUS, "u", BELOW "unit/u/status"},
        {TOPIC_UNIT_VIDEO, "u", BELOW "unit/u/video"},
        {TOPIC_UNIT_EVENT, "u", BELOW "unit/u/event"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(free_p) char *topic = topic_build("timelapse", "pi01", rows[i].kind, rows[i].id);
        char agent[64], id[64];
        enum topic_kind kind;

        assert_string_equal(topic, rows[i].topic);
        assert_int_equal(topic_parse_status("timelapse", topic, &kind, agent, id), 0);
        assert_int_equal(kind, rows[i].kind);
        assert_string_equal(agent, "pi01");
        assert_string_equal(id, rows[i].id ? rows[i].id : "");
    }
}

static void a_topic_that_is_no_status_of_ours_is_not_taken_for_one(void **state)
{
    static const char *const topics[] = {
        "",
        "timelapse",
        "timelapse/v1",
        "timelapse/v1/",
        "timelapse/v1/pi01",
        "timelapse/v1/pi01/",
        "timelapse/v2/pi01/status",
        "timelapsex/v1/pi01/status",
        "other/v1/pi01/status",
        "timelapse/v1/PI01/status",
        "timelapse/v1//status",
        "timelapse/v1/pi01/status/",
        "timelapse/v1/pi01/unit/mk4",
        "timelapse/v1/pi01/unit/mk4/",
        "timelapse/v1/pi01/unit//status",
        "timelapse/v1/pi01/unit/MK4/status",
        "timelapse/v1/pi01/unit/mk4/status/x",
        "timelapse/v1/pi01/image/front/last/metal",
        "timelapse/v1/pi01/image/front/last/meta/x/y",
        "timelapse/v1/pi01/unit/mk4/cmd/start",
    };
    char agent[64], id[64];
    enum topic_kind kind;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        assert_int_equal(topic_parse_status("timelapse", topics[i], &kind, agent, id), -ENOENT);
}

static void every_request_topic_is_read(void **state)
{
    static const struct {
        const char *topic;
        enum topic_scope scope;
        enum topic_request request;
        bool broadcast;
        const char *agent, *id, *verb;
    } rows[] = {
        {"a/b/v1/pi01/cmd/reload", TOPIC_SCOPE_AGENT, TOPIC_CMD, false, "pi01", "", "reload"},
        {"a/b/v1/pi01/unit/mk4/cmd/start", TOPIC_SCOPE_UNIT, TOPIC_CMD, false, "pi01", "mk4",
         "start"},
        {"a/b/v1/pi01/camera/front/cmd/snapshot", TOPIC_SCOPE_CAMERA, TOPIC_CMD, false, "pi01",
         "front", "snapshot"},
        {"a/b/v1/pi01/unit/mk4/set/interval_s", TOPIC_SCOPE_UNIT, TOPIC_SET, false, "pi01", "mk4",
         "interval_s"},
        {"a/b/v1/pi01/rpc/desk-1", TOPIC_SCOPE_AGENT, TOPIC_RPC, false, "pi01", "", "desk-1"},
        {"a/b/v1/_all/cmd/finish", TOPIC_SCOPE_AGENT, TOPIC_CMD, true, "", "", "finish"},
        {"a/b/v1/_all/rpc/desk", TOPIC_SCOPE_AGENT, TOPIC_RPC, true, "", "", "desk"},
        {"a/b/v1/_group/shop/cmd/finish", TOPIC_SCOPE_AGENT, TOPIC_CMD, true, "shop", "", "finish"},
        {"a/b/v1/_group/shop/rpc/desk", TOPIC_SCOPE_AGENT, TOPIC_RPC, true, "shop", "", "desk"},
        /* names that are words of the contract shift nothing */
        {"a/b/v1/unit/unit/cmd/cmd/cmd", TOPIC_SCOPE_UNIT, TOPIC_CMD, false, "unit", "cmd", "cmd"},
        {"a/b/v1/cmd/cmd/cmd", TOPIC_SCOPE_AGENT, TOPIC_CMD, false, "cmd", "", "cmd"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct topic_target target;

        assert_int_equal(topic_parse("a/b", rows[i].topic, &target, NULL), 0);
        assert_int_equal(target.scope, rows[i].scope);
        assert_int_equal(target.request, rows[i].request);
        assert_int_equal(target.broadcast, rows[i].broadcast);
        assert_string_equal(target.agent, rows[i].agent);
        assert_string_equal(target.id, rows[i].id);
        assert_string_equal(target.verb, rows[i].verb);
    }
}

#define LONG_NAME "a234567890123456789012345678901234567890123456789" /* 49 bytes */

static void a_hostile_request_topic_is_refused(void **state)
{
    static const struct {
        const char *topic;
        int code;
    } rows[] = {
        {"", -ENOENT},
        {"timelapse", -ENOENT},
        {"timelapse/v1/", -ENOENT},
        {"timelapse/v1/pi01/cmd", -ENOENT},
        {"timelapse/v1/pi01/status", -ENOENT},
        {"timelapse/v1/pi01/cmd/a/b", -ENOENT},
        {"timelapse/v1/pi01/set/fps", -ENOENT},
        {"timelapse/v1/pi01/camera/c/set/fps", -ENOENT},
        {"timelapse/v1/pi01/printer/p/cmd/pause", -ENOENT},
        {"timelapse/v1/pi01/unit/u/rpc/x", -ENOENT},
        {"timelapse/v1/_all/unit/u/cmd/start", -ENOENT},
        {"timelapse/v1/_group/g/unit/u/cmd/start", -ENOENT},
        {"timelapse/v1/_all/set/fps", -ENOENT},
        {"timelapse/v1/_group/cmd/start", -ENOENT},
        {"timelapse/v1/_other/cmd/start", -EINVAL},
        {"timelapse/v1/_group//cmd/start", -EINVAL},
        {"timelapse/v1//cmd/start", -EINVAL},
        {"timelapse/v1/Pi01/cmd/start", -EINVAL},
        {"timelapse/v1/pi01/cmd/", -EINVAL},
        {"timelapse/v1/pi01/cmd/Start", -EINVAL},
        {"timelapse/v1/pi01/cmd/_x", -EINVAL},
        {"timelapse/v1/pi01/cmd/..", -EINVAL},
        {"timelapse/v1/pi01/cmd/a\nb", -EINVAL},
        {"timelapse/v1/pi01/unit//cmd/start", -EINVAL},
        {"timelapse/v1/pi01/unit/../cmd/start", -EINVAL},
        {"timelapse/v1/pi01/unit/+/cmd/start", -EINVAL},
        {"timelapse/v1/pi01/unit/" LONG_NAME "/cmd/start", -EINVAL},
        {"timelapse/v1/pi01/unit/" LONG_NAME LONG_NAME "/cmd/start", -EINVAL},
        {"timelapse/v1/pi01/a/b/c/d/e/f/g/h/i", -ENOENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct topic_target target;
        struct error err = {0};

        if (topic_parse("timelapse", rows[i].topic, &target, &err) != rows[i].code)
            fail_msg("'%s' was not refused with %d", rows[i].topic, rows[i].code);
        assert_int_equal(err.code, rows[i].code);
    }
}

static void what_is_built_as_a_request_is_read_back(void **state)
{
    CLEANUP(free_p) char *cmd = topic_build_cmd("t", "pi01", TOPIC_SCOPE_CAMERA, "c", "snapshot");
    CLEANUP(free_p) char *all = topic_build_cmd("t", "_all", TOPIC_SCOPE_AGENT, NULL, "finish");
    CLEANUP(free_p) char *set = topic_build_set("t", "pi01", "u", "fps");
    struct topic_target target;

    (void)state;
    assert_string_equal(cmd, "t/v1/pi01/camera/c/cmd/snapshot");
    assert_string_equal(all, "t/v1/_all/cmd/finish");
    assert_string_equal(set, "t/v1/pi01/unit/u/set/fps");
    assert_int_equal(topic_parse("t", cmd, &target, NULL), 0);
    assert_int_equal(topic_parse("t", all, &target, NULL), 0);
    assert_int_equal(topic_parse("t", set, &target, NULL), 0);
}

static void the_filters_of_an_agent_catch_its_requests_and_no_other(void **state)
{
    static const struct {
        const char *topic;
        bool wanted;
    } rows[] = {
        {"t/v1/pi01/cmd/reload", true},
        {"t/v1/pi01/rpc/desk", true},
        {"t/v1/pi01/reply/desk", false},
        {"t/v1/pi01/unit/u/cmd/start", true},
        {"t/v1/pi01/camera/c/cmd/snapshot", true},
        {"t/v1/pi01/unit/u/set/fps", true},
        {"t/v1/pi01/status", false},
        {"t/v1/pi01/unit/u/status", false},
        {"t/v1/pi02/cmd/reload", false},
        {"t/v1/pi01/unit/u/cmd/start/x", false},
    };
    size_t count;
    char **filters = topic_filters("t", "pi01", &count);

    (void)state;
    assert_null(filters[count]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool caught = false;

        for (size_t f = 0; f < count; f++)
            caught = caught || topic_matches(filters[f], rows[i].topic);
        assert_int_equal(caught, rows[i].wanted);
    }
    for (size_t f = 0; f < count; f++) {
        assert_true(topic_filter_valid(filters[f]));
        free_p(&filters[f]);
    }
    free_p(&filters);
}

static void a_prefix_is_one_to_eight_plain_levels(void **state)
{
    (void)state;
    assert_true(topic_prefix_valid("timelapse"));
    assert_true(topic_prefix_valid("A/b_c/d-9"));
    assert_true(topic_prefix_valid("1/2/3/4/5/6/7/8"));
    assert_true(topic_prefix_valid("12345678901234567890123456789012"));
    assert_false(topic_prefix_valid("123456789012345678901234567890123"));
    assert_false(topic_prefix_valid("1/2/3/4/5/6/7/8/9"));
    assert_false(topic_prefix_valid(""));
    assert_false(topic_prefix_valid("/a"));
    assert_false(topic_prefix_valid("a/"));
    assert_false(topic_prefix_valid("a//b"));
    assert_false(topic_prefix_valid("a/+"));
    assert_false(topic_prefix_valid("#"));
    assert_false(topic_prefix_valid("$SYS"));
    assert_false(topic_prefix_valid("a b"));
    assert_false(topic_prefix_valid("\xc3\xa4"));
}

static void a_topic_with_wildcards_or_bad_bytes_is_not_published_to(void **state)
{
    char *longest = xcalloc(1, 65537);

    (void)state;
    assert_true(topic_publishable("a"));
    assert_true(topic_publishable("/a//b/"));
    assert_true(topic_publishable("\xc3\xa4/x"));
    assert_false(topic_publishable(""));
    assert_false(topic_publishable("a/+"));
    assert_false(topic_publishable("a/#"));
    assert_false(topic_publishable("a+b"));
    assert_false(topic_publishable("$SYS/x"));
    assert_false(topic_publishable("a\xff"));
    assert_false(topic_publishable("a\nb"));
    assert_false(topic_publishable("a\x7f"));
    assert_false(topic_publishable("a\xc2\x85"));
    memset(longest, 'a', 65536);
    assert_false(topic_publishable(longest));
    longest[65535] = '\0';
    assert_true(topic_publishable(longest));
    free_p(&longest);
}

static void wildcards_of_a_filter_fill_whole_levels(void **state)
{
    static const char *const good[] = {"#", "+", "a/#", "+/b/#", "a/+/c", "/", "$SYS/#", "a//b"};
    static const char *const bad[] = {"",     "a#", "a/#/b", "#/a", "a+/b",
                                      "a/b+", "++", "a\xff", "##"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(topic_filter_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(topic_filter_valid(bad[i]));
}

static void a_filter_matches_as_the_broker_matches(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } rows[] = {
        {"a/b", "a/b", true},     {"a/b", "a/b/c", false},   {"a/b/c", "a/b", false},
        {"a/+", "a/b", true},     {"a/+", "a/", true},       {"a/+", "a", false},
        {"a/+", "a/b/c", false},  {"a/#", "a/b/c", true},    {"a/#", "a", true},
        {"a/#", "ab", false},     {"#", "a/b", true},        {"+/b", "a/b", true},
        {"+", "/a", false},       {"+/+", "/a", true},       {"/+", "/a", true},
        {"#", "$SYS/x", false},   {"+/x", "$SYS/x", false},  {"$SYS/#", "$SYS/x", true},
        {"a/+/c", "a/b/c", true}, {"a/+/c", "a/b/d", false}, {"ab", "a", false},
        {"a", "ab", false},       {"+/#", "a", true},        {"a/b/#", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (topic_matches(rows[i].filter, rows[i].topic) != rows[i].matches)
            fail_msg("%s on %s", rows[i].filter, rows[i].topic);
}

static void the_filters_of_a_fleet_catch_commands_and_rpc_and_nothing_of_one_agent(void **state)
{
    static const char *const topics[] = {"cmd/ping", "rpc/desk"};
    static const char *const others[] = {"unit/u/cmd/start", "unit/u/set/fps", "status"};
    static const struct {
        const char *group, *place;
    } rows[] = {{NULL, "t/v1/_all"}, {"hall", "t/v1/_group/hall"}};

    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        size_t count;
        char **filters = topic_fleet_filters("t", rows[row].group, &count);

        assert_int_equal(count, ARRAY_LEN(topics));
        for (size_t f = 0; f < count; f++) {
            CLEANUP(free_p) char *topic = xasprintf("%s/%s", rows[row].place, topics[f]);

            assert_true(topic_matches(filters[f], topic));
            for (size_t o = 0; o < ARRAY_LEN(others); o++) {
                CLEANUP(free_p) char *other = xasprintf("%s/%s", rows[row].place, others[o]);

                assert_false(topic_matches(filters[f], other));
            }
            free_p(&filters[f]);
        }
        free_p(&filters);
    }
}

static bool may_answer(const char *topic)
{
    static char filter[] = "home/+/answers";
    static char *items[] = {filter};
    struct conf_strings strings = {.items = items, .count = ARRAY_LEN(items)};
    struct topic_response_rule rule = {.prefix = "timelapse", .agent = "pi01", .allow = &strings};

    return topic_response_allowed(&rule, topic);
}

static void an_answer_goes_below_our_prefix_and_to_no_topic_of_the_contract(void **state)
{
    static const char *const good[] = {"timelapse/v1/pi01/reply/desk", "timelapse/answers/1",
                                       "timelapse/v1/_reply/desk", "home/attic/answers"};
    static const char *const bad[] = {
        "timelapse",
        "timelapse/",
        "timelapsex/a",
        "other/answers",
        "home/attic/answers/more",
        "timelapse/+/a",
        "timelapse/#",
        "$SYS/timelapse",
        "timelapse/v1/pi01/cmd/shutdown",
        "timelapse/v1/pi01/rpc/desk",
        "timelapse/v1/pi02/cmd/shutdown",
        "timelapse/v1/pi02/reply/desk",
        "timelapse/v1/pi02/anything",
        "timelapse/v1//x",
        "timelapse/v1/_all/cmd/shutdown",
        "timelapse/v1/_group/hall/rpc/x",
        "timelapse/v1/pi01/unit/u/status",
        "timelapse/v1/pi01/availability",
    };
    char too_long[300] = "timelapse/";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!may_answer(good[i]))
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (may_answer(bad[i]))
            fail_msg("%s was taken", bad[i]);
    memset(too_long + 10, 'a', 247);
    assert_false(may_answer(too_long));
    too_long[256] = '\0';
    assert_true(may_answer(too_long));
}

/* A list that an operator wrote too wide must not let us command other agents. */
static void no_list_lets_an_answer_be_a_command(void **state)
{
    char everything[] = "#";
    char *items[] = {everything};
    struct conf_strings strings = {.items = items, .count = 1};
    struct topic_response_rule rule = {.prefix = "timelapse", .agent = "pi01", .allow = &strings};

    (void)state;
    assert_true(topic_response_allowed(&rule, "anywhere/else"));
    assert_true(topic_response_allowed(&rule, "timelapse/v1/pi02/reply/desk"));
    assert_false(topic_response_allowed(&rule, "timelapse/v1/pi02/cmd/shutdown"));
    assert_false(topic_response_allowed(&rule, "timelapse/v1/_all/cmd/shutdown"));
    assert_false(topic_response_allowed(&rule, "timelapse/v1/pi02/availability"));
    assert_false(topic_response_allowed(&rule, "$SYS/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_topic_has_the_name_of_the_contract),
        cmocka_unit_test(a_topic_that_is_no_status_of_ours_is_not_taken_for_one),
        cmocka_unit_test(every_request_topic_is_read),
        cmocka_unit_test(a_hostile_request_topic_is_refused),
        cmocka_unit_test(what_is_built_as_a_request_is_read_back),
        cmocka_unit_test(the_filters_of_an_agent_catch_its_requests_and_no_other),
        cmocka_unit_test(a_prefix_is_one_to_eight_plain_levels),
        cmocka_unit_test(a_topic_with_wildcards_or_bad_bytes_is_not_published_to),
        cmocka_unit_test(wildcards_of_a_filter_fill_whole_levels),
        cmocka_unit_test(a_filter_matches_as_the_broker_matches),
        cmocka_unit_test(the_filters_of_a_fleet_catch_commands_and_rpc_and_nothing_of_one_agent),
        cmocka_unit_test(no_list_lets_an_answer_be_a_command),
        cmocka_unit_test(an_answer_goes_below_our_prefix_and_to_no_topic_of_the_contract),
    };

    return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
