/* SPDX-License-Identifier: MIT */
/* The whole agent, and lapsectl, at a broker with TLS and passwords: what lets them in, what keeps
 * them out and how they say so. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/steps.h"
#include "tests/mqtt/certificates.h"

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

#define PASSWORD "correct horse battery staple"

enum {
    EXIT_CONFIG = 78,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    LOG_MAX_BYTES = 4 * 1024 * 1024,
    HOUR_S = 3600
};

/* The broker has two listeners: one for the tap, one with TLS. Its files are here. */
struct scene {
    struct rig *rig;
    char dir[40];
    int tls_port;
};

static char *scene_path(const struct scene *scene, const char *name)
{
    return path_join(scene->dir, name);
}

static void write_secret(const struct scene *scene, const char *name, const char *text, mode_t mode)
{
    CLEANUP(free_p) char *path = scene_path(scene, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void make_certificate(const struct scene *scene, int64_t begins_s, int64_t expires_s)
{
    certificate_make(scene->dir, "ca", "broker",
                     &(struct certificate){"broker", "IP:127.0.0.1", begins_s, expires_s});
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));
    CLEANUP(free_p) char *broker = NULL;
    CLEANUP(free_p) char *users = NULL;

    snprintf(scene->dir, sizeof(scene->dir), "/tmp/lapsed-tls-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    free(certificate_authority(scene->dir, "ca"));
    free(certificate_authority(scene->dir, "other"));
    make_certificate(scene, 0, 0);
    write_secret(scene, "users", "", 0600);
    users = scene_path(scene, "users");
    broker_add_user(users, "pi01", PASSWORD);
    write_secret(scene, "password", PASSWORD "\n", 0600);
    scene->tls_port = broker_free_port();
    broker = xasprintf("allow_anonymous true\npassword_file %s/users\nlistener %d 127.0.0.1\n"
                       "certfile %s/broker.pem\nkeyfile %s/broker.key\n",
                       scene->dir, scene->tls_port, scene->dir, scene->dir);
    scene->rig = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true, .broker = broker});
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
    unsetenv("CREDENTIALS_DIRECTORY");
    return 0;
}

/* The agent with these further settings of the group mqtt */
static void write_conf(struct scene *scene, const char *ca, const char *settings)
{
    CLEANUP(free_p)
    char *text =
        xasprintf("agent = { id = \"pi01\"; data_dir = \"%%dir/data\"; };\n"
                  "mqtt = { host = \"127.0.0.1\"; port = %d; tls = true; user = \"pi01\";\n"
                  "ca_file = \"%s/%s.pem\";\n%s };\n",
                  scene->tls_port, scene->dir, ca, settings);

    conf_write(scene->rig, text);
}

static char *password_file(const struct scene *scene)
{
    return xasprintf("password_file = \"%s/password\";", scene->dir);
}

static char *read_log(struct scene *scene)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(scene->rig), "lapsed.txt");
    char *text = NULL;

    if (path_read_file(path, LOG_MAX_BYTES, &text, NULL, NULL) < 0)
        return xstrdup("");
    return text;
}

static bool log_says(struct scene *scene, const char *words)
{
    CLEANUP(free_p) char *log = read_log(scene);

    return strstr(log, words) != NULL;
}

static void expect_no_password(struct scene *scene)
{
    assert_false(log_says(scene, PASSWORD));
}

/* --- in --- */

static void test_password_from_a_file(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *settings = password_file(scene);

    write_conf(scene, "ca", settings);
    rig_agent_start(scene->rig);
    expect_no_password(scene);
    assert_true(ended_well(rig_agent_signal(scene->rig, SIGTERM)));
    rig_pass(scene->rig);
}

static void test_password_from_a_credential(void **state)
{
    struct scene *scene = *state;

    write_secret(scene, "mqtt-password", PASSWORD, 0400);
    setenv("CREDENTIALS_DIRECTORY", scene->dir, 1);
    write_conf(scene, "ca", "password_credential = \"mqtt-password\";");
    rig_agent_start(scene->rig);
    expect_no_password(scene);
    rig_pass(scene->rig);
}

static void test_lapsectl_takes_the_same_settings(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *settings = password_file(scene);
    CLEANUP(free_p) char *conf = path_join(rig_dir(scene->rig), "lapsed.conf");
    const char *argv[] = {CTL_PROGRAM, "--config", conf, "ping", NULL};
    struct rig_output output;

    write_conf(scene, "ca", settings);
    rig_agent_start(scene->rig);
    output = rig_run(scene->rig, argv);
    assert_int_equal(output.exit_code, 0);
    rig_output_done(&output);
    write_conf(scene, "other", settings);
    output = rig_run(scene->rig, argv);
    assert_int_equal(output.exit_code, EXIT_UNREACHABLE);
    assert_non_null(strstr(output.err, "set mqtt.ca_file"));
    rig_output_done(&output);
    rig_pass(scene->rig);
}

static int ctl_ping(struct scene *scene, const char *const *options, const char *words)
{
    char port[8];
    const char *argv[16] = {CTL_PROGRAM, "--host", "127.0.0.1", "--port", port};
    struct rig_output output;
    size_t at = 5;
    int code;

    snprintf(port, sizeof(port), "%d", scene->tls_port);
    while (*options)
        argv[at++] = *options++;
    argv[at] = "ping";
    output = rig_run(scene->rig, argv);
    if (!strstr(output.err, words))
        fail_msg("not '%s': %s", words, output.err);
    code = output.exit_code;
    rig_output_done(&output);
    return code;
}

