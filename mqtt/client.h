/* SPDX-License-Identifier: MIT */
/* client: our connection to the broker, kept up for ever by one pump thread of its own.
 *
 * Everything here is called from, and calls back on, the loop thread. The pump thread connects
 * (blocking, DNS included), backs off with full jitter (0.2 s … 4.5 s while nobody is there, … 60 s
 * while the broker does not answer well, 60 s and more after a refusal or "session taken over"),
 * and uses a fresh library handle for each connection, so that nothing stale is sent after a
 * reconnect. MQTT 5 first; 3.1.1 when the broker knows only that.
 *
 * On every connection: subscribe to all filters in one packet; publish every retained topic (last
 * value); the availability topic last. Events wait in a bounded FIFO while the broker is away, on
 * disk when there is a spool. */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include "agent/base/conf.h"
#include "agent/base/loop.h"

struct mqtt_settings {
    char *host;
    int64_t port; /* 0: 1883, or 8883 with TLS */
    int protocol; /* 0 auto (5, then 3.1.1), 1 "5", 2 "3.1.1" */
    char *user, *password;
    char *prefix; /* of all our topics: "timelapse"; one or more levels */
    int64_t keepalive_s;
    bool tls;
    char *ca_file, *cert_file, *key_file;
    bool insecure_skip_hostname;
    int64_t max_events;      /* waiting events and acks while the broker is away */
    int64_t offline_queue_s; /* commands wait so long at the broker while we are away; 0: 60 s */
    struct conf_strings response_topic_allow; /* filters, beside our own prefix */
};
extern const struct conf_table mqtt_table; /* group "mqtt" */
/* Checks that need more than one setting (TLS files, prefix form); adds conf problems. */
void mqtt_settings_check(const struct mqtt_settings *settings, struct conf *conf);

struct mqtt_message {
    const char *topic;
    const uint8_t *payload;
    size_t len;
    bool retained;
    const char *response_topic; /* MQTT 5; NULL = none */
    const uint8_t *correlation; /* MQTT 5 */
    size_t correlation_len;
    bool expires; /* MQTT 5: the broker drops it when it is too old */
};

struct mqtt_link { /* for the status topic */
    bool up;
    int protocol;       /* 5 or 4 (3.1.1), 0 = never connected */
    int64_t reconnects; /* connections after the first */
    int64_t dropped_events;
    int64_t waiting_events;   /* not confirmed by the broker */
    int64_t dropped_messages; /* came faster than the loop took them */
    int64_t max_packet_bytes; /* the broker's limit; 0 = none */
};

struct mqtt_client_config {
    const struct mqtt_settings *settings; /* borrowed */
    const char *client_id;
    const char *availability_topic; /* NULL: neither will nor availability (lapsectl) */
    int64_t session_expiry_s;       /* 0: clean start always (lapsectl) */
    const char *spool_dir;          /* where events outlive the process; NULL: in memory only */
    size_t inbox_max_messages;      /* that wait for the loop; 0: 64 */
    bool resume_session;            /* the first connection, too, takes what waits at the broker */
    int64_t answer_timeout_ms;      /* for a broker that is silent before we are up; 0: 15 s */
};

struct mqtt_callbacks {
    void (*on_up)(void *user); /* subscriptions are confirmed */
    /* The link was lost, or an attempt failed for a reason not told since it was last up. */
    void (*on_down)(const struct error *why, void *user);
    /* valid during the call only */
    void (*on_message)(const struct mqtt_message *message, void *user);
    /* A person must act: a refused login, subscription or publish (ACL), a message larger than the
     * broker takes, a session taken over. Said once per cause. */
    void (*on_problem)(const struct error *problem, void *user);
};

struct mqtt_client *mqtt_client_new(struct loop *loop, const struct mqtt_client_config *config,
                                    const struct mqtt_callbacks *callbacks, void *user) MUST_CHECK;
/* Starts the pump thread; from now on callbacks come. */
int mqtt_client_start(struct mqtt_client *client, struct error *err) MUST_CHECK;

typedef void (*mqtt_stopped_fn)(void *user);
/* Sends what waits, availability "offline", DISCONNECT; done comes once, within 2 s. */
void mqtt_client_stop(struct mqtt_client *client, mqtt_stopped_fn done, void *user);
/* Joins the pump thread (at most about 2 s when it hangs in connect). */
void mqtt_client_free(struct mqtt_client *client);

/* QoS 1 subscription, kept over reconnects; retained messages at subscription time are wanted only
 * when with_retained is set (commands: never). Twice the same filter is fine. */
void mqtt_subscribe(struct mqtt_client *client, const char *filter, bool with_retained);
void mqtt_unsubscribe(struct mqtt_client *client, const char *filter);

enum mqtt_content {
    MQTT_TEXT,
    MQTT_JSON,
    MQTT_JPEG,
    MQTT_CONFIG, /* JSON that the broker keeps for ever */
};

/* Retained: the last value wins, is sent when it differs from the last one sent, and again on each
 * new connection; MQTT_CONFIG is sent once. QoS 0 for JPEG, else 1; message expiry 24 h for JSON
 * and JPEG. Empty clears. */
void mqtt_publish_retained(struct mqtt_client *client, const char *topic, enum mqtt_content content,
                           const void *payload, size_t len);
/* Not retained, in order, kept while the broker is away (max_events; the oldest is dropped and
 * counted), with a spool also over a crash: sent at least once, twice only when it was under way.
 */
void mqtt_publish_event(struct mqtt_client *client, const char *topic, const char *json);
/* As an event, but in memory only (who asked is gone after a crash), with the MQTT 5 correlation
 * data echoed (NULL = none): acks to a response topic. */
void mqtt_publish_reply(struct mqtt_client *client, const char *topic, const char *json,
                        const uint8_t *correlation, size_t correlation_len);
/* Plain publish for clients such as lapsectl; response_topic NULL = none; expiry_s 0 = none. */
void mqtt_publish_command(struct mqtt_client *client, const char *topic, const char *payload,
                          const char *response_topic, int64_t expiry_s);

/* To a thing of others, such as a lamp: now or not at all, never on a later link. */
struct mqtt_outside_message {
    const char *topic, *payload;
    int qos;       /* 0, 1 */
    bool retained; /* the broker is to keep it */
};
/* result 0: the broker has it (QoS 0: it was handed over); -ENOLINK: it has, but nobody listens
 * there (MQTT 5 only); -ENOTCONN: the link broke before that was known; else it was refused. */
typedef void (*mqtt_sent_fn)(int result, const struct error *err, void *user);
/* -ENOTCONN: there is no link, done never comes. 0: done comes exactly once, later. */
int mqtt_send_now(struct mqtt_client *client, const struct mqtt_outside_message *message,
                  mqtt_sent_fn done, void *user, struct error *err) MUST_CHECK;
/* No done comes for this user any more. */
void mqtt_forget_sender(struct mqtt_client *client, const void *user);

/* Clears what is no longer made (purge): the broker drops its retained value, and it is not sent on
 * a new connection any more. The topic may be one of an earlier run. */
void mqtt_forget_retained(struct mqtt_client *client, const char *topic);

void mqtt_client_link(const struct mqtt_client *client, struct mqtt_link *ret_link);

#endif
