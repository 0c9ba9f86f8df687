/* SPDX-License-Identifier: MIT */
/* run: one build of the queue at a time. The timer "next" looks for the first job whose time has
 * come; while one waits for ffmpeg or for space it looks every few seconds whether that is back. */
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/jobs/inside.h"
#include "agent/publish/report.h"
#include "encode/queue.h"

#include <errno.h>
#include <stdlib.h>

enum {
    RETRY_FIRST_MS = 10 * 1000,
    RETRY_LAST_MS = 10 * 60 * 1000,
    PROBE_MS = 2000,
    TRIES_MAX = 8,              /* of failures that are not the machine's */
    SPACE_BACK_BYTES = 1 << 20, /* more room than when the disk was full */
};

/* --- when --- */

/* What may come back by itself: a person installs ffmpeg or makes room. */
static bool may_come_back(const struct job *job, int code)
{
    return job->without_ffmpeg || code == -ENOSPC || code == -EDQUOT || code == -EROFS ||
           code == -EACCES;
}

static bool ffmpeg_is_missing(const struct jobs *jobs)
{
    struct error err;

    return encode_queue_ffmpeg(jobs->services.encoders, &err) == NULL;
}

static int64_t free_bytes(const struct jobs *jobs)
{
    int64_t bytes = 0;
    struct error err;

    return frame_store_free_bytes(jobs->services.store, &bytes, &err) < 0 ? 0 : bytes;
}

static bool is_back(const struct job *job)
{
    if (job->without_ffmpeg)
        return !ffmpeg_is_missing(job->jobs);
    if (job->err.code == -ENOSPC || job->err.code == -EDQUOT)
        return free_bytes(job->jobs) > job->free_bytes + SPACE_BACK_BYTES;
    return false;
}

void job_set_retry(struct job *job, const struct error *err)
{
    int64_t wait_ms = RETRY_FIRST_MS;

    job->tries++;
    for (int64_t i = 1; i < job->tries && wait_ms < RETRY_LAST_MS; i++)
        wait_ms *= 2;
    job->retry_at_mono_ms = clock_mono_ms() + MIN(wait_ms, (int64_t)RETRY_LAST_MS);
    job->free_bytes = free_bytes(job->jobs);
    job->without_ffmpeg = ffmpeg_is_missing(job->jobs);
    if (!may_come_back(job, err->code) && job->tries >= TRIES_MAX)
        job_set_state(job, JOB_FAILED, err);
    else
        job_set_state(job, JOB_QUEUED, err);
}

/* --- what --- */

char *job_video_name(const struct job *job)
{
    const char *wanted = json_get_string(job->args, "name");

    if (job_is_final(job))
        return xstrdup(job->session);
    if (wanted)
        return path_safe_name(wanted);
    return xasprintf("%.200s_%lld", job->session, (long long)job->number);
}

static void adopt_number(const cJSON *args, const char *key, double *setting)
{
    double value;

    if (json_get_number(args, key, &value))
        *setting = value;
}

static void adopt_int(const cJSON *args, const char *key, int64_t *setting)
{
    int64_t value;

    if (json_get_int(args, key, &value))
        *setting = value;
}

static struct video_settings settings_of(const struct job *job, const struct unit_settings *unit)
{
    struct video_settings settings = unit->video;

    adopt_number(job->args, "fps", &settings.fps);
    adopt_number(job->args, "target_length_s", &settings.target_length_s);
    adopt_int(job->args, "crf", &settings.crf);
    adopt_int(job->args, "max_width", &settings.max_width);
    if (json_get(job->args, "fps") && !json_get(job->args, "target_length_s"))
        settings.target_length_s = settings.min_length_s = settings.max_length_s = 0;
    return settings;
}

void job_remove_rest(const struct job *job)
{
    const struct jobs *jobs = job->jobs;
    CLEANUP(free_p) char *name = NULL;
    struct journal_session session = {0};
    struct error err;

    if (!str_equal(job->kind, "build") ||
        journal_get_session(jobs->services.journal, job->session, &session, &err) < 0)
        return;
    name = job_video_name(job);
    build_remove_rest(&jobs->services, job->session, session.dir, name);
    journal_session_done(&session);
}

