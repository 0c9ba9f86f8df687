/* SPDX-License-Identifier: MIT */
/* ffmpeg: why the arguments are as they are (measured, 1080p, ffmpeg 5.1).
 *
 * Input as multipart with lengths (mpjpeg) rather than a bare chain of JPEGs: each part is one
 * packet, so that a bad one cannot swallow its neighbour, and it costs less than looking for the
 * markers. JPEGs have full range, videos limited range: swscale takes 3 ms a frame for that alone,
 * zscale next to nothing, with the same result to the byte. It is in Debian's ffmpeg; where it is
 * missing, the second attempt of a segment uses scale, which also takes frames of other sizes.
 *
 * No B-frames: times are then plain multiples. stitchable makes the parameter sets the same
 * whatever the quality, so that segments fit together; a level is set because it would otherwise be
 * derived from the frame rate, which is decided only at the end. The short lookahead keeps most of
 * the macroblock tree's gain at half its memory.
 *
 * The decoder leaves out the deblocking, which cannot fail and changes no count; it reads the whole
 * bitstream of every frame. "explode" makes damage an error instead of a concealed one. */
#include "encode/ffmpeg.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_FRAME_DISTANCE = 250 };

/* Frame sizes in macroblocks that the levels allow (H.264 table A-1). */
static const char *level_for(int width, int height)
{
    int blocks = (width + 15) / 16 * ((height + 15) / 16);

    if (blocks <= 8704)
        return "4.2";
    return blocks <= 36864 ? "5.2" : "6.2";
}

static void add(struct ffmpeg_args *args, const char *arg)
{
    assert(args->count + 1 < FFMPEG_ARGS_MAX);
    args->argv[args->count++] = arg;
    args->argv[args->count] = NULL;
}

static void add_all(struct ffmpeg_args *args, const char *const *list)
{
    for (; *list; list++)
        add(args, *list);
}

static char *new_text(struct ffmpeg_args *args)
{
    assert(args->text_count < ARRAY_LEN(args->size_text));
    return args->size_text[args->text_count++];
}

static void add_int(struct ffmpeg_args *args, const char *option, int value)
{
    char *text = new_text(args);

    snprintf(text, sizeof(args->size_text[0]), "%d", value);
    add(args, option);
    add(args, text);
}

static void add_filters(struct ffmpeg_args *args, const struct ffmpeg_encode *encode)
{
    if (encode->scale)
        snprintf(args->scale, sizeof(args->scale),
                 "scale=%d:%d:force_original_aspect_ratio=decrease:flags=area:out_range=tv,"
                 "pad=%d:%d:-1:-1,format=yuv420p,setsar=1",
                 encode->width, encode->height, encode->width, encode->height);
    else
        snprintf(args->scale, sizeof(args->scale),
                 "zscale=rangein=full:range=limited,format=yuv420p,setsar=1");
    add(args, "-vf");
    add(args, args->scale);
}

void ffmpeg_encode_args(const struct ffmpeg_encode *encode, struct ffmpeg_args *ret_args)
{
    static const char *const input[] = {"-hide_banner",
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
                                        NULL};
    static const char *const output[] = {
        "-bf", "0",    "-x264-params", "stitchable=1:rc-lookahead=2:sliced-threads=1",
        "-f",  "h264", "pipe:1",       NULL};

    *ret_args = (struct ffmpeg_args){0};
    add(ret_args, encode->program);
    add_all(ret_args, input);
    add_filters(ret_args, encode);
    add_all(ret_args, (const char *const[]){"-c:v", "libx264", "-preset", encode->preset, NULL});
    add_int(ret_args, "-crf", encode->crf);
    add_int(ret_args, "-g", KEY_FRAME_DISTANCE);
    add_int(ret_args, "-threads", encode->threads);
    add(ret_args, "-level:v");
    add(ret_args, level_for(encode->width, encode->height));
    add_all(ret_args, output);
}

void ffmpeg_decode_args(const struct ffmpeg_decode *decode, struct ffmpeg_args *ret_args)
{
    static const char *const input[] = {"-hide_banner",
                                        "-loglevel",
                                        "error",
                                        "-nostats",
                                        "-progress",
                                        "pipe:3",
                                        "-nostdin",
                                        "-xerror",
                                        "-err_detect",
                                        "explode",
                                        "-skip_loop_filter",
                                        "all",
                                        "-protocol_whitelist",
                                        "file",
                                        NULL};
    static const char *const output[] = {"-map", "0:v:0", "-fps_mode", "passthrough",
                                         "-f",   "null",  "-",         NULL};

    *ret_args = (struct ffmpeg_args){0};
    ret_args->path = xasprintf("file:%s", decode->path);
    add(ret_args, decode->program);
    add_all(ret_args, input);
    add_int(ret_args, "-threads", decode->threads);
    if (decode->from_s > 0) {
        char *text = new_text(ret_args);

        snprintf(text, sizeof(ret_args->size_text[0]), "%.6f", decode->from_s);
        add_all(ret_args, (const char *const[]){"-noaccurate_seek", "-ss", text, NULL});
    }
    add_all(ret_args, (const char *const[]){"-f", "mov", "-i", ret_args->path, NULL});
    add_all(ret_args, output);
}

void ffmpeg_args_done(struct ffmpeg_args *args)
{
    free(args->path);
    *args = (struct ffmpeg_args){0};
}

size_t ffmpeg_part_head(size_t jpeg_bytes, char ret_head[FFMPEG_PART_HEAD_MAX])
{
    int len = snprintf(ret_head, FFMPEG_PART_HEAD_MAX,
                       "\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                       jpeg_bytes);

    assert(len > 0 && len < FFMPEG_PART_HEAD_MAX);
    return (size_t)len;
}

/* --- progress --- */

static void take_line(struct ffmpeg_progress *progress)
{
    int64_t frames;

    progress->line[progress->line_len] = '\0';
    progress->line_len = 0;
    if (str_starts_with(progress->line, "frame=") &&
        str_to_int(progress->line + strlen("frame="), &frames) == 0)
        progress->frames = frames;
    else if (str_equal(progress->line, "progress=end"))
        progress->ended = true;
}

void ffmpeg_progress_feed(struct ffmpeg_progress *progress, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n')
            take_line(progress);
        else if (progress->line_len + 1 < sizeof(progress->line))
            progress->line[progress->line_len++] = (char)data[i];
    }
}
