/* SPDX-License-Identifier: MIT */
/* client: the loop side of the link: subscriptions, the order of a connection, the end.
 *
 * The pump says "accepted", we subscribe; when every SUBACK is there the link is up: first on_up
 * (the agent may still change what it says), then the outbox, availability last. Handing over
 * happens here and nowhere else, after every event from the pump and after every publish.
 *
 * Callbacks come from on_wake() and the stop timer only, never from inside a call. The caller may
 * free the client from any of them: then it is only marked dead, and goes when on_wake() is done.
 */
#include "mqtt/client.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/connection.h"
#include "mqtt/outbox.h"
#include "mqtt/pump.h"
#include "mqtt/spool.h"
#include "mqtt/topic.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    STOP_TIMEOUT_MS = 2000,
    REFRESH_MS = OUTBOX_EXPIRY_S / 2 * 1000, /* before the broker forgets what has not changed */
    MAX_PROBLEMS = 64,
};

enum stage { STAGE_RUNNING, STAGE_DRAINING, STAGE_CLOSING, STAGE_STOPPED };

struct subscription {
    struct list link;
    char *filter;
    bool with_retained;
    int mid;      /* of the SUBSCRIBE that is not answered yet; 0 = none */
    size_t index; /* in that packet */
};

/* Somebody waits to hear what became of a message. */
struct receipt {
    struct list link;
    uint64_t number;
    mqtt_sent_fn done; /* NULL: not any more */
    void *user;
    bool over;
    struct error err; /* code 0: the broker has it */
};

struct mqtt_client {
    struct pump_config pump_config;
    char *client_id, *availability_topic;
    struct mqtt_callbacks callbacks;
    void *user;
    bool busy; /* on_wake() runs */
    bool dead; /* freed by its owner meanwhile */

    struct pump *pump;
    struct wake *wake;
    struct outbox *outbox;
    size_t max_events;
    struct spool *spool;    /* NULL: none */
    int64_t refused_events; /* by the spool, and those that it had to drop */
    struct list subscriptions;
    struct list receipts;
    uint64_t last_receipt;
    struct timer *refresh;
    struct mqtt_link link;
    unsigned connection; /* accepted by the broker; 0 = none */
    unsigned connections;
    int window;
    char last_down[sizeof(((struct error *)NULL)->text)];
    struct error *problems[MAX_PROBLEMS]; /* each once */
    size_t problem_count, problems_told;

    enum stage stage;
    struct timer *stop_timer;
    mqtt_stopped_fn stopped;
    void *stopped_user;
};

static void flush(struct mqtt_client *client);
static void on_wake(void *user);
static void on_refresh(void *user);
static void on_stop_timer(void *user);

/* --- the spool --- */

static void note_problem(struct mqtt_client *client, const struct error *err);

static void on_event_gone(uint64_t ticket, void *user)
{
    struct mqtt_client *client = user;

    spool_done(client->spool, ticket);
}

static void on_spool_ready(void *user)
{
    flush(user);
}

static void on_spool_problem(const struct error *problem, void *user)
{
    note_problem(user, problem);
}

static void open_spool(struct mqtt_client *client, struct loop *loop, const char *dir)
{
    static const struct spool_callbacks callbacks = {
        .on_ready = on_spool_ready,
        .on_problem = on_spool_problem,
    };

    if (!dir)
        return;
    client->spool = spool_new(loop, dir, &callbacks, client);
    outbox_on_gone(client->outbox, on_event_gone, client);
}

static bool take_spooled(struct mqtt_client *client, struct outbox_message *ret_message)
{
    struct spool_record record;

    *ret_message = (struct outbox_message){.content = MQTT_JSON, .qos = 1};
    if (!spool_take(client->spool, &record, &ret_message->ticket))
        return false;
    ret_message->topic = record.topic;
    ret_message->payload = record.payload;
    ret_message->len = record.len;
    return true;
}

/* What waits on disk comes into the line; not any more when the line is to end. */
static void take_from_spool(struct mqtt_client *client)
{
    struct outbox_message message;

    while (client->spool && client->stage == STAGE_RUNNING && outbox_has_room(client->outbox) &&
           take_spooled(client, &message))
        outbox_add_event(client->outbox, &message);
}

static void drop_oldest_event(struct mqtt_client *client)
{
    struct outbox_message message;

    if (outbox_drop_event(client->outbox) || !take_spooled(client, &message))
        return;
    client->refused_events++;
    spool_done(client->spool, message.ticket);
}

