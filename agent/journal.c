/* SPDX-License-Identifier: MIT */
/* journal: one SQLite file behind a queue of writes.
 *
 * A commit with synchronous=FULL waits for the disk: about a millisecond on an SSD, seconds on a
 * tired SD card. So the loop thread only queues rows; a worker takes all that wait and commits them
 * together, and while it waits for the disk the next ones gather. Under load the batches grow by
 * themselves, and a single frame is not held back to wait for company.
 *
 * Two connections: the worker's, and one of the loop thread for reading. In WAL mode a reader never
 * waits for the writer, so a look at the journal costs no fsync. It sees what is committed.
 *
 * A row that breaks a constraint fails alone: SQLite undoes that one statement and the transaction
 * goes on. Every other failure (disk full, I/O) undoes the batch, and each of its writers is told.
 * Nothing is retried here: the writers know what a failure means, and the next batch is the probe
 * whether the disk has recovered.
 *
 * The lock on <dir>/lapsed.lock, not SQLite's own locks, keeps a second agent away: two agents
 * could share a database happily, but not the printer and the session directories. */
#include "agent/journal.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x6c617073, /* "laps" */
    VALUES_MAX = 14,
    BUSY_STEP_MS = 20,
    BUSY_LIMIT_MS = 90 * 1000, /* somebody's tool holds the write lock */
    BUSY_LIMIT_CLOSING_MS = 1000,
    HEAP_LIMIT_BYTES = 1024 * 1024,
    PID_TEXT_MAX = 32,
};

/* --- schema --- */

/* STRICT, so that quick_check finds a value of a wrong type. Frames have no rowid: the key is the
 * table, and one more frame changes one page. */
