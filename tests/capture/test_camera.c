/* SPDX-License-Identifier: MIT */
/* test_camera: whatever the camera does, a shot ends once, in time, with a whole picture that is
 * newer than the moment asked for, or with a reason. Real HTTP against a scripted server. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/camera.h"
#include "capture/exif.h"
#include "capture/jpeg.h"
#include "tests/capture/pictures.h"
#include "tests/capture/script_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_HTTP, KIND_MJPEG, KIND_PATTERN };
enum { DEADLINE_MS = 20000, SEEN_MAX = 64, STREAM_PERIOD_MS = 20 };

/* What the server does with a request; the last step of a script stays. */
enum step {
    STEP_PICTURE,
    STEP_SAME_PICTURE,
    STEP_OTHER_SIZE,
    STEP_LYING, /* its EXIF says: turn me clockwise */
    STEP_HTML,
    STEP_NOT_FOUND,
    STEP_LOGIN,
    STEP_EMPTY,
    STEP_CUT,
    STEP_HANG,
    STEP_DROP,
    STEP_ENDLESS, /* a picture without an end */
    STEP_STREAM,  /* and it goes on, see stream_to */
    STEP_END,
};

struct seen {
    int result; /* 0 or the error */
    char text[512];
    struct picture *picture;
    int64_t at_us;
};

struct fixture {
    struct loop *loop;
    struct http *http;
    struct script_server *server;
    struct timer *deadline;
    bool late;

    const enum step *script;
    int requests;
    char *last_request;
    int64_t request_at_us[SEEN_MAX];
    struct script_peer *stream; /* the one that gets pictures */
    struct timer *stream_timer;
    bool stream_is_silent, stream_is_cut;
    int64_t part_at_us[SEEN_MAX]; /* when the server began to send a part, by serial */
    int serial;

    char *url;
    struct camera_settings settings;
    struct camera *camera;
    struct seen seen[SEEN_MAX];
    int done;
    int statuses;
};

/* --- the server --- */

static void send_part(struct fixture *f)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, f->serial, &len);

    f->part_at_us[f->serial++ % SEEN_MAX] = clock_mono_us();
    peer_send_text(f->stream, "--f\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                   len);
    peer_send(f->stream, jpeg, f->stream_is_cut ? len / 2 : len);
    if (f->stream_is_cut)
        peer_send(f->stream, jpeg, len - len / 2);
    peer_send_text(f->stream, "\r\n");
}

static void on_stream_timer(void *user)
{
    struct fixture *f = user;

    if (f->stream && !f->stream_is_silent)
        send_part(f);
}

static void begin_stream(struct fixture *f, struct script_peer *peer)
{
    peer_send_text(peer, "HTTP/1.1 200 OK\r\n"
                         "Content-Type: multipart/x-mixed-replace;boundary=f\r\n\r\n");
    f->stream = peer;
    timer_start_repeat(f->stream_timer, STREAM_PERIOD_MS);
}

static void send_endless(struct script_peer *peer)
{
    static const uint8_t zeros[100000];

    peer_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8");
    for (int i = 0; i < 20; i++)
        peer_send(peer, zeros, sizeof(zeros));
}

static void send_lying(struct script_peer *peer, const uint8_t *jpeg, size_t len)
{
    size_t lying_len;
    CLEANUP(free_p)
    uint8_t *lying = picture_with_segment(jpeg, len, 0xE1, picture_exif_lying,
                                          picture_exif_lying_len, &lying_len);

    peer_answer(peer, 200, "image/jpeg", lying, lying_len);
}

static void play(struct fixture *f, struct script_peer *peer, enum step step)
{
    size_t len;
    int seed = step == STEP_SAME_PICTURE ? 0 : f->requests;
    CLEANUP(free_p)
    uint8_t *jpeg = picture_make(step == STEP_OTHER_SIZE ? 32 : 64, 48, seed, &len);

    switch (step) {
    case STEP_PICTURE:
    case STEP_SAME_PICTURE:
    case STEP_OTHER_SIZE:
        peer_answer(peer, 200, "image/jpeg", jpeg, len);
        break;
    case STEP_LYING:
        send_lying(peer, jpeg, len);
        break;
    case STEP_CUT:
        peer_answer(peer, 200, "image/jpeg", jpeg, len / 2);
        break;
    case STEP_EMPTY:
        peer_answer(peer, 200, "image/jpeg", "", 0);
        break;
    case STEP_HTML:
        peer_answer(peer, 200, "text/html", "<html>busy</html>", 17);
        break;
    case STEP_NOT_FOUND:
        peer_answer(peer, 404, "text/html", "no", 2);
        break;
    case STEP_LOGIN:
        peer_answer(peer, 401, "text/html", "no", 2);
        break;
    case STEP_DROP:
        peer_close(peer);
        break;
    case STEP_ENDLESS:
        send_endless(peer);
        break;
    case STEP_STREAM:
        begin_stream(f, peer);
        break;
    case STEP_HANG:
    case STEP_END:
        break;
    }
}

