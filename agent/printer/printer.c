/* SPDX-License-Identifier: MIT */
/* printer: the meeting point of driver, job tracker and holds. Every view takes the same way: first
 * the hold (it may be waiting for "paused" to the millisecond), then the job's events, then
 * "something changed".
 *
 * Offline is decided here: three failed attempts or five seconds without a sensible answer. The
 * last good view is kept, only its state says offline; the tracker is not told, so a short silence
 * ends no job. */
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/printer/driver.h"
#include "agent/printer/gcode_queue.h"
#include "agent/printer/hold.h"
#include "agent/printer/job_tracker.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OFFLINE_MISSES = 3, OFFLINE_MS = 5000, LEAVE_MS = 1500 };

struct printer {
    struct loop *loop;
    const struct printer_settings *settings;
    const struct printer_driver *driver;
    void *driver_data;
    printer_event_fn on_event;
    void *user;

    struct printer_view seen; /* as the driver gave it */
    struct printer_view view; /* as we show it */
    int misses;
    int64_t heard_at_ms;
    struct error error;
    struct printer_traffic traffic;

    struct job_tracker tracker;
    struct holds *holds;
    bool was_ours;
    struct gcode_queue gcodes;

    struct timer *stop_timer;
    bool stopping, leaving, stopped;
    printer_stopped_fn on_stopped;
    void *stopped_user;
};

/* The driver's side is the printer itself; the type keeps drivers out of it. */
struct printer_port {
    struct printer printer;
};

static struct printer *of_port(struct printer_port *port)
{
    return &port->printer;
}

/* --- telling --- */

static void emit(struct printer *printer, const struct printer_event *event)
{
    if (!printer->stopped)
        printer->on_event(printer, event, printer->user);
}

static void emit_changed(struct printer *printer)
{
    emit(printer,
         &(struct printer_event){.kind = PRINTER_EVENT_CHANGED, .at_mono_us = clock_mono_us()});
}

static void emit_all(struct printer *printer, const struct job_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        emit(printer, &events->items[i]);
}

static bool same_number(double a, double b)
{
    return fabs(a - b) < 0.05 || (isnan(a) && isnan(b));
}

static bool same_heaters(const struct printer_view *a, const struct printer_view *b)
{
    if (a->heater_count != b->heater_count)
        return false;
    for (size_t i = 0; i < a->heater_count; i++) {
        if (!str_equal(a->heaters[i].name, b->heaters[i].name) ||
            !same_number(a->heaters[i].current, b->heaters[i].current) ||
            !same_number(a->heaters[i].target, b->heaters[i].target))
            return false;
    }
    return true;
}

static bool same_axes(const struct printer_view *a, const struct printer_view *b)
{
    for (int i = 0; i < 3; i++) {
        if (!same_number(a->position_mm[i], b->position_mm[i]) || a->homed[i] != b->homed[i])
            return false;
    }
    return true;
}

static bool same_job(const struct printer_view *a, const struct printer_view *b)
{
    return str_equal(a->job_file, b->job_file) && a->layer == b->layer && a->layers == b->layers &&
           a->job_elapsed_s == b->job_elapsed_s && a->job_remaining_s == b->job_remaining_s &&
           same_number(a->job_progress_percent, b->job_progress_percent);
}

static bool same_view(const struct printer_view *a, const struct printer_view *b)
{
    return a->state == b->state && str_equal(a->native_state, b->native_state) &&
           a->simulating == b->simulating && a->heating == b->heating &&
           a->message_box == b->message_box && str_equal(a->firmware, b->firmware) &&
           same_job(a, b) && same_axes(a, b) && same_heaters(a, b);
}

/* --- what is shown --- */

static void show(struct printer *printer, bool online)
{
    struct printer_view view = printer->seen;

    if (job_tracker_layer(&printer->tracker) >= 0 && view.layer >= 0)
        view.layer = job_tracker_layer(&printer->tracker);
    if (view.state == PRINTER_IDLE && printer->tracker.finished)
        view.state = PRINTER_FINISHED;
    if (!online)
        view.state = PRINTER_OFFLINE;
    printer->view = view;
}

