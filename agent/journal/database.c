/* SPDX-License-Identifier: MIT */
/* database: WAL and synchronous=FULL, so that a commit survives a power cut. A row that breaks a
 * constraint fails alone: SQLite undoes that one statement and the transaction goes on. Every other
 * failure (disk full, I/O) undoes the batch. */
#include "agent/journal/database.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x6c617073, /* "laps" */
    BUSY_STEP_MS = 20,
    BUSY_LIMIT_MS = 90 * 1000, /* somebody's tool holds the write lock */
    BUSY_LIMIT_HURRYING_MS = 1000,
    HEAP_LIMIT_BYTES = 1024 * 1024,
};

struct database {
    char *path;
    sqlite3 *reader, *writer;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    atomic_bool hurrying;
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

static int fail(const struct database *database, sqlite3 *db, const char *doing, struct error *err)
{
    int rc = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int code = db ? errno_of_sqlite(db, rc) : -ENOMEM;
    int system = db ? sqlite3_system_errno(db) : 0;

    if (code == -ENOSPC)
        return error_set(err, code, "cannot %s %s: the disk is full", doing, database->path);
    if (((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) && system != 0)
        return error_set(err, code, "cannot %s %s: %s", doing, database->path, strerror(system));
    return error_set(err, code, "cannot %s %s: %s", doing, database->path,
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
    struct database *database = user;
    int limit_ms = atomic_load(&database->hurrying) ? BUSY_LIMIT_HURRYING_MS : BUSY_LIMIT_MS;
    struct timespec step = {.tv_nsec = BUSY_STEP_MS * 1000000L};

    if (tries * BUSY_STEP_MS >= limit_ms)
        return 0;
    nanosleep(&step, NULL);
    return 1;
}

static int connect_database(struct database *database, sqlite3 **ret_db, struct error *err)
{
    sqlite3 *db = NULL;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(database->path, &db, flags, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_busy_timeout(db, BUSY_LIMIT_HURRYING_MS);
    }
    for (size_t i = 0; i < ARRAY_LEN(pragmas) && rc == SQLITE_OK; i++)
        rc = sqlite3_exec(db, pragmas[i], NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        int code = fail(database, db, "open", err);

        sqlite3_close(db);
        return code;
    }
    /* SQLite quietly opens read-only what it may not write */
    if (sqlite3_db_readonly(db, "main") == 1) {
        sqlite3_close(db);
        return error_set(err, -EACCES, "cannot open %s for writing", database->path);
    }
    *ret_db = db;
    return 0;
}

/* One number of one row. */
static int query_int(struct database *database, sqlite3 *db, const char *sql, int64_t *ret_value,
                     struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        int code = fail(database, db, "read", err);

        sqlite3_finalize(statement);
        return code;
    }
    *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return 0;
}

/* Its message is "*** in database main ***" and, on the next line, what is wrong. */
static int check_verdict(struct database *database, const char *verdict, struct error *err)
{
    const char *line = verdict ? strrchr(verdict, '\n') : NULL;

    if (str_equal(verdict, "ok"))
        return 0;
    return error_set(err, -EUCLEAN, "%s is damaged: %s", database->path,
                     line ? line + 1 : "the check says nothing");
}

static int check_pages(struct database *database, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(database->writer, "PRAGMA quick_check(1)", -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        rc = check_verdict(database, (const char *)sqlite3_column_text(statement, 0), err);
    else
        rc = fail(database, database->writer, "check", err);
    sqlite3_finalize(statement);
    return rc;
}

static int migrate_step(struct database *database, int64_t version, struct error *err)
{
    CLEANUP(free_p)
    char *sql = xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
                          " PRAGMA user_version = %d; COMMIT;",
                          schema_steps[version], APPLICATION_ID, (int)version + 1);
    int code;

    if (sqlite3_exec(database->writer, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    code = fail(database, database->writer, "set up", err);
    sqlite3_exec(database->writer, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static int migrate(struct database *database, struct error *err)
{
    int64_t version = 0, application = 0, tables = 0;
    int rc = query_int(database, database->writer, "PRAGMA user_version", &version, err);

    if (rc == 0)
        rc = query_int(database, database->writer, "PRAGMA application_id", &application, err);
    if (rc == 0 && version > SCHEMA_VERSION && application == APPLICATION_ID)
        return error_set(err, -EPROTO,
                         "%s was written by a newer lapsed (schema %lld, this one knows %d);"
                         " install that version again or move the file away",
                         database->path, (long long)version, SCHEMA_VERSION);
    if (rc == 0)
        rc = query_int(database, database->writer, "SELECT count(*) FROM sqlite_schema", &tables,
                       err);
    if (rc == 0 && (version < 0 || version > SCHEMA_VERSION || (version == 0) != (tables == 0) ||
                    (version > 0 && application != APPLICATION_ID)))
        return error_set(err, -EUCLEAN, "%s is not a journal of lapsed", database->path);
    if (rc == 0 && version > 0)
        rc = check_pages(database, err);
    for (; rc == 0 && version < SCHEMA_VERSION; version++)
        rc = migrate_step(database, version, err);
    return rc;
}

static int prepare_statements(struct database *database, struct error *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(database->writer, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &database->statements[i], NULL) != SQLITE_OK)
            return fail(database, database->writer, "use", err);
    return 0;
}

static void disconnect(struct database *database)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(database->statements[i]);
        database->statements[i] = NULL;
    }
    /* the last one to close does the final checkpoint, so the writer, whose lock is patient */
    sqlite3_close(TAKE(database->reader));
    sqlite3_close(TAKE(database->writer));
}

static int open_database(struct database *database, struct error *err)
{
    struct stat st;
    int rc;

    /* SQLite takes an empty file for a new database, and nobody would hear that the old is gone. */
    if (stat(database->path, &st) == 0 && st.st_size == 0)
        return error_set(err, -EUCLEAN, "%s is empty", database->path);
    rc = connect_database(database, &database->writer, err);
    if (rc == 0)
        rc = migrate(database, err);
    if (rc == 0)
        rc = prepare_statements(database, err);
    if (rc == 0)
        rc = connect_database(database, &database->reader, err);
    if (rc < 0) {
        disconnect(database);
        return rc;
    }
    sqlite3_busy_handler(database->writer, on_busy, database);
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
static int set_aside(struct database *database, struct error *err)
{
    CLEANUP(free_p) char *aside = NULL;
    CLEANUP(free_p) char *shm = xasprintf("%s-shm", database->path);
    char now[CLOCK_COMPACT_LEN];
    int rc;

    clock_format_compact(clock_wall_ms(), now);
    aside = xasprintf("%s.damaged-%s", database->path, now);
    rc = rename_suffixed(database->path, aside, "-wal", err);
    if (rc == 0)
        rc = rename_suffixed(database->path, aside, "", err);
    if (rc == 0 && unlink(shm) < 0 && errno != ENOENT)
        rc = error_set(err, -errno, "cannot remove %s: %s", shm, strerror(errno));
    if (rc == 0)
        log_warn("journal.set_aside", "file=%s", aside);
    return rc;
}

static int open_or_begin_anew(struct database *database, bool *ret_damaged, struct error *err)
{
    struct error why = {0};
    int rc = open_database(database, &why);

    if (rc == -EUCLEAN) {
        log_error("journal.damaged", "error=\"%s\"", why.text);
        rc = set_aside(database, &why);
        if (rc == 0)
            rc = open_database(database, &why);
        *ret_damaged = rc == 0;
    }
    return rc < 0 ? error_set(err, rc, "%s", why.text) : 0;
}

int database_open(const char *path, struct database **ret_database, bool *ret_damaged,
                  struct error *err)
{
    struct database *database = xcalloc(1, sizeof(*database));
    int rc;

    sqlite3_soft_heap_limit64(HEAP_LIMIT_BYTES);
    database->path = xstrdup(path);
    rc = open_or_begin_anew(database, ret_damaged, err);
    if (rc < 0) {
        database_close(database);
        return rc;
    }
    *ret_database = database;
    return 0;
}

void database_hurry(struct database *database)
{
    atomic_store(&database->hurrying, true);
}

void database_close(struct database *database)
{
    if (!database)
        return;
    disconnect(database);
    free(database->path);
    free(database);
}

/* --- writing --- */

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
static int write_execute(struct database *database, const struct write *write)
{
    sqlite3_stmt *statement = database->statements[write->statement];
    int rc = SQLITE_OK;

    for (int i = 0; i < write->value_count && rc == SQLITE_OK; i++)
        rc = bind_value(statement, i + 1, &write->values[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void statement_release(struct database *database, enum statement statement)
{
    sqlite3_reset(database->statements[statement]);
    sqlite3_clear_bindings(database->statements[statement]);
}

static int write_rows(struct database *database, struct list *batch, struct error *err)
{
    struct write *write;

    LIST_FOR_EACH(batch, write, struct write, link)
    {
        struct error why = {0};
        int rc = write_execute(database, write);

        if (rc != SQLITE_OK)
            fail(database, database->writer, "write to", &why);
        statement_release(database, write->statement);
        if (rc != SQLITE_OK && !is_fault_of_row(rc))
            return error_set(err, why.code, "%s", why.text);
        if (rc != SQLITE_OK)
            write_fail(write, &why);
    }
    return 0;
}

/* A database file that was moved or deleted under us still takes writes, into nothing. */
static int check_in_place(struct database *database, struct error *err)
{
    int moved = 0;

    if (sqlite3_file_control(database->writer, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
            SQLITE_OK ||
        !moved)
        return 0;
    return error_set(err, -ESTALE, "%s was moved or deleted while in use; restart lapsed",
                     database->path);
}

int database_commit(struct database *database, struct list *batch, struct error *err)
{
    int rc = check_in_place(database, err);

    if (rc < 0)
        return rc;
    if (sqlite3_exec(database->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fail(database, database->writer, "write to", err);
    rc = write_rows(database, batch, err);
    if (rc == 0 && sqlite3_exec(database->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(database, database->writer, "write to", err);
    /* some failures have rolled back already */
    if (rc < 0 && !sqlite3_get_autocommit(database->writer))
        sqlite3_exec(database->writer, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* --- reading --- */

struct reading {
    struct database *database;
    sqlite3_stmt *statement;
};

int reading_begin(struct database *database, const char *sql, const char *const *texts,
                  int text_count, struct reading **ret_reading, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(database->reader, sql, -1, &statement, NULL);

    for (int i = 0; i < text_count && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    if (rc != SQLITE_OK) {
        sqlite3_finalize(statement);
        return fail(database, database->reader, "read", err);
    }
    *ret_reading = xmalloc(sizeof(**ret_reading));
    **ret_reading = (struct reading){.database = database, .statement = statement};
    return 0;
}

void reading_bind_int(struct reading *reading, int index, int64_t value)
{
    sqlite3_bind_int64(reading->statement, index, value);
}

int reading_next(struct reading *reading, struct error *err)
{
    int rc = sqlite3_step(reading->statement);

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : fail(reading->database, reading->database->reader, "read", err);
}

/* Reads are rare: their pages need not stay in memory. */
void reading_end(struct reading *reading)
{
    sqlite3_finalize(reading->statement);
    sqlite3_db_release_memory(reading->database->reader);
    free(reading);
}

int64_t reading_int(struct reading *reading, int column)
{
    return sqlite3_column_int64(reading->statement, column);
}

double reading_real(struct reading *reading, int column)
{
    return sqlite3_column_double(reading->statement, column);
}

const char *reading_text(struct reading *reading, int column)
{
    return (const char *)sqlite3_column_text(reading->statement, column);
}

char *reading_copy(struct reading *reading, int column)
{
    const char *text = reading_text(reading, column);

    return text ? xstrdup(text) : NULL;
}
