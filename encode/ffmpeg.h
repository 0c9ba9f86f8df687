/* SPDX-License-Identifier: MIT */
/* ffmpeg: the one place that knows its command line and its progress report. Pure.
 *
 * The encoder reads JPEGs from stdin as a multipart stream and writes raw H.264 to stdout; the
 * decoder reads a stretch of a file and only counts. Both report to descriptor 3. */
#ifndef ENCODE_FFMPEG_H
#define ENCODE_FFMPEG_H

#include "agent/base/common.h"

struct ffmpeg_encode {
    const char *program;
    const char *preset;
    int crf;
    int threads;       /* 0 = all cores */
    int width, height; /* of the video, even */
    bool scale;        /* frames may have any size and colours; else exactly the video's size */
};

struct ffmpeg_decode {
    const char *program;
    const char *path;
    double from_s; /* a key frame lies at or shortly before it; nothing before it is decoded */
    int threads;
};

#define FFMPEG_ARGS_MAX 72

/* Arguments and their texts; copies and moves are fine as long as the struct that was filled stays.
 */
struct ffmpeg_args {
    const char *argv[FFMPEG_ARGS_MAX]; /* NULL-terminated */
    size_t count;
    char scale[320], size_text[8][32];
    size_t text_count;
    char *path;
};

void ffmpeg_encode_args(const struct ffmpeg_encode *encode, struct ffmpeg_args *ret_args);
void ffmpeg_decode_args(const struct ffmpeg_decode *decode, struct ffmpeg_args *ret_args);
void ffmpeg_args_done(struct ffmpeg_args *args);

/* What goes before a JPEG of so many bytes on the encoder's stdin; returns the length. */
#define FFMPEG_PART_HEAD_MAX 96
size_t ffmpeg_part_head(size_t jpeg_bytes, char ret_head[FFMPEG_PART_HEAD_MAX]);

/* The report of -progress: lines "key=value", a block of them each half second. */
struct ffmpeg_progress {
    int64_t frames; /* -1: nothing reported yet */
    bool ended;     /* "progress=end" came */
    char line[64];  /* of an unfinished line, cut */
    size_t line_len;
};

#define FFMPEG_PROGRESS_INIT                                                                       \
    {                                                                                              \
        .frames = -1                                                                               \
    }

void ffmpeg_progress_feed(struct ffmpeg_progress *progress, const uint8_t *data, size_t len);

#endif