static void on_request(struct script_peer *peer, const char *request, void *user)
{
    struct fixture *f = user;
    enum step step = *f->script;

    replace_str(&f->last_request, request);
    f->request_at_us[f->requests++ % SEEN_MAX] = clock_mono_us();
    if (f->script[1] != STEP_END)
        f->script++;
    play(f, peer, step);
}

static void on_gone(struct script_peer *peer, void *user)
{
    struct fixture *f = user;

    if (peer == f->stream)
        f->stream = NULL;
}

/* --- fixture --- */

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->http = http_new(f->loop);
    f->server = script_server_new(f->loop, on_request, on_gone, f);
    f->deadline = timer_new(f->loop, on_deadline, f);
    f->stream_timer = timer_new(f->loop, on_stream_timer, f);
    timer_start(f->deadline, DEADLINE_MS);
    f->url = xasprintf("http://127.0.0.1:%d/camera", script_server_port(f->server));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int rc = f->late ? -1 : 0;

    camera_free(f->camera);
    for (int i = 0; i < f->done; i++)
        picture_unref(f->seen[i].picture);
    timer_free(f->stream_timer);
    timer_free(f->deadline);
    http_free(f->http);
    script_server_free(f->server);
    loop_free(f->loop);
    free(f->last_request);
    free(f->url);
    free(f);
    return rc;
}

static void on_status(struct camera *camera, void *user)
{
    struct fixture *f = user;

    (void)camera;
    f->statuses++;
}

/* settings beyond the defaults are set in f->settings before. */
static void start(struct fixture *f, int kind, const enum step *script)
{
    static char id[] = "front";

    f->settings.id = id;
    f->settings.kind = kind;
    f->settings.url = f->url;
    f->settings.fps = 50;
    f->settings.max_bytes = 200000;
    f->settings.timeout_ms = f->settings.timeout_ms ? f->settings.timeout_ms : 5000;
    f->script = script;
    f->camera = camera_new(f->loop, f->http, &f->settings, on_status, f);
}

static void on_done(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;
    struct seen *seen = &f->seen[f->done++];

    seen->at_us = clock_mono_us();
    seen->picture = picture ? picture_ref(picture) : NULL;
    seen->result = picture ? 0 : err->code;
    snprintf(seen->text, sizeof(seen->text), "%s", picture ? "" : err->text);
}

static void wait_done(struct fixture *f, int count)
{
    while (f->done < count && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, count);
}

static struct seen *shoot_and_wait(struct fixture *f, int64_t not_before_us)
{
    int before = f->done;

    assert_non_null(camera_shoot(f->camera, not_before_us, 0, on_done, f));
    assert_int_equal(f->done, before);
    wait_done(f, before + 1);
    return &f->seen[before];
}

static struct camera_status status_of(const struct fixture *f)
{
    struct camera_status status;

    camera_get_status(f->camera, &status);
    return status;
}

static void stop(struct fixture *f)
{
    camera_free(f->camera);
    f->camera = NULL;
}

static void on_pause_over(void *user)
{
    bool *over = user;

    *over = true;
}

/* Lets the loop run for a while: for things that must not happen. */
static void run_for(struct fixture *f, int64_t ms)
{
    bool over = false;
    struct timer *timer = timer_new(f->loop, on_pause_over, &over);

    timer_start(timer, ms);
    while (!over)
        loop_run_once(f->loop);
    timer_free(timer);
}

/* --- stills --- */

