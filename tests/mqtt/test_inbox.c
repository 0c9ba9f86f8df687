/* SPDX-License-Identifier: MIT */
#include "agent/base/loop.h"
#include "agent/base/mem.h"
#include "mqtt/inbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct wake *wake;
    struct inbox inbox;
};

static void on_wake(void *user)
{
    (void)user;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->wake = wake_new(f->loop, on_wake, f);
    inbox_init(&f->inbox, f->wake, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    inbox_done(&f->inbox);
    wake_free(f->wake);
    loop_free(f->loop);
    free_p(&f);
    return 0;
}

static void push(struct inbox *inbox, const void *payload, size_t len)
{
    const struct mqtt_message message = {.topic = "t", .payload = payload, .len = len};

    inbox_push_message(inbox, 1, &message);
}

static size_t take_all(struct inbox *inbox)
{
    struct inbox_event *event;
    size_t count = 0;

    while ((event = inbox_take(inbox))) {
        inbox_event_free(event);
        count++;
    }
    return count;
}

static void a_message_arrives_whole_with_its_properties(void **state)
{
    struct fixture *f = *state;
    static const uint8_t correlation[] = {0, 1, 0, 255};
    const struct mqtt_message message = {
        .topic = "a/b",
        .payload = (const uint8_t *)"p\0q",
        .len = 3,
        .retained = true,
        .response_topic = "r",
        .correlation = correlation,
        .correlation_len = sizeof(correlation),
    };
    struct inbox_event *event;

    inbox_push_message(&f->inbox, 7, &message);
    event = inbox_take(&f->inbox);
    assert_int_equal(event->connection, 7);
    assert_string_equal(event->message.topic, "a/b");
    assert_ptr_not_equal(event->message.topic, message.topic);
    assert_int_equal(event->message.len, 3);
    assert_memory_equal(event->message.payload, "p\0q", 4);
    assert_true(event->message.retained);
    assert_string_equal(event->message.response_topic, "r");
    assert_int_equal(event->message.correlation_len, 4);
    assert_memory_equal(event->message.correlation, correlation, 4);
    inbox_event_free(event);
    assert_null(inbox_take(&f->inbox));
}

static void the_newest_messages_are_dropped_and_counted_when_64_wait(void **state)
{
    struct fixture *f = *state;
    struct inbox_event *first;

    for (uint8_t i = 0; i < 70; i++)
        push(&f->inbox, &i, 1);
    assert_int_equal(inbox_dropped_messages(&f->inbox), 6);
    first = inbox_take(&f->inbox);
    assert_int_equal(first->message.payload[0], 0);
    inbox_event_free(first);
    assert_int_equal(take_all(&f->inbox), 63);
    push(&f->inbox, "x", 1);
    assert_int_equal(take_all(&f->inbox), 1);
}

/* A fleet's retained topics come in one burst. */
static void whoever_wants_more_than_64_gets_them(void **state)
{
    struct fixture *f = *state;

    inbox_done(&f->inbox);
    inbox_init(&f->inbox, f->wake, 4096);
    for (int i = 0; i < 4100; i++)
        push(&f->inbox, "x", 1);
    assert_int_equal(inbox_dropped_messages(&f->inbox), 4);
    assert_int_equal(take_all(&f->inbox), 4096);
}

static void messages_are_bounded_in_bytes_too(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *large = xcalloc(1, 400000);

    for (int i = 0; i < 5; i++)
        push(&f->inbox, large, 400000);
    assert_int_equal(inbox_dropped_messages(&f->inbox), 3);
    assert_int_equal(take_all(&f->inbox), 2);
    push(&f->inbox, large, 400000);
    assert_int_equal(take_all(&f->inbox), 1);
}

static void a_flood_of_messages_does_not_push_out_acknowledgements(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 100; i++)
        push(&f->inbox, "x", 1);
    inbox_push(&f->inbox, inbox_event_new(INBOX_ACK, 1, 0));
    assert_int_equal(take_all(&f->inbox), INBOX_MAX_MESSAGES + 1);
}

static void an_end_that_nobody_heard_is_replaced_by_the_next(void **state)
{
    struct fixture *f = *state;
    struct inbox_event *event;

    for (int i = 1; i <= 3; i++) {
        event = inbox_event_new(INBOX_DOWN, (unsigned)i, 0);
        event->why = xcalloc(1, sizeof(*event->why));
        inbox_push(&f->inbox, event);
    }
    event = inbox_take(&f->inbox);
    assert_int_equal(event->connection, 3);
    inbox_event_free(event);
    assert_null(inbox_take(&f->inbox));
}

static void a_closed_inbox_keeps_nothing(void **state)
{
    struct fixture *f = *state;

    push(&f->inbox, "x", 1);
    inbox_close(&f->inbox);
    push(&f->inbox, "y", 1);
    assert_null(inbox_take(&f->inbox));
}

#define INBOX_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INBOX_TEST(a_message_arrives_whole_with_its_properties),
        INBOX_TEST(the_newest_messages_are_dropped_and_counted_when_64_wait),
        INBOX_TEST(whoever_wants_more_than_64_gets_them),
        INBOX_TEST(messages_are_bounded_in_bytes_too),
        INBOX_TEST(a_flood_of_messages_does_not_push_out_acknowledgements),
        INBOX_TEST(an_end_that_nobody_heard_is_replaced_by_the_next),
        INBOX_TEST(a_closed_inbox_keeps_nothing),
    };

    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
