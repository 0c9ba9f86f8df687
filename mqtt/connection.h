/* SPDX-License-Identifier: MIT */
/* connection: one connection to the broker, from its birth to its end; the only door to
 * libmosquitto.
 *
 * The pump thread makes it, runs it and frees it; meanwhile the loop thread may publish and
 * subscribe (the library copies, writes one byte into a socket pair, and the pump wakes up). What
 * happens is pushed into an inbox. The caller sees to it that nobody uses it while it is freed. */
#ifndef MQTT_CONNECTION_H
#define MQTT_CONNECTION_H

#include "mqtt/ending.h"
#include "mqtt/inbox.h"
#include "mqtt/outbox.h"

enum {
    CONNECTION_MAX_PACKET_BYTES = 64 * 1024, /* what we let the broker send us (MQTT 5) */
    CONNECTION_RECEIVE_MAX = 20,
    CONNECTION_WILL_DELAY_S = 10,
};

struct connection_config { /* borrowed for the life of the connection */
    const char *host, *user, *password, *client_id;
    const char *will_topic; /* NULL = no will; else "offline", retained */
    const char *ca_file, *cert_file, *key_file;
    int port, keepalive_s;
    bool tls, insecure_skip_hostname;
    int64_t session_expiry_s;
    int64_t answer_timeout_ms; /* 0: 15 s */
};

struct connection_plan {
    unsigned number; /* goes into every event */
    int protocol;    /* 5 or 4 */
    bool clean;      /* start without the session of before */
    bool probe;      /* leave again as soon as the broker accepts; no event tells of it */
    /* for a broker that takes no better will */
    bool will_not_retained, will_qos_0;
};

struct connection;

/* -EINVAL: the TLS files cannot be used, the id is bad. */
int connection_new(const struct connection_config *config, const struct connection_plan *plan,
                   struct inbox *inbox, struct connection **ret_connection,
                   struct error *err) MUST_CHECK;
void connection_free(struct connection *connection);

/* --- pump thread --- */
/* Connects (DNS and TCP block here) and runs until it ends. UP is pushed when the broker accepts;
 * DOWN is the caller's. */
void connection_run(struct connection *connection, struct ending *ret_ending);

/* --- any thread --- */
/* with_will false: DISCONNECT, and run() ends when it is written. True: run() ends at once, and the
 * broker publishes the will. */
void connection_close(struct connection *connection, bool with_will);

/* --- loop thread, after UP --- */
/* 0: handed over; the answer comes as INBOX_ACK with *ret_mid. -ENOTCONN: it is ending, nothing was
 * sent that counts. -EMSGSIZE: larger than the broker takes. -EINVAL. */
int connection_publish(struct connection *connection, const struct outbox_message *message,
                       int *ret_mid, struct error *err) MUST_CHECK;
/* QoS 1 for all filters, in one packet; the answer comes as INBOX_SUBACK with one code per filter.
 */
int connection_subscribe(struct connection *connection, char *const *filters, size_t count,
                         bool with_retained, int *ret_mid, struct error *err) MUST_CHECK;
void connection_unsubscribe(struct connection *connection, const char *filter);

/* "Not authorized" …, for a reason code; static. */
const char *connection_reason_text(int reason);

#endif
