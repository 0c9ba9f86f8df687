/* SPDX-License-Identifier: MIT */
/* segment: the feeding is a chain of small steps, because neither the disk nor a full pipe may hold
 * up the loop: a worker reads a frame while the one before it is being written.
 *
 * Nothing that ffmpeg says is believed alone. Its exit code is 0 for half a video, its count is
 * that of the frames it wrote, not of those it was given; only when exit code, end of the report,
 * reported count and the pictures counted in the stream all agree with the frames fed is a segment
 * good.
 *
 * Works outlive a segment that is freed; they hold what they need and find segment == NULL. */
#include "encode/segment.h"

#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "encode/child.h"
#include "encode/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX_BYTES ((size_t)192 << 20)

struct read_work {
    struct segment *segment; /* NULL: freed meanwhile */
    char *path;
    uint8_t *data;
    size_t len;
    int rc;
    struct error err;
};

struct judge_work {
    struct segment *segment;
    struct buf raw;
    struct h264_stream stream;
    int rc;
    struct error err;
};

struct segment {
    struct loop *loop;
    struct process *process;
    segment_progress_fn on_progress;
    segment_done_fn done;
    void *user;

    char **paths;
    size_t count, next; /* frame to read next */
    struct read_work *reading;
    uint8_t *ready; /* read, waits for the pipe */
    size_t ready_len;
    bool writing, fed_up; /* fed_up: the pipe broke or the end was told */
    size_t fed, offenders;
    struct error feed_error; /* code 0: none */

    struct ffmpeg_progress progress;
    struct buf raw;
    struct judge_work *judging;
    struct error child_error;
    int64_t cpu_ms, max_rss_kib;
};

static void pump(struct segment *segment);

/* --- reading --- */

static void read_run(void *user)
{
    struct read_work *work = user;

    work->rc = frame_read(work->path, &work->data, &work->len, &work->err);
}

static void take_read(struct segment *segment, struct read_work *work)
{
    segment->reading = NULL;
    if (work->rc == 0) {
        segment->ready = TAKE(work->data);
        segment->ready_len = work->len;
    } else if (work->rc == -EBADMSG) {
        segment->offenders++;
    } else {
        segment->feed_error = work->err;
        segment->feed_error.code = work->rc;
        process_kill(segment->process);
    }
    pump(segment);
}

static void read_done(void *user)
{
    struct read_work *work = user;

    if (work->segment)
        take_read(work->segment, work);
    free(work->data);
    free(work->path);
    free(work);
}

static void start_reading(struct segment *segment)
{
    struct read_work *work = xcalloc(1, sizeof(*work));

    work->segment = segment;
    work->path = TAKE(segment->paths[segment->next]);
    segment->next++;
    segment->reading = work;
    loop_work(segment->loop, read_run, read_done, work);
}

/* --- feeding --- */

static void on_written(int result, void *user)
{
    struct segment *segment = user;

    segment->writing = false;
    if (result < 0)
        segment->fed_up = true; /* how the child ended says why */
    else
        pump(segment);
}

static void start_writing(struct segment *segment)
{
    segment->writing = true;
    segment->fed++;
    process_write(segment->process, TAKE(segment->ready), segment->ready_len, on_written, segment);
}

static void pump(struct segment *segment)
{
    if (!segment->process || segment->fed_up || segment->feed_error.code != 0)
        return;
    if (segment->ready && !segment->writing)
        start_writing(segment);
    if (!segment->reading && !segment->ready && segment->next < segment->count)
        start_reading(segment);
    if (segment->reading || segment->ready || segment->writing)
        return;
    segment->fed_up = true;
    process_close_stdin(segment->process);
}

/* --- the child's words --- */

static void on_stdout(const uint8_t *data, size_t len, void *user)
{
    struct segment *segment = user;

    if (segment->feed_error.code != 0 || buf_append(&segment->raw, data, len) == 0)
        return;
    error_set(&segment->feed_error, -EBADMSG, "the encoder writes more than %zu MiB",
              STREAM_MAX_BYTES >> 20);
    process_kill(segment->process);
}

static void on_report(const uint8_t *data, size_t len, void *user)
{
    struct segment *segment = user;
    int64_t before = segment->progress.frames;

    ffmpeg_progress_feed(&segment->progress, data, len);
    if (segment->progress.frames > before && segment->on_progress)
        segment->on_progress(segment->progress.frames, segment->user);
}

/* --- judging --- */

static void finish(struct segment *segment, int rc, const struct error *err,
                   struct h264_stream *stream)
{
    struct segment_result result = {
        .code = rc,
        .err = rc < 0 ? *err : (struct error){0},
        .stream = stream,
        .offenders = segment->offenders,
        .cpu_ms = segment->cpu_ms,
        .max_rss_kib = segment->max_rss_kib,
    };
    segment_done_fn done = segment->done;
    void *user = segment->user;

