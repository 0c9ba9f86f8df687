/* SPDX-License-Identifier: MIT */
/* bench_v4l2: a warm USB camera of 1920x1080 at 30 fps, in the virtual machine of tests/device:
 * how long a frame takes, and what the camera costs while nobody wants one; beside the programs
 * that the peers start for each frame, at the same camera. Figures as "key=value" lines. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "capture/camera/camera.h"
#include "capture/jpeg.h"
#include "tests/bench/procfs.h"
#include "tests/bench/series.h"
#include "tests/device/feeder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/video10"
#define PLACE  "/tmp/bench_v4l2"

enum {
    WIDTH = 1920,
    HEIGHT = 1080,
    FPS = 30,
    QUALITY = 85,
    SHOTS = 30,
    PEER_SHOTS = 4,
    RATE_PICTURES = 150,
    IDLE_MS = 10000,
    SETTLE_MS = 2000,
};

static void give_up(const char *what)
{
    fprintf(stderr, "bench_v4l2: %s\n", what);
    exit(1);
}

/* --- the camera: another process, whose time is not ours --- */

static uint8_t *make_picture(size_t *ret_len)
{
    const size_t bytes = (size_t)WIDTH * HEIGHT * 3 / 2;
    uint8_t *planes = xmalloc(bytes);
    uint32_t noise = 1;
    uint8_t *jpeg = NULL;

    for (size_t i = 0; i < bytes; i++) {
        noise = noise * 1664525 + 1013904223;
        planes[i] = (uint8_t)(i % WIDTH / 8 + (noise >> 28));
    }
    if (jpeg_compress_yuv420(planes, WIDTH, HEIGHT, QUALITY, &jpeg, ret_len, NULL) < 0)
        give_up("no picture");
    free(planes);
    return jpeg;
}

