/* SPDX-License-Identifier: MIT */
/* duet: a Duet in standalone mode, by RepRapFirmware's rr_* requests.
 *
 * The board has a handful of sockets and some 26 output buffers of 256 bytes, shared with the web
 * interface. So there is never more than one request in flight, each is small, and what is asked
 * for follows from what is needed now: every query has a time when it is due next, and the one that
 * is most overdue goes out when the wire is free. Commands go first.
 *
 * Sessions: one is opened, and kept alive by polling. A request with an expired key would not only
 * be refused, it would also take one of the eight sessions each time and lock people out; so after
 * a long silence, and after the first 401, the key is forgotten and rr_connect is sent once. A
 * refused password is tried again after a minute only.
 *
 * After any failure the state and the job must both have been read again before a view is shown:
 * nothing is decided on what the printer was before. */
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/printer/driver.h"
#include "agent/printer/duet_commands.h"
#include "agent/printer/duet_schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    REPLY_SOON_MS = 50, /* after a command */
    FILE_RETRY_MS = 500,
    BACK_OFF_MS = 250,
    BACK_OFF_JOB_MS = 5000,
    BACK_OFF_IDLE_MS = 15000,
    BACK_OFF_FULL_MS = 1000,
    BACK_OFF_BUSY_MS = 700,      /* after a 503: let its buffers drain */
    BACK_OFF_REFUSED_MS = 60000, /* a wrong password does not get better by asking */
    LEAVE_MS = 1000,
    HTTP_OK = 200,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_UNAVAILABLE = 503
};

/* After a failure, and after a new session. */
#define UNREAD_AFTER_FAILURE (DUET_BIT(DUET_STATE) | DUET_BIT(DUET_JOB))
#define UNREAD_AT_FIRST                                                                            \
    (UNREAD_AFTER_FAILURE | DUET_BIT(DUET_INPUTS) | DUET_BIT(DUET_BOX) | DUET_BIT(DUET_FIRMWARE))

enum exchange { CONNECT, GCODE, REPLY, QUERY, DISCONNECT };

struct duet {
    struct printer_port *port;
    struct loop *loop;
    struct http *http;
    const struct printer_settings *settings;
    char *base_url;
    struct timer *timer; /* the next step */

    struct http_request *request; /* the one in flight */
    enum exchange exchange;
    enum duet_query query;
    char token[32]; /* of the command in flight */

    bool connected, leaving;
    bool relogged; /* a 401 was answered with a new session already */
    struct duet_session session;
    int64_t heard_at_us; /* the last sensible answer */
    int failures;        /* in a row */
    int64_t not_before_us;

    enum printer_pace pace;
    struct duet_schedule schedule;
    unsigned unread; /* bits: to be read before a view is shown */
    int file_tries;
    struct duet_model model;

    struct duet_commands commands;
    bool park_wanted;
    struct park_move park;
    bool fetch_reply;
    int64_t seq_fetched; /* the counter's value at the last fetch; -1 = not known */
};

static void step(struct duet *duet);

/* As soon as the loop comes round: the public functions never act themselves. */
static void wake(struct duet *duet)
{
    timer_start(duet->timer, 0);
}

static struct duet_needs needs_of(const struct duet *duet)
{
    return (struct duet_needs){.settings = duet->settings,
                               .model = &duet->model,
                               .hold = duet->pace == PRINTER_PACE_HOLD,
                               .awaiting = duet_commands_awaiting(&duet->commands),
                               .file_tries = duet->file_tries};
}

static void ask_now(struct duet *duet, unsigned queries)
{
    duet_schedule_now(&duet->schedule, queries, clock_mono_us());
}

static void ask_within(struct duet *duet, enum duet_query query, int64_t ms)
{
    duet_schedule_by(&duet->schedule, query, clock_mono_us() + ms * 1000);
}

static void refit_schedule(struct duet *duet)
{
    struct duet_needs needs = needs_of(duet);

    duet_schedule_refit(&duet->schedule, &needs, clock_mono_us());
}

