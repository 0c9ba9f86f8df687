/* SPDX-License-Identifier: MIT */
/* growth: frames are handed over as fast as segments are done with them, which is thousands of
 * times faster than in a print: what is measured is the end, and the sum of the work. */
#include "tests/bench/encode/growth.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "encode/queue.h"
#include "encode/video.h"
#include "tests/bench/encode/pictures.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { TICK_MS = 5 };

struct growth {
    const struct growth_plan *plan;
    struct video *video;
    int added;
    bool ready;
    int result;
    struct error error;
    int64_t segment_frames, tail_frames;
    struct growth_result *told;
};

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double cpu_s(int who)
{
    struct rusage usage;

    getrusage(who, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double child_peak_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void add_next(struct growth *growth)
{
    int number = ++growth->added;
    CLEANUP(free_p) char *path = pictures_path(growth->plan->frames_dir, number);

    video_add_frame(growth->video, number, path, growth->plan->width, growth->plan->height);
}

static void on_tick(void *user)
{
    (void)user; /* loop_run_once() returns, so that the state is looked at */
}

static void on_segment(const struct video_state *state, const struct error *err, void *user)
{
    struct growth *growth = user;

    (void)state;
    if (err)
        growth->error = *err;
}

static void on_progress(double progress, void *user)
{
    (void)progress;
    (void)user;
}

static void on_finished(int result, const struct video_result *ret, const struct error *err,
                        void *user)
{
    struct growth *growth = user;

    growth->ready = true;
    growth->result = result;
    if (result < 0) {
        growth->error = *err;
        return;
    }
    growth->told->bytes = ret->bytes;
    growth->told->frames = ret->frames;
    growth->told->path = xstrdup(ret->path);
}

static void feed(struct growth *growth, int early, int64_t pending)
{
    if (growth->added == early)
        return;
    while (growth->added < early && pending++ < 2 * growth->segment_frames)
        add_next(growth);
    if (growth->added == early)
        video_set_tail(growth->video, true);
}

/* Until only the frames of the end are missing. */
static int grow(struct growth *growth, struct loop *loop, struct error *err)
{
    int early = growth->plan->frames - growth->plan->left_at_end;
    struct video_state state;

    for (;;) {
        video_get_state(growth->video, &state);
        if (state.failures > 0) {
            *err = growth->error;
            return err->code;
        }
        if (growth->added == early && !state.encoding && state.pending_frames < growth->tail_frames)
            return 0;
        feed(growth, early, state.pending_frames);
        loop_run_once(loop);
    }
}

static int end(struct growth *growth, struct loop *loop, struct error *err)
{
    int64_t from_us = clock_mono_us();
    struct video_state state;
    int rc;

    while (growth->added < growth->plan->frames)
        add_next(growth);
    video_get_state(growth->video, &state);
    growth->told->left = state.pending_frames;
    rc = video_finish(growth->video, on_finished, growth, err);
    if (rc < 0)
        return rc;
    while (!growth->ready)
        loop_run_once(loop);
    growth->told->ready_s = (double)(clock_mono_us() - from_us) / 1e6;
    *err = growth->error;
    return growth->result;
}

/* The defaults, as a configuration that says nothing gives them. */
static void read_defaults(struct video_settings *ret_video, struct encode_settings *ret_encode)
{
    const struct conf_table table = {
        .name = "video", .fields = video_fields, .field_count = video_field_count};
    struct conf *conf = conf_open("/dev/null");

    *ret_video = (struct video_settings){0};
    *ret_encode = (struct encode_settings){0};
    conf_read_group(conf, &table, ret_video);
    conf_read_group(conf, &encode_table, ret_encode);
    conf_close(conf);
}

static int run(struct growth *growth, struct loop *loop, struct encode_queue *queue,
               const struct video_settings *settings, struct error *err)
{
    static const struct video_events events = {.on_segment = on_segment,
                                               .on_progress = on_progress};
    struct video_config config = {.dir = growth->plan->dir, .name = "growth", .settings = settings};
    int64_t from_us = clock_mono_us();
    int rc = video_open(loop, queue, &config, &events, growth, &growth->video, err);

    if (rc < 0)
        return rc;
    rc = grow(growth, loop, err);
    growth->told->grown_s = (double)(clock_mono_us() - from_us) / 1e6;
    if (rc == 0)
        rc = end(growth, loop, err);
    video_free(growth->video);
    return rc;
}

int growth_run(struct loop *loop, const struct growth_plan *plan, struct growth_result *ret_result,
               struct error *err)
{
    struct growth growth = {.plan = plan, .told = ret_result};
    double own_s = cpu_s(RUSAGE_SELF), children_s = cpu_s(RUSAGE_CHILDREN);
    struct video_settings settings;
    struct encode_settings encode;
    struct encode_queue *queue;
    struct timer *tick = timer_new(loop, on_tick, NULL);
    int rc;

    *ret_result = (struct growth_result){0};
    read_defaults(&settings, &encode);
    growth.segment_frames = settings.segment_frames;
    growth.tail_frames = settings.tail_frames;
    queue = encode_queue_new(loop, &encode);
    timer_start_repeat(tick, TICK_MS);
    rc = run(&growth, loop, queue, &settings, err);
    timer_free(tick);
    encode_queue_free(queue);
    conf_values_done(&encode_table, &encode);
    ret_result->own_cpu_s = cpu_s(RUSAGE_SELF) - own_s;
    ret_result->cpu_s = cpu_s(RUSAGE_CHILDREN) - children_s + ret_result->own_cpu_s;
    ret_result->child_peak_mib = child_peak_mib();
    return rc;
}
