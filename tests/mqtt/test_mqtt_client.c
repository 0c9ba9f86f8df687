/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define AVAILABILITY "t/v1/a/availability"

struct fixture {
    struct rig rig;
    int port;
    struct broker *broker;
    struct peer agent, other;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->port = broker_free_port();
    f->broker = broker_new(f->port, NULL);
    peer_init(&f->agent, f->port);
    peer_init(&f->other, f->port);
    *state = f;
    return 0;
}

static int setup_started(void **state)
{
    struct fixture *f;

    setup(state);
    f = *state;
    broker_start(f->broker);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    peer_done(&f->agent);
    peer_done(&f->other);
    broker_free(f->broker);
    rig_done(&f->rig);
    free_p(&f);
    return 0;
}

static void start_agent(struct fixture *f)
{
    peer_start(&f->agent, &f->rig, "lapsed-a", AVAILABILITY, 60);
}

/* An observer that has seen everything published so far once this returns. */
static void start_observer(struct fixture *f, const char *filter)
{
    peer_start(&f->other, &f->rig, "observer", NULL, 0);
    mqtt_subscribe(f->other.client, filter, true);
    RIG_WAIT(&f->rig, f->other.ups == 1);
}

static void set_text(struct peer *peer, const char *topic, const char *text)
{
    mqtt_publish_retained(peer->client, topic, MQTT_TEXT, text, strlen(text));
}

static void a_broker_that_starts_late_is_found(void **state)
{
    struct fixture *f = *state;
    struct mqtt_link link;

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    assert_int_equal(f->agent.down.code, -ECONNREFUSED);
    assert_non_null(strstr(f->agent.down.text, "127.0.0.1"));
    mqtt_client_link(f->agent.client, &link);
    assert_false(link.up);
    assert_int_equal(link.protocol, 0);
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    assert_int_equal(f->agent.downs, 1); /* said once, however often it was tried */
    mqtt_client_link(f->agent.client, &link);
    assert_true(link.up);
    assert_int_equal(link.protocol, 5);
    assert_int_equal(link.reconnects, 0);
}

static void publish_state_on_up(struct peer *peer)
{
    set_text(peer, "t/v1/a/info", "info");
}

static void online_is_said_after_everything_else(void **state)
{
    struct fixture *f = *state;

    start_observer(f, "t/#");
    f->agent.on_up = publish_state_on_up;
    start_agent(f);
    set_text(&f->agent, "t/v1/a/one", "1");
    mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    RIG_WAIT(&f->rig, peer_note(&f->other, "t/v1/a/event"));
    assert_int_equal(f->other.note_count, 4);
    assert_string_equal(f->other.notes[0].topic, "t/v1/a/one");
    assert_string_equal(f->other.notes[1].topic, "t/v1/a/info");
    assert_string_equal(f->other.notes[2].topic, AVAILABILITY);
    assert_string_equal(f->other.notes[2].payload, "online");
    assert_string_equal(f->other.notes[3].topic, "t/v1/a/event");
}

/* The agent hears its own events, so that no observer has to reconnect faster than it does. */
static void
after_the_broker_lost_everything_nothing_is_missing_and_no_event_comes_twice(void **state)
{
    struct fixture *f = *state;
    struct mqtt_link link;
    char json[32];

    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/event", false);
    set_text(&f->agent, "t/v1/a/one", "1");
    set_text(&f->agent, "t/v1/a/two", "old");
    mqtt_publish_event(f->agent.client, "t/v1/a/event", "{\"n\":0}");
    RIG_WAIT(&f->rig, f->agent.note_count == 1);
    broker_kill(f->broker);
    RIG_WAIT(&f->rig, f->agent.downs > 0);
    set_text(&f->agent, "t/v1/a/two", "new");
    for (int i = 1; i <= 40; i++) {
        snprintf(json, sizeof(json), "{\"n\":%d}", i);
        mqtt_publish_event(f->agent.client, "t/v1/a/event", json);
    }
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.note_count >= 41);
    start_observer(f, "t/#");
    RIG_WAIT(&f->rig, peer_note(&f->other, AVAILABILITY));
    assert_true(peer_has(&f->other, "t/v1/a/one", "1"));
    assert_true(peer_has(&f->other, "t/v1/a/two", "new"));
    assert_true(peer_has(&f->other, AVAILABILITY, "online"));
    assert_int_equal(f->agent.note_count, 41);
    for (int i = 0; i <= 40; i++) {
        snprintf(json, sizeof(json), "{\"n\":%d}", i);
        assert_string_equal(f->agent.notes[i].payload, json);
    }
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.reconnects, 1);
    assert_int_equal(link.dropped_events, 0);
}

