/* SPDX-License-Identifier: MIT */
/* test_camera_sim: the simulator draws into each picture when it was exposed; no picture that a
 * shot gets may show an earlier moment than the one asked for, also while the camera misbehaves. */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "capture/camera/camera.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_HTTP, KIND_MJPEG };
enum { DEADLINE_MS = 30000, OUTPUT_MAX = 64 * 1024, SHOTS = 10 };

struct fixture {
    struct loop *loop;
    struct http *http;
    struct timer *deadline;
    bool late;
    struct process *sim;
    struct buf output;
    int port;
    /* The simulator's start: not before, not after. */
    int64_t start_min_us, start_max_us;

    char *url;
    struct camera_settings settings;
    struct camera *camera;

    bool answered;
    struct picture *picture;
    struct error error;
};

/* --- the simulator --- */

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void run_round(struct fixture *f)
{
    assert_false(f->late);
    loop_run_once(f->loop);
}

static void on_output(const uint8_t *data, size_t len, void *user)
{
    struct fixture *f = user;

    assert_int_equal(buf_append(&f->output, data, len), 0);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct fixture *f = user;

    (void)result;
    f->sim = NULL;
}

static void start_sim(struct fixture *f)
{
    static const char *const argv[] = {SIM_PROGRAM, "--listen", "127.0.0.1:0", "--camera-fps",
                                       "20",        "--layers", "1000",        "--layer-ms",
                                       "100",       NULL};
    const struct process_config config = {.argv = argv, .on_stdout = on_output};
    const char *colon;
    int64_t port;

    assert_int_equal(process_start(f->loop, &config, on_ended, f, &f->sim, NULL), 0);
    while (!strchr(buf_text(&f->output), '\n'))
        run_round(f);
    f->output.data[f->output.len - 1] = '\0';
    colon = strrchr((const char *)f->output.data, ':');
    assert_non_null(colon);
    assert_int_equal(str_to_int(colon + 1, &port), 0);
    f->port = (int)port;
}

static void on_answer(int result, const struct http_response *response, const struct error *err,
                      void *user)
{
    struct fixture *f = user;
    struct marker marker;

    (void)err;
    assert_int_equal(result, 0);
    assert_int_equal(response->status, 200);
    f->answered = true;
    if (!str_equal(response->content_type, "image/jpeg"))
        return;
    assert_int_equal(marker_read_jpeg((const uint8_t *)response->body, response->body_len, &marker),
                     0);
    f->start_min_us =
        MAX(f->start_min_us, response->sent_at_mono_us - ((int64_t)marker.time_ms + 1) * 1000);
    f->start_max_us =
        MIN(f->start_max_us, response->first_byte_at_mono_us - (int64_t)marker.time_ms * 1000);
}

static void get(struct fixture *f, const char *path)
{
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d%s", f->port, path);
    const struct http_request_config config = {.url = url, .max_body_bytes = 1 << 20};
    struct http_request *request;

    f->answered = false;
    assert_int_equal(http_start(f->http, &config, on_answer, f, &request, NULL), 0);
    while (!f->answered)
        run_round(f);
}

/* Narrows down when the simulator's clock began. */
static void calibrate(struct fixture *f)
{
    f->start_min_us = 0;
    f->start_max_us = INT64_MAX;
    for (int i = 0; i < 10; i++)
        get(f, "/camera.jpg");
    assert_true(f->start_min_us <= f->start_max_us);
}

/* --- fixture --- */

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    *state = f;
    buf_init(&f->output, OUTPUT_MAX);
    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->http = http_new(f->loop);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    start_sim(f);
    calibrate(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    picture_unref(f->picture);
    camera_free(f->camera);
    process_free(f->sim);
    http_free(f->http);
    timer_free(f->deadline);
    loop_free(f->loop);
    buf_done(&f->output);
    free(f->url);
    free(f);
    return 0;
}

static void start_camera(struct fixture *f, int kind)
{
    static char id[] = "front";

    f->url =
        xasprintf("http://127.0.0.1:%d%s", f->port, kind == KIND_HTTP ? "/camera.jpg" : "/stream");
    f->settings.id = id;
    f->settings.kind = kind;
    f->settings.url = f->url;
    f->settings.fps = 15;
    f->settings.max_bytes = 1 << 20;
    f->settings.timeout_ms = 2000;
    f->camera = camera_new(f->loop, f->http, &f->settings, NULL, NULL);
    camera_hold(f->camera);
}

static void on_done(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;

    f->answered = true;
    f->picture = picture ? picture_ref(picture) : NULL;
    f->error = *err;
}

