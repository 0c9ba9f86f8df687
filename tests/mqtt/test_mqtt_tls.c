/* SPDX-License-Identifier: MIT */
/* TLS against a real broker: who is let in, and what is said to whom is not. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/certificates.h"
#include "tests/mqtt/fake_broker.h"
#include "tests/mqtt/rig.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    char *ca, *other_ca;
};

static const struct certificate good = {"broker", "IP:127.0.0.1", 0, 0};

enum { HOUR_S = 3600, CLIENT_CERTIFICATES = true };

static void make_broker(struct fixture *f, bool client_certificates)
{
    f->port = broker_free_port();
    f->broker =
        broker_new(f->port, client_certificates ? "allow_anonymous true\ncertfile %dir/broker.pem\n"
                                                  "keyfile %dir/broker.key\ncafile %dir/ca.pem\n"
                                                  "require_certificate true\n"
                                                  "use_identity_as_username true\n"
                                                : "allow_anonymous true\ncertfile %dir/broker.pem\n"
                                                  "keyfile %dir/broker.key");
    f->ca = certificate_authority(broker_dir(f->broker), "ca");
    f->other_ca = certificate_authority(broker_dir(f->broker), "other");
    certificate_make(broker_dir(f->broker), "ca", "broker", &good);
    peer_init(&f->agent, f->port);
    f->agent.settings.tls = true;
    f->agent.settings.ca_file = xstrdup(f->ca);
}

static int setup_with(void **state, bool client_certificates)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    rig_init(&f->rig);
    make_broker(f, client_certificates);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, false);
}

static int setup_clients(void **state)
{
    return setup_with(state, CLIENT_CERTIFICATES);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    peer_done(&f->agent);
    broker_free(f->broker);
    rig_done(&f->rig);
    free_p(&f->ca);
    free_p(&f->other_ca);
    free_p(&f);
    return 0;
}

static void start(struct fixture *f)
{
    broker_start(f->broker);
    peer_start(&f->agent, &f->rig, "lapsed-a", "t/v1/a/availability", 60);
}

/* Told as down and as a problem, with these words; never up. */
static void expect_refused(struct fixture *f, const char *words)
{
    RIG_WAIT(&f->rig, f->agent.downs == 1 && f->agent.problems == 1);
    if (!strstr(f->agent.down.text, words) || !strstr(f->agent.problem.text, words))
        fail_msg("'%s' is not in: %s", words, f->agent.down.text);
    assert_int_equal(f->agent.ups, 0);
}

static void the_right_certificate_is_accepted(void **state)
{
    struct fixture *f = *state;

    start(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    mqtt_subscribe(f->agent.client, "x", false);
    mqtt_publish_event(f->agent.client, "x", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 1);
    assert_int_equal(f->agent.downs, 0);
}

static void an_unknown_authority_is_refused_and_ca_file_named(void **state)
{
    struct fixture *f = *state;

    replace_str(&f->agent.settings.ca_file, f->other_ca);
    start(f);
    expect_refused(f,
                   "authority that we do not know (certificate verify failed): set mqtt.ca_file");
}

static void without_a_ca_file_the_system_decides(void **state)
{
    struct fixture *f = *state;

    replace_str(&f->agent.settings.ca_file, NULL);
    start(f);
    expect_refused(f, "set mqtt.ca_file");
}

static void another_host_is_refused(void **state)
{
    struct fixture *f = *state;

    certificate_make(broker_dir(f->broker), "ca", "broker",
                     &(struct certificate){"broker", "DNS:broker.example", 0, 0});
    start(f);
    expect_refused(f, "for another name than mqtt.host");
}

static void another_host_is_accepted_when_that_is_wanted(void **state)
{
    struct fixture *f = *state;

    f->agent.settings.insecure_skip_hostname = true;
    certificate_make(broker_dir(f->broker), "ca", "broker",
                     &(struct certificate){"broker", "DNS:broker.example", 0, 0});
    start(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
}

static void skipping_the_host_name_does_not_skip_the_authority(void **state)
{
    struct fixture *f = *state;

    f->agent.settings.insecure_skip_hostname = true;
    replace_str(&f->agent.settings.ca_file, f->other_ca);
    start(f);
    expect_refused(f, "authority that we do not know");
}

static void an_expired_certificate_is_refused(void **state)
{
    struct fixture *f = *state;

    certificate_make(broker_dir(f->broker), "ca", "broker",
                     &(struct certificate){"broker", "IP:127.0.0.1", -2 * HOUR_S, -HOUR_S});
    start(f);
    expect_refused(f, "has expired: the broker needs a new one (today is 20");
}

/* As with a clock that is not set. */
static void a_certificate_of_tomorrow_is_refused_and_the_clock_named(void **state)
{
    struct fixture *f = *state;

    certificate_make(broker_dir(f->broker), "ca", "broker",
                     &(struct certificate){"broker", "IP:127.0.0.1", HOUR_S, 2 * HOUR_S});
    start(f);
    expect_refused(f, "is not valid yet (today is 20");
}

static void a_broker_without_tls_is_told_as_such(void **state)
{
    struct fixture *f = *state;

    broker_free(f->broker);
    f->broker = broker_new(f->port, NULL);
    replace_str(&f->agent.settings.ca_file, NULL);
    start(f);
    RIG_WAIT(&f->rig, f->agent.downs >= 1);
    assert_int_equal(f->agent.ups, 0);
}

static void a_missing_ca_file_is_named(void **state)
{
    struct fixture *f = *state;

    replace_str(&f->agent.settings.ca_file, "/nonexistent/ca.pem");
    start(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "/nonexistent/ca.pem"));
}

static void a_ca_file_that_is_none_is_named(void **state)
{
    struct fixture *f = *state;

    broker_write_file(f->broker, "nonsense.pem", "nonsense\n");
    free_p(&f->agent.settings.ca_file);
    f->agent.settings.ca_file = path_join(broker_dir(f->broker), "nonsense.pem");
    start(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "nonsense.pem"));
}