/* --- failing --- */

static void answer(struct duet *duet, enum printer_command command, int result, const char *reply,
                   const struct error *err)
{
    printer_port_command_done(duet->port, command, result, reply, err);
}

/* Commands that cannot be sent now are not sent later: who asked decides anew. */
static void fail_unsent(struct duet *duet, const struct error *err)
{
    struct duet_command *command;

    if (duet->park_wanted) {
        duet->park_wanted = false;
        answer(duet, PRINTER_CMD_PARK, -EAGAIN, "", err);
    }
    while ((command = duet_commands_unsent(&duet->commands)) != NULL) {
        enum printer_command kind = command->kind;

        duet_commands_drop(&duet->commands, command);
        answer(duet, kind, -EAGAIN, "", err);
    }
}

static void fail_sent(struct duet *duet, const struct error *err)
{
    while (duet->commands.count > 0) {
        enum printer_command kind = duet->commands.items[0].kind;

        duet_commands_drop(&duet->commands, &duet->commands.items[0]);
        answer(duet, kind, err->code, "", err);
    }
}

static struct duet_command *find_in_flight(struct duet *duet)
{
    for (size_t i = 0; i < duet->commands.count; i++) {
        if (str_equal(duet->commands.items[i].token, duet->token))
            return &duet->commands.items[i];
    }
    return NULL;
}

static void fail_in_flight(struct duet *duet, int result, const struct error *err)
{
    struct duet_command *command = find_in_flight(duet);
    enum printer_command kind;

    if (!command)
        return;
    kind = command->kind;
    duet_commands_drop(&duet->commands, command);
    answer(duet, kind, result, "", err);
}

static int64_t back_off_ms(const struct duet *duet, int code)
{
    int64_t limit_ms =
        duet->model.has_job || duet->pace == PRINTER_PACE_HOLD ? BACK_OFF_JOB_MS : BACK_OFF_IDLE_MS;

    if (code == -EACCES || code == -ENOTSUP)
        return BACK_OFF_REFUSED_MS;
    if (code == -EUSERS) /* the next one expires within eight seconds */
        return BACK_OFF_FULL_MS;
    if (code == -EBUSY && duet->failures == 1)
        return BACK_OFF_BUSY_MS;
    return MIN(limit_ms, BACK_OFF_MS << MIN(duet->failures - 1, 10));
}

static void fail(struct duet *duet, const struct error *err)
{
    duet->failures++;
    duet->not_before_us = clock_mono_us() + back_off_ms(duet, err->code) * 1000;
    duet->unread |= UNREAD_AFTER_FAILURE;
    ask_now(duet, UNREAD_AFTER_FAILURE);
    log_debug("printer.miss", "id=%s count=%d error=\"%s\"", duet->settings->id, duet->failures,
              err->text);
    if (duet->exchange == GCODE)
        fail_in_flight(duet, err->code, err);
    fail_unsent(duet, err);
    printer_port_failed(duet->port, err);
}

/* --- views --- */

/* A job without its name is none yet; but a file that never tells its name is printed, too. */
static bool is_complete(const struct duet *duet)
{
    const struct duet_model *model = &duet->model;

    if (duet->unread)
        return false;
    return !model->has_job || model->file_known || duet->file_tries >= DUET_FILE_TRIES;
}

static void publish(struct duet *duet, int64_t at_us)
{
    if (is_complete(duet))
        printer_port_view(duet->port, &duet->model.view, at_us);
}

static void forget_session(struct duet *duet)
{
    duet->connected = false;
    duet->session.has_key = false;
}

static void on_restart(struct duet *duet)
{
    struct error err;

    (void)error_set(&err, -ECONNRESET, "the printer restarted");
    forget_session(duet);
    fail_unsent(duet, &err);
    fail_sent(duet, &err);
    duet_model_init(&duet->model);
    printer_port_rebooted(duet->port);
}

/* --- what an answer leads to --- */

