/* SPDX-License-Identifier: MIT */
/* outbox: why the order is as it is.
 *
 * A retained topic that changes while it waits keeps its place, so that a topic that changes every
 * second cannot be pushed back for ever. Only the last topic (availability) goes to the end, for
 * "online" says that everything before it is there, and "offline" that nothing follows.
 *
 * Nothing is remembered of a retained topic in flight but its place in the window: when the link
 * breaks, the whole set is sent again, because the next broker may have forgotten all of it. */
#include "mqtt/outbox.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <string.h>

struct item {
    struct list waiting;           /* in outbox.waiting, or alone */
    struct list member;            /* of outbox.retained; alone for an event */
    struct outbox_message message; /* owns what it points to */
    bool is_last;
    int in_flight;
};

struct flight {
    int mid;
    size_t bytes;
    struct item *item;
};

struct outbox {
    struct list waiting;
    struct list retained;
    char *last_topic;
    struct flight flights[OUTBOX_WINDOW]; /* oldest first */
    size_t flight_count;
    size_t flight_bytes;
    size_t window; /* 0 = the link is down */
    size_t max_events;
    size_t event_count; /* waiting and in flight */
    size_t event_bytes;
    int64_t dropped_events;
    outbox_gone_fn on_gone; /* NULL = none */
    void *gone_user;
};

static void *copy_bytes(const void *data, size_t len)
{
    return data && len ? xmemdup(data, len) : NULL;
}

static struct item *item_new(const struct outbox_message *message)
{
    struct item *item = xcalloc(1, sizeof(*item));

    list_init(&item->waiting);
    list_init(&item->member);
    item->message = *message;
    item->message.topic = xstrdup(message->topic);
    item->message.payload = copy_bytes(message->payload, message->len);
    item->message.correlation = copy_bytes(message->correlation, message->correlation_len);
    item->message.response_topic =
        message->response_topic ? xstrdup(message->response_topic) : NULL;
    return item;
}

static void item_free(struct item *item)
{
    if (!item)
        return;
    list_remove(&item->waiting);
    list_remove(&item->member);
    free_p(&item->message.topic);
    free_p(&item->message.payload);
    free_p(&item->message.correlation);
    free_p(&item->message.response_topic);
    free_p(&item);
}

static size_t item_bytes(const struct item *item)
{
    return item->message.len + item->message.correlation_len + strlen(item->message.topic);
}

struct outbox *outbox_new(size_t max_events, const char *last_topic)
{
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));

    list_init(&outbox->waiting);
    list_init(&outbox->retained);
    outbox->max_events = max_events;
    replace_str(&outbox->last_topic, last_topic);
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    struct item *item;

    if (!outbox)
        return;
    outbox_link_down(outbox);
    LIST_FOR_EACH(&outbox->waiting, item, struct item, waiting)
    item_free(item);
    LIST_FOR_EACH(&outbox->retained, item, struct item, member)
    item_free(item);
    free_p(&outbox->last_topic);
    free_p(&outbox);
}

void outbox_on_gone(struct outbox *outbox, outbox_gone_fn on_gone, void *user)
{
    outbox->on_gone = on_gone;
    outbox->gone_user = user;
}

static bool is_waiting(const struct item *item)
{
    return !list_empty(&item->waiting);
}

/* --- retained topics --- */

static struct item *find_retained(struct outbox *outbox, const char *topic)
{
    struct item *item;

    LIST_FOR_EACH(&outbox->retained, item, struct item, member)
    if (str_equal(item->message.topic, topic))
        return item;
    return NULL;
}

static bool same_value(const struct outbox_message *message, const void *payload, size_t len)
{
    return message->len == len && (len == 0 || memcmp(message->payload, payload, len) == 0);
}

static struct item *add_retained(struct outbox *outbox, const char *topic)
{
    const struct outbox_message empty = {.topic = topic, .retained = true};
    struct item *item = item_new(&empty);

    item->is_last = str_equal(topic, outbox->last_topic);
    list_append(&outbox->retained, &item->member);
    return item;
}

static bool keeps_for_ever(enum mqtt_content content)
{
    return content == MQTT_TEXT || content == MQTT_CONFIG;
}

/* Once the broker has it there is nothing left to do on a later link. */
static bool is_sent_once(const struct outbox_message *message)
{
    return message->len == 0 || message->content == MQTT_CONFIG;
}

void outbox_set_retained(struct outbox *outbox, const char *topic, enum mqtt_content content,
                         const void *payload, size_t len)
{
    struct item *item = find_retained(outbox, topic);

    if (item && same_value(&item->message, payload, len))
        return;
    if (!item)
        item = add_retained(outbox, topic);
    free_p(&item->message.payload);
    item->message.payload = copy_bytes(payload, len);
    item->message.len = len;
    item->message.content = content;
    item->message.qos = content == MQTT_JPEG ? 0 : 1;
    item->message.expiry_s = keeps_for_ever(content) || len == 0 ? 0 : OUTBOX_EXPIRY_S;
    if (item->is_last)
        list_remove(&item->waiting);
    if (!is_waiting(item))
        list_append(&outbox->waiting, &item->waiting);
}

void outbox_refresh(struct outbox *outbox)
{
    struct item *item;

    LIST_FOR_EACH(&outbox->retained, item, struct item, member)
    if (item->message.expiry_s > 0 && !is_waiting(item))
        list_append(&outbox->waiting, &item->waiting);
}

/* --- events --- */

