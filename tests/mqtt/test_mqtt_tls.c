/* SPDX-License-Identifier: MIT */
/* TLS against a real broker; the certificates are made here, each its own authority. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/fake_broker.h"
#include "tests/mqtt/rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct rig rig;
    int port;
    struct broker *broker;
    struct peer agent;
    char *good, *elsewhere; /* certificates: for 127.0.0.1, for another host */
};

/* dir/name.pem and dir/name.key; returns the path of the certificate. */
static char *make_certificate(const char *dir, const char *name, const char *san)
{
    char *certificate = xasprintf("%s/%s.pem", dir, name);
    CLEANUP(free_p) char *key = xasprintf("%s/%s.key", dir, name);
    CLEANUP(free_p) char *extension = xasprintf("subjectAltName=%s", san);
    pid_t child = fork();
    int status;

    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, STDERR_FILENO);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
               "-addext", extension, "-keyout", key, "-out", certificate, (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    if (status != 0)
        fail_msg("openssl is needed for this test");
    return certificate;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct broker *broker;

    rig_init(&f->rig);
    f->port = broker_free_port();
    f->broker = broker = broker_new(f->port, "allow_anonymous true\ncertfile %dir/served.pem\n"
                                             "keyfile %dir/served.key");
    f->good = make_certificate(broker_dir(broker), "good", "IP:127.0.0.1");
    f->elsewhere = make_certificate(broker_dir(broker), "elsewhere", "DNS:broker.example");
    peer_init(&f->agent, f->port);
    f->agent.settings.tls = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    peer_done(&f->agent);
    broker_free(f->broker);
    rig_done(&f->rig);
    free_p(&f->good);
    free_p(&f->elsewhere);
    free_p(&f);
    return 0;
}

static void start(struct fixture *f, const char *served, const char *ca_file)
{
    CLEANUP(free_p) char *certificate = xasprintf("%s/served.pem", broker_dir(f->broker));
    CLEANUP(free_p) char *key = xasprintf("%s/served.key", broker_dir(f->broker));
    CLEANUP(free_p) char *from = xasprintf("%s/%s.pem", broker_dir(f->broker), served);
    CLEANUP(free_p) char *from_key = xasprintf("%s/%s.key", broker_dir(f->broker), served);

    assert_int_equal(link(from, certificate), 0);
    assert_int_equal(link(from_key, key), 0);
    broker_start(f->broker);
    replace_str(&f->agent.settings.ca_file, ca_file);
    peer_start(&f->agent, &f->rig, "lapsed-a", "t/v1/a/availability", 60);
}

static void the_right_certificate_is_accepted(void **state)
{
    struct fixture *f = *state;

    start(f, "good", f->good);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    mqtt_subscribe(f->agent.client, "x", false);
    mqtt_publish_event(f->agent.client, "x", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 1);
    assert_int_equal(f->agent.downs, 0);
}

static void a_certificate_of_an_unknown_authority_is_refused_by_name(void **state)
{
    struct fixture *f = *state;

    start(f, "good", f->elsewhere);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_non_null(strstr(f->agent.down.text, "certificate verify failed"));
    assert_int_equal(f->agent.ups, 0);
}

static void without_a_ca_file_the_system_decides(void **state)
{
    struct fixture *f = *state;

    start(f, "good", NULL);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_non_null(strstr(f->agent.down.text, "certificate verify failed"));
}

static void a_certificate_of_another_host_is_refused_by_name(void **state)
{
    struct fixture *f = *state;

    start(f, "elsewhere", f->elsewhere);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_non_null(strstr(f->agent.down.text, "host name verification failed"));
}

static void a_certificate_of_another_host_is_accepted_when_that_is_wanted(void **state)
{
    struct fixture *f = *state;

    f->agent.settings.insecure_skip_hostname = true;
    start(f, "elsewhere", f->elsewhere);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
}

static void a_missing_ca_file_is_said(void **state)
{
    struct fixture *f = *state;

    start(f, "good", "/nonexistent/ca.pem");
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "TLS files"));
}

static void a_broker_that_comes_back_is_found_again(void **state)
{
    struct fixture *f = *state;

    start(f, "good", f->good);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    broker_kill(f->broker);
    RIG_WAIT(&f->rig, f->agent.downs > 0);
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.ups == 2);
}

/* A reset and not an end of file: that one OpenSSL itself takes for an error. */
static void script_resets(struct fake_broker *fake, const struct packet *packet, void *user)
{
    const struct linger reset = {.l_onoff = 1};

    (void)packet;
    (void)user;
    setsockopt(fake->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    fake_close(fake);
}

static int64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* With OpenSSL 1 the library did not notice, and spun until the keepalive was over. */
static void a_broker_that_resets_in_the_handshake_is_left_at_once(void **state)
{
    struct fixture *f = *state;
    struct fake_broker fake;
    int64_t before_ms = cpu_ms();

    fake_init(&fake, f->rig.loop, script_resets, NULL);
    f->agent.settings.port = fake.port;
    peer_start(&f->agent, &f->rig, "lapsed-a", NULL, 0);
    RIG_WAIT(&f->rig, fake.connections == 1); /* its ClientHello looks like some packet */
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_in_range(cpu_ms() - before_ms, 0, 1000);
    peer_stop(&f->agent, &f->rig);
    peer_init(&f->agent, f->port);
    fake_done(&fake);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(the_right_certificate_is_accepted),
        TLS_TEST(a_certificate_of_an_unknown_authority_is_refused_by_name),
        TLS_TEST(without_a_ca_file_the_system_decides),
        TLS_TEST(a_certificate_of_another_host_is_refused_by_name),
        TLS_TEST(a_certificate_of_another_host_is_accepted_when_that_is_wanted),
        TLS_TEST(a_missing_ca_file_is_said),
        TLS_TEST(a_broker_that_comes_back_is_found_again),
        TLS_TEST(a_broker_that_resets_in_the_handshake_is_left_at_once),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
