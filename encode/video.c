/* SPDX-License-Identifier: MIT */
/* video: the conductor. One thing at a time is done for a video, in this circle:
 *
 *   idle → waiting (for a slot) → encoding → appending → verifying → committing → idle
 *                                     ↘ failed ↘ rolling back ↙
 *
 * Every stage ends in a callback that begins the next one. video_step() is the only place that
 * decides what to begin, it runs from a timer of length 0 and so never inside a call of the owner.
 * Each round of it calls at most one function of the owner, as its last act, because the owner may
 * free the video from there.
 *
 * A segment counts (on_segment, and with it the deleting of frames) only after it was decoded from
 * the file itself. So at the end just the tail is left to be checked, and the whole file's tables.
 *
 * Failures are of two kinds. "The encoder refuses these frames" leads to plan's search for the
 * offender; "the machine is at fault" (no ffmpeg, no space, killed) is tried again later with every
 * frame kept, at once when somebody waits for the video, who hears about the third failure. */
#include "encode/video.h"

#include "agent/base/mem.h"
#include "encode/disk.h"
#include "encode/pending.h"
#include "encode/plan.h"
#include "encode/queue.h"
#include "encode/segment.h"
#include "encode/verify.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BUILD_FAILURES_MAX = 3,
    UNKNOWN_WIDTH = 1280, /* of a first frame whose size nobody knows */
    UNKNOWN_HEIGHT = 720,
    SIDE_MIN_PX = 16,
    FAST_MISSES_MAX = 2,
};

enum stage {
    STAGE_IDLE,
    STAGE_WAITING,
    STAGE_ENCODING,
    STAGE_APPENDING,
    STAGE_VERIFYING,
    STAGE_COMMITTING,
    STAGE_ROLLING_BACK,
    STAGE_BUILDING, /* the finish or copy itself */
};

/* Somebody waits for a video. */
struct build {
    video_done_fn done; /* NULL: nobody */
    void *user;
    char *dest_path; /* of a preview; NULL: the finish */
    int64_t upto_seq;
    int64_t frames_before; /* in the file when it began */
    int failures;
    bool over; /* with this result: */
    struct error err;
};

/* The frames of the segment under way: pending[skip .. skip + count). */
struct batch {
    size_t skip, count;
    size_t offenders;
    bool fast;    /* the cheap filter was used */
    bool dropped; /* no encoder: only the record that these frames are lost */
    bool appended;
    bool trial; /* it passed behind frames left out: not kept */
    int width, height;
    struct movie_timing timing;
};

struct video {
    struct loop *loop;
    struct encode_queue *queue;
    struct video_settings settings;
    struct video_events events;
    void *user;
    struct disk *disk;
    struct timer *step, *backoff;

    struct pending pending;
    struct plan plan;
    bool tail;
    bool patient;
    enum stage stage;
    struct batch batch;
    struct encode_slot *slot;
    struct segment *segment;
    struct verify *verify;
    bool urgent; /* the batch under way */

    int failures;
    bool missing_told;    /* ffmpeg is missing, said once */
    int fast_misses;      /* batches that passed only without the cheap filter */
    struct error failure; /* of the batch, while it is rolled back */
    struct build preview, finish;
};

static void video_step(void *user);
static void on_turn(void *user);

static void kick(struct video *video)
{
    timer_start(video->step, 0);
}

static const struct mp4_state *file_of(const struct video *video)
{
    return disk_state(video->disk);
}

static struct build *current_build(struct video *video)
{
    if (video->preview.done)
        return &video->preview;
    return video->finish.done ? &video->finish : NULL;
}

static struct movie_timing timing_for(const struct video *video, int64_t frames)
{
    struct video_timing timing;

    video_timing(&video->settings, frames, &timing);
    return (struct movie_timing){.fps_num = timing.fps_num,
                                 .fps_den = timing.fps_den,
                                 .hold_s = video->settings.hold_last_s};
}

/* --- telling --- */