static void forget_event(struct outbox *outbox, struct item *item)
{
    uint64_t ticket = item->message.ticket;

    outbox->event_count--;
    outbox->event_bytes -= item_bytes(item);
    item_free(item);
    if (ticket && outbox->on_gone)
        outbox->on_gone(ticket, outbox->gone_user);
}

bool outbox_has_room(const struct outbox *outbox)
{
    return outbox->event_count < OUTBOX_ROOM_EVENTS && outbox->event_bytes < OUTBOX_ROOM_BYTES;
}

/* Those in flight are not dropped, the broker may have them already. */
bool outbox_drop_event(struct outbox *outbox)
{
    struct item *item;

    LIST_FOR_EACH(&outbox->waiting, item, struct item, waiting)
    if (!item->message.retained && !item->message.receipt) {
        outbox->dropped_events++;
        forget_event(outbox, item);
        return true;
    }
    return false;
}

void outbox_add_event(struct outbox *outbox, const struct outbox_message *message)
{
    struct item *item = item_new(message);

    outbox->event_count++;
    outbox->event_bytes += item_bytes(item);
    list_append(&outbox->waiting, &item->waiting);
    while (outbox->event_count > outbox->max_events || outbox->event_bytes > OUTBOX_EVENTS_BYTES)
        if (!outbox_drop_event(outbox))
            break;
}

/* --- the link --- */

void outbox_link_up(struct outbox *outbox, int window)
{
    struct list set;
    struct item *item;

    list_init(&set);
    LIST_FOR_EACH(&outbox->retained, item, struct item, member)
    {
        list_remove(&item->waiting);
        if (!item->is_last)
            list_append(&set, &item->waiting);
    }
    LIST_FOR_EACH(&outbox->retained, item, struct item, member)
    if (item->is_last)
        list_append(&set, &item->waiting);
    while (!list_empty(&set)) {
        struct list *last = set.prev;

        list_remove(last);
        list_prepend(&outbox->waiting, last);
    }
    outbox->window = window > 0 ? MIN((size_t)window, (size_t)OUTBOX_WINDOW) : OUTBOX_WINDOW;
}

static void forget_those_of_this_link(struct outbox *outbox)
{
    struct item *item;

    LIST_FOR_EACH(&outbox->waiting, item, struct item, waiting)
    if (item->message.receipt)
        forget_event(outbox, item);
}

void outbox_link_down(struct outbox *outbox)
{
    outbox->window = 0;
    while (outbox->flight_count > 0) {
        struct item *item = outbox->flights[--outbox->flight_count].item;

        item->in_flight--;
        if (!is_waiting(item))
            list_prepend(&outbox->waiting, &item->waiting);
    }
    outbox->flight_bytes = 0;
    forget_those_of_this_link(outbox);
}

const struct outbox_message *outbox_next(const struct outbox *outbox)
{
    const struct item *item;

    if (outbox->flight_count >= outbox->window || list_empty(&outbox->waiting))
        return NULL;
    item = CONTAINER_OF(outbox->waiting.next, struct item, waiting);
    if (outbox->flight_count > 0 && outbox->flight_bytes + item_bytes(item) > OUTBOX_WINDOW_BYTES)
        return NULL;
    return &item->message;
}

static struct item *take_first(struct outbox *outbox)
{
    struct item *item = CONTAINER_OF(outbox->waiting.next, struct item, waiting);

    assert(!list_empty(&outbox->waiting));
    list_remove(&item->waiting);
    return item;
}

void outbox_handed_over(struct outbox *outbox, int mid)
{
    struct item *item = take_first(outbox);
    struct flight *flight = &outbox->flights[outbox->flight_count++];

    item->in_flight++;
    *flight = (struct flight){.mid = mid, .bytes = item_bytes(item), .item = item};
    outbox->flight_bytes += flight->bytes;
}

void outbox_skip(struct outbox *outbox)
{
    struct item *item = take_first(outbox);

    if (!item->message.retained) {
        forget_event(outbox, item);
        outbox->dropped_events++;
    }
}

static const struct flight *find_flight(const struct outbox *outbox, int mid)
{
    for (size_t i = 0; i < outbox->flight_count; i++)
        if (outbox->flights[i].mid == mid)
            return &outbox->flights[i];
    return NULL;
}

const char *outbox_topic_of(const struct outbox *outbox, int mid)
{
    const struct flight *flight = find_flight(outbox, mid);

    return flight ? flight->item->message.topic : NULL;
}

uint64_t outbox_receipt_of(const struct outbox *outbox, int mid)
{
    const struct flight *flight = find_flight(outbox, mid);

    return flight ? flight->item->message.receipt : 0;
}

void outbox_acked(struct outbox *outbox, int mid)
{
    const struct flight *flight = find_flight(outbox, mid);
    struct item *item;
    size_t at;

    if (!flight)
        return;
    at = (size_t)(flight - outbox->flights);
    item = flight->item;
    outbox->flight_bytes -= flight->bytes;
    outbox->flight_count--;
    memmove(&outbox->flights[at], &outbox->flights[at + 1],
            (outbox->flight_count - at) * sizeof(outbox->flights[0]));
    item->in_flight--;
    if (!item->message.retained)
        forget_event(outbox, item);
    else if (is_sent_once(&item->message) && item->in_flight == 0 && !is_waiting(item))
        item_free(item);
}

bool outbox_idle(const struct outbox *outbox)
{
    return outbox->flight_count == 0 && list_empty(&outbox->waiting);
}

int64_t outbox_dropped_events(const struct outbox *outbox)
{
    return outbox->dropped_events;
}

size_t outbox_event_count(const struct outbox *outbox)
{
    return outbox->event_count;
}
