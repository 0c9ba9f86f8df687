/* SPDX-License-Identifier: MIT */
#include "agent/verbs.h"

#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
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
    {TOPIC_SCOPE_CAMERA, "snapshot", false},
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
    assert_int_equal(ARRAY_LEN(promised), VERB_COUNT);
}

static void every_verb_is_found_by_its_own_scope_and_name(void **state)
{
    (void)state;
    for (int id = 0; id < VERB_COUNT; id++)
        assert_int_equal(verb_find(verbs[id].scope, verbs[id].name), id);
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
        cmocka_unit_test(a_verb_of_another_scope_is_not_found),
        cmocka_unit_test(what_is_no_verb_is_not_found),
        cmocka_unit_test(every_name_survives_the_way_through_its_topic),
        cmocka_unit_test(every_help_is_one_line_of_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