void video_get_state(const struct video *video, struct video_state *ret_state)
{
    const struct mp4_state *file = file_of(video);

    *ret_state = (struct video_state){
        .last_seq = file->last_seq == INT64_MIN ? -1 : file->last_seq,
        .encoded_frames = file->frames,
        .dropped_frames = file->dropped,
        .pending_frames = (int64_t)video->pending.count,
        .bytes = file->bytes,
        .width = file->width,
        .height = file->height,
        .encoding = video->stage != STAGE_IDLE,
        .failures = video->failures,
    };
}

/* The last act of its caller: the owner may free the video. */
static void tell_segment(struct video *video, const struct error *err)
{
    struct video_state state;

    video_get_state(video, &state);
    if (video->events.on_segment)
        video->events.on_segment(&state, err, video->user);
}

static void tell_progress(int64_t frames, void *user)
{
    struct video *video = user;
    const struct build *build = current_build(video);
    int64_t ready, all;

    if (!build || !video->events.on_progress)
        return;
    ready = file_of(video)->frames - build->frames_before + frames;
    all = file_of(video)->frames - build->frames_before + (int64_t)video->pending.count;
    if (all > 0)
        video->events.on_progress((double)MIN(ready, all) / (double)all, video->user);
}

/* --- how a batch ends --- */

static void release(struct video *video)
{
    encode_slot_release(TAKE(video->slot));
}

static void batch_passed(struct video *video)
{
    struct batch *batch = &video->batch;
    int64_t last_seq = pending_at(&video->pending, batch->skip + batch->count - 1)->seq;

    release(video);
    if (!batch->dropped) {
        video->fast_misses = batch->fast ? 0 : video->fast_misses;
        if (!batch->fast && batch->skip == 0 && video->plan.attempts == 1)
            video->fast_misses++;
    }
    pending_drop(&video->pending, batch->skip + batch->count);
    plan_passed(&video->plan, last_seq);
    video->failures = 0;
    video->missing_told = false;
    video->stage = STAGE_IDLE;
    kick(video);
    tell_segment(video, NULL);
}

static void build_failed(struct build *build, const struct error *err)
{
    build->over = true;
    build->err = *err;
}

/* Later, and every frame is kept. */
static void machine_failed(struct video *video, const struct error *err)
{
    struct build *build = current_build(video);
    bool told = err->code == -ENOENT && video->missing_told;

    video->failures++;
    if (build && (++build->failures >= BUILD_FAILURES_MAX || err->code == -ENOENT))
        build_failed(build, err);
    timer_start(video->backoff, plan_backoff_ms(video->failures));
    video->missing_told = err->code == -ENOENT;
    video->stage = STAGE_IDLE;
    if (build)
        kick(video);
    if (!told)
        tell_segment(video, err);
}

static void start_disk(struct video *video, enum stage stage, const struct disk_op *op)
{
    video->stage = stage;
    disk_start(video->disk, op);
}

static void commit(struct video *video)
{
    const struct batch *batch = &video->batch;
    size_t last = batch->skip + batch->count - 1;

    start_disk(video, STAGE_COMMITTING,
               &(struct disk_op){
                   .kind = DISK_COMMIT,
                   .first_seq = pending_at(&video->pending, 0)->seq,
                   .last_seq = pending_at(&video->pending, last)->seq,
                   .dropped = (int64_t)(batch->skip + batch->offenders),
               });
}

static void drop_batch(struct video *video)
{
    video->batch.dropped = true;
    video->batch.offenders = video->batch.count;
    commit(video);
}

static void frames_failed(struct video *video, const struct error *err)
{
    const struct batch *batch = &video->batch;
    int64_t last_seq = pending_at(&video->pending, batch->skip + batch->count - 1)->seq;
    struct build *build = current_build(video);
    bool more = !build || video->pending.count > batch->skip + batch->count;

    switch (plan_failed(&video->plan, batch->count, last_seq, more, file_of(video)->frames > 0)) {
    case PLAN_DROP:
        drop_batch(video);
        return;
    case PLAN_GIVE_UP:
        if (build)
            build_failed(build, err);
        timer_start(video->backoff, plan_backoff_ms(video->failures + 1));
        break;
    case PLAN_RETRY:
        break;
    }
    video->failures++;
    video->stage = STAGE_IDLE;
    kick(video);
    tell_segment(video, err);
}

