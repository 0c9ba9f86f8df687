/* SPDX-License-Identifier: MIT */
/* bench_idle: an agent with a printer that it polls and a camera that it does not need now. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"
#include "tests/bench/wire.h"

#include "agent/base/clock.h"
#include "tests/e2e/harness.h"

#include <stdio.h>
#include <string.h>

/* Past all that happens once after the start. */
enum { SETTLE_MS = 15000 };

static const char *const sim_args[] = {"--idle", NULL};

static double count_of(struct rig *rig, const char *path)
{
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");

    return state ? json_number(json_get(state, path)) : 0;
}

static struct wire_count wire(struct rig *rig)
{
    struct wire_count count = {0};
    int rc = wire_count(rig_agent_pid(rig), rig_mqtt_port(rig), &count);

    if (rc < 0)
        fprintf(stderr, "bench: sock_diag: %s\n", strerrordesc_np(-rc));
    return count;
}

/* Long enough for the status that is said every 300 s whatever happens. */
static void tell_wire(struct rig *rig, struct wire_count from, int64_t from_us, int seconds)
{
    struct wire_count to;
    double passed_s;

    rig_linger(rig, seconds * 1000L - (clock_mono_us() - from_us) / 1000);
    to = wire(rig);
    passed_s = (double)(clock_mono_us() - from_us) / 1e6;
    figure("idle_wire_s", passed_s);
    figure("idle_wire_out_bytes_per_s", (to.bytes_out - from.bytes_out) / passed_s);
    figure("idle_wire_in_bytes_per_s", (to.bytes_in - from.bytes_in) / passed_s);
    figure("idle_wire_packets_per_min", (to.packets_out - from.packets_out) / passed_s * 60);
}

int bench_idle(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args});
    pid_t pid = rig_agent_pid(rig);
    double cpu_s, requests, bytes, passed_s;
    struct process_memory memory;
    struct wire_count before;
    int64_t from_us;

    rig_linger(rig, SETTLE_MS);
    requests = count_of(rig, "printer.requests");
    bytes = count_of(rig, "printer.bytes");
    before = wire(rig);
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
    tell_wire(rig, before, from_us, scale->wire_s);
    rig_pass(rig);
    rig_free(rig);
    return 0;
}
