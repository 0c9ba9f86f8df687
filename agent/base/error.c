/* SPDX-License-Identifier: MIT */
#include "agent/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char prefix[sizeof(err->text) / 2];
    char rest[sizeof(err->text)];
    va_list args;

    if (!err)
        return 0;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, args);
    va_end(args);
    memcpy(rest, err->text, sizeof(rest));
    snprintf(err->text, sizeof(err->text), "%s: %.*s", prefix,
             (int)(sizeof(err->text) - sizeof(prefix) - 3), rest);
    return err->code;
}

void error_clear(struct error *err)
{
    err->code = 0;
    err->text[0] = '\0';
}
