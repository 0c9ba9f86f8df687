/* SPDX-License-Identifier: MIT */
/* job_tracker: one view after the other becomes "job started", "layer", "paused", "job ended".
 * Pure. Views of a printer that could not be reached are not fed; a gap in time is understood. */
#ifndef AGENT_PRINTER_JOB_TRACKER_H
#define AGENT_PRINTER_JOB_TRACKER_H

#include "agent/printer/layer_counter.h"
#include "agent/printer/printer.h"

enum { JOB_EVENTS_MAX = 4 }; /* of one view: ended, started, layer, paused */

struct job_events {
    struct printer_event items[JOB_EVENTS_MAX];
    size_t count;
};

struct job_tracker {
    bool fed;
    bool ours; /* a pause of our own was under way or stood */
    bool in_job;
    bool finished; /* the last job ended well, and no other has begun */
    enum printer_state state;
    char file[PRINTER_FILE_MAX];
    int64_t size_bytes, position_bytes, elapsed_s;
    int64_t fed_at_us, job_at_us;
    double bytes_per_s;
    struct layer_counter layers;
};

/* Zeroed is a fresh tracker. */

/* ours: a pause of our own is under way or stands. stopping: it was sent, so the job may have
 * stopped and the file been rewound already, whatever the view still says. */
void job_tracker_feed(struct job_tracker *tracker, const struct printer_view *view, bool ours,
                      bool stopping, int64_t at_mono_us, struct job_events *ret_events);
/* The printer restarted: its job is lost. */
void job_tracker_reboot(struct job_tracker *tracker, int64_t at_mono_us,
                        struct job_events *ret_events);
/* The layer without what was counted twice; -1 = none. */
int job_tracker_layer(const struct job_tracker *tracker);

/* A job is there, running or paused, and it is no dry run. */
bool job_view_has_job(const struct printer_view *view);

#endif
