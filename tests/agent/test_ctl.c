/* SPDX-License-Identifier: MIT */
/* What lapsectl makes of the topics on a broker, hostile ones included. The program itself is
 * tested against a real agent in tests/e2e. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl_help.h"
#include "agent/ctl_table.h"
#include "agent/ctl_text.h"
#include "agent/ctl_world.h"
#include "agent/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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

static void test_help_knows_every_verb(void **state)
{
    (void)state;
    for (int i = 0; i < VERB_COUNT; i++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        assert_true(ctl_help(verbs[i].name, out));
        fclose(out);
        assert_non_null(strstr(text, verbs[i].help));
        free(text);
    }
    assert_false(ctl_help("frobnicate", stdout));
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
        cmocka_unit_test(test_help_knows_every_verb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
