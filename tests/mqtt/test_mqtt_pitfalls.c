/* SPDX-License-Identifier: MIT */
/* What libmosquitto and brokers do to a client that does not expect it. Each of these was met by
 * somebody; more of them stand in test_mqtt_link.c, test_mqtt_client.c and test_mqtt_tls.c. */
#include "agent/base/mem.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/fake_broker.h"
#include "tests/mqtt/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 40000, TOO_LARGE_BYTES = 200 * 1000 };

struct fixture {
    struct rig rig;
    struct fake_broker fake;
    struct broker *broker;
    struct peer agent, other;
    int publishes, qos_2;
    const void *bad; /* sent once, by a script */
    size_t bad_len;
};

static struct fixture *with_fake(fake_script_fn script)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    rig_init(&f->rig);
    fake_init(&f->fake, f->rig.loop, script, f);
    peer_init(&f->agent, f->fake.port);
    return f;
}

static struct fixture *with_broker(const char *settings)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    int port = broker_free_port();

    rig_init(&f->rig);
    f->broker = broker_new(port, settings);
    broker_start(f->broker);
    peer_init(&f->agent, port);
    peer_init(&f->other, port);
    return f;
}

static void fixture_free(struct fixture *f)
{
    peer_done(&f->agent);
    peer_done(&f->other);
    if (f->broker)
        broker_free(f->broker);
    else
        fake_done(&f->fake);
    rig_done(&f->rig);
    free_p(&f);
}

static void start_agent(struct fixture *f)
{
    peer_start(&f->agent, &f->rig, "lapsed-a", "t/v1/a/availability", 60);
}

/* --- the library keeps a queue without end --- */

static void script_never_acknowledges(struct fake_broker *fake, const struct packet *packet,
                                      void *user)
{
    struct fixture *f = user;

    if ((packet->type & 0xf0) == 0x30) {
        f->publishes++;
        f->qos_2 += (packet->type & 0x06) == 0x04;
    } else {
        fake_answer(fake, packet);
    }
}

static void the_library_never_gets_more_than_the_window(void **state)
{
    struct fixture *f = with_fake(script_never_acknowledges);
    struct mqtt_link link;
    int64_t until_ms;

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    for (int i = 0; i < 500; i++)
        mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    RIG_WAIT(&f->rig, f->publishes == 10);
    until_ms = clock_mono_ms() + 200;
    RIG_WAIT(&f->rig, clock_mono_ms() > until_ms);
    assert_int_equal(f->publishes, 10);
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.waiting_events, 500);
    fixture_free(f);
}

/* With a fresh handle for each connection the ids of QoS 2 could be taken for those of before. */
static void script_counts_qos(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;

    if ((packet->type & 0xf0) == 0x30) {
        f->publishes++;
        f->qos_2 += (packet->type & 0x06) == 0x04;
    }
    if (packet->type == 0x82 && (packet->body[packet->len - 1] & 0x03) == 2)
        f->qos_2++;
    fake_answer(fake, packet);
}

static void nothing_is_ever_said_or_asked_for_with_qos_2(void **state)
{
    struct fixture *f = with_fake(script_counts_qos);

    (void)state;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    mqtt_publish_retained(f->agent.client, "t/v1/a/info", MQTT_JSON, "{}", 2);
    mqtt_publish_retained(f->agent.client, "t/v1/a/image", MQTT_JPEG, "x", 1);
    mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    mqtt_publish_reply(f->agent.client, "t/v1/a/reply", "{}", NULL, 0);
    RIG_WAIT(&f->rig, f->publishes == 5);
    assert_int_equal(f->qos_2, 0);
    fixture_free(f);
}

/* --- messages that are too large --- */

static void a_message_larger_than_64_kib_never_reaches_us(void **state)
{
    struct fixture *f = with_broker(NULL);
    CLEANUP(free_p) char *large = xcalloc(1, TOO_LARGE_BYTES + 1);

    (void)state;
    memset(large, 'x', TOO_LARGE_BYTES);
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    peer_start(&f->other, &f->rig, "other", NULL, 0);
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/large", large, NULL, 0);
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/small", "x", NULL, 0);
    RIG_WAIT(&f->rig, f->agent.note_count > 0);
    assert_string_equal(f->agent.notes[0].topic, "t/v1/a/cmd/small");
    assert_int_equal(f->agent.downs, 0);
    fixture_free(f);
}

/* --- brokers that can do less --- */