static const char *const migrations[] = {
    "CREATE TABLE sessions ("
    "  id TEXT NOT NULL PRIMARY KEY, unit TEXT NOT NULL, printer TEXT, job TEXT,"
    "  dir TEXT NOT NULL, state TEXT NOT NULL, end TEXT, settings TEXT,"
    "  started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, missed INTEGER NOT NULL,"
    "  last_layer INTEGER NOT NULL) STRICT;"
    "CREATE INDEX sessions_open ON sessions (unit, started_at) WHERE ended_at = 0;"
    "CREATE TABLE frames ("
    "  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, camera TEXT NOT NULL,"
    "  seq INTEGER NOT NULL, layer INTEGER NOT NULL, trigger TEXT NOT NULL,"
    "  parked INTEGER NOT NULL, captured_at INTEGER NOT NULL, age_ms INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    "  crc32 INTEGER NOT NULL, PRIMARY KEY (session, camera, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE videos ("
    "  path TEXT NOT NULL PRIMARY KEY,"
    "  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, unit TEXT NOT NULL,"
    "  camera TEXT NOT NULL, kind TEXT NOT NULL, frames INTEGER NOT NULL,"
    "  dropped INTEGER NOT NULL, bytes INTEGER NOT NULL, duration_s REAL NOT NULL,"
    "  fps REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    "  made_at INTEGER NOT NULL, ready_ms_after_end INTEGER NOT NULL) STRICT;"
    "CREATE INDEX videos_session ON videos (session);"
    "CREATE TABLE pauses ("
    "  printer TEXT NOT NULL PRIMARY KEY, job_file TEXT NOT NULL, job_position_bytes INTEGER NOT "
    "NULL,"
    "  layer INTEGER NOT NULL, intent_at INTEGER NOT NULL, boot_id TEXT NOT NULL) STRICT;"
    "CREATE TABLE commands ("
    "  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash INTEGER NOT NULL, ack TEXT,"
    "  at INTEGER NOT NULL) STRICT;"
    /* An agent that runs for years reads (and so tidies) this table only at its start. */
    "CREATE TRIGGER commands_bounded AFTER INSERT ON commands BEGIN"
    "  DELETE FROM commands WHERE n <= NEW.n - 4096; END;"
    "CREATE TABLE topics (topic TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;",
};

enum { SCHEMA_VERSION = ARRAY_LEN(migrations) };

enum statement {
    PUT_SESSION,
    DELETE_SESSION,
    ADD_FRAME,
    ADD_VIDEO,
    OPEN_PAUSE,
    CLOSE_PAUSE,
    PUT_COMMAND,
    TRIM_COMMANDS,
    ADD_TOPIC,
    DELETE_TOPIC,
    STATEMENT_COUNT,
};

/* Never REPLACE: it deletes the old row first, and a session's frames would go with it. */
static const char *const statement_sql[STATEMENT_COUNT] = {
    [PUT_SESSION] =
        "INSERT INTO sessions (id, unit, printer, job, dir, state, end, settings, started_at,"
        " ended_at, missed, last_layer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET unit = excluded.unit, printer = excluded.printer,"
        " job = excluded.job, dir = excluded.dir, state = excluded.state, end = excluded.end,"
        " settings = excluded.settings, started_at = excluded.started_at,"
        " ended_at = excluded.ended_at, missed = excluded.missed,"
        " last_layer = excluded.last_layer",
    [DELETE_SESSION] = "DELETE FROM sessions WHERE id = ?",
    [ADD_FRAME] = "INSERT INTO frames (session, camera, seq, layer, trigger, parked, captured_at,"
                  " age_ms, bytes, width, height, crc32) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                  " ?)",
    /* a preview is made again and again under one name */
    [ADD_VIDEO] =
        "INSERT INTO videos (path, session, unit, camera, kind, frames, dropped, bytes,"
        " duration_s, fps, width, height, made_at, ready_ms_after_end)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET session = excluded.session, unit = excluded.unit,"
        " camera = excluded.camera, kind = excluded.kind, frames = excluded.frames,"
        " dropped = excluded.dropped, bytes = excluded.bytes, duration_s = excluded.duration_s,"
        " fps = excluded.fps, width = excluded.width, height = excluded.height,"
        " made_at = excluded.made_at, ready_ms_after_end = excluded.ready_ms_after_end",
    [OPEN_PAUSE] =
        "INSERT INTO pauses (printer, job_file, job_position_bytes, layer, intent_at, boot_id)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (printer) DO UPDATE SET"
        " job_file = excluded.job_file, job_position_bytes = excluded.job_position_bytes,"
        " layer = excluded.layer, intent_at = excluded.intent_at, boot_id = excluded.boot_id",
    [CLOSE_PAUSE] = "DELETE FROM pauses WHERE printer = ?",
    [PUT_COMMAND] = "INSERT INTO commands (id, hash, ack, at) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, ack = excluded.ack,"
                    " at = excluded.at",
    [TRIM_COMMANDS] = ("DELETE FROM commands WHERE at < ? OR n <="
                       " (SELECT n FROM commands ORDER BY n DESC LIMIT 1 OFFSET ?)"),
    [ADD_TOPIC] = "INSERT INTO topics (topic) VALUES (?) ON CONFLICT DO NOTHING",
    [DELETE_TOPIC] = "DELETE FROM topics WHERE topic = ?",
};

/* --- types --- */

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_kind kind;
    int64_t integer;
    double real;
    char *text;
};

/* One row on its way to the disk. */
struct write {
    struct list link;
    enum statement statement;
    struct value values[VALUES_MAX];
    int value_count;
    journal_done_fn done;
    void *user;
    int result;
    char *why; /* of a failure */
};

struct journal {
    struct loop *loop;
    char *dir, *path;
    int lock_fd;
    sqlite3 *reader; /* loop thread */

    /* Held while a batch is committed: by the worker, and by journal_close(). */
    pthread_mutex_t commit_lock;
    sqlite3 *writer;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct list committed; /* of the last batch; the loop thread's when the work is done */

    pthread_mutex_t queue_lock; /* never held for long */
    struct list waiting;

    atomic_bool closing;
    bool working; /* a work is queued, runs, or calls done functions */
    bool failing; /* the last write that nobody waits for failed: said once */
};

/* --- errors --- */

static int errno_of_system(sqlite3 *db, int fallback)
{
    switch (sqlite3_system_errno(db)) {
    case ENOSPC:
    case EDQUOT:
        return -ENOSPC;
    case EROFS:
        return -EROFS;
    case EACCES:
    case EPERM:
        return -EACCES;
    default:
        return fallback;
    }
}

static int errno_of_sqlite(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ? -EEXIST
                                                                                    : -EINVAL;
    case SQLITE_TOOBIG:
        return -E2BIG;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return errno_of_system(db, -EIO);
    }
}

