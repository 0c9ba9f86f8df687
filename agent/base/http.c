/* SPDX-License-Identifier: MIT */
/* http: libcurl's multi interface, driven by watches and one timer of our loop.
 *
 * libcurl forbids adding and removing transfers from inside its own callbacks, and our callers may
 * start and cancel anything from anywhere. So while libcurl is on the stack (http->in_curl) a start
 * or a cancel only changes the state of the request; settle() carries it out right after. Results
 * are handed over when libcurl is off the stack.
 *
 * The idle timeout is our own timer, because libcurl's low-speed check works on an average of
 * several seconds. It is not moved with every byte: when it fires it looks how long ago the last
 * byte came, and goes to sleep for the rest.
 *
 * Name resolution runs on a thread of libcurl's; CURLOPT_QUICK_EXIT keeps a cancel from waiting
 * for that thread. */
#include "agent/base/http.h"

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    STREAM_BUFFER_BYTES = 64 * 1024, /* a big picture in few reads */
    HTTP_UNAUTHORIZED = 401
};

enum request_state {
    REQUEST_WAITING, /* not yet given to libcurl */
    REQUEST_RUNNING,
    REQUEST_CANCELLED, /* to be removed as soon as libcurl is off the stack */
    REQUEST_DONE       /* its done function is running */
};

struct http {
    struct loop *loop;
    CURLM *multi;
    struct timer *timer;
    struct list requests;
    struct list sockets;
    bool in_curl;
};

/* A descriptor that libcurl wants watched. */
struct http_socket {
    struct list link;
    struct http *http;
    curl_socket_t fd;
    struct watch *watch;
};

struct http_request {
    struct list link;
    struct http *http;
    enum request_state state;
    CURL *easy;
    struct curl_slist *headers;
    char *peer; /* "host:port", for error texts */
    char curl_error[CURL_ERROR_SIZE];
    int64_t connect_timeout_ms, timeout_ms, idle_timeout_ms;
    struct timer *idle_timer;
    bool has_user;

    http_headers_fn on_headers;
    http_data_fn on_data;
    http_done_fn done;
    void *user;

    struct buf body;
    int64_t sent_at_us, first_byte_at_us, last_byte_at_us;
    bool announced; /* on_headers has been called */
    bool given_up;  /* … and said no */
    bool too_large;
};

/* --- URLs --- */

/* A broken URL is quoted only when no password can be in it. */
static int refuse_url(const char *url, const char *why, struct error *err)
{
    if (strchr(url, '@'))
        return error_set(err, -EINVAL, "%s (the URL is not shown, it may hold a password)", why);
    return error_set(err, -EINVAL, "%s: '%s'", why, url);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_curl(char **text)
{
    curl_free(*text);
}

/* Parses an URL of ours; ret_peer may be NULL, the caller frees *ret_peer. */
static int parse_url(const char *text, char **ret_peer, struct error *err)
{
    CLEANUP(free_url) CURLU *url = curl_url();
    CLEANUP(free_curl) char *scheme = NULL, *host = NULL, *port = NULL;

    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0))
        return refuse_url(text, "not a valid absolute URL", err);
    if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        return refuse_url(text, "only http:// and https:// URLs are understood", err);
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) || *host == '\0' ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        return refuse_url(text, "the URL names no host", err);
    if (ret_peer)
        *ret_peer = xasprintf("%s:%s", host, port);
    return 0;
}

int http_check_url(const char *url, struct error *err)
{
    return parse_url(url, NULL, err);
}

char *http_escape(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *escaped = xmalloc(strlen(text) * 3 + 1);
    size_t len = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (strchr(plain, *c)) {
            escaped[len++] = (char)*c;
            continue;
        }
        escaped[len++] = '%';
        escaped[len++] = hex[*c >> 4];
        escaped[len++] = hex[*c & 0x0f];
    }
    escaped[len] = '\0';
    return escaped;
}

/* --- the life of a request --- */

static void request_free(struct http_request *request)
{
    list_remove(&request->link);
    timer_free(request->idle_timer);
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    buf_done(&request->body);
    free(request->peer);
    free(request);
}

static void request_detach(struct http_request *request)
{
    if (request->state == REQUEST_WAITING)
        return;
    curl_multi_remove_handle(request->http->multi, request->easy);
}

