/* SPDX-License-Identifier: MIT */
/* http_server: written for misbehaving, which is why no library does it: an exchange decides byte
 * by byte what its client gets to see. A connection carries one exchange and ends with it. */
#include "tests/sim/http_server.h"

#include "agent/base/buf.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BACKLOG = 64,
    REQUEST_GAP_MS = 2000, /* the firmware gives a request that long between two packets */
    DRIP_BYTES = 7,
    RETRY_LISTEN_MS = 20,
};

struct http_server {
    uv_loop_t *loop;
    uv_tcp_t *listener; /* NULL while refusing */
    uv_timer_t refusing;
    struct sockaddr_in address;
    http_handler_fn handler;
    http_over_fn on_over;
    void *user;
    struct list exchanges;
};

struct http_exchange {
    struct list link;
    struct http_server *server;
    uv_tcp_t tcp;
    uv_timer_t timer;
    int open_handles;
    bool closing, handed_over, is_over, gone;
    struct http_request request;
    struct buf input;
    char chunk[4096];
    struct buf output; /* what an answer still has to send */
    enum http_manner manner;
    int64_t drip_ms;
    int status;
    size_t bytes;
    http_gone_fn on_gone;
    void *gone_user;
};

struct write {
    uv_write_t request;
    struct http_exchange *exchange;
    struct blob *blob;
    bool last;
};

/* --- the end of an exchange --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct http_exchange *exchange = handle->data;

    if (--exchange->open_handles > 0)
        return;
    buf_done(&exchange->input);
    buf_done(&exchange->output);
    free(exchange);
}

static void exchange_over(struct http_exchange *exchange, int status)
{
    struct http_server *server = exchange->server;

    if (exchange->is_over || !exchange->handed_over)
        return;
    exchange->is_over = true;
    server->on_over(exchange, &exchange->request, status, exchange->bytes, server->user);
}

static void exchange_close(struct http_exchange *exchange)
{
    http_gone_fn on_gone = exchange->on_gone;

    if (exchange->closing)
        return;
    exchange->closing = true;
    exchange->on_gone = NULL;
    if (on_gone)
        on_gone(exchange, exchange->gone_user);
    exchange_over(exchange, on_gone ? exchange->status : 0);
    list_remove(&exchange->link);
    uv_close((uv_handle_t *)&exchange->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&exchange->timer, on_handle_closed);
}

/* --- sending --- */

static void on_written(uv_write_t *request, int status)
{
    struct write *write = CONTAINER_OF(request, struct write, request);

    if (status < 0 || write->last)
        exchange_close(write->exchange);
    blob_unref(write->blob);
    free(write);
}

/* Takes a reference. */
static void exchange_write(struct http_exchange *exchange, struct blob *blob, bool last)
{
    struct write *write = xcalloc(1, sizeof(*write));
    uv_buf_t bytes = uv_buf_init((char *)blob->data, (unsigned)blob->len);

    *write = (struct write){.exchange = exchange, .blob = blob, .last = last};
    if (uv_write(&write->request, (uv_stream_t *)&exchange->tcp, &bytes, 1, on_written) < 0) {
        blob_unref(blob);
        free(write);
        exchange_close(exchange);
    }
}

static struct blob *take_output(struct http_exchange *exchange, size_t len)
{
    struct blob *blob = blob_new(xmemdup(exchange->output.data, len), len);

    buf_consume(&exchange->output, len);
    return blob;
}

static void on_drip(uv_timer_t *timer)
{
    struct http_exchange *exchange = timer->data;
    size_t len = MIN(exchange->output.len, (size_t)DRIP_BYTES);
    bool last = len == exchange->output.len;

    if (last)
        uv_timer_stop(timer);
    exchange_write(exchange, take_output(exchange, len), last);
}

static void send_answer(struct http_exchange *exchange)
{
    uv_timer_stop(&exchange->timer);
    if (exchange->manner == HTTP_DROP) {
        exchange_close(exchange);
        return;
    }
    exchange_over(exchange, exchange->status);
    if (exchange->manner == HTTP_DRIP)
        uv_timer_start(&exchange->timer, on_drip, 0, (uint64_t)MAX(exchange->drip_ms, 1));
    else
        exchange_write(exchange, take_output(exchange, exchange->output.len), true);
}

