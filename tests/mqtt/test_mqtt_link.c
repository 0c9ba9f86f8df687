/* SPDX-License-Identifier: MIT */
/* What goes over the wire, seen and answered by a broker that is not one. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/mqtt/fake_broker.h"
#include "tests/mqtt/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define AVAILABILITY "t/v1/a/availability"

enum { MAX_SEEN = 64 };

struct fixture {
    struct rig rig;
    struct fake_broker fake;
    struct peer agent;
    int publishes;
    char seen[MAX_SEEN][128]; /* "topic=payload" of each PUBLISH */
    int seen_count;
    uint8_t connect[4][512]; /* bodies of the first CONNECTs */
    size_t connect_len[4];
    int connects;
    int disconnects;
    int reason; /* for scripts */
};

static void script_good(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;
    char topic[64], payload[64];

    if (packet->type == 0x10 && f->connects < 4) {
        memcpy(f->connect[f->connects], packet->body, MIN(packet->len, (size_t)512));
        f->connect_len[f->connects++] = packet->len;
    } else if ((packet->type & 0xf0) == 0x30 && f->seen_count < MAX_SEEN) {
        fake_read_publish(fake, packet, topic, payload, sizeof(topic));
        snprintf(f->seen[f->seen_count++], sizeof(f->seen[0]), "%s=%s", topic, payload);
    } else if (packet->type == 0xe0) {
        f->disconnects++;
    }
    fake_answer(fake, packet);
}

static struct fixture *fixture_new(fake_script_fn script)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    rig_init(&f->rig);
    fake_init(&f->fake, f->rig.loop, script, f);
    peer_init(&f->agent, f->fake.port);
    return f;
}

static void fixture_free(struct fixture *f)
{
    peer_done(&f->agent);
    fake_done(&f->fake);
    rig_done(&f->rig);
    free_p(&f);
}

static void start_agent(struct fixture *f)
{
    peer_start(&f->agent, &f->rig, "lapsed-a", AVAILABILITY, 60);
}

static void set_text(struct fixture *f, const char *topic, const char *text)
{
    mqtt_publish_retained(f->agent.client, topic, MQTT_TEXT, text, strlen(text));
}

/* --- CONNECT --- */

/* The four-byte or two-byte property id among the properties at at; -1 when it is not there. */
static int64_t property(const uint8_t *at, uint8_t id)
{
    const uint8_t *end = at + 1 + at[0];

    for (at++; at < end;) {
        uint8_t found = *at++;
        size_t size = found == 0x21 ? 2 : 4; /* Receive Maximum; the others that we use have 4 */
        int64_t value = size == 2 ? fake_u16(at) : (int64_t)fake_u16(at) << 16 | fake_u16(at + 2);

        if (found == id)
            return value;
        at += size;
    }
    return -1;
}

static void connect_says_what_the_contract_says(void **state)
{
    struct fixture *f = fixture_new(script_good);
    const uint8_t *body = f->connect[0], *will;

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    assert_memory_equal(body, "\x00\x04MQTT\x05", 7);
    assert_int_equal(body[7], 0x2e); /* will retained, QoS 1, clean start; no user, no password */
    assert_int_equal(fake_u16(body + 8), 30);
    assert_int_equal(property(body + 10, 0x11), 60);    /* Session Expiry */
    assert_int_equal(property(body + 10, 0x27), 65536); /* Maximum Packet Size */
    assert_int_equal(property(body + 10, 0x21), 20);    /* Receive Maximum */
    assert_int_equal(property(body + 10, 0x22), -1);    /* no Topic Alias Maximum */
    will = body + 11 + body[10];
    assert_int_equal(fake_u16(will), strlen("lapsed-a"));
    assert_memory_equal(will + 2, "lapsed-a", 8);
    will += 10;
    assert_int_equal(property(will, 0x18), 10); /* Will Delay */
    will += 1 + will[0];
    assert_int_equal(fake_u16(will), strlen(AVAILABILITY));
    assert_memory_equal(will + 2 + strlen(AVAILABILITY), "\x00\x07offline", 9);
    fixture_free(f);
}

static void script_never_subscribes_once(struct fake_broker *fake, const struct packet *packet,
                                         void *user)
{
    if (packet->type == 0x82 && fake->connections == 1)
        return;
    script_good(fake, packet, user);
}

