/* SPDX-License-Identifier: MIT */
/* What lapsectl makes of the topics on a broker, hostile ones included. The program itself is
 * tested against a real agent in tests/e2e. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/args.h"
#include "agent/ctl/help.h"
#include "agent/ctl/progress.h"
#include "agent/ctl/say.h"
#include "agent/ctl/table.h"
#include "agent/ctl/text.h"
#include "agent/ctl/world.h"
#include "agent/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take(struct ctl_world *world, const char *topic, const char *payload)
{
    struct mqtt_message message = {
        .topic = topic, .payload = (const uint8_t *)payload, .len = strlen(payload)};
    struct ctl_news news;
    bool taken = ctl_world_take(world, "timelapse", &message, &news);

    ctl_news_done(&news);
    return taken;
}

static int setup(void **state)
{
    struct ctl_world *world = xcalloc(1, sizeof(*world));

    ctl_world_init(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    ctl_world_done(*state);
    free(*state);
    return 0;
}

static void test_world_is_complete_when_all_that_info_names_was_seen(void **state)
{
    struct ctl_world *world = *state;

    assert_false(ctl_world_complete(world));
    assert_true(take(world, "timelapse/v1/pi/availability", "online"));
    assert_true(take(world, "timelapse/v1/pi/status", "{}"));
    assert_true(take(world, "timelapse/v1/pi/info",
                     "{\"units\":[\"u\"],\"printers\":[\"p\"],\"cameras\":[\"c\"]}"));
    assert_true(take(world, "timelapse/v1/pi/unit/u/status", "{\"state\":\"waiting\"}"));
    assert_true(take(world, "timelapse/v1/pi/printer/p/status", "{}"));
    assert_false(ctl_world_complete(world));
    assert_true(take(world, "timelapse/v1/pi/camera/c/status", "{}"));
    assert_true(ctl_world_complete(world));
    assert_true(take(world, "timelapse/v1/other/availability", "online"));
    assert_false(ctl_world_complete(world));
}

static void test_agents_are_sorted_and_counted_when_online(void **state)
{
    struct ctl_world *world = *state;
    struct ctl_agent *first = NULL;
    char *ids;

    take(world, "timelapse/v1/pi02/availability", "online");
    take(world, "timelapse/v1/pi01/availability", "offline");
    take(world, "timelapse/v1/pi03/availability", "online");
    assert_int_equal(ctl_world_count_online(world, &first), 2);
    assert_string_equal(first->id, "pi02");
    ids = ctl_world_agents(world, false);
    assert_string_equal(ids, "pi01, pi02, pi03");
    free(ids);
    take(world, "timelapse/v1/pi02/availability", "");
    assert_false(ctl_world_find(world, "pi02")->announced);
    assert_int_equal(ctl_world_count_online(world, &first), 1);
}

static void test_damaged_and_foreign_messages_change_nothing(void **state)
{
    struct ctl_world *world = *state;
    struct ctl_thing *unit;

    take(world, "timelapse/v1/pi/unit/u/status", "{\"state\":\"waiting\"}");
    assert_false(take(world, "timelapse/v1/pi/unit/u/status", "{\"state\":"));
    assert_false(take(world, "timelapse/v1/pi/unit/u/status", "{\"a\":1,\"a\":2}"));
    assert_false(take(world, "timelapse/v1/pi/unit/u/status", ""));
    assert_false(take(world, "timelapse/v2/pi/status", "{}"));
    assert_false(take(world, "else/v1/pi/status", "{}"));
    assert_false(take(world, "timelapse/v1/p i/status", "{}"));
    assert_true(take(world, "timelapse/v1/pi/unit/u/status", "[1,2]")); /* JSON, but no state */
    assert_int_equal(world->count, 2);
    unit = LIST_FIRST(&ctl_world_find(world, "pi")->things[CTL_UNITS], struct ctl_thing, link);
    assert_non_null(unit);
    if (unit) /* gcc does not know assert_non_null() */
        assert_string_equal(json_get_string(unit->status, "state"), "waiting");
}

static void test_names_without_end_are_bounded(void **state)
{
    struct ctl_world *world = *state;

    for (int i = 0; i < 6000; i++) {
        char *topic = xasprintf("timelapse/v1/pi%d/availability", i);

        take(world, topic, "online");
        free(topic);
    }
    assert_int_equal(world->count, 4096);
}

