/* SPDX-License-Identifier: MIT */
/* bench_shots: the baselines of a frame: a process for each, as DuetLapse3 and its like do it. That
 * the picture is newer than the wish, or that it survives a power cut, is not even asked. */
#include "tests/bench/bench.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/harness.h"

#include <stdio.h>

static const char *const sim_args[] = {"--idle", "--camera-size", "1280x720", "--camera-fps", "30",
                                       NULL};

static void measure(struct rig *rig, const char *key, const char *const *argv, int count)
{
    struct series took_ms = {0};

    for (int i = 0; i < count; i++) {
        int64_t from_us = clock_mono_us();
        struct rig_output output = rig_run(rig, argv);

        if (output.exit_code == 0)
            series_add(&took_ms, (double)(clock_mono_us() - from_us) / 1000);
        rig_output_done(&output);
    }
    figure_series(key, &took_ms);
    series_done(&took_ms);
}

int bench_shots(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args, .no_agent = true});
    CLEANUP(free_p) char *stream = xasprintf("http://127.0.0.1:%d/stream", rig_sim_port(rig));
    CLEANUP(free_p) char *still = xasprintf("http://127.0.0.1:%d/camera.jpg", rig_sim_port(rig));
    CLEANUP(free_p) char *file = xasprintf("%s/shot.jpg", rig_dir(rig));
    const char *const ffmpeg[] = {"ffmpeg", "-y",        "-loglevel", "error", "-i",
                                  stream,   "-frames:v", "1",         file,    NULL};
    const char *const wget[] = {"wget", "-q", "-O", file, still, NULL};

    measure(rig, "shot_ffmpeg_ms", ffmpeg, scale->shots);
    measure(rig, "shot_wget_ms", wget, scale->shots);
    rig_pass(rig);
    rig_free(rig);
    return 0;
}