/* Runs in a child process until it is killed. */
static void run_agent_for_ever(int port)
{
    struct rig rig;
    struct peer agent;

    rig_init(&rig);
    peer_init(&agent, port);
    peer_start(&agent, &rig, "lapsed-a", AVAILABILITY, 0); /* 0: the will comes without delay */
    loop_run(rig.loop);
    _exit(1);
}

static void an_agent_that_is_killed_is_offline(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();

    if (child == 0)
        run_agent_for_ever(f->port);
    start_observer(f, "t/#");
    RIG_WAIT(&f->rig, peer_has(&f->other, AVAILABILITY, "online"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    RIG_WAIT(&f->rig, peer_has(&f->other, AVAILABILITY, "offline"));
}

static void an_agent_that_stops_is_offline(void **state)
{
    struct fixture *f = *state;
    int64_t asked_at_ms;

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    start_observer(f, "t/#");
    RIG_WAIT(&f->rig, peer_has(&f->other, AVAILABILITY, "online"));
    mqtt_publish_event(f->agent.client, "t/v1/a/event", "{\"last\":true}");
    asked_at_ms = clock_mono_ms();
    peer_stop(&f->agent, &f->rig);
    assert_true(clock_mono_ms() - asked_at_ms <
                1500); /* by its acknowledgement, not by the timer */
    RIG_WAIT(&f->rig, peer_has(&f->other, AVAILABILITY, "offline"));
    assert_string_equal(f->other.notes[f->other.note_count - 2].topic, "t/v1/a/event");
    peer_init(&f->agent, f->port);
}

static void stopping_without_a_broker_ends_at_once(void **state)
{
    struct fixture *f = *state;
    int64_t asked_at_ms = clock_mono_ms();

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.downs == 1);
    peer_stop(&f->agent, &f->rig);
    assert_true(clock_mono_ms() - asked_at_ms < 1500);
    peer_init(&f->agent, f->port);
}

static void a_retained_command_is_seen_to_be_one(void **state)
{
    struct fixture *f = *state;

    start_observer(f, "nothing");
    set_text(&f->other, "t/v1/a/cmd/old", "PRESS");
    mqtt_publish_command(f->other.client, "done", "x", NULL, 0);
    mqtt_subscribe(f->other.client, "done", false);
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    set_text(&f->other, "t/v1/a/cmd/live", "PRESS");
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/good", "PRESS", NULL, 0);
    RIG_WAIT(&f->rig, peer_note(&f->agent, "t/v1/a/cmd/good"));
    assert_null(peer_note(&f->agent, "t/v1/a/cmd/old"));            /* Retain Handling 2 */
    assert_true(peer_note(&f->agent, "t/v1/a/cmd/live")->retained); /* Retain As Published */
    assert_false(peer_note(&f->agent, "t/v1/a/cmd/good")->retained);
}

static void on_3_1_1_a_command_retained_before_is_seen_to_be_one(void **state)
{
    struct fixture *f = *state;
    struct mqtt_link link;

    start_observer(f, "t/v1/a/cmd/+");
    set_text(&f->other, "t/v1/a/cmd/old", "PRESS");
    RIG_WAIT(&f->rig, peer_note(&f->other, "t/v1/a/cmd/old"));
    f->agent.settings.protocol = 2;
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, peer_note(&f->agent, "t/v1/a/cmd/old"));
    assert_true(peer_note(&f->agent, "t/v1/a/cmd/old")->retained);
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.protocol, 4);
}