static void spool_event(struct mqtt_client *client, const char *topic, const char *json)
{
    const struct spool_record record = {
        .topic = topic, .payload = (const uint8_t *)json, .len = strlen(json)};

    if (spool_count(client->spool) >= client->max_events ||
        spool_bytes(client->spool) >= SPOOL_MAX_BYTES)
        drop_oldest_event(client);
    if (!spool_add(client->spool, &record))
        client->refused_events++;
    flush(client);
}

struct mqtt_client *mqtt_client_new(struct loop *loop, const struct mqtt_client_config *config,
                                    const struct mqtt_callbacks *callbacks, void *user)
{
    struct mqtt_client *client = xcalloc(1, sizeof(*client));

    client->callbacks = *callbacks;
    client->user = user;
    replace_str(&client->client_id, config->client_id);
    replace_str(&client->availability_topic, config->availability_topic);
    client->pump_config = (struct pump_config){
        .settings = config->settings,
        .client_id = client->client_id,
        .will_topic = client->availability_topic,
        .session_expiry_s = config->session_expiry_s,
        .inbox_max_messages = config->inbox_max_messages,
        .resume_session = config->resume_session,
        .answer_timeout_ms = config->answer_timeout_ms,
    };
    list_init(&client->subscriptions);
    list_init(&client->receipts);
    client->max_events = (size_t)config->settings->max_events;
    client->outbox = outbox_new(client->max_events, client->availability_topic);
    client->refresh = timer_new(loop, on_refresh, client);
    client->stop_timer = timer_new(loop, on_stop_timer, client);
    client->wake = wake_new(loop, on_wake, client);
    open_spool(client, loop, config->spool_dir);
    return client;
}

int mqtt_client_start(struct mqtt_client *client, struct error *err)
{
    assert(!client->pump);
    timer_start_repeat(client->refresh, REFRESH_MS);
    return pump_start(&client->pump_config, client->wake, &client->pump, err);
}

static void subscription_free(struct subscription *subscription)
{
    list_remove(&subscription->link);
    free_p(&subscription->filter);
    free_p(&subscription);
}

static void receipt_free(struct receipt *receipt)
{
    list_remove(&receipt->link);
    free_p(&receipt);
}

static void destroy(struct mqtt_client *client)
{
    struct subscription *subscription;
    struct receipt *receipt;

    pump_free(client->pump);
    wake_free(client->wake);
    timer_free(client->stop_timer);
    timer_free(client->refresh);
    outbox_on_gone(client->outbox, NULL, NULL); /* what is not confirmed stays in the spool */
    outbox_free(client->outbox);
    spool_free(client->spool);
    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    subscription_free(subscription);
    LIST_FOR_EACH(&client->receipts, receipt, struct receipt, link)
    receipt_free(receipt);
    for (size_t i = 0; i < client->problem_count; i++)
        free_p(&client->problems[i]);
    free_p(&client->client_id);
    free_p(&client->availability_topic);
    free_p(&client);
}

void mqtt_client_free(struct mqtt_client *client)
{
    if (!client)
        return;
    client->dead = true;
    if (!client->busy)
        destroy(client);
}

/* --- saying what is wrong --- */

/* Notes what on_problem is to be called for, once per text; the list is bounded, for topics may
 * come from strangers. */
static void note_problem(struct mqtt_client *client, const struct error *err)
{
    for (size_t i = 0; i < client->problem_count; i++)
        if (str_equal(client->problems[i]->text, err->text))
            return;
    if (client->problem_count == MAX_PROBLEMS)
        return;
    client->problems[client->problem_count++] = xmemdup(err, sizeof(*err));
    wake_send(client->wake);
}

/* --- what became of messages to others --- */

/* Told from on_wake(), never from inside a call. */
static void end_receipt(struct mqtt_client *client, uint64_t number, const struct error *err)
{
    struct receipt *receipt;

    LIST_FOR_EACH(&client->receipts, receipt, struct receipt, link)
    {
        if (receipt->number != number || receipt->over)
            continue;
        receipt->over = true;
        if (err)
            receipt->err = *err;
        wake_send(client->wake);
    }
}

static void end_all_receipts(struct mqtt_client *client)
{
    struct receipt *receipt;
    struct error err;

    error_set(&err, -ENOTCONN, "the connection to the broker broke");
    LIST_FOR_EACH(&client->receipts, receipt, struct receipt, link)
    end_receipt(client, receipt->number, &err);
}

static struct receipt *find_ended(struct mqtt_client *client)
{
    struct receipt *receipt;

    LIST_FOR_EACH(&client->receipts, receipt, struct receipt, link)
    if (receipt->over)
        return receipt;
    return NULL;
}

