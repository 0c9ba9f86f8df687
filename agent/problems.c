/* SPDX-License-Identifier: MIT */
#include "agent/problems.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"

#include <stdlib.h>

enum { JOINED_MAX_BYTES = 16 * 1024 };

void problems_add(struct problems *problems, const char *fmt, ...)
{
    va_list args;

    if (problems->count == PROBLEMS_MAX)
        return;
    va_start(args, fmt);
    problems->items[problems->count++] = xvasprintf(fmt, args);
    va_end(args);
}

char *problems_join(const struct problems *problems)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(JOINED_MAX_BYTES);
    int rc = 0;

    for (size_t i = 0; i < problems->count && rc == 0; i++)
        rc = buf_printf(&text, "%s%s", i > 0 ? "; " : "", problems->items[i]);
    return xstrdup(buf_text(&text));
}

void problems_done(struct problems *problems)
{
    while (problems->count > 0)
        free(problems->items[--problems->count]);
}
