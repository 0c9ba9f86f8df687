/* SPDX-License-Identifier: MIT */
#include "agent/light/exposure.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"

#include <stdlib.h>

struct exposure {
    struct camera *camera;
    struct exposure_events events;
    void *user;
    struct light *lamp; /* NULL: none */
    struct light_use *use;
    enum exposure_light light;
    struct shot *shot;
    bool may_go, light_ready;
    int64_t not_before_mono_us;
};

/* The light stays on until whoever waits has the picture, and has let his printer go. */
static void on_picture(struct picture *picture, const struct error *err, void *user)
{
    struct exposure *exposure = user;

    exposure->shot = NULL;
    exposure->events.on_picture(picture, err, exposure->light, exposure->user);
    exposure_cancel(exposure);
}

static void shoot_when_ready(struct exposure *exposure)
{
    if (exposure->may_go && exposure->light_ready)
        exposure->shot =
            camera_shoot(exposure->camera, exposure->not_before_mono_us, 0, on_picture, exposure);
}

static void on_light(bool lit, int64_t lit_at_mono_us, const struct error *err, void *user)
{
    struct exposure *exposure = user;

    exposure->light = lit ? EXPOSURE_LIT : EXPOSURE_DARK;
    exposure->light_ready = true;
    if (lit)
        exposure->not_before_mono_us = MAX(exposure->not_before_mono_us, lit_at_mono_us);
    else
        log_info("camera.in_the_dark", "camera=%s error=\"%s\"", camera_id(exposure->camera),
                 err->text);
    shoot_when_ready(exposure);
    if (exposure->may_go && exposure->events.on_step)
        exposure->events.on_step(exposure->user);
}

struct exposure *exposure_new(struct lights *lights, struct camera *camera,
                              const struct exposure_events *events, void *user)
{
    struct exposure *exposure = xcalloc(1, sizeof(*exposure));

    *exposure = (struct exposure){.camera = camera, .events = *events, .user = user};
    if (lights)
        exposure->lamp = lights_find(lights, camera_get_settings(camera)->light);
    if (exposure->lamp)
        exposure->use = light_begin(exposure->lamp, on_light, exposure);
    else
        exposure->light_ready = true;
    return exposure;
}

int64_t exposure_patience_ms(const struct exposure *exposure)
{
    int64_t patience_ms = camera_patience_ms(exposure->camera);

    if (patience_ms > 0 && !exposure->light_ready)
        patience_ms += light_longest_ms(exposure->lamp);
    return patience_ms;
}

void exposure_go(struct exposure *exposure, int64_t not_before_mono_us)
{
    exposure->may_go = true;
    exposure->not_before_mono_us = MAX(exposure->not_before_mono_us, not_before_mono_us);
    shoot_when_ready(exposure);
}

void exposure_cancel(struct exposure *exposure)
{
    if (!exposure)
        return;
    camera_cancel(exposure->shot);
    light_end(exposure->use);
    free(exposure);
}