static void after_state(struct duet *duet, const struct printer_view *before)
{
    const struct printer_view *now = &duet->model.view;

    if (!duet->model.has_job) {
        duet->unread &= ~(DUET_BIT(DUET_JOB) | DUET_BIT(DUET_INPUTS));
        duet->file_tries = 0;
        return;
    }
    if (before->state == now->state)
        return;
    /* the position at which it stands tells a new pause from the old one, the answer whose it is */
    ask_now(duet, DUET_BIT(DUET_JOB));
    duet_schedule_first(&duet->schedule, DUET_SEQS);
    refit_schedule(duet);
}

static void after_job(struct duet *duet)
{
    if (duet->model.job_denied)
        ask_now(duet, DUET_BIT(DUET_STATE));
    duet->unread &= ~DUET_BIT(DUET_JOB);
}

static void after_file(struct duet *duet)
{
    duet->file_tries = duet->model.file_known ? 0 : duet->file_tries + 1;
    after_job(duet);
}

static void after_seqs(struct duet *duet)
{
    if (duet->seq_fetched >= 0 && duet->seq_fetched != duet->model.seq_reply)
        duet->fetch_reply = true;
    duet->seq_fetched = duet->model.seq_reply;
}

static void after_query(struct duet *duet, const struct printer_view *before)
{
    duet->unread &= ~DUET_BIT(duet->query);
    if (duet->query == DUET_STATE)
        after_state(duet, before);
    else if (duet->query == DUET_JOB)
        after_job(duet);
    else if (duet->query == DUET_FILE)
        after_file(duet);
    else if (duet->query == DUET_SEQS)
        after_seqs(duet);
    if (before->job_file[0] && !duet->model.file_known)
        duet->file_tries = 0; /* another job */
    if (duet->model.has_job && !duet->model.file_known)
        ask_within(duet, DUET_FILE, duet->query == DUET_FILE ? FILE_RETRY_MS : 0);
}

static int take_query(struct duet *duet, const struct http_response *response, int64_t at_us,
                      struct error *err)
{
    struct printer_view before = duet->model.view;
    int64_t gap_s = (at_us - before.state_at_mono_us) / 1000000;
    int rc =
        duet_model_read(&duet->model, duet->query, response->body, response->body_len, at_us, err);

    if (rc < 0)
        return rc;
    if (duet->query == DUET_STATE &&
        duet_restarted(before.up_time_s, duet->model.view.up_time_s, gap_s)) {
        on_restart(duet);
        return 0;
    }
    after_query(duet, &before);
    publish(duet, at_us);
    return 0;
}

static int take_connect(struct duet *duet, const struct http_response *response, struct error *err)
{
    int rc = duet_parse_connect(response->body, response->body_len, &duet->session, err);

    if (rc < 0)
        return rc;
    log_debug("printer.session", "id=%s key=%d", duet->settings->id, duet->session.has_key);
    duet->connected = true;
    duet->unread = UNREAD_AT_FIRST;
    duet->file_tries = 0;
    duet->model.file_known = false;
    duet->model.seq_reply = duet->seq_fetched = -1;
    duet->fetch_reply = false;
    ask_now(duet, DUET_ALL);
    return 0;
}

static int take_gcode(struct duet *duet, const struct http_response *response, struct error *err)
{
    int rc = duet_parse_gcode(response->body, response->body_len, err);

    if (rc == -EAGAIN) { /* the printer is well, it only had no room */
        fail_in_flight(duet, rc, err);
        return 0;
    }
    ask_within(duet, DUET_SEQS, REPLY_SOON_MS);
    return rc;
}

static int take_body(struct duet *duet, const struct http_response *response, int64_t at_us,
                     struct error *err)
{
    switch (duet->exchange) {
    case CONNECT:
        return take_connect(duet, response, err);
    case GCODE:
        return take_gcode(duet, response, err);
    case REPLY:
        duet->fetch_reply = false;
        duet_commands_reply(&duet->commands, response->body ? response->body : "");
        return 0;
    case QUERY:
        return take_query(duet, response, at_us, err);
    case DISCONNECT:
        break;
    }
    return 0;
}

