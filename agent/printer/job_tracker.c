/* SPDX-License-Identifier: MIT */
/* job_tracker: the firmware does not say how a job ended; we conclude it from where the file was
 * and what the state was before. A running job can end early only by way of a pause (M0 is refused
 * otherwise), so "running, then idle" near the end of the file is a good end. When we were not
 * looking for long, the pace of the file so far says whether it can have got to its end by now; if
 * not, we do not know, and say "lost" rather than "done". The same pace decides when it was seen
 * last on its way out of a pause, or in a pause of ours, which we end ourselves: it may have run on
 * and ended before the next look.
 *
 * The same file again is another job: its elapsed time starts over. The position alone proves
 * nothing, every pause rewinds it a little. */
#include "agent/printer/job_tracker.h"

#include "agent/base/str.h"

#include <stdio.h>

enum {
    GAP_LONG_S = 10,
    END_SLACK_S = 1,    /* of reading ahead and polling */
    ELAPSED_BACK_S = 2, /* less is the printer's rounding */
    NEAR_END_PER_MILLE = 990
};

bool job_view_has_job(const struct printer_view *view)
{
    bool busy_with_it = view->state == PRINTER_PRINTING || view->state == PRINTER_PAUSING ||
                        view->state == PRINTER_PAUSED || view->state == PRINTER_RESUMING;

    return busy_with_it && !view->simulating;
}

static struct printer_event *add_event(struct job_events *events, enum printer_event_kind kind,
                                       int64_t at_us)
{
    struct printer_event *event = &events->items[events->count++];

    *event = (struct printer_event){.kind = kind, .at_mono_us = at_us};
    return event;
}

/* --- the end --- */

static double seconds_since(int64_t then_us, int64_t now_us)
{
    return (double)(now_us - then_us) / 1e6;
}

static bool near_end(const struct job_tracker *tracker)
{
    return tracker->size_bytes <= 0 ||
           tracker->position_bytes * 1000 >= tracker->size_bytes * NEAR_END_PER_MILLE;
}

static bool can_have_ended(const struct job_tracker *tracker, double gap_s)
{
    double left_bytes = (double)(tracker->size_bytes - tracker->position_bytes);

    return left_bytes <= tracker->bytes_per_s * (gap_s * 1.5 + END_SLACK_S);
}

static enum printer_job_end conclude_end(const struct job_tracker *tracker,
                                         const struct printer_view *view, int64_t at_us)
{
    bool was_stopped =
        !tracker->ours && (tracker->state == PRINTER_PAUSING || tracker->state == PRINTER_PAUSED);
    bool gap_long = seconds_since(tracker->fed_at_us, at_us) > GAP_LONG_S;

    if (view->state == PRINTER_ERROR)
        return PRINTER_JOB_LOST;
    if (view->state == PRINTER_CANCELLING || (was_stopped && !gap_long))
        return PRINTER_JOB_CANCELLED;
    if (near_end(tracker) || can_have_ended(tracker, seconds_since(tracker->job_at_us, at_us)))
        return PRINTER_JOB_DONE;
    return gap_long || job_view_has_job(view) ? PRINTER_JOB_LOST : PRINTER_JOB_CANCELLED;
}

static void end_job(struct job_tracker *tracker, enum printer_job_end end, int64_t at_us,
                    struct job_events *events)
{
    add_event(events, PRINTER_EVENT_JOB_ENDED, at_us)->end = end;
    tracker->in_job = false;
    tracker->finished = end == PRINTER_JOB_DONE;
    layer_counter_init(&tracker->layers, -1, 0);
}

/* --- the job --- */

static void remember_job(struct job_tracker *tracker, const struct printer_view *view)
{
    (void)!snprintf(tracker->file, sizeof(tracker->file), "%s", view->job_file);
    tracker->size_bytes = view->job_size_bytes;
    tracker->position_bytes = MAX(view->job_position_bytes, 0);
    tracker->elapsed_s = view->job_elapsed_s;
    tracker->job_at_us = view->job_at_mono_us;
}

