/* SPDX-License-Identifier: MIT */
/* http: asynchronous HTTP and HTTPS requests on the loop (libcurl's multi interface).
 *
 * Only http and https, no redirects, no netrc, no proxy from the environment, TLS verified. The
 * body is counted as it comes, so max_body_bytes holds whatever the server claims. */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include "agent/base/loop.h"

struct http;
struct http_request;

struct http_response {
    int status;               /* 0 when no answer came */
    const char *content_type; /* NULL when there was none; valid during the call only */
    const char *body;         /* NUL-terminated; NULL when it was streamed */
    size_t body_len;
    int64_t sent_at_mono_us;           /* when the request was started */
    int64_t first_byte_at_mono_us;     /* when the first byte of the body came; 0 = none */
    size_t bytes_sent, bytes_received; /* on the wire, headers included: for the bench */
};

/* result: 0 when an answer came whole, whatever its status (also a streamed one that ended);
 * -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH (name or route), -EMSGSIZE (body too large), -EPROTO
 * (TLS or protocol), -EKEYREJECTED (the server's certificate is not trusted), -ECONNRESET (cut);
 * err then tells it in words, without user or password. */
typedef void (*http_done_fn)(int result, const struct http_response *response,
                             const struct error *err, void *user);
/* Once, when the headers are there and before any data. Return false to give up (-ECANCELED). */
typedef bool (*http_headers_fn)(int status, const char *content_type, void *user);
/* at_mono_us: when these bytes were read. */
typedef void (*http_data_fn)(const uint8_t *data, size_t len, int64_t at_mono_us, void *user);

struct http_request_config {
    const char *url;
    const char *method;          /* NULL = GET */
    const char *const *headers;  /* "Name: value", NULL-terminated; NULL = none */
    const char *body;            /* NULL = none; copied */
    const char *user, *password; /* NULL = none; Basic or Digest as the server asks */
    const char *ca_file;         /* PEM: who is trusted, instead of the system's; NULL = these */
    int64_t connect_timeout_ms;  /* 0 = 5 s */
    int64_t timeout_ms;          /* for the whole exchange; 0 = none (streams) */
    int64_t idle_timeout_ms;     /* no byte for so long; 0 = none; whole seconds, rounded up */
    size_t max_body_bytes;       /* of a body that is kept; ignored when it is streamed */
    bool fresh_connection;       /* the server closes after each answer: do not pool */
    http_headers_fn on_headers;
    http_data_fn on_data; /* streams the body instead of keeping it */
};

struct http *http_new(struct loop *loop) MUST_CHECK;
/* Cancels what is under way. NULL is fine. */
void http_free(struct http *http);

/* -EINVAL (no URL of ours): done never comes. 0: done comes exactly once, later; the request is
 * freed after it returned. config may go when this returns. */
int http_start(struct http *http, const struct http_request_config *config, http_done_fn done,
               void *user, struct http_request **ret_request, struct error *err) MUST_CHECK;

/* No callback comes any more. NULL is fine. */
void http_cancel(struct http_request *request);

/* Percent-encodes for a query value, upper-case hex (RepRapFirmware accepts only that). The caller
 * frees. */
char *http_escape(const char *text) MUST_CHECK;

/* 0 when it is an absolute http or https URL with a host; -EINVAL, err says what is wrong. */
int http_check_url(const char *url, struct error *err) MUST_CHECK;

#endif