static void request_remove(struct http_request *request)
{
    request_detach(request);
    request_free(request);
}

static void request_attach(struct http_request *request)
{
    CURLMcode code = curl_multi_add_handle(request->http->multi, request->easy);

    assert(code == CURLM_OK);
    (void)code;
    request->state = REQUEST_RUNNING;
}

/* --- errors in words --- */

static int explain_timeout(struct http_request *request, struct error *err)
{
    int64_t waited_ms = (clock_mono_us() - request->sent_at_us) / 1000;
    curl_off_t connected_us = 0;

    curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (connected_us == 0)
        return error_set(err, -ETIMEDOUT, "no connection to %s in %lld ms", request->peer,
                         (long long)waited_ms);
    if (request->last_byte_at_us > request->sent_at_us)
        return error_set(err, -ETIMEDOUT, "answer of %s not complete in %lld ms", request->peer,
                         (long long)request->timeout_ms);
    return error_set(err, -ETIMEDOUT, "no answer from %s in %lld ms", request->peer,
                     (long long)request->timeout_ms);
}

static int explain_connect(struct http_request *request, struct error *err)
{
    long reason = 0;

    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &reason);
    switch ((int)reason) {
    case ECONNREFUSED:
        return error_set(err, -ECONNREFUSED, "connection refused by %s", request->peer);
    case ETIMEDOUT:
        return error_set(err, -ETIMEDOUT, "no connection to %s", request->peer);
    case 0:
        return error_set(err, -EHOSTUNREACH, "cannot reach %s", request->peer);
    default:
        return error_set(err, -EHOSTUNREACH, "cannot reach %s: %s", request->peer,
                         strerror((int)reason));
    }
}

static int explain_write(struct http_request *request, struct error *err)
{
    if (request->too_large)
        return error_set(err, -EMSGSIZE, "answer of %s is larger than the allowed %zu bytes",
                         request->peer, request->body.max_bytes);
    return error_set(err, -ECANCELED, "answer of %s was not wanted", request->peer);
}

/* libcurl's words are "SSL certificate problem: self-signed certificate", "SSL: certificate subject
 * name 'cam' does not match target host name '10.0.0.5'" and the like. */
static const char *tls_words(const struct http_request *request)
{
    static const char *const prefixes[] = {"SSL certificate problem: ", "SSL: "};
    const char *words = request->curl_error;

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts_with(words, prefixes[i]))
            words += strlen(prefixes[i]);
    return words[0] ? words : "without saying why";
}

static int explain_certificate(struct http_request *request, struct error *err)
{
    return error_set(err, -EKEYREJECTED, "the TLS certificate of %s is not trusted: %s",
                     request->peer, tls_words(request));
}

static int explain(struct http_request *request, CURLcode code, struct error *err)
{
    switch (code) {
    case CURLE_OK:
        return request->given_up ? explain_write(request, err) : 0;
    case CURLE_OPERATION_TIMEDOUT:
        return explain_timeout(request, err);
    case CURLE_COULDNT_CONNECT:
        return explain_connect(request, err);
    case CURLE_COULDNT_RESOLVE_HOST:
        return error_set(err, -EHOSTUNREACH, "cannot find the host of %s", request->peer);
    case CURLE_WRITE_ERROR:
        return explain_write(request, err);
    case CURLE_GOT_NOTHING:
        return error_set(err, -ECONNRESET, "%s closed the connection without an answer",
                         request->peer);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return error_set(err, -ECONNRESET, "connection to %s was cut", request->peer);
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_certificate(request, err);
    case CURLE_SSL_CACERT_BADFILE:
        return error_set(err, -EKEYREJECTED, "%s: no certificates can be read from ca_file",
                         request->peer);
    case CURLE_SSL_CONNECT_ERROR:
        return error_set(err, -EPROTO, "no TLS with %s (is it http, not https?): %s", request->peer,
                         tls_words(request));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return error_set(err, -EPROTO, "%s does not answer with HTTP", request->peer);
    default:
        return error_set(err, -EPROTO, "%s: %s", request->peer, curl_easy_strerror(code));
    }
}

/* --- the end of a request --- */

static const char *content_type(struct http_request *request)
{
    char *type = NULL;

    curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, &type);
    return type;
}

