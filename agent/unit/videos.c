/* SPDX-License-Identifier: MIT */
/* videos: the final and the interim videos of a unit's session. */
#include "agent/unit/inside.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/str.h"
#include "agent/publish/report.h"

#include <errno.h>
#include <stdio.h>

/* The final one counts more; while a preview is finished first, the progress is its. */
static void show_build(struct unit *unit)
{
    const struct job *job = unit->final_job ? unit->final_job : unit->preview_job;

    unit->build = (struct unit_build){0};
    if (job) {
        unit->build.kind = unit->final_job ? "final" : "preview";
        snprintf(unit->build.id, sizeof(unit->build.id), "%s", job_id(job));
    }
    unit_changed(unit);
}

void unit_show_progress(struct unit *unit, double progress)
{
    struct job *job = unit->preview_job ? unit->preview_job : unit->final_job;

    unit->build.progress = progress;
    if (job)
        job_progress(job, progress);
    unit_changed(unit);
}

static struct job *begin_job(struct unit *unit, const char *kind,
                             void (*on_stop)(enum job_state state, void *user))
{
    return jobs_begin(unit->config.jobs, &(struct job_live){.kind = kind,
                                                            .unit = unit_id(unit),
                                                            .session = session_id(unit->session),
                                                            .stop = on_stop,
                                                            .user = unit});
}

static void end_job(struct unit *unit, struct job **slot, const struct error *err)
{
    if (*slot)
        job_end(TAKE(*slot), err);
    show_build(unit);
}

void unit_cancel_builds(struct unit *unit)
{
    struct error err;

    error_set(&err, -ECANCELED, "the session was %s", unit->end);
    end_job(unit, &unit->preview_job, &err);
    end_job(unit, &unit->final_job, &err);
    unit->pause_wanted = false;
}

void unit_leave_builds(struct unit *unit)
{
    if (unit->preview_job)
        job_leave(TAKE(unit->preview_job));
    if (unit->final_job)
        job_leave(TAKE(unit->final_job));
}

static struct report_video about_build(const struct unit *unit, const struct job *job,
                                       const char *kind, const char *camera, int64_t ready_ms)
{
    return (struct report_video){
        .job = job_id(job),
        .kind = kind,
        .session = session_id(unit->session),
        .camera = camera,
        .missed = session_missed(unit->session),
        .resized = session_camera_resized(unit->session, camera),
        .ready_ms_after_end = ready_ms,
    };
}

/* Too few frames (-ENODATA) is what the settings want, not a failure. */
static void video_failed(struct unit *unit, const struct report_video *about, int result,
                         const struct error *err, bool will_retry)
{
    cJSON *data = report_failed_video(about, err);

    if (result == -ENODATA) {
        unit_emit(unit, "video_none", data);
        return;
    }
    log_error("unit.video_failed", "unit=%s camera=%s error=\"%s\"", unit_id(unit), about->camera,
              err->text);
    unit_set_problem(unit, &unit->video, err);
    json_add_bool(data, "will_retry", will_retry);
    unit_emit(unit, "video_failed", data);
}

/* --- the final video --- */

static void on_final_video(int result, const char *camera, const struct video_result *video,
                           const struct error *err, void *user)
{
    struct unit *unit = user;
    int64_t ready_ms = (clock_mono_us() - unit->ended_at_mono_us) / 1000;
    struct report_video about = about_build(unit, unit->final_job, "final", camera, ready_ms);
    cJSON *data;

    if (result < 0) {
        video_failed(unit, &about, result, err, true);
        if (result != -ENODATA)
            unit->unbuilt = *err;
        return;
    }
    job_keep_video(unit->final_job, camera, video, ready_ms);
    data = report_video(&about, video);
    log_info("unit.video_ready", "unit=%s camera=%s frames=%lld ready_ms=%lld file=\"%s\"",
             unit_id(unit), camera, (long long)video->frames, (long long)ready_ms, video->path);
    unit->callbacks.on_video(unit, data, unit->user);
    unit_emit(unit, "video_ready", data);
    unit_clear_problem(unit, &unit->video);
}