static void test_lapsectl_needs_no_configuration_for_tls(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *settings = password_file(scene);
    CLEANUP(free_p) char *ca = scene_path(scene, "ca.pem");
    CLEANUP(free_p) char *absent = scene_path(scene, "absent.pem");
    const char *trusting[] = {"--ca-file", ca, "--agent", "pi01", NULL};
    const char *strange[] = {"--tls", "--agent", "pi01", NULL};
    const char *without[] = {"--ca-file", absent, NULL};

    write_conf(scene, "ca", settings);
    rig_agent_start(scene->rig);
    assert_int_equal(ctl_ping(scene, trusting, ""), 0);
    assert_int_equal(ctl_ping(scene, strange, "ca_file"), EXIT_UNREACHABLE);
    assert_int_equal(ctl_ping(scene, without, absent), EXIT_USAGE);
    rig_pass(scene->rig);
}

/* --- out, and in again --- */

static void test_expired_certificate_is_said_and_a_new_one_heals(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *settings = password_file(scene);

    rig_broker_kill(scene->rig);
    make_certificate(scene, -2 * HOUR_S, -HOUR_S);
    rig_broker_start(scene->rig);
    write_conf(scene, "ca", settings);
    rig_agent_spawn(scene->rig);
    RIG_WAIT(scene->rig, log_says(scene, "mqtt.problem"));
    assert_true(log_says(scene, "the broker's certificate has expired"));
    rig_broker_kill(scene->rig);
    make_certificate(scene, 0, 0);
    rig_broker_start(scene->rig);
    RIG_WAIT(scene->rig, rig_says(scene->rig, "availability", "online"));
    rig_pass(scene->rig);
}

static void test_wrong_password_is_said_and_not_shown(void **state)
{
    struct scene *scene = *state;

    write_conf(scene, "ca", "password = \"Tr0ub4dor&3\";");
    rig_agent_spawn(scene->rig);
    RIG_WAIT(scene->rig, log_says(scene, "mqtt.problem"));
    assert_true(log_says(scene, "user 'pi01'"));
    assert_false(log_says(scene, "Tr0ub4dor"));
    rig_pass(scene->rig);
}

/* --- not started at all --- */

static void expect_refusal(struct scene *scene, const char *settings, const char *words)
{
    CLEANUP(free_p) char *conf = path_join(rig_dir(scene->rig), "lapsed.conf");
    const char *argv[] = {LAPSED_PROGRAM, "--config", conf, NULL};
    struct rig_output output;

    write_conf(scene, "ca", settings);
    output = rig_run(scene->rig, argv);
    assert_int_equal(output.exit_code, EXIT_CONFIG);
    if (!strstr(output.err, words) || !strstr(output.err, conf))
        fail_msg("not '%s': %s", words, output.err);
    rig_output_done(&output);
}

static void test_secrets_that_others_may_read_refuse_to_start(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *settings = password_file(scene);
    CLEANUP(free_p)
    char *keys = xasprintf("%s cert_file = \"%s/own.pem\"; key_file = \"%s/own.key\";", settings,
                           scene->dir, scene->dir);
    CLEANUP(free_p) char *key = scene_path(scene, "own.key");

    write_secret(scene, "password", PASSWORD, 0644);
    expect_refusal(scene, settings, ":4: mqtt.password_file: others may read ");
    write_secret(scene, "password", PASSWORD, 0600);
    certificate_make(scene->dir, "ca", "own", &(struct certificate){"pi01", NULL, 0, 0});
    assert_int_equal(chmod(key, 0644), 0);
    expect_refusal(scene, keys, ":4: mqtt.key_file: others may read ");
    expect_refusal(scene, "password_credential = \"mqtt-password\";",
                   ":4: mqtt.password_credential: systemd gave us no credentials");
    rig_pass(scene->rig);
}

static void test_secret_in_a_configuration_that_others_may_read_refuses_to_start(void **state)
{
    struct scene *scene = *state;
    CLEANUP(free_p) char *conf = path_join(rig_dir(scene->rig), "lapsed.conf");
    const char *argv[] = {LAPSED_PROGRAM, "--config", conf, NULL};
    struct rig_output output;

    write_conf(scene, "ca", "password = \"x\";");
    assert_int_equal(chmod(conf, 0644), 0);
    output = rig_run(scene->rig, argv);
    assert_int_equal(output.exit_code, EXIT_CONFIG);
    assert_non_null(strstr(output.err, ":4: mqtt.password: a secret stands here"));
    rig_output_done(&output);
    rig_pass(scene->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_password_from_a_file),
        TEST(test_password_from_a_credential),
        TEST(test_lapsectl_takes_the_same_settings),
        TEST(test_lapsectl_needs_no_configuration_for_tls),
        TEST(test_expired_certificate_is_said_and_a_new_one_heals),
        TEST(test_wrong_password_is_said_and_not_shown),
        TEST(test_secrets_that_others_may_read_refuse_to_start),
        TEST(test_secret_in_a_configuration_that_others_may_read_refuses_to_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
