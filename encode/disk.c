/* SPDX-License-Identifier: MIT */
/* disk: when it is freed while the worker writes, the caller waits for that one operation rather
 * than leave a worker behind that holds the file: the same video may be opened again at once. The
 * state is copied between operations, so that the loop thread never looks into an mp4 at work. */
#include "encode/disk.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct disk {
    struct loop *loop;
    disk_done_fn done; /* NULL: freed */
    void *user;
    bool working;
    atomic_bool cancel;

    pthread_mutex_t lock; /* held by the worker */
    struct mp4 *mp4;      /* NULL: closed */
    struct mp4_state state;
    char *path;

    struct disk_op op;
    char *dest_path;
    int result;
    struct error err;
};

static int run_op(struct disk *disk)
{
    struct disk_op *op = &disk->op;

    switch (op->kind) {
    case DISK_APPEND:
        return mp4_append(disk->mp4, &op->stream, op->width, op->height, &op->timing, &disk->err);
    case DISK_COMMIT:
        return mp4_commit(disk->mp4, op->first_seq, op->last_seq, op->dropped, &disk->err);
    case DISK_ROLLBACK:
        mp4_rollback(disk->mp4, &op->timing);
        return 0;
    case DISK_FINISH:
        return mp4_finish(disk->mp4, &op->timing, &disk->err);
    case DISK_COPY:
        return mp4_copy(disk->mp4, &op->timing, disk->dest_path, &disk->cancel, &disk->err);
    }
    return 0;
}

static void work_run(void *user)
{
    struct disk *disk = user;

    pthread_mutex_lock(&disk->lock);
    if (disk->mp4)
        disk->result = run_op(disk);
    pthread_mutex_unlock(&disk->lock);
}

static void refresh(struct disk *disk)
{
    mp4_get_state(disk->mp4, &disk->state);
    replace_str(&disk->path, mp4_path(disk->mp4));
}

static void destroy(struct disk *disk)
{
    pthread_mutex_destroy(&disk->lock);
    free(disk->path);
    free(disk->dest_path);
    free(disk);
}

static void work_done(void *user)
{
    struct disk *disk = user;
    struct error err = disk->err;

    disk->working = false;
    h264_stream_done(&disk->op.stream);
    if (!disk->done) {
        destroy(disk);
        return;
    }
    refresh(disk);
    disk->done(disk->result, &err, disk->user);
}

struct disk *disk_new(struct loop *loop, struct mp4 *mp4, disk_done_fn done, void *user)
{
    struct disk *disk = xcalloc(1, sizeof(*disk));

    disk->loop = loop;
    disk->mp4 = mp4;
    disk->done = done;
    disk->user = user;
    pthread_mutex_init(&disk->lock, NULL);
    refresh(disk);
    return disk;
}

void disk_free(struct disk *disk)
{
    if (!disk)
        return;
    atomic_store(&disk->cancel, true);
    pthread_mutex_lock(&disk->lock);
    mp4_close(TAKE(disk->mp4));
    pthread_mutex_unlock(&disk->lock);
    disk->done = NULL;
    if (!disk->working)
        destroy(disk);
}

void disk_start(struct disk *disk, const struct disk_op *op)
{
    assert(!disk->working);
    disk->working = true;
    disk->op = *op;
    replace_str(&disk->dest_path, op->dest_path);
    error_clear(&disk->err);
    loop_work(disk->loop, work_run, work_done, disk);
}

const struct mp4_state *disk_state(const struct disk *disk)
{
    return &disk->state;
}

const char *disk_path(const struct disk *disk)
{
    return disk->path;
}
