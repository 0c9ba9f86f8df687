/* SPDX-License-Identifier: MIT */
/* pump: the thread that keeps a connection up, and the lock between it and the loop thread.
 *
 * For ever: { a new connection; run it until it ends; back off }. What happens is pushed into the
 * inbox. Each call names the connection that it is meant for, so that nothing decided for a broken
 * one reaches the next. All functions: loop thread. */
#ifndef MQTT_PUMP_H
#define MQTT_PUMP_H

#include "mqtt/inbox.h"
#include "mqtt/outbox.h"

struct pump_config { /* copied */
    const struct mqtt_settings *settings;
    const char *client_id;
    const char *will_topic; /* NULL = no will */
    int64_t session_expiry_s;
    size_t inbox_max_messages; /* 0: INBOX_MAX_MESSAGES */
    bool resume_session;
    int64_t answer_timeout_ms; /* 0: 15 s */
};

struct pump;

/* wake: called for each event in the inbox; must live until pump_free(). */
int pump_start(const struct pump_config *config, struct wake *wake, struct pump **ret_pump,
               struct error *err) MUST_CHECK;
/* Waits for the thread, at most about 2 s: one that hangs in connect is left to end by itself and
 * touches nothing of ours any more. A connection that is still there breaks, with its will. */
void pump_free(struct pump *pump);
/* Ends for good: DISCONNECT when connected, and no attempt follows. DOWN is pushed when it is done.
 */
void pump_close(struct pump *pump);

struct inbox *pump_inbox(struct pump *pump);

/* As connection_…(), or -ENOTCONN when that connection is not there any more. */
int pump_publish(struct pump *pump, unsigned connection, const struct outbox_message *message,
                 int *ret_mid, struct error *err) MUST_CHECK;
int pump_subscribe(struct pump *pump, unsigned connection, char *const *filters, size_t count,
                   bool with_retained, int *ret_mid, struct error *err) MUST_CHECK;
void pump_unsubscribe(struct pump *pump, unsigned connection, const char *filter);

#endif