static void batch_failed(struct video *video)
{
    struct error err = video->failure;

    release(video);
    if (err.code == -EBADMSG)
        frames_failed(video, &err);
    else
        machine_failed(video, &err);
}

/* Something passes, so the frames that were left out get their last chance. */
static void trial_passed(struct video *video)
{
    release(video);
    plan_trial_passed(&video->plan);
    video->stage = STAGE_IDLE;
    kick(video);
}

static void roll_back(struct video *video)
{
    start_disk(video, STAGE_ROLLING_BACK,
               &(struct disk_op){.kind = DISK_ROLLBACK,
                                 .timing = timing_for(video, file_of(video)->frames)});
}

/* Ends a batch that failed; what is in the file of it is taken out first. */
static void fail_batch(struct video *video, int code, const struct error *err)
{
    video->failure = *err;
    video->failure.code = code;
    if (video->batch.appended)
        roll_back(video);
    else
        batch_failed(video);
}

/* --- the stages --- */

static int64_t timeout_ms(const struct video *video)
{
    return encode_queue_settings(video->queue)->segment_timeout_s * 1000;
}

static int threads(const struct video *video)
{
    return video->urgent ? (int)encode_queue_settings(video->queue)->threads_final : 1;
}

static void on_verified(int code, const struct error *err, void *user)
{
    struct video *video = user;

    video->verify = NULL;
    video->batch.trial = code == 0 && video->batch.skip > 0;
    if (code < 0)
        fail_batch(video, code, err);
    else if (video->batch.trial)
        roll_back(video);
    else
        commit(video);
}

static void start_verify(struct video *video, int64_t frames)
{
    const struct movie_timing *timing = &video->batch.timing;
    int64_t before = file_of(video)->frames;
    struct error err = {0};
    struct verify_config config = {
        .decode = {.program = encode_queue_ffmpeg(video->queue, &err),
                   .path = disk_path(video->disk),
                   .threads = threads(video)},
        .frames = frames,
        .urgent = video->urgent,
        .timeout_ms = timeout_ms(video),
    };
    int rc = config.decode.program ? 0 : -ENOENT;

    /* The middle of the segment's first frame: the key frame before it is that frame. */
    if (before > 0)
        config.decode.from_s =
            ((double)before + 0.5) * (double)timing->fps_den / (double)timing->fps_num;
    video->stage = STAGE_VERIFYING;
    if (rc == 0)
        rc = verify_start(video->loop, &config, on_verified, video, &video->verify, &err);
    if (rc < 0)
        fail_batch(video, rc, &err);
}

static void on_segment_done(struct segment_result *result, void *user)
{
    struct video *video = user;
    struct batch *batch = &video->batch;
    int64_t frames = (int64_t)result->stream->sample_count;

    video->segment = NULL;
    batch->offenders = result->offenders;
    if (result->code < 0) {
        fail_batch(video, result->code, &result->err);
        return;
    }
    if (frames == 0) {
        drop_batch(video);
        return;
    }
    batch->appended = true;
    batch->timing = timing_for(video, file_of(video)->frames + frames);
    start_disk(video, STAGE_APPENDING,
               &(struct disk_op){.kind = DISK_APPEND,
                                 .stream = *result->stream,
                                 .width = batch->width,
                                 .height = batch->height,
                                 .timing = batch->timing});
    *result->stream = (struct h264_stream){0};
}

/* --- beginning a batch --- */

static int fit_side(double side, double factor)
{
    return MAX((int)(side * factor / 2) * 2, (int)SIDE_MIN_PX);
}

