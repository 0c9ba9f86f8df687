/* SPDX-License-Identifier: MIT */
/* shot: one trigger becomes one picture of each camera of a unit.
 *
 * When asked, the printer is held first (paused, parked, settled); the pictures must then be
 * captured after it stood, else after the trigger; that of a frozen camera does not count. The
 * printer is let go as soon as the last picture is in memory: storing it is not the printer's
 * business. A printer that cannot be held now does not cost the frame: it is taken without. */
#ifndef AGENT_SHOT_H
#define AGENT_SHOT_H

#include "agent/printer/printer.h"
#include "capture/camera/camera.h"

struct shot_plan {
    struct printer *printer; /* NULL: nothing to hold */
    struct hold_request hold;
    struct camera **cameras; /* borrowed until done */
    size_t camera_count;
    int64_t trigger_at_mono_us;
    bool look; /* done comes when it is known what the pictures look like, too */
};

struct shot_picture {
    struct picture *picture; /* NULL: failed */
    struct error error;
};

struct shot_result {
    const struct shot_picture *pictures; /* one per camera, in their order */
    bool held, parked;
    const struct error *hold_error; /* why it was taken without the hold; NULL = as planned */
};

struct shot_run;
/* The result is valid during the call; keep pictures by picture_ref(). */
typedef void (*shot_done_fn)(const struct shot_result *result, void *user);

/* done comes exactly once, later; the run is freed after it returned. */
struct shot_run *shot_start(const struct shot_plan *plan, shot_done_fn done, void *user) MUST_CHECK;
/* Gives up: the printer is let go, done comes no more. NULL is fine. */
void shot_cancel(struct shot_run *run);

#endif
