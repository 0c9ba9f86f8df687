/* SPDX-License-Identifier: MIT */
/* A configuration that is wrong, and a second agent where there is one: each is told what and
 * where, and the one that runs goes on. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT_DEADLINE_MS = 60000, EXIT_BUSY = 75, EXIT_CONFIG = 78 };

static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "trigger = \"layer\"; fps = 10.0; min_frames = 1; } );\n";

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct rig_output check_config(struct rig *rig, const char *text, char **ret_path)
{
    char *path = path_join(rig_dir(rig), "bad.conf");
    const char *argv[] = {LAPSED_PROGRAM, "--check-config", path, NULL};
    struct error err = {0};

    if (path_write_durable(rig_dir(rig), "bad.conf", text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
    *ret_path = path;
    return rig_run(rig, argv);
}

static void expect_problem(const struct rig_output *output, const char *path, int line,
                           const char *words)
{
    CLEANUP(free_p) char *place = xasprintf("%s:%d: ", path, line);
    const char *found = strstr(output->err, place);

    while (found) {
        CLEANUP(free_p) char *problem = xstrndup(found, strcspn(found, "\n"));

        if (strstr(problem, words))
            return;
        found = strstr(found + 1, place);
    }
    fail_msg("no problem '%s…%s' among:\n%s", place, words, output->err);
}

static void test_all_errors_of_a_configuration_are_told_at_once_with_their_lines(void **state)
{
    static const char bad[] =
        "agent = { id = \"Pi 01\"; colour = \"red\"; };\n"
        "mqtt = { port = 123456; };\n"
        "printers = ( { id = \"mk4\"; url = \"ftp://x\"; } );\n"
        "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://x/\"; },\n"
        "            { id = \"front\"; kind = \"hologram\"; } );\n"
        "units = ( { id = \"mk4\"; cameras = [ \"back\" ];\n"
        "            trigger = [ \"interval\" ];\n"
        "            fps = \"fast\";\n"
        "            park = true; } );\n"
        "unit = ( );\n";
    struct rig *rig = rig_new(&(struct rig_options){.no_agent = true, .no_sim = true});
    CLEANUP(free_p) char *path = NULL;
    struct rig_output output;

    *state = rig;
    output = check_config(rig, bad, &path);
    assert_int_equal(output.exit_code, EXIT_CONFIG);
    expect_problem(&output, path, 1, "id");
    expect_problem(&output, path, 1, "colour");
    expect_problem(&output, path, 2, "port");
    expect_problem(&output, path, 3, "url");
    expect_problem(&output, path, 5, "front");
    expect_problem(&output, path, 5, "hologram");
    expect_problem(&output, path, 6, "back");
    expect_problem(&output, path, 6, "interval_s");
    expect_problem(&output, path, 8, "fps");
    expect_problem(&output, path, 9, "park");
    expect_problem(&output, path, 10, "unit");
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_a_configuration_that_cannot_be_read_says_where(void **state)
{
    struct rig *rig = rig_new(&(struct rig_options){.no_agent = true, .no_sim = true});
    const char *argv[] = {LAPSED_PROGRAM, "--config", "/nonexistent/lapsed.conf", NULL};
    CLEANUP(free_p) char *path = NULL;
    struct rig_output output;

    *state = rig;
    output = check_config(rig, "agent = {\n  id = \"pi01\";\n  oops = = 3;\n};\n", &path);
    assert_int_equal(output.exit_code, EXIT_CONFIG);
    expect_problem(&output, path, 3, "");
    rig_output_done(&output);

    output = rig_run(rig, argv);
    assert_int_equal(output.exit_code, EXIT_CONFIG);
    assert_non_null(strstr(output.err, "/nonexistent/lapsed.conf"));
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_a_second_agent_on_the_same_data_leaves_the_first_alone(void **state)
{
    static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = quick, .conf = conf});
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "lapsed.conf");
    const char *argv[] = {LAPSED_PROGRAM, "--config", path, NULL};
    struct rig_output output;
    size_t from;

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, "start&layers=6&layer_ms=800");
    events_await(rig, "frame", 2, PRINT_DEADLINE_MS);
    from = rig_message_count(rig);
    output = rig_run(rig, argv);
    assert_int_equal(output.exit_code, EXIT_BUSY);
    assert_non_null(strstr(output.err, "data"));
    rig_output_done(&output);
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    for (const struct rig_message *message; (message = rig_message(rig, from)); from++)
        assert_false(str_equal(message->topic, "availability"));
    assert_true(event_says(rig_event(rig, "session_finished", 0), "end", "done"));
    assert_int_equal((int)event_number(rig_event(rig, "session_finished", 0), "frames"), 7);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_errors_of_a_configuration_are_told_at_once_with_their_lines),
        TEST(test_a_configuration_that_cannot_be_read_says_where),
        TEST(test_a_second_agent_on_the_same_data_leaves_the_first_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
