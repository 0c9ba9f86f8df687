/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "mqtt/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = outbox_new(1000, "avail");
    return 0;
}

static int teardown(void **state)
{
    outbox_free(*state);
    return 0;
}

static void set(struct outbox *outbox, const char *topic, const char *value)
{
    outbox_set_retained(outbox, topic, MQTT_JSON, value, strlen(value));
}

static void add(struct outbox *outbox, const char *payload)
{
    const struct outbox_message message = {
        .topic = "event", .payload = payload, .len = strlen(payload), .qos = 1};

    outbox_add_event(outbox, &message);
}

/* Hands over the next message, which must be this one. */
static void expect(struct outbox *outbox, const char *topic, const char *payload, int mid)
{
    const struct outbox_message *message = outbox_next(outbox);

    assert_non_null(message);
    assert_string_equal(message->topic, topic);
    assert_int_equal(message->len, strlen(payload));
    if (message->len)
        assert_memory_equal(message->payload, payload, message->len);
    outbox_handed_over(outbox, mid);
}

static void expect_acked(struct outbox *outbox, const char *topic, const char *payload, int mid)
{
    expect(outbox, topic, payload, mid);
    assert_string_equal(outbox_topic_of(outbox, mid), topic);
    outbox_acked(outbox, mid);
    assert_null(outbox_topic_of(outbox, mid));
}

static void nothing_is_handed_over_while_the_link_is_down(void **state)
{
    set(*state, "a", "1");
    add(*state, "e");
    assert_null(outbox_next(*state));
    outbox_link_up(*state, 0);
    assert_non_null(outbox_next(*state));
    outbox_link_down(*state);
    assert_null(outbox_next(*state));
    assert_false(outbox_idle(*state));
}

static void a_link_starts_with_all_retained_then_availability_then_events(void **state)
{
    add(*state, "e1");
    set(*state, "a", "1");
    set(*state, "avail", "online");
    add(*state, "e2");
    set(*state, "b", "2");
    for (int link = 0; link < 2; link++) {
        outbox_link_up(*state, 0);
        expect_acked(*state, "a", "1", 1);
        expect_acked(*state, "b", "2", 2);
        expect_acked(*state, "avail", "online", 3);
        if (link == 0) {
            expect_acked(*state, "event", "e1", 4);
            expect_acked(*state, "event", "e2", 5);
        }
        assert_true(outbox_idle(*state));
        outbox_link_down(*state);
    }
}

static void only_the_last_value_of_a_retained_topic_is_sent(void **state)
{
    set(*state, "a", "1");
    set(*state, "a", "2");
    outbox_link_up(*state, 0);
    expect_acked(*state, "a", "2", 1);
    assert_true(outbox_idle(*state));
}

static void a_value_already_sent_is_not_sent_again(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "1");
    expect_acked(*state, "a", "1", 1);
    set(*state, "a", "1");
    assert_null(outbox_next(*state));
    set(*state, "a", "2");
    expect_acked(*state, "a", "2", 2);
}

static void a_value_that_changes_in_flight_is_sent_again_and_not_lost(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "1");
    expect(*state, "a", "1", 1);
    set(*state, "a", "2");
    expect(*state, "a", "2", 2);
    outbox_acked(*state, 1);
    outbox_acked(*state, 2);
    assert_true(outbox_idle(*state));
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    expect_acked(*state, "a", "2", 3);
}

static void a_retained_topic_that_changes_while_waiting_keeps_its_place(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "1");
    add(*state, "e");
    set(*state, "a", "2");
    expect_acked(*state, "a", "2", 1);
    expect_acked(*state, "event", "e", 2);
}

static void availability_goes_behind_what_waits(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "avail", "online");
    add(*state, "e");
    set(*state, "avail", "offline");
    expect_acked(*state, "event", "e", 1);
    expect_acked(*state, "avail", "offline", 2);
    assert_true(outbox_idle(*state));
}

static void an_empty_value_clears_the_topic_and_is_then_forgotten(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "1");
    expect_acked(*state, "a", "1", 1);
    set(*state, "a", "");
    expect(*state, "a", "", 2);
    /* not acknowledged: the broker may not have heard it */
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    expect_acked(*state, "a", "", 3);
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    assert_true(outbox_idle(*state));
    /* of a topic that was never ours in this run, too */
    set(*state, "old", "");
    expect_acked(*state, "old", "", 4);
}

