/* SPDX-License-Identifier: MIT */
/* disk: the growing file on a worker thread, one operation at a time. Loop thread only. */
#ifndef ENCODE_DISK_H
#define ENCODE_DISK_H

#include "agent/base/loop.h"
#include "encode/mp4.h"

struct disk;

enum disk_kind { DISK_APPEND, DISK_COMMIT, DISK_ROLLBACK, DISK_FINISH, DISK_COPY };

struct disk_op {
    enum disk_kind kind;
    struct movie_timing timing;  /* all but DISK_COMMIT */
    struct h264_stream stream;   /* DISK_APPEND: passes to the disk */
    int width, height;           /* DISK_APPEND */
    int64_t first_seq, last_seq; /* DISK_COMMIT */
    int64_t dropped;             /* DISK_COMMIT */
    const char *dest_path;       /* DISK_COPY; copied */
};

typedef void (*disk_done_fn)(int result, const struct error *err, void *user);

/* Takes the mp4 over. */
struct disk *disk_new(struct loop *loop, struct mp4 *mp4, disk_done_fn done, void *user) MUST_CHECK;
/* Waits for the disk if an operation is under way (a copy is broken off); done comes no more. */
void disk_free(struct disk *disk);

/* done comes once, later. No operation may be under way. */
void disk_start(struct disk *disk, const struct disk_op *op);

/* As the last operation left it. */
const struct mp4_state *disk_state(const struct disk *disk);
const char *disk_path(const struct disk *disk);

#endif