static void tell_receipts(struct mqtt_client *client)
{
    struct receipt *receipt;

    while (!client->dead && (receipt = find_ended(client)) != NULL) {
        struct receipt told = *receipt;

        receipt_free(receipt);
        if (told.done)
            told.done(told.err.code, &told.err, told.user);
    }
}

void mqtt_forget_sender(struct mqtt_client *client, const void *user)
{
    struct receipt *receipt;

    LIST_FOR_EACH(&client->receipts, receipt, struct receipt, link)
    if (receipt->user == user)
        receipt->done = NULL;
}

/* --- subscriptions --- */

static struct subscription *find_subscription(struct mqtt_client *client, const char *filter)
{
    struct subscription *subscription;

    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    if (str_equal(subscription->filter, filter))
        return subscription;
    return NULL;
}

/* -ENOTCONN: the pump is about to tell us that the link is down. Else 0. */
static int note_unless_gone(struct mqtt_client *client, const struct error *err)
{
    if (err->code == -ENOTCONN)
        return err->code;
    note_problem(client, err);
    return 0;
}

/* One packet for all filters of one kind. -ENOTCONN. */
static int subscribe_all(struct mqtt_client *client, bool with_retained)
{
    CLEANUP(free_p) char **filters = NULL;
    struct subscription *subscription;
    size_t count = 0, total = 0;
    struct error err;
    int mid;

    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    total++;
    filters = xcalloc(total + 1, sizeof(*filters));
    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    if (subscription->with_retained == with_retained) {
        subscription->index = count;
        filters[count++] = subscription->filter;
    }
    if (count == 0)
        return 0;
    if (pump_subscribe(client->pump, client->connection, filters, count, with_retained, &mid,
                       &err) < 0)
        return note_unless_gone(client, &err);
    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    if (subscription->with_retained == with_retained)
        subscription->mid = mid;
    return 0;
}

static void subscribe_one(struct mqtt_client *client, struct subscription *subscription)
{
    struct error err;

    subscription->index = 0;
    if (pump_subscribe(client->pump, client->connection, &subscription->filter, 1,
                       subscription->with_retained, &subscription->mid, &err) < 0)
        (void)note_unless_gone(client, &err);
}

void mqtt_subscribe(struct mqtt_client *client, const char *filter, bool with_retained)
{
    struct subscription *subscription = find_subscription(client, filter);
    struct error err;

    if (subscription && subscription->with_retained == with_retained)
        return;
    if (!topic_filter_valid(filter)) { /* one bad filter would spoil the packet of all */
        error_set(&err, -EINVAL, "not a filter that one can subscribe to: %s", filter);
        note_problem(client, &err);
        return;
    }
    if (!subscription) {
        subscription = xcalloc(1, sizeof(*subscription));
        subscription->filter = xstrdup(filter);
        list_append(&client->subscriptions, &subscription->link);
    }
    subscription->with_retained = with_retained;
    if (client->connection)
        subscribe_one(client, subscription);
}

void mqtt_unsubscribe(struct mqtt_client *client, const char *filter)
{
    struct subscription *subscription = find_subscription(client, filter);

    if (!subscription)
        return;
    if (client->connection)
        pump_unsubscribe(client->pump, client->connection, filter);
    subscription_free(subscription);
}

static bool all_subscribed(const struct mqtt_client *client)
{
    struct subscription *subscription;

    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    if (subscription->mid != 0)
        return false;
    return true;
}

/* --- up and down --- */

static void go_up(struct mqtt_client *client)
{
    client->link.up = true;
    client->last_down[0] = '\0';
    if (client->callbacks.on_up)
        client->callbacks.on_up(client->user);
    if (client->dead)
        return;
    if (client->availability_topic && client->stage == STAGE_RUNNING)
        outbox_set_retained(client->outbox, client->availability_topic, MQTT_TEXT, "online",
                            strlen("online"));
    outbox_link_up(client->outbox, client->window);
}

static void on_accepted(struct mqtt_client *client, const struct inbox_event *event)
{
    struct error err;

    if (client->stage != STAGE_RUNNING)
        return;
    client->connection = event->connection;
    client->link.protocol = event->limits.protocol;
    client->link.max_packet_bytes = event->limits.max_packet_bytes;
    client->link.reconnects = client->connections++;
    client->window = event->limits.window;
    if (event->limits.no_retain) {
        error_set(&err, -EOPNOTSUPP,
                  "the broker keeps no retained messages: our state will be "
                  "missing for whoever comes later");
        note_problem(client, &err);
    }
    if (subscribe_all(client, false) == 0 && subscribe_all(client, true) == 0 &&
        all_subscribed(client))
        go_up(client);
}