static void a_broker_that_never_confirms_a_subscription_is_left(void **state)
{
    struct fixture *f = fixture_new(script_never_subscribes_once);

    (void)state;
    f->agent.answer_timeout_ms = 100;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_non_null(strstr(f->agent.down.text, "does not answer"));
    assert_int_equal(f->agent.ups, 0);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    fixture_free(f);
}

static void script_mute(struct fake_broker *fake, const struct packet *packet, void *user)
{
    (void)packet;
    if (fake->connections > 1)
        script_good(fake, packet, user);
}

static void a_broker_that_accepts_and_stays_silent_is_left(void **state)
{
    struct fixture *f = fixture_new(script_mute);

    (void)state;
    f->agent.answer_timeout_ms = 100;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_non_null(strstr(f->agent.down.text, "does not answer"));
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    fixture_free(f);
}

static void only_the_first_connect_starts_clean(void **state)
{
    struct fixture *f = fixture_new(script_good);

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    fake_close(&f->fake);
    RIG_WAIT(&f->rig, f->agent.ups == 2);
    assert_int_equal(f->connect[0][7] & 0x02, 0x02);
    assert_int_equal(f->connect[1][7] & 0x02, 0);
    fixture_free(f);
}

static void a_client_of_the_command_line_has_no_will_and_no_session(void **state)
{
    struct fixture *f = fixture_new(script_good);

    (void)state;
    f->agent.settings.user = xstrdup("u");
    f->agent.settings.password = xstrdup("p");
    peer_start(&f->agent, &f->rig, "ctl", NULL, 0);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    fake_close(&f->fake);
    RIG_WAIT(&f->rig, f->agent.ups == 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f->connect[i][7], 0xc2); /* user, password, clean start */
        assert_int_equal(property(f->connect[i] + 10, 0x11), -1);
    }
    fixture_free(f);
}

/* --- versions --- */

static void script_only_3_1_1(struct fake_broker *fake, const struct packet *packet, void *user)
{
    if (packet->type == 0x10 && fake->version == 5)
        fake_send(fake, "\x20\x02\x00\x01", 4);
    else
        script_good(fake, packet, user);
}

static void a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1(void **state)
{
    struct fixture *f = fixture_new(script_only_3_1_1);
    struct mqtt_link link;

    (void)state;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    set_text(f, "t/v1/a/one", "1");
    RIG_WAIT(&f->rig, f->seen_count == 2);
    assert_string_equal(f->seen[0], "t/v1/a/one=1");
    assert_string_equal(f->seen[1], AVAILABILITY "=online");
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.protocol, 4);
    assert_int_equal(f->connect[0][7] & 0x02, 0x02); /* clean: a session would live for ever */
    /* it stays with it */
    fake_close(&f->fake);
    RIG_WAIT(&f->rig, f->agent.ups == 2);
    assert_int_equal(f->fake.version, 4);
    fixture_free(f);
}

static void script_closes_on_5(struct fake_broker *fake, const struct packet *packet, void *user)
{
    if (packet->type == 0x10 && fake->version == 5)
        fake_close(fake);
    else
        script_good(fake, packet, user);
}

static void a_broker_that_just_closes_on_5_is_spoken_to_in_3_1_1(void **state)
{
    struct fixture *f = fixture_new(script_closes_on_5);

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    assert_int_equal(f->fake.version, 4);
    /* 5, 5, 3.1.1 to see that it lives (left in good order), 5 again, 3.1.1 */
    assert_int_equal(f->fake.connections, 5);
    assert_int_equal(f->disconnects, 1);
    fixture_free(f);
}

/* --- refusals --- */

static void script_refuses(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;
    const uint8_t v5[] = {0x20, 3, 0, (uint8_t)f->reason, 0};
    const uint8_t v4[] = {0x20, 2, 0, (uint8_t)f->reason};

    if (packet->type == 0x10)
        fake_send(fake, fake->version == 5 ? v5 : v4, fake->version == 5 ? 5 : 4);
}