static void a_broker_that_retains_nothing_is_a_problem_and_events_come(void **state)
{
    struct fixture *f = with_broker("allow_anonymous true\nretain_available false");

    (void)state;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/event", false);
    mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 1 && f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "keeps no retained messages"));
    fixture_free(f);
}

static void a_broker_with_qos_0_only_is_good_enough(void **state)
{
    struct fixture *f = with_broker("allow_anonymous true\nmax_qos 0");
    struct mqtt_link link;

    (void)state;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/event", false);
    for (int i = 0; i < 30; i++)
        mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 30);
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.waiting_events, 0);
    assert_int_equal(f->agent.downs, 0);
    fixture_free(f);
}

/* --- a broker that is there and says nothing --- */

static void wait_patiently(struct fixture *f, const int *what)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    while (*what == 0 && clock_mono_ms() < until_ms)
        loop_run_once(f->rig.loop);
    assert_int_equal(*what, 1);
}

/* As behind a pulled cable: no PINGRESP within the keepalive. */
static void a_broker_that_falls_silent_is_left(void **state)
{
    struct fixture *f = with_fake(script_never_acknowledges);

    (void)state;
    f->agent.settings.keepalive_s = 5; /* the library takes no less */
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    wait_patiently(f, &f->agent.downs);
    assert_non_null(strstr(f->agent.down.text, "does not answer"));
    fixture_free(f);
}

/* --- nonsense --- */

static void script_bad_once(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;

    fake_answer(fake, packet);
    if (packet->type == 0x82 && fake->connections == 1) {
        fake_send(fake, f->bad, f->bad_len);
        fake_close(fake);
    }
}

/* Whatever it is, the next connection is a good one again. */
static void nonsense_from_the_broker_costs_one_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bads[] = {
#define BAD(text) {text, sizeof(text) - 1}
        BAD("\x30\x02\x00\x00"), /* a topic of no length */
        BAD("\x30\x03\x00\xff"
            "a"),                             /* longer than its packet */
        BAD("\x30\x05\x00\x01#\x00x"),        /* a wildcard in it */
        BAD("\x30\x06\x00\x02\xff\xfe\x00x"), /* no UTF-8 */
        BAD("\x32\x03\x00\x01"
            "a"), /* QoS 1 without an id */
        BAD("\x36\x06\x00\x01"
            "a\x00\x01\x00"), /* QoS 3 */
        BAD("\x30\x06\x00\x01"
            "a\xff\xff\xff"), /* properties of an endless length */
        BAD("\x30\x06\x00\x01"
            "a\x02\x23\x00"),                     /* half a topic alias */
        BAD("\x30\x07\x00\x00\x03\x23\x00\x01x"), /* an alias that was never agreed on */
        BAD("\x40\x02\x12\x34"),                  /* PUBACK of nothing */
        BAD("\x40\x00"),                          /* PUBACK without an id */
        BAD("\x90\x04\x12\x34\x00\x00"),          /* SUBACK of nothing */
        BAD("\x90\x00"),                          /* SUBACK without anything */
        BAD("\xe0\xff\xff\xff\xff\x7f"),          /* DISCONNECT of a length that is none */
        BAD("\x20\x03\x00\x00\x00"),              /* CONNACK again */
        BAD("\x20\x09\x00\x00\x06\x21\x00\x00\x27\x00\x00"), /* with half a property */
        BAD("\xf0\x02\x18\x00"),                             /* AUTH */
        BAD("\x82\x02\x00\x01"),                             /* what only we say */
        BAD("\x00\x00"),                                     /* no type at all */
#undef BAD
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct fixture *f = with_fake(script_bad_once);

        f->bad = bads[i].bytes;
        f->bad_len = bads[i].len;
        start_agent(f);
        mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
        RIG_WAIT(&f->rig, f->fake.connections >= 2 && f->agent.ups >= 1);
        mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_never_gets_more_than_the_window),
        cmocka_unit_test(nothing_is_ever_said_or_asked_for_with_qos_2),
        cmocka_unit_test(a_message_larger_than_64_kib_never_reaches_us),
        cmocka_unit_test(a_broker_that_retains_nothing_is_a_problem_and_events_come),
        cmocka_unit_test(a_broker_with_qos_0_only_is_good_enough),
        cmocka_unit_test(a_broker_that_falls_silent_is_left),
        cmocka_unit_test(nonsense_from_the_broker_costs_one_connection),
    };

    return cmocka_run_group_tests_name("pitfalls", tests, NULL, NULL);
}