/* The command was refused before it was looked at: it may go again with the next session. */
static void unsend_in_flight(struct duet *duet)
{
    struct duet_command *command = duet->exchange == GCODE ? find_in_flight(duet) : NULL;

    if (command)
        command->sent = false;
}

static void on_unauthorized(struct duet *duet, int status)
{
    struct error err;

    forget_session(duet);
    if (duet->exchange != CONNECT && !duet->relogged) {
        unsend_in_flight(duet);
        duet->relogged = true;
        return;
    }
    (void)error_set(&err, -EBUSY, "the printer refuses the session (HTTP %d)", status);
    fail(duet, &err);
}

static int refuse_status(const struct duet *duet, int status, struct error *err)
{
    if (status >= 300 && status < 400)
        return error_set(err, -EPROTO, "the printer redirects elsewhere (HTTP %d): refused",
                         status);
    if (status == HTTP_UNAVAILABLE)
        return error_set(err, -EBUSY, "the printer is out of buffers (HTTP 503)");
    if (duet->exchange == CONNECT)
        return error_set(err, -EPROTO, "no Duet answers there (HTTP %d)", status);
    return error_set(err, -EPROTO, "the printer answers HTTP %d", status);
}

static void take_response(struct duet *duet, int result, const struct http_response *response,
                          const struct error *why)
{
    struct error err;

    if (result < 0) {
        fail(duet, why);
        return;
    }
    if (response->status == HTTP_UNAUTHORIZED || response->status == HTTP_FORBIDDEN) {
        on_unauthorized(duet, response->status);
        return;
    }
    if (response->status != HTTP_OK) {
        duet->fetch_reply |= response->status == HTTP_UNAVAILABLE && duet->failures == 0;
        (void)refuse_status(duet, response->status, &err);
        fail(duet, &err);
        return;
    }
    if (take_body(duet, response, clock_mono_us(), &err) < 0) {
        fail(duet, &err);
        return;
    }
    duet->failures = 0;
    duet->heard_at_us = clock_mono_us();
    if (duet->exchange != CONNECT)
        duet->relogged = false;
}

static void on_response(int result, const struct http_response *response, const struct error *err,
                        void *user)
{
    struct duet *duet = user;

    duet->request = NULL;
    printer_port_count(duet->port, response->bytes_sent, response->bytes_received);
    if (duet->leaving) {
        printer_port_disconnected(duet->port);
        return;
    }
    take_response(duet, result, response, err);
    wake(duet);
}

/* --- sending --- */

static void send_request(struct duet *duet, enum exchange exchange, const char *target,
                         int64_t timeout_ms)
{
    CLEANUP(free_p) char *url = xasprintf("%s%s", duet->base_url, target);
    char key[48];
    const char *const headers[] = {"Accept:", duet->session.has_key ? key : NULL, NULL};
    const struct http_request_config config = {
        .url = url,
        .headers = headers,
        .connect_timeout_ms = timeout_ms,
        .timeout_ms = timeout_ms,
        .max_body_bytes = DUET_ANSWER_MAX_BYTES,
        .fresh_connection = true,
    };
    struct error err;

    (void)!snprintf(key, sizeof(key), "X-Session-Key: %u", duet->session.key);
    duet->exchange = exchange;
    if (http_start(duet->http, &config, on_response, duet, &duet->request, &err) < 0)
        fail(duet, &err);
}

/* The printer's clock is set by it, to local time as its web interface does. */
static void send_connect(struct duet *duet)
{
    const char *password = duet->settings->password ? duet->settings->password : "";
    CLEANUP(free_p) char *escaped = http_escape(password);
    CLEANUP(free_p) char *target = NULL;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    char time_text[32];
    struct tm local;

    forget_session(duet);
    if (!localtime_r(&now, &local) ||
        strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &local) == 0)
        time_text[0] = '\0';
    target = xasprintf("/rr_connect?password=%s&time=%s&sessionKey=yes", escaped, time_text);
    send_request(duet, CONNECT, target, duet->settings->request_timeout_ms);
}

