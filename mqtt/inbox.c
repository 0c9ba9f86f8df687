/* SPDX-License-Identifier: MIT */
/* inbox: one allocation per event, so that a message and its properties live and go together.
 *
 * Only messages are bounded: the other events are answers to what we asked ourselves (the window of
 * the outbox bounds them), and a DOWN that nobody has heard yet is replaced by the next one. The
 * newest message is the one that is dropped: a command that was accepted first is done first. */
#include "mqtt/inbox.h"

#include "agent/base/mem.h"

#include <string.h>

void inbox_init(struct inbox *inbox, struct wake *wake, size_t max_messages)
{
    *inbox = (struct inbox){
        .wake = wake,
        .max_messages = max_messages ? max_messages : INBOX_MAX_MESSAGES,
        .max_bytes = MAX(max_messages * INBOX_MESSAGE_BYTES, (size_t)INBOX_MAX_BYTES),
    };
    pthread_mutex_init(&inbox->lock, NULL);
    list_init(&inbox->events);
}

void inbox_event_free(struct inbox_event *event)
{
    if (!event)
        return;
    free_p(&event->why);
    free_p(&event);
}

static void free_all(struct inbox *inbox)
{
    struct inbox_event *event;

    LIST_FOR_EACH(&inbox->events, event, struct inbox_event, link)
    {
        list_remove(&event->link);
        inbox_event_free(event);
    }
}

void inbox_done(struct inbox *inbox)
{
    free_all(inbox);
    pthread_mutex_destroy(&inbox->lock);
}

void inbox_close(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->wake = NULL;
    free_all(inbox);
    pthread_mutex_unlock(&inbox->lock);
}

struct inbox_event *inbox_event_new(enum inbox_kind kind, unsigned connection, size_t data_len)
{
    struct inbox_event *event = xcalloc(1, sizeof(*event) + data_len);

    list_init(&event->link);
    event->kind = kind;
    event->connection = connection;
    return event;
}

static void replace_unheard_down(struct inbox *inbox, const struct inbox_event *event)
{
    struct inbox_event *last;

    if (event->kind != INBOX_DOWN || list_empty(&inbox->events))
        return;
    last = CONTAINER_OF(inbox->events.prev, struct inbox_event, link);
    if (last->kind != INBOX_DOWN)
        return;
    list_remove(&last->link);
    inbox_event_free(last);
}

/* The wake is sent under the lock, or inbox_close() could return while it is being used. */
void inbox_push(struct inbox *inbox, struct inbox_event *event)
{
    pthread_mutex_lock(&inbox->lock);
    if (inbox->wake) {
        replace_unheard_down(inbox, event);
        list_append(&inbox->events, &event->link);
        event = NULL;
        wake_send(inbox->wake);
    }
    pthread_mutex_unlock(&inbox->lock);
    inbox_event_free(event);
}

static size_t message_size(const struct mqtt_message *message)
{
    return strlen(message->topic) + 1 + message->len + 1 +
           (message->response_topic ? strlen(message->response_topic) + 1 : 0) +
           message->correlation_len;
}

/* Only the pump adds, so what is reserved here is still free when the event is pushed. */
static bool reserve(struct inbox *inbox, size_t size)
{
    bool fits;

    pthread_mutex_lock(&inbox->lock);
    fits = inbox->messages < inbox->max_messages && inbox->message_bytes + size <= inbox->max_bytes;
    if (fits) {
        inbox->messages++;
        inbox->message_bytes += size;
    } else {
        inbox->dropped_messages++;
    }
    pthread_mutex_unlock(&inbox->lock);
    return fits;
}

/* Copies len bytes and a NUL to *at and moves it on. */
static const uint8_t *put(uint8_t **at, const void *data, size_t len)
{
    uint8_t *start = *at;

    if (len)
        memcpy(start, data, len);
    start[len] = '\0';
    *at = start + len + 1;
    return start;
}

void inbox_push_message(struct inbox *inbox, unsigned connection,
                        const struct mqtt_message *message)
{
    size_t size = message_size(message);
    struct inbox_event *event;
    uint8_t *at;

    if (!reserve(inbox, size))
        return;
    event = inbox_event_new(INBOX_MESSAGE, connection, size + 1);
    at = event->data;
    event->message = *message;
    event->message.topic = (const char *)put(&at, message->topic, strlen(message->topic));
    event->message.payload = put(&at, message->payload, message->len);
    if (message->response_topic)
        event->message.response_topic =
            (const char *)put(&at, message->response_topic, strlen(message->response_topic));
    if (message->correlation)
        event->message.correlation = put(&at, message->correlation, message->correlation_len);
    inbox_push(inbox, event);
}

struct inbox_event *inbox_take(struct inbox *inbox)
{
    struct inbox_event *event;

    pthread_mutex_lock(&inbox->lock);
    event = LIST_FIRST(&inbox->events, struct inbox_event, link);
    if (event)
        list_remove(&event->link);
    if (event && event->kind == INBOX_MESSAGE) {
        inbox->messages--;
        inbox->message_bytes -= message_size(&event->message);
    }
    pthread_mutex_unlock(&inbox->lock);
    return event;
}

int64_t inbox_dropped_messages(struct inbox *inbox)
{
    int64_t dropped;

    pthread_mutex_lock(&inbox->lock);
    dropped = inbox->dropped_messages;
    pthread_mutex_unlock(&inbox->lock);
    return dropped;
}
