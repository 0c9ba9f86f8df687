/* SPDX-License-Identifier: MIT */
/* test_http: requests against a little server that answers canned bytes, on the same loop.
 *
 * A real server would be too well-behaved: these answers are cut, silent, slow, endless or garbage.
 */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/http.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 15000, MAX_REPLIES = 4, MAX_RECORDS = 3 };

enum after_reply { KEEP_OPEN, CLOSE, RESET, DRIP };

struct reply {
    const char *bytes;
    enum after_reply after; /* DRIP: one byte every 20 ms, then KEEP_OPEN */
};

struct server {
    struct loop *loop;
    int fd;
    int port;
    struct watch *watch;
    struct list connections;
    struct reply replies[MAX_REPLIES]; /* for the first, second … request; the last one stays */
    int requests, accepted;
    struct buf received; /* everything, of all connections */
};

struct connection {
    struct list link;
    struct server *server;
    int fd;
    struct watch *watch;
    struct timer *drip;
    const char *rest;
    struct buf in;
};

static void connection_free(struct connection *connection)
{
    list_remove(&connection->link);
    watch_free(connection->watch);
    timer_free(connection->drip);
    close(connection->fd);
    buf_done(&connection->in);
    free(connection);
}

static void send_text(int fd, const char *text, size_t len)
{
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

static void on_drip(void *user)
{
    struct connection *connection = user;

    if (*connection->rest == '\0' || send(connection->fd, connection->rest, 1, MSG_NOSIGNAL) != 1) {
        timer_stop(connection->drip);
        return;
    }
    connection->rest++;
}

static void connection_reply(struct connection *connection, const struct reply *reply)
{
    const struct linger hard = {.l_onoff = 1};

    if (reply->after == DRIP) {
        connection->rest = reply->bytes;
        timer_start_repeat(connection->drip, 20);
        return;
    }
    send_text(connection->fd, reply->bytes, strlen(reply->bytes));
    if (reply->after == RESET)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    if (reply->after != KEEP_OPEN)
        connection_free(connection);
}

/* The length of the first whole request in what came in, 0 when it is not whole. */
static size_t request_len(struct buf *in)
{
    const char *text = buf_text(in);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    size_t body = 0;

    if (!end)
        return 0;
    if (length && length < end)
        body = strtoul(length + strlen("Content-Length: "), NULL, 10);
    if (in->len < (size_t)(end - text) + 4 + body)
        return 0;
    return (size_t)(end - text) + 4 + body;
}

static void on_connection_ready(int events, void *user)
{
    struct connection *connection = user;
    struct server *server = connection->server;
    char data[65536];
    ssize_t got = recv(connection->fd, data, sizeof(data), 0);
    size_t len;

    (void)events;
    if (got <= 0) {
        connection_free(connection);
        return;
    }
    assert_int_equal(buf_append(&server->received, data, (size_t)got), 0);
    assert_int_equal(buf_append(&connection->in, data, (size_t)got), 0);
    len = request_len(&connection->in);
    if (len > 0) {
        buf_consume(&connection->in, len);
        server->requests++;
        connection_reply(connection, &server->replies[MIN(server->requests, MAX_REPLIES) - 1]);
    }
}

static void on_accept(int events, void *user)
{
    struct server *server = user;
    struct connection *connection = xcalloc(1, sizeof(*connection));

    (void)events;
    connection->server = server;
    connection->fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(connection->fd >= 0);
    connection->drip = timer_new(server->loop, on_drip, connection);
    connection->watch = watch_new(server->loop, connection->fd, on_connection_ready, connection);
    watch_start(connection->watch, WATCH_READ);
    buf_init(&connection->in, 1 << 20);
    list_append(&server->connections, &connection->link);
    server->accepted++;
}

static void server_open(struct server *server, struct loop *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    server->loop = loop;
    list_init(&server->connections);
    buf_init(&server->received, 1 << 20);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    server->watch = watch_new(loop, server->fd, on_accept, server);
    watch_start(server->watch, WATCH_READ);
}

/* The only connection that is open. */
static struct connection *server_connection(struct server *server)
{
    assert_false(list_empty(&server->connections));
    return CONTAINER_OF(server->connections.next, struct connection, link);
}

static void server_close(struct server *server)
{
    struct connection *connection;

    while ((connection = LIST_FIRST(&server->connections, struct connection, link)))
        connection_free(connection);
    watch_free(server->watch);
    close(server->fd);
    buf_done(&server->received);
}

/* --- what came of a request --- */

struct record {
    struct fixture *fixture;
    struct http_request *request;
    int done_calls, headers_calls, data_calls;
    int result, status;
    char *type, *body, *error;
    struct http_response response; /* its pointers are stale */
    struct buf data;
    bool refuse_headers;
    /* What to do in the callback of that name: cancel this one (a record's own request, too). */
    struct record *cancel_on_headers, *cancel_on_data, *cancel_on_done;
    struct record *start_on_headers;
};

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    struct http *http;
    struct server server;
    struct record records[MAX_RECORDS];
};