static void retained_values_of_before_come_to_those_who_want_them(void **state)
{
    struct fixture *f = *state;

    start_agent(f);
    set_text(&f->agent, "t/v1/a/one", "1");
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    mqtt_subscribe(f->agent.client, "t/v1/a/one", false); /* hears it when it is live */
    set_text(&f->agent, "t/v1/a/one", "2");
    RIG_WAIT(&f->rig, peer_has(&f->agent, "t/v1/a/one", "2"));
    start_observer(f, "t/v1/a/one");
    RIG_WAIT(&f->rig, peer_has(&f->other, "t/v1/a/one", "2"));
    assert_true(peer_note(&f->other, "t/v1/a/one")->retained);
}

static void a_forgotten_topic_is_gone_at_the_broker_too(void **state)
{
    struct fixture *f = *state;

    start_observer(f, "t/#");
    start_agent(f);
    set_text(&f->agent, "t/v1/a/one", "1");
    RIG_WAIT(&f->rig, peer_has(&f->other, "t/v1/a/one", "1"));
    mqtt_forget_retained(f->agent.client, "t/v1/a/one");
    RIG_WAIT(&f->rig, peer_has(&f->other, "t/v1/a/one", ""));
    peer_stop(&f->other, &f->rig);
    peer_init(&f->other, f->port);
    start_observer(f, "t/#");
    RIG_WAIT(&f->rig, peer_note(&f->other, AVAILABILITY));
    assert_null(peer_note(&f->other, "t/v1/a/one"));
}

static void a_payload_of_200_kb_is_not_delivered_to_us(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *large = xcalloc(1, 200001);

    memset(large, 'x', 200000);
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    start_observer(f, "nothing");
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/large", large, NULL, 0);
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/small", "x", NULL, 0);
    RIG_WAIT(&f->rig, peer_note(&f->agent, "t/v1/a/cmd/small"));
    assert_null(peer_note(&f->agent, "t/v1/a/cmd/large"));
    assert_int_equal(f->agent.downs, 0);
}

static void a_reply_carries_the_correlation_data_to_the_response_topic(void **state)
{
    struct fixture *f = *state;
    static const uint8_t correlation[] = {0, 200, 7};
    const struct note *note;

    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/cmd/+", false);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    start_observer(f, "t/reply/1");
    mqtt_publish_command(f->other.client, "t/v1/a/cmd/x", "{}", "t/reply/1", 30);
    RIG_WAIT(&f->rig, f->agent.note_count == 1);
    note = &f->agent.notes[0];
    assert_string_equal(note->response_topic, "t/reply/1");
    mqtt_publish_reply(f->agent.client, note->response_topic, "{\"ok\":true}", correlation,
                       sizeof(correlation));
    RIG_WAIT(&f->rig, f->other.note_count == 1);
    note = &f->other.notes[0];
    assert_string_equal(note->payload, "{\"ok\":true}");
    assert_int_equal(note->correlation_len, sizeof(correlation));
    assert_memory_equal(note->correlation, correlation, sizeof(correlation));
    assert_null(note->response_topic);
}

/* mosquitto 2.0.11 does not say why it closes the older connection. */
static void another_agent_with_our_id_is_a_problem(void **state)
{
    struct fixture *f = *state;

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    peer_start(&f->other, &f->rig, "lapsed-a", NULL, 60);
    RIG_WAIT(&f->rig, f->agent.problems > 0 || f->other.problems > 0);
    assert_non_null(strstr(f->agent.problems > 0 ? f->agent.problem.text : f->other.problem.text,
                           "another agent uses this id"));
}

