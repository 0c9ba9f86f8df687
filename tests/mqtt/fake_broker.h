/* SPDX-License-Identifier: MIT */
/* fake_broker: what no real broker can be asked to do: bytes are looked at, and answered wrongly.
 *
 * One connection at a time, on the loop of the test. The script sees each whole packet. */
#ifndef TESTS_MQTT_FAKE_BROKER_H
#define TESTS_MQTT_FAKE_BROKER_H

#include "agent/base/buf.h"
#include "agent/base/loop.h"

struct fake_broker;

struct packet {
    uint8_t type; /* first byte: 0x10 CONNECT, 0x30… PUBLISH, 0x82 SUBSCRIBE, 0xe0 DISCONNECT */
    const uint8_t *body;
    size_t len;
};

typedef void (*fake_script_fn)(struct fake_broker *fake, const struct packet *packet, void *user);

struct fake_broker {
    int port;
    int connections; /* accepted so far */
    int version;     /* of the last CONNECT: 5 or 4 */
    /* private */
    struct loop *loop;
    int listen_fd, fd;
    struct watch *listen_watch, *watch;
    struct buf input;
    fake_script_fn script;
    void *user;
};

void fake_init(struct fake_broker *fake, struct loop *loop, fake_script_fn script, void *user);
void fake_done(struct fake_broker *fake);

void fake_send(struct fake_broker *fake, const void *bytes, size_t len);
void fake_close(struct fake_broker *fake); /* the connection */

/* What a good broker does: CONNACK, SUBACK (each filter granted), PUBACK; for scripts that want to
 * be bad in one place only. */
void fake_answer(struct fake_broker *fake, const struct packet *packet);

uint16_t fake_u16(const uint8_t *at);
/* Topic and payload of a PUBLISH; NUL-terminated copies, cut at size. */
void fake_read_publish(const struct fake_broker *fake, const struct packet *packet, char *ret_topic,
                       char *ret_payload, size_t size);

#endif