static void send_gcode(struct duet *duet, struct duet_command *command)
{
    CLEANUP(free_p) char *escaped = http_escape(command->gcode);
    CLEANUP(free_p) char *target = xasprintf("/rr_gcode?gcode=%s", escaped);

    command->sent = true;
    command->sent_at_us = clock_mono_us();
    (void)!snprintf(duet->token, sizeof(duet->token), "%s", command->token);
    log_debug("printer.gcode", "id=%s token=%s", duet->settings->id, command->token);
    send_request(duet, GCODE, target, duet->settings->request_timeout_ms);
}

static void send_query(struct duet *duet, enum duet_query query)
{
    struct duet_needs needs = needs_of(duet);

    duet_schedule_asked(&duet->schedule, &needs, query, clock_mono_us());
    duet->query = query;
    send_request(duet, QUERY, duet_query_target(query), duet->settings->request_timeout_ms);
}

/* The head goes only where the axes are known to reach: they may have been read long ago. */
static bool axes_are_stale(const struct duet *duet)
{
    return !duet->model.axes_known || duet->model.axes_seq_move != duet->model.seq_move;
}

static void queue_park(struct duet *duet)
{
    char gcode[DUET_GCODE_MAX - 48];
    struct error err;

    duet->park_wanted = false;
    if (duet_park_gcode(&duet->model.view, &duet->park, gcode, sizeof(gcode), &err) < 0)
        answer(duet, PRINTER_CMD_PARK, err.code, "", &err);
    else
        duet_commands_add(&duet->commands, PRINTER_CMD_PARK, gcode);
}

static void send_most_urgent(struct duet *duet)
{
    int64_t due_us, now_us = clock_mono_us();
    struct duet_command *command;
    struct duet_needs needs;
    enum duet_query query;

    if (duet->park_wanted && axes_are_stale(duet)) {
        send_query(duet, DUET_AXES);
        return;
    }
    if (duet->park_wanted)
        queue_park(duet);
    needs = needs_of(duet);
    command = duet_commands_unsent(&duet->commands);
    query = duet_schedule_find(&duet->schedule, &needs, &due_us);
    if (command)
        send_gcode(duet, command);
    else if (duet->fetch_reply)
        send_request(duet, REPLY, "/rr_reply", duet->settings->request_timeout_ms);
    else if (due_us <= now_us)
        send_query(duet, query);
    else
        timer_start(duet->timer, (due_us - now_us + 999) / 1000);
}

static void deliver_outcomes(struct duet *duet)
{
    struct duet_outcome outcome;
    struct error err;

    while (duet_commands_next(&duet->commands, clock_mono_us(), &outcome)) {
        error_clear(&err);
        if (outcome.result < 0)
            (void)error_set(&err, outcome.result, "the printer did not answer a command");
        if (outcome.result == 0 && outcome.kind == PRINTER_CMD_PAUSE)
            outcome.result = duet_judge_pause(outcome.reply, &err);
        log_debug("printer.reply", "id=%s command=%d result=%d reply=\"%s\"", duet->settings->id,
                  (int)outcome.kind, outcome.result, outcome.reply);
        ask_now(duet, DUET_BIT(DUET_STATE)); /* it has just become another one */
        answer(duet, outcome.kind, outcome.result, outcome.reply, &err);
    }
}

static void step(struct duet *duet)
{
    int64_t now_us = clock_mono_us();

    if (duet->request)
        return;
    deliver_outcomes(duet);
    if (now_us < duet->not_before_us) {
        struct error err;

        (void)error_set(&err, -EAGAIN, "the printer cannot be reached at the moment");
        fail_unsent(duet, &err);
        timer_start(duet->timer, (duet->not_before_us - now_us + 999) / 1000);
        return;
    }
    /* after so long a silence the key is a stale one */
    if (now_us - duet->heard_at_us > duet->session.timeout_ms * 1000)
        forget_session(duet);
    if (!duet->connected)
        send_connect(duet);
    else
        send_most_urgent(duet);
    if (!duet->request && !timer_active(duet->timer))
        wake(duet);
}

