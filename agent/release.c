/* SPDX-License-Identifier: MIT */
/* release: the part of the agent that must work when nothing else does: no broker, no cameras, no
 * video. systemd runs it after the daemon died (ExecStopPost), so that a crash cannot leave a
 * printer paused. */
#include "agent/app.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/journal.h"

#include <errno.h>
#include <stdlib.h>

struct release {
    struct loop *loop;
    struct journal *journal;
    struct http *http;
    struct printer_ledger ledger;
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

static int release_all(struct release *release, const struct config *config, int64_t limit_ms,
                       struct error *err)
{
    struct printer **printers = xcalloc(config->printer_count, sizeof(struct printer *));
    int rc = 0;

    for (size_t i = 0; i < config->printer_count; i++) {
        struct pause_record pause;

        if (journal_get_pause(release->journal, config->printers[i].id, &pause, err) < 0)
            continue;
        printers[i] = printer_new(release->loop, release->http, &config->printers[i],
                                  &release->ledger, &pause, on_printer_event, release);
        release->waiting++;
        printer_stop(printers[i], limit_ms, on_stopped, release);
    }
    if (release->waiting > 0)
        loop_run(release->loop);
    for (size_t i = 0; i < config->printer_count; i++) {
        if (printers[i] && printer_paused_by_us(printers[i]))
            rc = error_set(err, -ETIMEDOUT, "printer '%s' is still paused by us; resume it by hand",
                           config->printers[i].id);
        printer_free(printers[i]);
    }
    free(printers);
    return rc;
}

int app_release_printers(const struct config *config, int64_t limit_ms, struct error *err)
{
    struct release release = {0};
    bool damaged;
    int rc = loop_new(&release.loop, err);

    if (rc < 0)
        return rc;
    rc = journal_open(release.loop, config->agent.data_dir, &release.journal, &damaged, err);
    if (rc == 0) {
        release.http = http_new(release.loop);
        release.ledger =
            (struct printer_ledger){.open = ledger_refuse, .close = ledger_close, .user = &release};
        rc = release_all(&release, config, limit_ms, err);
        http_free(release.http);
        journal_close(release.journal);
    }
    loop_free(release.loop);
    return rc;
}