static bool is_other_job(const struct job_tracker *tracker, const struct printer_view *view)
{
    if (view->job_at_mono_us <= tracker->job_at_us)
        return false;
    return !str_equal(tracker->file, view->job_file) ||
           tracker->size_bytes != view->job_size_bytes ||
           (view->job_elapsed_s >= 0 && view->job_elapsed_s < tracker->elapsed_s - ELAPSED_BACK_S);
}

static void start_job(struct job_tracker *tracker, const struct printer_view *view, int64_t at_us,
                      struct job_events *events)
{
    bool unseen = !tracker->fed || seconds_since(tracker->fed_at_us, at_us) > GAP_LONG_S;

    add_event(events, PRINTER_EVENT_JOB_STARTED, at_us)->resumed_job = unseen;
    tracker->in_job = true;
    tracker->finished = false;
    tracker->bytes_per_s = 0;
    remember_job(tracker, view);
    tracker->job_at_us = 0; /* the layer of this view still counts */
    layer_counter_init(&tracker->layers, unseen ? view->layer : -1,
                       unseen ? tracker->position_bytes : 0);
}

/* Of the moment or of the whole job, whichever is faster. */
static void measure_pace(struct job_tracker *tracker, const struct printer_view *view)
{
    double step_s = seconds_since(tracker->job_at_us, view->job_at_mono_us);
    double step_bytes = (double)(view->job_position_bytes - tracker->position_bytes);
    double mean = 0, now = 0;

    if (tracker->job_at_us > 0 && step_s > 0)
        now = step_bytes / step_s;
    if (view->job_elapsed_s > 0)
        mean = (double)view->job_position_bytes / (double)view->job_elapsed_s;
    tracker->bytes_per_s = MAX(mean, now);
}

static void look_at_job(struct job_tracker *tracker, const struct printer_view *view, bool stopping,
                        int64_t at_us, struct job_events *events)
{
    bool stopped = stopping || view->state != PRINTER_PRINTING;

    if (view->job_at_mono_us <= tracker->job_at_us)
        return;
    measure_pace(tracker, view);
    remember_job(tracker, view);
    if (layer_counter_look(&tracker->layers, view->layer, tracker->position_bytes, stopped))
        add_event(events, PRINTER_EVENT_LAYER, at_us)->layer = job_tracker_layer(tracker);
}

void job_tracker_feed(struct job_tracker *tracker, const struct printer_view *view, bool ours,
                      bool stopping, int64_t at_mono_us, struct job_events *ret_events)
{
    bool has_job = job_view_has_job(view);

    ret_events->count = 0;
    if (tracker->in_job && (!has_job || is_other_job(tracker, view)))
        end_job(tracker, conclude_end(tracker, view, at_mono_us), at_mono_us, ret_events);
    if (!tracker->in_job && has_job)
        start_job(tracker, view, at_mono_us, ret_events);
    if (tracker->in_job)
        look_at_job(tracker, view, stopping, at_mono_us, ret_events);
    if (tracker->in_job && view->state == PRINTER_PAUSED && !ours &&
        (tracker->state != PRINTER_PAUSED || !tracker->fed))
        add_event(ret_events, PRINTER_EVENT_JOB_PAUSED, at_mono_us);
    tracker->fed = true;
    tracker->ours = ours;
    tracker->fed_at_us = at_mono_us;
    tracker->state = view->state;
}

void job_tracker_reboot(struct job_tracker *tracker, int64_t at_mono_us,
                        struct job_events *ret_events)
{
    ret_events->count = 0;
    if (tracker->in_job)
        end_job(tracker, PRINTER_JOB_LOST, at_mono_us, ret_events);
    tracker->finished = false;
    tracker->state = PRINTER_OFFLINE;
}

int job_tracker_layer(const struct job_tracker *tracker)
{
    return layer_counter_layer(&tracker->layers);
}
