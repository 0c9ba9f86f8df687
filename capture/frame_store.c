/* SPDX-License-Identifier: MIT */
/* frame_store: an announced frame is on the disk, whole, under a number that is used once.
 *
 * A frame goes to .<name>.tmp, is synced, and gets its name by a rename that refuses to replace
 * anything, because a number taken twice has cost other programs hundreds of frames. Then the
 * directory is synced; before a session's first frame counts also the directories above it, or a
 * power cut could take the whole session with it. If any step fails nothing is left behind.
 *
 * A session's directory and its frames/ are opened without following links and all work is done
 * relative to that, so that a link planted there leads nothing elsewhere. They are never made again
 * when they are gone: the disk may have been pulled, and what would be made is a directory on the
 * system's card.
 *
 * All disk work is one queue, one job at a time on a worker: the writes stay in order, a deletion
 * cannot overtake the write asked before it, and an SD card is not asked two things at once. A long
 * deletion is cut into slices, which queue up again behind the frames that came meanwhile. */
#include "capture/frame_store.h"

#include "agent/base/buf.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/jpeg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FRAMES_DIR "frames"

enum {
    WAITING_MAX = 64,
    DELETE_SLICE = 256, /* files */
    SESSIONS_OF_NAME = 1000,
    SYNCED_MAX = 16, /* sessions remembered as synced up to the root */
    FRAME_BYTES_MAX = 64 * 1024 * 1024,
};

enum job_kind { JOB_WRITE, JOB_DELETE_FRAMES, JOB_DELETE_SESSION };

struct job {
    struct list link;
    struct frame_store *store; /* NULL: freed while the job was on the worker */
    enum job_kind kind;
    char *session_dir;
    char *camera; /* made safe; NULL: every file (JOB_DELETE_SESSION) */
    int64_t seq, last_seq;

    struct picture *picture;
    int64_t reserve_bytes;
    char *sync_up_to; /* root_dir when the parents must be synced, too */
    frame_stored_fn done;
    void *user;

    int result;
    bool again; /* more is left to delete */
    struct error err;
};

struct frame_store {
    struct loop *loop;
    char *root_dir;
    int64_t reserve_bytes;
    dev_t device;
    struct list waiting;
    struct list refused; /* writes over WAITING_MAX, until their done comes */
    struct timer *refuse_timer;
    size_t writes; /* waiting or running */
    struct job *running;
    char *synced[SYNCED_MAX];
    size_t synced_next;

    pthread_mutex_t mutex; /* guards busy */
    pthread_cond_t idle;
    bool busy; /* the worker has a job in hand */
};

/* --- small helpers --- */

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static char *frame_name(const char *safe_camera, int64_t seq)
{
    return xasprintf("%s_%08" PRId64 ".jpg", safe_camera, seq);
}

/* The number in a name of frame_name(); −1 when it is none. */
static int64_t frame_seq(const char *name, const char *safe_camera)
{
    CLEANUP(free_p) char *digits = NULL;
    CLEANUP(free_p) char *canonical = NULL;
    size_t prefix = strlen(safe_camera) + 1;
    int64_t seq;

    if (!str_starts_with(name, safe_camera) || strlen(name) <= prefix ||
        !str_ends_with(name, ".jpg"))
        return -1;
    digits = path_base_name(name + prefix, ".jpg");
    if (str_to_int(digits, &seq) < 0 || seq < 0)
        return -1;
    canonical = frame_name(safe_camera, seq);
    return str_equal(name, canonical) ? seq : -1;
}