static void each_refusal_is_said_in_words_of_its_own(void **state)
{
    static const struct {
        int protocol, reason;
        const char *text;
        bool must_act;
    } rows[] = {
        {1, 0x86, "wrong user name or password", true},
        {1, 0x87, "not authorised", true},
        {1, 0x85, "client id", true},
        {1, 0x8a, "banned", true},
        {1, 0x88, "unavailable", false},
        {2, 4, "wrong user name or password", true},
        {2, 5, "not authorised", true},
        {2, 3, "unavailable", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture *f = fixture_new(script_refuses);

        f->reason = rows[i].reason;
        f->agent.settings.protocol = rows[i].protocol;
        start_agent(f);
        RIG_WAIT(&f->rig, f->agent.downs == 1);
        loop_run_once(f->rig.loop);
        if (!strstr(f->agent.down.text, rows[i].text))
            fail_msg("'%s' does not say '%s'", f->agent.down.text, rows[i].text);
        assert_int_equal(f->agent.problems, rows[i].must_act);
        fixture_free(f);
    }
}

static void script_takes_over(struct fake_broker *fake, const struct packet *packet, void *user)
{
    script_good(fake, packet, user);
    if (packet->type == 0x10)
        fake_send(fake, "\xe0\x02\x8e\x00", 4);
}

static void a_session_taken_over_is_said_and_not_taken_back_at_once(void **state)
{
    struct fixture *f = fixture_new(script_takes_over);
    int64_t until_ms;

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "another agent uses this id"));
    until_ms = clock_mono_ms() + 900; /* the usual back-off would be over twice */
    RIG_WAIT(&f->rig, clock_mono_ms() > until_ms);
    assert_int_equal(f->fake.connections, 1);
    fixture_free(f);
}

static void script_kicks(struct fake_broker *fake, const struct packet *packet, void *user)
{
    script_good(fake, packet, user);
    if ((packet->type & 0xf0) == 0x30)
        fake_close(fake);
}

static void being_thrown_out_again_and_again_is_said_and_not_answered_at_once(void **state)
{
    struct fixture *f = fixture_new(script_kicks);
    int64_t until_ms;

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "another agent uses this id"));
    assert_int_equal(f->fake.connections, 4);
    until_ms = clock_mono_ms() + 1200;
    RIG_WAIT(&f->rig, clock_mono_ms() > until_ms);
    assert_int_equal(f->fake.connections, 4);
    fixture_free(f);
}

static void script_refuses_subscription(struct fake_broker *fake, const struct packet *packet,
                                        void *user)
{
    const uint8_t suback[] = {0x90, 5, packet->body[0], packet->body[1], 0, 0x01, 0x87};

    if (packet->type == 0x82)
        fake_send(fake, suback, sizeof(suback));
    else
        script_good(fake, packet, user);
}

static void a_refused_subscription_is_said_and_the_link_is_up_all_the_same(void **state)
{
    struct fixture *f = fixture_new(script_refuses_subscription);

    (void)state;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "good/+", false);
    mqtt_subscribe(f->agent.client, "bad/+", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1 && f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "bad/+"));
    fixture_free(f);
}

/* --- order and loss --- */

static void script_loses(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;

    /* Hears everything of the first connection, but acknowledges three messages only. The
     * thirteenth, behind a window of ten, says that all three were heard, and nothing is under way
     * any more. */
    if (fake->connections == 1 && (packet->type & 0xf0) == 0x30 && ++f->publishes > 3) {
        if (f->publishes == 13)
            fake_close(fake);
        return;
    }
    if (fake->connections == 1 && (packet->type & 0xf0) == 0x30)
        fake_answer(fake, packet);
    else
        script_good(fake, packet, user);
}

static void what_was_not_acknowledged_is_sent_again_in_order(void **state)
{
    struct fixture *f = fixture_new(script_loses);
    char json[16];

    (void)state;
    start_agent(f);
    set_text(f, "t/one", "1");
    for (int i = 1; i <= 12; i++) {
        snprintf(json, sizeof(json), "%d", i);
        mqtt_publish_event(f->agent.client, "e", json);
    }
    RIG_WAIT(&f->rig, f->seen_count == 2 + 11); /* "e=1" was the third that was acknowledged */
    assert_string_equal(f->seen[0], "t/one=1");
    assert_string_equal(f->seen[1], AVAILABILITY "=online");
    for (int i = 2; i <= 12; i++) {
        snprintf(json, sizeof(json), "e=%d", i);
        assert_string_equal(f->seen[i], json);
    }
    fixture_free(f);
}

