/* SPDX-License-Identifier: MIT */
/* pump: the thread that connects, reads and writes; the only door to libmosquitto.
 *
 * For ever: { a new library handle; connect (DNS and TCP block here, nowhere else); run until it
 * breaks; back off }. What happens is pushed into an inbox; what is to be published is handed over
 * from the loop thread, straight into the library, which writes one byte into a socket pair to wake
 * the pump. Each call names the connection it is meant for, so that nothing decided for a broken
 * one reaches the next. */
#ifndef MQTT_PUMP_H
#define MQTT_PUMP_H

#include "mqtt/inbox.h"
#include "mqtt/outbox.h"

enum {
    PUMP_MAX_PACKET_BYTES = 64 * 1024, /* what we let the broker send us (MQTT 5) */
    PUMP_RECEIVE_MAX = 20,
};

struct pump_config { /* copied */
    const struct mqtt_settings *settings;
    const char *client_id;
    const char *will_topic; /* NULL = no will */
    int64_t session_expiry_s;
};

struct pump;

/* wake: called for each event in the inbox; must live until pump_free(). */
int pump_start(const struct pump_config *config, struct wake *wake, struct pump **ret_pump,
               struct error *err) MUST_CHECK;
/* Waits for the thread, at most about 2 s: one that hangs in connect is left to end by itself and
 * touches nothing of ours any more. The connection, when there is one, just breaks. */
void pump_free(struct pump *pump);
/* Ends for good: DISCONNECT when connected, and no attempt follows. DOWN is pushed when it is done.
 */
void pump_close(struct pump *pump);

struct inbox *pump_inbox(struct pump *pump);

/* 0: handed over; the answer comes as INBOX_ACK with *ret_mid. -ENOTCONN: this connection is gone
 * (or going), nothing was sent that counts. -EMSGSIZE: larger than the broker takes. -EINVAL. */
int pump_publish(struct pump *pump, unsigned connection, const struct outbox_message *message,
                 int *ret_mid, struct error *err) MUST_CHECK;
/* QoS 1 for all filters, in one packet; the answer comes as INBOX_SUBACK with one code per filter.
 */
int pump_subscribe(struct pump *pump, unsigned connection, char *const *filters, size_t count,
                   bool with_retained, int *ret_mid, struct error *err) MUST_CHECK;
void pump_unsubscribe(struct pump *pump, unsigned connection, const char *filter);

/* "not authorised" …, for a reason code ≥ 0x80; static. */
const char *pump_reason_text(int reason);

#endif
