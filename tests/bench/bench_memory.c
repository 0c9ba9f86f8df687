/* SPDX-License-Identifier: MIT */
/* bench_memory: two 1080p streams kept warm, then a print with a frame of each twice a second,
 * while segments are encoded. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "tests/e2e/harness.h"

#include <math.h>
#include <stdio.h>

enum { SETTLE_MS = 20000, SAMPLE_MS = 20, END_MS = 120000 };

static const char *const sim_args[] = {"--idle",    "--layers",     "1",  "--layer-ms",
                                       "3600000",   "--heat-ms",    "0",  "--camera-size",
                                       "1920x1080", "--camera-fps", "10", NULL};
static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\";\n"
    "              warm = \"always\"; },\n"
    "            { id = \"top\"; kind = \"mjpeg\"; url = \"http://%sim/stream2\";\n"
    "              warm = \"always\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\", \"top\" ];\n"
    "            trigger = \"interval\"; interval_s = 0.5; fps = 25.0; segment_frames = 60; } );\n";

struct sampler {
    pid_t pid;
    double agent_mib, children_mib, together_mib; /* peaks */
};

static void on_sample(void *user)
{
    struct sampler *sampler = user;
    double agent_mib = procfs_resident_mib(sampler->pid);
    double children_mib = procfs_children_mib(sampler->pid);

    sampler->agent_mib = MAX(sampler->agent_mib, agent_mib);
    sampler->children_mib = MAX(sampler->children_mib, children_mib);
    sampler->together_mib = MAX(sampler->together_mib, agent_mib + children_mib);
}

static bool has_ended(struct rig *rig, void *user)
{
    (void)user;
    return rig_event_count(rig, "session_finished") > 0;
}

/* The agent tells its lag with its status, which it says on every new connection. */
static void tell_lag(struct rig *rig)
{
    const struct rig_message *before = rig_last(rig, "status"), *now = before;
    int64_t end_ms = clock_mono_ms() + RIG_DEADLINE_MS;
    int64_t said_at_ms = before ? before->at_mono_ms : 0;

    rig_broker_kill(rig);
    rig_broker_start(rig);
    while ((!now || now->at_mono_ms <= said_at_ms) && clock_mono_ms() < end_ms) {
        loop_run_once(rig_loop(rig));
        now = rig_last(rig, "status");
    }
    if (now && now->at_mono_ms > said_at_ms)
        figure("loop_lag_worst_ms", json_number(rig_look(rig, "status", "loop_lag_ms")));
}

static void tell_warm(struct rig *rig)
{
    struct process_memory memory;
    double cpu_s = procfs_cpu_s(rig_agent_pid(rig));
    int64_t from_us = clock_mono_us();

    rig_linger(rig, SETTLE_MS / 2);
    cpu_s = procfs_cpu_s(rig_agent_pid(rig)) - cpu_s;
    memory = procfs_memory(rig_agent_pid(rig));
    figure("warm_cpu_percent", cpu_s / ((double)(clock_mono_us() - from_us) / 1e6) * 100);
    figure("warm_rss_mib", memory.resident_mib);
    figure("warm_anon_mib", memory.own_mib);
    figure("warm_pss_mib", memory.share_mib);
}

static void tell_video(struct rig *rig)
{
    double worst_ms = (double)NAN;
    const cJSON *video;

    for (size_t i = 0; (video = rig_event(rig, "video_ready", i)); i++)
        worst_ms = fmax(worst_ms, json_number(json_get(video, "ready_ms_after_end")));
    figure("live_ready_ms", worst_ms);
}

int bench_memory(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args, .conf = conf});
    struct sampler sampler = {.pid = rig_agent_pid(rig)};
    struct timer *timer = timer_new(rig_loop(rig), on_sample, &sampler);
    struct process_memory memory;
    bool ended;

    rig_linger(rig, SETTLE_MS);
    tell_warm(rig);
    timer_start_repeat(timer, SAMPLE_MS);
    json_free(rig_sim_get(rig, "/sim/command?do=start"));
    rig_linger(rig, scale->growth_s * 1000L);
    memory = procfs_memory(sampler.pid);
    figure("capturing_rss_mib", memory.resident_mib);
    figure("capturing_anon_mib", memory.own_mib);
    figure("capturing_pss_mib", memory.share_mib);
    json_free(rig_sim_get(rig, "/sim/command?do=finish"));
    ended = rig_wait(rig, has_ended, NULL, END_MS);
    timer_free(timer);
    tell_lag(rig);
    tell_video(rig);
    figure("peak_agent_mib", sampler.agent_mib);
    figure("peak_encoder_mib", sampler.children_mib);
    figure("peak_together_mib", sampler.together_mib);
    if (ended)
        rig_pass(rig);
    else
        fprintf(stderr, "bench: the print before two cameras does not end\n");
    rig_free(rig);
    return ended ? 0 : 1;
}