static void test_text_from_outside_cannot_command_the_terminal(void **state)
{
    char *clean = ctl_text_clean("a\033[2Jb\x07 \xc2\x9b"
                                 "c \xc3\xa9\n\x7f");

    (void)state;
    assert_string_equal(clean, "a?[2Jb? ??c \xc3\xa9??");
    free(clean);
    clean = ctl_text_clean("not utf-8: \xff\x9b");
    assert_string_equal(clean, "not utf-8: ??");
    free(clean);
    clean = ctl_text_clean(NULL);
    assert_string_equal(clean, "");
    free(clean);
}

static void expect(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void test_values_become_short_texts(void **state)
{
    static const char text[] = "{\"n\":null,\"layer\":57,\"layers\":120,\"bytes\":81200000000,"
                               "\"few\":999,\"video\":4.84,\"s\":3905,\"word\":\"x\"}";
    static const struct json_limits limits = {1024, 4};
    struct error err;
    cJSON *json;

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), &limits, &json, &err), 0);
    expect(ctl_text_of(json, "layer", "layers"), "57/120");
    expect(ctl_text_of(json, "layer", "n"), "57");
    expect(ctl_text_of(json, "n", "layers"), "-");
    expect(ctl_text_bytes(json, "bytes"), "81.2 GB");
    expect(ctl_text_bytes(json, "few"), "999 B");
    expect(ctl_text_number(json, "video", 1, "s"), "4.8 s");
    expect(ctl_text_number(json, "word", 1, "s"), "-");
    expect(ctl_text_duration(json, "s"), "1 h 05 min");
    expect(ctl_text(json, "word"), "x");
    expect(ctl_text(json, "absent.deep"), "-");
    expect(ctl_text_ago(json, "word"), "-");
    expect(ctl_text_int(NULL, "word"), "-");
    json_free(json);
}