static void start_plain(struct record *record, struct http_request_config config);

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void cancel(struct record *record)
{
    if (record)
        http_cancel(TAKE(record->request));
}

static void on_done(int result, const struct http_response *response, const struct error *err,
                    void *user)
{
    struct record *record = user;

    record->done_calls++;
    record->result = result;
    record->status = response->status;
    record->response = *response;
    replace_str(&record->type, response->content_type);
    replace_str(&record->body, response->body);
    replace_str(&record->error, err->text);
    cancel(record->cancel_on_done);
    record->request = NULL;
}

static bool on_headers(int status, const char *content_type, void *user)
{
    struct record *record = user;

    assert_int_equal(record->data_calls, 0);
    record->headers_calls++;
    record->status = status;
    replace_str(&record->type, content_type);
    cancel(record->cancel_on_headers);
    if (record->start_on_headers)
        start_plain(record->start_on_headers, (struct http_request_config){0});
    return !record->refuse_headers;
}

static void on_data(const uint8_t *data, size_t len, int64_t at_mono_us, void *user)
{
    struct record *record = user;

    assert_int_equal(record->headers_calls, 1);
    assert_in_range(clock_mono_us() - at_mono_us, 0, 1000000);
    record->data_calls++;
    assert_int_equal(buf_append(&record->data, data, len), 0);
    cancel(record->cancel_on_data);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    f->http = http_new(f->loop);
    server_open(&f->server, f->loop);
    for (size_t i = 0; i < MAX_RECORDS; i++) {
        f->records[i].fixture = f;
        buf_init(&f->records[i].data, 1 << 20);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_free(f->http);
    server_close(&f->server);
    timer_free(f->deadline);
    loop_free(f->loop);
    for (size_t i = 0; i < MAX_RECORDS; i++) {
        buf_done(&f->records[i].data);
        free(f->records[i].type);
        free(f->records[i].body);
        free(f->records[i].error);
    }
    free(f);
    return 0;
}

static void start_url(struct record *record, const char *url, struct http_request_config config)
{
    struct error err = {0};

    config.url = url;
    if (config.max_body_bytes == 0)
        config.max_body_bytes = 1000;
    if (http_start(record->fixture->http, &config, on_done, record, &record->request, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(record->done_calls, 0);
}

static void start_plain(struct record *record, struct http_request_config config)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?x=1", record->fixture->server.port);
    start_url(record, url, config);
}

static void start_stream(struct record *record)
{
    start_plain(record, (struct http_request_config){.on_headers = on_headers, .on_data = on_data});
}

static void run_until_done(struct record *record)
{
    while (record->done_calls == 0 && !record->fixture->late)
        loop_run_once(record->fixture->loop);
    assert_int_equal(record->done_calls, 1);
}

static void run_for_ms(struct fixture *f, int64_t ms)
{
    timer_start(f->deadline, ms);
    while (!f->late)
        loop_run_once(f->loop);
    f->late = false;
    timer_start(f->deadline, DEADLINE_MS);
}

static void reply_always(struct fixture *f, const char *bytes, enum after_reply after)
{
    for (size_t i = 0; i < MAX_REPLIES; i++)
        f->server.replies[i] = (struct reply){bytes, after};
}

static struct record *run_against(struct fixture *f, const char *bytes, enum after_reply after,
                                  struct http_request_config config)
{
    reply_always(f, bytes, after);
    start_plain(&f->records[0], config);
    run_until_done(&f->records[0]);
    return &f->records[0];
}

#define HELLO   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define ENDLESS "HTTP/1.1 200 OK\r\nContent-Type: multipart/x\r\n\r\npart one"
#define PLAIN                                                                                      \
    (struct http_request_config)                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

/* --- whole answers --- */

static void whole_answer_is_kept(void **state)
{
    struct record *r = run_against(*state, HELLO, KEEP_OPEN, PLAIN);

    assert_int_equal(r->result, 0);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->type, "text/plain");
    assert_string_equal(r->body, "hello");
    assert_string_equal(r->error, "");
    assert_int_equal(r->response.body_len, 5);
    assert_true(r->response.first_byte_at_mono_us >= r->response.sent_at_mono_us);
}

static void bytes_are_counted_as_on_the_wire(void **state)
{
    struct fixture *f = *state;
    struct record *r = run_against(f, HELLO, KEEP_OPEN, PLAIN);

    assert_int_equal(r->response.bytes_received, strlen(HELLO));
    assert_int_equal(r->response.bytes_sent, f->server.received.len);
}

static void bytes_of_a_body_sent_are_counted_once(void **state)
{
    static const size_t sizes[] = {10, 60000, 100000};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(free_p) char *body = xcalloc(1, sizes[i] + 1);
        struct record *r;

        memset(body, 'x', sizes[i]);
        buf_clear(&f->server.received);
        r = run_against(f, HELLO, KEEP_OPEN,
                        (struct http_request_config){.method = "POST", .body = body});
        assert_in_range(f->server.received.len, sizes[i], sizes[i] + 300);
        assert_int_equal(r->response.bytes_sent, f->server.received.len);
        r->done_calls = 0;
    }
}

