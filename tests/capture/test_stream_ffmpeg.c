/* SPDX-License-Identifier: MIT */
/* test_stream_ffmpeg: what ffmpeg is told, what is made of its last words, and which settings are
 * refused. The words are those of ffmpeg 5.1. */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/stream_ffmpeg.h"
#include "tests/capture/program_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BEFORE                                                                               \
    "ffmpeg -hide_banner -nostdin -loglevel error -protocol_whitelist pipe,rtsp,rtp,tcp,udp "      \
    "-format_whitelist concat,rtsp,sdp,rtp "
#define WORDS_BEHIND                                                                               \
    "-threads 1 -flags low_delay-output_corrupt -max_pixels 67108864 -probesize 32 "               \
    "-analyzeduration 0 -safe 0 -f concat -i pipe:0 -map 0:v:0 -vf "                               \
    "select='isnan(prev_selected_t)+gte(t-prev_selected_t,0.195)',scale=out_range=full,"           \
    "format=yuvj420p -fps_mode passthrough -c:v mjpeg -threads 1 -q:v 2 -flush_packets 1 "         \
    "-f smjpeg pipe:1"

static void expect_words(const struct camera_settings *settings, bool all_frames, const char *words)
{
    CLEANUP(program_args_done) struct program_args args = {0};
    CLEANUP(buf_done) struct buf joined = BUF_INIT(4000);

    stream_ffmpeg_make_args(settings, all_frames, &args);
    for (size_t i = 0; i < args.count; i++)
        assert_int_equal(buf_printf(&joined, "%s%s", i > 0 ? " " : "", args.items[i]), 0);
    assert_string_equal(buf_text(&joined), words);
}

static void arguments_hold_neither_address_nor_login(void **state)
{
    static char url[] = "rtsp://camera/1", user[] = "me", password[] = "canary";
    const struct camera_settings settings = {.url = url, .user = user, .password = password};

    (void)state;
    expect_words(&settings, false, WORDS_BEFORE "-skip_frame nokey " WORDS_BEHIND);
    expect_words(&settings, true, WORDS_BEFORE WORDS_BEHIND);
}

static void list_carries_the_login_escaped(void **state)
{
    static char url[] = "rtsp://camera:554/1?a=b", user[] = "m e", password[] = "'\n@:/\\ü";
    const struct camera_settings settings = {.url = url, .user = user, .password = password};
    CLEANUP(free_p) char *list = stream_ffmpeg_make_list(&settings);

    (void)state;
    assert_string_equal(list, "ffconcat version 1.0\n"
                              "file 'rtsp://m%20e:%27%0A%40%3A%2F%5C%C3%BC@camera:554/1?a=b'\n"
                              "option fpsprobesize 0\noption analyzeduration 500000\n"
                              "option rtsp_flags prefer_tcp\noption allowed_media_types video\n");
}

static void expect_explanation(const char *said, int exit_code, int code, const char *text)
{
    static char url[] = "rtsp://camera/1";
    const struct camera_settings settings = {.url = url};
    const struct process_result result = {.exit_code = exit_code, .stderr_tail = said};
    struct error err = {0};

    stream_ffmpeg_explain(&settings, &result, &err);
    assert_int_equal(err.code, code);
    if (!str_starts_with(err.text, text))
        fail_msg("'%s' instead of '%s'", err.text, text);
    assert_null(strstr(err.text, "canary"));
}

