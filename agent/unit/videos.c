/* SPDX-License-Identifier: MIT */
/* videos: the final and the interim videos of a unit's session. */
#include "agent/unit/inside.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/report.h"

#include <errno.h>
#include <stdio.h>

void unit_begin_build(struct unit *unit, const char *kind)
{
    unit->build = (struct unit_build){.kind = kind, .started_at_mono_ms = clock_mono_ms()};
    snprintf(unit->build.id, sizeof(unit->build.id), "%s-%lld", unit_id(unit),
             (long long)++unit->build_count);
}

void unit_end_build(struct unit *unit)
{
    unit->build = (struct unit_build){0};
    unit_changed(unit);
}

static struct report_video about_build(const struct unit *unit, const char *camera,
                                       int64_t ready_ms)
{
    return (struct report_video){
        .job = unit->build.id,
        .kind = unit->build.kind,
        .session = session_id(unit->session),
        .camera = camera,
        .missed = session_missed(unit->session),
        .ready_ms_after_end = ready_ms,
    };
}

static void keep_video(struct unit *unit, const char *camera, const struct video_result *video,
                       int64_t ready_ms)
{
    journal_add_video(unit->config.services.journal,
                      &(struct journal_video){.session = session_id(unit->session),
                                              .unit = unit_id(unit),
                                              .camera = camera,
                                              .kind = unit->build.kind,
                                              .path = video->path,
                                              .frames = video->frames,
                                              .dropped = video->dropped_frames,
                                              .bytes = video->bytes,
                                              .duration_s = video->duration_s,
                                              .fps = video->fps,
                                              .width = video->width,
                                              .height = video->height,
                                              .made_at = clock_wall_ms(),
                                              .ready_ms_after_end = ready_ms},
                      NULL, NULL);
}

/* Too few frames (-ENODATA) is what the settings want, not a failure. */
static void video_failed(struct unit *unit, int result, const char *camera, const struct error *err)
{
    struct report_video about = about_build(unit, camera, -1);
    bool wanted = result != -ENODATA;

    if (wanted) {
        log_error("unit.video_failed", "unit=%s camera=%s error=\"%s\"", unit_id(unit), camera,
                  err->text);
        unit_set_problem(unit, &unit->video, err);
    }
    unit_emit(unit, wanted ? "video_failed" : "video_none", report_failed_video(&about, err));
}

static void on_final_video(int result, const char *camera, const struct video_result *video,
                           const struct error *err, void *user)
{
    struct unit *unit = user;
    int64_t ready_ms = (clock_mono_us() - unit->ended_at_mono_us) / 1000;
    struct report_video about = about_build(unit, camera, ready_ms);
    cJSON *data;

    if (result < 0) {
        video_failed(unit, result, camera, err);
        return;
    }
    keep_video(unit, camera, video, ready_ms);
    data = report_video(&about, video);
    log_info("unit.video_ready", "unit=%s camera=%s frames=%lld ready_ms=%lld file=\"%s\"",
             unit_id(unit), camera, (long long)video->frames, (long long)ready_ms, video->path);
    unit->callbacks.on_video(unit, data, unit->user);
    unit_emit(unit, "video_ready", data);
    unit_clear_problem(unit, &unit->video);
}

static void on_preview_video(int result, const char *camera, const struct video_result *video,
                             const struct error *err, void *user)
{
    struct unit *unit = user;
    struct report_video about = about_build(unit, camera, -1);

    if (result < 0) {
        video_failed(unit, result, camera, err);
        return;
    }
    keep_video(unit, camera, video, 0);
    unit_emit(unit, "preview_ready", report_video(&about, video));
}

static void on_preview_built(void *user)
{
    struct unit *unit = user;

    unit_end_build(unit);
    unit_continue_finish(unit);
}

static void on_built(void *user)
{
    struct unit *unit = user;

    unit_end_build(unit);
    unit_close_session(unit, "session_finished", false);
    unit_step(unit, SESSION_BUILT);
}

/* The final video begins when nothing else of the session is under way. */
void unit_continue_finish(struct unit *unit)
{
    if (!unit->finish_wanted || !shot_queue_idle(unit->shots) || session_building(unit->session))
        return;
    unit->finish_wanted = false;
    session_finish(unit->session, on_final_video, on_built, unit);
}

void unit_preview(struct unit *unit, answer_fn answer, void *user)
{
    struct error err = {0};
    int rc;

    if (session_building(unit->session)) {
        answer(ACK_BUSY, "a video of this session is being built already", NULL, user);
        return;
    }
    unit_begin_build(unit, "preview");
    rc = session_preview(unit->session, on_preview_video, on_preview_built, unit, &err);
    if (rc < 0) {
        unit_end_build(unit);
        answer(rc == -ENODATA ? ACK_WRONG_STATE : ACK_ENCODER_FAILED, err.text, NULL, user);
        return;
    }
    unit_changed(unit);
    unit_answer(unit, answer, user);
}
