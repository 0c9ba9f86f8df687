/* SPDX-License-Identifier: MIT */
/* exposure: one picture of one camera, with the camera's light on around it. The light goes on at
 * once, while the printer still parks; a light that does not come on costs no picture. Loop thread
 * only. */
#ifndef AGENT_LIGHT_EXPOSURE_H
#define AGENT_LIGHT_EXPOSURE_H

#include "agent/light/lights.h"
#include "capture/camera/camera.h"

enum exposure_light {
    EXPOSURE_UNLIT, /* no light was wanted */
    EXPOSURE_LIT,
    EXPOSURE_DARK, /* one was wanted, but did not come on */
};

struct exposure;

struct exposure_events {
    /* After exposure_go(): exposure_patience_ms() became another. NULL: no matter. */
    void (*on_step)(void *user);
    /* Once, after exposure_go(). picture NULL: err says why. The exposure is gone afterwards. */
    void (*on_picture)(struct picture *picture, const struct error *err, enum exposure_light light,
                       void *user);
};

/* Switches the camera's light on; lights may be NULL. The events come later, never from inside a
 * call. */
struct exposure *exposure_new(struct lights *lights, struct camera *camera,
                              const struct exposure_events *events, void *user) MUST_CHECK;
/* From now on the picture may be taken; it must show what was after not_before_mono_us. */
void exposure_go(struct exposure *exposure, int64_t not_before_mono_us);
/* How long a printer or other cameras should wait for it from now on: as camera_patience_ms(), and
 * for the light. 0: its camera failed the last time. */
int64_t exposure_patience_ms(const struct exposure *exposure);
void exposure_cancel(struct exposure *exposure); /* no event comes any more; NULL is fine */

#endif
