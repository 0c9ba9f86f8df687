/* SPDX-License-Identifier: MIT */
/* lapsectl and many agents at once: 200 of them, some offline, some silent, some that refuse. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { AGENTS = 200 };

struct scene {
    struct rig *rig;
    struct fleet *fleet;
};

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));

    scene->rig = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true});
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    fleet_free(scene->fleet);
    rig_free(scene->rig);
    free(scene);
    return 0;
}

static struct fleet *gather(struct scene *scene, size_t count, fleet_manner_fn manner)
{
    scene->fleet = fleet_new(scene->rig, count, manner);
    return scene->fleet;
}

static enum fleet_manner all_answer(size_t number)
{
    (void)number;
    return FLEET_ANSWERS;
}

static enum fleet_manner some_are_odd(size_t number)
{
    if (number == 3)
        return FLEET_OFFLINE;
    if (number == 5)
        return FLEET_SILENT;
    return number == 8 ? FLEET_REFUSES : FLEET_ANSWERS;
}

static enum fleet_manner one_refuses(size_t number)
{
    return number == 8 ? FLEET_REFUSES : FLEET_ANSWERS;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    while ((text = strstr(text, part))) {
        count++;
        text += strlen(part);
    }
    return count;
}

static struct rig_output run(struct rig *rig, const char *const *words, int exit_code)
{
    struct rig_output output = rig_ctl(rig, words);

    if (output.exit_code != exit_code)
        fail_msg("lapsectl %s: exit code %d, expected %d\n%s\n%s", words[1], output.exit_code,
                 exit_code, output.out, output.err);
    return output;
}

/* The agent's line, without the columns' padding: "a003 offline was not asked". */
static char *line_of(const char *text, const char *agent)
{
    const char *at = strstr(text, agent);
    char *line, *to;

    if (!at)
        fail_msg("no line for %s in:\n%s", agent, text);
    line = xstrndup(at, strcspn(at, "\n"));
    to = line;
    for (const char *from = line; *from; from++)
        if (*from != ' ' || from[1] != ' ')
            *to++ = *from;
    *to = '\0';
    return line;
}

static void expect_line(const char *text, const char *agent, const char *expected)
{
    char *line = line_of(text, agent);

    if (!str_starts_with(line, expected))
        fail_msg("'%s' instead of '%s'", line, expected);
    free(line);
}