/* The session is over for this unit; err: the queue tries again, NULL: when it is resumed. */
static void hand_over(struct unit *unit, const struct error *err)
{
    job_hand_over(TAKE(unit->final_job), err, clock_wall_of_mono_ms(unit->ended_at_mono_us / 1000));
    show_build(unit);
}

static void close_finished(struct unit *unit)
{
    unit->pause_wanted = false;
    unit->finish_wanted = false;
    unit_close_session(unit, "session_finished", false);
    unit_step(unit, SESSION_BUILT);
}

static void on_built(void *user)
{
    struct unit *unit = user;

    if (unit->unbuilt.code != 0)
        hand_over(unit, &unit->unbuilt);
    else
        end_job(unit, &unit->final_job, NULL);
    close_finished(unit);
}

/* Somebody cancels or pauses the final video. */
static void on_stop_final(enum job_state state, void *user)
{
    struct unit *unit = user;

    if (state == JOB_CANCELLED) {
        unit_step(unit, SESSION_CMD_ABORT);
        return;
    }
    unit->pause_wanted = true;
    if (!unit->finish_wanted) /* the build has begun: its last frame is there */
        timer_start(unit->leaving, 0);
}

void unit_begin_final(struct unit *unit)
{
    unit->unbuilt = (struct error){0};
    unit->pause_wanted = false;
    unit->final_job = begin_job(unit, "final", on_stop_final);
    show_build(unit);
}

void unit_on_leaving(void *user)
{
    struct unit *unit = user;

    if (!unit->pause_wanted || !unit->final_job)
        return;
    hand_over(unit, NULL);
    close_finished(unit);
}

void unit_continue_finish(struct unit *unit)
{
    if (!unit->finish_wanted || !shot_queue_idle(unit->shots) || session_building(unit->session))
        return;
    unit->finish_wanted = false;
    if (unit->pause_wanted)
        timer_start(unit->leaving, 0);
    else
        session_finish(unit->session, on_final_video, on_built, unit);
}

void unit_on_late_video(struct unit *unit, const char *type, const cJSON *data)
{
    bool ready = str_equal(type, "video_ready");

    if (ready)
        unit->callbacks.on_video(unit, data, unit->user);
    if (ready && !unit->session)
        unit_clear_problem(unit, &unit->video);
    unit->callbacks.on_event(unit, type, data, unit->user);
}

/* --- interim videos --- */

static void on_preview_video(int result, const char *camera, const struct video_result *video,
                             const struct error *err, void *user)
{
    struct unit *unit = user;
    struct report_video about = about_build(unit, unit->preview_job, "preview", camera, -1);

    if (result == -ECANCELED)
        return;
    if (result < 0) {
        video_failed(unit, &about, result, err, false);
        unit->unpreviewed = *err;
        return;
    }
    job_keep_video(unit->preview_job, camera, video, 0);
    unit_emit(unit, "preview_ready", report_video(&about, video));
}

static void on_preview_built(void *user)
{
    struct unit *unit = user;

    end_job(unit, &unit->preview_job, unit->unpreviewed.code ? &unit->unpreviewed : NULL);
    unit_continue_finish(unit);
}

static void on_stop_preview(enum job_state state, void *user)
{
    struct unit *unit = user;

    (void)state;
    session_stop_preview(unit->session);
}

void unit_preview(struct unit *unit, answer_fn answer, void *user)
{
    struct error err = {0};
    int rc;

    if (session_building(unit->session)) {
        answer(ACK_BUSY, "a video of this session is being built already", NULL, user);
        return;
    }
    rc = session_preview(unit->session, on_preview_video, on_preview_built, unit, &err);
    if (rc < 0) {
        answer(rc == -ENODATA ? ACK_WRONG_STATE
               : rc == -EBUSY ? ACK_BUSY
                              : ACK_ENCODER_FAILED,
               err.text, NULL, user);
        return;
    }
    unit->unpreviewed = (struct error){0};
    unit->preview_job = begin_job(unit, "preview", on_stop_preview);
    show_build(unit);
    unit_answer(unit, answer, user);
}
