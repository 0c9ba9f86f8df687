/* SPDX-License-Identifier: MIT */
#include "tests/e2e/video.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DECODE_DEADLINE_MS = 120000, JPEG_MAX_BYTES = 16 * 1024 * 1024 };

/* --- ffprobe --- */

static double ratio(const char *text)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    CLEANUP(free_p) char *over = slash ? xstrndup(text, (size_t)(slash - text)) : NULL;
    double above = 0, below = 1;

    if (!text || str_to_double(over ? over : text, &above) < 0 ||
        (slash && str_to_double(slash + 1, &below) < 0) || below == 0)
        return 0;
    return above / below;
}

static void copy_text(char *array, size_t size, const char *text)
{
    snprintf(array, size, "%s", text ? text : "");
}

static void probe(struct rig *rig, const char *path, struct decoded_video *video)
{
    static const struct json_limits limits = {1024 * 1024, 16};
    const char *argv[] = {
        "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_streams", "-of",
        "json",    path, NULL};
    struct rig_output output = rig_run(rig, argv);
    CLEANUP(json_free_p) cJSON *json = NULL;
    int64_t width = 0, height = 0;
    struct error err;

    if (output.exit_code != 0)
        fail_msg("ffprobe %s: %s", path, output.err);
    assert_int_equal(json_parse(output.out, strlen(output.out), &limits, &json, &err), 0);
    assert_true(json_get_int(json, "streams[0].width", &width));
    assert_true(json_get_int(json, "streams[0].height", &height));
    video->width = (int)width;
    video->height = (int)height;
    copy_text(video->codec, sizeof(video->codec), json_get_string(json, "streams[0].codec_name"));
    copy_text(video->pixel_format, sizeof(video->pixel_format),
              json_get_string(json, "streams[0].pix_fmt"));
    video->fps = ratio(json_get_string(json, "streams[0].r_frame_rate"));
    video->duration_s = ratio(json_get_string(json, "streams[0].duration"));
    rig_output_done(&output);
}

/* --- ffmpeg --- */

struct decoder {
    struct decoded_video *video;
    uint8_t *luma; /* one picture */
    size_t len, size;
    bool done;
    int exit_code;
};

static void add_picture(struct decoder *decoder)
{
    struct decoded_video *video = decoder->video;
    struct video_picture *picture;

    video->pictures = xrealloc(video->pictures, (video->count + 1) * sizeof(*video->pictures));
    picture = &video->pictures[video->count++];
    *picture = (struct video_picture){0};
    picture->readable = marker_read(decoder->luma, video->width, video->height, video->width,
                                    &picture->marker) == 0;
}

static void on_luma(const uint8_t *data, size_t len, void *user)
{
    struct decoder *decoder = user;

    while (len > 0) {
        size_t part = MIN(len, decoder->size - decoder->len);

        memcpy(decoder->luma + decoder->len, data, part);
        decoder->len += part;
        data += part;
        len -= part;
        if (decoder->len == decoder->size) {
            add_picture(decoder);
            decoder->len = 0;
        }
    }
}

static void on_decoded(const struct process_result *result, void *user)
{
    struct decoder *decoder = user;

    decoder->done = true;
    decoder->exit_code = result->exit_code;
    decoder->video->complaints = xstrdup(result->stderr_tail);
}

static bool is_decoded(struct rig *rig, void *user)
{
    (void)rig;
    return ((const struct decoder *)user)->done;
}

void video_decode(struct rig *rig, const char *path, struct decoded_video *ret_video)
{
    /* passthrough: a picture that is held is one picture, not many */
    const char *argv[] = {"ffmpeg",    "-v",          "warning", "-i",       path,
                          "-fps_mode", "passthrough", "-f",      "rawvideo", "-pix_fmt",
                          "gray",      "pipe:1",      NULL};
    struct process_config config = {
        .argv = argv, .on_stdout = on_luma, .timeout_ms = DECODE_DEADLINE_MS};
    struct decoder decoder = {.video = ret_video};
    struct process *process;
    struct error err;

    *ret_video = (struct decoded_video){0};
    probe(rig, path, ret_video);
    decoder.size = (size_t)ret_video->width * (size_t)ret_video->height;
    decoder.luma = xmalloc(decoder.size);
    if (process_start(rig_loop(rig), &config, on_decoded, &decoder, &process, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(rig_wait(rig, is_decoded, &decoder, DECODE_DEADLINE_MS + 10000));
    free(decoder.luma);
    if (decoder.exit_code != 0)
        fail_msg("ffmpeg %s: %s", path, ret_video->complaints);
}

void decoded_video_done(struct decoded_video *video)
{
    free(video->pictures);
    free(video->complaints);
    *video = (struct decoded_video){0};
}

void video_read_jpeg(const char *path, struct marker *ret_marker)
{
    CLEANUP(free_p) char *data = NULL;
    size_t len;
    struct error err;

    if (path_read_file(path, JPEG_MAX_BYTES, &data, &len, &err) < 0)
        fail_msg("%s", err.text);
    if (marker_read_jpeg((const uint8_t *)data, len, ret_marker) < 0)
        fail_msg("%s: no marker in it", path);
}