static bool is_fault_of_row(int rc)
{
    return (rc & 0xff) == SQLITE_CONSTRAINT || (rc & 0xff) == SQLITE_TOOBIG ||
           (rc & 0xff) == SQLITE_MISMATCH;
}

static int fail(struct journal *journal, sqlite3 *db, const char *doing, struct error *err)
{
    int rc = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int code = db ? errno_of_sqlite(db, rc) : -ENOMEM;
    int system = db ? sqlite3_system_errno(db) : 0;

    if (code == -ENOSPC)
        return error_set(err, code, "cannot %s %s: the disk is full", doing, journal->path);
    if (((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) && system != 0)
        return error_set(err, code, "cannot %s %s: %s", doing, journal->path, strerror(system));
    return error_set(err, code, "cannot %s %s: %s", doing, journal->path,
                     db ? sqlite3_errmsg(db) : "out of memory");
}

/* --- opening --- */

static const char *const pragmas[] = {
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA cache_size = -512",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA journal_size_limit = 1048576",
};

/* The write lock may be held by a person's tool; on the worker thread there is time to wait. */
static int on_busy(void *user, int tries)
{
    struct journal *journal = user;
    int limit_ms = atomic_load(&journal->closing) ? BUSY_LIMIT_CLOSING_MS : BUSY_LIMIT_MS;
    struct timespec step = {.tv_nsec = BUSY_STEP_MS * 1000000L};

    if (tries * BUSY_STEP_MS >= limit_ms)
        return 0;
    nanosleep(&step, NULL);
    return 1;
}

static int connect_database(struct journal *journal, sqlite3 **ret_db, struct error *err)
{
    sqlite3 *db = NULL;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(journal->path, &db, flags, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_busy_timeout(db, BUSY_LIMIT_CLOSING_MS);
    }
    for (size_t i = 0; i < ARRAY_LEN(pragmas) && rc == SQLITE_OK; i++)
        rc = sqlite3_exec(db, pragmas[i], NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        int code = fail(journal, db, "open", err);

        sqlite3_close(db);
        return code;
    }
    /* SQLite quietly opens read-only what it may not write */
    if (sqlite3_db_readonly(db, "main") == 1) {
        sqlite3_close(db);
        return error_set(err, -EACCES, "cannot open %s for writing", journal->path);
    }
    *ret_db = db;
    return 0;
}

/* One number of one row. */
static int query_int(struct journal *journal, sqlite3 *db, const char *sql, int64_t *ret_value,
                     struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        int code = fail(journal, db, "read", err);

        sqlite3_finalize(statement);
        return code;
    }
    *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return 0;
}

/* Its message is "*** in database main ***" and, on the next line, what is wrong. */
static int check_verdict(struct journal *journal, const char *verdict, struct error *err)
{
    const char *line = verdict ? strrchr(verdict, '\n') : NULL;

    if (str_equal(verdict, "ok"))
        return 0;
    return error_set(err, -EUCLEAN, "%s is damaged: %s", journal->path,
                     line ? line + 1 : "the check says nothing");
}