/* The picture stays in f->picture until the next shot. */
static void shoot(struct fixture *f, int64_t not_before_us)
{
    f->answered = false;
    picture_unref(TAKE(f->picture));
    camera_shoot(f->camera, not_before_us, 0, on_done, f);
    while (!f->answered)
        run_round(f);
}

static void expect_fresh(struct fixture *f, int64_t moment_us)
{
    struct marker marker;

    assert_string_equal(f->error.text, "");
    assert_non_null(f->picture);
    assert_int_equal(marker_read_jpeg(f->picture->jpeg, f->picture->len, &marker), 0);
    assert_true(f->start_max_us + ((int64_t)marker.time_ms + 1) * 1000 >= moment_us);
    assert_true(f->picture->captured_at_mono_us >= moment_us);
}

static void on_pause_over(void *user)
{
    bool *over = user;

    *over = true;
}

static void run_for(struct fixture *f, int64_t ms)
{
    bool over = false;
    struct timer *timer = timer_new(f->loop, on_pause_over, &over);

    timer_start(timer, ms);
    while (!over)
        run_round(f);
    timer_free(timer);
}

/* Shots at all phases of the frame rate. */
static void expect_fresh_shots(struct fixture *f)
{
    for (int i = 0; i < SHOTS; i++) {
        int64_t moment_us;

        run_for(f, 7 + i % 5);
        moment_us = clock_mono_us();
        shoot(f, i % 2 ? moment_us : 0);
        expect_fresh(f, moment_us);
    }
}

/* --- tests --- */

static void test_stills_show_no_moment_before_the_trigger(void **state)
{
    struct fixture *f = *state;

    start_camera(f, KIND_HTTP);
    expect_fresh_shots(f);
}

static void test_stream_shows_no_moment_before_the_trigger(void **state)
{
    struct fixture *f = *state;

    start_camera(f, KIND_MJPEG);
    expect_fresh_shots(f);
    assert_true(f->picture->received_at_mono_us - f->picture->captured_at_mono_us < 1000000);
}

static void test_slow_stream_is_fresh_with_its_latency(void **state)
{
    struct fixture *f = *state;

    f->settings.latency_ms = 270; /* 200 and the frame that the simulator may wait with it */
    get(f, "/sim/fault?what=cam_slow&ms=200");
    start_camera(f, KIND_MJPEG);
    expect_fresh_shots(f);
}

static void expect_fresh_after_fault(struct fixture *f, int kind, const char *fault)
{
    CLEANUP(free_p) char *path = xasprintf("/sim/fault?what=%s&count=1", fault);
    int64_t moment_us;

    f->settings.width = 640;
    f->settings.height = 480;
    start_camera(f, kind);
    shoot(f, 0);
    get(f, path);
    moment_us = clock_mono_us();
    shoot(f, moment_us);
    expect_fresh(f, moment_us);
    camera_free(TAKE(f->camera));
    free_p(&f->url);
}

static void test_faults_cost_a_try_and_never_bring_a_bad_picture(void **state)
{
    static const char *const faults[] = {"cam_html", "cam_404",     "cam_truncated",
                                         "cam_zero", "cam_garbage", "cam_wrong_size",
                                         "cam_hang"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        expect_fresh_after_fault(f, KIND_HTTP, faults[i]);
        if (!str_equal(faults[i], "cam_hang"))
            expect_fresh_after_fault(f, KIND_MJPEG, faults[i]);
    }
}

static void test_frozen_camera_is_recognised(void **state)
{
    struct fixture *f = *state;
    struct camera_status status;

    f->settings.stale_after = 3;
    start_camera(f, KIND_HTTP);
    shoot(f, 0);
    get(f, "/sim/fault?what=cam_frozen&for_ms=20000");
    for (int i = 0; i < 4; i++)
        shoot(f, 0);
    assert_non_null(f->picture);
    assert_true(f->picture->stale);
    camera_get_status(f->camera, &status);
    assert_non_null(strstr(status.error.text, "frozen"));
    get(f, "/sim/fault?what=none");
    shoot(f, 0);
    assert_false(f->picture->stale);
}

#define sim_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        sim_test(test_stills_show_no_moment_before_the_trigger),
        sim_test(test_stream_shows_no_moment_before_the_trigger),
        sim_test(test_slow_stream_is_fresh_with_its_latency),
        sim_test(test_faults_cost_a_try_and_never_bring_a_bad_picture),
        sim_test(test_frozen_camera_is_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