static void chunked_answer_is_put_together(void **state)
{
    struct record *r = run_against(
        *state,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        KEEP_OPEN, PLAIN);

    assert_int_equal(r->result, 0);
    assert_string_equal(r->body, "abcde");
    assert_null(r->type);
}

static void answer_that_ends_by_closing_is_whole(void **state)
{
    struct record *r = run_against(*state, "HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE, PLAIN);

    assert_int_equal(r->result, 0);
    assert_string_equal(r->body, "until the end");
}

static void http_errors_are_answers(void **state)
{
    struct record *r =
        run_against(*state, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", KEEP_OPEN, PLAIN);

    assert_int_equal(r->result, 0);
    assert_int_equal(r->status, 503);
    assert_string_equal(r->body, "busy");
}

static void redirects_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct record *r = run_against(
        f, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        KEEP_OPEN, PLAIN);

    assert_int_equal(r->result, 0);
    assert_int_equal(r->status, 302);
    assert_int_equal(f->server.requests, 1);
}

static void request_is_short_and_as_asked(void **state)
{
    static const char *const headers[] = {"X-Api-Key: 12", "Content-Type: application/json", NULL};
    struct fixture *f = *state;
    const char *sent;

    run_against(f, HELLO, KEEP_OPEN,
                (struct http_request_config){.method = "PUT", .headers = headers, .body = "{}"});
    sent = buf_text(&f->server.received);
    assert_ptr_equal(strstr(sent, "PUT /path?x=1 HTTP/1.1\r\n"), sent);
    assert_non_null(strstr(sent, "\r\nX-Api-Key: 12\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(sent, "\r\nUser-Agent: lapsed/"));
    assert_non_null(strstr(sent, "\r\n\r\n{}"));
    assert_null(strstr(sent, "Accept:"));
    assert_null(strstr(sent, "Expect:"));
    assert_in_range(f->server.received.len, 1, 200);
}

static void connection_is_used_again_unless_it_is_to_be_fresh(void **state)
{
    struct fixture *f = *state;

    reply_always(f, HELLO, KEEP_OPEN);
    for (int i = 0; i < 4; i++) {
        f->records[0].done_calls = 0;
        start_plain(&f->records[0], (struct http_request_config){.fresh_connection = i >= 2});
        run_until_done(&f->records[0]);
    }
    assert_int_equal(f->server.requests, 4);
    assert_int_equal(f->server.accepted, 3);
}

static void password_is_sent_when_the_server_asks(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, HELLO, KEEP_OPEN);
    f->server.replies[0].bytes = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n"
                                 "Content-Length: 4\r\n\r\nnope";
    start_plain(r, (struct http_request_config){
                       .user = "me", .password = "secret", .on_headers = on_headers});
    run_until_done(r);
    assert_int_equal(r->result, 0);
    assert_string_equal(r->body, "hello");
    assert_int_equal(r->headers_calls, 1);
    assert_int_equal(f->server.requests, 2);
    assert_non_null(strstr(buf_text(&f->server.received), "Authorization: Basic bWU6c2VjcmV0\r\n"));
}

/* MD5(MD5("me:cam:secret") ":n0nce:" MD5("GET:/path?x=1")), RFC 7616 without qop. */
static void password_itself_is_not_sent_to_a_server_that_asks_for_a_digest(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, HELLO, KEEP_OPEN);
    f->server.replies[0].bytes = "HTTP/1.1 401 No\r\n"
                                 "WWW-Authenticate: Digest realm=\"cam\", nonce=\"n0nce\"\r\n"
                                 "Content-Length: 0\r\n\r\n";
    start_plain(r, (struct http_request_config){.user = "me", .password = "secret"});
    run_until_done(r);
    assert_int_equal(r->result, 0);
    assert_string_equal(r->body, "hello");
    assert_non_null(strstr(buf_text(&f->server.received), "Authorization: Digest username=\"me\""));
    assert_non_null(
        strstr(buf_text(&f->server.received), "response=\"9b6eb55514fda3b8a292aa781eceea4f\""));
    assert_null(strstr(buf_text(&f->server.received), "bWU6c2VjcmV0"));
}

static void wrong_password_is_an_answer_announced_once(void **state)
{
    struct record *r = run_against(
        *state,
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"c\"\r\nContent-Length: 0\r\n\r\n",
        KEEP_OPEN,
        (struct http_request_config){.user = "me", .password = "bad", .on_headers = on_headers});

    assert_int_equal(r->result, 0);
    assert_int_equal(r->status, 401);
    assert_int_equal(r->headers_calls, 1);
}

/* --- failures --- */

static void closed_port_refuses(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];
    char url[64], text[64];

    watch_free(TAKE(f->server.watch));
    close(f->server.fd);
    f->server.fd = -1;
    snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%d/", f->server.port);
    snprintf(text, sizeof(text), "connection refused by 127.0.0.1:%d", f->server.port);
    start_url(r, url, PLAIN);
    run_until_done(r);
    assert_int_equal(r->result, -ECONNREFUSED);
    assert_int_equal(r->status, 0);
    assert_string_equal(r->error, text);
}

