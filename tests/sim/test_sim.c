/* SPDX-License-Identifier: MIT */
/* test_sim: the real program, spoken to over HTTP. */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/http.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "tests/sim/marker_jpeg.h"
#include "tests/sim/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEADLINE_MS = 15000, OUTPUT_MAX = 64 * 1024, ARGS_MAX = 24 };

struct fixture {
    struct loop *loop;
    struct http *http;
    struct timer *deadline;
    bool late;
    struct process *process;
    struct buf output;
    bool ended;
    int exit_code;
    char *error_text;
    int port;
};

struct got {
    bool done;
    int result, status;
    char *body;
    size_t len;
    int64_t took_ms;
};

/* --- the program --- */

static void on_output(const uint8_t *data, size_t len, void *user)
{
    struct fixture *f = user;

    assert_int_equal(buf_append(&f->output, data, len), 0);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct fixture *f = user;

    f->ended = true;
    f->exit_code = result->exit_code;
    f->error_text = xstrdup(result->stderr_tail);
    f->process = NULL;
}

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

/* options: separated by spaces. */
static struct fixture *fixture_new(const char *options)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    CLEANUP(free_p) char *words = xstrdup(options);
    const char *argv[ARGS_MAX] = {SIM_PROGRAM};
    size_t count = 1;
    char *rest = words;

    for (char *word; (word = strsep(&rest, " ")) && count < ARGS_MAX - 1;) {
        if (*word)
            argv[count++] = word;
    }
    buf_init(&f->output, OUTPUT_MAX);
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    f->http = http_new(f->loop);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    assert_int_equal(process_start(f->loop,
                                   &(struct process_config){.argv = argv, .on_stdout = on_output},
                                   on_ended, f, &f->process, NULL),
                     0);
    return f;
}

static void fixture_free(struct fixture *f)
{
    process_free(f->process);
    http_free(f->http);
    timer_free(f->deadline);
    loop_free(f->loop);
    buf_done(&f->output);
    free(f->error_text);
    free(f);
}

static struct fixture *running(const char *options)
{
    struct fixture *f = fixture_new(options);
    const char *colon;
    int64_t port;
    CLEANUP(free_p) char *text = NULL;

    while (!strchr(buf_text(&f->output), '\n'))
        run_round(f);
    assert_true(str_starts_with(buf_text(&f->output), "listening 127.0.0.1:"));
    colon = strrchr(buf_text(&f->output), ':');
    text = xstrndup(colon + 1, strcspn(colon + 1, "\n"));
    assert_int_equal(str_to_int(text, &port), 0);
    f->port = (int)port;
    return f;
}

/* --- requests --- */

static void on_got(int result, const struct http_response *response, const struct error *err,
                   void *user)
{
    struct got *got = user;

    (void)err;
    got->done = true;
    got->result = result;
    got->status = response ? response->status : 0;
    if (response && response->body) {
        got->body = xmalloc(response->body_len + 1);
        memcpy(got->body, response->body, response->body_len);
        got->body[response->body_len] = '\0';
        got->len = response->body_len;
    }
}

static void got_done(struct got *got)
{
    free(got->body);
}

static void begin_get(struct fixture *f, const char *path, const char *header, int64_t timeout_ms,
                      struct got *got)
{
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d%s", f->port, path);
    const char *headers[] = {header, NULL};
    struct http_request *request;

    *got = (struct got){0};
    assert_int_equal(http_start(f->http,
                                &(struct http_request_config){.url = url,
                                                              .headers = headers,
                                                              .timeout_ms = timeout_ms,
                                                              .max_body_bytes = 4 * 1024 * 1024,
                                                              .fresh_connection = true},
                                on_got, got, &request, NULL),
                     0);
}

static struct got get_with(struct fixture *f, const char *path, const char *header,
                           int64_t timeout_ms)
{
    int64_t start_ms = clock_mono_ms();
    struct got got;

    begin_get(f, path, header, timeout_ms, &got);
    while (!got.done)
        run_round(f);
    got.took_ms = clock_mono_ms() - start_ms;
    return got;
}

static struct got get(struct fixture *f, const char *path)
{
    return get_with(f, path, NULL, 5000);
}

static void assert_answer(struct fixture *f, const char *path, const char *expected)
{
    CLEANUP(got_done) struct got got = get(f, path);

    assert_int_equal(got.result, 0);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, expected));
}

static void wait_for(struct fixture *f, const char *path, const char *expected)
{
    for (bool found = false; !found;) {
        CLEANUP(got_done) struct got got = get(f, path);

        found = got.body && strstr(got.body, expected);
    }
}

static void set_fault(struct fixture *f, const char *query)
{
    CLEANUP(free_p) char *path = xasprintf("/sim/fault?%s", query);

    assert_answer(f, path, "\"ok\":true");
}

