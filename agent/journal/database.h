/* SPDX-License-Identifier: MIT */
/* database: the door to SQLite: opening, checking, setting up, one transaction, reading.
 *
 * Two connections: one writes (database_commit(), any one thread at a time), the other reads (loop
 * thread). In WAL mode a reader never waits for the writer, so a look at the journal costs no
 * fsync. It sees what is committed. */
#ifndef AGENT_JOURNAL_DATABASE_H
#define AGENT_JOURNAL_DATABASE_H

#include "agent/journal/write.h"

struct database;

/* The file at path, made when it is not there. A damaged one is set aside (*ret_damaged) and a new
 * one begun. */
int database_open(const char *path, struct database **ret_database, bool *ret_damaged,
                  struct error *err) MUST_CHECK;
/* From now on nobody waits long for the write lock. */
void database_hurry(struct database *database);
void database_close(struct database *database); /* NULL is fine */

/* Writes the batch in one transaction. A row that breaks a constraint fails alone (its result says
 * so); any other failure is returned, and nothing of the batch is written. */
int database_commit(struct database *database, struct list *batch, struct error *err) MUST_CHECK;

/* --- reading --- */
struct reading;
/* Text parameters first; the others are bound by number, from 1. End it with reading_end(). */
int reading_begin(struct database *database, const char *sql, const char *const *texts,
                  int text_count, struct reading **ret_reading, struct error *err) MUST_CHECK;
void reading_bind_int(struct reading *reading, int index, int64_t value);
/* 1: a row is there, 0: no more. */
int reading_next(struct reading *reading, struct error *err) MUST_CHECK;
int64_t reading_int(struct reading *reading, int column);
double reading_real(struct reading *reading, int column);
/* Till the next row; NULL = null. */
const char *reading_text(struct reading *reading, int column);
char *reading_copy(struct reading *reading, int column) MUST_CHECK;
void reading_end(struct reading *reading);

#endif