static void on_timer(void *user)
{
    struct duet *duet = user;

    if (duet->leaving)
        printer_port_disconnected(duet->port);
    else
        step(duet);
}

/* --- the driver --- */

static void duet_check(const struct printer_settings *settings, struct conf *conf, size_t index)
{
    const char *host = settings->url ? strstr(settings->url, "://") : NULL;

    if (host && strpbrk(host + 3, "?#@"))
        conf_problem(conf, &printer_table, index, "url",
                     "the URL of a Duet is http://host or http://host:port, nothing more");
}

static void *duet_open(struct printer_port *port, struct loop *loop, struct http *http,
                       const struct printer_settings *settings)
{
    struct duet *duet = xcalloc(1, sizeof(*duet));
    uint32_t nonce = (uint32_t)clock_mono_us();
    size_t len;

    *duet = (struct duet){.port = port, .loop = loop, .http = http, .settings = settings};
    duet->base_url = xstrdup(settings->url);
    len = strlen(duet->base_url);
    while (len > 0 && duet->base_url[len - 1] == '/')
        duet->base_url[--len] = '\0';
    duet->seq_fetched = -1;
    duet_schedule_init(&duet->schedule);
    duet_model_init(&duet->model);
    (void)!getrandom(&nonce, sizeof(nonce), 0);
    duet_commands_init(&duet->commands, nonce);
    duet->timer = timer_new(loop, on_timer, duet);
    wake(duet);
    return duet;
}

static void duet_close(void *driver)
{
    struct duet *duet = driver;

    http_cancel(duet->request);
    timer_free(duet->timer);
    duet_commands_done(&duet->commands);
    free_p(&duet->base_url);
    free_p(&duet);
}

static void duet_disconnect(void *driver)
{
    struct duet *duet = driver;

    http_cancel(TAKE(duet->request));
    timer_stop(duet->timer);
    duet->leaving = true;
    if (duet->connected)
        send_request(duet, DISCONNECT, "/rr_disconnect", LEAVE_MS);
    if (!duet->request)
        wake(duet);
}

static void duet_set_pace(void *driver, enum printer_pace pace)
{
    struct duet *duet = driver;

    if (duet->pace == pace)
        return;
    duet->pace = pace;
    refit_schedule(duet);
    if (pace == PRINTER_PACE_HOLD) {
        /* before the state, so that a fresh state means fresh inputs, too */
        duet_schedule_first(&duet->schedule, DUET_INPUTS);
        ask_now(duet, DUET_BIT(DUET_STATE));
    }
    wake(duet);
}

static void duet_pause(void *driver)
{
    struct duet *duet = driver;

    duet_commands_add(&duet->commands, PRINTER_CMD_PAUSE, "M25");
    wake(duet);
}

static void duet_resume(void *driver)
{
    struct duet *duet = driver;

    duet_commands_add(&duet->commands, PRINTER_CMD_RESUME, "M24");
    wake(duet);
}

static void duet_park(void *driver, const struct park_move *move)
{
    struct duet *duet = driver;

    duet->park_wanted = true;
    duet->park = *move;
    wake(duet);
}

static void duet_flush(void *driver)
{
    struct duet *duet = driver;

    duet_commands_add(&duet->commands, PRINTER_CMD_FLUSH, "");
    wake(duet);
}

static void duet_gcode(void *driver, const char *gcode)
{
    struct duet *duet = driver;

    duet_commands_add(&duet->commands, PRINTER_CMD_GCODE, gcode);
    wake(duet);
}

const struct printer_driver printer_duet_driver = {
    .kind = "duet",
    .check = duet_check,
    .open = duet_open,
    .close = duet_close,
    .disconnect = duet_disconnect,
    .set_pace = duet_set_pace,
    .pause = duet_pause,
    .resume = duet_resume,
    .park = duet_park,
    .flush = duet_flush,
    .gcode = duet_gcode,
};