    result.err.code = rc;
    segment_free(segment);
    done(&result, user);
}

static int judge_counts(const struct segment *segment, const struct judge_work *work,
                        struct error *err)
{
    if (segment->fed + segment->offenders != segment->count)
        return error_set(err, -EBADMSG, "the encoder ended after %zu of %zu frames", segment->fed,
                         segment->count);
    if (!segment->progress.ended)
        return error_set(err, -EBADMSG, "the encoder's report has no end");
    if (segment->progress.frames != (int64_t)segment->fed)
        return error_set(err, -EBADMSG, "the encoder took %zu frames and reports %lld",
                         segment->fed, (long long)segment->progress.frames);
    if (work->stream.sample_count != segment->fed)
        return error_set(err, -EBADMSG, "the encoder took %zu frames and wrote %zu pictures",
                         segment->fed, work->stream.sample_count);
    return 0;
}

static void judge_run(void *user)
{
    struct judge_work *work = user;

    work->rc = h264_split(work->raw.data, work->raw.len, &work->stream, &work->err);
    buf_done(&work->raw);
}

static void judge_done(void *user)
{
    struct judge_work *work = user;
    struct segment *segment = work->segment;

    if (segment) {
        segment->judging = NULL;
        if (work->rc == 0)
            work->rc = judge_counts(segment, work, &work->err);
        finish(segment, work->rc, &work->err, &work->stream);
    }
    h264_stream_done(&work->stream);
    free(work);
}

static void start_judging(struct segment *segment)
{
    struct judge_work *work = xcalloc(1, sizeof(*work));

    work->segment = segment;
    work->raw = segment->raw;
    buf_init(&segment->raw, 0);
    segment->judging = work;
    loop_work(segment->loop, judge_run, judge_done, work);
}

static void on_child_exit(const struct process_result *result, void *user)
{
    struct segment *segment = user;
    struct h264_stream nothing = {0};
    struct error err = {0};
    int rc;

    segment->process = NULL;
    segment->cpu_ms = result->cpu_ms;
    segment->max_rss_kib = result->max_rss_kib;
    if (segment->feed_error.code != 0) {
        finish(segment, segment->feed_error.code, &segment->feed_error, &nothing);
        return;
    }
    if (segment->offenders == segment->count) { /* it had nothing to do and may complain about it */
        finish(segment, 0, NULL, &nothing);
        return;
    }
    rc = child_judge_exit("encoder", result, &err);
    if (rc < 0)
        finish(segment, rc, &err, &nothing);
    else
        start_judging(segment);
}

/* --- start and end --- */

static int start_child(struct segment *segment, const struct segment_config *config,
                       struct error *err)
{
    struct ffmpeg_args args;
    int rc;

    ffmpeg_encode_args(&config->encode, &args);
    rc = process_start(segment->loop,
                       &(struct process_config){
                           .argv = args.argv,
                           .env = child_env,
                           .stdin_pipe = true,
                           .on_stdout = on_stdout,
                           .on_aux = on_report,
                           .timeout_ms = config->timeout_ms,
                           .nice = config->urgent ? 0 : CHILD_LOWEST_NICE,
                           .oom_score_adj = CHILD_OOM_SCORE_ADJ,
                       },
                       on_child_exit, segment, &segment->process, err);
    ffmpeg_args_done(&args);
    return rc;
}

int segment_start(struct loop *loop, const struct segment_config *config,
                  segment_progress_fn on_progress, segment_done_fn done, void *user,
                  struct segment **ret_segment, struct error *err)
{
    struct segment *segment = xcalloc(1, sizeof(*segment));
    int rc;

    segment->loop = loop;
    segment->on_progress = on_progress;
    segment->done = done;
    segment->user = user;
    segment->progress = (struct ffmpeg_progress)FFMPEG_PROGRESS_INIT;
    buf_init(&segment->raw, STREAM_MAX_BYTES);
    segment->count = config->count;
    segment->paths = xcalloc(config->count, sizeof(*segment->paths));
    for (size_t i = 0; i < config->count; i++)
        segment->paths[i] = xstrdup(config->paths[i]);
    rc = start_child(segment, config, err);
    if (rc < 0) {
        segment_free(segment);
        return rc;
    }
    pump(segment);
    *ret_segment = segment;
    return 0;
}

void segment_free(struct segment *segment)
{
    if (!segment)
        return;
    process_free(segment->process);
    if (segment->reading)
        segment->reading->segment = NULL;
    if (segment->judging)
        segment->judging->segment = NULL;
    for (size_t i = 0; i < segment->count; i++)
        free(segment->paths[i]);
    free(segment->paths);
    free(segment->ready);
    buf_done(&segment->raw);
    free(segment);
}

int64_t segment_frames_done(const struct segment *segment)
{
    return MAX(segment->progress.frames, (int64_t)0);
}