static void choose_size(const struct video *video, int *ret_width, int *ret_height)
{
    const struct video_settings *settings = &video->settings;
    int width = UNKNOWN_WIDTH, height = UNKNOWN_HEIGHT;
    double factor = 1;

    for (size_t i = 0; i < video->pending.count; i++) {
        const struct pending_frame *frame = pending_at(&video->pending, i);

        if (frame->width <= 0 || frame->height <= 0)
            continue;
        width = frame->width;
        height = frame->height;
        break;
    }
    if (settings->max_width > 0)
        factor = MIN(factor, (double)settings->max_width / width);
    if (settings->max_height > 0)
        factor = MIN(factor, (double)settings->max_height / height);
    *ret_width = fit_side(width, factor);
    *ret_height = fit_side(height, factor);
}

static bool all_have_the_size(const struct video *video, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct pending_frame *frame = pending_at(&video->pending, batch->skip + i);

        if (frame->width != batch->width || frame->height != batch->height)
            return false;
    }
    return true;
}

static size_t build_frames(const struct video *video, const struct build *build)
{
    size_t count = 0;

    while (count < video->pending.count &&
           pending_at(&video->pending, count)->seq <= build->upto_seq)
        count++;
    return count;
}

static size_t frames_to_take(struct video *video)
{
    const struct build *build = current_build(video);
    struct plan_look look = {
        .pending = build ? build_frames(video, build) : video->pending.count,
        .segment_frames = (size_t)MAX(video->settings.segment_frames, (int64_t)1),
        .tail_frames = (size_t)MAX(video->settings.tail_frames, (int64_t)1),
        .tail = video->tail,
        .build = build,
        .patient = video->patient,
    };

    /* Frames that were left out on trial are the last ones now: the last one stands for them. */
    if (build && look.pending > 0 && video->plan.skip >= look.pending)
        video->plan.skip = look.pending - 1;
    return plan_take(&video->plan, &look);
}

static void make_batch(struct video *video, size_t count)
{
    const struct mp4_state *file = file_of(video);
    struct batch *batch = &video->batch;
    bool first_try = video->plan.attempts == 0 && video->plan.limit == 0;

    *batch = (struct batch){
        .skip = video->plan.skip, .count = count, .width = file->width, .height = file->height};
    if (file->frames == 0)
        choose_size(video, &batch->width, &batch->height);
    batch->fast =
        first_try && video->fast_misses < FAST_MISSES_MAX && all_have_the_size(video, batch);
}

static int start_segment(struct video *video, struct error *err)
{
    const struct batch *batch = &video->batch;
    CLEANUP(free_p) const char **paths = xcalloc(batch->count, sizeof(*paths));
    struct segment_config config = {
        .encode = {.program = encode_queue_ffmpeg(video->queue, err),
                   .preset = video_presets[video->settings.preset],
                   .crf = (int)video->settings.crf,
                   .threads = threads(video),
                   .width = batch->width,
                   .height = batch->height,
                   .scale = !batch->fast},
        .paths = paths,
        .count = batch->count,
        .urgent = video->urgent,
        .timeout_ms = timeout_ms(video),
    };

    if (!config.encode.program)
        return -ENOENT;
    for (size_t i = 0; i < batch->count; i++)
        paths[i] = pending_at(&video->pending, batch->skip + i)->path;
    return segment_start(video->loop, &config, tell_progress, on_segment_done, video,
                         &video->segment, err);
}

static void on_turn(void *user)
{
    struct video *video = user;
    size_t count = frames_to_take(video);
    struct error err = {0};
    int rc;

    if (count == 0) { /* settings changed meanwhile */
        release(video);
        video->stage = STAGE_IDLE;
        kick(video);
        return;
    }
    make_batch(video, count);
    video->stage = STAGE_ENCODING;
    rc = start_segment(video, &err);
    if (rc < 0)
        fail_batch(video, rc, &err);
}

static void wait_for_turn(struct video *video)
{
    video->urgent = current_build(video) && !video->patient;
    video->stage = STAGE_WAITING;
    video->slot = encode_slot_request(video->queue, video->urgent, on_turn, video);
}