static void a_client_may_be_freed_from_its_own_callback(void **state)
{
    struct fixture *f = *state;

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    mqtt_client_free(TAKE(f->agent.client));
    loop_run_once(f->rig.loop);
}

static void free_on_up(struct peer *peer)
{
    mqtt_client_free(TAKE(peer->client));
}

static void a_client_freed_in_on_up_calls_nobody_any_more(void **state)
{
    struct fixture *f = *state;

    f->agent.on_up = free_on_up;
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    loop_run_once(f->rig.loop);
    assert_int_equal(f->agent.downs, 0);
}

static void a_jpeg_is_retained_for_those_who_come_later(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *image = xcalloc(1, 50000);

    memset(image, 0xd8, 50000);
    start_agent(f);
    mqtt_publish_retained(f->agent.client, "t/v1/a/image/c/last", MQTT_JPEG, image, 50000);
    mqtt_publish_retained(f->agent.client, "t/v1/a/image/c/last/meta", MQTT_JSON, "{}", 2);
    start_observer(f, "t/v1/a/image/#");
    RIG_WAIT(&f->rig, peer_note(&f->other, "t/v1/a/image/c/last/meta"));
    assert_int_equal(peer_note(&f->other, "t/v1/a/image/c/last")->len, 50000);
}

static void what_the_acl_forbids_is_said_once_for_each_topic(void **state)
{
    struct fixture *f = *state;

    broker_free(f->broker);
    f->broker = broker_new(f->port, "allow_anonymous true\nacl_file %dir/acl");
    broker_write_file(f->broker, "acl", "topic readwrite t/v1/a/good\ntopic write t/v1/a/event\n");
    broker_start(f->broker);
    start_agent(f);
    mqtt_subscribe(f->agent.client, "t/v1/a/good", false);
    for (int i = 0; i < 3; i++) {
        mqtt_publish_event(f->agent.client, "t/v1/a/bad", "{}");
        mqtt_publish_event(f->agent.client, "t/v1/a/event", "{}");
    }
    mqtt_publish_event(f->agent.client, "t/v1/a/good", "{}");
    RIG_WAIT(&f->rig, f->agent.note_count == 1); /* so all before it has been answered */
    RIG_WAIT(&f->rig, f->agent.problems == 2);
    assert_non_null(strstr(f->agent.problem.text, "broker ACL forbids t/v1/a/bad"));
    assert_int_equal(f->agent.downs, 0);
}

static void a_login_that_is_refused_is_a_problem_and_shows_no_password(void **state)
{
    struct fixture *f = *state;

    broker_free(f->broker);
    f->broker = broker_new(f->port, "allow_anonymous false\npassword_file %dir/passwords");
    broker_write_file(f->broker, "passwords", "");
    broker_start(f->broker);
    f->agent.settings.user = xstrdup("pi01");
    f->agent.settings.password = xstrdup("hunter2");
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.problems == 1);
    assert_int_equal(f->agent.downs, 1);
    assert_non_null(strstr(f->agent.problem.text, "pi01"));
    assert_non_null(strstr(f->agent.problem.text, "not authorised"));
    assert_null(strstr(f->agent.problem.text, "hunter2"));
}

/* --- to things of others --- */

struct sent {
    int results[8];
    size_t count;
};

static void on_sent(int result, const struct error *err, void *user)
{
    struct sent *sent = user;

    (void)err;
    sent->results[sent->count++] = result;
}

static int send_lamp(struct fixture *f, const char *payload, bool retained, struct sent *sent)
{
    const struct mqtt_outside_message message = {
        .topic = "lamp/set", .payload = payload, .qos = 1, .retained = retained};
    struct error err;

    return mqtt_send_now(f->agent.client, &message, on_sent, sent, &err);
}

