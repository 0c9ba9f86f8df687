/* SPDX-License-Identifier: MIT */
/* inbox: what the pump thread has to tell the loop thread. A queue with a lock; it never blocks the
 * pump, and what strangers send is bounded in number and bytes before it is copied. */
#ifndef MQTT_INBOX_H
#define MQTT_INBOX_H

#include "agent/base/list.h"
#include "mqtt/client.h"

#include <pthread.h>

/* Unless the owner wants more: whoever watches a fleet gets all retained topics in one burst. */
enum { INBOX_MAX_MESSAGES = 64, INBOX_MAX_BYTES = 1024 * 1024, INBOX_MESSAGE_BYTES = 4096 };

enum inbox_kind {
    INBOX_UP,      /* the broker accepted us */
    INBOX_DOWN,    /* the connection ended, or the attempt failed */
    INBOX_MESSAGE, /* a message came */
    INBOX_ACK,     /* PUBACK; for QoS 0: it was written */
    INBOX_SUBACK,
};

/* What the broker said about itself when it accepted us. */
struct inbox_limits {
    int protocol;             /* 5 or 4 */
    int window;               /* its Receive Maximum; 0 = none */
    int64_t max_packet_bytes; /* 0 = none */
    bool no_retain;           /* it keeps no retained messages */
};

struct inbox_event {
    struct list link;
    enum inbox_kind kind;
    unsigned connection;         /* which attempt this is about */
    struct inbox_limits limits;  /* UP */
    struct error *why;           /* DOWN; owned */
    bool must_act;               /* DOWN: a person must do something */
    struct mqtt_message message; /* MESSAGE; points into data */
    int mid;                     /* ACK, SUBACK */
    int reason;                  /* ACK: MQTT 5 reason code, 0 = success */
    size_t code_count;           /* SUBACK; the codes stand in data */
    uint8_t data[];
};

struct inbox {
    pthread_mutex_t lock;
    struct list events;
    size_t messages, message_bytes; /* of the MESSAGE events in the queue */
    size_t max_messages, max_bytes;
    int64_t dropped_messages;
    struct wake *wake; /* NULL once closed */
};

/* max_messages 0: the usual. */
void inbox_init(struct inbox *inbox, struct wake *wake, size_t max_messages);
void inbox_done(struct inbox *inbox);
/* Nobody listens any more: what is there goes, what comes is dropped, wake is not touched again. */
void inbox_close(struct inbox *inbox);

/* --- pump thread --- */
struct inbox_event *inbox_event_new(enum inbox_kind kind, unsigned connection,
                                    size_t data_len) MUST_CHECK;
/* Takes ownership. */
void inbox_push(struct inbox *inbox, struct inbox_event *event);
/* Copies the message, or drops and counts it when the queue is full. */
void inbox_push_message(struct inbox *inbox, unsigned connection,
                        const struct mqtt_message *message);

/* --- loop thread --- */
/* The oldest event, the caller's from now on; NULL when there is none. */
struct inbox_event *inbox_take(struct inbox *inbox) MUST_CHECK;
void inbox_event_free(struct inbox_event *event);
int64_t inbox_dropped_messages(struct inbox *inbox);

#endif
