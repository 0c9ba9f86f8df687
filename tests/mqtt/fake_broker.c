/* SPDX-License-Identifier: MIT */
#include "tests/mqtt/fake_broker.h"

#include "agent/base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_input(int events, void *user);

static void on_connection(int events, void *user)
{
    struct fake_broker *fake = user;

    (void)events;
    fake_close(fake);
    fake->fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fake->fd < 0)
        return;
    fake->connections++;
    buf_clear(&fake->input);
    fake->watch = watch_new(fake->loop, fake->fd, on_input, fake);
    watch_start(fake->watch, WATCH_READ);
}

void fake_init(struct fake_broker *fake, struct loop *loop, fake_script_fn script, void *user)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    *fake = (struct fake_broker){
        .loop = loop, .fd = -1, .script = script, .user = user, .input = BUF_INIT(1 << 20)};
    fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(fake->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fake->listen_fd, 8) < 0 ||
        getsockname(fake->listen_fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    fake->port = ntohs(address.sin_port);
    fake->listen_watch = watch_new(loop, fake->listen_fd, on_connection, fake);
    watch_start(fake->listen_watch, WATCH_READ);
}

void fake_close(struct fake_broker *fake)
{
    if (fake->fd < 0)
        return;
    watch_free(fake->watch);
    close(fake->fd);
    fake->watch = NULL;
    fake->fd = -1;
}

void fake_done(struct fake_broker *fake)
{
    fake_close(fake);
    watch_free(fake->listen_watch);
    close(fake->listen_fd);
    buf_done(&fake->input);
}

void fake_send(struct fake_broker *fake, const void *bytes, size_t len)
{
    if (fake->fd >= 0 && send(fake->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        fake_close(fake);
}

/* Length of the first whole packet in data, 0 when it is not there yet. */
static size_t whole_packet(const uint8_t *data, size_t len, struct packet *ret_packet)
{
    size_t remaining = 0, at = 1;

    for (int shift = 0; at < len && shift <= 21; shift += 7) {
        remaining |= (size_t)(data[at] & 0x7f) << shift;
        if (data[at++] & 0x80)
            continue;
        if (len - at < remaining)
            return 0;
        *ret_packet = (struct packet){.type = data[0], .body = data + at, .len = remaining};
        return at + remaining;
    }
    return 0;
}

static void on_input(int events, void *user)
{
    struct fake_broker *fake = user;
    uint8_t *room = buf_reserve(&fake->input, 65536);
    ssize_t n = room ? recv(fake->fd, room, 65536, 0) : -1;
    struct packet packet;
    size_t taken;

    (void)events;
    if (n <= 0) {
        fake_close(fake);
        return;
    }
    buf_commit(&fake->input, (size_t)n);
    while (fake->fd >= 0 &&
           (taken = whole_packet(fake->input.data, fake->input.len, &packet)) > 0) {
        if (packet.type == 0x10)
            fake->version = packet.body[6];
        fake->script(fake, &packet, fake->user);
        buf_consume(&fake->input, taken);
    }
}

uint16_t fake_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static size_t count_filters(const struct fake_broker *fake, const struct packet *packet)
{
    size_t at = fake->version == 5 ? 3 : 2, count = 0;

    for (; at < packet->len; at += 2u + fake_u16(packet->body + at) + 1)
        count++;
    return count;
}

static void send_suback(struct fake_broker *fake, const struct packet *packet)
{
    uint8_t answer[64] = {0x90, 0, packet->body[0], packet->body[1]};
    size_t head = fake->version == 5 ? 5 : 4, count = count_filters(fake, packet);

    memset(answer + head, 1, count);
    answer[1] = (uint8_t)(head - 2 + count);
    fake_send(fake, answer, head + count);
}

static size_t publish_topic_end(const struct packet *packet)
{
    return 2u + fake_u16(packet->body);
}

void fake_answer(struct fake_broker *fake, const struct packet *packet)
{
    if (packet->type == 0x10) {
        fake_send(fake, fake->version == 5 ? "\x20\x03\x00\x00\x00" : "\x20\x02\x00\x00",
                  fake->version == 5 ? 5 : 4);
    } else if (packet->type == 0x82) {
        send_suback(fake, packet);
    } else if ((packet->type & 0xf6) == 0x32) {
        const uint8_t *mid = packet->body + publish_topic_end(packet);
        const uint8_t answer[] = {0x40, 2, mid[0], mid[1]};

        fake_send(fake, answer, sizeof(answer));
    }
}

static void copy_text(char *ret, size_t size, const uint8_t *from, size_t len)
{
    len = MIN(len, size - 1);
    memcpy(ret, from, len);
    ret[len] = '\0';
}

void fake_read_publish(const struct fake_broker *fake, const struct packet *packet, char *ret_topic,
                       char *ret_payload, size_t size)
{
    size_t at = publish_topic_end(packet);

    copy_text(ret_topic, size, packet->body + 2, at - 2);
    if (packet->type & 0x06)
        at += 2;
    if (fake->version == 5)
        at += 1u + packet->body[at]; /* our properties are shorter than 128 bytes */
    copy_text(ret_payload, size, packet->body + at, packet->len - at);
}
