/* SPDX-License-Identifier: MIT */
/* A whole print with everything closed: passwords, the shipped rules, Home Assistant announced.
 * What the agent and lapsectl do must be allowed, or the rules forget something. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4 * 1024 * 1024 };

static const char *const sim[] = {"--idle", "--layers",      "8",       "--layer-ms",
                                  "300",    "--heat-ms",     "0",       "--camera-fps",
                                  "20",     "--camera-size", "320x240", NULL};

static const char conf[] =
    "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0; groups = [ \"shop\" ]; "
    "};\n"
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; user = \"pi01\"; password = \"p\"; };\n"
    "home_assistant = { delay_s = 1; };\n"
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    min_frames = 1; fps = 5.0; } );\n";

struct scene {
    struct rig *rig;
    char dir[40];
};

static char *read_file(const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = path_join(dir, name);
    char *text = NULL;
    struct error err;

    if (path_read_file(path, FILE_MAX_BYTES, &text, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return text;
}

static void write_file(const char *dir, const char *name, const char *before, const char *text)
{
    CLEANUP(free_p) char *path = path_join(dir, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fprintf(file, "%s%s", before, text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* The tap is the only one without a name; it may do everything. */
static int setup(void **state)
{
    static const char *const users[] = {"pi01", "operator", "viewer"};
    struct scene *scene = xcalloc(1, sizeof(*scene));
    CLEANUP(free_p) char *rules = read_file(CONF_DIR, "acl");
    CLEANUP(free_p) char *broker = NULL;
    CLEANUP(free_p) char *passwords = NULL;

    snprintf(scene->dir, sizeof(scene->dir), "/tmp/lapsed-locked-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    write_file(scene->dir, "acl", "topic readwrite #\n", rules);
    write_file(scene->dir, "passwords", "", "");
    write_file(scene->dir, "password", "p\n", "");
    passwords = path_join(scene->dir, "passwords");
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        broker_add_user(passwords, users[i], "p");
    broker = xasprintf("allow_anonymous true\npassword_file %s/passwords\nacl_file %s/acl\n",
                       scene->dir, scene->dir);
    scene->rig =
        rig_new(&(struct rig_options){.sim_args = sim, .broker = broker, .no_agent = true});
    conf_write(scene->rig, conf);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    rig_free(scene->rig);
    if (path_remove_tree(scene->dir, NULL) < 0)
        perror(scene->dir);
    free(scene);
    return 0;
}

/* lapsectl as that user; its exit code, and what it said when that is not expected. */
static void ctl_as(struct scene *scene, const char *user, int expected, const char *const *words)
{
    CLEANUP(free_p) char *password = path_join(scene->dir, "password");
    const char *argv[24] = {"--user", user, "--password-file", password};
    struct rig_output output;
    size_t count = 4;

    while (*words && count + 1 < ARRAY_LEN(argv))
        argv[count++] = *words++;
    output = rig_ctl(scene->rig, argv);
    if (output.exit_code != expected)
        fail_msg("%s as %s: %d %s %s", argv[4], user, output.exit_code, output.out, output.err);
    rig_output_done(&output);
}

#define CTL_AS(scene, user, expected, ...)                                                         \
    ctl_as((scene), (user), (expected), (const char *const[]){__VA_ARGS__, NULL})

static void expect_nothing_forbidden(struct rig *rig)
{
    CLEANUP(free_p) char *log = read_file(rig_dir(rig), "lapsed.txt");
    const char *problem = strstr(log, "mqtt.problem");

    if (problem)
        fail_msg("%.*s", (int)strcspn(problem, "\n"), problem);
}

static void test_everything_that_lapsed_does_is_allowed(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;

    rig_agent_start(rig);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    CTL_AS(scene, "operator", 0, "snapshot", "mk4");
    CTL_AS(scene, "operator", 0, "set", "mk4", "fps", "6");
    CTL_AS(scene, "operator", 0, "call", "agent.info");
    CTL_AS(scene, "operator", 0, "--all", "ping");
    CTL_AS(scene, "operator", 0, "--group", "shop", "ping");
    CTL_AS(scene, "viewer", 0, "status");
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    RIG_WAIT(rig, rig_last(rig, "unit/mk4/video"));
    RIG_WAIT(rig, rig_last(rig, "homeassistant/device/pi01/lapsed_mk4/config"));
    assert_int_equal(promise_videos(rig), 1);
    assert_true(ended_well(rig_agent_signal(rig, SIGTERM)));
    assert_true(rig_says(rig, "availability", "offline"));
    expect_nothing_forbidden(rig);
    rig_pass(rig);
}

static void test_who_only_looks_commands_nothing(void **state)
{
    enum { NO_ANSWER = 4, REFUSED = 1 };
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    CLEANUP(free_p) char *password = path_join(scene->dir, "password");
    const char *words[] = {
        "--user", "viewer", "--password-file", password, "--timeout", "2", "snapshot", "mk4", NULL};
    struct rig_output output;

    rig_agent_start(rig);
    output = rig_ctl(rig, words);
    assert_true(output.exit_code == NO_ANSWER || output.exit_code == REFUSED);
    assert_non_null(strstr(output.err, "ACL forbids timelapse/v1/pi01/unit/mk4/cmd/snapshot"));
    rig_output_done(&output);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_that_lapsed_does_is_allowed),
        TEST(test_who_only_looks_commands_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