static void on_delay_over(uv_timer_t *timer)
{
    send_answer(timer->data);
}

static const char *usual_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

static void write_head(struct buf *out, const struct http_answer *answer)
{
    (void)!buf_printf(out, "HTTP/1.1 %d %s\r\n", answer->status,
                      answer->reason ? answer->reason : usual_reason(answer->status));
    (void)!buf_printf(out, "Cache-Control: no-cache, no-store, must-revalidate\r\n"
                           "Pragma: no-cache\r\nExpires: 0\r\n"
                           "Access-Control-Allow-Origin: *\r\n");
    if (answer->content_type)
        (void)!buf_printf(out, "Content-Type: %s\r\n", answer->content_type);
    if (answer->headers)
        (void)!buf_append(out, answer->headers, strlen(answer->headers));
    if (!answer->no_length)
        (void)!buf_printf(out, "Content-Length: %zu\r\n", answer->body_len);
    (void)!buf_printf(out, "Connection: close\r\n\r\n");
}

void http_exchange_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
    size_t body_len = answer->manner == HTTP_CUT ? answer->body_len / 2 : answer->body_len;

    if (answer->manner == HTTP_HANG)
        return;
    exchange->manner = answer->manner;
    exchange->drip_ms = answer->drip_ms;
    exchange->status = answer->status;
    buf_init(&exchange->output, SIZE_MAX / 2);
    write_head(&exchange->output, answer);
    (void)!buf_append(&exchange->output, answer->body, body_len);
    exchange->bytes = exchange->output.len;
    if (answer->delay_ms > 0)
        uv_timer_start(&exchange->timer, on_delay_over, (uint64_t)answer->delay_ms, 0);
    else
        send_answer(exchange);
}

/* --- streams --- */

void http_exchange_stream(struct http_exchange *exchange, const char *content_type,
                          http_gone_fn on_gone, void *user)
{
    const struct http_answer head = {
        .status = 200, .content_type = content_type, .no_length = true};

    exchange->status = 200;
    exchange->on_gone = on_gone;
    exchange->gone_user = user;
    buf_init(&exchange->output, SIZE_MAX / 2);
    write_head(&exchange->output, &head);
    exchange->bytes = exchange->output.len;
    exchange_write(exchange, take_output(exchange, exchange->output.len), false);
}

bool http_exchange_push(struct http_exchange *exchange, struct blob *part)
{
    size_t waiting = uv_stream_get_write_queue_size((uv_stream_t *)&exchange->tcp);

    if (waiting > 2 * part->len)
        return false;
    exchange->bytes += part->len;
    exchange_write(exchange, blob_ref(part), false);
    return true;
}

void http_exchange_end(struct http_exchange *exchange)
{
    exchange->on_gone = NULL;
    exchange_over(exchange, exchange->status);
    exchange_close(exchange);
}

/* --- receiving --- */

static void refuse_request(struct http_exchange *exchange)
{
    exchange->handed_over = true;
    http_exchange_answer(
        exchange, &(struct http_answer){.status = 500, .reason = "bad or oversized request"});
}

static void take_request(struct http_exchange *exchange)
{
    const char *input = buf_text(&exchange->input);
    const char *end = strstr(input, "\r\n\r\n");
    CLEANUP(free_p) char *head = NULL;
    size_t body_len;

    if (!end && exchange->input.len >= HTTP_HEAD_MAX_BYTES)
        refuse_request(exchange);
    if (!end)
        return;
    exchange->request.head_bytes = (size_t)(end - input) + 4;
    head = xstrndup(input, exchange->request.head_bytes - 2);
    if (!http_request_parse(head, &exchange->request, &body_len) ||
        body_len > HTTP_BODY_MAX_BYTES) {
        refuse_request(exchange);
        return;
    }
    if (exchange->input.len < exchange->request.head_bytes + body_len) {
        exchange->request = (struct http_request){.address = exchange->request.address};
        return;
    }
    uv_timer_stop(&exchange->timer);
    exchange->handed_over = true;
    exchange->server->handler(exchange, &exchange->request, exchange->server->user);
}

