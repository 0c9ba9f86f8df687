/* SPDX-License-Identifier: MIT */
/* world: what triggers and the printer mean to a unit. */
#include "agent/unit/inside.h"

#include "agent/base/log.h"
#include "agent/base/str.h"

/* --- triggers --- */

static bool printing(const struct unit *unit)
{
    const struct printer_view *view = printer_get_view(unit->config.printer);

    return view->state == PRINTER_PRINTING && !view->heating && !view->simulating;
}

/* Another unit has it stand for a frame: time goes on. Not for one that has it stand, too: two of
 * these could take turns for ever. */
static bool stands_for_another(const struct unit *unit)
{
    return !unit->config.settings->pause && printer_paused_by_us(unit->config.printer);
}

/* The same layer told by two triggers (the printer's count and a message) is one moment. */
static bool is_repetition(const struct unit *unit, const struct trigger_cause *cause)
{
    return cause->layer >= 0 && cause->layer == unit->last_cause.layer && unit->last_cause.name &&
           !str_equal(cause->name, unit->last_cause.name);
}

/* Layers that went by between two looks at the printer, or while the agent was away. */
static void count_skipped_layers(struct unit *unit, const struct trigger_cause *cause)
{
    int64_t step = unit->config.settings->every_nth_layer;
    int64_t skipped;

    if (!str_equal(cause->name, "layer") || unit->last_cause.layer < 0)
        return;
    skipped = (cause->layer - unit->last_cause.layer) / step - 1;
    if (skipped <= 0)
        return;
    log_warn("unit.layers_missed", "unit=%s layer=%d count=%lld", unit_id(unit), cause->layer,
             (long long)skipped);
    session_count_missed(unit->session, skipped);
}

void unit_on_trigger(const struct trigger_cause *cause, void *user)
{
    struct unit *unit = user;

    unit_refresh_facts(unit);
    if (!(session_next(unit->state, SESSION_TRIGGER, &unit->facts).actions & SESSION_DO_FRAME))
        return;
    if (str_equal(cause->name, "interval") && unit->facts.waits_for_job && !printing(unit) &&
        !stands_for_another(unit))
        return;
    if (is_repetition(unit, cause))
        return;
    count_skipped_layers(unit, cause);
    if (cause->layer >= 0)
        unit->last_cause = *cause;
    shot_queue_ask(unit->shots, &(struct shot_request){.cause = *cause, .for_session = true});
}

void unit_on_message(struct unit *unit, const char *payload, size_t len, int64_t at_mono_us)
{
    triggers_on_message(unit->triggers, payload, len, at_mono_us);
}

/* --- the printer --- */

static void end_session(struct unit *unit, const char *why, int64_t at_mono_us)
{
    unit->end = unit->session ? why : NULL;
    unit->ended_at_mono_us = at_mono_us;
    unit_step(unit, SESSION_JOB_ENDED);
}

/* A session taken up after a restart meets the printer again. */
static void prove_session(struct unit *unit, const struct printer_event *event)
{
    const struct printer_view *view = printer_get_view(unit->config.printer);
    bool same = str_equal(session_job(unit->session), view->job_file) &&
                (view->layer < 0 || view->layer >= session_last_layer(unit->session));

    if (view->state == PRINTER_OFFLINE)
        return;
    if (event->kind == PRINTER_EVENT_JOB_STARTED) {
        unit->unproven = false;
        if (same)
            return;
        unit->facts.new_job = true;
        end_session(unit, "unseen", event->at_mono_us);
    } else if (view->state == PRINTER_IDLE || view->state == PRINTER_FINISHED) {
        unit->unproven = false;
        end_session(unit, "unseen", event->at_mono_us);
    }
}

/* So little is left that segments must be short: the video is to be ready when the print is. */
static bool near_end(const struct printer_view *view)
{
    return view->job_progress_percent >= 97 ||
           (view->job_progress_percent >= 80 && view->job_remaining_s >= 0 &&
            view->job_remaining_s < 180);
}

void unit_on_printer(struct unit *unit, const struct printer_event *event)
{
    if (event->kind == PRINTER_EVENT_JOB_STARTED)
        unit->facts.job_running = !printer_get_view(unit->config.printer)->simulating;
    if (event->kind == PRINTER_EVENT_JOB_ENDED)
        unit->facts.job_running = false;
    if (unit->unproven) {
        prove_session(unit, event);
        if (event->kind != PRINTER_EVENT_LAYER)
            return;
    }
    triggers_on_printer(unit->triggers, event);
    if (event->kind == PRINTER_EVENT_JOB_STARTED && unit->facts.job_running)
        unit_step(unit, SESSION_JOB_STARTED);
    if (event->kind == PRINTER_EVENT_JOB_ENDED)
        end_session(unit, printer_job_end_name(event->end), event->at_mono_us);
    if (event->kind == PRINTER_EVENT_CHANGED && unit->session && unit->state == SESSION_CAPTURING)
        session_set_tail(unit->session, near_end(printer_get_view(unit->config.printer)));
    unit_changed(unit);
}
