/* SPDX-License-Identifier: MIT */
/* telling: what a unit says: events, problems, and what its session tells it. */
#include "agent/unit/inside.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/publish/report.h"

/* --- saying what happened --- */

void unit_changed(struct unit *unit)
{
    unit->callbacks.on_changed(unit, false, unit->user);
}

void unit_emit(struct unit *unit, const char *type, cJSON *data)
{
    if (unit->session && !json_get(data, "session"))
        json_add_string(data, "session", session_id(unit->session));
    unit->callbacks.on_event(unit, type, data, unit->user);
    json_free(data);
}

void unit_set_problem(struct unit *unit, struct unit_problem *problem, const struct error *err)
{
    if (problem->err.code == 0)
        problem->since = clock_wall_ms();
    problem->err = *err;
    unit_changed(unit);
}

void unit_clear_problem(struct unit *unit, struct unit_problem *problem)
{
    if (problem->err.code == 0)
        return;
    *problem = (struct unit_problem){0};
    unit_changed(unit);
}

/* --- the session's voice --- */

static void on_frame(const struct track_frame *frame, void *user)
{
    struct unit *unit = user;
    cJSON *data = report_frame(frame);

    unit->callbacks.on_picture(unit,
                               &(struct unit_picture){.camera = frame->camera,
                                                      .session = session_id(unit->session),
                                                      .seq = frame->seq,
                                                      .layer = frame->cause.layer,
                                                      .captured_at = frame->captured_at,
                                                      .picture = frame->picture},
                               unit->user);
    if (!unit->ill_camera || str_equal(unit->ill_camera, frame->camera))
        unit_clear_problem(unit, &unit->capture);
    unit_emit(unit, "frame", json_copy(data));
    unit_changed(unit);
    shot_queue_part(unit->shots, frame->cause.trigger_at_mono_us, data, NULL);
}

static void on_frame_lost(const char *camera, const struct frame_cause *cause,
                          const struct error *err, void *user)
{
    struct unit *unit = user;

    log_warn("unit.frame_missed", "unit=%s camera=%s trigger=%s layer=%d error=\"%s\"",
             unit_id(unit), camera, cause->trigger, cause->layer, err->text);
    unit_emit(unit, "frame_missed", report_lost_frame(camera, cause, err));
    replace_str(&unit->ill_camera, camera);
    unit_set_problem(unit, &unit->capture, err);
    shot_queue_part(unit->shots, cause->trigger_at_mono_us, NULL, err);
}

static void on_growing(const char *camera, const struct video_state *state, const struct error *err,
                       void *user)
{
    struct unit *unit = user;

    (void)state;
    if (err) {
        log_warn("unit.encode_failed", "unit=%s camera=%s error=\"%s\"", unit_id(unit), camera,
                 err->text);
        unit_set_problem(unit, &unit->video, err);
    } else {
        unit_clear_problem(unit, &unit->video);
    }
    unit_changed(unit);
}

static void on_progress(double progress, void *user)
{
    unit_show_progress(user, progress);
}

const struct session_events unit_session_events = {
    .on_frame = on_frame,
    .on_frame_lost = on_frame_lost,
    .on_video = on_growing,
    .on_progress = on_progress,
};
