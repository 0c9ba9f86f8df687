/* SPDX-License-Identifier: MIT */
/* outbox: everything that we want the broker to have and that it has not confirmed yet. Pure.
 *
 * Two kinds wait in one line: retained topics, of which only the last value counts, and events, all
 * of which count, in order. At most a window of them is in flight; what was in flight when the link
 * broke is in front of the line again. No library queue stands behind this one. */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include "mqtt/client.h"

enum {
    OUTBOX_WINDOW = 10,                    /* messages in flight */
    OUTBOX_WINDOW_BYTES = 512 * 1024,      /* in flight, unless it is a single one */
    OUTBOX_EVENTS_BYTES = 4 * 1024 * 1024, /* of all events together */
    OUTBOX_ROOM_EVENTS = 64,
    OUTBOX_ROOM_BYTES = 256 * 1024,
    OUTBOX_EXPIRY_S = 24 * 60 * 60, /* of retained JSON and JPEG */
};

struct outbox_message {
    const char *topic;
    const void *payload;
    size_t len;
    enum mqtt_content content;
    bool retained;
    int qos;
    int64_t expiry_s;           /* 0 = none */
    const char *response_topic; /* NULL = none */
    const void *correlation;    /* NULL = none */
    size_t correlation_len;
    uint64_t ticket; /* of an event: for outbox_gone_fn; 0 = nobody waits for it */
    /* Not 0: it goes on this link or never; the owner waits for its end under this number. */
    uint64_t receipt;
    bool keep; /* no value of ours, but the broker is to keep it as one */
};

struct outbox;
/* An event with a ticket was confirmed, or given up. */
typedef void (*outbox_gone_fn)(uint64_t ticket, void *user);

/* last_topic: the retained topic that goes after all others on each link (availability); NULL =
 * none.
 */
struct outbox *outbox_new(size_t max_events, const char *last_topic) MUST_CHECK;
void outbox_free(struct outbox *outbox);
void outbox_on_gone(struct outbox *outbox, outbox_gone_fn on_gone, void *user);

/* The value already there is not sent again. Empty: clears the topic at the broker, then forgets
 * it. */
void outbox_set_retained(struct outbox *outbox, const char *topic, enum mqtt_content content,
                         const void *payload, size_t len);
/* Copies everything; the oldest waiting event goes when there are too many. */
void outbox_add_event(struct outbox *outbox, const struct outbox_message *message);
/* Whether it is worth adding events that can wait elsewhere. */
bool outbox_has_room(const struct outbox *outbox);
/* Drops the oldest event that waits, and counts it; false: none does. */
bool outbox_drop_event(struct outbox *outbox);
/* Retained values that expire at the broker wait to be sent anew. */
void outbox_refresh(struct outbox *outbox);

/* A new connection: all retained topics wait, in the order of their first publication, last_topic
 * after them, then the events. window: what the broker takes at once, 0 = no limit of its own. */
void outbox_link_up(struct outbox *outbox, int window);
/* What has a receipt is gone. */
void outbox_link_down(struct outbox *outbox);

/* The next message to hand over; NULL: nothing waits, or the window is full, or the link is down.
 */
const struct outbox_message *outbox_next(const struct outbox *outbox);
/* The message of outbox_next() was handed over, and mid will be in its acknowledgement. */
void outbox_handed_over(struct outbox *outbox, int mid);
/* The message of outbox_next() can never be sent on this link: an event goes, a retained value
 * waits for the next link. */
void outbox_skip(struct outbox *outbox);
/* Topic of what is in flight under mid, NULL when nothing is; then outbox_acked(). */
const char *outbox_topic_of(const struct outbox *outbox, int mid);
void outbox_acked(struct outbox *outbox, int mid);
/* Receipt of what is in flight under mid; 0 = none. */
uint64_t outbox_receipt_of(const struct outbox *outbox, int mid);

bool outbox_idle(const struct outbox *outbox); /* nothing waits, nothing is in flight */
size_t outbox_event_count(const struct outbox *outbox);
int64_t outbox_dropped_events(const struct outbox *outbox);

#endif