static void finish(struct mqtt_client *client)
{
    if (client->stage == STAGE_STOPPED)
        return;
    client->stage = STAGE_STOPPED;
    timer_stop(client->stop_timer);
    client->stopped(client->stopped_user);
}

static void forget_connection(struct mqtt_client *client)
{
    struct subscription *subscription;

    client->connection = 0;
    client->link.up = false;
    outbox_link_down(client->outbox);
    end_all_receipts(client);
    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    subscription->mid = 0;
}

static void on_ended(struct mqtt_client *client, const struct inbox_event *event)
{
    bool news = client->link.up || !str_equal(client->last_down, event->why->text);

    forget_connection(client);
    if (client->stage != STAGE_RUNNING) {
        finish(client);
        return;
    }
    memcpy(client->last_down, event->why->text, sizeof(client->last_down));
    if (event->must_act)
        note_problem(client, event->why);
    if (news && client->callbacks.on_down)
        client->callbacks.on_down(event->why, client->user);
}

static void on_suback(struct mqtt_client *client, const struct inbox_event *event)
{
    struct subscription *subscription;

    LIST_FOR_EACH(&client->subscriptions, subscription, struct subscription, link)
    {
        uint8_t code;
        struct error err;

        if (subscription->mid != event->mid)
            continue;
        subscription->mid = 0;
        code = subscription->index < event->code_count ? event->data[subscription->index]
                                                       : REASON_REFUSED;
        if (code < REASON_REFUSED)
            continue;
        error_set(&err, -EACCES, "the broker refused the subscription to %s: %s",
                  subscription->filter, connection_reason_text(code));
        note_problem(client, &err);
    }
    if (!client->link.up && all_subscribed(client))
        go_up(client);
}

static void on_ack(struct mqtt_client *client, const struct inbox_event *event)
{
    const char *topic = outbox_topic_of(client->outbox, event->mid);
    uint64_t receipt = outbox_receipt_of(client->outbox, event->mid);
    struct error err = {0};

    if (topic && event->reason >= REASON_REFUSED) {
        if (event->reason == REASON_NOT_AUTHORISED)
            error_set(&err, -EACCES, "broker ACL forbids %s", topic);
        else
            error_set(&err, -EIO, "the broker refused %s: %s", topic,
                      connection_reason_text(event->reason));
        note_problem(client, &err);
    } else if (event->reason == REASON_NOBODY_LISTENS) {
        error_set(&err, -ENOLINK, "nobody on the broker listens to %s", topic ? topic : "it");
    }
    end_receipt(client, receipt, &err);
    outbox_acked(client->outbox, event->mid);
}

static void handle_event(struct mqtt_client *client, const struct inbox_event *event)
{
    if (event->kind == INBOX_UP) {
        on_accepted(client, event);
        return;
    }
    if (event->kind == INBOX_DOWN) {
        on_ended(client, event);
        return;
    }
    if (event->connection != client->connection)
        return;
    if (event->kind == INBOX_ACK)
        on_ack(client, event);
    else if (event->kind == INBOX_SUBACK)
        on_suback(client, event);
    else if (client->stage == STAGE_RUNNING && client->callbacks.on_message)
        client->callbacks.on_message(&event->message, client->user);
}

static void tell_problems(struct mqtt_client *client)
{
    while (!client->dead && client->problems_told < client->problem_count) {
        const struct error *err = client->problems[client->problems_told++];

        if (client->callbacks.on_problem)
            client->callbacks.on_problem(err, client->user);
    }
}

static void on_wake(void *user)
{
    struct mqtt_client *client = user;
    struct inbox_event *event;

    client->busy = true;
    while (!client->dead && client->pump && (event = inbox_take(pump_inbox(client->pump)))) {
        handle_event(client, event);
        inbox_event_free(event);
        if (!client->dead)
            flush(client);
    }
    tell_receipts(client);
    tell_problems(client);
    client->busy = false;
    if (client->dead)
        destroy(client);
}

/* --- publishing --- */

static void flush(struct mqtt_client *client)
{
    const struct outbox_message *message;
    struct error err;
    int mid;

    take_from_spool(client);
    if (!client->link.up)
        return;
    while ((message = outbox_next(client->outbox))) {
        int rc = pump_publish(client->pump, client->connection, message, &mid, &err);

        if (rc == -ENOTCONN)
            return; /* the pump is about to tell us */
        if (rc == 0) {
            outbox_handed_over(client->outbox, mid);
        } else {
            note_problem(client, &err);
            end_receipt(client, message->receipt, &err);
            outbox_skip(client->outbox);
        }
    }
    if (client->stage == STAGE_DRAINING && outbox_idle(client->outbox)) {
        client->stage = STAGE_CLOSING;
        pump_close(client->pump);
    }
}

