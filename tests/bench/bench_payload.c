/* SPDX-License-Identifier: MIT */
/* bench_payload: somebody publishes 200 MB as a command, and the broker lets it pass. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/e2e/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { SETTLE_MS = 15000, AFTER_MS = 3000, PAYLOAD_BYTES = 200 * 1000 * 1000 };

#define TOPIC "timelapse/v1/pi01/cmd/ping"

static const char *const sim_args[] = {"--idle", NULL};

static int make_payload(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -1 : ftruncate(fd, PAYLOAD_BYTES);

    if (fd >= 0)
        close(fd);
    return rc;
}

static bool publish(struct rig *rig, const char *path)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *argv[] = {
        "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-t",
        TOPIC,           "-f", path,        NULL};
    struct rig_output output = rig_run(rig, argv);
    bool ok = output.exit_code == 0;

    if (!ok)
        fprintf(stderr, "bench: mosquitto_pub: %s\n", output.err);
    rig_output_done(&output);
    return ok;
}

/* A client that does not say how much it takes, for comparison. */
static void plain_client_start(struct child *child, struct rig *rig)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    CLEANUP(free_p) char *log = path_join(rig_dir(rig), "plain.txt");
    const char *argv[] = {"mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-V", "5", "-t",
                          TOPIC,           "-N", "-F",        "%l", NULL};

    child_start(child, argv, log);
}

int bench_payload(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args});
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "payload");
    pid_t pid = rig_agent_pid(rig);
    double before_mib, plain_mib;
    struct child plain = {0};
    bool ok;

    (void)scale;
    plain_client_start(&plain, rig);
    rig_linger(rig, SETTLE_MS);
    plain_mib = procfs_resident_mib(plain.pid);
    procfs_forget_peak(pid);
    before_mib = procfs_resident_mib(pid);
    ok = make_payload(path) == 0 && publish(rig, path);
    rig_linger(rig, AFTER_MS);
    ok = ok && rig_command(rig, "cmd/ping", NULL) && rig_agent_pid(rig) == pid;
    if (ok) {
        figure("payload_plain_growth_mib", procfs_peak_mib(plain.pid) - plain_mib);
        figure("payload_growth_mib", procfs_peak_mib(pid) - before_mib);
        rig_pass(rig);
    }
    child_signal(&plain, SIGKILL);
    rig_free(rig);
    return ok ? 0 : 1;
}