static int status_of(struct http_request *request)
{
    long status = 0;

    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t bytes_sent(struct http_request *request)
{
    long request_bytes = 0;
    curl_off_t body_bytes = 0;

    curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &body_bytes);
    /* libcurl counts a small body, which goes out together with the headers, in both. */
    if (body_bytes > request_bytes)
        request_bytes += (long)body_bytes;
    return (size_t)request_bytes;
}

static size_t bytes_received(struct http_request *request)
{
    long header_bytes = 0;
    curl_off_t body_bytes = 0;

    curl_easy_getinfo(request->easy, CURLINFO_HEADER_SIZE, &header_bytes);
    curl_easy_getinfo(request->easy, CURLINFO_SIZE_DOWNLOAD_T, &body_bytes);
    return (size_t)header_bytes + (size_t)body_bytes;
}

static void fill_response(struct http_request *request, struct http_response *ret_response)
{
    *ret_response = (struct http_response){
        .status = status_of(request),
        .content_type = content_type(request),
        .body = request->on_data ? NULL : buf_text(&request->body),
        .body_len = request->body.len,
        .sent_at_mono_us = request->sent_at_us,
        .first_byte_at_mono_us = request->first_byte_at_us,
        .bytes_sent = bytes_sent(request),
        .bytes_received = bytes_received(request),
    };
}

static void hand_over(struct http_request *request, int result, const struct error *err)
{
    struct http_response response;

    request_detach(request);
    timer_stop(request->idle_timer);
    request->state = REQUEST_DONE;
    fill_response(request, &response);
    request->done(result, &response, err, request->user);
    request_free(request);
}

/* Tells the headers, once. False when the request is not to go on. */
static bool announce(struct http_request *request)
{
    if (request->state != REQUEST_RUNNING)
        return false;
    if (request->announced)
        return !request->given_up;
    request->announced = true;
    if (request->on_headers &&
        !request->on_headers(status_of(request), content_type(request), request->user))
        request->given_up = true;
    return request->state == REQUEST_RUNNING && !request->given_up;
}

/* An answer without a body may not have been announced yet; its listener may cancel anything. */
static void announce_at_end(struct http_request *request)
{
    struct http *http = request->http;

    http->in_curl = true;
    announce(request);
    http->in_curl = false;
}

static void request_finish(struct http_request *request, CURLcode code)
{
    struct error err = {0};
    int result;

    if (code == CURLE_OK)
        announce_at_end(request);
    if (request->state == REQUEST_CANCELLED) {
        request_remove(request);
        return;
    }
    result = explain(request, code, &err);
    hand_over(request, result, &err);
}

static void on_idle(void *user)
{
    struct http_request *request = user;
    int64_t idle_ms = (clock_mono_us() - request->last_byte_at_us) / 1000;
    struct error err = {0};

    if (idle_ms < request->idle_timeout_ms) {
        timer_start(request->idle_timer, request->idle_timeout_ms - idle_ms);
        return;
    }
    error_set(&err, -ETIMEDOUT, "no data from %s for %lld ms", request->peer, (long long)idle_ms);
    hand_over(request, -ETIMEDOUT, &err);
}

/* --- what libcurl calls while it is on the stack --- */

static size_t on_curl_header(char *line, size_t size, size_t count, void *user)
{
    struct http_request *request = user;
    size_t len = size * count;
    bool block_end = len <= 2 && (line[0] == '\r' || line[0] == '\n');
    int status = status_of(request);

    request->last_byte_at_us = clock_mono_us();
    if (!block_end || status < 200)
        return len;
    /* Perhaps only the server's question for the password; if not, the body announces it. */
    if (status == HTTP_UNAUTHORIZED && request->has_user)
        return len;
    return announce(request) ? len : 0;
}

static bool keep_body(struct http_request *request, const char *data, size_t len)
{
    request->too_large = buf_append(&request->body, data, len) < 0;
    return !request->too_large;
}

