/* SPDX-License-Identifier: MIT */
/* growth: our way: the video grows from frames that come as fast as they are taken, until the print
 * ends with some of them not yet encoded. */
#ifndef TESTS_BENCH_GROWTH_H
#define TESTS_BENCH_GROWTH_H

#include "agent/base/loop.h"

struct growth_plan {
    const char *frames_dir;
    int frames;
    int width, height;
    int left_at_end; /* frames that come so late that the print's end finds them not encoded */
    const char *dir; /* where the video grows */
};

struct growth_result {
    double ready_s; /* from the print's end to the verified video */
    double grown_s; /* wall time before that */
    double cpu_s;   /* of all children, verification included, and of ourselves */
    double own_cpu_s;
    double child_peak_mib;
    int64_t bytes;
    int64_t frames;
    int64_t left; /* frames really left at the end */
    char *path;   /* the caller frees */
};

/* Runs the loop until the video is ready. */
int growth_run(struct loop *loop, const struct growth_plan *plan, struct growth_result *ret_result,
               struct error *err) MUST_CHECK;

#endif
