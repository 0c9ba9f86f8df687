/* SPDX-License-Identifier: MIT */
/* frame_store: one queue for all disk work, one job at a time on a worker.
 *
 * So the writes stay in order, a deletion cannot overtake the write asked before it, and an SD card
 * is not asked two things at once. A long deletion is cut into slices, which queue up again behind
 * the frames that came meanwhile. The directories above a session's are synced with its first
 * frame: without that a power cut could take the whole session with it. */
#include "capture/frame_store.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/frame_files.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAITING_MAX = 64,
    DELETE_SLICE = 256, /* files */
    SESSIONS_OF_NAME = 1000,
    SYNCED_MAX = 16, /* sessions remembered as synced up to the root */
};

enum job_kind { JOB_WRITE, JOB_WRITE_RAW, JOB_DELETE_FRAMES, JOB_DELETE_SESSION };

struct job {
    struct list link;
    struct frame_store *store; /* NULL: freed while the job was on the worker */
    enum job_kind kind;
    char *session_dir;
    char *camera; /* made safe; NULL: every file (JOB_DELETE_SESSION) */
    int64_t seq, last_seq;

    struct picture *picture;
    struct raw *raw; /* JOB_WRITE_RAW */
    struct raw_waiter raw_waiter;
    struct exif_stamp *stamp;
    int64_t reserve_bytes;
    struct frame_file file;
    char *sync_up_to; /* root_dir when the parents must be synced, too */
    frame_stored_fn done;
    frame_deleted_fn deleted;
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
    struct list raws;    /* of stored frames, which may still come */
    void (*on_raw)(int result, const char *path, const struct error *err, void *user);
    void *user;
    struct timer *refuse_timer;
    size_t writes; /* waiting or running */
    struct job *running;
    char *synced[SYNCED_MAX];
    size_t synced_next;

    pthread_mutex_t mutex; /* guards busy */
    pthread_cond_t idle;
    bool busy; /* the worker has a job in hand */
};

/* --- on the worker --- */

static int run_write(struct job *job, struct error *err)
{
    int rc = 0;

    if (job->sync_up_to)
        rc = frame_files_sync_parents(job->session_dir, job->sync_up_to, err);
    if (rc < 0)
        return rc;
    return frame_files_write(job->session_dir, job->camera, job->seq, job->picture, job->stamp,
                             job->reserve_bytes, &job->file, err);
}

static int run_delete(struct job *job, struct error *err)
{
    job->again =
        frame_files_delete(job->session_dir, job->camera, job->seq, job->last_seq, DELETE_SLICE);
    if (job->again || job->kind != JOB_DELETE_SESSION)
        return 0;
    return path_remove_tree(job->session_dir, err);
}

static int run_kind(struct job *job, struct error *err)
{
    switch (job->kind) {
    case JOB_WRITE:
        return run_write(job, err);
    case JOB_WRITE_RAW:
        return frame_files_write_raw(job->session_dir, job->camera, job->seq, job->raw,
                                     job->reserve_bytes, err);
    case JOB_DELETE_FRAMES:
    case JOB_DELETE_SESSION:
        break;
    }
    return run_delete(job, err);
}

static void run_job(void *user)
{
    struct job *job = user;
    struct frame_store *store = job->store;

    job->result = run_kind(job, &job->err);
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
    if (job->raw)
        raw_waiter_done(&job->raw_waiter);
    raw_unref(job->raw);
    exif_stamp_free(job->stamp);
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
static void report(struct job *job)
{
    CLEANUP(free_p) char *path = frame_store_path(job->session_dir, job->camera, job->seq);

    job->file.path = path;
    job->done(job->result, &job->file, &job->err, job->user);
}

static void report_deleted(const struct job *job)
{
    bool gone = job->result == 0 || job->result == -ENOENT;

    job->deleted(gone ? 0 : job->result, gone ? NULL : &job->err, job->user);
}

static void enqueue(struct job *job)
{
    list_append(&job->store->waiting, &job->link);
    start_next(job->store);
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

/* --- the RAW of a frame --- */

static void on_raw_settled(void *user)
{
    struct job *job = user;

    list_remove(&job->link);
    if (job->raw->fd >= 0)
        enqueue(job);
    else
        job_free(job);
}

static void follow_with_raw(struct frame_store *store, const struct job *frame)
{
    struct job *job = job_new(store, JOB_WRITE_RAW, frame->session_dir);

    job->camera = xstrdup(frame->camera);
    job->seq = frame->seq;
    job->reserve_bytes = frame->reserve_bytes;
    job->raw = raw_ref(frame->picture->raw);
    list_append(&store->raws, &job->link);
    raw_waiter_init(&job->raw_waiter, on_raw_settled, job);
    raw_await(job->raw, &job->raw_waiter);
}

static void report_raw(const struct frame_store *store, const struct job *job)
{
    CLEANUP(free_p) char *name = frame_files_raw_name(job->camera, job->seq, job->raw);
    CLEANUP(free_p) char *path = xasprintf("%s/" FRAMES_DIR "/%s", job->session_dir, name);

    store->on_raw(job->result, path, &job->err, store->user);
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
    if (job->kind == JOB_WRITE && job->result == 0 && job->picture->raw)
        follow_with_raw(store, job);
    start_next(store);
    if (job->kind == JOB_WRITE_RAW && store->on_raw)
        report_raw(store, job);
    if (job->done)
        report(job);
    if (job->deleted)
        report_deleted(job);
    job_free(job);
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
                     int64_t seq, struct picture *picture, struct exif_stamp *stamp,
                     frame_stored_fn done, void *user)
{
    struct job *job = job_new(store, JOB_WRITE, session_dir);

    job->camera = path_safe_name(camera);
    job->seq = seq;
    job->picture = picture_ref(picture);
    job->stamp = stamp;
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

bool frame_store_holds(const struct frame_store *store, const char *path)
{
    return is_below(path, store->root_dir);
}

int frame_store_delete_session(struct frame_store *store, const char *session_dir,
                               frame_deleted_fn done, void *user, struct error *err)
{
    struct job *job;

    if (!is_below(session_dir, store->root_dir))
        return error_set(err, -EPERM, "%s is not below media_dir (%s)", session_dir,
                         store->root_dir);
    job = job_new(store, JOB_DELETE_SESSION, session_dir);
    job->deleted = done;
    job->user = user;
    enqueue(job);
    return 0;
}

/* --- sessions --- */

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
    list_init(&store->raws);
    store->on_raw = config->on_raw;
    store->user = config->user;
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
    drop_jobs(&store->raws);
    timer_free(store->refuse_timer);
    for (size_t i = 0; i < SYNCED_MAX; i++)
        free(store->synced[i]);
    pthread_cond_destroy(&store->idle);
    pthread_mutex_destroy(&store->mutex);
    free(store->root_dir);
    free(store);
}