static void a_cleared_topic_that_comes_back_before_the_ack_stays(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "");
    expect(*state, "a", "", 1);
    set(*state, "a", "new");
    outbox_acked(*state, 1);
    expect_acked(*state, "a", "new", 2);
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    expect_acked(*state, "a", "new", 3);
}

static void at_most_ten_are_in_flight_and_fewer_when_the_broker_says_so(void **state)
{
    char text[16];

    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), "%d", i);
        add(*state, text);
    }
    outbox_link_up(*state, 100);
    for (int i = 0; i < OUTBOX_WINDOW; i++) {
        snprintf(text, sizeof(text), "%d", i);
        expect(*state, "event", text, i + 1);
    }
    assert_null(outbox_next(*state));
    outbox_acked(*state, 5);
    expect(*state, "event", "10", 11);
    assert_null(outbox_next(*state));
    outbox_link_down(*state);
    outbox_link_up(*state, 2);
    expect(*state, "event", "0", 1);
    expect(*state, "event", "1", 2);
    assert_null(outbox_next(*state));
}

static void what_was_in_flight_comes_first_and_in_order_on_the_next_link(void **state)
{
    outbox_link_up(*state, 0);
    add(*state, "e1");
    add(*state, "e2");
    add(*state, "e3");
    expect(*state, "event", "e1", 1);
    expect(*state, "event", "e2", 2);
    expect(*state, "event", "e3", 3);
    outbox_acked(*state, 2);
    outbox_link_down(*state);
    add(*state, "e4");
    outbox_link_up(*state, 0);
    expect_acked(*state, "event", "e1", 1);
    expect_acked(*state, "event", "e3", 2);
    expect_acked(*state, "event", "e4", 3);
    assert_true(outbox_idle(*state));
}

static void the_oldest_events_go_when_there_are_too_many(void **state)
{
    struct outbox *outbox = outbox_new(3, NULL);

    (void)state;
    add(outbox, "e1");
    set(outbox, "a", "1");
    add(outbox, "e2");
    add(outbox, "e3");
    add(outbox, "e4");
    assert_int_equal(outbox_dropped_events(outbox), 1);
    outbox_link_up(outbox, 0);
    expect_acked(outbox, "a", "1", 1);
    expect(outbox, "event", "e2", 2);
    expect(outbox, "event", "e3", 3);
    expect(outbox, "event", "e4", 4);
    /* those in flight may be at the broker already: they are not counted out */
    add(outbox, "e5");
    assert_int_equal(outbox_dropped_events(outbox), 2);
    outbox_free(outbox);
}

static void events_are_bounded_in_bytes_too(void **state)
{
    static char large[1024 * 1024 + 1];

    memset(large, 'x', sizeof(large) - 1);
    for (int i = 0; i < 10; i++)
        add(*state, large);
    assert_int_equal(outbox_dropped_events(*state), 7); /* the topic counts as well: 3 fit */
}

static void a_large_image_is_alone_in_flight(void **state)
{
    static char image[OUTBOX_WINDOW_BYTES + 1];

    outbox_link_up(*state, 0);
    outbox_set_retained(*state, "i1", MQTT_JPEG, image, sizeof(image));
    outbox_set_retained(*state, "i2", MQTT_JPEG, image, sizeof(image));
    assert_int_equal(outbox_next(*state)->qos, 0);
    outbox_handed_over(*state, 1);
    assert_null(outbox_next(*state));
    outbox_acked(*state, 1);
    assert_string_equal(outbox_next(*state)->topic, "i2");
}

static void what_cannot_be_sent_does_not_block_the_rest(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "a", "too large");
    add(*state, "too large");
    add(*state, "e");
    outbox_skip(*state);
    outbox_skip(*state);
    expect_acked(*state, "event", "e", 1);
    assert_true(outbox_idle(*state));
    assert_int_equal(outbox_dropped_events(*state), 1);
    /* another broker may take it */
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    expect_acked(*state, "a", "too large", 1);
}

static void values_that_expire_at_the_broker_are_refreshed(void **state)
{
    outbox_link_up(*state, 0);
    set(*state, "json", "{}");
    outbox_set_retained(*state, "text", MQTT_TEXT, "idle", 4);
    assert_int_equal(outbox_next(*state)->expiry_s, OUTBOX_EXPIRY_S);
    expect_acked(*state, "json", "{}", 1);
    assert_int_equal(outbox_next(*state)->expiry_s, 0);
    expect_acked(*state, "text", "idle", 2);
    outbox_refresh(*state);
    expect_acked(*state, "json", "{}", 3);
    assert_true(outbox_idle(*state));
}