/* Opens session_dir/frames; the last two steps follow no link. */
static int open_frames_dir(const char *session_dir, int *ret_fd, struct error *err)
{
    CLEANUP(close_fd)
    int session_fd = open(session_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = -1;

    if (session_fd >= 0)
        fd = openat(session_fd, FRAMES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int rc = -errno;

        return error_set(err, rc, "cannot open %s/" FRAMES_DIR ": %s", session_dir, strerror(-rc));
    }
    *ret_fd = fd;
    return 0;
}

/* --- on the worker: writing --- */

static int check_room(int dir_fd, const struct job *job, struct error *err)
{
    struct statvfs fs;
    int64_t left_bytes;

    if (fstatvfs(dir_fd, &fs) < 0)
        return error_set(err, -errno, "cannot ask the free space of %s: %s", job->session_dir,
                         strerror(errno));
    left_bytes = (int64_t)(fs.f_bavail * fs.f_frsize) - (int64_t)job->picture->len;
    if (left_bytes < job->reserve_bytes)
        return error_set(err, -ENOSPC,
                         "storage full: %" PRId64 " MB left, %" PRId64 " MB are kept free",
                         MAX(left_bytes, 0) / 1000000, job->reserve_bytes / 1000000);
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

static int write_temp(int dir_fd, const char *temp, const struct picture *picture)
{
    int fd, rc;

    /* left by a power cut; O_EXCL needs it gone */
    if (unlinkat(dir_fd, temp, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    rc = write_all(fd, picture->jpeg, picture->len);
    if (rc == 0 && fdatasync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* rename() that does not replace, also where the file system does not know renameat2()'s flag. */
static int rename_new(int dir_fd, const char *from, const char *to)
{
    if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(dir_fd, from, dir_fd, to, 0) < 0)
        return -errno;
    return unlinkat(dir_fd, from, 0) < 0 ? -errno : 0;
}

/* Some network and FUSE file systems cannot sync a directory; there the rename is all there is. */
static int sync_fd(int dir_fd)
{
    return fsync(dir_fd) < 0 && errno != EINVAL && errno != ENOTSUP ? -errno : 0;
}

static int write_frame(int dir_fd, const char *name, const struct picture *picture)
{
    CLEANUP(free_p) char *temp = xasprintf(".%s.tmp", name);
    int rc = write_temp(dir_fd, temp, picture);

    if (rc == 0)
        rc = rename_new(dir_fd, temp, name);
    if (rc < 0) {
        unlinkat(dir_fd, temp, 0);
        return rc;
    }
    rc = sync_fd(dir_fd);
    if (rc < 0)
        unlinkat(dir_fd, name, 0); /* perhaps on the disk, perhaps not: then rather not */
    return rc;
}

/* Syncs the directories above frames/ up to and with the one that holds root. */
static int sync_parents(const char *session_dir, const char *root_dir, struct error *err)
{
    CLEANUP(free_p) char *dir = xstrdup(session_dir);

    for (;;) {
        bool above_root = strlen(dir) < strlen(root_dir);
        char *slash = strrchr(dir, '/');
        int rc = path_sync_dir(dir[0] ? dir : "/", err);

        /* The directory that holds root need not be ours to read. */
        if (rc < 0 && !(above_root && rc == -EACCES))
            return rc;
        if (above_root || !slash)
            return 0;
        *slash = '\0';
    }
}

static int run_write(struct job *job, struct error *err)
{
    CLEANUP(free_p) char *name = frame_name(job->camera, job->seq);
    CLEANUP(close_fd) int dir_fd = -1;
    int rc = open_frames_dir(job->session_dir, &dir_fd, err);

    if (rc == 0)
        rc = check_room(dir_fd, job, err);
    if (rc == 0 && job->sync_up_to)
        rc = sync_parents(job->session_dir, job->sync_up_to, err);
    if (rc < 0)
        return rc;
    rc = write_frame(dir_fd, name, job->picture);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s/" FRAMES_DIR "/%s: %s", job->session_dir, name,
                         strerror(-rc));
    return 0;
}

/* --- on the worker: deleting --- */

static bool is_doomed(const struct job *job, const char *name)
{
    int64_t seq;

    if (job->kind == JOB_DELETE_SESSION)
        return !str_equal(name, ".") && !str_equal(name, "..");
    seq = frame_seq(name, job->camera);
    return seq >= job->seq && seq <= job->last_seq;
}

/* Unlinks at most a slice; whether more is left. */
static bool delete_slice(const struct job *job)
{
    CLEANUP(close_dir) DIR *dir = NULL;
    const struct dirent *entry;
    int dir_fd = -1, deleted = 0;

    if (open_frames_dir(job->session_dir, &dir_fd, NULL) < 0)
        return false;
    dir = fdopendir(dir_fd);
    if (!dir) {
        close(dir_fd);
        return false;
    }
    while (deleted < DELETE_SLICE && (entry = readdir(dir)))
        if (is_doomed(job, entry->d_name) && unlinkat(dir_fd, entry->d_name, 0) == 0)
            deleted++;
    return deleted == DELETE_SLICE;
}

static int run_delete(struct job *job, struct error *err)
{
    job->again = delete_slice(job);
    if (job->again || job->kind != JOB_DELETE_SESSION)
        return 0;
    return path_remove_tree(job->session_dir, err);
}

static void run_job(void *user)
{
    struct job *job = user;
    struct frame_store *store = job->store;

    job->result = job->kind == JOB_WRITE ? run_write(job, &job->err) : run_delete(job, &job->err);
    pthread_mutex_lock(&store->mutex);
    store->busy = false;
    pthread_cond_signal(&store->idle);
    pthread_mutex_unlock(&store->mutex);
}

/* --- on the loop: the queue --- */

static void job_free(struct job *job)
{
    list_remove(&job->link);
    picture_unref(job->picture);
    free(job->session_dir);
    free(job->camera);
    free(job->sync_up_to);
    free(job);
}

static bool is_synced(const struct frame_store *store, const char *session_dir)
{
    for (size_t i = 0; i < SYNCED_MAX; i++)
        if (str_equal(store->synced[i], session_dir))
            return true;
    return false;
}

static void remember_synced(struct frame_store *store, const char *session_dir)
{
    replace_str(&store->synced[store->synced_next], session_dir);
    store->synced_next = (store->synced_next + 1) % SYNCED_MAX;
}

static void on_job_done(void *user);

static void start_next(struct frame_store *store)
{
    struct job *job = LIST_FIRST(&store->waiting, struct job, link);

    if (store->running || !job)
        return;
    list_remove(&job->link);
    store->running = job;
    store->busy = true;
    if (job->kind == JOB_WRITE && !is_synced(store, job->session_dir))
        replace_str(&job->sync_up_to, store->root_dir);
    loop_work(store->loop, run_job, on_job_done, job);
}

/* Calls done; the store may be gone when this returns. */
static void report(const struct job *job)
{
    CLEANUP(free_p) char *path = frame_store_path(job->session_dir, job->camera, job->seq);

    job->done(job->result, path, &job->err, job->user);
}

static void on_job_done(void *user)
{
    struct job *job = user;
    struct frame_store *store = job->store;

    if (!store) {
        job_free(job);
        return;
    }
    store->running = NULL;
    if (job->again) {
        list_append(&store->waiting, &job->link);
        start_next(store);
        return;
    }
    if (job->kind == JOB_WRITE)
        store->writes--;
    if (job->result == 0 && job->sync_up_to)
        remember_synced(store, job->session_dir);
    start_next(store);
    if (job->done)
        report(job);
    job_free(job);
}

static struct job *job_new(struct frame_store *store, enum job_kind kind, const char *session_dir)
{
    struct job *job = xcalloc(1, sizeof(*job));

    list_init(&job->link);
    job->store = store;
    job->kind = kind;
    job->session_dir = xstrdup(session_dir);
    return job;
}

static void enqueue(struct job *job)
{
    list_append(&job->store->waiting, &job->link);
    start_next(job->store);
}

/* One at a time: done may free the store, and with it the other refused ones. */
static void on_refuse_timer(void *user)
{
    struct frame_store *store = user;
    struct job *job = LIST_FIRST(&store->refused, struct job, link);

    if (!job)
        return;
    list_remove(&job->link);
    if (!list_empty(&store->refused))
        timer_start(store->refuse_timer, 0);
    report(job);
    job_free(job);
}

static void refuse_busy(struct job *job)
{
    job->result =
        error_set(&job->err, -EBUSY, "the disk is too slow: %d frames wait for it", WAITING_MAX);
    list_append(&job->store->refused, &job->link);
    timer_start(job->store->refuse_timer, 0);
}

void frame_store_add(struct frame_store *store, const char *session_dir, const char *camera,
                     int64_t seq, struct picture *picture, frame_stored_fn done, void *user)
{
    struct job *job = job_new(store, JOB_WRITE, session_dir);

    job->camera = path_safe_name(camera);
    job->seq = seq;
    job->picture = picture_ref(picture);
    job->reserve_bytes = store->reserve_bytes;
    job->done = done;
    job->user = user;
    if (store->writes >= WAITING_MAX) {
        refuse_busy(job);
        return;
    }
    store->writes++;
    enqueue(job);
}

void frame_store_delete(struct frame_store *store, const char *session_dir, const char *camera,
                        int64_t first_seq, int64_t last_seq)
{
    struct job *job = job_new(store, JOB_DELETE_FRAMES, session_dir);

    job->camera = path_safe_name(camera);
    job->seq = MAX(first_seq, 0);
    job->last_seq = last_seq;
    enqueue(job);
}

static bool is_below(const char *path, const char *root_dir)
{
    size_t root_len = strlen(root_dir);

    return str_starts_with(path, root_dir) && path[root_len] == '/' && path[root_len + 1] &&
           !strstr(path, "/..");
}

void frame_store_delete_session(struct frame_store *store, const char *session_dir)
{
    if (is_below(session_dir, store->root_dir))
        enqueue(job_new(store, JOB_DELETE_SESSION, session_dir));
}

/* --- sessions --- */

char *frame_store_path(const char *session_dir, const char *camera, int64_t seq)
{
    CLEANUP(free_p) char *safe_camera = path_safe_name(camera);
    CLEANUP(free_p) char *name = frame_name(safe_camera, seq);

    return xasprintf("%s/" FRAMES_DIR "/%s", session_dir, name);
}

/* A mount point whose disk is gone is an empty directory of another device. */
static int check_mounted(const struct frame_store *store, struct error *err)
{
    struct stat st;

    if (stat(store->root_dir, &st) < 0)
        return error_set(err, -errno, "%s: %s", store->root_dir, strerror(errno));
    if (st.st_dev != store->device)
        return error_set(err, -ENODEV, "another disk than at the start is mounted at %s",
                         store->root_dir);
    return 0;
}

/* Makes parent/id, or parent/id-2 … when that is taken. */
static int make_unique_dir(const char *parent, const char *name, char **ret_id, struct error *err)
{
    for (int number = 1; number < SESSIONS_OF_NAME; number++) {
        CLEANUP(free_p)
        char *id = number == 1 ? xstrdup(name) : xasprintf("%s-%d", name, number);
        CLEANUP(free_p) char *dir = path_join(parent, id);

        if (mkdir(dir, 0750) == 0) {
            *ret_id = TAKE(id);
            return 0;
        }
        if (errno != EEXIST)
            return error_set(err, -errno, "cannot make directory %s: %s", dir, strerror(errno));
    }
    return error_set(err, -EEXIST, "too many sessions called %s in %s", name, parent);
}

int frame_store_make_session(struct frame_store *store, const char *agent, const char *printer,
                             const char *session, char **ret_dir, char **ret_id, struct error *err)
{
    CLEANUP(free_p) char *safe_agent = path_safe_name(agent);
    CLEANUP(free_p) char *safe_printer = path_safe_name(printer);
    CLEANUP(free_p) char *safe_session = path_safe_name(session);
    CLEANUP(free_p)
    char *parent = xasprintf("%s/%s/%s", store->root_dir, safe_agent, safe_printer);
    CLEANUP(free_p) char *id = NULL;
    CLEANUP(free_p) char *frames_dir = NULL;
    int rc = check_mounted(store, err);

    if (rc == 0)
        rc = path_make_dirs(parent, err);
    if (rc == 0)
        rc = make_unique_dir(parent, safe_session, &id, err);
    if (rc < 0)
        return rc;
    frames_dir = xasprintf("%s/%s/" FRAMES_DIR, parent, id);
    rc = path_make_dirs(frames_dir, err);
    if (rc < 0)
        return rc;
    *ret_dir = path_join(parent, id);
    *ret_id = TAKE(id);
    return 0;
}

/* --- recovery --- */

static bool is_temp(const char *name, const char *safe_camera)
{
    CLEANUP(free_p) char *final_name = NULL;

    if (name[0] != '.' || !str_ends_with(name, ".tmp"))
        return false;
    final_name = path_base_name(name + 1, ".tmp");
    return frame_seq(final_name, safe_camera) >= 0;
}

static int read_file_at(int dir_fd, const char *name, struct buf *buf, struct stat *ret_st)
{
    /* O_NONBLOCK: a pipe planted here must not hold us up */
    CLEANUP(close_fd)
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    size_t size;

    buf_clear(buf);
    if (fd < 0 || fstat(fd, ret_st) < 0)
        return -errno;
    if (!S_ISREG(ret_st->st_mode) || ret_st->st_size > FRAME_BYTES_MAX)
        return -EBADMSG;
    size = (size_t)ret_st->st_size;
    while (buf->len < size) {
        uint8_t *room = buf_reserve(buf, size - buf->len);
        ssize_t got = room ? read(fd, room, size - buf->len) : -1;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EIO;
        buf_commit(buf, (size_t)got);
    }
    return 0;
}

struct scan {
    int dir_fd;
    const char *safe_camera;
    int64_t first_seq;
    struct buf bytes;
    struct stored_frame *frames;
    size_t count, cap;
};

static void scan_append(struct scan *scan, const struct stored_frame *frame)
{
    if (scan->count == scan->cap) {
        scan->cap = MAX(scan->cap * 2, (size_t)64);
        scan->frames = xrealloc(scan->frames, scan->cap * sizeof(*scan->frames));
    }
    scan->frames[scan->count++] = *frame;
}

static void scan_entry(struct scan *scan, const char *name)
{
    struct stored_frame frame = {.seq = frame_seq(name, scan->safe_camera)};
    struct jpeg_info info;
    struct stat st;

    if (is_temp(name, scan->safe_camera)) {
        unlinkat(scan->dir_fd, name, 0);
        return;
    }
    if (frame.seq < 0 || frame.seq < scan->first_seq)
        return;
    if (read_file_at(scan->dir_fd, name, &scan->bytes, &st) < 0 ||
        jpeg_check(scan->bytes.data, scan->bytes.len, &info, NULL) < 0)
        return;
    frame.bytes = scan->bytes.len;
    frame.width = info.width;
    frame.height = info.height;
    frame.modified_at = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    scan_append(scan, &frame);
}

static int by_seq(const void *a, const void *b)
{
    int64_t seq_a = ((const struct stored_frame *)a)->seq;
    int64_t seq_b = ((const struct stored_frame *)b)->seq;

    return (seq_a > seq_b) - (seq_a < seq_b);
}

int frame_store_scan(const char *session_dir, const char *camera, int64_t first_seq,
                     struct stored_frame **ret_frames, size_t *ret_count, struct error *err)
{
    CLEANUP(free_p) char *safe_camera = path_safe_name(camera);
    struct scan scan = {
        .safe_camera = safe_camera, .first_seq = first_seq, .bytes = BUF_INIT(FRAME_BYTES_MAX)};
    CLEANUP(close_dir) DIR *dir = NULL;
    const struct dirent *entry;
    int rc = open_frames_dir(session_dir, &scan.dir_fd, err);

    if (rc < 0)
        return rc;
    dir = fdopendir(scan.dir_fd);
    if (!dir) {
        close(scan.dir_fd);
        return error_set(err, -ENOMEM, "cannot read %s/" FRAMES_DIR, session_dir);
    }
    while ((entry = readdir(dir)))
        scan_entry(&scan, entry->d_name);
    if (scan.count > 0)
        qsort(scan.frames, scan.count, sizeof(*scan.frames), by_seq);
    buf_done(&scan.bytes);
    *ret_frames = scan.frames;
    *ret_count = scan.count;
    return 0;
}

/* --- life --- */

int frame_store_free_bytes(const struct frame_store *store, int64_t *ret_free_bytes,
                           struct error *err)
{
    return path_free_bytes(store->root_dir, ret_free_bytes, err);
}

int frame_store_open(struct loop *loop, const struct frame_store_config *config,
                     struct frame_store **ret_store, struct error *err)
{
    struct frame_store *store;
    struct stat st;
    int rc;

    if (config->root_dir[0] != '/')
        return error_set(err, -EINVAL, "'%s' is not an absolute path", config->root_dir);
    rc = path_make_dirs(config->root_dir, err);
    if (rc < 0)
        return rc;
    if (stat(config->root_dir, &st) < 0 || access(config->root_dir, R_OK | W_OK | X_OK) < 0)
        return error_set(err, -errno, "cannot write below %s: %s", config->root_dir,
                         strerror(errno));
    store = xcalloc(1, sizeof(*store));
    store->loop = loop;
    store->root_dir = xstrdup(config->root_dir);
    store->reserve_bytes = config->reserve_bytes;
    store->device = st.st_dev;
    store->refuse_timer = timer_new(loop, on_refuse_timer, store);
    list_init(&store->waiting);
    list_init(&store->refused);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->idle, NULL);
    *ret_store = store;
    return 0;
}

/* What waits is dropped: nobody was told that it is there. */
static void drop_jobs(struct list *jobs)
{
    struct job *job;

    while ((job = LIST_FIRST(jobs, struct job, link)))
        job_free(job);
}

/* The job on the worker finishes; its on_job_done() comes later and finds no store. */
static void leave_running(struct frame_store *store)
{
    pthread_mutex_lock(&store->mutex);
    while (store->busy)
        pthread_cond_wait(&store->idle, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
    if (store->running)
        store->running->store = NULL;
}

void frame_store_free(struct frame_store *store)
{
    if (!store)
        return;
    leave_running(store);
    drop_jobs(&store->waiting);
    drop_jobs(&store->refused);
    timer_free(store->refuse_timer);
    for (size_t i = 0; i < SYNCED_MAX; i++)
        free(store->synced[i]);
    pthread_cond_destroy(&store->idle);
    pthread_mutex_destroy(&store->mutex);
    free(store->root_dir);
    free(store);
}