static void a_value_that_changed_meanwhile_is_sent_and_the_old_one_is_not(void **state)
{
    struct fixture *f = fixture_new(script_loses);

    (void)state;
    f->publishes = 3; /* acknowledge nothing */
    start_agent(f);
    set_text(f, "t/one", "old");
    RIG_WAIT(&f->rig, f->publishes == 5); /* and "online" */
    fake_close(&f->fake);
    set_text(f, "t/one", "new");
    RIG_WAIT(&f->rig, f->seen_count == 2);
    assert_string_equal(f->seen[0], "t/one=new");
    assert_string_equal(f->seen[1], AVAILABILITY "=online");
    fixture_free(f);
}

/* CONNACK with Receive Maximum 2 and Maximum Packet Size 200; acknowledges nothing. */
static void script_narrow(struct fake_broker *fake, const struct packet *packet, void *user)
{
    struct fixture *f = user;

    if (packet->type == 0x10)
        fake_send(fake, "\x20\x0b\x00\x00\x08\x21\x00\x02\x27\x00\x00\x00\xc8", 13);
    else if ((packet->type & 0xf0) == 0x30)
        f->publishes++;
}

static void the_limits_of_the_broker_are_kept(void **state)
{
    struct fixture *f = fixture_new(script_narrow);
    struct mqtt_link link;
    char large[400];
    int64_t until_ms;

    (void)state;
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    start_agent(f);
    mqtt_publish_retained(f->agent.client, "t/large", MQTT_TEXT, large, sizeof(large));
    for (int i = 0; i < 5; i++)
        mqtt_publish_event(f->agent.client, "e", "{}");
    RIG_WAIT(&f->rig, f->publishes == 2 && f->agent.problems == 1);
    assert_non_null(strstr(f->agent.problem.text, "t/large"));
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.max_packet_bytes, 200);
    until_ms = clock_mono_ms() + 200;
    RIG_WAIT(&f->rig, clock_mono_ms() > until_ms);
    assert_int_equal(f->publishes, 2);
    assert_int_equal(f->fake.connections, 1);
    fixture_free(f);
}

/* --- the end --- */

static void stopping_sends_offline_and_disconnect(void **state)
{
    struct fixture *f = fixture_new(script_good);

    (void)state;
    start_agent(f);
    RIG_WAIT(&f->rig, f->seen_count == 1);
    mqtt_publish_event(f->agent.client, "e", "1");
    peer_stop(&f->agent, &f->rig);
    RIG_WAIT(&f->rig, f->disconnects == 1);
    assert_int_equal(f->seen_count, 3);
    assert_string_equal(f->seen[1], "e=1");
    assert_string_equal(f->seen[2], AVAILABILITY "=offline");
    peer_init(&f->agent, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_says_what_the_contract_says),
        cmocka_unit_test(a_broker_that_never_confirms_a_subscription_is_left),
        cmocka_unit_test(a_broker_that_accepts_and_stays_silent_is_left),
        cmocka_unit_test(only_the_first_connect_starts_clean),
        cmocka_unit_test(a_client_of_the_command_line_has_no_will_and_no_session),
        cmocka_unit_test(a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1),
        cmocka_unit_test(a_broker_that_just_closes_on_5_is_spoken_to_in_3_1_1),
        cmocka_unit_test(each_refusal_is_said_in_words_of_its_own),
        cmocka_unit_test(a_session_taken_over_is_said_and_not_taken_back_at_once),
        cmocka_unit_test(being_thrown_out_again_and_again_is_said_and_not_answered_at_once),
        cmocka_unit_test(a_refused_subscription_is_said_and_the_link_is_up_all_the_same),
        cmocka_unit_test(what_was_not_acknowledged_is_sent_again_in_order),
        cmocka_unit_test(a_value_that_changed_meanwhile_is_sent_and_the_old_one_is_not),
        cmocka_unit_test(the_limits_of_the_broker_are_kept),
        cmocka_unit_test(stopping_sends_offline_and_disconnect),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
