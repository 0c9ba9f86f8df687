/* SPDX-License-Identifier: MIT */
#include "agent/verbs.h"

#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The commands that the contract promises to users of version 1. */
static const struct {
    enum topic_scope scope;
    const char *name;
    bool durable_id; /* must not be done twice, not even after a restart of the agent */
} promised[] = {
    {TOPIC_SCOPE_UNIT, "start", true},
    {TOPIC_SCOPE_UNIT, "standby", true},
    {TOPIC_SCOPE_UNIT, "pause", false},
    {TOPIC_SCOPE_UNIT, "resume", false},
    {TOPIC_SCOPE_UNIT, "finish", true},
    {TOPIC_SCOPE_UNIT, "abort", true},
    {TOPIC_SCOPE_UNIT, "restart", true},
    {TOPIC_SCOPE_UNIT, "snapshot", false},
    {TOPIC_SCOPE_UNIT, "preview", false},
    {TOPIC_SCOPE_UNIT, "rebuild", true},
    {TOPIC_SCOPE_CAMERA, "snapshot", false},
    {TOPIC_SCOPE_CAMERA, "gphoto2", false},
    {TOPIC_SCOPE_AGENT, "light_on", false},
    {TOPIC_SCOPE_AGENT, "light_off", false},
    {TOPIC_SCOPE_AGENT, "ping", false},
    {TOPIC_SCOPE_AGENT, "shutdown", false},
    {TOPIC_SCOPE_AGENT, "purge_retained", false},
};

static void every_promised_command_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(promised); i++) {
        enum verb_id id = verb_find(promised[i].scope, promised[i].name);

        if (id == VERB_COUNT)
            fail_msg("no verb %s", promised[i].name);
        if (!(verbs[id].flags & VERB_DURABLE_ID) == promised[i].durable_id)
            fail_msg("%s: is its id remembered on disk?", promised[i].name);
    }
}

static void every_verb_is_found_by_its_own_scope_and_name(void **state)
{
    (void)state;
    for (int id = 0; id < VERB_COUNT; id++) {
        bool topic = !(verbs[id].flags & VERB_NO_TOPIC);

        assert_int_equal(verb_find(verbs[id].scope, verbs[id].name), topic ? id : VERB_COUNT);
        assert_int_equal(verb_find_method(verbs[id].method), id);
    }
}

/* --- arguments --- */

static const struct verb_arg some_args[] = {
    {.name = "text", .type = ARG_STRING, .max = 4, .help = "t"},
    {.name = "id", .type = ARG_ID, .help = "i"},
    {.name = "count", .type = ARG_INT, .min = 1, .max = 5, .required = true, .help = "c"},
    {.name = "size", .type = ARG_NUMBER, .help = "s"},
    {.name = "on", .type = ARG_BOOL, .help = "o"},
    {.name = "value", .type = ARG_SCALAR, .help = "v"},
    {.name = "list", .type = ARG_STRINGS, .help = "l"},
    {.name = "more", .type = ARG_OBJECT, .help = "m"},
    {.name = "words", .type = ARG_WORDS, .max = 4, .help = "w"},
    {.name = NULL},
};
static const struct verb some_verb = {.name = "verb", .args = some_args};

static void arguments_of_the_row_are_taken(void **state)
{
    static const char text[] =
        "{\"text\":\"four\",\"id\":\"mk4\",\"count\":5,\"size\":-1.5,\"on\":true,"
        "\"value\":\"x\",\"list\":[\"a\",\"b\"],\"more\":{}}";
    cJSON *args;
    struct error err;

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), &(struct json_limits){1000, 8}, &args, &err),
                     0);
    assert_int_equal(verb_check_args(&some_verb, "args", args, &err), 0);
    json_free(args);
}

static void other_arguments_are_refused_by_name(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "args.count: is missing"},
        {"{\"count\":1,\"cuont\":1}", "args.cuont: 'verb' takes no such argument"},
        {"{\"count\":0}", "args.count: must be from 1 to 5"},
        {"{\"count\":1.5}", "args.count: must be a whole number"},
        {"{\"count\":\"1\"}", "args.count: must be a number"},
        {"{\"count\":1,\"text\":\"fifth\"}", "args.text: is longer than 4 bytes"},
        {"{\"count\":1,\"text\":1}", "args.text: must be a text"},
        {"{\"count\":1,\"id\":\"../x\"}",
         "args.id: must be a name of lower-case letters, digits, '_' and '-'"},
        {"{\"count\":1,\"on\":1}", "args.on: must be true or false"},
        {"{\"count\":1,\"value\":null}", "args.value: must be a text, a number, true or false"},
        {"{\"count\":1,\"list\":\"a\"}", "args.list: must be a list of texts"},
        {"{\"count\":1,\"list\":[1]}", "args.list: must be a text"},
        {"{\"count\":1,\"more\":[]}", "args.more: must be an object"},
        {"{\"count\":1,\"words\":1}", "args.words: must be a text or a list of texts"},
        {"{\"count\":1,\"words\":[\"a\",{}]}", "args.words: must be a text"},
        {"{\"count\":1,\"words\":[\"fifth\"]}", "args.words: is longer than 4 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *text = cases[i][0];
        cJSON *args;
        struct error err;

        assert_int_equal(
            json_parse(text, strlen(text), &(struct json_limits){1000, 8}, &args, &err), 0);
        assert_true(verb_check_args(&some_verb, "args", args, &err) < 0);
        assert_string_equal(err.text, cases[i][1]);
        json_free(args);
    }
}

