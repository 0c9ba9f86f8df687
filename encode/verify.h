/* SPDX-License-Identifier: MIT */
/* verify: decodes a stretch of the real file, as a player does, and counts its frames. */
#ifndef ENCODE_VERIFY_H
#define ENCODE_VERIFY_H

#include "agent/base/loop.h"
#include "encode/ffmpeg.h"

struct verify;

struct verify_config {
    struct ffmpeg_decode decode; /* its texts are borrowed until verify_start() returned */
    int64_t frames;              /* expected */
    bool urgent;
    int64_t timeout_ms;
};

/* code 0: as many frames as expected, all decoded without an error. -EBADMSG: not so. Others: the
 * machine's matter. */
typedef void (*verify_done_fn)(int code, const struct error *err, void *user);

/* As segment_start() and segment_free(). */
int verify_start(struct loop *loop, const struct verify_config *config, verify_done_fn done,
                 void *user, struct verify **ret_verify, struct error *err) MUST_CHECK;
void verify_free(struct verify *verify);

#endif