static size_t on_curl_body(char *data, size_t size, size_t count, void *user)
{
    struct http_request *request = user;
    size_t len = size * count;
    int64_t now_us = clock_mono_us();

    request->last_byte_at_us = now_us;
    if (!announce(request))
        return 0;
    if (request->first_byte_at_us == 0)
        request->first_byte_at_us = now_us;
    if (!request->on_data)
        return keep_body(request, data, len) ? len : 0;
    request->on_data((const uint8_t *)data, len, now_us, request->user);
    return request->state == REQUEST_RUNNING ? len : 0;
}

static void on_socket_ready(int events, void *user);

static void socket_free(struct http_socket *watched)
{
    list_remove(&watched->link);
    watch_free(watched->watch);
    free(watched);
}

static struct http_socket *socket_new(struct http *http, curl_socket_t fd)
{
    struct http_socket *watched = xcalloc(1, sizeof(*watched));

    watched->http = http;
    watched->fd = fd;
    watched->watch = watch_new(http->loop, fd, on_socket_ready, watched);
    list_append(&http->sockets, &watched->link);
    curl_multi_assign(http->multi, fd, watched);
    return watched;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct http_socket *watched = socket_user;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched)
            socket_free(watched);
        return 0;
    }
    if (!watched)
        watched = socket_new(user, fd);
    watch_start(watched->watch,
                (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0));
    return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct http *http = user;

    (void)multi;
    if (timeout_ms < 0)
        timer_stop(http->timer);
    else
        timer_start(http->timer, timeout_ms);
    return 0;
}

/* --- driving libcurl --- */

/* Carries out what was started and cancelled while libcurl was on the stack. */
static void settle(struct http *http)
{
    struct http_request *request;

    LIST_FOR_EACH(&http->requests, request, struct http_request, link)
    {
        if (request->state == REQUEST_WAITING) {
            request_attach(request);
        } else if (request->state == REQUEST_CANCELLED) {
            request_remove(request);
        }
    }
}

static void hand_over_results(struct http *http)
{
    struct http_request *request;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        request_finish(request, message->data.result);
    }
    settle(http);
}

static void drive(struct http *http, curl_socket_t fd, int curl_events)
{
    int running;

    http->in_curl = true;
    curl_multi_socket_action(http->multi, fd, curl_events, &running);
    http->in_curl = false;
    settle(http);
    hand_over_results(http);
}

