/* SPDX-License-Identifier: MIT */
/* bench_flood: a unit takes a frame at its interval while somebody sends commands as fast as the
 * broker takes them. Beside it the same without. */
#include "tests/bench/bench.h"
#include "tests/bench/flood.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/str.h"
#include "tests/e2e/harness.h"

#include <math.h>
#include <stdio.h>

enum { PER_S = 10000, INTERVAL_MS = 500, START_MS = 20000 };

static const char *const sim_args[] = {"--idle",   "--layers",     "1",  "--layer-ms",
                                       "3600000",  "--heat-ms",    "0",  "--camera-size",
                                       "1280x720", "--camera-fps", "30", NULL};
static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "            trigger = \"interval\"; interval_s = 0.5; fps = 25.0; } );\n";

/* How far each frame from number first on is from one interval after the one before it. */
static void add_jitter(struct rig *rig, size_t first, struct series *jitter_ms)
{
    int64_t before = 0, at;
    const cJSON *frame;

    for (size_t i = first; (frame = rig_event(rig, "frame", i)); i++) {
        if (clock_parse_rfc3339(json_get_string(frame, "captured_at"), &at) < 0)
            continue;
        if (before)
            series_add(jitter_ms, fabs((double)(at - before - INTERVAL_MS)));
        before = at;
    }
}

static bool has_begun(struct rig *rig, void *user)
{
    (void)user;
    return rig_event_count(rig, "frame") >= 4;
}

static bool is_over(struct rig *rig, void *user)
{
    (void)rig;
    return flood_is_over(user);
}

static size_t accepted(const struct rig *rig)
{
    size_t count = 0;

    for (size_t i = 0; i < rig_message_count(rig); i++)
        count += str_equal(rig_message(rig, i)->topic, "ack") &&
                 str_equal(json_get_string(rig_message(rig, i)->json, "phase"), "accepted");
    return count;
}

static void measure_quiet(struct rig *rig, int seconds)
{
    size_t first = rig_event_count(rig, "frame");
    struct series jitter_ms = {0};

    rig_linger(rig, seconds * 1000L);
    add_jitter(rig, first, &jitter_ms);
    figure_series("no_flood_jitter_ms", &jitter_ms);
    series_done(&jitter_ms);
}

static double measure_flood(struct rig *rig, int seconds)
{
    size_t first = rig_event_count(rig, "frame");
    struct flood *flood =
        flood_start(rig_mqtt_port(rig), "timelapse/v1/pi01/cmd/ping", PER_S, seconds);
    pid_t pid = rig_agent_pid(rig);
    double cpu_s = procfs_cpu_s(pid), rss_mib = procfs_resident_mib(pid), rate;
    int64_t from_us = clock_mono_us();
    struct series jitter_ms = {0};

    procfs_forget_peak(pid);
    if (!rig_wait(rig, is_over, flood, seconds * 1000L + START_MS))
        fprintf(stderr, "bench: the flood does not end\n");
    figure("flood_cpu_percent",
           (procfs_cpu_s(pid) - cpu_s) / ((double)(clock_mono_us() - from_us) / 1e6) * 100);
    figure("flood_growth_mib", procfs_peak_mib(pid) - rss_mib);
    rate = flood_end(flood);
    add_jitter(rig, first, &jitter_ms);
    figure_series("flood_jitter_ms", &jitter_ms);
    figure("flood_per_s", rate);
    series_done(&jitter_ms);
    return rate;
}

int bench_flood(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(
        &(struct rig_options){.sim_args = sim_args, .conf = conf, .deaf_to_commands = true});
    bool ok = false;
    size_t before;

    json_free(rig_sim_get(rig, "/sim/command?do=start"));
    if (rig_wait(rig, has_begun, NULL, START_MS)) {
        measure_quiet(rig, scale->flood_s);
        before = accepted(rig);
        ok = measure_flood(rig, scale->flood_s) > 0;
        figure("flood_accepted", (double)(accepted(rig) - before));
        figure("flood_frames_missed", (double)rig_event_count(rig, "frame_missed"));
    }
    if (ok)
        rig_pass(rig);
    else
        fprintf(stderr, "bench: no frames, or no flood\n");
    rig_free(rig);
    return ok ? 0 : 1;
}
