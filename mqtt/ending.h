/* SPDX-License-Identifier: MIT */
/* ending: how a connection, or the attempt to make one, came to its end, and what follows. Pure. */
#ifndef MQTT_ENDING_H
#define MQTT_ENDING_H

#include "agent/base/error.h"
#include "mqtt/negotiation.h"

enum ending_kind {
    ENDING_CLOSED,    /* the other side closed, or the network did; detail: a guess why, or "" */
    ENDING_SYSTEM,    /* code: errno of connect or of the socket */
    ENDING_NO_HOST,   /* detail: why the name was not found */
    ENDING_SILENT,    /* no answer in time */
    ENDING_NOT_MQTT,  /* bytes that cannot be read */
    ENDING_TLS,       /* detail: why */
    ENDING_REFUSED,   /* CONNACK; code: reason, detail: its text */
    ENDING_DISMISSED, /* DISCONNECT from the broker; code: reason, detail: its text */
    ENDING_RIVALLED,  /* accepted and closed again and again, as when two clients use one id */
    ENDING_INTERNAL,  /* detail: what the library says */
};

/* MQTT 5 reason codes that we treat in a way of their own; those of 3.1.1 are translated. */
enum mqtt_reason {
    REASON_NOBODY_LISTENS = 0x10,
    REASON_REFUSED = 0x80, /* this and above: not done */
    REASON_UNSUPPORTED_VERSION = 0x84,
    REASON_BAD_CLIENT_ID = 0x85,
    REASON_BAD_USER_OR_PASSWORD = 0x86,
    REASON_NOT_AUTHORISED = 0x87,
    REASON_SERVER_UNAVAILABLE = 0x88,
    REASON_BANNED = 0x8a,
    REASON_BAD_AUTHENTICATION_METHOD = 0x8c,
    REASON_TAKEN_OVER = 0x8e,
    REASON_NO_RETAIN = 0x9a, /* not for our will */
    REASON_NO_QOS = 0x9b,    /* nor QoS 1 */
};

struct ending {
    enum ending_kind kind;
    int code;
    char detail[200];
    int64_t accepted_at_ms; /* monotonic; 0 = the broker never accepted us */
};

/* Whose ending it was, for the text. */
struct ending_names {
    const char *host;
    int port;
    const char *user; /* NULL = none */
    const char *client_id;
};

/* The sentence for people; no password in it. Returns the negative errno. */
int ending_describe(const struct ending *ending, const struct ending_names *names,
                    struct error *err);
/* A person must do something. */
bool ending_must_act(const struct ending *ending);
/* How long to stay away at the most: long from a broker that has said no, or that every attempt
 * costs something; short from one that is not there. */
int64_t ending_longest_wait_ms(const struct ending *ending);
/* At least so long, on top. */
int64_t ending_shortest_wait_ms(const struct ending *ending);
enum negotiation_outcome ending_outcome(const struct ending *ending);

#endif