static void update_pace(struct printer *printer)
{
    enum printer_pace pace = holds_pace(printer->holds);

    if (pace == PRINTER_PACE_IDLE && job_view_has_job(&printer->seen))
        pace = PRINTER_PACE_PRINTING;
    if (!printer->leaving)
        printer->driver->set_pace(printer->driver_data, pace);
}

static void come_online(struct printer *printer)
{
    printer->misses = 0;
    printer->heard_at_ms = clock_mono_ms();
    error_clear(&printer->error);
    if (printer->view.state == PRINTER_OFFLINE)
        log_info("printer.online", "id=%s firmware=\"%s\"", printer->settings->id,
                 printer->seen.firmware);
}

void printer_port_view(struct printer_port *port, const struct printer_view *view,
                       int64_t at_mono_us)
{
    struct printer *printer = of_port(port);
    struct printer_view before = printer->view;
    struct job_events events;

    if (printer->leaving)
        return;
    printer->seen = *view;
    come_online(printer);
    show(printer, true);
    holds_see(printer->holds);
    job_tracker_feed(&printer->tracker, &printer->seen, holds_ours(printer->holds),
                     holds_stopping(printer->holds), at_mono_us, &events);
    show(printer, true);
    update_pace(printer);
    emit_all(printer, &events);
    if (!same_view(&before, &printer->view))
        emit_changed(printer);
}

static bool is_lost(const struct printer *printer)
{
    return printer->misses >= OFFLINE_MISSES || clock_mono_ms() - printer->heard_at_ms > OFFLINE_MS;
}

void printer_port_failed(struct printer_port *port, const struct error *err)
{
    struct printer *printer = of_port(port);
    bool news = printer->error.code != err->code;

    printer->misses++;
    printer->error = *err;
    if (printer->view.state == PRINTER_OFFLINE) {
        if (!news)
            return;
        log_warn("printer.unreachable", "id=%s error=\"%s\"", printer->settings->id, err->text);
        emit_changed(printer);
        return;
    }
    if (!is_lost(printer))
        return;
    log_warn("printer.offline", "id=%s error=\"%s\"", printer->settings->id, err->text);
    show(printer, false);
    emit_changed(printer);
}

void printer_port_rebooted(struct printer_port *port)
{
    struct printer *printer = of_port(port);
    struct job_events events;

    log_warn("printer.rebooted", "id=%s", printer->settings->id);
    holds_rebooted(printer->holds);
    job_tracker_reboot(&printer->tracker, clock_mono_us(), &events);
    emit_all(printer, &events);
}

void printer_port_command_done(struct printer_port *port, enum printer_command command, int result,
                               const char *reply, const struct error *err)
{
    struct printer *printer = of_port(port);

    if (result < 0)
        log_debug("printer.command", "id=%s command=%d result=%d reply=\"%s\"",
                  printer->settings->id, (int)command, result, reply);
    if (command == PRINTER_CMD_GCODE)
        gcode_queue_answer(&printer->gcodes, result, err);
    else
        holds_command_done(printer->holds, command, result, err);
}

void printer_port_count(struct printer_port *port, size_t bytes_sent, size_t bytes_received)
{
    struct printer_traffic *traffic = &of_port(port)->traffic;

    traffic->requests++;
    traffic->bytes_sent += (int64_t)bytes_sent;
    traffic->bytes_received += (int64_t)bytes_received;
}

/* --- the hold --- */

static void on_attention(const char *text, void *user)
{
    emit(user, &(struct printer_event){
                   .kind = PRINTER_EVENT_ATTENTION, .text = text, .at_mono_us = clock_mono_us()});
}

static void leave(struct printer *printer)
{
    if (printer->leaving)
        return;
    printer->leaving = true;
    timer_start(printer->stop_timer, LEAVE_MS);
    printer->driver->disconnect(printer->driver_data);
}

static void on_hold_change(void *user)
{
    struct printer *printer = user;
    bool ours = printer_paused_by_us(printer);

    update_pace(printer);
    if (ours != printer->was_ours) {
        printer->was_ours = ours;
        emit_changed(printer);
    }
    if (printer->stopping && holds_idle(printer->holds))
        timer_start(printer->stop_timer, 0);
}

