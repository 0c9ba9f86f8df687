/* SPDX-License-Identifier: MIT */
/* mem: allocation that does not fail (it aborts). Limit a size that comes from outside before
 * allocating it. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "agent/base/common.h"

#include <stdarg.h>

void *xmalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *ptr, size_t size) MUST_CHECK;
void *xmemdup(const void *data, size_t len) MUST_CHECK;
char *xstrdup(const char *text) MUST_CHECK;
char *xstrndup(const char *text, size_t max_len) MUST_CHECK;
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;
char *xvasprintf(const char *fmt, va_list args) PRINTF_LIKE(1, 0) MUST_CHECK;

/* Frees *slot and puts a copy of text (NULL stays NULL) there. */
void replace_str(char **slot, const char *text);

/* For CLEANUP(free_p) on any pointer variable. */
void free_p(void *ptr_to_ptr);

/* Overwrites the text before freeing it; for passwords. NULL is fine. */
void free_secret(char *text);

#endif
