/* SPDX-License-Identifier: MIT */
/* rules: the house's plan as tables. A new library is one row here, a new room is one too. Paths
 * are relative to the top of the tree; "mqtt/" means everything below, "agent/journal/journal.c"
 * that file.
 */
#ifndef TESTS_ARCHITECTURE_RULES_H
#define TESTS_ARCHITECTURE_RULES_H

#include "agent/base/common.h"

enum { RULE_PLACES_MAX = 6 };

/* What the files of a place may include in quotes. The first row that fits counts. */
struct room_rule {
    const char *place;
    const char *may_include[RULE_PLACES_MAX]; /* NULL-terminated */
};
extern const struct room_rule room_rules[];
extern const size_t room_rule_count;

/* A header that has few readers: a library's, or one that a room keeps to itself. A name that ends
 * in '/' is a folder of headers. */
struct door_rule {
    const char *header;
    const char *readers[RULE_PLACES_MAX]; /* NULL-terminated */
    bool one_reader;                      /* whichever it is */
};
extern const struct door_rule door_rules[];
extern const size_t door_rule_count;

extern const char *const banned_calls[]; /* NULL-terminated, as the next ones */
extern const char *const banned_in[];    /* where */
extern const char *const top_level_names[];
extern const char *const ignored_names[]; /* at the top level: what git does not keep */
extern const char *const foreign_paths[]; /* how a path begins that
                                             only one machine has */

/* Whether path is place or below it. */
bool rule_covers(const char *place, const char *path);
bool rule_any_covers(const char *const *places, const char *path);

#endif
