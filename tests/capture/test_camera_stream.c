/* SPDX-License-Identifier: MIT */
/* test_camera_stream: real ffmpeg at a real RTSP camera. Whatever the two do, no picture may show
 * an earlier moment than the one asked for, and no reader may stay behind. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/capture/pictures.h"
#include "tests/capture/program_rig.h"
#include "tests/capture/script_server.h"
#include "tests/capture/stream_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>

enum { SHOTS = 2, PROC_MAX = 64 * 1024, SHORT_MS = 2500 };

static void expect_fresh_shots(struct stream_rig *f)
{
    for (int i = 0; i < SHOTS; i++)
        expect_fresh(f);
}

/* --- good streams --- */

/* The JPEG has the full range of values, video has not. */
static void expect_white_to_be_white(const struct picture *picture)
{
    static uint8_t luma[640 * 480];
    tjhandle decoder = tjInitDecompress();

    assert_int_equal(
        tjDecompress2(decoder, picture->jpeg, picture->len, luma, 640, 640, 480, TJPF_GRAY, 0), 0);
    tjDestroy(decoder);
    assert_true(luma[400 * 640 + 320] >= 253);
}

static void warm_reader_of_key_frames_shows_no_moment_before_the_trigger(void **state)
{
    struct stream_rig *f = *state;
    pid_t reader;

    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    reader = stream_rig_reader(f);
    expect_fresh_shots(f);
    assert_int_equal(stream_rig_reader(f), reader);
    expect_white_to_be_white(f->picture);
}

static void warm_reader_of_all_frames_shows_no_moment_before_the_trigger(void **state)
{
    static const char *const seldom[] = {"--gop", "1000", NULL};
    struct stream_rig *f = *state;

    f->settings.decode = 1;
    stream_rig_serve(f, seldom);
    stream_rig_start(f, "/audio"); /* sound beside it does not matter */
    expect_fresh_shots(f);
}

static void camera_that_speaks_udp_only_is_understood(void **state)
{
    struct stream_rig *f = *state;

    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/udp");
    expect_fresh_shots(f);
}

static void single_picture_is_fresh_and_leaves_no_reader(void **state)
{
    struct stream_rig *f = *state;

    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    while (stream_rig_reader(f) != 0)
        stream_rig_round(f);
    expect_fresh(f);
}

static void warm_reader_ends_with_its_last_holder(void **state)
{
    struct stream_rig *f = *state;

    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/mjpeg");
    expect_fresh(f);
    camera_release(f->camera);
    while (stream_rig_reader(f) != 0)
        stream_rig_round(f);
}

/* --- logins --- */

static void expect_no_secret(const char *file, pid_t pid)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/%s", (int)pid, file);
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    assert_int_equal(path_read_file(path, PROC_MAX, &text, &len, NULL), 0);
    assert_true(len > 0);
    assert_null(memmem(text, len, "canary", 6));
    assert_null(memmem(text, len, "127.0.0.1", 9));
}

static void login_works_and_nobody_sees_it_in_the_process_list(void **state)
{
    static char user[] = "view er", password[] = "canary@:/?#%'\\";
    static const char *const login[] = {"--login", "view er:canary@:/?#%'\\", NULL};
    struct stream_rig *f = *state;

    f->settings.user = user;
    f->settings.password = password;
    stream_rig_serve(f, login);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    expect_no_secret("cmdline", stream_rig_reader(f));
    expect_no_secret("environ", stream_rig_reader(f));
}

static void wrong_login_is_said_once_and_without_the_password(void **state)
{
    static char user[] = "viewer", password[] = "canary";
    static const char *const login[] = {"--login", "viewer:right", NULL};
    struct stream_rig *f = *state;

    f->settings.user = user;
    f->settings.password = password;
    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_serve(f, login);
    stream_rig_start(f, "/cam");
    expect_error(f, -EACCES, "the camera refuses the login; check user and password");
}

/* --- what goes wrong --- */

static void wrong_path_is_named_as_such(void **state)
{
    struct stream_rig *f = *state;

    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/nothing");
    expect_complaint(f, -ENOENT, "there is no stream at this path of url");
}