bool printer_paused_by_us(const struct printer *printer)
{
    return holds_ours(printer->holds) && printer->seen.state == PRINTER_PAUSED;
}

struct printer_hold *printer_hold(struct printer *printer, const struct hold_request *request,
                                  printer_held_fn on_held, void *user)
{
    return holds_add(printer->holds, request, on_held, user);
}

void printer_release(struct printer_hold *hold)
{
    holds_release(hold);
}

struct printer_gcode *printer_send_gcode(struct printer *printer, const char *gcode,
                                         printer_gcode_fn done, void *user)
{
    return gcode_queue_add(&printer->gcodes, gcode, done, user);
}

/* --- life --- */

static void init_view(struct printer_view *view)
{
    *view = (struct printer_view){.state = PRINTER_OFFLINE, .up_time_s = -1, .layer = -1};
    view->job_position_bytes = view->job_elapsed_s = view->job_remaining_s = -1;
    view->job_progress_percent = (double)NAN;
    for (int i = 0; i < 3; i++)
        view->position_mm[i] = view->min_mm[i] = view->max_mm[i] = (double)NAN;
}

/* First "nothing is held any more, or the time is up", then "the driver has left". */
static void on_stop_timer(void *user)
{
    struct printer *printer = user;

    if (!printer->leaving) {
        leave(printer);
        return;
    }
    if (printer->stopped)
        return;
    printer->stopped = true;
    printer->on_stopped(printer->stopped_user);
}

void printer_port_disconnected(struct printer_port *port)
{
    timer_start(of_port(port)->stop_timer, 0);
}

static struct holds *make_holds(struct printer *printer, const struct printer_ledger *ledger,
                                const struct pause_record *open_pause)
{
    const struct holds_config config = {
        .loop = printer->loop,
        .settings = printer->settings,
        .ledger = *ledger,
        .driver = printer->driver,
        .view = &printer->seen,
        .on_attention = on_attention,
        .on_change = on_hold_change,
        .user = printer,
    };

    return holds_new(&config, open_pause);
}

struct printer *printer_new(struct loop *loop, struct http *http,
                            const struct printer_settings *settings,
                            const struct printer_ledger *ledger,
                            const struct pause_record *open_pause, printer_event_fn on_event,
                            void *user)
{
    struct printer_port *port = xcalloc(1, sizeof(*port));
    struct printer *printer = of_port(port);

    *printer = (struct printer){.loop = loop,
                                .settings = settings,
                                .driver = printer_find_driver(settings->kind),
                                .on_event = on_event,
                                .user = user};
    init_view(&printer->seen);
    init_view(&printer->view);
    printer->stop_timer = timer_new(loop, on_stop_timer, printer);
    printer->holds = make_holds(printer, ledger, open_pause);
    gcode_queue_init(&printer->gcodes, printer->driver);
    printer->driver_data = printer->driver->open(port, loop, http, settings);
    holds_set_driver(printer->holds, printer->driver_data);
    gcode_queue_set_driver(&printer->gcodes, printer->driver_data);
    return printer;
}

void printer_free(struct printer *printer)
{
    if (!printer)
        return;
    printer->stopped = true;
    holds_free(printer->holds);
    gcode_queue_done(&printer->gcodes);
    printer->driver->close(printer->driver_data);
    timer_free(printer->stop_timer);
    free(CONTAINER_OF(printer, struct printer_port, printer));
}

void printer_stop(struct printer *printer, int64_t limit_ms, printer_stopped_fn done, void *user)
{
    printer->stopping = true;
    printer->on_stopped = done;
    printer->stopped_user = user;
    holds_close(printer->holds);
    timer_start(printer->stop_timer, holds_idle(printer->holds) ? 0 : limit_ms);
}

/* --- asking --- */

const char *printer_id(const struct printer *printer)
{
    return printer->settings->id;
}

const char *printer_kind(const struct printer *printer)
{
    return printer->driver->kind;
}

const struct printer_view *printer_get_view(const struct printer *printer)
{
    return &printer->view;
}

const struct error *printer_error(const struct printer *printer)
{
    return &printer->error;
}

void printer_get_traffic(const struct printer *printer, struct printer_traffic *ret_traffic)
{
    *ret_traffic = printer->traffic;
}
