/* SPDX-License-Identifier: MIT */
/* bench_cameras: what a camera costs that is only kept ready, and four of them that each give a
 * frame a second, beside a process per frame for the same. */
#include "tests/bench/bench.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAMERAS = 4, INTERVAL_MS = 1000, SETTLE_MS = 8000 };

static const char *const sim_args[] = {"--idle", "--camera-size", "1920x1080", "--camera-fps", "30",
                                       NULL};

#define CAMERA(id, path)                                                                           \
    "{ id = \"" id "\"; kind = \"mjpeg\"; url = \"http://%sim/" path "\"; %unit }"
#define UNIT(id)                                                                                   \
    "{ id = \"" id "\"; cameras = [ \"" id "\" ]; trigger = \"interval\"; interval_s = 1.0;"       \
    " standby = true; fps = 25.0; }"

static const char one[] = "cameras = ( " CAMERA("a", "stream") " );\nunits = ( " UNIT("a") " );\n";
static const char four[] =
    "cameras = ( " CAMERA("a", "stream") ", " CAMERA("b", "stream2") ",\n" CAMERA(
        "c", "stream") ", " CAMERA("d", "stream2") " );\n"
                                                   "units = ( " UNIT("a") ", " UNIT("b") ", " UNIT(
                                                       "c") ", " UNIT("d") " );\n";

static struct rig *begin(const char *conf, const char *warm)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = sim_args, .conf = conf, .unit = warm});

    rig_linger(rig, SETTLE_MS);
    return rig;
}

static void end(struct rig *rig)
{
    rig_pass(rig);
    rig_free(rig);
}

static double cpu_percent(struct rig *rig, int seconds)
{
    double cpu_s = procfs_cpu_s(rig_agent_pid(rig));
    int64_t from_us = clock_mono_us();

    rig_linger(rig, seconds * 1000L);
    cpu_s = procfs_cpu_s(rig_agent_pid(rig)) - cpu_s;
    return cpu_s / ((double)(clock_mono_us() - from_us) / 1e6) * 100;
}

static void tell_idle(const struct bench_scale *scale)
{
    struct rig *rig = begin(one, "warm = \"never\";");
    double none = cpu_percent(rig, scale->idle_s), warm;

    end(rig);
    rig = begin(one, "warm = \"always\";");
    warm = cpu_percent(rig, scale->idle_s);
    end(rig);
    figure("camera_none_cpu_percent", none);
    figure("camera_warm_cpu_percent", warm);
}

/* --- four at once --- */

/* Which moment of the second a unit's frames are due at is not told: it is that of its earliest. */
static void add_lateness(struct rig *rig, const char *unit, bool captured, struct series *late_ms)
{
    int64_t *at_ms = xcalloc(rig_event_count(rig, "frame") + 1, sizeof(*at_ms));
    int64_t phase_ms = INTERVAL_MS, age_ms;
    size_t count = 0;
    const cJSON *frame;

    for (size_t i = 0; (frame = rig_event(rig, "frame", i)); i++) {
        if (!str_equal(json_get_string(frame, "unit"), unit) ||
            !json_get_int(frame, "age_ms", &age_ms) ||
            clock_parse_rfc3339(json_get_string(frame, "captured_at"), &at_ms[count]) < 0)
            continue;
        phase_ms = MIN(phase_ms, (at_ms[count] - age_ms) % INTERVAL_MS);
        at_ms[count] -= captured ? 0 : age_ms;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        series_add(late_ms, (double)((at_ms[i] - phase_ms) % INTERVAL_MS));
    free(at_ms);
}

static const char *const units[CAMERAS] = {"a", "b", "c", "d"};

static void start_all(struct rig *rig)
{
    for (size_t i = 0; i < CAMERAS; i++) {
        CLEANUP(free_p) char *topic = xasprintf("unit/%s/cmd/start", units[i]);

        if (!rig_ask(rig, topic, "{}"))
            fprintf(stderr, "bench: %s is not answered\n", topic);
    }
}

static void tell_lateness(struct rig *rig)
{
    struct series asked_ms = {0}, captured_ms = {0};

    for (size_t i = 0; i < CAMERAS; i++) {
        add_lateness(rig, units[i], false, &asked_ms);
        add_lateness(rig, units[i], true, &captured_ms);
    }
    figure_series("cameras_trigger_late_ms", &asked_ms);
    figure_series("cameras_captured_late_ms", &captured_ms);
    series_done(&asked_ms);
    series_done(&captured_ms);
}

static void tell_four(const struct bench_scale *scale)
{
    struct rig *rig = begin(four, "warm = \"never\";");
    double none_mib = procfs_memory(rig_agent_pid(rig)).own_mib, missed;

    end(rig);
    rig = begin(four, "warm = \"always\";");
    figure("camera_warm_mib", (procfs_memory(rig_agent_pid(rig)).own_mib - none_mib) / CAMERAS);
    start_all(rig);
    rig_linger(rig, (scale->growth_s + 20) * 1000L);
    missed = (double)rig_event_count(rig, "frame_missed");
    tell_lateness(rig);
    figure("cameras_missed", missed);
    end(rig);
}

/* --- a process per frame --- */

static void tell_process(const struct bench_scale *scale)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args, .no_agent = true});
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d/stream", rig_sim_port(rig));
    CLEANUP(free_p) char *file = xasprintf("%s/shot.jpg", rig_dir(rig));
    const char *const ffmpeg[] = {"ffmpeg", "-y",        "-loglevel", "error", "-i",
                                  url,      "-frames:v", "1",         file,    NULL};
    struct series took_ms = {0};
    double cpu_s = procfs_ended_cpu_s();

    for (int i = 0; i < scale->shots; i++) {
        int64_t from_us = clock_mono_us();
        struct rig_output output = rig_run(rig, ffmpeg);

        if (output.exit_code == 0)
            series_add(&took_ms, (double)(clock_mono_us() - from_us) / 1000);
        rig_output_done(&output);
    }
    cpu_s = (procfs_ended_cpu_s() - cpu_s) / scale->shots;
    figure_series("process_frame_ms", &took_ms);
    figure("process_frame_cpu_ms", cpu_s * 1000);
    series_done(&took_ms);
    end(rig);
}

int bench_cameras(const struct bench_scale *scale)
{
    tell_idle(scale);
    tell_four(scale);
    tell_process(scale);
    return 0;
}
