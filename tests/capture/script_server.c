/* SPDX-License-Identifier: MIT */
#include "tests/capture/script_server.h"

#include "agent/base/buf.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_MAX = 16 * 1024 * 1024 };

struct script_server {
    struct loop *loop;
    int fd, port;
    struct watch *watch;
    struct list peers;
    script_request_fn on_request;
    script_gone_fn on_gone;
    void *user;
};

struct script_peer {
    struct list link;
    struct script_server *server;
    int fd;
    struct watch *watch;
    struct buf in, out;
    bool closing;
};

static void peer_free(struct script_peer *peer)
{
    list_remove(&peer->link);
    watch_free(peer->watch);
    close(peer->fd);
    buf_done(&peer->in);
    buf_done(&peer->out);
    free(peer);
}

static void peer_gone(struct script_peer *peer)
{
    if (!peer->closing && peer->server->on_gone)
        peer->server->on_gone(peer, peer->server->user);
    peer_free(peer);
}

/* Writes what it can; whether the peer is still there. */
static bool peer_flush(struct script_peer *peer)
{
    while (peer->out.len > 0) {
        ssize_t sent = send(peer->fd, peer->out.data, peer->out.len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0) {
            peer_gone(peer);
            return false;
        }
        buf_consume(&peer->out, (size_t)sent);
    }
    if (peer->out.len == 0 && peer->closing) {
        peer_free(peer);
        return false;
    }
    watch_start(peer->watch, WATCH_READ | (peer->out.len > 0 ? WATCH_WRITE : 0));
    return true;
}

static bool peer_read(struct script_peer *peer)
{
    uint8_t *room = buf_reserve(&peer->in, 4096);
    ssize_t got = recv(peer->fd, room, 4096, 0);

    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0) {
        peer_gone(peer);
        return false;
    }
    buf_commit(&peer->in, (size_t)got);
    return true;
}

static void peer_handle(struct script_peer *peer)
{
    const char *text = buf_text(&peer->in);
    const char *end = strstr(text, "\r\n\r\n");
    CLEANUP(free_p) char *request = NULL;

    if (!end || peer->closing)
        return;
    request = xstrndup(text, (size_t)(end - text) + 4);
    buf_consume(&peer->in, strlen(request));
    peer->server->on_request(peer, request, peer->server->user);
}

static void on_peer_ready(int events, void *user)
{
    struct script_peer *peer = user;

    if ((events & WATCH_WRITE) && !peer_flush(peer))
        return;
    if ((events & WATCH_READ) && peer_read(peer))
        peer_handle(peer);
}

static void on_connection(int events, void *user)
{
    struct script_server *server = user;
    int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct script_peer *peer;

    (void)events;
    if (fd < 0)
        return;
    peer = xcalloc(1, sizeof(*peer));
    peer->server = server;
    peer->fd = fd;
    buf_init(&peer->in, BUFFER_MAX);
    buf_init(&peer->out, BUFFER_MAX);
    peer->watch = watch_new(server->loop, fd, on_peer_ready, peer);
    watch_start(peer->watch, WATCH_READ);
    list_append(&server->peers, &peer->link);
}

/* Sent from the loop's next round, so that a test may send and close freely inside on_request. */
void peer_send(struct script_peer *peer, const void *data, size_t len)
{
    if (buf_append(&peer->out, data, len) < 0)
        abort();
    watch_start(peer->watch, WATCH_READ | WATCH_WRITE);
}

void peer_send_text(struct script_peer *peer, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    peer_send(peer, text, strlen(text));
    free(text);
}

void peer_answer(struct script_peer *peer, int status, const char *type, const void *data,
                 size_t len)
{
    peer_send_text(peer, "HTTP/1.1 %d x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
                   type, len);
    peer_send(peer, data, len);
}

void peer_close(struct script_peer *peer)
{
    peer->closing = true;
    watch_start(peer->watch, WATCH_READ | WATCH_WRITE);
}

struct script_server *script_server_new(struct loop *loop, script_request_fn on_request,
                                        script_gone_fn on_gone, void *user)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    struct script_server *server = xcalloc(1, sizeof(*server));

    server->loop = loop;
    server->on_request = on_request;
    server->on_gone = on_gone;
    server->user = user;
    list_init(&server->peers);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, len) < 0 ||
        listen(server->fd, 16) < 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    server->port = ntohs(address.sin_port);
    server->watch = watch_new(loop, server->fd, on_connection, server);
    watch_start(server->watch, WATCH_READ);
    return server;
}

void script_server_free(struct script_server *server)
{
    struct script_peer *peer;

    if (!server)
        return;
    while ((peer = LIST_FIRST(&server->peers, struct script_peer, link)))
        peer_free(peer);
    watch_free(server->watch);
    close(server->fd);
    free(server);
}

int script_server_port(const struct script_server *server)
{
    return server->port;
}