static void feed_for_ever(const uint8_t *jpeg, size_t len)
{
    int fd = feeder_open_output(DEVICE, WIDTH, HEIGHT);
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    while (write(fd, jpeg, len) == (ssize_t)len) {
        next.tv_nsec += 1000000000 / FPS;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    _exit(1);
}

static pid_t start_camera(void)
{
    size_t len;
    uint8_t *jpeg = make_picture(&len);
    pid_t pid = fork();

    if (pid < 0)
        give_up("cannot fork");
    if (pid == 0)
        feed_for_ever(jpeg, len);
    figure("usb_picture_kib", (double)len / 1024);
    free(jpeg);
    return pid;
}

/* --- ours --- */

struct bench {
    struct loop *loop;
    struct camera_settings settings;
    struct camera *camera;
    bool answered, failed, over;
    int64_t captured_at_us; /* of the last picture */
};

static void set(struct bench *bench, const char *key, const char *text)
{
    struct error err = {0};

    if (conf_init_text(&camera_table, &bench->settings, key, text, &err) < 0)
        give_up(err.text);
}

static bool is_connected(const struct bench *bench)
{
    struct camera_status status;

    camera_get_status(bench->camera, &status);
    return status.connected;
}

static void set_up(struct bench *bench)
{
    conf_set_defaults(&camera_table, &bench->settings);
    set(bench, "id", "usb");
    set(bench, "kind", "v4l2");
    set(bench, "device", DEVICE);
    set(bench, "width", "1920");
    set(bench, "height", "1080");
    set(bench, "fps", "30");
    set(bench, "warm", "always");
    set(bench, "settle_ms", "0");
}

static void open_camera(struct bench *bench)
{
    bench->camera = camera_new(bench->loop, NULL, &bench->settings, NULL, NULL);
    while (!is_connected(bench))
        loop_run_once(bench->loop);
}

static void on_over(void *user)
{
    struct bench *bench = user;

    bench->over = true;
}

static void stay_idle(struct bench *bench, int64_t ms)
{
    struct timer *timer = timer_new(bench->loop, on_over, bench);

    bench->over = false;
    timer_start(timer, ms);
    while (!bench->over)
        loop_run_once(bench->loop);
    timer_free(timer);
}

static void on_shot(struct picture *picture, const struct error *err, void *user)
{
    struct bench *bench = user;

    bench->answered = true;
    bench->failed =
        !picture || path_write_durable(PLACE, "frame.jpg", picture->jpeg, picture->len, NULL) < 0;
    if (!picture)
        fprintf(stderr, "bench_v4l2: %s\n", err->text);
}

static void measure_shots(struct bench *bench)
{
    struct series durable_ms = {0};
    double lost = 0;

    for (int i = 0; i < SHOTS; i++) {
        int64_t asked_at_us = clock_mono_us();

        bench->answered = false;
        (void)camera_shoot(bench->camera, asked_at_us, 0, on_shot, bench);
        while (!bench->answered)
            loop_run_once(bench->loop);
        lost += bench->failed;
        series_add(&durable_ms, (double)(clock_mono_us() - asked_at_us) / 1000);
        stay_idle(bench, 37); /* at ever other moments of its period */
    }
    figure_series("usb_durable_ms", &durable_ms);
    figure("usb_lost", lost);
    series_done(&durable_ms);
}

static void on_every(struct picture *picture, const struct error *err, void *user)
{
    struct bench *bench = user;

    if (!picture)
        give_up(err->text);
    bench->answered = true;
    bench->captured_at_us = picture->captured_at_mono_us;
}

/* Each one newer than the one before, which is every one that the camera makes. */
static void measure_rate(struct bench *bench)
{
    int64_t began_us = 0;

    for (int i = 0; i <= RATE_PICTURES; i++) {
        bench->answered = false;
        (void)camera_shoot(bench->camera, bench->captured_at_us + 1, 0, on_every, bench);
        while (!bench->answered)
            loop_run_once(bench->loop);
        if (i == 0)
            began_us = bench->captured_at_us;
    }
    figure("usb_fps", RATE_PICTURES * 1e6 / (double)(bench->captured_at_us - began_us));
}

static void measure_ours(void)
{
    struct bench bench = {0};
    double before_mib, before_s;

    if (loop_new(&bench.loop, NULL) < 0)
        give_up("no loop");
    stay_idle(&bench, 1);
    set_up(&bench);
    open_camera(&bench); /* what is loaded and made only once is no camera's */
    camera_free(bench.camera);
    stay_idle(&bench, SETTLE_MS);
    before_mib = procfs_resident_mib(getpid());
    open_camera(&bench);
    stay_idle(&bench, SETTLE_MS);
    before_s = procfs_cpu_s(getpid());
    stay_idle(&bench, IDLE_MS);
    figure("usb_idle_cpu_percent", (procfs_cpu_s(getpid()) - before_s) * 1e5 / IDLE_MS);
    figure("usb_idle_mib", procfs_resident_mib(getpid()) - before_mib);
    measure_shots(&bench);
    measure_rate(&bench);
    camera_free(bench.camera);
    loop_free(bench.loop);
    conf_values_done(&camera_table, &bench.settings);
}

/* --- a process each --- */

static int run(const char *const *argv)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void measure_peer(const char *key, const char *const *argv)
{
    struct series ms = {0};

    for (int i = 0; i < PEER_SHOTS; i++) {
        int64_t asked_at_us = clock_mono_us();

        if (run(argv) != 0)
            fprintf(stderr, "bench_v4l2: %s failed\n", argv[0]);
        else
            series_add(&ms, (double)(clock_mono_us() - asked_at_us) / 1000);
    }
    if (ms.count > 0)
        figure_series(key, &ms);
    series_done(&ms);
}

int main(void)
{
    static const char *const fswebcam[] = {
        "fswebcam", "--quiet", "--no-banner",         "-d", DEVICE, "-r", "1920x1080",
        "-p",       "MJPEG",   PLACE "/fswebcam.jpg", NULL};
    static const char *const ffmpeg[] = {"ffmpeg",    "-nostdin",
                                         "-v",        "error",
                                         "-y",        "-f",
                                         "v4l2",      "-input_format",
                                         "mjpeg",     "-s",
                                         "1920x1080", "-i",
                                         DEVICE,      "-frames:v",
                                         "1",         "-c:v",
                                         "copy",      "-f",
                                         "image2",    "-update",
                                         "1",         PLACE "/ffmpeg.jpg",
                                         NULL};
    pid_t camera;

    if (path_make_dirs(PLACE, NULL) < 0)
        give_up("cannot write " PLACE);
    camera = start_camera();
    measure_ours();
    measure_peer("usb_fswebcam_ms", fswebcam);
    measure_peer("usb_ffmpeg_ms", ffmpeg);
    kill(camera, SIGKILL);
    waitpid(camera, NULL, 0);
    return 0;
}