static char *print_table(bool colours)
{
    struct ctl_table *table = ctl_table_new();
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ctl_table_row(table);
    ctl_table_cell(table, xstrdup("UNIT"), CTL_BOLD);
    ctl_table_cell(table, xstrdup("STATE"), CTL_BOLD);
    ctl_table_row(table);
    ctl_table_cell(table, xstrdup("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), CTL_PLAIN);
    ctl_table_cell(table, xstrdup("ok"), CTL_PLAIN);
    ctl_table_print(table, colours, out);
    ctl_table_free(table);
    fclose(out);
    return text;
}

static void test_table_aligns_characters_not_bytes(void **state)
{
    (void)state;
    expect(print_table(false), "UNIT   STATE\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  ok\n");
    expect(print_table(true), "\033[1mUNIT\033[0m   \033[1mSTATE\033[0m\n"
                              "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  ok\n");
}

static char *help_of(const struct ctl_own_command *own, const struct verb *verb)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ctl_help_of(own, verb, out);
    fclose(out);
    return text;
}

static void test_help_knows_every_command_option_and_exit_code(void **state)
{
    char *all = help_of(NULL, NULL);

    (void)state;
    for (int i = 0; i < VERB_COUNT; i++) {
        char *words = ctl_verb_words(&verbs[i]);
        char *text = help_of(NULL, &verbs[i]);

        if (i != VERB_UNIT_SET) /* lapsectl has a "set" of its own */
            assert_non_null(strstr(all, words));
        assert_non_null(strstr(text, words));
        assert_non_null(strstr(text, verbs[i].method));
        free(words);
        free(text);
    }
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (!(ctl_own_commands[i].flags & CTL_HIDDEN))
            assert_non_null(strstr(all, ctl_own_commands[i].name));
    for (size_t i = 0; i < ctl_option_count; i++)
        assert_non_null(strstr(all, ctl_option_rows[i].name));
    for (size_t i = 0; i < ctl_exit_count; i++) {
        char *code = xasprintf("%3d  ", ctl_exits[i].code);

        assert_non_null(strstr(all, code));
        free(code);
    }
    free(all);
}

static cJSON *parse_json(const char *text)
{
    static const struct json_limits limits = {4096, 8};
    struct error err;
    cJSON *json;

    assert_int_equal(json_parse(text, strlen(text), &limits, &json, &err), 0);
    return json;
}

static void test_progress_is_a_bar_with_what_is_left(void **state)
{
    cJSON *jobs =
        parse_json("[{\"id\":\"j1\",\"kind\":\"final\",\"unit\":\"a\",\"state\":\"queued\"},"
                   "{\"id\":\"j2\",\"kind\":\"preview\",\"unit\":\"mk4\",\"state\":"
                   "\"running\",\"progress\":35,\"eta_s\":72},"
                   "{\"id\":\"j3\",\"kind\":\"final\",\"unit\":\"mk4\",\"state\":"
                   "\"running\",\"progress\":250,\"eta_s\":null}]");

    (void)state;
    expect(ctl_progress_text(ctl_progress_find(jobs, "j1", "", "")), "a: final queued");
    expect(ctl_progress_text(ctl_progress_find(jobs, NULL, "mk4", "preview")),
           "mk4: preview [#######-------------]  35 %  1 min 12 s left");
    expect(ctl_progress_text(ctl_progress_find(jobs, "other", "mk4", "final")),
           "mk4: final [####################] 100 %");
    assert_null(ctl_progress_find(jobs, "other", "b", "final"));
    json_free(jobs);
}

static void test_lines_are_cut_at_columns_and_colours_take_none(void **state)
{
    (void)state;
    assert_int_equal(ctl_text_fit("abc", 2), 2);
    assert_int_equal(ctl_text_fit("abc", 3), 3);
    assert_int_equal(ctl_text_fit("\033[31mabc\033[0m", 2), 7);
    assert_int_equal(ctl_text_fit("\xc3\xa9x", 1), 2);
}

/* --- the command line --- */

static bool parse(struct ctl_options *options, int *exit_code, char **words)
{
    int count = 0;

    while (words[count])
        count++;
    return ctl_options_parse(count, words, options, exit_code);
}

#define PARSE(options, exit_code, ...)                                                             \
    parse(options, exit_code, (char *[]){(char[]){"lapsectl"}, __VA_ARGS__, NULL})
#define W(text) ((char[]){text})

static void test_every_verb_is_found_by_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < VERB_COUNT; i++) {
        char *name = ctl_verb_words(&verbs[i]);
        char *words[] = {name, strchr(name, ' '), NULL};
        struct ctl_command command = {0};
        int count = words[1] ? 2 : 1;

        if (words[1])
            *words[1]++ = '\0';
        assert_int_equal(ctl_command_find(words, count, &command), count);
        if (i != VERB_UNIT_SET)
            assert_ptr_equal(command.verb, &verbs[i]);
        free(name);
    }
}

static void test_options_stand_before_and_behind_the_command(void **state)
{
    struct ctl_options options;
    int exit_code = -1;

    (void)state;
    assert_true(PARSE(&options, &exit_code, W("-H"), W("broker"), W("camera"), W("snapshot"),
                      W("--json"), W("front"), W("-t"), W("2")));
    assert_int_equal(options.verb - verbs, VERB_CAMERA_SNAPSHOT);
    assert_string_equal(options.mqtt.host, "broker");
    assert_true(options.json);
    assert_int_equal(options.timeout_ms, 2000);
    assert_int_equal(options.word_count, 1);
    assert_string_equal(options.words[0], "front");
    ctl_options_done(&options);
}

static void test_arguments_are_read_by_name_and_in_order(void **state)
{
    static const struct verb_arg args[] = {
        {.name = "job", .type = ARG_ID, .required = true, .help = ""},
        {.name = "position", .type = ARG_INT, .max = 9, .help = ""},
        {.name = "names", .type = ARG_STRINGS, .help = ""},
        {.name = NULL},
    };
    static const struct verb verb = {TOPIC_SCOPE_UNIT, "move", "job.move", 0, args, "moves"};
    char *words[] = {W("position=3"), W("mk4"), W("j1"), W("names=a,b")};
    cJSON *json = json_object();
    const char *target = NULL;
    struct error err;
    char *text;

    (void)state;
    assert_int_equal(ctl_args_take_words(&verb, words, 4, json, &target, &err), 0);
    assert_string_equal(target, "mk4");
    text = json_print(json);
    assert_string_equal(text, "{\"position\":3,\"names\":[\"a\",\"b\"],\"job\":\"j1\"}");
    free(text);
    json_free(json);
}

