/* SPDX-License-Identifier: MIT */
/* pending: the frames that wait for an encoder, oldest first: about a hundred bytes each, so that a
 * week without ffmpeg is no matter. */
#ifndef ENCODE_PENDING_H
#define ENCODE_PENDING_H

#include "agent/base/common.h"

struct pending_frame {
    int64_t seq;
    char *path;
    int width, height;
};

struct pending {
    struct pending_frame *frames; /* begin..begin+count */
    size_t begin, count, cap;
};

/* Ignored unless seq is larger than that of every frame before. path is copied. */
void pending_add(struct pending *pending, int64_t seq, const char *path, int width, int height);
const struct pending_frame *pending_at(const struct pending *pending, size_t index);
void pending_drop(struct pending *pending, size_t count);
void pending_done(struct pending *pending);

#endif
