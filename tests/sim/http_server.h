/* SPDX-License-Identifier: MIT */
/* http_server: a small HTTP/1.1 server on libuv that can misbehave on purpose.
 *
 * As on a Duet, one request per connection ("Connection: close"). Each request becomes an exchange
 * that its handler answers at once, later, wrongly or never. */
#ifndef SIM_HTTP_SERVER_H
#define SIM_HTTP_SERVER_H

#include "agent/base/error.h"
#include "tests/sim/blob.h"
#include "tests/sim/http_request.h"

#include <uv.h>

enum { HTTP_HEAD_MAX_BYTES = 8192, HTTP_BODY_MAX_BYTES = 64 * 1024 };

struct http_server;
struct http_exchange;

enum http_manner {
    HTTP_WELL,
    HTTP_DROP, /* close without a byte */
    HTTP_CUT,  /* announce all, send half of the body, close */
    HTTP_DRIP, /* a few bytes at a time, drip_ms apart */
    HTTP_HANG, /* nothing, until the client gives up */
};

struct http_answer {
    int status;
    const char *reason; /* NULL: the usual one */
    const char *content_type;
    const char *headers; /* more lines, each with its \r\n; NULL = none */
    const void *body;
    size_t body_len;
    bool no_length; /* the body ends with the connection */
    enum http_manner manner;
    int64_t delay_ms;
    int64_t drip_ms;
};

/* request is valid until the exchange is over. */
typedef void (*http_handler_fn)(struct http_exchange *exchange, const struct http_request *request,
                                void *user);
/* Once per request: the answer goes out now, or (status 0) there will be none. Of a stream: at its
 * end. bytes: headers and body. */
typedef void (*http_over_fn)(struct http_exchange *exchange, const struct http_request *request,
                             int status, size_t bytes, void *user);

int http_server_open(uv_loop_t *loop, const char *host, int port, http_handler_fn handler,
                     http_over_fn on_over, void *user, struct http_server **ret_server,
                     struct error *err) MUST_CHECK;
/* Closes all; the memory goes in the loop's close callbacks. NULL is fine. */
void http_server_close(struct http_server *server);
int http_server_port(const struct http_server *server);
/* Nobody listens for so long: connections are refused. */
void http_server_refuse(struct http_server *server, int64_t for_ms);

/* The answer is copied; the exchange is over when it is sent. */
void http_exchange_answer(struct http_exchange *exchange, const struct http_answer *answer);

/* A stream: the head, then parts until the client or the server closes. on_gone comes once, unless
 * http_exchange_end() came first. */
typedef void (*http_gone_fn)(struct http_exchange *exchange, void *user);
void http_exchange_stream(struct http_exchange *exchange, const char *content_type,
                          http_gone_fn on_gone, void *user);
/* False when two parts are still waiting for a slow client: this one is left out for it. */
bool http_exchange_push(struct http_exchange *exchange, struct blob *part);
void http_exchange_end(struct http_exchange *exchange);

#endif