/* --- the program's manners --- */

static void it_says_one_line_and_ends_cleanly_when_told(void **state)
{
    struct fixture *f = running("--idle");

    (void)state;
    process_kill(f->process);
    while (!f->ended)
        run_round(f);
    assert_int_equal(f->exit_code, 0);
    assert_string_equal(f->error_text, "");
    assert_ptr_equal(strchr(buf_text(&f->output), '\n') + 1, buf_text(&f->output) + f->output.len);
    fixture_free(f);
}

static void a_wrong_option_is_named(void **state)
{
    static const char *const wrong[] = {"--layers 0", "--firmware 2.0", "--nonsense",
                                        "--camera-size 10x10", "--layer-ms"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct fixture *f = fixture_new(wrong[i]);

        while (!f->ended)
            run_round(f);
        assert_int_equal(f->exit_code, 2);
        assert_non_null(strstr(f->error_text, wrong[i]));
        fixture_free(f);
    }
}

/* --- the printer --- */

static void a_print_is_followed_paused_photographed_and_resumed(void **state)
{
    struct fixture *f = running("--layers 3 --layer-ms 400 --heat-ms 100 --pause-ms 100 "
                                "--resume-ms 100");
    struct marker marker;

    (void)state;
    wait_for(f, "/rr_model?key=job.layer", "\"result\":2");
    assert_answer(f, "/rr_gcode?gcode=M25", "{\"buff\":251}");
    wait_for(f, "/rr_model?key=state.status", "\"paused\"");
    assert_answer(f,
                  "/rr_gcode?gcode=M120%0AG90%0AG1%20X10%20Y190%20F12000%0AM400%0AM121%0A"
                  "M118%20P3%20S%22tl-1%22",
                  "\"buff\":");
    wait_for(f, "/rr_reply", "tl-1");
    {
        CLEANUP(got_done) struct got still = get(f, "/camera.jpg");

        assert_int_equal(marker_read_jpeg((uint8_t *)still.body, still.len, &marker), 0);
    }
    assert_true(marker.paused && marker.standing);
    assert_true(marker.x_dmm == 100 && marker.y_dmm == 1900 && marker.layer == 2);
    assert_answer(f, "/rr_gcode?gcode=M24", "\"buff\":251");
    wait_for(f, "/rr_model?key=state.status", "\"idle\"");
    assert_answer(f, "/sim/log", "\"what\":\"done\"");
    fixture_free(f);
}

static void requests_are_read_as_strictly_as_by_the_firmware(void **state)
{
    struct fixture *f = running("--idle");
    CLEANUP(free_p) char *long_path = NULL;

    (void)state;
    assert_answer(f, "/rr_filelist?dir=0%3A%2Fgcodes&first=0", "benchy.gcode");
    {
        CLEANUP(got_done) struct got lower = get(f, "/rr_filelist?dir=0%3a%2fgcodes");
        CLEANUP(got_done) struct got unknown = get(f, "/rr_nothing");
        CLEANUP(got_done) struct got other = get(f, "/machine/status");

        assert_int_equal(lower.status, 500);
        assert_int_equal(unknown.status, 500);
        assert_int_equal(other.status, 404);
    }
    long_path = xasprintf("/rr_model?key=%01500d", 0);
    {
        CLEANUP(got_done) struct got oversized = get(f, long_path);

        assert_int_equal(oversized.status, 500);
    }
    fixture_free(f);
}

static void a_password_is_asked_for_and_the_key_lets_in(void **state)
{
    struct fixture *f = running("--idle --password secret");
    CLEANUP(got_done) struct got without = get(f, "/rr_model?key=state");
    CLEANUP(got_done) struct got connected = get(f, "/rr_connect?password=secret&sessionKey=yes");
    CLEANUP(free_p) char *header = NULL;
    const char *key;

    (void)state;
    assert_int_equal(without.status, 401);
    assert_answer(f, "/rr_connect?password=wrong", "{\"err\":1}");
    key = strstr(connected.body, "\"sessionKey\":");
    assert_non_null(key);
    header = xasprintf("X-Session-Key: %.*s", (int)strspn(key + 13, "0123456789"), key + 13);
    {
        CLEANUP(got_done) struct got with = get_with(f, "/rr_model?key=state", header, 5000);

        assert_int_equal(with.status, 200);
    }
    fixture_free(f);
}