/* --- the build --- */

static void on_progress(double progress, void *user)
{
    struct jobs *jobs = user;

    job_progress(jobs->running, progress);
}

void job_keep_video(const struct job *job, const char *camera, const struct video_result *video,
                    int64_t ready_ms_after_end)
{
    journal_add_video(
        job->jobs->services.journal,
        &(struct journal_video){.session = job->session,
                                .unit = job->unit,
                                .camera = camera,
                                .kind = job->kind,
                                .path = video->path,
                                .frames = video->frames,
                                .dropped = video->dropped_frames,
                                .bytes = video->bytes,
                                .duration_s = video->duration_s,
                                .fps = video->fps,
                                .width = video->width,
                                .height = video->height,
                                .made_at = clock_wall_ms(),
                                .ready_ms_after_end = MAX(ready_ms_after_end, (int64_t)0)},
        NULL, NULL);
}

static void delete_frames(const struct job *job, const char *camera)
{
    struct jobs *jobs = job->jobs;
    const struct unit_settings *unit = jobs->events.settings_of(job->unit, jobs->user);
    struct journal_session session = {0};
    struct error err;

    if (!unit || !unit->delete_frames || !str_equal(unit->id, job->unit) ||
        journal_get_session(jobs->services.journal, job->session, &session, &err) < 0)
        return;
    frame_store_delete(jobs->services.store, session.dir, camera, 1, INT64_MAX);
    journal_session_done(&session);
}

static void tell_final(const struct job *job, const char *type, const cJSON *data)
{
    job->jobs->events.on_final(job->unit, type, data, job->jobs->user);
}

static void video_made(struct job *job, const struct report_video *about,
                       const struct video_result *video)
{
    cJSON *data = report_video(about, video);

    job_keep_video(job, about->camera, video, about->ready_ms_after_end);
    log_info("job.video_ready", "job=%s camera=%s frames=%lld file=\"%s\"", job->id, about->camera,
             (long long)video->frames, video->path);
    if (!job->videos)
        job->videos = json_array();
    json_add(job->videos, NULL, json_copy(data));
    if (job_is_final(job)) {
        tell_final(job, "video_ready", data);
        delete_frames(job, about->camera);
    }
    json_free(data);
}

static void video_failed(struct job *job, const struct report_video *about, int result,
                         const struct error *err)
{
    if (result == -ENODATA && job_is_final(job)) { /* too few frames: what the settings want */
        cJSON *data = report_failed_video(about, err);

        tell_final(job, "video_none", data);
        json_free(data);
        return;
    }
    log_warn("job.video_failed", "job=%s camera=%s error=\"%s\"", job->id, about->camera,
             err->text);
    job->jobs->failure = *err;
    job->jobs->failure.code = result;
}

static void on_video(int result, const char *camera, const struct video_result *video,
                     const struct error *err, void *user)
{
    struct jobs *jobs = user;
    struct job *job = jobs->running;
    struct journal_frame_totals totals = {0};
    struct error unknown;
    int rc = journal_frame_totals(jobs->services.journal, job->session, camera, &totals, &unknown);
    struct report_video about = {
        .job = job->id,
        .kind = job->kind,
        .session = job->session,
        .camera = camera,
        .resized = rc == 0 ? totals.resized : 0,
        .ready_ms_after_end =
            job->print_ended_at > 0 ? clock_wall_ms() - job->print_ended_at : (int64_t)-1,
    };

    if (result < 0)
        video_failed(job, &about, result, err);
    else
        video_made(job, &about, video);
}

static void tell_given_up(const struct job *job)
{
    cJSON *data = report_failed_video(
        &(struct report_video){.job = job->id, .kind = job->kind, .session = job->session},
        &job->err);

    json_add_bool(data, "will_retry", false);
    tell_final(job, "video_failed", data);
    json_free(data);
}