static void test_still_is_newer_than_the_moment_asked_for(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    int64_t asked_us = clock_mono_us();
    struct seen *seen;

    start(f, KIND_HTTP, script);
    seen = shoot_and_wait(f, 0);
    assert_int_equal(seen->result, 0);
    assert_true(seen->picture->captured_at_mono_us >= asked_us);
    assert_true(seen->picture->captured_at_mono_us <= f->request_at_us[0]);
    assert_true(seen->picture->received_at_mono_us >= f->request_at_us[0]);
    assert_int_equal(seen->picture->width, 64);
    assert_non_null(strstr(f->last_request, "Cache-Control: no-cache"));
    assert_true(status_of(f).connected);
    assert_int_equal(status_of(f).pictures, 1);
    assert_true(f->statuses > 0);
}

static void test_still_for_a_later_moment_is_asked_for_then(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    int64_t moment_us = clock_mono_us() + 150000;
    struct seen *seen;

    f->settings.latency_ms = 50;
    start(f, KIND_HTTP, script);
    seen = shoot_and_wait(f, moment_us);
    assert_int_equal(seen->result, 0);
    assert_true(seen->picture->captured_at_mono_us >= moment_us);
    assert_int_equal(f->requests, 1);
    assert_true(f->request_at_us[0] >= moment_us + 50000);
}

static void expect_second_try(struct fixture *f, enum step first, int64_t refused)
{
    const enum step script[] = {first, STEP_PICTURE, STEP_END};
    struct seen *seen;

    start(f, KIND_HTTP, script);
    seen = shoot_and_wait(f, 0);
    assert_string_equal(seen->text, "");
    assert_int_equal(seen->result, 0);
    assert_int_equal(f->requests, 2);
    assert_true(seen->picture->captured_at_mono_us > f->request_at_us[0]);
    assert_int_equal(status_of(f).refused, refused);
    assert_int_equal(status_of(f).failures, 0);
    assert_int_equal(status_of(f).error.code, 0);
}

#define SECOND_TRY_TEST(name, step, refused)                                                       \
    static void test_##name##_is_tried_again(void **state)                                         \
    {                                                                                              \
        expect_second_try(*state, step, refused);                                                  \
    }

SECOND_TRY_TEST(html_page, STEP_HTML, 1)
SECOND_TRY_TEST(missing_page, STEP_NOT_FOUND, 0)
SECOND_TRY_TEST(empty_answer, STEP_EMPTY, 1)
SECOND_TRY_TEST(cut_picture, STEP_CUT, 1)
SECOND_TRY_TEST(dropped_connection, STEP_DROP, 0)
SECOND_TRY_TEST(too_large_picture, STEP_ENDLESS, 0)

static void test_hanging_camera_is_tried_again_within_the_budget(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 1500;
    expect_second_try(f, STEP_HANG, 0);
    assert_true(f->seen[0].at_us - f->request_at_us[0] < 1500000);
}

static void test_picture_of_another_size_is_refused(void **state)
{
    struct fixture *f = *state;

    f->settings.width = 64;
    f->settings.height = 48;
    expect_second_try(f, STEP_OTHER_SIZE, 1);
}

static void expect_failure(struct fixture *f, int kind, enum step step, int code, const char *words)
{
    const enum step script[] = {step, STEP_END};
    int64_t asked_us = clock_mono_us();
    struct seen *seen;

    f->settings.timeout_ms = 400;
    start(f, kind, script);
    seen = shoot_and_wait(f, 0);
    assert_null(seen->picture);
    assert_non_null(strstr(seen->text, words));
    assert_true(str_starts_with(seen->text, "front: "));
    assert_int_equal(seen->result, code);
    assert_true(seen->at_us - asked_us < 1200000);
    assert_int_equal(status_of(f).failures, 1);
    assert_string_equal(status_of(f).error.text, seen->text);
}

#define FAILURE_TEST(name, kind, step, code, words)                                                \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        expect_failure(*state, kind, step, code, words);                                           \
    }

