/* SPDX-License-Identifier: MIT */
/* stream_ffmpeg: the words between us and the ffmpeg that reads a stream: what it is told, and what
 * its complaints mean. Pure, but for finding the program.
 *
 * The address never stands among its arguments, where every user of the machine could read the
 * login: ffmpeg reads it from its stdin, as a list of one input (its format "concat"), which also
 * carries the settings of that input. */
#ifndef CAPTURE_CAMERA_STREAM_FFMPEG_H
#define CAPTURE_CAMERA_STREAM_FFMPEG_H

#include "agent/base/process.h"
#include "capture/camera/program.h"

/* Pictures per second that it gives of a stream which it decodes whole. */
#define STREAM_FFMPEG_FPS 5

/* -EINVAL: not an address of a stream, or one that this list cannot carry. */
int stream_ffmpeg_check_url(const char *url, struct error *err) MUST_CHECK;

/* The list for its stdin, login included; the caller frees. */
char *stream_ffmpeg_make_list(const struct camera_settings *settings) MUST_CHECK;

/* Its arguments: SMJPEG to stdout, of every key frame or of STREAM_FFMPEG_FPS of all frames. */
void stream_ffmpeg_make_args(const struct camera_settings *settings, bool all_frames,
                             struct program_args *ret_args);

/* Why it ended, from its last words; always sets err. */
void stream_ffmpeg_explain(const struct camera_settings *settings,
                           const struct process_result *result, struct error *err);

#endif