static void the_fourth_request_waits_for_a_free_responder(void **state)
{
    struct fixture *f = running("--idle --latency-ms 300");
    struct got got[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        begin_get(f, "/rr_model?key=state", NULL, 5000, &got[i]);
    while (!got[0].done || !got[1].done || !got[2].done)
        run_round(f);
    assert_false(got[3].done);
    while (!got[3].done)
        run_round(f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(got[i].status, 200);
        got_done(&got[i]);
    }
    fixture_free(f);
}

static void a_reboot_is_seen_by_the_uptime(void **state)
{
    struct fixture *f = running("--layers 100");

    (void)state;
    assert_answer(f, "/rr_model?key=state.upTime", "\"result\":1000");
    set_fault(f, "what=reboot");
    assert_answer(f, "/rr_model?key=state.upTime", "\"result\":0");
    assert_answer(f, "/sim/state", "\"job\":null");
    fixture_free(f);
}

/* --- faults of the printer's answers --- */

enum { OK = 0, CUT_SHORT = -1 };

static void faults_spoil_as_many_answers_as_they_were_told(void **state)
{
    static const struct {
        const char *query;
        int result, status;
        const char *body; /* NULL: whatever */
    } cases[] = {
        {"what=drop&count=1", CUT_SHORT, 0, NULL},
        {"what=cut&count=1", CUT_SHORT, 200, NULL},
        {"what=hang&count=1", CUT_SHORT, 0, NULL},
        {"what=503&count=1", OK, 503, ""},
        {"what=401&count=1", OK, 401, NULL},
        {"what=html&count=1", OK, 200, "<html>"},
        {"what=drip&ms=1&count=1", OK, 200, "\"status\""},
    };
    struct fixture *f = running("--idle");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_fault(f, cases[i].query);
        {
            CLEANUP(got_done) struct got spoilt = get_with(f, "/rr_model?key=state", NULL, 500);

            assert_int_equal(spoilt.result < 0, cases[i].result < 0);
            if (cases[i].result == OK)
                assert_int_equal(spoilt.status, cases[i].status);
            if (cases[i].body)
                assert_non_null(strstr(spoilt.body ? spoilt.body : "", cases[i].body));
        }
        assert_answer(f, "/rr_model?key=state", "\"status\"");
    }
    fixture_free(f);
}

static void a_delay_delays(void **state)
{
    struct fixture *f = running("--idle");

    (void)state;
    set_fault(f, "what=delay&ms=300&count=1");
    {
        CLEANUP(got_done) struct got late = get(f, "/rr_model?key=state");

        assert_int_equal(late.status, 200);
        assert_true(late.took_ms >= 300);
    }
    fixture_free(f);
}

static void a_printer_that_refuses_comes_back(void **state)
{
    struct fixture *f = running("--idle");
    bool refused = false;

    (void)state;
    set_fault(f, "what=refuse&for_ms=300");
    for (bool back = false; !back;) {
        CLEANUP(got_done) struct got got = get(f, "/rr_model?key=state");

        refused |= got.result == -ECONNREFUSED;
        back = got.status == 200;
    }
    assert_true(refused);
    fixture_free(f);
}

static void none_clears_all_faults(void **state)
{
    struct fixture *f = running("--idle");

    (void)state;
    set_fault(f, "what=503");
    set_fault(f, "what=drop");
    set_fault(f, "what=none");
    assert_answer(f, "/rr_model?key=state", "\"status\"");
    {
        CLEANUP(got_done) struct got unknown = get(f, "/sim/fault?what=flood");

        assert_int_equal(unknown.status, 400);
    }
    fixture_free(f);
}

/* --- the camera --- */

/* 0 or the error of reading the marker of a still. */
static int read_still(struct fixture *f, const char *path, struct marker *ret_marker,
                      int *ret_status)
{
    CLEANUP(got_done) struct got still = get_with(f, path, NULL, 400);

    *ret_status = still.status;
    if (still.result < 0)
        return still.result;
    return marker_read_jpeg((const uint8_t *)still.body, still.len, ret_marker);
}

static void two_cameras_show_the_same_machine(void **state)
{
    struct fixture *f = running("--layers 100 --camera-size 1280x720");
    struct marker one, two;
    int status;

    (void)state;
    assert_int_equal(read_still(f, "/camera.jpg", &one, &status), 0);
    assert_int_equal(read_still(f, "/camera2.jpg", &two, &status), 0);
    assert_int_equal(one.view, 0);
    assert_int_equal(two.view, 1);
    assert_int_equal(one.job, two.job);
    assert_true(two.frame > one.frame && two.time_ms >= one.time_ms);
    fixture_free(f);
}

