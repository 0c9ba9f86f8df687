/* SPDX-License-Identifier: MIT */
/* shot: one trigger becomes one picture of each camera of a unit.
 *
 * When asked, the printer is held first (paused, parked, settled); the pictures must then be
 * captured after it stood, else after the trigger; that of a frozen camera does not count. The
 * printer is let go as soon as the last picture is in memory: storing it is not the printer's
 * business. A printer that cannot be held now does not cost the frame: it is taken without.
 *
 * Lights go on at once, while the printer parks; see light/exposure.h.
 *
 * A camera that hangs holds nobody up: what it usually takes is waited for (camera_patience_ms()),
 * then the printer goes on and the next shot may begin. Its picture may still come, as one that was
 * taken without the hold. */
#ifndef AGENT_SHOT_H
#define AGENT_SHOT_H

#include "agent/light/exposure.h"
#include "agent/printer/printer.h"

struct shot_plan {
    struct loop *loop;
    struct printer *printer; /* NULL: nothing to hold */
    struct hold_request hold;
    struct lights *lights;         /* NULL: none */
    struct camera *const *cameras; /* read during shot_start(); NULL among them: not this one */
    size_t camera_count;
    int64_t trigger_at_mono_us;
    bool look; /* each is told when it is known what it looks like */
};

/* What became of one camera's picture. */
struct shot_result {
    size_t camera;           /* its index in the plan */
    struct picture *picture; /* NULL: failed */
    struct error error;
    bool held, parked; /* the printer, until the picture was here */
    enum exposure_light light;
};

struct shot_events {
    /* The printer is not held as planned, and why; the pictures come all the same. */
    void (*on_unheld)(const struct error *err, void *user);
    /* Once: the printer is let go, and the next shot may begin. */
    void (*on_free)(void *user);
    /* Per camera of the plan, valid during the call; keep the picture by picture_ref(). last: no
     * more come and the run is gone; on_free came before it. */
    void (*on_picture)(const struct shot_result *result, bool last, void *user);
};

struct shot_run;
/* plan is copied, its devices are borrowed until the last picture. The events come later, never
 * from inside the call. At least one camera is in the plan. */
struct shot_run *shot_start(const struct shot_plan *plan, const struct shot_events *events,
                            void *user) MUST_CHECK;
/* Gives up: the printer is let go, no event comes any more. NULL is fine. */
void shot_cancel(struct shot_run *run);
/* Whether the picture of that camera is still to come. */
bool shot_awaits(const struct shot_run *run, size_t camera);

#endif
