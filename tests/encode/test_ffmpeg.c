/* SPDX-License-Identifier: MIT */
/* test_ffmpeg: the argument lists word for word, and the report however it is cut. */
#include "encode/ffmpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void assert_args(const struct ffmpeg_args *args, const char *const *wanted)
{
    size_t count = 0;

    for (; wanted[count]; count++) {
        assert_non_null(args->argv[count]);
        assert_string_equal(args->argv[count], wanted[count]);
    }
    assert_null(args->argv[count]);
    assert_int_equal(args->count, count);
}

static void a_background_segment_of_equal_frames(void **state)
{
    static const char *const wanted[] = {
        "/usr/bin/ffmpeg",
        "-hide_banner",
        "-loglevel",
        "error",
        "-nostats",
        "-progress",
        "pipe:3",
        "-threads",
        "1",
        "-filter_threads",
        "1",
        "-noautorotate",
        "-protocol_whitelist",
        "pipe",
        "-f",
        "mpjpeg",
        "-c:v",
        "mjpeg",
        "-r",
        "25",
        "-i",
        "pipe:0",
        "-an",
        "-fps_mode",
        "passthrough",
        "-vf",
        "zscale=rangein=full:range=limited,format=yuv420p,setsar=1",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "23",
        "-g",
        "250",
        "-threads",
        "1",
        "-level:v",
        "4.2",
        "-bf",
        "0",
        "-x264-params",
        "stitchable=1:rc-lookahead=2:sliced-threads=1",
        "-f",
        "h264",
        "pipe:1",
        NULL};
    struct ffmpeg_args args;

    (void)state;
    ffmpeg_encode_args(&(struct ffmpeg_encode){.program = "/usr/bin/ffmpeg",
                                               .preset = "veryfast",
                                               .crf = 23,
                                               .threads = 1,
                                               .width = 1920,
                                               .height = 1080},
                       &args);
    assert_args(&args, wanted);
    ffmpeg_args_done(&args);
}

static const char *value_of(const struct ffmpeg_args *args, const char *option)
{
    const char *value = NULL;

    for (size_t i = 0; i + 1 < args->count; i++)
        if (strcmp(args->argv[i], option) == 0)
            value = args->argv[i + 1];
    return value;
}

static void frames_of_other_sizes_are_scaled_and_padded(void **state)
{
    struct ffmpeg_args args;

    (void)state;
    ffmpeg_encode_args(&(struct ffmpeg_encode){.program = "ffmpeg",
                                               .preset = "slow",
                                               .crf = 18,
                                               .threads = 0,
                                               .width = 3840,
                                               .height = 2160,
                                               .scale = true},
                       &args);
    assert_string_equal(value_of(&args, "-vf"),
                        "scale=3840:2160:force_original_aspect_ratio=decrease:flags=area:"
                        "out_range=tv,pad=3840:2160:-1:-1,format=yuv420p,setsar=1");
    assert_string_equal(value_of(&args, "-level:v"), "5.2");
    assert_string_equal(value_of(&args, "-threads"), "0");
    assert_string_equal(value_of(&args, "-crf"), "18");
    ffmpeg_args_done(&args);
}

static void the_checking_decoder_reads_from_a_key_frame_on(void **state)
{
    static const char *const wanted[] = {"ffmpeg",    "-hide_banner",
                                         "-loglevel", "error",
                                         "-nostats",  "-progress",
                                         "pipe:3",    "-nostdin",
                                         "-xerror",   "-err_detect",
                                         "explode",   "-skip_loop_filter",
                                         "all",       "-protocol_whitelist",
                                         "file",      "-threads",
                                         "1",         "-noaccurate_seek",
                                         "-ss",       "4.820000",
                                         "-f",        "mov",
                                         "-i",        "file:/s/a b.mp4",
                                         "-map",      "0:v:0",
                                         "-fps_mode", "passthrough",
                                         "-f",        "null",
                                         "-",         NULL};
    struct ffmpeg_args args;

    (void)state;
    ffmpeg_decode_args(
        &(struct ffmpeg_decode){
            .program = "ffmpeg", .path = "/s/a b.mp4", .from_s = 4.82, .threads = 1},
        &args);
    assert_args(&args, wanted);
    ffmpeg_args_done(&args);
}

static void a_part_head_says_the_length(void **state)
{
    char head[FFMPEG_PART_HEAD_MAX];
    size_t len;

    (void)state;
    len = ffmpeg_part_head(265123, head);
    assert_string_equal(
        head, "\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 265123\r\n\r\n");
    assert_int_equal(len, strlen(head));
}

static void a_report_is_read_however_it_is_cut(void **state)
{
    static const char report[] = "frame=12\nfps=1.0\nout_time=N/A\nprogress=continue\n"
                                 "frame=60\ndrop_frames=0\nspeed=1x\nprogress=end\n";
    const uint8_t *bytes = (const uint8_t *)report;

    (void)state;
    for (size_t cut = 0; cut < sizeof(report); cut++) {
        struct ffmpeg_progress progress = FFMPEG_PROGRESS_INIT;

        ffmpeg_progress_feed(&progress, bytes, cut);
        assert_int_equal(progress.ended, cut == sizeof(report) - 1);
        ffmpeg_progress_feed(&progress, bytes + cut, sizeof(report) - 1 - cut);
        assert_int_equal(progress.frames, 60);
        assert_true(progress.ended);
    }
}

static void a_report_of_nonsense_says_nothing(void **state)
{
    struct ffmpeg_progress progress = FFMPEG_PROGRESS_INIT;
    uint8_t noise[5000];

    (void)state;
    memset(noise, 'x', sizeof(noise));
    ffmpeg_progress_feed(&progress, noise, sizeof(noise));
    ffmpeg_progress_feed(&progress, (const uint8_t *)"\nframe=1x\nframe=\nprogress=ended\n", 32);
    assert_int_equal(progress.frames, -1);
    assert_false(progress.ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_background_segment_of_equal_frames),
        cmocka_unit_test(frames_of_other_sizes_are_scaled_and_padded),
        cmocka_unit_test(the_checking_decoder_reads_from_a_key_frame_on),
        cmocka_unit_test(a_part_head_says_the_length),
        cmocka_unit_test(a_report_is_read_however_it_is_cut),
        cmocka_unit_test(a_report_of_nonsense_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