static void on_socket_ready(int events, void *user)
{
    struct http_socket *watched = user;

    drive(watched->http, watched->fd,
          (events & WATCH_READ ? CURL_CSELECT_IN : 0) |
              (events & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *user)
{
    drive(user, CURL_SOCKET_TIMEOUT, 0);
}

/* --- setting a request up --- */

#define SET(easy, option, value)                                                                   \
    do {                                                                                           \
        CURLcode set_code_ = curl_easy_setopt(easy, option, value);                                \
        assert(set_code_ == CURLE_OK);                                                             \
        (void)set_code_;                                                                           \
    } while (0)

static void set_rules(CURL *easy)
{
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_TCP_NODELAY, 1L);
    SET(easy, CURLOPT_QUICK_EXIT, 1L);
    SET(easy, CURLOPT_USERAGENT, "lapsed/" LAPSED_VERSION);
}

static void set_callbacks(struct http_request *request)
{
    SET(request->easy, CURLOPT_PRIVATE, request);
    SET(request->easy, CURLOPT_ERRORBUFFER, request->curl_error);
    SET(request->easy, CURLOPT_HEADERFUNCTION, on_curl_header);
    SET(request->easy, CURLOPT_HEADERDATA, request);
    SET(request->easy, CURLOPT_WRITEFUNCTION, on_curl_body);
    SET(request->easy, CURLOPT_WRITEDATA, request);
}

static void set_limits(struct http_request *request, const struct http_request_config *config)
{
    SET(request->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    SET(request->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (config->on_data)
        SET(request->easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER_BYTES);
    if (config->fresh_connection) {
        SET(request->easy, CURLOPT_FRESH_CONNECT, 1L);
        SET(request->easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

static void set_method(CURL *easy, const struct http_request_config *config)
{
    const char *method = config->method ? config->method : "GET";

    if (config->body || str_equal(method, "POST")) {
        const char *body = config->body ? config->body : "";

        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(easy, CURLOPT_COPYPOSTFIELDS, body);
    }
    if (str_equal(method, "HEAD"))
        SET(easy, CURLOPT_NOBODY, 1L);
    else
        SET(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void add_header(struct http_request *request, const char *header)
{
    struct curl_slist *longer = curl_slist_append(request->headers, header);

    assert(longer);
    request->headers = longer;
}

/* RepRapFirmware takes 1460 bytes for a whole request: no header that nobody asked for. */
static void set_headers(struct http_request *request, const struct http_request_config *config)
{
    bool has_accept = false;

    for (const char *const *header = config->headers; header && *header; header++) {
        add_header(request, *header);
        has_accept = has_accept || strncasecmp(*header, "Accept:", strlen("Accept:")) == 0;
    }
    if (!has_accept)
        add_header(request, "Accept:");
    add_header(request, "Expect:");
    SET(request->easy, CURLOPT_HTTPHEADER, request->headers);
}

static void set_login(CURL *easy, const struct http_request_config *config)
{
    if (!config->user)
        return;
    SET(easy, CURLOPT_USERNAME, config->user);
    SET(easy, CURLOPT_PASSWORD, config->password ? config->password : "");
}

/* Only those in the file: the system's directory would be asked, too. */
static void set_trust(CURL *easy, const struct http_request_config *config)
{
    if (!config->ca_file)
        return;
    SET(easy, CURLOPT_CAINFO, config->ca_file);
    SET(easy, CURLOPT_CAPATH, NULL);
}

static struct http_request *request_new(struct http *http, const struct http_request_config *config)
{
    struct http_request *request = xcalloc(1, sizeof(*request));

    request->http = http;
    request->easy = curl_easy_init();
    assert(request->easy);
    request->connect_timeout_ms =
        config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    request->timeout_ms = config->timeout_ms;
    request->idle_timeout_ms = (config->idle_timeout_ms + 999) / 1000 * 1000;
    request->idle_timer = timer_new(http->loop, on_idle, request);
    request->has_user = config->user || strchr(config->url, '@');
    request->on_headers = config->on_headers;
    request->on_data = config->on_data;
    request->sent_at_us = request->last_byte_at_us = clock_mono_us();
    buf_init(&request->body, config->max_body_bytes);
    list_append(&http->requests, &request->link);
    return request;
}

int http_start(struct http *http, const struct http_request_config *config, http_done_fn done,
               void *user, struct http_request **ret_request, struct error *err)
{
    CLEANUP(free_p) char *peer = NULL;
    struct http_request *request;
    int rc = parse_url(config->url, &peer, err);

    if (rc < 0)
        return rc;
    request = request_new(http, config);
    request->peer = TAKE(peer);
    request->done = done;
    request->user = user;
    SET(request->easy, CURLOPT_URL, config->url);
    set_rules(request->easy);
    set_callbacks(request);
    set_limits(request, config);
    set_method(request->easy, config);
    set_headers(request, config);
    set_login(request->easy, config);
    set_trust(request->easy, config);
    if (request->idle_timeout_ms > 0)
        timer_start(request->idle_timer, request->idle_timeout_ms);
    if (!http->in_curl)
        request_attach(request);
    *ret_request = request;
    return 0;
}

void http_cancel(struct http_request *request)
{
    if (!request || request->state == REQUEST_DONE)
        return;
    if (request->http->in_curl && request->state == REQUEST_RUNNING) {
        request->state = REQUEST_CANCELLED;
        timer_stop(request->idle_timer);
        return;
    }
    if (request->state != REQUEST_CANCELLED)
        request_remove(request);
}

/* --- http --- */

struct http *http_new(struct loop *loop)
{
    struct http *http = xcalloc(1, sizeof(*http));
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(code == CURLE_OK);
    (void)code;
    http->loop = loop;
    list_init(&http->requests);
    list_init(&http->sockets);
    http->timer = timer_new(loop, on_timer, http);
    http->multi = curl_multi_init();
    assert(http->multi);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    return http;
}

void http_free(struct http *http)
{
    struct http_request *request;

    if (!http)
        return;
    while ((request = LIST_FIRST(&http->requests, struct http_request, link)))
        request_remove(request);
    /* Closing the pooled connections calls on_curl_socket() for the last time. */
    curl_multi_cleanup(http->multi);
    assert(list_empty(&http->sockets));
    timer_free(http->timer);
    free(http);
    curl_global_cleanup();
}
