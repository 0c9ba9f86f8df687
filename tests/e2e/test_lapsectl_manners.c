/* SPDX-License-Identifier: MIT */
/* How lapsectl behaves towards a person and a script: bars and colours only on a terminal, and what
 * it says and returns when it is interrupted, its reader goes or the broker is lost. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { LOG_MAX_BYTES = 1024 * 1024 };

struct scene {
    struct rig *rig;
    struct fleet *fleet;
    struct child child;
    char *log_path, *log;
};

static enum fleet_manner second_is_silent(size_t number)
{
    return number == 1 ? FLEET_SILENT : FLEET_ANSWERS;
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));

    scene->rig = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true});
    scene->fleet = fleet_new(scene->rig, 2, second_is_silent);
    scene->log_path = path_join(rig_dir(scene->rig), "lapsectl.log");
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    child_signal(&scene->child, SIGKILL);
    fleet_free(scene->fleet);
    rig_free(scene->rig);
    free(scene->log_path);
    free(scene->log);
    free(scene);
    return 0;
}

/* Runs "lapsectl WORDS" by bash, its output in the log; %s in the shape is that command. */
static void start(struct scene *scene, const char *shape, const char *words)
{
    const char *hole = strstr(shape, "%s");
    CLEANUP(free_p)
    char *script = xasprintf("%.*s" CTL_PROGRAM " -H 127.0.0.1 -p %d %s%s", (int)(hole - shape),
                             shape, rig_mqtt_port(scene->rig), words, hole + 2);
    const char *argv[] = {"bash", "-c", script, NULL};

    child_start(&scene->child, argv, scene->log_path);
}

#define PLAIN    "exec %s"
#define TERMINAL "exec script -qefc '%s' /dev/null" /* a terminal of its own */

static const char *read_log(struct scene *scene)
{
    struct error err;

    free(TAKE(scene->log));
    if (path_read_file(scene->log_path, LOG_MAX_BYTES, &scene->log, NULL, &err) < 0)
        scene->log = xstrdup("");
    return scene->log;
}

static bool says(struct scene *scene, const char *text)
{
    return strstr(read_log(scene), text) != NULL;
}

/* Its exit code. */
static int await_end(struct scene *scene)
{
    RIG_WAIT(scene->rig, child_ended(&scene->child));
    assert_true(WIFEXITED(scene->child.status));
    return WEXITSTATUS(scene->child.status);
}

static void expect_end(struct scene *scene, int exit_code, const char *text)
{
    int got = await_end(scene);

    if (got != exit_code || !says(scene, text))
        fail_msg("exit code %d, expected %d with '%s':\n%s", got, exit_code, text, read_log(scene));
}

static void test_long_work_has_a_bar_on_a_terminal(void **state)
{
    struct scene *scene = *state;

    start(scene, TERMINAL, "-a a000 preview");
    RIG_WAIT(scene->rig, says(scene, "u: preview done"));
    fleet_tell_progress(scene->fleet, 40);
    RIG_WAIT(scene->rig, says(scene, "u: preview [########------------]  40 %  12 s left"));
    fleet_tell_ready(scene->fleet);
    expect_end(scene, 0, "/media/p.mp4");
    rig_pass(scene->rig);
}

static void test_long_work_has_no_bar_in_a_pipe(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-a a000 preview");
    RIG_WAIT(scene->rig, says(scene, "u: preview done"));
    fleet_tell_progress(scene->fleet, 40);
    fleet_tell_ready(scene->fleet);
    expect_end(scene, 0, "/media/p.mp4");
    assert_false(says(scene, "40 %"));
    assert_false(says(scene, "\033"));
    rig_pass(scene->rig);
}

static void test_colours_are_for_terminals_that_want_them(void **state)
{
    struct scene *scene = *state;

    start(scene, "TERM=xterm exec script -qefc '%s' /dev/null", "--all status");
    expect_end(scene, 0, "\033[32monline\033[0m");
    rig_pass(scene->rig);
}

static void test_no_color_means_no_colours(void **state)
{
    struct scene *scene = *state;

    start(scene, "NO_COLOR=1 TERM=xterm exec script -qefc '%s' /dev/null", "--all status");
    expect_end(scene, 0, "online");
    assert_false(says(scene, "\033["));
    rig_pass(scene->rig);
}

static void test_ctrl_c_says_what_is_left_undone(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-a a001 -t 60 ping");
    RIG_WAIT(scene->rig, fleet_asked(scene->fleet) == 1);
    child_signal(&scene->child, SIGINT);
    expect_end(scene, 130, "interrupted; a001: ping was sent; whether it is done is not known");
    rig_pass(scene->rig);
}