FAILURE_TEST(html_for_ever_fails_with_its_reason, KIND_HTTP, STEP_HTML, -EBADMSG, "an HTML page")
FAILURE_TEST(hanging_for_ever_fails_in_time, KIND_HTTP, STEP_HANG, -ETIMEDOUT, "does not answer")
FAILURE_TEST(stream_as_still_is_named, KIND_HTTP, STEP_STREAM, -EPROTOTYPE, "kind = \"mjpeg\"")
FAILURE_TEST(still_as_stream_is_named, KIND_MJPEG, STEP_PICTURE, -EBADMSG, "kind = \"http\"")
FAILURE_TEST(page_as_stream_is_named, KIND_MJPEG, STEP_HTML, -EBADMSG, "HTML page")
FAILURE_TEST(missing_stream_is_named, KIND_MJPEG, STEP_NOT_FOUND, -ENOENT, "404")
FAILURE_TEST(hanging_stream_fails_in_time, KIND_MJPEG, STEP_HANG, -ETIMEDOUT, "silent")

static void expect_one_login(struct fixture *f, int kind)
{
    static const enum step script[] = {STEP_LOGIN, STEP_END};
    struct seen *seen;

    start(f, kind, script);
    seen = shoot_and_wait(f, 0);
    assert_int_equal(seen->result, -EACCES);
    assert_string_equal(seen->text, "front: the camera refuses the login; set user and password");
    assert_int_equal(f->requests, 1);
}

static void test_refused_login_fails_at_once_and_is_not_repeated(void **state)
{
    expect_one_login(*state, KIND_HTTP);
}

static void test_refused_login_of_a_stream_is_not_repeated(void **state)
{
    expect_one_login(*state, KIND_MJPEG);
}

static void test_refused_connection_fails_with_its_reason(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    struct seen *seen;

    f->settings.timeout_ms = 500;
    start(f, KIND_HTTP, script);
    script_server_free(f->server);
    f->server = NULL;
    seen = shoot_and_wait(f, 0);
    assert_int_equal(seen->result, -ECONNREFUSED);
    assert_false(status_of(f).connected);
}

/* --- several shots --- */

static void test_two_shots_at_once_share_one_picture(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;

    start(f, KIND_HTTP, script);
    camera_shoot(f->camera, 0, 0, on_done, f);
    camera_shoot(f->camera, 0, 0, on_done, f);
    wait_done(f, 2);
    assert_ptr_equal(f->seen[0].picture, f->seen[1].picture);
    assert_int_equal(f->requests, 1);
}

static void test_picture_is_not_shared_with_a_shot_of_a_later_moment(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    int64_t later_us = clock_mono_us() + 100000;

    start(f, KIND_HTTP, script);
    camera_shoot(f->camera, 0, 0, on_done, f);
    camera_shoot(f->camera, later_us, 0, on_done, f);
    wait_done(f, 2);
    assert_ptr_not_equal(f->seen[0].picture, f->seen[1].picture);
    assert_true(f->seen[0].picture->captured_at_mono_us < later_us);
    assert_true(f->seen[1].picture->captured_at_mono_us >= later_us);
    assert_int_equal(f->requests, 2);
}

static void test_fresh_picture_serves_an_earlier_moment_for_a_short_time(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    int64_t moment_us = clock_mono_us();

    start(f, KIND_HTTP, script);
    shoot_and_wait(f, moment_us);
    shoot_and_wait(f, moment_us);
    assert_int_equal(f->requests, 1);
    assert_ptr_equal(f->seen[0].picture, f->seen[1].picture);
    shoot_and_wait(f, 0);
    assert_int_equal(f->requests, 2);
    run_for(f, 250);
    shoot_and_wait(f, moment_us);
    assert_int_equal(f->requests, 3);
}

