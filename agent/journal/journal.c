/* SPDX-License-Identifier: MIT */
/* journal: a queue of writes before one SQLite file (journal/database.c).
 *
 * A commit with synchronous=FULL waits for the disk: about a millisecond on an SSD, seconds on a
 * tired SD card. So the loop thread only queues rows; a worker takes all that wait and commits them
 * together, and while it waits for the disk the next ones gather. Under load the batches grow by
 * themselves, and a single frame is not held back to wait for company.
 *
 * A row that breaks a constraint fails alone; every other failure (disk full, I/O) undoes the
 * batch, and each of its writers is told. Nothing is retried here: the writers know what a failure
 * means, and the next batch is the probe whether the disk has recovered.
 *
 * The lock on <dir>/lapsed.lock, not SQLite's own locks, keeps a second agent away: two agents
 * could share a database happily, but not the printer and the session directories. */
#include "agent/journal/journal.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/journal/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PID_TEXT_MAX = 32, LOCK_WAIT_MS = 2000, LOCK_LOOK_MS = 20 };

struct journal {
    struct loop *loop;
    char *dir, *path;
    int lock_fd;

    /* Held while a batch is committed: by the worker, and by journal_close(). */
    pthread_mutex_t commit_lock;
    struct database *database;
    struct list committed; /* of the last batch; the loop thread's when the work is done */

    pthread_mutex_t queue_lock; /* never held for long */
    struct list waiting;

    atomic_bool closing;
    bool working; /* a work is queued, runs, or calls done functions */
    bool failing; /* the last write that nobody waits for failed: said once */
};

/* --- the lock --- */

static int refuse_second(struct journal *journal, int fd, struct error *err)
{
    char pid[PID_TEXT_MAX] = "";
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[MAX(len, 0)] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return error_set(err, -EBUSY,
                     "another lapsed (pid %s) uses %s; stop it or give this one a data_dir of its "
                     "own",
                     pid[0] ? pid : "unknown", journal->dir);
}

/* A child that has not yet become its program has our locks for a moment longer when we are killed:
 * who takes our place at once waits for it, and so finds every other lock free, too. */
static bool take_lock(int fd)
{
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_LOOK_MS) {
        if (errno != EWOULDBLOCK || waited_ms >= LOCK_WAIT_MS)
            return errno != EWOULDBLOCK;
        poll(NULL, 0, LOCK_LOOK_MS);
    }
    return true;
}

/* The file stays when we go: removing it would let two agents hold locks on two files. */
static int lock_dir(struct journal *journal, struct error *err)
{
    CLEANUP(free_p) char *path = path_join(journal->dir, "lapsed.lock");
    CLEANUP(free_p) char *pid = xasprintf("%ld\n", (long)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);

    if (fd < 0)
        return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    journal->lock_fd = fd;
    if (!take_lock(fd))
        return refuse_second(journal, fd, err);
    /* Also when the disk is full the lock holds; the pid is only for people. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, strlen(pid), 0) < 0)
        log_warn("journal.lock", "file=%s error=\"%s\"", path, strerror(errno));
    return 0;
}

/* --- writes --- */

static void list_move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *item = from->next;

        list_remove(item);
        list_append(to, item);
    }
}

/* commit_lock is held. */
static void commit_waiting(struct journal *journal)
{
    struct list batch;
    struct error err = {0};
    struct write *write;

    list_init(&batch);
    pthread_mutex_lock(&journal->queue_lock);
    list_move_all(&journal->waiting, &batch);
    pthread_mutex_unlock(&journal->queue_lock);
    if (!list_empty(&batch) && database_commit(journal->database, &batch, &err) < 0)
        LIST_FOR_EACH(&batch, write, struct write, link)
    if (write->result == 0)
        write_fail(write, &err);
    list_move_all(&batch, &journal->committed);
}

static void on_work_run(void *user)
{
    struct journal *journal = user;

    pthread_mutex_lock(&journal->commit_lock);
    if (journal->database) /* else it was closed before this work began */
        commit_waiting(journal);
    pthread_mutex_unlock(&journal->commit_lock);
}

