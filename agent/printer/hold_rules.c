/* SPDX-License-Identifier: MIT */
/* hold_rules: the firmware does not say who paused, so a pause counts as ours as long as nothing
 * speaks against it: the same job, nobody's message box, and the file exactly where it stood when
 * our pause began. A job that was resumed and paused again by a person has moved on.
 *
 * After a restart of ours only the place before the pause is known. The firmware reads on until it
 * stops, and then goes back to the first move that was not made; so the place may be off by what
 * the motion queue holds, in both directions, but not by much. (The layer is of no use: the number
 * counts some layers twice.) While we run, the first sight of "paused" may be anywhere: a pause
 * that was put off comes late. */
#include "agent/printer/hold_rules.h"

#include "agent/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAME_PLACE_BYTES = 64 * 1024, ELAPSED_BACK_S = 2, LAST_PERCENT = 99 };

void hold_facts_begin(struct hold_facts *facts, const struct printer_view *view)
{
    *facts = (struct hold_facts){
        .elapsed_s = view->job_elapsed_s,
        .intent_bytes = view->job_position_bytes,
        .paused_bytes = -1,
        .adopted = view->state != PRINTER_PRINTING,
    };
    (void)!snprintf(facts->job_file, sizeof(facts->job_file), "%s", view->job_file);
}

void hold_facts_recover(struct hold_facts *facts, const struct pause_record *record)
{
    *facts = (struct hold_facts){
        .elapsed_s = -1,
        .intent_bytes = record->job_position_bytes,
        .paused_bytes = -1,
        .recovered = true,
    };
    (void)!snprintf(facts->job_file, sizeof(facts->job_file), "%s", record->job_file);
}

static bool is_near_intent(const struct hold_facts *facts, const struct printer_view *view)
{
    return llabs(view->job_position_bytes - facts->intent_bytes) <= SAME_PLACE_BYTES;
}

void hold_facts_see(struct hold_facts *facts, const struct printer_view *view)
{
    facts->macro_seen |= view->in_macro && view->state == PRINTER_PRINTING;
    if (view->state != PRINTER_PAUSED)
        return;
    if (facts->paused_at_us == 0)
        facts->paused_at_us = view->state_at_mono_us;
    if (facts->paused_bytes < 0 && view->job_at_mono_us > facts->paused_at_us &&
        (!facts->recovered || is_near_intent(facts, view)))
        facts->paused_bytes = view->job_position_bytes;
}

static bool is_our_job(const struct hold_facts *facts, const struct printer_view *view)
{
    return str_equal(facts->job_file, view->job_file) &&
           (view->job_elapsed_s < 0 || view->job_elapsed_s >= facts->elapsed_s - ELAPSED_BACK_S);
}

static bool is_our_place(const struct hold_facts *facts, const struct printer_view *view)
{
    if (view->job_at_mono_us <= facts->paused_at_us)
        return true; /* the place is older than the pause: it says nothing */
    if (facts->resumed && view->state_at_mono_us < view->job_at_mono_us)
        return true; /* it may have gone on in between: the state read next tells */
    if (facts->paused_bytes >= 0)
        return view->job_position_bytes == facts->paused_bytes;
    return is_near_intent(facts, view);
}

enum hold_event hold_judge(const struct hold_facts *facts, const struct printer_view *view)
{
    switch (view->state) {
    case PRINTER_OFFLINE:
        return HOLD_EVENT_COUNT;
    case PRINTER_PRINTING:
        return is_our_job(facts, view) ? HOLD_EV_RUNNING : HOLD_EV_GONE;
    case PRINTER_PAUSING:
        return is_our_job(facts, view) ? HOLD_EV_PAUSING : HOLD_EV_GONE;
    case PRINTER_RESUMING:
        return is_our_job(facts, view) ? HOLD_EV_RESUMING : HOLD_EV_GONE;
    case PRINTER_PAUSED:
        if (!is_our_job(facts, view))
            return HOLD_EV_GONE;
        return view->message_box || !is_our_place(facts, view) ? HOLD_EV_FOREIGN : HOLD_EV_PAUSED;
    case PRINTER_IDLE:
    case PRINTER_BUSY:
    case PRINTER_CANCELLING:
    case PRINTER_FINISHED:
    case PRINTER_ERROR:
        break;
    }
    return HOLD_EV_GONE;
}

static int check_state(const struct printer_view *view, const struct hold_request *request,
                       struct error *err)
{
    bool paused = view->state == PRINTER_PAUSED || view->state == PRINTER_PAUSING;

    if (view->state == PRINTER_OFFLINE)
        return error_set(err, -EHOSTUNREACH, "the printer is offline");
    if (view->simulating)
        return error_set(err, -EAGAIN, "the printer only simulates the job");
    if (paused && !request->adopt_job_pause)
        return error_set(err, -EPERM, "the printer was paused by somebody else");
    if (!paused && request->adopt_job_pause)
        return error_set(err, -EAGAIN, "the job has not paused itself");
    if (!paused && view->state != PRINTER_PRINTING)
        return error_set(err, -EAGAIN, "nothing is being printed (%s)",
                         printer_state_name(view->state));
    return 0;
}

static bool in_last_percent(const struct printer_view *view)
{
    return view->job_size_bytes > 0 &&
           view->job_position_bytes * 100 >= view->job_size_bytes * LAST_PERCENT;
}

int hold_may_begin(const struct printer_view *view, const struct hold_request *request,
                   struct error *err)
{
    int rc = check_state(view, request, err);

    if (rc < 0)
        return rc;
    if (view->message_box)
        return error_set(err, -EAGAIN, "a message waits for a person at the printer");
    if (request->adopt_job_pause)
        return 0;
    if (view->layer < 0)
        return error_set(err, -EAGAIN, "no layer has begun yet");
    if (view->layer < request->from_layer)
        return error_set(err, -EAGAIN, "layer %d: no pause before layer %d", view->layer,
                         request->from_layer);
    if (in_last_percent(view))
        return error_set(err, -EAGAIN, "the job is about to end");
    return 0;
}

/* A pause would cancel the wait, and the job go on cold. Whether it waits is asked for rarely while
 * nothing is held, so it is no reason before. */
int hold_may_pause(const struct printer_view *view, const struct hold_request *request,
                   struct error *err)
{
    if (view->heating)
        return error_set(err, -EAGAIN, "the job waits for temperatures");
    return hold_may_begin(view, request, err);
}
