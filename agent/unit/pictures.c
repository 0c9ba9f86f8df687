/* SPDX-License-Identifier: MIT */
/* pictures: how a unit takes a frame for its session, or a picture only to be seen. */
#include "agent/unit/inside.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/str.h"
#include "agent/publish/report.h"

static bool may_hold(const struct unit *unit, const struct shot_request *request)
{
    if (!unit->config.printer || !request->for_session || request->must)
        return false;
    return unit->config.settings->pause || str_equal(request->cause.name, "pause");
}

static void plan_shot(const struct shot_request *request, struct shot_plan *ret_plan, void *user)
{
    struct unit *unit = user;
    const struct unit_settings *settings = unit->config.settings;

    *ret_plan = (struct shot_plan){
        .loop = unit->config.services.loop,
        .printer = may_hold(unit, request) ? unit->config.printer : NULL,
        .hold = {.adopt_job_pause = str_equal(request->cause.name, "pause"),
                 .move = settings->park,
                 .x_mm = settings->park_x_mm,
                 .y_mm = settings->park_y_mm,
                 .feed_mm_min = settings->park_feed_mm_min,
                 .settle_ms = (int64_t)(settings->rest_s * 1000),
                 .from_layer = (int)settings->pause_from_layer},
        .lights = unit->config.lights,
        .cameras = unit->cameras,
        .camera_count = settings->cameras.count,
        .trigger_at_mono_us = request->cause.at_mono_us,
        .look = !request->for_session,
    };
}

/* A picture that belongs to no session: shown, not stored. */
static void show_picture(struct unit *unit, const struct shot_request *request,
                         const struct shot_result *taken)
{
    struct picture *picture = taken->picture;
    struct unit_picture shown = {
        .camera = unit->config.settings->cameras.items[taken->camera],
        .layer = -1,
        .picture = picture,
    };
    cJSON *proof = NULL;

    if (picture) {
        shown.captured_at = clock_wall_of_mono_ms(picture->captured_at_mono_us / 1000);
        unit->callbacks.on_picture(unit, &shown, unit->user);
        proof = report_picture(shown.camera, picture, taken->light, request->cause.at_mono_us);
    }
    shot_queue_part(unit->shots, request->cause.at_mono_us, proof, picture ? NULL : &taken->error);
}

static void store_picture(struct unit *unit, const struct shot_request *request,
                          const struct shot_result *taken)
{
    struct frame_cause cause = {
        .trigger = request->cause.name,
        .layer = request->cause.layer,
        .parked = taken->held && (taken->parked || !unit->config.settings->park),
        .light = taken->light,
        .trigger_at_mono_us = request->cause.at_mono_us,
    };

    if (cause.layer >= 0 && cause.trigger_at_mono_us >= unit->last_shot_at_mono_us)
        session_set_last_layer(unit->session, cause.layer);
    unit->last_shot_at_mono_us = MAX(unit->last_shot_at_mono_us, cause.trigger_at_mono_us);
    session_add(unit->session, taken, &cause);
}

static void on_unheld(const struct shot_request *request, const struct error *err, void *user)
{
    struct unit *unit = user;

    log_info("unit.frame_without_hold", "unit=%s layer=%d reason=\"%s\"", unit_id(unit),
             request->cause.layer, err->text);
}

static void on_taken(const struct shot_request *request, const struct shot_result *taken,
                     void *user)
{
    if (request->for_session)
        store_picture(user, request, taken);
    else
        show_picture(user, request, taken);
}

static void on_gave_way(const struct shot_request *request, void *user)
{
    struct unit *unit = user;

    session_count_missed(unit->session, 1);
    log_warn("unit.trigger_missed", "unit=%s trigger=%s layer=%d reason=\"too fast\"",
             unit_id(unit), request->cause.name, request->cause.layer);
}

static void on_shots_idle(void *user)
{
    unit_continue_finish(user);
}

const struct shot_queue_events unit_shot_events = {
    .plan = plan_shot,
    .unheld = on_unheld,
    .taken = on_taken,
    .gave_way = on_gave_way,
    .idle = on_shots_idle,
};

void unit_snapshot(struct unit *unit, bool for_session, answer_fn answer, void *user)
{
    struct shot_request request = {
        .cause = {.name = "command", .layer = -1, .at_mono_us = clock_mono_us()},
        .for_session = for_session,
        .answer = answer,
        .answer_user = user,
    };

    if (unit->config.printer)
        request.cause.layer = printer_get_view(unit->config.printer)->layer;
    shot_queue_ask(unit->shots, &request);
}
