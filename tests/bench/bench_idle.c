/* SPDX-License-Identifier: MIT */
/* bench_idle: an agent with a printer that it polls and a camera that it does not need now. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "tests/e2e/harness.h"

/* Past all that happens once after the start. */
enum { SETTLE_MS = 15000 };

static const char *const sim_args[] = {"--idle", NULL};

static double count_of(struct rig *rig, const char *path)
{
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");

    return state ? json_number(json_get(state, path)) : 0;
}

int bench_idle(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args});
    pid_t pid = rig_agent_pid(rig);
    double cpu_s, requests, bytes, passed_s;
    struct process_memory memory;
    int64_t from_us;

    rig_linger(rig, SETTLE_MS);
    requests = count_of(rig, "printer.requests");
    bytes = count_of(rig, "printer.bytes");
    cpu_s = procfs_cpu_s(pid);
    from_us = clock_mono_us();
    rig_linger(rig, scale->idle_s * 1000L);
    cpu_s = procfs_cpu_s(pid) - cpu_s;
    passed_s = (double)(clock_mono_us() - from_us) / 1e6;
    memory = procfs_memory(pid);
    figure("idle_cpu_percent", cpu_s / passed_s * 100);
    figure("idle_requests_per_min", (count_of(rig, "printer.requests") - requests) / passed_s * 60);
    figure("idle_bytes_per_min", (count_of(rig, "printer.bytes") - bytes) / passed_s * 60);
    figure("idle_rss_mib", memory.resident_mib);
    figure("idle_anon_mib", memory.own_mib);
    figure("idle_pss_mib", memory.share_mib);
    rig_pass(rig);
    rig_free(rig);
    return 0;
}
