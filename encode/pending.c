/* SPDX-License-Identifier: MIT */
#include "encode/pending.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

static void make_room(struct pending *pending)
{
    if (pending->begin > 0 && pending->begin >= pending->count) {
        memmove(pending->frames, pending->frames + pending->begin,
                pending->count * sizeof(*pending->frames));
        pending->begin = 0;
    }
    if (pending->begin + pending->count < pending->cap)
        return;
    pending->cap = MAX(2 * pending->cap, (size_t)FIRST_CAP);
    pending->frames = xrealloc(pending->frames, pending->cap * sizeof(*pending->frames));
}

void pending_add(struct pending *pending, int64_t seq, const char *path, int width, int height)
{
    if (pending->count > 0 && seq <= pending_at(pending, pending->count - 1)->seq)
        return;
    make_room(pending);
    pending->frames[pending->begin + pending->count++] =
        (struct pending_frame){.seq = seq, .path = xstrdup(path), .width = width, .height = height};
}

const struct pending_frame *pending_at(const struct pending *pending, size_t index)
{
    return &pending->frames[pending->begin + index];
}

void pending_drop(struct pending *pending, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(pending->frames[pending->begin + i].path);
    pending->begin += count;
    pending->count -= count;
}

void pending_done(struct pending *pending)
{
    pending_drop(pending, pending->count);
    free(pending->frames);
    *pending = (struct pending){0};
}
