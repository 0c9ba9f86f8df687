/* SPDX-License-Identifier: MIT */
/* source: a file of the tree as the checks look at it: its text, and its code alone. */
#ifndef TESTS_ARCHITECTURE_SOURCE_H
#define TESTS_ARCHITECTURE_SOURCE_H

#include "agent/base/common.h"

/* A copy of C text in which comments, and what stands between quotes, are spaces. Line ends stay,
 * so that an offset means the same place in both. The caller frees. */
char *source_code_only(const char *text) MUST_CHECK;

unsigned source_line(const char *text, size_t offset); /* from 1 */

struct source_include {
    size_t offset; /* of the directive */
    bool quoted;   /* "…", else <…> */
    char path[256];
};
/* The first #include at or after offset; false: there is none. */
bool source_next_include(const char *text, const char *code, size_t offset,
                         struct source_include *ret_include);

struct source_word {
    size_t offset;
    size_t len;
};
/* The first call "name(…)" at or after offset in code; members called through . or -> are not
 * meant. */
bool source_next_call(const char *code, size_t offset, struct source_word *ret_word);

#endif