static void unknown_host_is_named_as_such(void **state)
{
    struct stream_rig *f = *state;

    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_start(f, "rtsp://camera.invalid/");
    expect_complaint(f, -EHOSTUNREACH, "the host of url is not known here");
}

static void camera_that_says_nothing_costs_only_its_own_time(void **state)
{
    struct stream_rig *f = *state;

    f->settings.timeout_ms = SHORT_MS;
    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_serve(f, NULL);
    stream_rig_signal(f, SIGSTOP);
    stream_rig_start(f, "/cam");
    expect_error(f, -ETIMEDOUT, "nothing came within 2250 ms; is the camera on");
    while (stream_rig_reader(f) != 0)
        stream_rig_round(f);
    stream_rig_signal(f, SIGCONT);
}

static void camera_that_restarts_is_found_again(void **state)
{
    struct stream_rig *f = *state;
    CLEANUP(free_p) char *port = NULL;
    const char *same_port[] = {"--port", NULL, NULL};

    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    stream_rig_signal(f, SIGKILL);
    expect_complaint(f, -ECONNREFUSED, "nothing answers at this address");
    port = xasprintf("%lld", (long long)f->port);
    same_port[1] = port;
    stream_rig_serve(f, same_port);
    expect_fresh_shots(f);
}

static void camera_that_stood_still_brings_no_old_picture(void **state)
{
    struct stream_rig *f = *state;

    f->settings.decode = 1;
    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    stream_rig_signal(f, SIGSTOP);
    f->settings.timeout_ms = SHORT_MS;
    expect_error(f, -ETIMEDOUT, "no new picture within 2250 ms");
    stream_rig_signal(f, SIGCONT);
    f->settings.timeout_ms = 20000;
    expect_fresh_shots(f);
}

static void continue_reader(void *user)
{
    kill(*(pid_t *)user, SIGCONT);
}

static void reader_that_fell_behind_brings_no_old_picture(void **state)
{
    struct stream_rig *f = *state;
    struct timer *timer;
    pid_t reader;

    f->settings.decode = 1;
    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    reader = stream_rig_reader(f);
    timer = timer_new(f->loop, continue_reader, &reader);
    assert_int_equal(kill(reader, SIGSTOP), 0);
    timer_start(timer, 1500);
    stream_rig_linger(f, 1000);
    expect_fresh_shots(f); /* from the backlog on */
    timer_free(timer);
}

static void reader_that_is_far_behind_is_replaced(void **state)
{
    struct stream_rig *f = *state;
    struct camera_status status;
    pid_t reader;

    f->settings.decode = 1;
    stream_rig_serve(f, NULL);
    stream_rig_start(f, "/cam");
    expect_fresh(f);
    reader = stream_rig_reader(f);
    assert_int_equal(kill(reader, SIGSTOP), 0);
    stream_rig_linger(f, 3600);
    assert_int_equal(kill(reader, SIGCONT), 0);
    do {
        stream_rig_round(f);
        camera_get_status(f->camera, &status);
    } while (status.error.code != -ESTALE);
    assert_non_null(strstr(status.error.text, "ms late: this machine or the network is too slow"));
    expect_fresh_shots(f);
    assert_int_not_equal(stream_rig_reader(f), reader);
}

/* --- what is no stream --- */

static void answer_mjpeg(struct script_peer *peer, const char *request, void *user)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 1, &len);

    (void)request;
    (void)user;
    peer_send_text(peer, "HTTP/1.0 200 OK\r\n"
                         "Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        peer_send_text(peer, "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", len);
        peer_send(peer, jpeg, len);
        peer_send_text(peer, "\r\n");
    }
}

static void answer_html(struct script_peer *peer, const char *request, void *user)
{
    static const char page[] = "<html><body>Welcome to your camera</body></html>";

    (void)request;
    (void)user;
    peer_answer(peer, 200, "text/html", page, strlen(page));
    peer_close(peer);
}

