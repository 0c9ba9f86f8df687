/* SPDX-License-Identifier: MIT */
/* mem: out of memory is not a state that the daemon can act on; it aborts and the service manager
 * restarts it, which is the same path as any start. */
#include "agent/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *ptr)
{
    if (!ptr) {
        fputs("lapsed: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *xmalloc(size_t size)
{
    return check(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
    return check(realloc(ptr, size ? size : 1));
}

void *xmemdup(const void *data, size_t len)
{
    void *copy = xmalloc(len);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

char *xstrdup(const char *text)
{
    return check(strdup(text));
}

char *xstrndup(const char *text, size_t max_len)
{
    return check(strndup(text, max_len));
}

char *xvasprintf(const char *fmt, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    return check(text);
}

char *xasprintf(const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    return text;
}

void replace_str(char **slot, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;

    free(*slot);
    *slot = copy;
}

void free_p(void *ptr_to_ptr)
{
    void **slot = ptr_to_ptr;

    free(*slot);
    *slot = NULL;
}

void free_secret(char *text)
{
    if (!text)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}