static void test_cancelled_shot_is_never_answered(void **state)
{
    static const enum step script[] = {STEP_HANG, STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    struct shot *shot;

    start(f, KIND_HTTP, script);
    shot = camera_shoot(f->camera, 0, 0, on_done, f);
    while (f->requests < 1 && !f->late)
        loop_run_once(f->loop);
    camera_cancel(shot);
    shot = camera_shoot(f->camera, 0, 0, on_done, f);
    camera_cancel(shot);
    run_for(f, 50);
    assert_int_equal(f->done, 0);
    assert_int_equal(f->requests, 1);
    assert_int_equal(shoot_and_wait(f, 0)->result, 0);
    assert_int_equal(f->requests, 2);
}

static void on_done_free(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;

    on_done(picture, err, user);
    camera_free(f->camera);
    f->camera = NULL;
}

static void test_camera_may_be_freed_by_done(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;

    start(f, KIND_HTTP, script);
    camera_shoot(f->camera, 0, 0, on_done_free, f);
    camera_shoot(f->camera, 0, 0, on_done_free, f);
    wait_done(f, 1);
    run_for(f, 50);
    assert_int_equal(f->done, 1);
}

static void test_camera_may_be_freed_while_it_is_asked(void **state)
{
    static const enum step script[] = {STEP_HANG, STEP_END};
    struct fixture *f = *state;

    for (int kind = KIND_HTTP; kind <= KIND_PATTERN; kind++) {
        start(f, kind, script);
        camera_shoot(f->camera, 0, 0, on_done, f);
        run_for(f, 25);
        camera_free(f->camera);
        f->camera = NULL;
    }
    run_for(f, 50);
    assert_true(f->done <= 1); /* the pattern may have been quick enough */
}

static void test_frozen_camera_is_told_and_its_pictures_still_come(void **state)
{
    static const enum step script[] = {STEP_SAME_PICTURE, STEP_SAME_PICTURE, STEP_SAME_PICTURE,
                                       STEP_SAME_PICTURE, STEP_PICTURE,      STEP_END};
    struct fixture *f = *state;

    f->settings.stale_after = 3;
    start(f, KIND_HTTP, script);
    for (int i = 0; i < 5; i++) {
        struct seen *seen = shoot_and_wait(f, 0);

        assert_int_equal(seen->result, 0);
        assert_int_equal(seen->picture->stale, i == 2 || i == 3);
        assert_int_equal(status_of(f).error.code, seen->picture->stale ? -ESTALE : 0);
        if (seen->picture->stale)
            assert_string_equal(status_of(f).error.text,
                                "front: the same picture 3 times; is the camera frozen?");
    }
}

/* --- streams --- */

static void test_stream_gives_the_first_picture_after_the_moment(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    for (int i = 0; i < 20; i++) {
        struct seen *seen;
        int64_t asked_us;

        run_for(f, 7);
        asked_us = clock_mono_us();
        seen = shoot_and_wait(f, 0);
        assert_int_equal(seen->result, 0);
        assert_true(seen->picture->captured_at_mono_us >= asked_us);
        /* the picture that the server began next, not one later */
        assert_true(f->part_at_us[(f->serial - 1) % SEEN_MAX] + 15000 >= asked_us);
        assert_true(seen->picture->received_at_mono_us - asked_us < 200000);
    }
    assert_int_equal(f->requests, 1);
    camera_release(f->camera);
    while (f->stream && !f->late)
        loop_run_once(f->loop);
    assert_null(f->stream);
}

static void test_latency_makes_the_stream_wait_longer(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;
    int64_t asked_us;
    struct seen *seen;

    f->settings.latency_ms = 200;
    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    asked_us = clock_mono_us();
    seen = shoot_and_wait(f, 0);
    assert_true(seen->picture->captured_at_mono_us >= asked_us);
    assert_true(seen->at_us - asked_us >= 200000);
}

static void test_picture_under_way_is_not_taken(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 1000, &len);
    struct seen *seen;

    f->stream_is_silent = true;
    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    while (!f->stream && !f->late)
        loop_run_once(f->loop);
    peer_send_text(f->stream, "--f\r\nContent-Length: %zu\r\n\r\n", len);
    peer_send(f->stream, jpeg, 100);
    run_for(f, 50);
    camera_shoot(f->camera, 0, 0, on_done, f);
    run_for(f, 20);
    peer_send(f->stream, jpeg + 100, len - 100);
    peer_send_text(f->stream, "\r\n");
    run_for(f, 50);
    assert_int_equal(f->done, 0);
    f->stream_is_silent = false;
    wait_done(f, 1);
    seen = &f->seen[0];
    assert_int_equal(seen->result, 0);
    assert_true(seen->picture->captured_at_mono_us > f->request_at_us[0] + 50000);
}

static void test_stream_is_connected_per_shot_when_nobody_holds_it(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    start(f, KIND_MJPEG, script);
    run_for(f, 30);
    assert_int_equal(f->requests, 0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(shoot_and_wait(f, 0)->result, 0);
        while (f->stream && !f->late)
            loop_run_once(f->loop);
        assert_int_equal(f->requests, i);
    }
}

