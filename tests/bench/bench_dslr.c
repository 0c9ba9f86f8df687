/* SPDX-License-Identifier: MIT */
/* bench_dslr: the virtual Nikon: what a kept session saves, beside a gphoto2 for each shot as POCS
 * and scripts run it. gphoto2 itself goes on for 3 to 6 s after each picture, looking for a RAW. */
#include "tests/bench/bench.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/harness.h"

#include <stdio.h>

enum {
    OVER_MS = 8000, /* then gphoto2 waits for us again */
    SHOTS_MAX = 5,
};

#define DSLR(id, warm)                                                                             \
    "{ id = \"" id "\"; kind = \"gphoto2\"; program = \"" NIKON_GPHOTO2                            \
    "\"; timeout_ms = 15000; warm = \"" warm "\"; }"

static const char conf[] =
    "cameras = ( " DSLR("kept", "always") ", " DSLR("opened", "never") " );\n";

static void measure(struct rig *rig, const char *key, const char *camera, int count)
{
    CLEANUP(free_p) char *topic = xasprintf("camera/%s/cmd/snapshot", camera);
    struct series took_ms = {0};

    for (int i = 0; i < count; i++) {
        int64_t from_us = clock_mono_us();
        const cJSON *answer = rig_command(rig, topic, NULL);
        bool ok = false;

        if (json_get_bool(answer, "ok", &ok) && ok)
            series_add(&took_ms, (double)(clock_mono_us() - from_us) / 1000);
        rig_linger(rig, OVER_MS);
    }
    figure_series(key, &took_ms);
    series_done(&took_ms);
}

static void measure_plain(struct rig *rig, const char *key, int count)
{
    CLEANUP(free_p) char *file = xasprintf("%s/plain.jpg", rig_dir(rig));
    const char *const argv[] = {
        NIKON_GPHOTO2, "--capture-image-and-download", "--force-overwrite", "--filename", file,
        NULL};
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

int bench_dslr(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.conf = conf, .no_sim = true});
    int shots = MIN(scale->shots, SHOTS_MAX);

    rig_linger(rig, OVER_MS / 4); /* it is kept open from its start */
    measure(rig, "dslr_kept_ms", "kept", shots);
    measure(rig, "dslr_opened_ms", "opened", shots);
    measure_plain(rig, "dslr_plain_ms", shots);
    rig_pass(rig);
    rig_free(rig);
    return 0;
}
