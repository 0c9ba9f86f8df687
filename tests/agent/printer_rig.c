/* SPDX-License-Identifier: MIT */
#include "tests/agent/printer_rig.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* --- waiting --- */

static void on_tick(void *user)
{
    (void)user;
}

void rig_wait(struct rig *rig, rig_check_fn check, void *user, int64_t deadline_ms,
              const char *what)
{
    struct timer *tick = timer_new(rig->loop, on_tick, NULL);
    int64_t end_ms = clock_mono_ms() + deadline_ms;
    bool ok;

    timer_start_repeat(tick, 20);
    while (!(ok = check(rig, user)) && clock_mono_ms() < end_ms)
        loop_run_once(rig->loop);
    timer_free(tick);
    if (!ok)
        fail_msg("not within %lld ms: %s", (long long)deadline_ms, what);
}

static bool never(struct rig *rig, void *user)
{
    (void)rig;
    return clock_mono_ms() >= *(int64_t *)user;
}

void rig_run_for(struct rig *rig, int64_t ms)
{
    int64_t end_ms = clock_mono_ms() + ms;

    rig_wait(rig, never, &end_ms, ms + 1000, "time passes");
}

/* --- the simulator --- */

static void on_sim_stdout(const uint8_t *data, size_t len, void *user)
{
    struct rig *rig = user;
    size_t have = strlen(rig->sim_line);

    len = MIN(len, sizeof(rig->sim_line) - 1 - have);
    memcpy(rig->sim_line + have, data, len);
    rig->sim_line[have + len] = '\0';
}

static void on_sim_end(const struct process_result *result, void *user)
{
    struct rig *rig = user;

    (void)result;
    rig->sim = NULL;
    rig->sim_ended = true;
}

static bool sim_listens(struct rig *rig, void *user)
{
    (void)user;
    return strchr(rig->sim_line, '\n') || rig->sim_ended;
}

static void start_sim(struct rig *rig, const char *const *args)
{
    const char *argv[RIG_ARGS_MAX + 4] = {SIM_PATH, "--listen"};
    CLEANUP(free_p) char *listen = xasprintf("127.0.0.1:%d", rig->port);
    const struct process_config config = {.argv = argv, .on_stdout = on_sim_stdout};
    struct error err = {0};
    int count = 2;

    argv[count++] = listen;
    for (int i = 0; args[i] && i < RIG_ARGS_MAX; i++)
        argv[count++] = args[i];
    rig->sim_line[0] = '\0';
    rig->sim_ended = false;
    if (process_start(rig->loop, &config, on_sim_end, rig, &rig->sim, &err) < 0)
        fail_msg("%s: %s", SIM_PATH, err.text);
    rig_wait(rig, sim_listens, NULL, 10000, "the simulator listens");
    if (sscanf(rig->sim_line, "listening 127.0.0.1:%d", &rig->port) != 1)
        fail_msg("the simulator says '%s'", rig->sim_line);
}

void rig_kill_sim(struct rig *rig)
{
    process_free(rig->sim);
    rig->sim = NULL;
}

void rig_restart_sim(struct rig *rig, const char *const *args)
{
    rig_kill_sim(rig);
    start_sim(rig, args);
}

/* --- the ledger --- */

static void on_ledger_timer(void *user)
{
    struct rig_ledger *ledger = user;

    ledger->open = ledger->result == 0;
    ledger->opens++;
    ledger->written(ledger->result, ledger->written_user);
}

static void ledger_open(const struct pause_record *record, pause_written_fn written,
                        void *written_user, void *user)
{
    struct rig_ledger *ledger = user;

    ledger->record = *record;
    ledger->written = written;
    ledger->written_user = written_user;
    timer_start(ledger->timer, ledger->delay_ms);
}

static void ledger_close(const char *printer, void *user)
{
    struct rig_ledger *ledger = user;

    assert_string_equal(printer, "p1");
    assert_true(ledger->open);
    ledger->open = false;
    ledger->closes++;
}

/* --- the printer --- */

static void on_event(struct printer *printer, const struct printer_event *event, void *user)
{
    struct rig *rig = user;

    (void)printer;
    if (event->kind == PRINTER_EVENT_CHANGED) {
        rig->changes++;
        return;
    }
    if (event->kind == PRINTER_EVENT_ATTENTION)
        (void)!snprintf(rig->attention, sizeof(rig->attention), "%s", event->text);
    if (rig->event_count == RIG_EVENTS_MAX)
        fail_msg("too many events");
    rig->events[rig->event_count] = *event;
    rig->events[rig->event_count++].text = NULL;
}

void rig_open(struct rig *rig, const struct pause_record *open_pause)
{
    const struct printer_ledger ledger = {ledger_open, ledger_close, &rig->ledger};

    rig->printer =
        printer_new(rig->loop, rig->http, &rig->settings, &ledger, open_pause, on_event, rig);
}