/* A broker of long ago, in a process of its own: it speaks TLS 1.1 at most. */
static pid_t start_old_broker(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)f->port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLEANUP(free_p) char *certificate = path_join(broker_dir(f->broker), "broker.pem");
    CLEANUP(free_p) char *key = path_join(broker_dir(f->broker), "broker.key");
    pid_t child;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 5), 0);
    child = fork();
    if (child == 0) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());

        SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
        SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
        SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM);
        for (;;) {
            SSL *ssl = SSL_new(context);
            int fd = accept(listener, NULL, NULL);

            SSL_set_fd(ssl, fd);
            SSL_accept(ssl);
            SSL_free(ssl);
            close(fd);
        }
    }
    close(listener);
    return child;
}

static void tls_older_than_1_2_is_refused(void **state)
{
    struct fixture *f = *state;
    pid_t old = start_old_broker(f);

    peer_start(&f->agent, &f->rig, "lapsed-a", NULL, 0);
    RIG_WAIT(&f->rig, f->agent.problems > 0);
    kill(old, SIGKILL);
    waitpid(old, NULL, 0);
    if (!strstr(f->agent.problem.text, "speaks no TLS 1.2 or newer"))
        fail_msg("%s", f->agent.problem.text);
    assert_int_equal(f->agent.ups, 0);
}

/* --- our own certificate --- */

static void use_own(struct fixture *f, const char *authority, const struct certificate *wanted)
{
    const char *dir = broker_dir(f->broker);

    certificate_make(dir, authority, "own", wanted);
    f->agent.settings.cert_file = path_join(dir, "own.pem");
    f->agent.settings.key_file = path_join(dir, "own.key");
}

static void our_certificate_lets_us_in(void **state)
{
    struct fixture *f = *state;

    use_own(f, "ca", &(struct certificate){"pi01", NULL, 0, 0});
    start(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
}

/* The connection may break before the broker's reason is read; then the next attempt tells it. */
static void expect_told(struct fixture *f, const char *words)
{
    RIG_WAIT(&f->rig, f->agent.problems > 0);
    if (!strstr(f->agent.problem.text, words))
        fail_msg("'%s' is not in: %s", words, f->agent.problem.text);
    assert_int_equal(f->agent.ups, 0);
}

static void a_certificate_that_is_wanted_and_missing_is_told(void **state)
{
    struct fixture *f = *state;

    start(f);
    expect_told(f, "wants a certificate from us: set mqtt.cert_file");
}

static void our_certificate_of_an_unknown_authority_is_told(void **state)
{
    struct fixture *f = *state;

    use_own(f, "other", &(struct certificate){"pi01", NULL, 0, 0});
    start(f);
    expect_told(f, "authority of our certificate");
}

static void our_expired_certificate_is_told(void **state)
{
    struct fixture *f = *state;

    use_own(f, "ca", &(struct certificate){"pi01", NULL, -2 * HOUR_S, -HOUR_S});
    start(f);
    expect_told(f, "our certificate (mqtt.cert_file) has expired");
}

static void a_key_of_another_certificate_is_told(void **state)
{
    struct fixture *f = *state;

    use_own(f, "ca", &(struct certificate){"pi01", NULL, 0, 0});
    free_p(&f->agent.settings.key_file);
    f->agent.settings.key_file = path_join(broker_dir(f->broker), "broker.key");
    start(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "key"));
}

