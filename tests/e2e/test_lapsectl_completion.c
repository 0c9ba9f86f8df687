/* SPDX-License-Identifier: MIT */
/* Completion as bash does it: its function is run on half a command line, and the names of units
 * come from a real broker. */
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

struct scene {
    struct rig *rig;
    struct fleet *fleet;
};

static enum fleet_manner all_answer(size_t number)
{
    (void)number;
    return FLEET_ANSWERS;
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));

    scene->rig = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true});
    scene->fleet = fleet_new(scene->rig, 4, all_answer);
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

/* What bash has after a tab behind this line, a word in each line; the caller frees. Every %p in
 * it becomes the broker's port. */
static char *complete(struct scene *scene, const char *line)
{
    const char *port = strstr(line, "%p");
    CLEANUP(free_p)
    char *full =
        port ? xasprintf("%.*s%d%s", (int)(port - line), line, rig_mqtt_port(scene->rig), port + 2)
             : xstrdup(line);
    CLEANUP(free_p)
    char *script = xasprintf("source " COMPLETION_DIR "/lapsectl.bash\n"
                             "COMP_WORDS=(" CTL_PROGRAM " %s)\n"
                             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                             "_lapsectl\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n",
                             full);
    const char *argv[] = {"bash", "-c", script, NULL};
    struct rig_output output = rig_run(scene->rig, argv);
    char *words = xasprintf("\n%s", output.out);

    if (output.exit_code != 0 || output.err[0])
        fail_msg("bash: exit code %d\n%s", output.exit_code, output.err);
    rig_output_done(&output);
    return words;
}

static bool has(const char *words, const char *word)
{
    CLEANUP(free_p) char *line = xasprintf("\n%s\n", word);

    return strstr(words, line) != NULL;
}

static void expect(struct scene *scene, const char *line, const char *with, const char *without)
{
    char *words = complete(scene, line);

    if (with && !has(words, with))
        fail_msg("'%s': '%s' is missing in:%s", line, with, words);
    if (without && has(words, without))
        fail_msg("'%s': '%s' is not wanted in:%s", line, without, words);
    free(words);
}

static void test_commands_and_options_come_from_the_tables(void **state)
{
    struct scene *scene = *state;

    expect(scene, "sna", "snapshot", "status");
    expect(scene, "''", "purge_retained", "complete");
    expect(scene, "camera ''", "snapshot", "start");
    expect(scene, "ping --js", "--json", "--all");
    expect(scene, "-H broker.lan sta", "status", NULL);
    expect(scene, "help wa", "watch", NULL);
    expect(scene, "call agent.pi", "agent.ping", "unit.start");
    expect(scene, "completion ''", "fish", NULL);
    rig_pass(scene->rig);
}

static void test_settings_and_their_values_come_from_the_tables(void **state)
{
    struct scene *scene = *state;

    expect(scene, "set fp", "fps", "trigger");
    expect(scene, "set mk4 fp", "fps", NULL);
    expect(scene, "set mk4 trigger ''", "layer", "true");
    expect(scene, "set trigger int", "interval", "layer");
    expect(scene, "set mk4 park ''", "true", NULL);
    expect(scene, "set mk4 ca", NULL, "cameras"); /* not while it runs */
    rig_pass(scene->rig);
}

static void test_names_come_from_the_agents(void **state)
{
    struct scene *scene = *state;

    expect(scene, "-H 127.0.0.1 -p %p -t 20 snapshot ''", "u", NULL);
    expect(scene, "-H 127.0.0.1 -p %p -t 20 --agent a00", "a003", NULL);
    expect(scene, "-H 127.0.0.1 -p %p -t 20 --group ''", "even", NULL);
    expect(scene, "watch --host 127.0.0.1 --port %p -t 20 ''", "u", NULL);
    rig_pass(scene->rig);
}

static void test_without_a_broker_nothing_is_said(void **state)
{
    struct scene *scene = *state;

    rig_broker_kill(scene->rig);
    expect(scene, "-H 127.0.0.1 -p %p snapshot ''", "", NULL);
    rig_broker_start(scene->rig);
    rig_pass(scene->rig);
}

static void test_files_are_offered_where_one_is_wanted(void **state)
{
    struct scene *scene = *state;

    expect(scene, "--config " COMPLETION_DIR "/lapsectl.ba", COMPLETION_DIR "/lapsectl.bash", NULL);
    rig_pass(scene->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_commands_and_options_come_from_the_tables),
        TEST(test_settings_and_their_values_come_from_the_tables),
        TEST(test_names_come_from_the_agents),
        TEST(test_without_a_broker_nothing_is_said),
        TEST(test_files_are_offered_where_one_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