/* A playlist that would have us read a file of this machine. */
static void answer_file(struct script_peer *peer, const char *request, void *user)
{
    static const char list[] = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
                               "file:///etc/passwd\n#EXT-X-ENDLIST\n";

    (void)request;
    (void)user;
    peer_answer(peer, 200, "application/vnd.apple.mpegurl", list, strlen(list));
    peer_close(peer);
}

static void expect_refused(struct stream_rig *f, script_request_fn answer, int code,
                           const char *text)
{
    struct script_server *server = script_server_new(f->loop, answer, NULL, NULL);
    CLEANUP(free_p)
    char *url = xasprintf("http://127.0.0.1:%d/x.m3u8", script_server_port(server));

    f->settings.warm = CAMERA_WARM_NEVER;
    stream_rig_start(f, url);
    expect_complaint(f, code, text);
    camera_free(TAKE(f->camera));
    script_server_free(server);
}

static void mjpeg_camera_is_sent_to_its_own_kind(void **state)
{
    expect_refused(*state, answer_mjpeg, -EPROTOTYPE,
                   "is no stream with times in it; an MJPEG camera is kind = \"mjpeg\"");
}

static void web_page_is_no_stream(void **state)
{
    expect_refused(*state, answer_html, -EBADMSG, "what the camera sends is no video");
}

static void playlist_cannot_reach_files_of_this_machine(void **state)
{
    expect_refused(*state, answer_file, -EBADMSG, "what the camera sends is no video");
}

static void garbage_of_the_program_is_refused(void **state)
{
    static const char script[] = "#!/bin/sh\nwhile echo This is a photograph, really; do :; done\n";
    static char dir[] = "/tmp/lapsed-test-stream-XXXXXX";
    struct stream_rig *f = *state;
    CLEANUP(free_p) char *program = NULL;

    assert_non_null(mkdtemp(dir));
    program = path_join(dir, "ffmpeg");
    program_rig_put(program, script, strlen(script));
    assert_int_equal(chmod(program, 0700), 0);
    f->settings.warm = CAMERA_WARM_NEVER;
    f->settings.program = program;
    stream_rig_start(f, "rtsp://127.0.0.1/");
    expect_complaint(f, -EBADMSG, "is not what ffmpeg was told to write (SMJPEG)");
    camera_free(TAKE(f->camera));
    assert_int_equal(path_remove_tree(dir, NULL), 0);
}

static void missing_program_is_named(void **state)
{
    static char program[] = "ffmpeg-that-is-not-here";
    struct stream_rig *f = *state;

    f->settings.program = program;
    stream_rig_start(f, "rtsp://127.0.0.1/");
    expect_error(f, -ENOPKG, "program 'ffmpeg-that-is-not-here' is not installed");
}

#define stream_test(name)                                                                          \
    cmocka_unit_test_setup_teardown(name, stream_rig_setup, stream_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stream_test(warm_reader_of_key_frames_shows_no_moment_before_the_trigger),
        stream_test(warm_reader_of_all_frames_shows_no_moment_before_the_trigger),
        stream_test(camera_that_speaks_udp_only_is_understood),
        stream_test(single_picture_is_fresh_and_leaves_no_reader),
        stream_test(warm_reader_ends_with_its_last_holder),
        stream_test(login_works_and_nobody_sees_it_in_the_process_list),
        stream_test(wrong_login_is_said_once_and_without_the_password),
        stream_test(wrong_path_is_named_as_such),
        stream_test(unknown_host_is_named_as_such),
        stream_test(camera_that_says_nothing_costs_only_its_own_time),
        stream_test(camera_that_restarts_is_found_again),
        stream_test(camera_that_stood_still_brings_no_old_picture),
        stream_test(reader_that_fell_behind_brings_no_old_picture),
        stream_test(reader_that_is_far_behind_is_replaced),
        stream_test(mjpeg_camera_is_sent_to_its_own_kind),
        stream_test(web_page_is_no_stream),
        stream_test(playlist_cannot_reach_files_of_this_machine),
        stream_test(garbage_of_the_program_is_refused),
        stream_test(missing_program_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