static void over(struct jobs *jobs)
{
    struct job *job = TAKE(jobs->running);

    if (jobs->failure.code == 0)
        job_set_state(job, JOB_DONE, NULL);
    else if (job_is_final(job))
        job_set_retry(job, &jobs->failure);
    else
        job_set_state(job, JOB_FAILED, &jobs->failure);
    if (job_is_final(job) && job->state == JOB_FAILED)
        tell_given_up(job);
    jobs_kick(jobs);
}

static void on_over(void *user)
{
    struct jobs *jobs = user;

    build_free(TAKE(jobs->build));
    over(jobs);
}

void jobs_stop_build(struct jobs *jobs)
{
    build_free(TAKE(jobs->build));
    jobs->running = NULL;
}

static int start_build(struct jobs *jobs, struct job *job, struct error *err)
{
    static const struct build_events events = {
        .on_progress = on_progress, .on_video = on_video, .on_over = on_over};
    const struct unit_settings *unit = jobs->events.settings_of(job->unit, jobs->user);
    CLEANUP(free_p) char *name = job_video_name(job);
    struct journal_session session = {0};
    struct build_order order = {
        .session = job->session, .name = name, .camera = json_get_string(job->args, "camera")};
    int rc;

    if (!unit)
        return error_set(err, -EINVAL, "no unit is configured whose settings a video could have");
    rc = journal_get_session(jobs->services.journal, job->session, &session, err);
    if (rc < 0)
        return rc;
    order.session_dir = session.dir;
    order.settings = settings_of(job, unit);
    rc = build_start(&jobs->services, &order, &events, jobs, &jobs->build, err);
    journal_session_done(&session);
    return rc;
}

static void start(struct jobs *jobs, struct job *job)
{
    struct error err = {0};
    int rc;

    jobs->running = job;
    jobs->failure = (struct error){0};
    job->progress = 0;
    job_set_state(job, JOB_RUNNING, NULL);
    rc = start_build(jobs, job, &err);
    if (rc == 0)
        return;
    err.code = rc;
    jobs->running = NULL;
    if (job_is_final(job) && rc != -ENOENT && rc != -ENODATA)
        job_set_retry(job, &err);
    else
        job_set_state(job, JOB_FAILED, &err);
    jobs_kick(jobs);
}

/* --- which --- */

/* How long until this job's time has come; -1: it does not wait for it. */
static int64_t wait_ms(const struct job *job, int64_t now)
{
    if (job->state != JOB_QUEUED || job_is_live(job))
        return -1;
    if (job->retry_at_mono_ms <= now || is_back(job))
        return 0;
    return MIN(job->retry_at_mono_ms - now, (int64_t)PROBE_MS);
}

static bool a_print_is_being_finished(const struct jobs *jobs)
{
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    if (job->state == JOB_RUNNING && job_is_live(job) && job_is_final(job))
        return true;
    return false;
}

/* We were killed when the print had just ended: the session is open again, and its unit, which has
 * the growing video open, makes the final one. */
static bool belongs_to_open_session(const struct job *job)
{
    struct journal_session session = {0};
    struct error err;
    bool open;

    if (!job_is_final(job) ||
        journal_get_session(job->jobs->services.journal, job->session, &session, &err) < 0)
        return false;
    open = session.ended_at == 0;
    journal_session_done(&session);
    return open;
}

void jobs_on_next(void *user)
{
    struct jobs *jobs = user;
    int64_t now = clock_mono_ms(), soonest = -1;
    struct job *job;

    if (!jobs->started || jobs->running || a_print_is_being_finished(jobs))
        return;
    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    {
        int64_t wait = wait_ms(job, now);

        if (wait == 0 && belongs_to_open_session(job))
            wait = PROBE_MS;
        if (wait == 0) {
            start(jobs, job);
            return;
        }
        if (wait > 0 && (soonest < 0 || wait < soonest))
            soonest = wait;
    }
    if (soonest > 0)
        timer_start(jobs->next, soonest);
}

void jobs_kick(struct jobs *jobs)
{
    if (jobs->started)
        timer_start(jobs->next, 0);
}