static void complaints_become_advice(void **state)
{
    (void)state;
    expect_explanation("[rtsp @ 0x5] method DESCRIBE failed: 401 Unauthorized "
                       "[concat @ 0x5] Impossible to open 'rtsp://me:canary@camera/1' "
                       "pipe:0: Server returned 401 Unauthorized (authorization failed)",
                       1, -EACCES, "the camera refuses the login; check user and password");
    expect_explanation("[tcp @ 0x5] Connection to tcp://camera:554?timeout=0 failed: Connection "
                       "timed out pipe:0: Connection timed out",
                       1, -ETIMEDOUT, "the camera does not answer");
    expect_explanation("[tcp @ 0x5] Connection to tcp://camera:554?timeout=0 failed: No route to "
                       "host pipe:0: No route to host",
                       1, -EHOSTUNREACH, "the camera cannot be reached");
    expect_explanation("[rtsp @ 0x5] method SETUP failed: 453 Not Enough Bandwidth", 1, -EBUSY,
                       "the camera has no room for another viewer");
    expect_explanation("Unrecognized option 'fps_mode'.", 1, -ENOTSUP, "this ffmpeg is too old");
    expect_explanation("", 0, -ECONNRESET, "the camera ended the stream");
}

static void unknown_complaints_are_quoted_without_a_login(void **state)
{
    (void)state;
    expect_explanation("odd: 'rtsp://me:canary@camera/1' and rtsp://you:canary@b/?x=@ broke", 1,
                       -EIO, "ffmpeg: exit code 1: odd: 'rtsp://camera/1' and rtsp://b/?x=@ broke");
}

#define STREAM "kind = \"stream\"; "

static void settings_that_cannot_work_are_refused(void **state)
{
    struct program_rig *f = *state;

    expect_problem(f, STREAM "url = \"rtsp://camera.lan:554/h264?channel=1\";", NULL);
    expect_problem(f, STREAM "url = \"rtsp://[fd00::1]/\"; user = \"me\";", NULL);
    expect_problem(f, STREAM "url = \"http://camera.lan/live.m3u8\"; decode = \"all\";", NULL);
    expect_problem(f, STREAM, "url is required for kind = \"stream\"");
    expect_problem(f, STREAM "url = \"camera.lan\";", "url must begin with rtsp://");
    expect_problem(f, STREAM "url = \"rtsp://\";", "url names no host");
    expect_problem(f, STREAM "url = \"rtsp://me:x@/1\";", "url names no host");
    expect_problem(f, STREAM "url = \"rtsp://b:c@a/\"; user = \"me\";", "url has a login already");
    expect_problem(f, STREAM "url = \"rtsp://a/\"; user = \"m:e\";", "cannot log in");
    expect_problem(f, STREAM "url = \"rtsp://a/\"; sensor = 1;", "sensor is not for kind");
    expect_problem(f, "kind = \"mjpeg\"; url = \"http://a/\"; decode = \"all\";",
                   "decode is not for kind = \"mjpeg\": only for stream");
}

static void addresses_that_would_read_something_else_are_refused(void **state)
{
    static const char *const urls[] = {
        "file:///etc/passwd",
        "/etc/passwd",
        "concat:a|b",
        "lavfi:testsrc",
        "data:,x",
        "pipe:0",
        "fd:3",
        "unix:/run/x",
        "subfile,,:a",
        "crypto:x",
        "gopher://a/",
        "ftp://a/",
        "cache:rtsp://a",
        "RTSPX://a/",
        "tee:a",
    };
    struct program_rig *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(free_p) char *item = xasprintf(STREAM "url = \"%s\";", urls[i]);

        expect_problem(f, item, "url must begin with rtsp://");
    }
    expect_problem(f, STREAM "url = \"rtsp://a/'\\nfile '/etc/passwd\";", "url holds a space");
    expect_problem(f, STREAM "url = \"rtsp://a/x'y\";", "url holds a space");
    expect_problem(f, STREAM "url = \"rtsp://a/x\\\\y\";", "url holds a space");
}

#define rig_test(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, program_rig_setup, program_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_hold_neither_address_nor_login),
        cmocka_unit_test(list_carries_the_login_escaped),
        cmocka_unit_test(complaints_become_advice),
        cmocka_unit_test(unknown_complaints_are_quoted_without_a_login),
        rig_test(settings_that_cannot_work_are_refused),
        rig_test(addresses_that_would_read_something_else_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
