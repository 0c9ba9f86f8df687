/* SPDX-License-Identifier: MIT */
/* release: the part of the agent that must work when nothing else does: no broker, no cameras, no
 * video. systemd runs it after the daemon died (ExecStopPost), so that a crash cannot leave a
 * printer paused. */
#include "agent/app.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/journal/journal.h"
#include "agent/unit/runtime_units.h"

#include <errno.h>
#include <stdlib.h>

struct held {
    struct printer_settings settings;
    struct printer *printer;
};

struct release {
    struct loop *loop;
    struct journal *journal;
    struct http *http;
    struct printer_ledger ledger;
    int64_t limit_ms;
    struct held **held;
    size_t held_count;
    size_t waiting;
};

static void ledger_refuse(const struct pause_record *record, pause_written_fn written,
                          void *written_user, void *user)
{
    (void)record;
    (void)user;
    written(-EPERM, written_user);
}

static void ledger_close(const char *printer, void *user)
{
    struct release *release = user;

    journal_close_pause(release->journal, printer);
}

static void on_printer_event(struct printer *printer, const struct printer_event *event, void *user)
{
    (void)user;
    if (event->kind == PRINTER_EVENT_ATTENTION)
        log_error("printer.attention", "printer=%s message=\"%s\"", printer_id(printer),
                  event->text);
}

static void on_stopped(void *user)
{
    struct release *release = user;

    if (--release->waiting == 0)
        loop_stop(release->loop);
}

static bool is_held(const struct release *release, const char *id)
{
    for (size_t i = 0; i < release->held_count; i++)
        if (str_equal(printer_id(release->held[i]->printer), id))
            return true;
    return false;
}

/* Takes what *settings owns. */
static void release_printer(struct printer_settings *settings, void *user)
{
    struct release *release = user;
    struct pause_record pause;
    struct error err;
    struct held *held;

    if (is_held(release, settings->id) ||
        journal_get_pause(release->journal, settings->id, &pause, &err) < 0) {
        conf_values_done(&printer_table, settings);
        return;
    }
    held = xcalloc(1, sizeof(*held));
    held->settings = *settings;
    held->printer = printer_new(release->loop, release->http, &held->settings, &release->ledger,
                                &pause, on_printer_event, release);
    release->held = xrealloc(release->held, (release->held_count + 1) * sizeof(*release->held));
    release->held[release->held_count++] = held;
    release->waiting++;
    printer_stop(held->printer, release->limit_ms, on_stopped, release);
}

/* Those of the configuration, and those that units brought along. */
static void begin_all(struct release *release, const struct config *config)
{
    struct error err = {0};

    for (size_t i = 0; i < config->printer_count; i++) {
        struct printer_settings settings = {0};

        conf_copy_values(&printer_table, &settings, &config->printers[i]);
        release_printer(&settings, release);
    }
    if (runtime_units_each_printer(release->journal, config, release_printer, release, &err) < 0)
        log_error("release.units_unknown", "error=\"%s\"", err.text);
}

static int release_all(struct release *release, const struct config *config, struct error *err)
{
    int rc = 0;

    begin_all(release, config);
    if (release->waiting > 0)
        loop_run(release->loop);
    while (release->held_count > 0) {
        struct held *held = release->held[--release->held_count];

        if (printer_paused_by_us(held->printer))
            rc = error_set(err, -ETIMEDOUT, "printer '%s' is still paused by us; resume it by hand",
                           held->settings.id);
        printer_free(held->printer);
        conf_values_done(&printer_table, &held->settings);
        free(held);
    }
    free(release->held);
    return rc;
}

int app_release_printers(const struct config *config, int64_t limit_ms, struct error *err)
{
    struct release release = {.limit_ms = limit_ms};
    bool damaged;
    int rc = loop_new(&release.loop, err);

    if (rc < 0)
        return rc;
    rc = journal_open(release.loop, config->agent.data_dir, &release.journal, &damaged, err);
    if (rc == 0) {
        release.http = http_new(release.loop);
        release.ledger =
            (struct printer_ledger){.open = ledger_refuse, .close = ledger_close, .user = &release};
        rc = release_all(&release, config, err);
        http_free(release.http);
        journal_close(release.journal);
    }
    loop_free(release.loop);
    return rc;
}