static void test_warm_always_connects_by_itself_and_never_does_not(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    f->settings.warm = CAMERA_WARM_NEVER;
    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    run_for(f, 30);
    assert_int_equal(f->requests, 0);
    camera_free(f->camera);
    f->settings.warm = CAMERA_WARM_ALWAYS;
    start(f, KIND_MJPEG, script);
    while (!status_of(f).connected && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->requests, 1);
}

static void test_lost_stream_comes_back_by_itself(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    while (!status_of(f).connected && !f->late)
        loop_run_once(f->loop);
    peer_close(TAKE(f->stream));
    while (status_of(f).connected && !f->late)
        loop_run_once(f->loop);
    assert_non_null(strstr(status_of(f).error.text, "front: "));
    while (!status_of(f).connected && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->requests, 2);
    assert_int_equal(status_of(f).error.code, 0);
}

static void test_shot_has_a_lost_stream_opened_at_once(void **state)
{
    static const enum step script[] = {STEP_DROP, STEP_DROP, STEP_DROP, STEP_STREAM, STEP_END};
    struct fixture *f = *state;
    int64_t asked_us;

    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    while (f->requests < 3 && !f->late)
        loop_run_once(f->loop); /* the next try by itself would come after 2 s */
    run_for(f, 50);
    asked_us = clock_mono_us();
    assert_int_equal(shoot_and_wait(f, 0)->result, 0);
    assert_true(f->seen[0].at_us - asked_us < 1000000);
}

static void test_silent_stream_is_opened_again_within_the_budget(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    f->settings.timeout_ms = 1500;
    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    while (!status_of(f).connected && !f->late)
        loop_run_once(f->loop);
    f->stream_is_silent = true;
    run_for(f, 50);
    camera_shoot(f->camera, 0, 0, on_done, f);
    while (f->requests < 2 && !f->late)
        loop_run_once(f->loop);
    f->stream_is_silent = false;
    wait_done(f, 1);
    assert_string_equal(f->seen[0].text, "");
}

static void test_bad_picture_of_a_stream_is_followed_by_the_next(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    f->settings.timeout_ms = 2000;
    f->stream_is_cut = true;
    start(f, KIND_MJPEG, script);
    camera_hold(f->camera);
    camera_shoot(f->camera, 0, 0, on_done, f);
    while (status_of(f).refused < 2 && !f->late)
        loop_run_once(f->loop);
    f->stream_is_cut = false;
    wait_done(f, 1);
    assert_int_equal(f->seen[0].result, 0);
    assert_int_equal(f->requests, 1);
}

static void test_endless_picture_of_a_stream_is_cut_off(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    static const uint8_t zeros[300000];
    struct fixture *f = *state;

    f->stream_is_silent = true;
    start(f, KIND_MJPEG, script);
    camera_shoot(f->camera, 0, 0, on_done, f);
    while (!f->stream && !f->late)
        loop_run_once(f->loop);
    peer_send_text(f->stream, "--f\r\nContent-Type: image/jpeg\r\n\r\n");
    peer_send(f->stream, zeros, sizeof(zeros));
    f->stream_is_silent = false;
    wait_done(f, 1);
    assert_int_equal(f->seen[0].result, 0);
    assert_int_equal(f->requests, 2);
}

/* --- upright --- */

static void expect_size(const struct seen *seen, int width, int height)
{
    struct jpeg_info info = {0};

    assert_int_equal(seen->result, 0);
    assert_int_equal(seen->picture->width, width);
    assert_int_equal(seen->picture->height, height);
    assert_int_equal(jpeg_check(seen->picture->jpeg, seen->picture->len, &info, NULL), 0);
    assert_int_equal(info.width, width);
    assert_int_equal(info.len, seen->picture->len);
}

static void test_pictures_come_turned_and_their_size_is_checked_before(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_OTHER_SIZE, STEP_PICTURE, STEP_END};
    struct fixture *f = *state;
    int64_t asked_us;

    f->settings.rotation = 270;
    f->settings.width = 64;
    f->settings.height = 48;
    start(f, KIND_HTTP, script);
    expect_size(shoot_and_wait(f, 0), 48, 64);
    asked_us = clock_mono_us();
    expect_size(shoot_and_wait(f, 0), 48, 64);
    assert_true(f->seen[1].picture->captured_at_mono_us >= asked_us);
    assert_int_equal(status_of(f).refused, 1);
    assert_int_equal(f->requests, 3);
}