void rig_crash(struct rig *rig)
{
    printer_free(rig->printer);
    rig->printer = NULL;
}

void rig_start(struct rig *rig, const char *const *args)
{
    struct error err = {0};

    *rig = (struct rig){0};
    log_set_level(getenv("LAPSED_TEST_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    if (loop_new(&rig->loop, &err) < 0)
        fail_msg("%s", err.text);
    rig->http = http_new(rig->loop);
    rig->ledger.timer = timer_new(rig->loop, on_ledger_timer, &rig->ledger);
    start_sim(rig, args);
    (void)!snprintf(rig->id, sizeof(rig->id), "p1");
    rig->url = xasprintf("http://127.0.0.1:%d", rig->port);
    rig->settings = (struct printer_settings){.id = rig->id,
                                              .url = rig->url,
                                              .poll_idle_ms = 300,
                                              .poll_printing_ms = 100,
                                              .request_timeout_ms = 1000,
                                              .pause_timeout_ms = 5000,
                                              .max_hold_ms = 10000};
}

void rig_stop(struct rig *rig)
{
    printer_free(rig->printer);
    rig_kill_sim(rig);
    timer_free(rig->ledger.timer);
    http_free(rig->http);
    loop_free(rig->loop);
    free_p(&rig->url);
}

/* --- asking the simulator --- */

struct ask {
    bool done;
    char *body;
};

static void on_asked(int result, const struct http_response *response, const struct error *err,
                     void *user)
{
    struct ask *ask = user;

    if (result < 0)
        fail_msg("the simulator does not answer: %s", err->text);
    ask->body = xstrdup(response->body ? response->body : "");
    ask->done = true;
    if (response->status != 200)
        fail_msg("the simulator answers %d: %s", response->status, ask->body);
}

static bool is_asked(struct rig *rig, void *user)
{
    (void)rig;
    return ((struct ask *)user)->done;
}

static char *ask(struct rig *rig, const char *target)
{
    CLEANUP(free_p) char *url = xasprintf("%s%s", rig->url, target);
    const struct http_request_config config = {.url = url,
                                               .timeout_ms = 5000,
                                               .max_body_bytes = 16 * 1024 * 1024,
                                               .fresh_connection = true};
    struct http_request *request;
    struct error err = {0};
    struct ask asked = {0};

    if (http_start(rig->http, &config, on_asked, &asked, &request, &err) < 0)
        fail_msg("%s", err.text);
    rig_wait(rig, is_asked, &asked, 6000, target);
    return asked.body;
}

void rig_ask(struct rig *rig, const char *target)
{
    CLEANUP(free_p) char *body = ask(rig, target);

    (void)body;
}

cJSON *rig_state(struct rig *rig)
{
    const struct json_limits limits = {64 * 1024, 16};
    CLEANUP(free_p) char *body = ask(rig, "/sim/state");
    struct error err = {0};
    cJSON *json = NULL;

    if (json_parse(body, strlen(body), &limits, &json, &err) < 0)
        fail_msg("%s", err.text);
    return json;
}

int64_t rig_state_int(struct rig *rig, const char *key)
{
    CLEANUP(json_free_p) cJSON *json = rig_state(rig);
    int64_t value;

    if (!json_get_int(json, key, &value))
        fail_msg("no %s in /sim/state", key);
    return value;
}

bool rig_sim_is(struct rig *rig, const char *status)
{
    CLEANUP(json_free_p) cJSON *json = rig_state(rig);

    return str_equal(json_get_string(json, "status"), status);
}

static bool line_has(const char *line, size_t len, const char *text)
{
    return !text || memmem(line, len, text, strlen(text));
}

int rig_count_log(struct rig *rig, const char *a, const char *b, const char *c)
{
    CLEANUP(free_p) char *log = ask(rig, "/sim/log");
    int count = 0;

    for (const char *line = log; *line;) {
        size_t len = strcspn(line, "\n");

        count += line_has(line, len, a) && line_has(line, len, b) && line_has(line, len, c);
        line += len + (line[len] == '\n');
    }
    return count;
}

/* --- events --- */

int rig_count(const struct rig *rig, enum printer_event_kind kind)
{
    int count = 0;

    for (int i = 0; i < rig->event_count; i++)
        count += rig->events[i].kind == kind;
    return count;
}

const struct printer_event *rig_last(const struct rig *rig, enum printer_event_kind kind)
{
    for (int i = rig->event_count - 1; i >= 0; i--) {
        if (rig->events[i].kind == kind)
            return &rig->events[i];
    }
    return NULL;
}

struct wanted_event {
    enum printer_event_kind kind;
    int count;
};

static bool has_events(struct rig *rig, void *user)
{
    const struct wanted_event *wanted = user;

    return rig_count(rig, wanted->kind) >= wanted->count;
}

void rig_wait_event(struct rig *rig, enum printer_event_kind kind, int count, int64_t deadline_ms)
{
    struct wanted_event wanted = {kind, count};
    char what[64];

    (void)!snprintf(what, sizeof(what), "event %d for the %d. time", (int)kind, count);
    rig_wait(rig, has_events, &wanted, deadline_ms, what);
}

static bool has_layer(struct rig *rig, void *user)
{
    const struct printer_event *event = rig_last(rig, PRINTER_EVENT_LAYER);

    return event && event->layer >= *(int *)user;
}

void rig_wait_layer(struct rig *rig, int layer, int64_t deadline_ms)
{
    char what[64];

    (void)!snprintf(what, sizeof(what), "layer %d", layer);
    rig_wait(rig, has_layer, &layer, deadline_ms, what);
}

static bool has_state(struct rig *rig, void *user)
{
    return printer_get_view(rig->printer)->state == *(enum printer_state *)user;
}

void rig_wait_state(struct rig *rig, enum printer_state state, int64_t deadline_ms)
{
    rig_wait(rig, has_state, &state, deadline_ms, printer_state_name(state));
}

struct wanted_status {
    const char *status;
    int64_t next_ms;
};

static bool sim_has_status(struct rig *rig, void *user)
{
    struct wanted_status *wanted = user;

    if (clock_mono_ms() < wanted->next_ms)
        return false;
    wanted->next_ms = clock_mono_ms() + 50;
    return rig_sim_is(rig, wanted->status);
}

void rig_wait_sim(struct rig *rig, const char *status, int64_t deadline_ms)
{
    struct wanted_status wanted = {status, 0};

    rig_wait(rig, sim_has_status, &wanted, deadline_ms, status);
}

static bool ledger_is(struct rig *rig, void *user)
{
    return rig->ledger.open == *(bool *)user;
}

void rig_wait_ledger(struct rig *rig, bool open, int64_t deadline_ms)
{
    rig_wait(rig, ledger_is, &open, deadline_ms, open ? "ledger open" : "ledger closed");
}

/* --- holds --- */

static void on_held(int result, bool parked, int64_t held_at_mono_us, const struct error *err,
                    void *user)
{
    struct rig_hold *hold = user;

    assert_false(hold->told);
    hold->told = true;
    hold->result = result;
    hold->parked = parked;
    hold->held_at_us = held_at_mono_us;
    if (err)
        hold->err = *err;
}

void rig_hold(struct rig *rig, struct rig_hold *hold, const struct hold_request *request)
{
    *hold = (struct rig_hold){.rig = rig, .asked_at_us = clock_mono_us()};
    hold->hold = printer_hold(rig->printer, request, on_held, hold);
    assert_false(hold->told);
}

static bool is_told(struct rig *rig, void *user)
{
    (void)rig;
    return ((struct rig_hold *)user)->told;
}

void rig_wait_told(struct rig *rig, struct rig_hold *hold, int64_t deadline_ms)
{
    rig_wait(rig, is_told, hold, deadline_ms, "the hold is answered");
}

void rig_release(struct rig_hold *hold)
{
    printer_release(hold->hold);
    hold->hold = NULL;
}

void rig_wait_held(struct rig *rig, struct rig_hold *hold)
{
    rig_wait_told(rig, hold, 10000);
    if (hold->result != 0)
        fail_msg("not held: %s", hold->err.text);
}

/* --- stories --- */

const struct hold_request rig_plain = {.settle_ms = 0};
const struct hold_request rig_corner = {
    .move = true, .x_mm = 10, .y_mm = 190, .feed_mm_min = 60000, .settle_ms = 20};
const struct hold_request rig_other_corner = {
    .move = true, .x_mm = 190, .y_mm = 10, .feed_mm_min = 60000, .settle_ms = 20};

void rig_begin(struct rig *rig, const char *const *args)
{
    rig_start(rig, args);
    rig_open(rig, NULL);
    rig_wait_layer(rig, 1, 10000);
}

int rig_count_gcode(struct rig *rig, const char *code)
{
    return rig_count_log(rig, "\"event\":\"gcode\"", code, NULL);
}

static void check_end(struct rig *rig)
{
    assert_int_equal(rig_count_log(rig, "m24_started_file", NULL, NULL), 0);
    assert_int_equal(rig->ledger.opens, rig->ledger.closes);
    rig_stop(rig);
}

void rig_end_running(struct rig *rig)
{
    rig_wait_ledger(rig, false, 15000);
    rig_wait_sim(rig, "processing", 5000);
    check_end(rig);
}

void rig_end_paused(struct rig *rig)
{
    int resumes = rig_count_gcode(rig, "M24");

    rig_wait_ledger(rig, false, 15000);
    rig_run_for(rig, 700);
    assert_true(rig_sim_is(rig, "paused"));
    assert_int_equal(rig_count_gcode(rig, "M24"), resumes);
    check_end(rig);
}