void mqtt_publish_retained(struct mqtt_client *client, const char *topic, enum mqtt_content content,
                           const void *payload, size_t len)
{
    if (client->stage != STAGE_RUNNING)
        return;
    outbox_set_retained(client->outbox, topic, content, payload, len);
    flush(client);
}

static void publish_event(struct mqtt_client *client, const struct outbox_message *message)
{
    if (client->stage != STAGE_RUNNING)
        return;
    outbox_add_event(client->outbox, message);
    flush(client);
}

void mqtt_publish_event(struct mqtt_client *client, const char *topic, const char *json)
{
    if (!client->spool)
        mqtt_publish_reply(client, topic, json, NULL, 0);
    else if (client->stage == STAGE_RUNNING)
        spool_event(client, topic, json);
}

void mqtt_publish_reply(struct mqtt_client *client, const char *topic, const char *json,
                        const uint8_t *correlation, size_t correlation_len)
{
    const struct outbox_message message = {
        .topic = topic,
        .payload = json,
        .len = strlen(json),
        .content = MQTT_JSON,
        .qos = 1,
        .correlation = correlation,
        .correlation_len = correlation_len,
    };

    assert(correlation_len <= UINT16_MAX);
    publish_event(client, &message);
}

void mqtt_publish_command(struct mqtt_client *client, const char *topic, const char *payload,
                          const char *response_topic, int64_t expiry_s)
{
    const struct outbox_message message = {
        .topic = topic,
        .payload = payload,
        .len = strlen(payload),
        .content = MQTT_TEXT,
        .qos = 1,
        .expiry_s = expiry_s,
        .response_topic = response_topic,
    };

    publish_event(client, &message);
}

int mqtt_send_now(struct mqtt_client *client, const struct mqtt_outside_message *message,
                  mqtt_sent_fn done, void *user, struct error *err)
{
    struct receipt *receipt;

    if (!client->link.up || client->stage != STAGE_RUNNING)
        return error_set(err, -ENOTCONN, "there is no connection to the broker");
    receipt = xcalloc(1, sizeof(*receipt));
    receipt->number = ++client->last_receipt;
    receipt->done = done;
    receipt->user = user;
    list_append(&client->receipts, &receipt->link);
    publish_event(client, &(struct outbox_message){.topic = message->topic,
                                                   .payload = message->payload,
                                                   .len = strlen(message->payload),
                                                   .content = MQTT_TEXT,
                                                   .qos = message->qos,
                                                   .keep = message->retained,
                                                   .receipt = receipt->number});
    return 0;
}

void mqtt_forget_retained(struct mqtt_client *client, const char *topic)
{
    mqtt_publish_retained(client, topic, MQTT_TEXT, NULL, 0);
}

static void on_refresh(void *user)
{
    struct mqtt_client *client = user;

    outbox_refresh(client->outbox);
    flush(client);
}

/* --- the end --- */

void mqtt_client_stop(struct mqtt_client *client, mqtt_stopped_fn done, void *user)
{
    assert(client->stage == STAGE_RUNNING);
    client->stage = STAGE_DRAINING;
    client->stopped = done;
    client->stopped_user = user;
    timer_start(client->stop_timer, client->link.up ? STOP_TIMEOUT_MS : 0);
    if (!client->link.up) {
        if (client->pump)
            pump_close(client->pump);
        return;
    }
    if (client->availability_topic)
        outbox_set_retained(client->outbox, client->availability_topic, MQTT_TEXT, "offline",
                            strlen("offline"));
    flush(client);
}

/* Over time: the connection just breaks when the client is freed, and the will says "offline". */
static void on_stop_timer(void *user)
{
    struct mqtt_client *client = user;

    forget_connection(client);
    finish(client);
}

void mqtt_client_link(const struct mqtt_client *client, struct mqtt_link *ret_link)
{
    *ret_link = client->link;
    ret_link->dropped_events = outbox_dropped_events(client->outbox) + client->refused_events;
    if (client->spool)
        ret_link->dropped_events += (int64_t)spool_lost(client->spool);
    ret_link->waiting_events =
        (int64_t)(client->spool ? spool_count(client->spool) : outbox_event_count(client->outbox));
    ret_link->dropped_messages =
        client->pump ? inbox_dropped_messages(pump_inbox(client->pump)) : 0;
}
