/* SPDX-License-Identifier: MIT */
/* conf: table-driven configuration over libconfig.
 *
 * Each room describes its settings in a table next to the struct that holds them; parsing, range
 * checks, defaults, --print-config and the manual all come from that row. Nothing stops at the
 * first mistake: all problems are collected, each as "file:line: message", and shown at once. */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "agent/base/error.h"

#include <stdio.h>

enum conf_type {
    CONF_BOOL,    /* bool */
    CONF_INT,     /* int64_t, min..max */
    CONF_FLOAT,   /* double, min..max; whole numbers are accepted too */
    CONF_STRING,  /* char *, NULL when absent and without fallback; max = longest, 0 = 1024 */
    CONF_ID,      /* char *, str_is_id() */
    CONF_PATH,    /* char *, absolute */
    CONF_URL,     /* char *, http or https; others are their kind's own matter (CONF_STRING) */
    CONF_ENUM,    /* int: index into choices */
    CONF_FLAGS,   /* unsigned: bit per choice; a list of words, or one word */
    CONF_STRINGS, /* struct conf_strings: a list of texts, or one text */
    CONF_IDS,     /* struct conf_strings of ids, no id twice */
    CONF_SECRET,  /* char *: as CONF_STRING; never printed; "<key>_file" names a file to read it
                     from instead (first line), "<key>_credential" a credential of systemd; a file
                     with a secret that others may read is refused, this one, too */
};

struct conf_strings {
    char **items; /* NULL when count is 0 */
    size_t count;
};

enum conf_field_flags {
    CONF_REQUIRED = 1 << 0,
    CONF_RELOAD = 1 << 1, /* may change on SIGHUP and by set/<key> without a restart */
};

struct conf_field {
    const char *key;
    enum conf_type type;
    size_t offset; /* offsetof() in the owner's struct */
    const char
        *fallback;    /* the default as it would stand in the file, without quotes; NULL = zero */
    double min, max;  /* numbers; both 0 = no range */
    const char *unit; /* "ms", "px" …; NULL = none */
    const char *const *choices; /* CONF_ENUM, CONF_FLAGS; NULL-terminated */
    unsigned flags;
    const char *help; /* one sentence, for the manual and the example file */
};

struct conf_table {
    const char *name; /* "mqtt": a group; "cameras": a list of groups */
    const struct conf_field *fields;
    size_t field_count;
    const char *help;
};

/* The row of a key; NULL: the table has none. */
const struct conf_field *conf_table_find(const struct conf_table *table,
                                         const char *key) MUST_CHECK;
/* The row of a key that the table is known to have; another is a mistake of ours and aborts. */
const struct conf_field *conf_table_get(const struct conf_table *table, const char *key) MUST_CHECK;

struct conf; /* a parsed file and the problems found so far */

/* Reads and parses the file. Even a file that cannot be read gives a conf (with that problem), so
 * that the caller has one place to look: conf_problem_count(). @include is refused. */
struct conf *conf_open(const char *file) MUST_CHECK;
void conf_close(struct conf *conf);

/* Fills values (zeroed by the caller) from the group table->name; an absent group gives the
 * defaults, and a problem for each CONF_REQUIRED key. Unknown keys, wrong types and ranges are
 * problems. */
void conf_read_group(struct conf *conf, const struct conf_table *table, void *values);
size_t conf_list_size(struct conf *conf, const struct conf_table *table);
void conf_read_item(struct conf *conf, const struct conf_table *table, size_t index, void *values);

/* A problem for every group or setting at the top level that none of the tables names. */
void conf_check_top(struct conf *conf, const struct conf_table *const *tables, size_t count);

/* Whether a file with a secret is ours (or root's) alone, perhaps readable by our group. -EPERM, or
 * why it cannot be looked at. */
int conf_check_secret_file(const char *path, struct error *err) MUST_CHECK;

/* Adds a problem that the caller found, at the line of the key (NULL: of the group). index: of the
 * list item, 0 for a group. */
void conf_problem(struct conf *conf, const struct conf_table *table, size_t index, const char *key,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Whether the file sets the key itself (rather than its default standing). */
bool conf_is_set(struct conf *conf, const struct conf_table *table, size_t index, const char *key);

/* An item of a list whose items are of several kinds, each with settings of its own. */
struct conf_kind_check {
    const struct conf_table *table;
    size_t index;
    const void *values, *defaults; /* of the item; of conf_set_defaults() */
    size_t kind;                   /* of the item */
    const char *const *kinds;      /* all names, NULL-terminated */
    /* Whether the setting is one of that kind's own. */
    bool (*has_key)(size_t kind, const char *key);
};
/* A problem for each setting of an item that only other kinds have. One that says its default
 * changes nothing, and --print-config prints them all. */
void conf_check_kind(struct conf *conf, const struct conf_kind_check *check);

size_t conf_problem_count(const struct conf *conf);
const char *conf_problem_text(const struct conf *conf, size_t index); /* "file:line: message" */

/* Frees what the fields own inside values. */
void conf_values_done(const struct conf_table *table, void *values);

/* Whether two values of one table are the same in this field. */
bool conf_field_equal(const struct conf_field *field, const void *a, const void *b);
/* Copies a number, a switch or words (CONF_FLAGS): nothing that is owned. */
void conf_field_copy(const struct conf_field *field, void *to, const void *from);

/* Writes values as the file would have them, secrets as "…", absent texts not at all. With item set
 * only "{ … }" without the name: the caller writes "cameras = (", the commas and ");". */
void conf_print(const struct conf_table *table, const void *values, bool item, FILE *out);

/* Sets one field from bare text ("10", "ON", "layer"), with the same checks, for set/<key>.
 * -ENOENT (no such key), -EPERM (not CONF_RELOAD), -EINVAL, -ERANGE. */
int conf_set_text(const struct conf_table *table, void *values, const char *key, const char *text,
                  struct error *err) MUST_CHECK;

/* --- values that come from elsewhere than a file --- */
/* The defaults into zeroed values. */
void conf_set_defaults(const struct conf_table *table, void *values);
/* As conf_set_text(), for values that nobody uses yet: every key may be set. */
int conf_init_text(const struct conf_table *table, void *values, const char *key, const char *text,
                   struct error *err) MUST_CHECK;
/* Copies one field; what it owned in values is freed. The key must be there. */
void conf_copy_value(const struct conf_table *table, void *values, const void *from,
                     const char *key);
/* Copies all of them. */
void conf_copy_values(const struct conf_table *table, void *values, const void *from);

#endif
