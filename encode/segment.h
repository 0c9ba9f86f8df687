/* SPDX-License-Identifier: MIT */
/* segment: one encoder child: so many frames in, checked H.264 out. Loop thread only. */
#ifndef ENCODE_SEGMENT_H
#define ENCODE_SEGMENT_H

#include "agent/base/loop.h"
#include "encode/ffmpeg.h"
#include "encode/h264.h"

struct segment;

struct segment_config {
    struct ffmpeg_encode encode; /* its texts are borrowed until segment_start() returned */
    const char *const *paths;    /* of the frames, in order; copied */
    size_t count;
    bool urgent; /* at normal priority, else at the lowest */
    int64_t timeout_ms;
};

struct segment_result {
    /* 0: accepted. -EBADMSG: the encoder refuses these frames, or does not keep its word about
     * them; fewer of them may pass. Others: the machine's matter (-ENOENT, -ETIMEDOUT, -EIO …). */
    int code;
    struct error err;
    struct h264_stream *stream; /* may be taken over: leave {0}; empty when no frame was usable */
    size_t offenders;           /* frames that were found unusable before feeding, left out */
    int64_t cpu_ms, max_rss_kib;
};

typedef void (*segment_done_fn)(struct segment_result *result, void *user);
/* So many frames went through the encoder. */
typedef void (*segment_progress_fn)(int64_t frames, void *user);

/* <0: done never comes. 0: done comes once, later; the segment is freed after it. */
int segment_start(struct loop *loop, const struct segment_config *config,
                  segment_progress_fn on_progress, segment_done_fn done, void *user,
                  struct segment **ret_segment, struct error *err) MUST_CHECK;
/* Kills the child and forgets it: no callback comes any more. NULL is fine. */
void segment_free(struct segment *segment);

int64_t segment_frames_done(const struct segment *segment);

#endif