/* --- builds --- */

static void fill_result(const struct video *video, const struct build *build,
                        struct video_result *ret_result)
{
    const struct mp4_state *file = file_of(video);
    struct video_timing timing;
    const char *path = build->dest_path ? build->dest_path : disk_path(video->disk);

    video_timing(&video->settings, file->frames, &timing);
    *ret_result = (struct video_result){
        .path = realpath(path, NULL),
        .frames = file->frames,
        .dropped_frames = file->dropped,
        .duration_s = timing.duration_s,
        .fps = (double)timing.fps_num / (double)timing.fps_den,
        .bytes = file->bytes,
        .width = file->width,
        .height = file->height,
    };
    if (!ret_result->path)
        ret_result->path = xstrdup(path);
}

void video_result_done(struct video_result *result)
{
    free(result->path);
    *result = (struct video_result){0};
}

/* The last act of its caller. */
static void end_build(struct video *video, struct build *build)
{
    struct build over = *build;
    struct video_result result = {0};

    if (over.err.code == 0)
        fill_result(video, build, &result);
    *build = (struct build){0};
    kick(video);
    over.done(over.err.code, over.err.code == 0 ? &result : NULL,
              over.err.code == 0 ? NULL : &over.err, over.user);
    video_result_done(&result);
    free(over.dest_path);
}

static void write_video(struct video *video, const struct build *build)
{
    start_disk(video, STAGE_BUILDING,
               &(struct disk_op){.kind = build->dest_path ? DISK_COPY : DISK_FINISH,
                                 .timing = timing_for(video, file_of(video)->frames),
                                 .dest_path = build->dest_path});
}

static void step_build(struct video *video, struct build *build)
{
    int64_t frames = file_of(video)->frames, least = MAX(video->settings.min_frames, (int64_t)1);
    int64_t waiting = (int64_t)build_frames(video, build);

    if (!build->over && frames + waiting < least) {
        error_set(&build->err, -ENODATA, "%lld frames are too few for a video (min_frames = %lld)",
                  (long long)(frames + waiting), (long long)least);
        build->over = true;
    }
    if (build->over)
        end_build(video, build);
    else if (waiting > 0)
        wait_for_turn(video);
    else
        write_video(video, build);
}

/* Decides what to begin when nothing is under way. */
static void video_step(void *user)
{
    struct video *video = user;
    struct build *build = current_build(video);

    if (video->stage != STAGE_IDLE)
        return;
    if (build)
        step_build(video, build);
    else if (!timer_active(video->backoff) && frames_to_take(video) > 0)
        wait_for_turn(video);
}

/* --- the disk has done its part --- */

static void on_built(struct video *video, int result, const struct error *err)
{
    struct build *build = video->preview.done ? &video->preview : &video->finish;

    build->over = true;
    build->err = (struct error){0};
    if (result < 0) {
        build->err = *err;
        build->err.code = result;
    }
    video->stage = STAGE_IDLE;
    kick(video);
}

static void on_disk(int result, const struct error *err, void *user)
{
    struct video *video = user;

    switch (video->stage) {
    case STAGE_APPENDING:
        if (result < 0)
            fail_batch(video, result, err);
        else
            start_verify(video, (int64_t)(video->batch.count - video->batch.offenders));
        return;
    case STAGE_COMMITTING:
        if (result < 0)
            fail_batch(video, result, err);
        else
            batch_passed(video);
        return;
    case STAGE_ROLLING_BACK:
        if (video->batch.trial)
            trial_passed(video);
        else
            batch_failed(video);
        return;
    case STAGE_BUILDING:
        on_built(video, result, err);
        return;
    case STAGE_IDLE:
    case STAGE_WAITING:
    case STAGE_ENCODING:
    case STAGE_VERIFYING:
        return;
    }
}

/* --- the face --- */

static void on_backoff(void *user)
{
    video_step(user);
}

