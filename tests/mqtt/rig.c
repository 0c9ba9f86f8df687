/* SPDX-License-Identifier: MIT */
#include "tests/mqtt/rig.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* libmosquitto 2.0.11 unlocks a mutex that it does not hold when the broker sends DISCONNECT
 * (do_client_disconnect(), called from handle__disconnect()); the handle is destroyed right after.
 */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "mutex:libmosquitto.so";
}

static void on_tick(void *user)
{
    (void)user;
}

void rig_init(struct rig *rig)
{
    if (loop_new(&rig->loop, NULL) < 0)
        abort();
    rig->tick = timer_new(rig->loop, on_tick, rig);
    timer_start_repeat(rig->tick, 50);
}

void rig_done(struct rig *rig)
{
    timer_free(rig->tick);
    loop_free(rig->loop);
}

static void on_up(void *user)
{
    struct peer *peer = user;

    peer->ups++;
    if (peer->on_up)
        peer->on_up(peer);
}

static void on_down(const struct error *why, void *user)
{
    struct peer *peer = user;

    peer->downs++;
    peer->down = *why;
}

static void on_problem(const struct error *problem, void *user)
{
    struct peer *peer = user;

    peer->problems++;
    peer->problem = *problem;
}

static void on_message(const struct mqtt_message *message, void *user)
{
    struct peer *peer = user;
    struct note *note = &peer->notes[peer->note_count];

    if (peer->note_count == NOTE_MAX)
        fail_msg("more messages than a test can note");
    peer->note_count++;
    note->topic = xstrdup(message->topic);
    note->payload = xstrndup((const char *)message->payload, message->len);
    note->len = message->len;
    note->retained = message->retained;
    replace_str(&note->response_topic, message->response_topic);
    note->correlation_len = message->correlation_len;
    if (message->correlation)
        note->correlation = xmemdup(message->correlation, message->correlation_len);
}

void peer_init(struct peer *peer, int port)
{
    memset(peer, 0, sizeof(*peer));
    peer->settings = (struct mqtt_settings){
        .host = xstrdup("127.0.0.1"),
        .port = port,
        .keepalive_s = 30,
        .max_events = 1000,
    };
}

void peer_start(struct peer *peer, struct rig *rig, const char *id, const char *availability,
                int64_t session_expiry_s)
{
    const struct mqtt_client_config config = {
        .settings = &peer->settings,
        .client_id = id,
        .availability_topic = availability,
        .session_expiry_s = session_expiry_s,
        .spool_dir = peer->spool_dir,
        .answer_timeout_ms = peer->answer_timeout_ms,
        .inbox_max_messages = peer->inbox_max_messages,
    };
    const struct mqtt_callbacks callbacks = {
        .on_up = on_up, .on_down = on_down, .on_message = on_message, .on_problem = on_problem};
    struct error err;

    if (!peer->client)
        peer->client = mqtt_client_new(rig->loop, &config, &callbacks, peer);
    if (mqtt_client_start(peer->client, &err) < 0)
        fail_msg("%s", err.text);
}

static void on_stopped(void *user)
{
    struct peer *peer = user;

    peer->stopped = true;
}

void peer_stop(struct peer *peer, struct rig *rig)
{
    if (peer->client) {
        mqtt_client_stop(peer->client, on_stopped, peer);
        RIG_WAIT(rig, peer->stopped);
    }
    peer_done(peer);
}

void peer_forget_notes(struct peer *peer)
{
    for (size_t i = 0; i < peer->note_count; i++) {
        free_p(&peer->notes[i].topic);
        free_p(&peer->notes[i].payload);
        free_p(&peer->notes[i].response_topic);
        free_p(&peer->notes[i].correlation);
    }
    memset(peer->notes, 0, sizeof(peer->notes));
    peer->note_count = 0;
}

void peer_done(struct peer *peer)
{
    mqtt_client_free(peer->client);
    peer_forget_notes(peer);
    conf_values_done(&mqtt_table, &peer->settings);
    memset(peer, 0, sizeof(*peer));
}

const struct note *peer_note(const struct peer *peer, const char *topic)
{
    for (size_t i = 0; i < peer->note_count; i++)
        if (str_equal(peer->notes[i].topic, topic))
            return &peer->notes[i];
    return NULL;
}

const struct note *peer_last_note(const struct peer *peer, const char *topic)
{
    for (size_t i = peer->note_count; i-- > 0;)
        if (str_equal(peer->notes[i].topic, topic))
            return &peer->notes[i];
    return NULL;
}

bool peer_has(const struct peer *peer, const char *topic, const char *payload)
{
    const struct note *note = peer_last_note(peer, topic);

    return note && str_equal(note->payload, payload);
}
