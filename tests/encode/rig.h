/* SPDX-License-Identifier: MIT */
/* rig: what the tests of encode/ share: a directory of their own, the real ffmpeg and ffprobe, and
 * frames made by it. Everything asserts. */
#ifndef TESTS_ENCODE_RIG_H
#define TESTS_ENCODE_RIG_H

#include "agent/base/buf.h"
#include "encode/h264.h"

#define RIG_WIDTH  320
#define RIG_HEIGHT 240

/* A fresh directory below /tmp; rig_dir_remove() frees the text, too. */
char *rig_dir_make(void) MUST_CHECK;
void rig_dir_remove(char *dir);

/* Runs a program to its end; its stdout goes into out (NULL: nowhere). Returns the exit code. */
int rig_run(const char *const *argv, struct buf *out);

/* dir/%06d.jpg from number first on, of a moving picture. */
void rig_make_frames(const char *dir, int first, int count, int width, int height);
char *rig_frame_path(const char *dir, int number) MUST_CHECK;

/* H.264 of so many frames as encode/ffmpeg.c asks for it; tune makes other parameter sets. */
void rig_make_h264(int frames, const char *level, struct h264_stream *ret_stream);

/* What ffprobe decodes and reads; -1: it refuses the file. */
int rig_count_frames(const char *path);
double rig_duration_s(const char *path);
/* Whether ffmpeg decodes all of it without a word. */
bool rig_decodes(const char *path);

void rig_write(const char *path, const void *data, size_t len);
void rig_read(const char *path, struct buf *ret);
int64_t rig_size(const char *path);

#endif