static void unknown_host_is_unreachable_and_no_password_is_told(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    start_url(r, "http://me:secret@printer.invalid/", PLAIN);
    run_until_done(r);
    assert_int_equal(r->result, -EHOSTUNREACH);
    assert_string_equal(r->error, "cannot find the host of printer.invalid:80");
}

static void silent_server_times_out(void **state)
{
    struct record *r =
        run_against(*state, "", KEEP_OPEN, (struct http_request_config){.timeout_ms = 200});

    assert_int_equal(r->result, -ETIMEDOUT);
    assert_non_null(strstr(r->error, "no answer from 127.0.0.1:"));
    assert_non_null(strstr(r->error, "in 200 ms"));
}

static void slow_drip_passes_the_idle_timeout_but_not_the_whole_one(void **state)
{
    struct record *r = run_against(
        *state,
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", DRIP,
        (struct http_request_config){.timeout_ms = 1300, .idle_timeout_ms = 1000});

    assert_int_equal(r->result, -ETIMEDOUT);
    assert_non_null(strstr(r->error, "not complete in 1300 ms"));
    assert_int_equal(r->status, 200);
}

static void stalled_stream_ends_by_the_idle_timeout(void **state)
{
    struct fixture *f = *state;
    int64_t started_ms = clock_mono_ms();
    struct record *r =
        run_against(f, ENDLESS, KEEP_OPEN,
                    (struct http_request_config){
                        .idle_timeout_ms = 1, .on_headers = on_headers, .on_data = on_data});

    assert_int_equal(r->result, -ETIMEDOUT);
    assert_in_range(clock_mono_ms() - started_ms, 990, 3000);
    assert_non_null(strstr(r->error, "no data from"));
    assert_string_equal(buf_text(&r->data), "part one");
}