/* OpenSSL would ask for it on the terminal, and wait. */
static void a_key_with_a_passphrase_is_told_and_asks_nobody(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key;
    FILE *file;

    use_own(f, "ca", &(struct certificate){"pi01", NULL, 0, 0});
    file = fopen(f->agent.settings.key_file, "r+e");
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    rewind(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_256_cbc(),
                                          (const unsigned char *)"hush", 4, NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
    start(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "own.key"));
}

/* --- the broker --- */

static void a_broker_that_comes_back_is_found_again(void **state)
{
    struct fixture *f = *state;

    start(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    broker_kill(f->broker);
    RIG_WAIT(&f->rig, f->agent.downs > 0);
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.ups == 2);
}

/* Nobody has to restart the agent after the certificate was renewed. */
static void a_new_certificate_of_the_broker_is_found(void **state)
{
    struct fixture *f = *state;

    certificate_make(broker_dir(f->broker), "ca", "broker",
                     &(struct certificate){"broker", "IP:127.0.0.1", -2 * HOUR_S, -HOUR_S});
    start(f);
    expect_refused(f, "has expired");
    broker_kill(f->broker);
    certificate_make(broker_dir(f->broker), "ca", "broker", &good);
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
}

/* SIGPIPE is as it is in every program: it would end this test. */
static void a_broker_that_dies_under_our_writes_ends_nobody(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *large = xcalloc(1, 100001);

    memset(large, 'x', 100000);
    start(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 20; i++)
            mqtt_publish_event(f->agent.client, "x", large);
        broker_kill(f->broker);
        RIG_WAIT(&f->rig, f->agent.downs >= round);
        broker_start(f->broker);
        RIG_WAIT(&f->rig, f->agent.ups == round + 1);
    }
}

/* OpenSSL holds more than the socket shows: a library that waits for the socket leaves it there. */
static void a_burst_over_tls_arrives_whole(void **state)
{
    struct fixture *f = *state;
    struct mqtt_link link;

    f->agent.inbox_max_messages = NOTE_MAX;
    start(f);
    mqtt_subscribe(f->agent.client, "x", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    for (int i = 0; i < 400; i++)
        mqtt_publish_event(f->agent.client, "x", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 400);
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.dropped_messages, 0);
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

#define TLS_TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CLIENT_TEST(name) cmocka_unit_test_setup_teardown(name, setup_clients, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(the_right_certificate_is_accepted),
        TLS_TEST(an_unknown_authority_is_refused_and_ca_file_named),
        TLS_TEST(without_a_ca_file_the_system_decides),
        TLS_TEST(another_host_is_refused),
        TLS_TEST(another_host_is_accepted_when_that_is_wanted),
        TLS_TEST(skipping_the_host_name_does_not_skip_the_authority),
        TLS_TEST(an_expired_certificate_is_refused),
        TLS_TEST(a_certificate_of_tomorrow_is_refused_and_the_clock_named),
        TLS_TEST(a_broker_without_tls_is_told_as_such),
        TLS_TEST(tls_older_than_1_2_is_refused),
        TLS_TEST(a_missing_ca_file_is_named),
        TLS_TEST(a_ca_file_that_is_none_is_named),
        CLIENT_TEST(our_certificate_lets_us_in),
        CLIENT_TEST(a_certificate_that_is_wanted_and_missing_is_told),
        CLIENT_TEST(our_certificate_of_an_unknown_authority_is_told),
        CLIENT_TEST(our_expired_certificate_is_told),
        CLIENT_TEST(a_key_with_a_passphrase_is_told_and_asks_nobody),
        CLIENT_TEST(a_key_of_another_certificate_is_told),
        TLS_TEST(a_broker_that_comes_back_is_found_again),
        TLS_TEST(a_new_certificate_of_the_broker_is_found),
        TLS_TEST(a_broker_that_dies_under_our_writes_ends_nobody),
        TLS_TEST(a_burst_over_tls_arrives_whole),
        TLS_TEST(a_broker_that_resets_in_the_handshake_is_left_at_once),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
