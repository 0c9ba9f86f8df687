/* SPDX-License-Identifier: MIT */
/* oneshot: what peers do when a print has ended: one ffmpeg over all its frames. */
#ifndef TESTS_BENCH_ONESHOT_H
#define TESTS_BENCH_ONESHOT_H

#include "agent/base/loop.h"

enum oneshot_kind {
    ONESHOT_DUETLAPSE, /* DuetLapse3 5.3.7 */
    ONESHOT_MOONRAKER, /* moonraker-timelapse, its defaults */
    ONESHOT_ALL_CORES, /* our settings of x264 */
    ONESHOT_ONE_CORE,  /* the same on one thread, as our segments have it */
    ONESHOT_STRICT,    /* the same with our cheaper conversion of colours, too */
    ONESHOT_KINDS
};

extern const char *const oneshot_names[ONESHOT_KINDS];

struct oneshot_result {
    double wall_s, cpu_s, peak_mib;
    double check_cpu_s; /* of decoding the video once, which peers do not do */
    int64_t bytes;
};

/* Encodes frames 1..count of dir to video_path. Runs the loop until it is done. */
int oneshot_run(struct loop *loop, enum oneshot_kind kind, const char *dir, int count,
                const char *video_path, struct oneshot_result *ret_result,
                struct error *err) MUST_CHECK;

/* How like the frames a video of them is. */
struct likeness {
    double psnr_db, ssim;
};
int likeness_measure(struct loop *loop, const char *video_path, const char *dir, int count,
                     struct likeness *ret_likeness, struct error *err) MUST_CHECK;

#endif