static void cut_answers_are_resets(void **state)
{
    static const struct reply replies[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", CLOSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", RESET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", CLOSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", CLOSE},
        {"", CLOSE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct record *r = run_against(f, replies[i].bytes, replies[i].after, PLAIN);

        if (r->result != -ECONNRESET)
            fail_msg("reply %zu: %d, %s", i, r->result, r->error);
        r->done_calls = 0;
    }
}

static void garbage_is_a_protocol_error(void **state)
{
    struct record *r = run_against(*state, "\x01\x02 this is no HTTP at all\r\n\r\n", CLOSE, PLAIN);

    assert_int_equal(r->result, -EPROTO);
    assert_non_null(strstr(r->error, "does not answer with HTTP"));
}

static void tls_to_a_plain_server_is_a_protocol_error(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];
    char url[64];

    reply_always(f, "", CLOSE);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", f->server.port);
    start_url(r, url, (struct http_request_config){.timeout_ms = 500});
    run_for_ms(f, 50);
    send_text(server_connection(&f->server)->fd, HELLO, 20);
    run_until_done(r);
    assert_int_equal(r->result, -EPROTO);
}

static void body_over_the_maximum_is_refused_with_and_without_length(void **state)
{
    static const char *const heads[] = {"Content-Length: 1200\r\n", ""};
    struct fixture *f = *state;
    char answer[2000];

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct record *r;

        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%s\r\n%01200d", heads[i], 0);
        r = run_against(f, answer, KEEP_OPEN, (struct http_request_config){.max_body_bytes = 1199});
        assert_int_equal(r->result, -EMSGSIZE);
        assert_non_null(strstr(r->error, "1199 bytes"));
        r->done_calls = 0;
    }
}

static void body_of_just_the_maximum_is_fine(void **state)
{
    struct record *r =
        run_against(*state, HELLO, KEEP_OPEN, (struct http_request_config){.max_body_bytes = 5});

    assert_int_equal(r->result, 0);
}

/* --- streams --- */

static void stream_is_told_piece_by_piece_headers_first(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, ENDLESS, KEEP_OPEN);
    start_stream(r);
    while (r->data_calls == 0 && !f->late)
        loop_run_once(f->loop);
    assert_string_equal(r->type, "multipart/x");
    send_text(server_connection(&f->server)->fd, ", two", 5);
    while (r->data_calls == 1 && !f->late)
        loop_run_once(f->loop);
    connection_free(server_connection(&f->server));
    run_until_done(r);
    assert_int_equal(r->result, 0);
    assert_null(r->response.body);
    assert_string_equal(buf_text(&r->data), "part one, two");
}

static void headers_come_before_there_is_any_data(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x\r\n\r\n", KEEP_OPEN);
    start_stream(r);
    while (r->headers_calls == 0 && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(r->headers_calls, 1);
    assert_int_equal(r->status, 200);
}

static void refused_headers_end_the_request(void **state)
{
    struct fixture *f = *state;
    static const char *const answers[] = {ENDLESS, "HTTP/1.1 204 None\r\n\r\n",
                                          "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"};

    f->records[0].refuse_headers = true;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        f->records[0].headers_calls = f->records[0].done_calls = 0;
        run_against(f, answers[i], KEEP_OPEN,
                    (struct http_request_config){.on_headers = on_headers, .on_data = on_data});
        assert_int_equal(f->records[0].result, -ECANCELED);
        assert_int_equal(f->records[0].headers_calls, 1);
        assert_int_equal(f->records[0].data_calls, 0);
    }
}