static void test_what_exif_says_is_done_once_and_then_the_settings(void **state)
{
    static const enum step script[] = {STEP_LYING, STEP_PICTURE, STEP_LYING, STEP_END};
    struct fixture *f = *state;
    struct jpeg_info info = {0};

    start(f, KIND_HTTP, script);
    expect_size(shoot_and_wait(f, 0), 48, 64);
    assert_int_equal(jpeg_check(f->seen[0].picture->jpeg, f->seen[0].picture->len, &info, NULL), 0);
    assert_int_equal(exif_orientation(f->seen[0].picture->jpeg + info.exif_at, info.exif_len), 1);
    assert_true(info.exif_len > 0);
    expect_size(shoot_and_wait(f, 0), 64, 48);
    stop(f);
    f->settings.rotation = 90;
    start(f, KIND_HTTP, script + 2);
    expect_size(shoot_and_wait(f, 0), 64, 48); /* 90 and 90 */
}

static void test_a_stream_that_is_turned_shares_its_pictures(void **state)
{
    static const enum step script[] = {STEP_STREAM, STEP_END};
    struct fixture *f = *state;

    f->settings.rotation = 90;
    start(f, KIND_MJPEG, script);
    for (int i = 0; i < 4; i++)
        camera_shoot(f->camera, 0, 0, on_done, f);
    wait_done(f, 4);
    for (int i = 0; i < 4; i++)
        expect_size(&f->seen[i], 48, 64);
    assert_int_equal(status_of(f).refused, 0);
    assert_int_equal(status_of(f).pictures, 1);
}

static void test_a_camera_may_go_while_its_picture_is_turned(void **state)
{
    static const enum step script[] = {STEP_PICTURE, STEP_END};
    struct fixture *f = *state;

    f->settings.rotation = 90;
    for (int rounds = 0; rounds < 30; rounds++) {
        int done = f->done;

        start(f, KIND_HTTP, script);
        camera_shoot(f->camera, 0, 0, on_done, f);
        f->requests = 0;
        while (f->requests == 0 && !f->late)
            loop_run_once(f->loop);
        for (int i = 0; i < rounds % 10 && f->done == done; i++)
            loop_run_once(f->loop);
        stop(f);
    }
    assert_false(f->late);
}

/* --- pattern --- */

static void test_pattern_gives_new_pictures_of_the_size_asked(void **state)
{
    struct fixture *f = *state;
    uint32_t crc32 = 0;

    f->settings.width = 320;
    f->settings.height = 240;
    start(f, KIND_PATTERN, NULL);
    for (int i = 0; i < 3; i++) {
        int64_t asked_us = clock_mono_us();
        struct seen *seen = shoot_and_wait(f, 0);

        assert_int_equal(seen->result, 0);
        assert_true(seen->picture->captured_at_mono_us >= asked_us);
        assert_int_equal(seen->picture->width, 320);
        assert_int_equal(seen->picture->height, 240);
        assert_true(seen->picture->crc32 != crc32);
        while (seen->picture->looking)
            loop_run_once(f->loop);
        assert_int_equal(seen->picture->flags, 0);
        assert_in_range(seen->picture->brightness, 1, 254);
        assert_int_equal(status_of(f).brightness, seen->picture->brightness);
        crc32 = seen->picture->crc32;
    }
}

/* --- settings --- */