static void a_message_to_a_lamp_is_confirmed_by_the_broker(void **state)
{
    struct fixture *f = *state;
    struct sent sent = {0};

    start_observer(f, "lamp/#");
    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    assert_int_equal(send_lamp(f, "ON", false, &sent), 0);
    assert_int_equal(send_lamp(f, "OFF", true, &sent), 0);
    assert_int_equal(sent.count, 0);
    RIG_WAIT(&f->rig, sent.count == 2);
    assert_int_equal(sent.results[0], 0);
    assert_int_equal(sent.results[1], 0);
    RIG_WAIT(&f->rig, peer_has(&f->other, "lamp/set", "OFF"));
    assert_int_equal(f->other.note_count, 2);
    mqtt_subscribe(f->agent.client, "lamp/#", true);
    RIG_WAIT(&f->rig, peer_has(&f->agent, "lamp/set", "OFF")); /* kept; "ON" was not */
}

static void a_lamp_that_does_not_listen_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct sent sent = {0};

    start_agent(f);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    assert_int_equal(send_lamp(f, "ON", false, &sent), 0);
    RIG_WAIT(&f->rig, sent.count == 1);
    assert_int_equal(sent.results[0], -ENOLINK);
}

static void a_message_to_a_lamp_is_not_sent_on_a_later_link(void **state)
{
    struct fixture *f = *state;
    struct sent sent = {0}, forgotten = {0};

    start_observer(f, "lamp/#");
    assert_int_equal(f->agent.ups, 0);
    start_agent(f);
    assert_int_equal(send_lamp(f, "early", false, &sent), -ENOTCONN);
    RIG_WAIT(&f->rig, f->agent.ups == 1);
    broker_signal(f->broker, SIGSTOP);
    assert_int_equal(send_lamp(f, "lost", false, &sent), 0);
    assert_int_equal(send_lamp(f, "lost, too", false, &forgotten), 0);
    mqtt_forget_sender(f->agent.client, &forgotten);
    broker_kill(f->broker);
    RIG_WAIT(&f->rig, sent.count == 1);
    assert_int_equal(sent.results[0], -ENOTCONN);
    broker_start(f->broker);
    RIG_WAIT(&f->rig, f->agent.ups == 2 && f->other.ups == 2);
    assert_int_equal(send_lamp(f, "ON", false, &sent), 0);
    RIG_WAIT(&f->rig, peer_has(&f->other, "lamp/set", "ON"));
    assert_int_equal(f->other.note_count, 1);
    assert_int_equal(forgotten.count, 0);
}

#define STOPPED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STARTED(name) cmocka_unit_test_setup_teardown(name, setup_started, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: it forks, which is best done before any thread was started */
        STARTED(an_agent_that_is_killed_is_offline),
        STOPPED(a_broker_that_starts_late_is_found),
        STARTED(online_is_said_after_everything_else),
        STARTED(after_the_broker_lost_everything_nothing_is_missing_and_no_event_comes_twice),
        STARTED(an_agent_that_stops_is_offline),
        STOPPED(stopping_without_a_broker_ends_at_once),
        STARTED(a_retained_command_is_seen_to_be_one),
        STARTED(on_3_1_1_a_command_retained_before_is_seen_to_be_one),
        STARTED(retained_values_of_before_come_to_those_who_want_them),
        STARTED(a_forgotten_topic_is_gone_at_the_broker_too),
        STARTED(a_payload_of_200_kb_is_not_delivered_to_us),
        STARTED(a_reply_carries_the_correlation_data_to_the_response_topic),
        STARTED(another_agent_with_our_id_is_a_problem),
        STARTED(a_client_may_be_freed_from_its_own_callback),
        STARTED(a_client_freed_in_on_up_calls_nobody_any_more),
        STARTED(a_jpeg_is_retained_for_those_who_come_later),
        STARTED(a_message_to_a_lamp_is_confirmed_by_the_broker),
        STARTED(a_lamp_that_does_not_listen_is_noticed),
        STARTED(a_message_to_a_lamp_is_not_sent_on_a_later_link),
        STOPPED(what_the_acl_forbids_is_said_once_for_each_topic),
        STOPPED(a_login_that_is_refused_is_a_problem_and_shows_no_password),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
