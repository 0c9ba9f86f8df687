/* SPDX-License-Identifier: MIT */
/* rig: a loop, and clients on it that note down all that they are told. */
#ifndef TESTS_MQTT_RIG_H
#define TESTS_MQTT_RIG_H

#include "agent/base/clock.h"
#include "mqtt/client.h"

struct rig {
    struct loop *loop;
    struct timer *tick; /* so that a wait for what never comes ends */
};

void rig_init(struct rig *rig);
void rig_done(struct rig *rig);

/* Runs the loop until condition holds; fails the test after 10 s. */
#define RIG_WAIT(rig, condition)                                                                   \
    do {                                                                                           \
        int64_t deadline_ms_ = clock_mono_ms() + 10000;                                            \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > deadline_ms_)                                                    \
                fail_msg("10 s passed without: %s", #condition);                                   \
            loop_run_once((rig)->loop);                                                            \
        }                                                                                          \
    } while (0)

enum { NOTE_MAX = 512 };

struct note {
    char *topic;
    char *payload; /* NUL-terminated */
    size_t len;
    bool retained;
    char *response_topic;
    uint8_t *correlation;
    size_t correlation_len;
};

struct peer {
    struct mqtt_settings settings;
    /* optional; set before peer_start() */
    const char *spool_dir;
    int64_t answer_timeout_ms;
    size_t inbox_max_messages; /* for who hears bursts while the machine is busy */
    struct mqtt_client *client;
    int ups, downs;
    struct error down; /* the last one */
    struct error problem;
    int problems;
    bool stopped;
    struct note notes[NOTE_MAX];
    size_t note_count;
    void (*on_up)(struct peer *peer); /* optional */
    void *user;
};

/* Settings for a broker on 127.0.0.1:port; change them before peer_start(). */
void peer_init(struct peer *peer, int port);
/* availability NULL: none. */
void peer_start(struct peer *peer, struct rig *rig, const char *id, const char *availability,
                int64_t session_expiry_s);
/* Stops in good order when it was started, and frees. */
void peer_stop(struct peer *peer, struct rig *rig);
/* Frees at once, as a crash would. */
void peer_done(struct peer *peer);

void peer_forget_notes(struct peer *peer);
/* The first note on topic, or the last; NULL when there is none. */
const struct note *peer_note(const struct peer *peer, const char *topic);
const struct note *peer_last_note(const struct peer *peer, const char *topic);
bool peer_has(const struct peer *peer, const char *topic, const char *payload);

#endif