int video_open(struct loop *loop, struct encode_queue *queue, const struct video_config *config,
               const struct video_events *events, void *user, struct video **ret_video,
               struct error *err)
{
    struct video *video = xcalloc(1, sizeof(*video));
    struct mp4 *mp4 = NULL;
    struct movie_timing timing;
    int rc;

    video->settings = *config->settings;
    timing = timing_for(video, 0);
    rc = mp4_open(config->dir, config->name, &timing, &mp4, err);
    if (rc < 0) {
        free(video);
        return rc;
    }
    video->loop = loop;
    video->queue = queue;
    video->events = *events;
    video->user = user;
    video->patient = config->patient;
    video->disk = disk_new(loop, mp4, on_disk, video);
    video->step = timer_new(loop, video_step, video);
    video->backoff = timer_new(loop, on_backoff, video);
    *ret_video = video;
    return 0;
}

void video_free(struct video *video)
{
    if (!video)
        return;
    segment_free(video->segment);
    verify_free(video->verify);
    release(video);
    timer_free(video->step);
    timer_free(video->backoff);
    disk_free(video->disk);
    pending_done(&video->pending);
    free(video->preview.dest_path);
    free(video);
}

void video_add_frame(struct video *video, int64_t seq, const char *path, int width, int height)
{
    if (seq <= file_of(video)->last_seq)
        return;
    pending_add(&video->pending, seq, path, width, height);
    if (video->stage == STAGE_IDLE)
        kick(video);
}

void video_set_tail(struct video *video, bool tail)
{
    video->tail = tail;
    kick(video);
}

void video_set_settings(struct video *video, const struct video_settings *settings)
{
    struct video_settings kept = video->settings;

    video->settings = *settings;
    /* What shapes the pictures stays as it was when the video began. */
    video->settings.crf = kept.crf;
    video->settings.preset = kept.preset;
    video->settings.max_width = kept.max_width;
    video->settings.max_height = kept.max_height;
    kick(video);
}

/* A background segment under way is in the way of somebody who waits. */
static void make_urgent(struct video *video)
{
    int cores = (int)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);

    if (video->urgent || video->patient ||
        (video->stage != STAGE_WAITING && video->stage != STAGE_ENCODING))
        return;
    if (video->stage == STAGE_ENCODING && !plan_redo_urgently(segment_frames_done(video->segment),
                                                              (int64_t)video->batch.count, cores))
        return;
    segment_free(TAKE(video->segment));
    release(video);
    video->stage = STAGE_IDLE;
}

static void start_build(struct video *video, struct build *build, const char *dest_path,
                        video_done_fn done, void *user)
{
    *build = (struct build){
        .done = done,
        .user = user,
        .dest_path = dest_path ? xstrdup(dest_path) : NULL,
        .upto_seq = INT64_MAX,
        .frames_before = file_of(video)->frames,
    };
    if (dest_path && video->pending.count > 0)
        build->upto_seq = pending_at(&video->pending, video->pending.count - 1)->seq;
    timer_stop(video->backoff);
    make_urgent(video);
    kick(video);
}

int video_preview(struct video *video, const char *dest_path, video_done_fn done, void *user,
                  struct error *err)
{
    int running, waiting;

    if (current_build(video))
        return error_set(err, -EBUSY, "a video is being built already");
    encode_queue_counts(video->queue, &running, &waiting);
    if (waiting >= encode_queue_settings(video->queue)->max_queued)
        return error_set(err, -EBUSY, "%d builds are waiting already", waiting);
    start_build(video, &video->preview, dest_path, done, user);
    return 0;
}

void video_stop_preview(struct video *video)
{
    if (!video->preview.done || video->preview.over)
        return;
    video->preview.over = true;
    error_set(&video->preview.err, -ECANCELED, "the preview was cancelled");
    kick(video);
}

int video_finish(struct video *video, video_done_fn done, void *user, struct error *err)
{
    if (video->finish.done)
        return error_set(err, -EBUSY, "the video is being finished already");
    start_build(video, &video->finish, NULL, done, user);
    return 0;
}