static void test_ctrl_c_in_long_work_leaves_it_to_the_agent(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-a a000 preview");
    RIG_WAIT(scene->rig, says(scene, "u: preview done"));
    child_signal(&scene->child, SIGTERM);
    expect_end(scene, 143, "interrupted; u: preview was accepted and goes on at the agent");
    rig_pass(scene->rig);
}

static void test_ctrl_c_on_many_counts_who_is_missing(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "--all -t 60 ping");
    RIG_WAIT(scene->rig, fleet_asked(scene->fleet) == 1);
    child_signal(&scene->child, SIGINT);
    expect_end(scene, 130, "agents have not answered yet");
    rig_pass(scene->rig);
}

static void test_ctrl_c_is_how_watch_ends(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "watch");
    RIG_WAIT(scene->rig, says(scene, "a001/u  capturing"));
    child_signal(&scene->child, SIGINT);
    expect_end(scene, 0, "");
    rig_pass(scene->rig);
}

static void test_watch_waits_for_a_lost_broker(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "watch");
    RIG_WAIT(scene->rig, says(scene, "a001/u  capturing"));
    rig_broker_kill(scene->rig);
    RIG_WAIT(scene->rig, says(scene, "lost the broker"));
    rig_broker_start(scene->rig);
    RIG_WAIT(scene->rig, says(scene, "the broker is back"));
    child_signal(&scene->child, SIGINT);
    expect_end(scene, 0, "");
    rig_pass(scene->rig);
}

static void test_a_broker_lost_in_mid_work_is_exit_code_3(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-a a000 preview");
    RIG_WAIT(scene->rig, says(scene, "u: preview done"));
    rig_broker_kill(scene->rig);
    expect_end(scene, 3, "u: preview was accepted and goes on at the agent");
    assert_true(says(scene, "lapsectl: lost the broker: "));
    rig_broker_start(scene->rig);
    rig_pass(scene->rig);
}

static void test_a_reader_that_goes_is_exit_code_141(void **state)
{
    struct scene *scene = *state;

    start(scene, "exec 3> >(:); wait $!; %s", "--all status >&3; code=$?; exit $code");
    expect_end(scene, 141, "");
    start(scene, "exec 3> >(:); wait $!; %s", "watch >&3; code=$?; exit $code");
    expect_end(scene, 141, "");
    rig_pass(scene->rig);
}

static void test_a_full_disk_is_no_success(void **state)
{
    struct scene *scene = *state;

    start(scene, "%s", "--all status > /dev/full");
    expect_end(scene, 1, "the output could not be written; is the disk full?");
    rig_pass(scene->rig);
}

static void test_quiet_says_nothing_of_success(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-q -a a000 ping");
    expect_end(scene, 0, "");
    assert_string_equal(read_log(scene), "");
    rig_pass(scene->rig);
}

static void test_a_list_is_shown_whole_unless_pages_are_asked_for(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "-a a000 job list");
    expect_end(scene, 0, "id\nu-1\nu-2\n");
    start(scene, PLAIN, "-a a000 job list --limit 1");
    expect_end(scene, 0, "there is more: --cursor 2");
    assert_int_equal(fleet_asked(scene->fleet), 3);
    start(scene, PLAIN, "--all -t 3 job list");
    expect_end(scene, 4, "there is more: lapsectl --agent a000"); /* a001 is silent */
    rig_pass(scene->rig);
}

static void test_json_tells_errors_too(void **state)
{
    struct scene *scene = *state;

    start(scene, PLAIN, "--json -a a001 -t 3 ping");
    expect_end(scene, 4,
               "{\"ok\":false,\"exit\":4,\"error\":\"no_answer\",\"message\":\"a001: ping");
    rig_pass(scene->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_work_has_a_bar_on_a_terminal),
        TEST(test_long_work_has_no_bar_in_a_pipe),
        TEST(test_colours_are_for_terminals_that_want_them),
        TEST(test_no_color_means_no_colours),
        TEST(test_ctrl_c_says_what_is_left_undone),
        TEST(test_ctrl_c_in_long_work_leaves_it_to_the_agent),
        TEST(test_ctrl_c_on_many_counts_who_is_missing),
        TEST(test_ctrl_c_is_how_watch_ends),
        TEST(test_watch_waits_for_a_lost_broker),
        TEST(test_a_broker_lost_in_mid_work_is_exit_code_3),
        TEST(test_a_reader_that_goes_is_exit_code_141),
        TEST(test_a_full_disk_is_no_success),
        TEST(test_quiet_says_nothing_of_success),
        TEST(test_a_list_is_shown_whole_unless_pages_are_asked_for),
        TEST(test_json_tells_errors_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