static void what_the_broker_keeps_for_ever_is_sent_once_and_not_on_the_next_link(void **state)
{
    outbox_link_up(*state, 0);
    outbox_set_retained(*state, "config", MQTT_CONFIG, "{}", 2);
    assert_int_equal(outbox_next(*state)->expiry_s, 0);
    assert_true(outbox_next(*state)->retained);
    expect(*state, "config", "{}", 1);
    outbox_link_down(*state); /* not acknowledged: it may be lost */
    outbox_link_up(*state, 0);
    expect_acked(*state, "config", "{}", 2);
    outbox_link_down(*state);
    outbox_link_up(*state, 0);
    assert_true(outbox_idle(*state));
    outbox_set_retained(*state, "config", MQTT_CONFIG, "{}", 2);
    expect_acked(*state, "config", "{}", 3);
    outbox_set_retained(*state, "config", MQTT_TEXT, NULL, 0);
    expect_acked(*state, "config", "", 4);
}

static void add_for_this_link(struct outbox *outbox, const char *payload, uint64_t receipt)
{
    const struct outbox_message message = {
        .topic = "lamp", .payload = payload, .len = strlen(payload), .qos = 1, .receipt = receipt};

    outbox_add_event(outbox, &message);
}

static void what_is_for_this_link_is_never_sent_on_another(void **state)
{
    outbox_link_up(*state, 0);
    add_for_this_link(*state, "on", 7);
    add_for_this_link(*state, "off", 8);
    add(*state, "e");
    expect(*state, "lamp", "on", 1);
    assert_int_equal(outbox_receipt_of(*state, 1), 7);
    assert_int_equal(outbox_receipt_of(*state, 2), 0);
    outbox_link_down(*state);
    assert_int_equal(outbox_event_count(*state), 1);
    outbox_link_up(*state, 0);
    expect_acked(*state, "event", "e", 3);
    assert_true(outbox_idle(*state));
}

static void what_somebody_waits_for_does_not_give_way_to_events(void **state)
{
    outbox_link_up(*state, 0);
    add_for_this_link(*state, "off", 1);
    for (int i = 0; i < 1100; i++)
        add(*state, "e");
    expect_acked(*state, "lamp", "off", 1);
    assert_true(outbox_dropped_events(*state) > 0);
}

static void an_unknown_acknowledgement_is_harmless(void **state)
{
    outbox_link_up(*state, 0);
    add(*state, "e");
    expect(*state, "event", "e", 7);
    outbox_acked(*state, 8);
    assert_false(outbox_idle(*state));
    outbox_acked(*state, 7);
    outbox_acked(*state, 7);
    assert_true(outbox_idle(*state));
}

#define OUTBOX_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(nothing_is_handed_over_while_the_link_is_down),
        OUTBOX_TEST(a_link_starts_with_all_retained_then_availability_then_events),
        OUTBOX_TEST(only_the_last_value_of_a_retained_topic_is_sent),
        OUTBOX_TEST(a_value_already_sent_is_not_sent_again),
        OUTBOX_TEST(a_value_that_changes_in_flight_is_sent_again_and_not_lost),
        OUTBOX_TEST(a_retained_topic_that_changes_while_waiting_keeps_its_place),
        OUTBOX_TEST(availability_goes_behind_what_waits),
        OUTBOX_TEST(an_empty_value_clears_the_topic_and_is_then_forgotten),
        OUTBOX_TEST(a_cleared_topic_that_comes_back_before_the_ack_stays),
        OUTBOX_TEST(at_most_ten_are_in_flight_and_fewer_when_the_broker_says_so),
        OUTBOX_TEST(what_was_in_flight_comes_first_and_in_order_on_the_next_link),
        OUTBOX_TEST(the_oldest_events_go_when_there_are_too_many),
        OUTBOX_TEST(events_are_bounded_in_bytes_too),
        OUTBOX_TEST(a_large_image_is_alone_in_flight),
        OUTBOX_TEST(what_cannot_be_sent_does_not_block_the_rest),
        OUTBOX_TEST(values_that_expire_at_the_broker_are_refreshed),
        OUTBOX_TEST(what_is_for_this_link_is_never_sent_on_another),
        OUTBOX_TEST(what_somebody_waits_for_does_not_give_way_to_events),
        OUTBOX_TEST(what_the_broker_keeps_for_ever_is_sent_once_and_not_on_the_next_link),
        OUTBOX_TEST(an_unknown_acknowledgement_is_harmless),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
