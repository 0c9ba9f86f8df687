/* SPDX-License-Identifier: MIT */
/* write: one row on its way to the disk. Made by the rooms of the journal, queued by journal.c,
 * carried out by database.c. */
#ifndef AGENT_JOURNAL_WRITE_H
#define AGENT_JOURNAL_WRITE_H

#include "agent/base/list.h"
#include "agent/journal/journal.h"
#include "agent/journal/schema.h"

enum { WRITE_VALUES_MAX = 16 };

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_kind kind;
    int64_t integer;
    double real;
    char *text;
};

struct write {
    struct list link;
    enum statement statement;
    struct value values[WRITE_VALUES_MAX];
    int value_count;
    journal_done_fn done;
    void *user;
    int result;
    char *why; /* of a failure */
};

struct write *write_new(enum statement statement) MUST_CHECK;
void write_free(struct write *write);

/* The values in the order of the statement's marks. */
void write_int(struct write *write, int64_t integer);
void write_real(struct write *write, double real);
void write_text(struct write *write, const char *text); /* copied; NULL is kept as such */

void write_fail(struct write *write, const struct error *err);

#endif