/* --- cancelling --- */

static void cancelled_request_calls_nobody(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, HELLO, KEEP_OPEN);
    start_stream(r);
    http_cancel(r->request);
    start_stream(r);
    loop_run_once(f->loop);
    http_cancel(r->request);
    http_cancel(NULL);
    run_for_ms(f, 50);
    assert_int_equal(r->headers_calls + r->data_calls + r->done_calls, 0);
}

static void request_may_cancel_itself_in_each_callback(void **state)
{
    struct fixture *f = *state;
    struct record *r = f->records;

    reply_always(f, HELLO, KEEP_OPEN);
    r[0].cancel_on_headers = &r[0];
    r[1].cancel_on_data = &r[1];
    r[2].cancel_on_done = &r[2];
    for (size_t i = 0; i < MAX_RECORDS; i++)
        start_stream(&r[i]);
    run_until_done(&r[2]);
    run_for_ms(f, 50);
    assert_int_equal(r[0].headers_calls, 1);
    assert_int_equal(r[0].data_calls + r[0].done_calls, 0);
    assert_int_equal(r[1].data_calls, 1);
    assert_int_equal(r[1].done_calls, 0);
    assert_int_equal(r[2].done_calls, 1);
}

static void cancelling_in_the_headers_of_an_empty_answer_works(void **state)
{
    struct fixture *f = *state;
    struct record *r = &f->records[0];

    reply_always(f, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", KEEP_OPEN);
    r->cancel_on_headers = r;
    start_plain(r, (struct http_request_config){.user = "me", .on_headers = on_headers});
    run_for_ms(f, 100);
    assert_int_equal(r->headers_calls, 1);
    assert_int_equal(r->done_calls, 0);
}

/* Two requests that would end in the same round; the first callback of either cancels the other. */
static void expect_one_survivor(struct fixture *f)
{
    struct record *r = f->records;

    start_stream(&r[0]);
    start_stream(&r[1]);
    run_for_ms(f, 100);
    assert_int_equal(r[0].done_calls + r[1].done_calls, 1);
}

static void request_may_cancel_another_in_headers(void **state)
{
    struct fixture *f = *state;

    reply_always(f, HELLO, KEEP_OPEN);
    f->records[0].cancel_on_headers = &f->records[1];
    f->records[1].cancel_on_headers = &f->records[0];
    expect_one_survivor(f);
}

static void request_may_cancel_another_in_data(void **state)
{
    struct fixture *f = *state;

    reply_always(f, HELLO, KEEP_OPEN);
    f->records[0].cancel_on_data = &f->records[1];
    f->records[1].cancel_on_data = &f->records[0];
    expect_one_survivor(f);
}

static void request_may_cancel_another_in_done(void **state)
{
    struct fixture *f = *state;

    reply_always(f, "", CLOSE);
    f->records[0].cancel_on_done = &f->records[1];
    f->records[1].cancel_on_done = &f->records[0];
    expect_one_survivor(f);
}

static void request_may_start_another_in_its_callback(void **state)
{
    struct fixture *f = *state;

    reply_always(f, HELLO, KEEP_OPEN);
    f->records[0].start_on_headers = &f->records[1];
    start_stream(&f->records[0]);
    run_until_done(&f->records[0]);
    run_until_done(&f->records[1]);
    assert_string_equal(f->records[1].body, "hello");
}

static void request_started_and_cancelled_in_a_callback_is_never_sent(void **state)
{
    struct fixture *f = *state;

    reply_always(f, HELLO, KEEP_OPEN);
    f->records[0].start_on_headers = &f->records[1];
    f->records[0].cancel_on_data = &f->records[1];
    start_stream(&f->records[0]);
    run_for_ms(f, 100);
    assert_int_equal(f->records[0].done_calls, 1);
    assert_int_equal(f->records[1].done_calls, 0);
}

static void http_may_be_freed_while_requests_are_under_way(void **state)
{
    struct fixture *f = *state;
    struct record *r = f->records;

    reply_always(f, ENDLESS, KEEP_OPEN);
    start_stream(&r[0]);
    while (r[0].data_calls == 0 && !f->late)
        loop_run_once(f->loop);
    start_url(&r[1], "http://slow-to-resolve.invalid/", PLAIN);
    loop_run_once(f->loop);
    start_stream(&r[2]);
    http_free(TAKE(f->http));
    run_for_ms(f, 50);
    assert_int_equal(r[0].done_calls + r[1].done_calls + r[2].done_calls, 0);
}

/* --- URLs --- */

static void urls_are_checked_and_passwords_not_quoted(void **state)
{
    static const char *const good[] = {"http://a", "https://u:p@host.local:8443/x?y=1",
                                       "HTTP://[::1]:80/"};
    static const char *const bad[] = {
        "",        "host/path",           "ftp://u:pw@host/",  "file:///etc/passwd",
        "http://", "http://u:pw#x@host/", "http://host:99999/"};
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(http_check_url(good[i], &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(http_check_url(bad[i], &err), -EINVAL);
        assert_null(strstr(err.text, "pw"));
        assert_in_range(strlen(err.text), 10, 200);
    }
}

static void bad_url_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    const struct http_request_config config = {.url = "rtsp://cam/"};
    struct record *r = &f->records[0];

    assert_int_equal(http_start(f->http, &config, on_done, r, &r->request, NULL), -EINVAL);
    assert_null(r->request);
    run_for_ms(f, 20);
    assert_int_equal(r->done_calls, 0);
}

static void escape_is_upper_case_hex(void **state)
{
    char *text = http_escape("0:/gcodes/größe 1&2.g~-_");

    (void)state;
    assert_string_equal(text, "0%3A%2Fgcodes%2Fgr%C3%B6%C3%9Fe%201%262.g~-_");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_answer_is_kept),
        TEST(bytes_are_counted_as_on_the_wire),
        TEST(bytes_of_a_body_sent_are_counted_once),
        TEST(chunked_answer_is_put_together),
        TEST(answer_that_ends_by_closing_is_whole),
        TEST(http_errors_are_answers),
        TEST(redirects_are_not_followed),
        TEST(request_is_short_and_as_asked),
        TEST(connection_is_used_again_unless_it_is_to_be_fresh),
        TEST(password_is_sent_when_the_server_asks),
        TEST(password_itself_is_not_sent_to_a_server_that_asks_for_a_digest),
        TEST(wrong_password_is_an_answer_announced_once),
        TEST(closed_port_refuses),
        TEST(unknown_host_is_unreachable_and_no_password_is_told),
        TEST(silent_server_times_out),
        TEST(slow_drip_passes_the_idle_timeout_but_not_the_whole_one),
        TEST(stalled_stream_ends_by_the_idle_timeout),
        TEST(cut_answers_are_resets),
        TEST(garbage_is_a_protocol_error),
        TEST(tls_to_a_plain_server_is_a_protocol_error),
        TEST(body_over_the_maximum_is_refused_with_and_without_length),
        TEST(body_of_just_the_maximum_is_fine),
        TEST(stream_is_told_piece_by_piece_headers_first),
        TEST(headers_come_before_there_is_any_data),
        TEST(refused_headers_end_the_request),
        TEST(cancelled_request_calls_nobody),
        TEST(request_may_cancel_itself_in_each_callback),
        TEST(cancelling_in_the_headers_of_an_empty_answer_works),
        TEST(request_may_cancel_another_in_headers),
        TEST(request_may_cancel_another_in_data),
        TEST(request_may_cancel_another_in_done),
        TEST(request_may_start_another_in_its_callback),
        TEST(request_started_and_cancelled_in_a_callback_is_never_sent),
        TEST(http_may_be_freed_while_requests_are_under_way),
        TEST(urls_are_checked_and_passwords_not_quoted),
        TEST(bad_url_is_refused_at_once),
        TEST(escape_is_upper_case_hex),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