/* C3: for every argument of every verb each value that is none of its type. */
static const struct {
    const char *value;
    unsigned fits; /* bits of enum arg_type */
} wrong_values[] = {
    {"null", 0},
    {"[1]", 0},
    {"[{}]", 0},
    {"true", 1u << ARG_BOOL | 1u << ARG_SCALAR},
    {"{}", 1u << ARG_OBJECT},
    {"-1e300", 1u << ARG_INT | 1u << ARG_NUMBER | 1u << ARG_SCALAR},
    {"\"../x\"", 1u << ARG_STRING | 1u << ARG_SCALAR | 1u << ARG_WORDS},
    {"[\"a\"]", 1u << ARG_STRINGS | 1u << ARG_WORDS},
    {"\"\"", 1u << ARG_STRING | 1u << ARG_SCALAR | 1u << ARG_WORDS},
};

static void expect_named(const struct verb *verb, const char *name, const char *args)
{
    static const struct json_limits limits = {4096, 8};
    char path[128];
    cJSON *json;
    struct error err = {0};

    assert_int_equal(json_parse(args, strlen(args), &limits, &json, &err), 0);
    snprintf(path, sizeof(path), "args.%s: ", name);
    if (verb_check_args(verb, "args", json, &err) == 0 || !str_starts_with(err.text, path))
        fail_msg("%s %s: '%s'", verb->method, args, err.text);
    json_free(json);
}

static size_t check_wrong_values(const struct verb *verb, const struct verb_arg *arg)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(wrong_values); i++) {
        char args[256];

        if (wrong_values[i].fits & 1u << arg->type)
            continue;
        snprintf(args, sizeof(args), "{\"%s\":%s}", arg->name, wrong_values[i].value);
        expect_named(verb, arg->name, args);
        count++;
    }
    return count;
}

static void every_argument_of_every_verb_refuses_what_is_not_of_its_type(void **state)
{
    size_t count = 0;

    (void)state;
    for (int id = 0; id < VERB_COUNT; id++) {
        expect_named(&verbs[id], "nosuch", "{\"nosuch\":1}");
        count++;
        for (const struct verb_arg *arg = verbs[id].args; arg && arg->name; arg++)
            count += check_wrong_values(&verbs[id], arg);
    }
    assert_true(count >= 300);
}

static void a_verb_of_another_scope_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(verb_find(TOPIC_SCOPE_AGENT, "snapshot"), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_CAMERA, "start"), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, "shutdown"), VERB_COUNT);
}

static void what_is_no_verb_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, ""), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, "START"), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, "star"), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, "starts"), VERB_COUNT);
    assert_int_equal(verb_find(TOPIC_SCOPE_UNIT, NULL), VERB_COUNT);
}

/* A verb is one level of a topic, which the parser of topics must let through. */
static void every_name_survives_the_way_through_its_topic(void **state)
{
    (void)state;
    for (int id = 0; id < VERB_COUNT; id++) {
        if (verbs[id].flags & VERB_NO_TOPIC)
            continue;

        const char *target = verbs[id].scope == TOPIC_SCOPE_AGENT ? "" : "mk4";
        char *topic = topic_build_cmd("timelapse", "pi01", verbs[id].scope, *target ? target : NULL,
                                      verbs[id].name);
        struct topic_target parsed;
        struct error err;

        assert_int_equal(topic_parse("timelapse", topic, &parsed, &err), 0);
        assert_int_equal(parsed.request, TOPIC_CMD);
        assert_string_equal(parsed.id, target);
        assert_int_equal(verb_find(parsed.scope, parsed.verb), id);
        free(topic);
    }
}

static void every_help_is_one_line_of_a_table(void **state)
{
    (void)state;
    for (int id = 0; id < VERB_COUNT; id++) {
        const char *help = verbs[id].help;

        assert_true(islower((unsigned char)help[0]));
        assert_null(strchr(help, '\n'));
        assert_true(strlen(help) <= 80);
        assert_false(str_ends_with(help, "."));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_promised_command_is_there),
        cmocka_unit_test(every_verb_is_found_by_its_own_scope_and_name),
        cmocka_unit_test(arguments_of_the_row_are_taken),
        cmocka_unit_test(other_arguments_are_refused_by_name),
        cmocka_unit_test(every_argument_of_every_verb_refuses_what_is_not_of_its_type),
        cmocka_unit_test(a_verb_of_another_scope_is_not_found),
        cmocka_unit_test(what_is_no_verb_is_not_found),
        cmocka_unit_test(every_name_survives_the_way_through_its_topic),
        cmocka_unit_test(every_help_is_one_line_of_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