static int check_pages(struct journal *journal, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(journal->writer, "PRAGMA quick_check(1)", -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        rc = check_verdict(journal, (const char *)sqlite3_column_text(statement, 0), err);
    else
        rc = fail(journal, journal->writer, "check", err);
    sqlite3_finalize(statement);
    return rc;
}

static int migrate_step(struct journal *journal, int64_t version, struct error *err)
{
    CLEANUP(free_p)
    char *sql = xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
                          " PRAGMA user_version = %d; COMMIT;",
                          migrations[version], APPLICATION_ID, (int)version + 1);
    int code;

    if (sqlite3_exec(journal->writer, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    code = fail(journal, journal->writer, "set up", err);
    sqlite3_exec(journal->writer, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static int migrate(struct journal *journal, struct error *err)
{
    int64_t version = 0, application = 0, tables = 0;
    int rc = query_int(journal, journal->writer, "PRAGMA user_version", &version, err);

    if (rc == 0)
        rc = query_int(journal, journal->writer, "PRAGMA application_id", &application, err);
    if (rc == 0 && version > SCHEMA_VERSION && application == APPLICATION_ID)
        return error_set(err, -EPROTO,
                         "%s was written by a newer lapsed (schema %lld, this one knows %d);"
                         " install that version again or move the file away",
                         journal->path, (long long)version, SCHEMA_VERSION);
    if (rc == 0)
        rc =
            query_int(journal, journal->writer, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc == 0 && (version < 0 || version > SCHEMA_VERSION || (version == 0) != (tables == 0) ||
                    (version > 0 && application != APPLICATION_ID)))
        return error_set(err, -EUCLEAN, "%s is not a journal of lapsed", journal->path);
    if (rc == 0 && version > 0)
        rc = check_pages(journal, err);
    for (; rc == 0 && version < SCHEMA_VERSION; version++)
        rc = migrate_step(journal, version, err);
    return rc;
}

static int prepare_statements(struct journal *journal, struct error *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(journal->writer, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &journal->statements[i], NULL) != SQLITE_OK)
            return fail(journal, journal->writer, "use", err);
    return 0;
}

static void disconnect(struct journal *journal)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(journal->statements[i]);
        journal->statements[i] = NULL;
    }
    /* the last one to close does the final checkpoint, so the writer, whose lock is patient */
    sqlite3_close(TAKE(journal->reader));
    sqlite3_close(TAKE(journal->writer));
}

static int open_database(struct journal *journal, struct error *err)
{
    struct stat st;
    int rc;

    /* SQLite takes an empty file for a new database, and nobody would hear that the old is gone. */
    if (stat(journal->path, &st) == 0 && st.st_size == 0)
        return error_set(err, -EUCLEAN, "%s is empty", journal->path);
    rc = connect_database(journal, &journal->writer, err);
    if (rc == 0)
        rc = migrate(journal, err);
    if (rc == 0)
        rc = prepare_statements(journal, err);
    if (rc == 0)
        rc = connect_database(journal, &journal->reader, err);
    if (rc < 0) {
        disconnect(journal);
        return rc;
    }
    sqlite3_busy_handler(journal->writer, on_busy, journal);
    return 0;
}

static int rename_suffixed(const char *from, const char *to, const char *suffix, struct error *err)
{
    CLEANUP(free_p) char *old_path = xasprintf("%s%s", from, suffix);
    CLEANUP(free_p) char *new_path = xasprintf("%s%s", to, suffix);

    if (rename(old_path, new_path) < 0 && errno != ENOENT)
        return error_set(err, -errno, "cannot set %s aside: %s", old_path, strerror(errno));
    return 0;
}

/* The WAL goes with its database: together they may still be read by a repair tool, and left behind
 * it would be replayed into the new one. */
static int set_aside(struct journal *journal, struct error *err)
{
    CLEANUP(free_p) char *aside = NULL;
    CLEANUP(free_p) char *shm = xasprintf("%s-shm", journal->path);
    char now[CLOCK_COMPACT_LEN];
    int rc;

    clock_format_compact(clock_wall_ms(), now);
    aside = xasprintf("%s.damaged-%s", journal->path, now);
    rc = rename_suffixed(journal->path, aside, "-wal", err);
    if (rc == 0)
        rc = rename_suffixed(journal->path, aside, "", err);
    if (rc == 0 && unlink(shm) < 0 && errno != ENOENT)
        rc = error_set(err, -errno, "cannot remove %s: %s", shm, strerror(errno));
    if (rc == 0)
        log_warn("journal.set_aside", "file=%s", aside);
    return rc;
}

static int open_or_begin_anew(struct journal *journal, bool *ret_damaged, struct error *err)
{
    struct error why = {0};
    int rc = open_database(journal, &why);

    if (rc == -EUCLEAN) {
        log_error("journal.damaged", "error=\"%s\"", why.text);
        rc = set_aside(journal, &why);
        if (rc == 0)
            rc = open_database(journal, &why);
        *ret_damaged = rc == 0;
    }
    return rc < 0 ? error_set(err, rc, "%s", why.text) : 0;
}

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

/* The file stays when we go: removing it would let two agents hold locks on two files. */
static int lock_dir(struct journal *journal, struct error *err)
{
    CLEANUP(free_p) char *path = path_join(journal->dir, "lapsed.lock");
    CLEANUP(free_p) char *pid = xasprintf("%ld\n", (long)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);

    if (fd < 0)
        return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    journal->lock_fd = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return refuse_second(journal, fd, err);
    /* Also when the disk is full the lock holds; the pid is only for people. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, strlen(pid), 0) < 0)
        log_warn("journal.lock", "file=%s error=\"%s\"", path, strerror(errno));
    return 0;
}

/* --- writes --- */

static struct write *write_new(enum statement statement)
{
    struct write *write = xcalloc(1, sizeof(*write));

    write->statement = statement;
    list_init(&write->link);
    return write;
}

static void write_free(struct write *write)
{
    for (int i = 0; i < write->value_count; i++)
        free(write->values[i].text);
    free(write->why);
    free(write);
}

static struct value *write_add(struct write *write, enum value_kind kind)
{
    struct value *value = &write->values[write->value_count++];

    assert(write->value_count <= VALUES_MAX);
    value->kind = kind;
    return value;
}

static void write_int(struct write *write, int64_t integer)
{
    write_add(write, VALUE_INT)->integer = integer;
}

static void write_real(struct write *write, double real)
{
    write_add(write, VALUE_REAL)->real = real;
}

static void write_text(struct write *write, const char *text)
{
    write_add(write, text ? VALUE_TEXT : VALUE_NULL)->text = text ? xstrdup(text) : NULL;
}

static void write_fail(struct write *write, const struct error *err)
{
    write->result = err->code;
    write->why = xstrdup(err->text);
}

static int bind_value(sqlite3_stmt *statement, int index, const struct value *value)
{
    switch (value->kind) {
    case VALUE_INT:
        return sqlite3_bind_int64(statement, index, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(statement, index, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text(statement, index, value->text, -1, SQLITE_STATIC);
    case VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

/* An SQLite code; the connection still tells the error. */
static int write_execute(struct journal *journal, const struct write *write)
{
    sqlite3_stmt *statement = journal->statements[write->statement];
    int rc = SQLITE_OK;

    for (int i = 0; i < write->value_count && rc == SQLITE_OK; i++)
        rc = bind_value(statement, i + 1, &write->values[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void statement_release(struct journal *journal, enum statement statement)
{
    sqlite3_reset(journal->statements[statement]);
    sqlite3_clear_bindings(journal->statements[statement]);
}

static int write_rows(struct journal *journal, struct list *batch, struct error *err)
{
    struct write *write;

    LIST_FOR_EACH(batch, write, struct write, link)
    {
        struct error why = {0};
        int rc = write_execute(journal, write);

        if (rc != SQLITE_OK)
            fail(journal, journal->writer, "write to", &why);
        statement_release(journal, write->statement);
        if (rc != SQLITE_OK && !is_fault_of_row(rc))
            return error_set(err, why.code, "%s", why.text);
        if (rc != SQLITE_OK)
            write_fail(write, &why);
    }
    return 0;
}

/* A database file that was moved or deleted under us still takes writes, into nothing. */
static int check_in_place(struct journal *journal, struct error *err)
{
    int moved = 0;

    if (sqlite3_file_control(journal->writer, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
            SQLITE_OK ||
        !moved)
        return 0;
    return error_set(err, -ESTALE, "%s was moved or deleted while in use; restart lapsed",
                     journal->path);
}

static int commit_batch(struct journal *journal, struct list *batch, struct error *err)
{
    int rc = check_in_place(journal, err);

    if (rc < 0)
        return rc;
    if (sqlite3_exec(journal->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fail(journal, journal->writer, "write to", err);
    rc = write_rows(journal, batch, err);
    if (rc == 0 && sqlite3_exec(journal->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(journal, journal->writer, "write to", err);
    /* some failures have rolled back already */
    if (rc < 0 && !sqlite3_get_autocommit(journal->writer))
        sqlite3_exec(journal->writer, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

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
    if (!list_empty(&batch) && commit_batch(journal, &batch, &err) < 0)
        LIST_FOR_EACH(&batch, write, struct write, link)
    if (write->result == 0)
        write_fail(write, &err);
    list_move_all(&batch, &journal->committed);
}

static void on_work_run(void *user)
{
    struct journal *journal = user;

    pthread_mutex_lock(&journal->commit_lock);
    if (journal->writer) /* else it was closed before this work began */
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

static void queue_write(struct journal *journal, struct write *write, journal_done_fn done,
                        void *user)
{
    write->done = done;
    write->user = user;
    pthread_mutex_lock(&journal->queue_lock);
    list_append(&journal->waiting, &write->link);
    pthread_mutex_unlock(&journal->queue_lock);
    if (!journal->working)
        work_start(journal);
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

    sqlite3_soft_heap_limit64(HEAP_LIMIT_BYTES);
    if (rc == 0)
        rc = lock_dir(journal, err);
    if (rc == 0)
        rc = open_or_begin_anew(journal, &damaged, err);
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
    pthread_mutex_lock(&journal->commit_lock);
    if (journal->writer)
        commit_waiting(journal);
    disconnect(journal);
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    journal->lock_fd = -1;
    pthread_mutex_unlock(&journal->commit_lock);
    /* a work that is under way still needs the journal; its done function destroys it */
    if (!journal->working)
        journal_destroy(journal);
}

/* --- reading --- */

/* Prepares a read with text parameters; finalize it with read_end(). */
static int read_begin(struct journal *journal, const char *sql, const char *const *texts,
                      int text_count, sqlite3_stmt **ret_statement, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(journal->reader, sql, -1, &statement, NULL);

    for (int i = 0; i < text_count && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    if (rc != SQLITE_OK) {
        sqlite3_finalize(statement);
        return fail(journal, journal->reader, "read", err);
    }
    *ret_statement = statement;
    return 0;
}

/* 1: a row is there, 0: no more. */
static int read_row(struct journal *journal, sqlite3_stmt *statement, struct error *err)
{
    int rc = sqlite3_step(statement);

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : fail(journal, journal->reader, "read", err);
}

/* Reads are rare: their pages need not stay in memory. */
static void read_end(struct journal *journal, sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
    sqlite3_db_release_memory(journal->reader);
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

static char *column_copy(sqlite3_stmt *statement, int column)
{
    const char *text = column_text(statement, column);

    return text ? xstrdup(text) : NULL;
}

static void column_to_array(sqlite3_stmt *statement, int column, char *array, size_t size)
{
    const char *text = column_text(statement, column);

    snprintf(array, size, "%s", text ? text : "");
}

/* --- sessions --- */

void journal_session_done(struct journal_session *session)
{
    free(session->id);
    free(session->unit);
    free(session->printer);
    free(session->job);
    free(session->dir);
    free(session->state);
    free(session->end);
    free(session->settings);
    *session = (struct journal_session){0};
}

void journal_put_session(struct journal *journal, const struct journal_session *session,
                         journal_done_fn done, void *user)
{
    struct write *write = write_new(PUT_SESSION);

    write_text(write, session->id);
    write_text(write, session->unit);
    write_text(write, session->printer);
    write_text(write, session->job);
    write_text(write, session->dir);
    write_text(write, session->state);
    write_text(write, session->end);
    write_text(write, session->settings);
    write_int(write, session->started_at);
    write_int(write, session->ended_at);
    write_int(write, session->missed);
    write_int(write, session->last_layer);
    queue_write(journal, write, done, user);
}

static void session_of_row(sqlite3_stmt *statement, struct journal_session *ret_session)
{
    *ret_session = (struct journal_session){
        .id = column_copy(statement, 0),
        .unit = column_copy(statement, 1),
        .printer = column_copy(statement, 2),
        .job = column_copy(statement, 3),
        .dir = column_copy(statement, 4),
        .state = column_copy(statement, 5),
        .end = column_copy(statement, 6),
        .settings = column_copy(statement, 7),
        .started_at = sqlite3_column_int64(statement, 8),
        .ended_at = sqlite3_column_int64(statement, 9),
        .missed = sqlite3_column_int64(statement, 10),
        .last_layer = sqlite3_column_int(statement, 11),
    };
}

int journal_open_session(struct journal *journal, const char *unit,
                         struct journal_session *ret_session, struct error *err)
{
    sqlite3_stmt *statement;
    int rc =
        read_begin(journal,
                   "SELECT id, unit, printer, job, dir, state, end, settings, started_at,"
                   " ended_at, missed, last_layer FROM sessions"
                   " WHERE unit = ? AND ended_at = 0 ORDER BY started_at DESC, id DESC LIMIT 1",
                   &unit, 1, &statement, err);

    if (rc < 0)
        return rc;
    rc = read_row(journal, statement, err);
    if (rc > 0)
        session_of_row(statement, ret_session);
    read_end(journal, statement);
    if (rc == 0)
        return error_set(err, -ENOENT, "unit '%s' has no open session", unit);
    return MIN(rc, 0);
}

void journal_delete_session(struct journal *journal, const char *id)
{
    struct write *write = write_new(DELETE_SESSION);

    write_text(write, id);
    queue_write(journal, write, NULL, NULL);
}

/* --- frames --- */

void journal_add_frame(struct journal *journal, const struct journal_frame *frame,
                       journal_done_fn done, void *user)
{
    struct write *write = write_new(ADD_FRAME);

    write_text(write, frame->session);
    write_text(write, frame->camera);
    write_int(write, frame->seq);
    write_int(write, frame->layer);
    write_text(write, frame->trigger);
    write_int(write, frame->parked);
    write_int(write, frame->captured_at);
    write_int(write, frame->age_ms);
    write_int(write, frame->bytes);
    write_int(write, frame->width);
    write_int(write, frame->height);
    write_int(write, frame->crc32);
    queue_write(journal, write, done, user);
}

static void frame_of_row(sqlite3_stmt *statement, struct journal_frame *ret_frame)
{
    ret_frame->seq = sqlite3_column_int64(statement, 0);
    ret_frame->layer = sqlite3_column_int(statement, 1);
    ret_frame->parked = sqlite3_column_int(statement, 2) != 0;
    ret_frame->captured_at = sqlite3_column_int64(statement, 3);
    ret_frame->age_ms = sqlite3_column_int64(statement, 4);
    ret_frame->bytes = sqlite3_column_int64(statement, 5);
    ret_frame->width = sqlite3_column_int(statement, 6);
    ret_frame->height = sqlite3_column_int(statement, 7);
    ret_frame->crc32 = (uint32_t)sqlite3_column_int64(statement, 8);
}

int journal_each_frame(struct journal *journal, const char *session, const char *camera,
                       int64_t after_seq, journal_frame_fn each, void *user, struct error *err)
{
    const char *texts[] = {session, camera};
    struct journal_frame frame = {.session = session, .camera = camera};
    sqlite3_stmt *statement;
    int rc = read_begin(journal,
                        "SELECT seq, layer, parked, captured_at, age_ms, bytes, width, height,"
                        " crc32 FROM frames WHERE session = ? AND camera = ? AND seq > ?"
                        " ORDER BY seq",
                        texts, ARRAY_LEN(texts), &statement, err);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(statement, 3, after_seq);
    while ((rc = read_row(journal, statement, err)) > 0) {
        frame_of_row(statement, &frame);
        each(&frame, user);
    }
    read_end(journal, statement);
    return rc;
}

int journal_frame_totals(struct journal *journal, const char *session, const char *camera,
                         struct journal_frame_totals *ret_totals, struct error *err)
{
    const char *texts[] = {session, camera};
    sqlite3_stmt *statement;
    int rc = read_begin(journal,
                        "SELECT count(*), sum(bytes), max(seq), max(captured_at) FROM frames"
                        " WHERE session = ? AND camera = ?",
                        texts, ARRAY_LEN(texts), &statement, err);

    if (rc < 0)
        return rc;
    rc = read_row(journal, statement, err);
    if (rc > 0)
        *ret_totals = (struct journal_frame_totals){
            .frames = sqlite3_column_int64(statement, 0),
            .bytes = sqlite3_column_int64(statement, 1),
            .last_seq = sqlite3_column_int64(statement, 2),
            .last_captured_at = sqlite3_column_int64(statement, 3),
        };
    read_end(journal, statement);
    return MIN(rc, 0);
}

/* --- videos --- */

void journal_add_video(struct journal *journal, const struct journal_video *video,
                       journal_done_fn done, void *user)
{
    struct write *write = write_new(ADD_VIDEO);

    write_text(write, video->path);
    write_text(write, video->session);
    write_text(write, video->unit);
    write_text(write, video->camera);
    write_text(write, video->kind);
    write_int(write, video->frames);
    write_int(write, video->dropped);
    write_int(write, video->bytes);
    write_real(write, video->duration_s);
    write_real(write, video->fps);
    write_int(write, video->width);
    write_int(write, video->height);
    write_int(write, video->made_at);
    write_int(write, video->ready_ms_after_end);
    queue_write(journal, write, done, user);
}

/* --- pauses --- */

void journal_open_pause(struct journal *journal, const struct pause_record *record,
                        journal_done_fn done, void *user)
{
    struct write *write = write_new(OPEN_PAUSE);

    write_text(write, record->printer);
    write_text(write, record->job_file);
    write_int(write, record->job_position_bytes);
    write_int(write, record->layer);
    write_int(write, record->intent_at);
    write_text(write, record->boot_id);
    queue_write(journal, write, done, user);
}

void journal_close_pause(struct journal *journal, const char *printer)
{
    struct write *write = write_new(CLOSE_PAUSE);

    write_text(write, printer);
    queue_write(journal, write, NULL, NULL);
}

static void pause_of_row(sqlite3_stmt *statement, struct pause_record *ret_record)
{
    *ret_record = (struct pause_record){
        .job_position_bytes = sqlite3_column_int64(statement, 2),
        .layer = sqlite3_column_int(statement, 3),
        .intent_at = sqlite3_column_int64(statement, 4),
    };
    column_to_array(statement, 0, ret_record->printer, sizeof(ret_record->printer));
    column_to_array(statement, 1, ret_record->job_file, sizeof(ret_record->job_file));
    column_to_array(statement, 5, ret_record->boot_id, sizeof(ret_record->boot_id));
}

int journal_get_pause(struct journal *journal, const char *printer, struct pause_record *ret_record,
                      struct error *err)
{
    sqlite3_stmt *statement;
    int rc = read_begin(journal,
                        "SELECT printer, job_file, job_position_bytes, layer, intent_at, boot_id"
                        " FROM pauses WHERE printer = ?",
                        &printer, 1, &statement, err);

    if (rc < 0)
        return rc;
    rc = read_row(journal, statement, err);
    if (rc > 0)
        pause_of_row(statement, ret_record);
    read_end(journal, statement);
    if (rc == 0)
        return error_set(err, -ENOENT, "printer '%s' has no open pause", printer);
    return MIN(rc, 0);
}

/* --- answered commands --- */

void journal_put_command(struct journal *journal, const char *id, uint64_t hash, const char *ack,
                         journal_done_fn done, void *user)
{
    struct write *write = write_new(PUT_COMMAND);

    write_text(write, id);
    write_int(write, (int64_t)hash);
    write_text(write, ack);
    write_int(write, clock_wall_ms());
    queue_write(journal, write, done, user);
}

static void trim_commands(struct journal *journal, size_t max_count, int64_t oldest_at)
{
    struct write *write = write_new(TRIM_COMMANDS);

    write_int(write, oldest_at);
    write_int(write, (int64_t)max_count);
    queue_write(journal, write, NULL, NULL);
}

int journal_each_command(struct journal *journal, size_t max_count, int64_t max_age_ms,
                         journal_command_fn each, void *user, struct error *err)
{
    int64_t oldest_at = clock_wall_ms() - max_age_ms;
    sqlite3_stmt *statement;
    int rc = read_begin(journal,
                        "SELECT id, hash, ack, at FROM (SELECT * FROM commands"
                        " ORDER BY n DESC LIMIT ?) WHERE at >= ? ORDER BY n",
                        NULL, 0, &statement, err);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(statement, 1, (int64_t)max_count);
    sqlite3_bind_int64(statement, 2, oldest_at);
    while ((rc = read_row(journal, statement, err)) > 0)
        each(column_text(statement, 0), (uint64_t)sqlite3_column_int64(statement, 1),
             column_text(statement, 2), sqlite3_column_int64(statement, 3), user);
    read_end(journal, statement);
    if (rc == 0)
        trim_commands(journal, max_count, oldest_at);
    return rc;
}

/* --- retained topics --- */

void journal_add_topic(struct journal *journal, const char *topic)
{
    struct write *write = write_new(ADD_TOPIC);

    write_text(write, topic);
    queue_write(journal, write, NULL, NULL);
}

void journal_delete_topic(struct journal *journal, const char *topic)
{
    struct write *write = write_new(DELETE_TOPIC);

    write_text(write, topic);
    queue_write(journal, write, NULL, NULL);
}

int journal_each_topic(struct journal *journal, journal_topic_fn each, void *user,
                       struct error *err)
{
    sqlite3_stmt *statement;
    int rc =
        read_begin(journal, "SELECT topic FROM topics ORDER BY topic", NULL, 0, &statement, err);

    if (rc < 0)
        return rc;
    while ((rc = read_row(journal, statement, err)) > 0)
        each(column_text(statement, 0), user);
    read_end(journal, statement);
    return rc;
}