static void test_words_of_another_program_are_taken_as_they_are(void **state)
{
    static const struct verb_arg args[] = {
        {.name = "timeout_s", .type = ARG_INT, .max = 9, .help = ""},
        {.name = "arguments", .type = ARG_WORDS, .help = ""},
        {.name = NULL},
    };
    static const struct verb verb = {TOPIC_SCOPE_CAMERA, "run", "camera.run", 0, args, "runs"};
    static const struct {
        const char *words[4];
        const char *target, *json;
    } cases[] = {
        {{"front", "--set-config", "iso=100"},
         "front",
         "{\"arguments\":[\"--set-config\",\"iso=100\"]}"},
        {{"--x", "front", "timeout_s=3"},
         NULL,
         "{\"arguments\":[\"--x\",\"front\",\"timeout_s=3\"]}"},
        {{"front"}, "front", "{}"},
        {{NULL}, NULL, "{}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *words[4] = {NULL};
        cJSON *json = json_object();
        const char *target = NULL;
        struct error err = {0};
        CLEANUP(free_p) char *text = NULL;
        int count = 0;

        for (; cases[i].words[count]; count++)
            words[count] = xstrdup(cases[i].words[count]);
        assert_int_equal(ctl_args_take_words(&verb, words, count, json, &target, &err), 0);
        text = json_print(json);
        assert_string_equal(text, cases[i].json);
        assert_true(cases[i].target ? target && strcmp(target, cases[i].target) == 0 : !target);
        while (count > 0)
            free(words[--count]);
        json_free(json);
    }
}

static void test_wrong_arguments_are_told_before_anything_is_sent(void **state)
{
    static const struct verb_arg args[] = {
        {.name = "job", .type = ARG_ID, .required = true, .help = ""},
        {.name = "position", .type = ARG_INT, .max = 9, .help = ""},
        {.name = NULL},
    };
    static const struct verb verb = {TOPIC_SCOPE_AGENT, "move", "job.move", 0, args, "moves"};
    static const struct {
        const char *words[3];
        const char *error;
    } cases[] = {
        {{"j1", "j2", NULL}, "unexpected argument 'j2'"},
        {{"j1", "position=x", NULL}, "position: must be a number, not 'x'"},
        {{"j1", "position=10", NULL}, "args.position: must be from 0 to 9"},
        {{"j1", "position=1.5", NULL}, "args.position: must be a whole number"},
        {{"position=1", NULL}, "args.job: is missing"},
        {{"J 1", NULL}, "args.job: must be a name"},
        {{"j1", "job=j2", NULL}, "unexpected argument 'j1'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cJSON *json = json_object();
        const char *target = NULL;
        struct error err = {0};
        char *words[3] = {NULL};
        int count = 0;

        for (; cases[i].words[count]; count++)
            words[count] = xstrdup(cases[i].words[count]);
        char *given[3] = {words[0], words[1], NULL};
        assert_int_equal(ctl_args_take_words(&verb, given, count, json, &target, &err), -EINVAL);
        if (!strstr(err.text, cases[i].error))
            fail_msg("'%s' instead of '%s'", err.text, cases[i].error);
        while (count > 0)
            free(words[--count]);
        json_free(json);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_world_is_complete_when_all_that_info_names_was_seen),
        TEST(test_agents_are_sorted_and_counted_when_online),
        TEST(test_damaged_and_foreign_messages_change_nothing),
        TEST(test_names_without_end_are_bounded),
        cmocka_unit_test(test_text_from_outside_cannot_command_the_terminal),
        cmocka_unit_test(test_values_become_short_texts),
        cmocka_unit_test(test_table_aligns_characters_not_bytes),
        cmocka_unit_test(test_help_knows_every_command_option_and_exit_code),
        cmocka_unit_test(test_progress_is_a_bar_with_what_is_left),
        cmocka_unit_test(test_lines_are_cut_at_columns_and_colours_take_none),
        cmocka_unit_test(test_every_verb_is_found_by_its_words),
        cmocka_unit_test(test_options_stand_before_and_behind_the_command),
        cmocka_unit_test(test_arguments_are_read_by_name_and_in_order),
        cmocka_unit_test(test_words_of_another_program_are_taken_as_they_are),
        cmocka_unit_test(test_wrong_arguments_are_told_before_anything_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