/* The failure of a write that nobody waits for is said here, and once. */
static void note_result(struct journal *journal, const struct write *write)
{
    if (write->done)
        return;
    if (write->result < 0 && !journal->failing)
        log_error("journal.write_failed", "error=\"%s\"", write->why);
    if (write->result == 0 && journal->failing)
        log_info("journal.recovered", "%s", "");
    journal->failing = write->result < 0;
}

static void write_finish(struct journal *journal, struct write *write)
{
    struct error err = {0};

    note_result(journal, write);
    if (write->result < 0)
        error_set(&err, write->result, "%s", write->why);
    if (write->done)
        write->done(write->result, write->result < 0 ? &err : NULL, write->user);
}

static void work_start(struct journal *journal);
static void journal_destroy(struct journal *journal);

static void on_work_done(void *user)
{
    struct journal *journal = user;
    struct list batch;
    struct write *write;

    list_init(&batch);
    list_move_all(&journal->committed, &batch);
    LIST_FOR_EACH(&batch, write, struct write, link)
    {
        if (!atomic_load(&journal->closing)) /* a done function may close the journal */
            write_finish(journal, write);
        write_free(write);
    }
    journal->working = false;
    if (atomic_load(&journal->closing))
        journal_destroy(journal);
    else if (!list_empty(&journal->waiting))
        work_start(journal);
}

static void work_start(struct journal *journal)
{
    journal->working = true;
    loop_work(journal->loop, on_work_run, on_work_done, journal);
}

void journal_queue(struct journal *journal, struct write *write, journal_done_fn done, void *user)
{
    write->done = done;
    write->user = user;
    pthread_mutex_lock(&journal->queue_lock);
    list_append(&journal->waiting, &write->link);
    pthread_mutex_unlock(&journal->queue_lock);
    if (!journal->working)
        work_start(journal);
}

void journal_settle(struct journal *journal, journal_done_fn done, void *user)
{
    if (journal->working)
        journal_queue(journal, write_new(NO_STATEMENT), done, user);
    else
        done(0, NULL, user);
}

/* --- open and close --- */

static struct journal *journal_new(struct loop *loop, const char *dir)
{
    struct journal *journal = xcalloc(1, sizeof(*journal));

    journal->loop = loop;
    journal->dir = xstrdup(dir);
    journal->path = path_join(dir, "journal.db");
    journal->lock_fd = -1;
    list_init(&journal->waiting);
    list_init(&journal->committed);
    pthread_mutex_init(&journal->commit_lock, NULL);
    pthread_mutex_init(&journal->queue_lock, NULL);
    return journal;
}

static void free_writes(struct list *writes)
{
    struct write *write;

    LIST_FOR_EACH(writes, write, struct write, link)
    write_free(write);
    list_init(writes);
}

static void journal_destroy(struct journal *journal)
{
    free_writes(&journal->waiting);
    free_writes(&journal->committed);
    pthread_mutex_destroy(&journal->commit_lock);
    pthread_mutex_destroy(&journal->queue_lock);
    free(journal->dir);
    free(journal->path);
    free(journal);
}

int journal_open(struct loop *loop, const char *dir, struct journal **ret_journal,
                 bool *ret_damaged, struct error *err)
{
    struct journal *journal = journal_new(loop, dir);
    bool damaged = false;
    int rc = path_make_dirs(dir, err);

    if (rc == 0)
        rc = lock_dir(journal, err);
    if (rc == 0)
        rc = database_open(journal->path, &journal->database, &damaged, err);
    if (rc < 0) {
        journal_close(journal);
        return rc;
    }
    *ret_journal = journal;
    *ret_damaged = damaged;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    atomic_store(&journal->closing, true);
    if (journal->database)
        database_hurry(journal->database);
    pthread_mutex_lock(&journal->commit_lock);
    if (journal->database)
        commit_waiting(journal);
    database_close(TAKE(journal->database));
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    journal->lock_fd = -1;
    pthread_mutex_unlock(&journal->commit_lock);
    /* a work that is under way still needs the journal; its done function destroys it */
    if (!journal->working)
        journal_destroy(journal);
}

struct database *journal_database(struct journal *journal)
{
    return journal->database;
}