static void test_status_of_200_agents_is_one_table(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct rig_output output;

    gather(scene, AGENTS, some_are_odd);
    output = run(rig, WORDS("--all", "status"), 0);

    assert_int_equal(count_of(output.out, "\n"), AGENTS + 2);
    expect_line(output.out, "a000", "a000 online capturing - 0 5.0 GB 9.8.7 -");
    expect_line(output.out, "a003", "a003 offline");
    expect_line(output.out, "a008", "a008 online capturing - 0 5.0 GB 9.8.7 the disk is slow");
    expect_line(output.out, "a199", "a199 online capturing");
    assert_non_null(strstr(output.out, "200 agents, 199 online"));
    assert_string_equal(output.err, "");
    rig_output_done(&output);
    output = run(rig, WORDS("--group", "even", "status"), 0);
    assert_int_equal(count_of(output.out, "\n"), AGENTS / 2 + 2);
    assert_null(strstr(output.out, "a001"));
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_one_command_to_200_agents_goes_out_once(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct fleet *fleet = gather(scene, AGENTS, all_answer);
    struct rig_output output = run(rig, WORDS("--all", "ping"), 0);

    assert_int_equal(fleet_asked(fleet), 1);
    assert_string_equal(fleet_last_topic(fleet), "_all/cmd/ping");
    assert_int_equal(count_of(output.out, " ok "), AGENTS);
    rig_output_done(&output);
    output = run(rig, WORDS("--group", "even", "start"), 0); /* of all units */
    assert_string_equal(fleet_last_topic(fleet), "_group/even/cmd/start");
    assert_int_equal(count_of(output.out, " ok "), AGENTS / 2);
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_each_answer_refusal_and_silence_is_told(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct rig_output output;

    gather(scene, 10, some_are_odd);
    output = run(rig, WORDS("--all", "ping", "--timeout", "5"), 1);

    expect_line(output.out, "a000", "a000 ok frame 7, job j1");
    expect_line(output.out, "a003", "a003 offline was not asked");
    expect_line(output.out, "a005", "a005 silent is online, but did not answer in time");
    expect_line(output.out, "a008", "a008 refused busy (-32000): not now");
    rig_output_done(&output);
    rig_pass(rig);
}

static enum fleet_manner one_is_offline(size_t number)
{
    return number == 3 ? FLEET_OFFLINE : FLEET_ANSWERS;
}

static void test_silence_alone_is_exit_code_4(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct rig_output output;

    gather(scene, 5, one_is_offline);
    output = run(rig, WORDS("--all", "ping"), 4);

    rig_output_done(&output);
    output = run(rig, WORDS("--group", "even", "ping"), 0); /* the one is not in it */
    rig_output_done(&output);
    output = run(rig, WORDS("--group", "nosuch", "ping"), 4);
    assert_non_null(strstr(output.err, "no agent on this broker is in the group 'nosuch'"));
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_what_has_no_fleet_topic_goes_to_each(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct fleet *fleet = gather(scene, 12, one_refuses);
    struct rig_output output = run(rig, WORDS("--all", "set", "fps", "12"), 1);

    assert_int_equal(fleet_asked(fleet), 12);
    assert_string_equal(fleet_last_topic(fleet), "a011/unit/u/set/fps");
    expect_line(output.out, "a008", "a008 refused");
    rig_output_done(&output);
    output = run(rig, WORDS("--group", "even", "call", "session.list"), 1);
    assert_int_equal(fleet_asked(fleet), 18);
    assert_true(str_starts_with(fleet_last_topic(fleet), "a010/rpc/lapsectl-"));
    assert_int_equal(count_of(output.out, "session  frames\ns1       12"), 5);
    rig_output_done(&output);
    rig_pass(rig);
}

/* Each line is JSON and says whose it is; counts those that have the member. */
static size_t count_json(char *out, const char *member, size_t *ret_lines)
{
    static const struct json_limits limits = {1 << 16, 16};
    char *line;
    size_t with = 0;

    *ret_lines = 0;
    while ((line = strsep(&out, "\n")) && line[0]) {
        CLEANUP(json_free_p) cJSON *json = NULL;
        struct error err;

        assert_int_equal(json_parse(line, strlen(line), &limits, &json, &err), 0);
        assert_non_null(json_get_string(json, "agent"));
        with += json_get(json, member) != NULL;
        ++*ret_lines;
    }
    return with;
}

static void test_json_has_one_line_for_each_agent(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct rig_output output;
    size_t lines;

    gather(scene, 10, some_are_odd);
    output = run(rig, WORDS("--all", "--json", "call", "agent.ping", "--timeout", "5"), 1);
    assert_int_equal(count_json(output.out, "result", &lines), 7);
    assert_int_equal(lines, 10);
    rig_output_done(&output);
    output = run(rig, WORDS("--all", "--json", "status"), 0);
    assert_int_equal(count_json(output.out, "units.u.state", &lines), 10);
    assert_int_equal(lines, 10);
    rig_output_done(&output);
    output = run(rig, WORDS("--group", "even", "--json", "watch", "--timeout", "0.1"), 0);
    assert_int_equal(count_json(output.out, "online", &lines), 5);
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_watch_of_many_has_a_line_for_each_agent(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct rig_output output;

    gather(scene, AGENTS, some_are_odd);
    output = run(rig, WORDS("--all", "watch", "--timeout", "0.2"), 0);

    assert_int_equal(count_of(output.out, "\n"), AGENTS);
    assert_non_null(strstr(output.out, "a007  online  units capturing  jobs 0\n"));
    assert_non_null(strstr(output.out, "a008  online  units capturing  jobs 0  problem: the"));
    rig_output_done(&output);
    rig_pass(rig);
}

static size_t columns_of(const char *line)
{
    size_t columns = 0;

    for (; *line && *line != '\r'; line++) {
        if (*line == '\033') /* up to the letter that ends it */
            line += strcspn(line, "mAJK");
        else
            columns++;
    }
    return columns;
}

static void test_watch_of_many_fits_the_terminal(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p)
    char *command = xasprintf("stty rows 10 cols 60; TERM=xterm " CTL_PROGRAM
                              " -H 127.0.0.1 -p %d --all -t 0.1 watch",
                              rig_mqtt_port(scene->rig));
    const char *argv[] = {"script", "-qefc", command, "/dev/null", NULL};
    struct rig_output output;
    char *rest, *line;
    size_t lines = 0;

    gather(scene, AGENTS, some_are_odd);
    output = rig_run(scene->rig, argv);
    assert_int_equal(output.exit_code, 0);
    assert_non_null(strstr(output.out, "a008")); /* those with a problem come first, */
    assert_non_null(strstr(output.out, "a003")); /* then those that are offline */
    assert_non_null(strstr(output.out, "200 agents, 199 online; 193 "));
    rest = output.out;
    while ((line = strsep(&rest, "\n")) && line[0]) {
        assert_true(columns_of(line) < 60);
        lines++;
    }
    assert_true(lines < 10);
    rig_output_done(&output);
    rig_pass(scene->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_status_of_200_agents_is_one_table),
        TEST(test_one_command_to_200_agents_goes_out_once),
        TEST(test_each_answer_refusal_and_silence_is_told),
        TEST(test_silence_alone_is_exit_code_4),
        TEST(test_what_has_no_fleet_topic_goes_to_each),
        TEST(test_json_has_one_line_for_each_agent),
        TEST(test_watch_of_many_has_a_line_for_each_agent),
        TEST(test_watch_of_many_fits_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