static void on_gap(uv_timer_t *timer)
{
    exchange_close(timer->data);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
    struct http_exchange *exchange = handle->data;

    (void)size;
    *ret_buf = uv_buf_init(exchange->chunk, sizeof(exchange->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *chunk)
{
    struct http_exchange *exchange = stream->data;

    if (len < 0) {
        exchange_close(exchange);
        return;
    }
    if (exchange->handed_over || len == 0)
        return;
    uv_timer_start(&exchange->timer, on_gap, REQUEST_GAP_MS, 0);
    if (buf_append(&exchange->input, chunk->base, (size_t)len) < 0)
        refuse_request(exchange);
    else
        take_request(exchange);
}

static uint32_t peer_address(const uv_tcp_t *tcp)
{
    struct sockaddr_in peer;
    int len = sizeof(peer);

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&peer, &len) < 0)
        return 0;
    return ntohl(peer.sin_addr.s_addr);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;
    struct http_exchange *exchange;

    if (status < 0)
        return;
    exchange = xcalloc(1, sizeof(*exchange));
    exchange->server = server;
    exchange->open_handles = 2;
    exchange->input.max_bytes = HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES;
    uv_tcp_init(server->loop, &exchange->tcp);
    uv_timer_init(server->loop, &exchange->timer);
    exchange->tcp.data = exchange->timer.data = exchange;
    list_append(&server->exchanges, &exchange->link);
    if (uv_accept(listener, (uv_stream_t *)&exchange->tcp) < 0) {
        exchange_close(exchange);
        return;
    }
    uv_tcp_nodelay(&exchange->tcp, 1);
    exchange->request.address = peer_address(&exchange->tcp);
    uv_timer_start(&exchange->timer, on_gap, REQUEST_GAP_MS, 0);
    uv_read_start((uv_stream_t *)&exchange->tcp, on_alloc, on_read);
}

/* --- listening --- */

static void on_listener_closed(uv_handle_t *handle)
{
    free(handle);
}

static void stop_listening(struct http_server *server)
{
    if (server->listener)
        uv_close((uv_handle_t *)server->listener, on_listener_closed);
    server->listener = NULL;
}

static int start_listening(struct http_server *server)
{
    int len = sizeof(server->address), rc;

    server->listener = xcalloc(1, sizeof(*server->listener));
    uv_tcp_init(server->loop, server->listener);
    server->listener->data = server;
    rc = uv_tcp_bind(server->listener, (struct sockaddr *)&server->address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)server->listener, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(server->listener, (struct sockaddr *)&server->address, &len);
    if (rc < 0)
        stop_listening(server);
    return rc;
}

static void on_refusing_over(uv_timer_t *timer)
{
    struct http_server *server = timer->data;

    if (start_listening(server) < 0)
        uv_timer_start(timer, on_refusing_over, RETRY_LISTEN_MS, 0);
}

void http_server_refuse(struct http_server *server, int64_t for_ms)
{
    stop_listening(server);
    uv_timer_start(&server->refusing, on_refusing_over, (uint64_t)for_ms, 0);
}

int http_server_open(uv_loop_t *loop, const char *host, int port, http_handler_fn handler,
                     http_over_fn on_over, void *user, struct http_server **ret_server,
                     struct error *err)
{
    struct http_server *server = xcalloc(1, sizeof(*server));
    int rc;

    *server =
        (struct http_server){.loop = loop, .handler = handler, .on_over = on_over, .user = user};
    list_init(&server->exchanges);
    uv_timer_init(loop, &server->refusing);
    server->refusing.data = server;
    rc = uv_ip4_addr(host, port, &server->address);
    if (rc == 0)
        rc = start_listening(server);
    if (rc < 0) {
        http_server_close(server);
        return error_set(err, rc, "cannot listen on %s:%d: %s", host, port, uv_strerror(rc));
    }
    *ret_server = server;
    return 0;
}

static void on_server_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void http_server_close(struct http_server *server)
{
    struct http_exchange *exchange;

    if (!server)
        return;
    stop_listening(server);
    LIST_FOR_EACH(&server->exchanges, exchange, struct http_exchange, link)
    exchange_close(exchange);
    uv_close((uv_handle_t *)&server->refusing, on_server_closed);
}

int http_server_port(const struct http_server *server)
{
    return ntohs(server->address.sin_port);
}
