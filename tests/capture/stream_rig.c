/* SPDX-License-Identifier: MIT */
#include "tests/capture/stream_rig.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEADLINE_MS = 90000, OUTPUT_MAX = 64 * 1024, ARGS_MAX = 16, CHILDREN_MAX = 4096 };

/* What the RTSP camera's encoder takes at least. */
enum { LATENCY_MS = 60 };

static void on_deadline(void *user)
{
    struct stream_rig *f = user;

    f->late = true;
}

int stream_rig_setup(void **state)
{
    struct stream_rig *f = xcalloc(1, sizeof(*f));

    signal(SIGPIPE, SIG_IGN); /* as the agent does */
    buf_init(&f->output, OUTPUT_MAX);
    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

int stream_rig_teardown(void **state)
{
    struct stream_rig *f = *state;
    pid_t left;

    picture_unref(f->picture);
    camera_free(f->camera);
    process_free(f->server);
    timer_free(f->deadline);
    loop_free(f->loop); /* waits for what is being reaped */
    f->server = NULL;
    left = stream_rig_reader(f);
    if (left != 0)
        print_error("a child was left behind: %d\n", (int)left);
    buf_done(&f->output);
    free(f->url);
    free(f);
    return left == 0 ? 0 : -1;
}

void stream_rig_round(struct stream_rig *f)
{
    assert_false(f->late);
    loop_run_once(f->loop);
}

static void on_lingered(void *user)
{
    *(bool *)user = true;
}

void stream_rig_linger(struct stream_rig *f, int64_t ms)
{
    bool over = false;
    struct timer *timer = timer_new(f->loop, on_lingered, &over);

    timer_start(timer, ms);
    while (!over)
        stream_rig_round(f);
    timer_free(timer);
}

/* --- the RTSP camera --- */

static void on_output(const uint8_t *data, size_t len, void *user)
{
    struct stream_rig *f = user;

    assert_int_equal(buf_append(&f->output, data, len), 0);
}

static void on_server_ended(const struct process_result *result, void *user)
{
    struct stream_rig *f = user;

    if (*result->stderr_tail)
        print_message("rtsp-camera: %s\n", result->stderr_tail);
    f->server = NULL;
}

void stream_rig_serve(struct stream_rig *f, const char *const *options)
{
    const char *argv[ARGS_MAX] = {RTSP_CAMERA_PROGRAM};
    const struct process_config config = {.argv = argv, .on_stdout = on_output};
    long long port = 0, started_at_us = 0;

    for (size_t i = 0; options && options[i]; i++)
        argv[i + 1] = options[i];
    buf_clear(&f->output);
    assert_int_equal(process_start(f->loop, &config, on_server_ended, f, &f->server, NULL), 0);
    while (f->server && !strchr(buf_text(&f->output), '\n'))
        stream_rig_round(f);
    assert_non_null(f->server);
    assert_int_equal(sscanf(buf_text(&f->output), "%lld %lld", &port, &started_at_us), 2);
    f->port = port;
    f->started_at_us = started_at_us;
}

void stream_rig_signal(struct stream_rig *f, int signum)
{
    assert_int_equal(kill(process_pid(f->server), signum), 0);
    while (signum == SIGKILL && f->server)
        stream_rig_round(f);
}

/* --- the camera --- */

void stream_rig_start(struct stream_rig *f, const char *path)
{
    static char id[] = "front";
    int kind = 0;

    while (!str_equal(camera_kinds[kind], "stream"))
        kind++;
    f->url = *path == '/' ? xasprintf("rtsp://127.0.0.1:%lld%s", (long long)f->port, path)
                          : xstrdup(path);
    f->settings.id = id;
    f->settings.kind = kind;
    f->settings.url = f->url;
    f->settings.latency_ms = LATENCY_MS;
    f->settings.max_bytes = f->settings.max_bytes ? f->settings.max_bytes : 1 << 20;
    f->settings.timeout_ms = f->settings.timeout_ms ? f->settings.timeout_ms : 20000;
    f->camera = camera_new(f->loop, NULL, &f->settings, NULL, f);
    camera_hold(f->camera);
}

static void on_done(struct picture *picture, const struct error *err, void *user)
{
    struct stream_rig *f = user;

    f->answered = true;
    f->picture = picture ? picture_ref(picture) : NULL;
    f->error = *err;
}

void stream_rig_shoot(struct stream_rig *f)
{
    f->answered = false;
    picture_unref(TAKE(f->picture));
    assert_non_null(camera_shoot(f->camera, 0, 0, on_done, f));
    while (!f->answered)
        stream_rig_round(f);
}

void expect_fresh(struct stream_rig *f)
{
    int64_t asked_us = clock_mono_us(), drawn_us;
    struct marker marker;

    stream_rig_shoot(f);
    assert_string_equal(f->error.text, "");
    assert_non_null(f->picture);
    assert_int_equal(marker_read_jpeg(f->picture->jpeg, f->picture->len, &marker), 0);
    drawn_us = f->started_at_us + ((int64_t)marker.time_ms + 1) * 1000;
    if (drawn_us < asked_us)
        fail_msg("drawn %lld ms before it was asked for, said to be captured %lld ms after",
                 (long long)(asked_us - drawn_us) / 1000,
                 (long long)(f->picture->captured_at_mono_us - asked_us) / 1000);
    assert_true(f->picture->captured_at_mono_us >= asked_us);
}

static void check_error(const struct error *err, int code, const char *text)
{
    CLEANUP(free_p) char *named = xasprintf("front: %s", text);

    if (!str_starts_with(err->text, named))
        fail_msg("'%s' instead of '%s'", err->text, named);
    assert_int_equal(err->code, code);
}

void expect_error(struct stream_rig *f, int code, const char *text)
{
    stream_rig_shoot(f);
    assert_null(f->picture);
    check_error(&f->error, code, text);
}

void expect_complaint(struct stream_rig *f, int code, const char *text)
{
    struct shot *shot = camera_shoot(f->camera, 0, 0, on_done, f);
    struct camera_status status;

    f->answered = false;
    do {
        stream_rig_round(f);
        camera_get_status(f->camera, &status);
    } while (!f->answered && status.error.code != code);
    if (!f->answered)
        camera_cancel(shot);
    check_error(f->answered ? &f->error : &status.error, code, text);
}

/* --- children --- */

pid_t stream_rig_reader(const struct stream_rig *f)
{
    pid_t server = f->server ? process_pid(f->server) : 0;
    FILE *file = fopen("/proc/thread-self/children", "r");
    int pid = 0, found = 0;

    assert_non_null(file);
    while (fscanf(file, "%d", &pid) == 1)
        if (pid != server)
            found = pid;
    fclose(file);
    return found;
}
