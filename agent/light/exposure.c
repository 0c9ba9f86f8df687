/* SPDX-License-Identifier: MIT */
/* exposure: with light_when = dark the picture is taken without the light first. When it turns out
 * dark it is taken again with the light; for some minutes the light is then on from the start. So
 * no frame is dark, and none of the day is lit. */
#include "agent/light/exposure.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"

#include <stdlib.h>

struct exposure {
    struct lights *lights;
    struct camera *camera;
    struct exposure_events events;
    void *user;
    struct light *lamp;    /* NULL: none, or not needed */
    struct light_use *use; /* NULL: not in use */
    enum exposure_light light;
    struct shot *shot;
    bool may_go, light_ready;
    bool trying; /* whether it is dark */
    struct picture *tried;
    struct picture_waiter waiter;
    int64_t not_before_mono_us;
};

static void on_light(bool lit, int64_t lit_at_mono_us, const struct error *err, void *user);

/* The light stays on until whoever waits has the picture, and has let his printer go. */
static void deliver(struct exposure *exposure, struct picture *picture, const struct error *err)
{
    exposure->events.on_picture(picture, err, exposure->light, exposure->user);
    exposure_cancel(exposure);
}

static void step(struct exposure *exposure)
{
    if (exposure->may_go && exposure->events.on_step)
        exposure->events.on_step(exposure->user);
}

static void use_light(struct exposure *exposure)
{
    exposure->light_ready = false;
    exposure->use = light_begin(exposure->lamp, on_light, exposure);
}

/* It is known how bright the picture is that was taken without the light. */
static void on_looked(void *user)
{
    struct exposure *exposure = user;
    const struct camera_settings *settings = camera_get_settings(exposure->camera);
    int brightness = exposure->tried->brightness;

    exposure->trying = false;
    if (brightness < 0 || brightness >= settings->dark_below) {
        deliver(exposure, exposure->tried, NULL);
        return;
    }
    log_debug("camera.dark", "camera=%s brightness=%d", settings->id, brightness);
    lights_note_dark(exposure->lights, settings->id);
    use_light(exposure);
    step(exposure);
}

static void on_picture(struct picture *picture, const struct error *err, void *user)
{
    struct exposure *exposure = user;

    exposure->shot = NULL;
    if (!picture && exposure->tried) { /* better a dark one than none */
        exposure->light = EXPOSURE_DARK;
        picture = exposure->tried;
    }
    if (!picture || !exposure->trying) {
        deliver(exposure, picture, err);
        return;
    }
    exposure->tried = picture_ref(picture);
    if (!picture_await(picture, &exposure->waiter))
        on_looked(exposure);
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
        log_debug("camera.in_the_dark", "camera=%s error=\"%s\"", camera_id(exposure->camera),
                  err->text);
    if (!lit && exposure->tried) { /* it would not become brighter */
        deliver(exposure, exposure->tried, NULL);
        return;
    }
    shoot_when_ready(exposure);
    step(exposure);
}

struct exposure *exposure_new(struct lights *lights, struct camera *camera,
                              const struct exposure_events *events, void *user)
{
    const struct camera_settings *settings = camera_get_settings(camera);
    struct exposure *exposure = xcalloc(1, sizeof(*exposure));

    *exposure = (struct exposure){
        .lights = lights, .camera = camera, .events = *events, .user = user, .light_ready = true};
    picture_waiter_init(&exposure->waiter, on_looked, exposure);
    if (lights)
        exposure->lamp = lights_find(lights, settings->light);
    if (!exposure->lamp)
        return exposure;
    exposure->trying =
        settings->light_when == CAMERA_LIGHT_DARK && !lights_is_dark(lights, settings->id);
    if (!exposure->trying)
        use_light(exposure);
    return exposure;
}

void exposure_go(struct exposure *exposure, int64_t not_before_mono_us)
{
    exposure->may_go = true;
    exposure->not_before_mono_us = MAX(exposure->not_before_mono_us, not_before_mono_us);
    shoot_when_ready(exposure);
}

int64_t exposure_patience_ms(const struct exposure *exposure)
{
    int64_t patience_ms = camera_patience_ms(exposure->camera);

    if (patience_ms == 0)
        return 0;
    if (exposure->trying) /* and then perhaps once more */
        patience_ms *= 2;
    if (exposure->trying || !exposure->light_ready)
        patience_ms += light_longest_ms(exposure->lamp);
    return patience_ms;
}

void exposure_cancel(struct exposure *exposure)
{
    if (!exposure)
        return;
    camera_cancel(exposure->shot);
    picture_waiter_done(&exposure->waiter);
    picture_unref(exposure->tried);
    light_end(exposure->use);
    free(exposure);
}
