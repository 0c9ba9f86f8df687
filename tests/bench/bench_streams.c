/* SPDX-License-Identifier: MIT */
/* bench_streams: what an RTSP camera costs that is kept ready, and how soon it gives a picture:
 * decoded in its key frames only, decoded whole, and by a process per frame. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/harness.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SETTLE_MS = 10000, PAUSE_MS = 370 };

struct scene {
    struct rig *rig;
    struct child server;
    int port;
};

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bind(fd, (struct sockaddr *)&address, sizeof(address));

    rc |= getsockname(fd, (struct sockaddr *)&address, &len);
    close(fd);
    return rc == 0 ? ntohs(address.sin_port) : 0;
}

/* decode NULL: without the agent. */
static void begin(struct scene *scene, const char *decode)
{
    CLEANUP(free_p) char *port = xasprintf("%d", scene->port = free_port());
    CLEANUP(free_p)
    char *conf = xasprintf("cameras = ( { id = \"a\"; kind = \"stream\"; warm = \"always\";\n"
                           "url = \"rtsp://127.0.0.1:%s/cam\"; decode = \"%s\"; } );\n"
                           "units = ( { id = \"a\"; cameras = [ \"a\" ]; standby = true;\n"
                           "trigger = \"command\"; } );\n",
                           port, decode ? decode : "key");
    const char *const argv[] = {RTSP_CAMERA_PROGRAM,
                                "--port",
                                port,
                                "--size",
                                "1920x1080",
                                "--fps",
                                "30",
                                "--gop",
                                "30",
                                NULL};

    child_start(&scene->server, argv, "/dev/null");
    scene->rig =
        rig_new(&(struct rig_options){.conf = conf, .no_sim = true, .no_agent = decode == NULL});
    rig_linger(scene->rig, SETTLE_MS);
}

static void end(struct scene *scene)
{
    rig_pass(scene->rig);
    rig_free(scene->rig);
    child_signal(&scene->server, SIGKILL);
}

static double reader_percent(struct rig *rig, int seconds)
{
    double cpu_s = procfs_children_cpu_s(rig_agent_pid(rig));
    int64_t from_us = clock_mono_us();

    rig_linger(rig, seconds * 1000L);
    cpu_s = procfs_children_cpu_s(rig_agent_pid(rig)) - cpu_s;
    return cpu_s / ((double)(clock_mono_us() - from_us) / 1e6) * 100;
}

static void shoot(struct rig *rig, struct series *took_ms)
{
    int64_t from_us = clock_mono_us(), code = -1;
    const cJSON *answer = rig_ask(rig, "camera/a/cmd/snapshot", "{}");

    if (answer && json_get_int(answer, "code", &code) && code == 0)
        series_add(took_ms, (double)(clock_mono_us() - from_us) / 1000);
    else
        fprintf(stderr, "bench: no picture of the stream\n");
}

static void tell_reader(const struct bench_scale *scale, const char *decode)
{
    CLEANUP(free_p) char *percent_key = xasprintf("stream_%s_cpu_percent", decode);
    CLEANUP(free_p) char *mib_key = xasprintf("stream_%s_mib", decode);
    CLEANUP(free_p) char *ms_key = xasprintf("stream_%s_ms", decode);
    struct series took_ms = {0};
    struct scene scene = {0};

    begin(&scene, decode);
    figure(percent_key, reader_percent(scene.rig, scale->idle_s));
    figure(mib_key, procfs_children_mib(rig_agent_pid(scene.rig)));
    for (int i = 0; i < scale->shots; i++) {
        shoot(scene.rig, &took_ms);
        rig_linger(scene.rig, PAUSE_MS); /* another moment between two key frames */
    }
    figure_series(ms_key, &took_ms);
    series_done(&took_ms);
    end(&scene);
}

static void tell_process(const struct bench_scale *scale)
{
    struct series took_ms = {0};
    struct scene scene = {0};
    double cpu_s = procfs_ended_cpu_s();

    begin(&scene, NULL);
    for (int i = 0; i < scale->shots; i++) {
        CLEANUP(free_p) char *url = xasprintf("rtsp://127.0.0.1:%d/cam", scene.port);
        CLEANUP(free_p) char *file = xasprintf("%s/shot.jpg", rig_dir(scene.rig));
        const char *const ffmpeg[] = {"ffmpeg",          "-y",  "-loglevel", "error",
                                      "-rtsp_transport", "tcp", "-i",        url,
                                      "-frames:v",       "1",   file,        NULL};
        int64_t from_us = clock_mono_us();
        struct rig_output output = rig_run(scene.rig, ffmpeg);

        if (output.exit_code == 0)
            series_add(&took_ms, (double)(clock_mono_us() - from_us) / 1000);
        else
            fprintf(stderr, "bench: ffmpeg made no picture: %s\n", output.err);
        rig_output_done(&output);
    }
    cpu_s = (procfs_ended_cpu_s() - cpu_s) / scale->shots;
    figure_series("stream_process_ms", &took_ms);
    figure("stream_process_cpu_ms", cpu_s * 1000);
    series_done(&took_ms);
    end(&scene);
}

int bench_streams(const struct bench_scale *scale)
{
    tell_reader(scale, "key");
    tell_reader(scale, "all");
    tell_process(scale);
    return 0;
}