static void test_kinds_know_what_they_need(void **state)
{
    char path[] = "/tmp/lapsed-camera-XXXXXX";
    static const char text[] =
        "cameras = (\n"
        "  { id = \"a\"; kind = \"http\"; url = \"http://127.0.0.1/x.jpg\"; },\n"
        "  { id = \"b\"; kind = \"http\"; },\n"
        "  { id = \"c\"; kind = \"mjpeg\"; url = \"rtsp://x/\"; },\n"
        "  { id = \"d\"; kind = \"pattern\"; width = 641; height = 480; },\n"
        "  { id = \"e\"; kind = \"pattern\"; width = 640; stale_after = 1; },\n"
        "  { id = \"f\"; kind = \"http\"; url = \"http://a/x\"; warm = \"always\"; },\n"
        "  { id = \"g\"; kind = \"pattern\"; warm = \"never\"; },\n"
        "  { id = \"h\"; kind = \"mjpeg\"; url = \"http://a/x\"; warm = \"never\"; },\n"
        "  { id = \"i\"; kind = \"mjpeg\"; url = \"http://a/x\"; ca_file = \"/x.pem\"; },\n"
        "  { id = \"j\"; kind = \"pattern\"; ca_file = \"/x.pem\"; } );\n";
    static const size_t problems[] = {0, 1, 1, 1, 2, 1, 1, 0, 1, 1};
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct conf *conf;
    size_t before = 0;

    (void)state;
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    conf = conf_open(path);
    assert_int_equal(conf_list_size(conf, &camera_table), ARRAY_LEN(problems));
    for (size_t i = 0; i < ARRAY_LEN(problems); i++) {
        struct camera_settings settings = {0};

        conf_read_item(conf, &camera_table, i, &settings);
        camera_settings_check(&settings, conf, i);
        if (conf_problem_count(conf) != before + problems[i])
            print_error("%zu: %s\n", i, conf_problem_text(conf, conf_problem_count(conf) - 1));
        assert_int_equal(conf_problem_count(conf), before + problems[i]);
        before += problems[i];
        if (i == 0) {
            assert_int_equal(settings.timeout_ms, 5000);
            assert_int_equal(settings.max_bytes, 16 * 1024 * 1024);
            assert_int_equal(settings.warm, CAMERA_WARM_AUTO);
        }
        conf_values_done(&camera_table, &settings);
    }
    conf_close(conf);
    remove(path);
}

#define camera_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        camera_test(test_still_is_newer_than_the_moment_asked_for),
        camera_test(test_still_for_a_later_moment_is_asked_for_then),
        camera_test(test_html_page_is_tried_again),
        camera_test(test_missing_page_is_tried_again),
        camera_test(test_empty_answer_is_tried_again),
        camera_test(test_cut_picture_is_tried_again),
        camera_test(test_dropped_connection_is_tried_again),
        camera_test(test_too_large_picture_is_tried_again),
        camera_test(test_hanging_camera_is_tried_again_within_the_budget),
        camera_test(test_picture_of_another_size_is_refused),
        camera_test(test_html_for_ever_fails_with_its_reason),
        camera_test(test_hanging_for_ever_fails_in_time),
        camera_test(test_stream_as_still_is_named),
        camera_test(test_still_as_stream_is_named),
        camera_test(test_page_as_stream_is_named),
        camera_test(test_missing_stream_is_named),
        camera_test(test_hanging_stream_fails_in_time),
        camera_test(test_refused_login_fails_at_once_and_is_not_repeated),
        camera_test(test_refused_login_of_a_stream_is_not_repeated),
        camera_test(test_refused_connection_fails_with_its_reason),
        camera_test(test_two_shots_at_once_share_one_picture),
        camera_test(test_picture_is_not_shared_with_a_shot_of_a_later_moment),
        camera_test(test_fresh_picture_serves_an_earlier_moment_for_a_short_time),
        camera_test(test_cancelled_shot_is_never_answered),
        camera_test(test_camera_may_be_freed_by_done),
        camera_test(test_camera_may_be_freed_while_it_is_asked),
        camera_test(test_frozen_camera_is_told_and_its_pictures_still_come),
        camera_test(test_stream_gives_the_first_picture_after_the_moment),
        camera_test(test_latency_makes_the_stream_wait_longer),
        camera_test(test_picture_under_way_is_not_taken),
        camera_test(test_stream_is_connected_per_shot_when_nobody_holds_it),
        camera_test(test_warm_always_connects_by_itself_and_never_does_not),
        camera_test(test_lost_stream_comes_back_by_itself),
        camera_test(test_shot_has_a_lost_stream_opened_at_once),
        camera_test(test_silent_stream_is_opened_again_within_the_budget),
        camera_test(test_bad_picture_of_a_stream_is_followed_by_the_next),
        camera_test(test_endless_picture_of_a_stream_is_cut_off),
        camera_test(test_pictures_come_turned_and_their_size_is_checked_before),
        camera_test(test_what_exif_says_is_done_once_and_then_the_settings),
        camera_test(test_a_stream_that_is_turned_shares_its_pictures),
        camera_test(test_a_camera_may_go_while_its_picture_is_turned),
        camera_test(test_pattern_gives_new_pictures_of_the_size_asked),
        cmocka_unit_test(test_kinds_know_what_they_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