static void camera_faults_spoil_the_picture(void **state)
{
    static const struct {
        const char *query;
        int result, status;
    } cases[] = {
        {"what=cam_404&count=1", -EILSEQ, 404},       {"what=cam_zero&count=1", -EILSEQ, 200},
        {"what=cam_truncated&count=1", -EILSEQ, 200}, {"what=cam_garbage&count=1", -EILSEQ, 200},
        {"what=cam_html&count=1", -EILSEQ, 200},      {"what=cam_black&count=1", -EBADMSG, 200},
        {"what=cam_wrong_size&count=1", 0, 200},      {"what=cut&count=1&on=camera", -EPERM, 0},
        {"what=cam_hang&count=1", -EPERM, 0},         {"what=cam_endless&count=1", -EPERM, 0},
        {"what=cam_slow&ms=50&count=1", 0, 200},
    };
    struct fixture *f = running("--idle");
    struct marker marker;
    int status, result;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_fault(f, cases[i].query);
        result = read_still(f, "/camera.jpg", &marker, &status);
        if (cases[i].result == -EPERM) {
            assert_true(result < 0);
        } else {
            assert_int_equal(result, cases[i].result);
            assert_int_equal(status, cases[i].status);
        }
        assert_int_equal(read_still(f, "/camera.jpg", &marker, &status), 0);
    }
    fixture_free(f);
}

static void a_frozen_camera_repeats_its_last_picture(void **state)
{
    struct fixture *f = running("--idle");
    struct marker before, frozen, after;
    int status;

    (void)state;
    assert_int_equal(read_still(f, "/camera.jpg", &before, &status), 0);
    set_fault(f, "what=cam_frozen");
    assert_int_equal(read_still(f, "/camera.jpg", &frozen, &status), 0);
    assert_int_equal(frozen.frame, before.frame);
    assert_int_equal(frozen.time_ms, before.time_ms);
    set_fault(f, "what=none");
    assert_int_equal(read_still(f, "/camera.jpg", &after, &status), 0);
    assert_true(after.frame > before.frame);
    fixture_free(f);
}

struct watched {
    struct buf bytes;
    uint32_t last_frame;
    int pictures;
};

/* Takes the first whole part off the bytes. */
static bool take_part(struct watched *w)
{
    const char *text = buf_text(&w->bytes);
    const char *length = memmem(text, w->bytes.len, "Content-Length: ", 16);
    const char *body = length ? strstr(length, "\r\n\r\n") : NULL;
    size_t len, before;
    int64_t announced;
    struct marker marker;

    if (!body)
        return false;
    assert_non_null(scan_int(length + 16, &announced));
    len = (size_t)announced;
    before = (size_t)(body + 4 - text);
    if (w->bytes.len < before + len)
        return false;
    assert_non_null(memmem(text, before, "X-Timestamp: ", 13));
    assert_int_equal(marker_read_jpeg(w->bytes.data + before, len, &marker), 0);
    assert_true(marker.frame > w->last_frame);
    w->last_frame = marker.frame;
    w->pictures++;
    buf_consume(&w->bytes, before + len);
    return true;
}

static void on_stream_data(const uint8_t *data, size_t len, int64_t at_mono_us, void *user)
{
    struct watched *w = user;

    (void)at_mono_us;
    assert_int_equal(buf_append(&w->bytes, data, len), 0);
    while (take_part(w))
        continue;
}

static void on_stream_done(int result, const struct http_response *response,
                           const struct error *err, void *user)
{
    (void)result;
    (void)response;
    (void)err;
    (void)user;
    fail_msg("the stream ended");
}

static void a_stream_shows_new_pictures_at_its_rate(void **state)
{
    struct fixture *f = running("--layers 100 --camera-fps 20");
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d/stream", f->port);
    struct watched watched = {.bytes = BUF_INIT(8 * 1024 * 1024)};
    struct http_request *request;

    (void)state;
    assert_int_equal(
        http_start(f->http, &(struct http_request_config){.url = url, .on_data = on_stream_data},
                   on_stream_done, &watched, &request, NULL),
        0);
    while (watched.pictures < 5)
        run_round(f);
    http_cancel(request);
    buf_done(&watched.bytes);
    wait_for(f, "/sim/log", "\"path\":\"/stream\"");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_one_line_and_ends_cleanly_when_told),
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(a_print_is_followed_paused_photographed_and_resumed),
        cmocka_unit_test(requests_are_read_as_strictly_as_by_the_firmware),
        cmocka_unit_test(a_password_is_asked_for_and_the_key_lets_in),
        cmocka_unit_test(the_fourth_request_waits_for_a_free_responder),
        cmocka_unit_test(a_reboot_is_seen_by_the_uptime),
        cmocka_unit_test(faults_spoil_as_many_answers_as_they_were_told),
        cmocka_unit_test(a_delay_delays),
        cmocka_unit_test(a_printer_that_refuses_comes_back),
        cmocka_unit_test(none_clears_all_faults),
        cmocka_unit_test(two_cameras_show_the_same_machine),
        cmocka_unit_test(camera_faults_spoil_the_picture),
        cmocka_unit_test(a_frozen_camera_repeats_its_last_picture),
        cmocka_unit_test(a_stream_shows_new_pictures_at_its_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
