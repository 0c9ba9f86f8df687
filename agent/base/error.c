/* SPDX-License-Identifier: MIT */
/* error: texts pass through several hands, each adding a prefix, and end in MQTT payloads that must
 * be UTF-8; so a cut never goes through the middle of a character. */
#include "agent/base/error.h"

#include "agent/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void drop_half_character(char *text)
{
    size_t len = strlen(text), start = len;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && !str_is_utf8(text + start - 1, len - start + 1))
        text[start - 1] = '\0';
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    if (vsnprintf(err->text, sizeof(err->text), fmt, args) >= (int)sizeof(err->text))
        drop_half_character(err->text);
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
    if (snprintf(err->text, sizeof(err->text), "%s: %s", prefix, rest) >= (int)sizeof(err->text))
        drop_half_character(err->text);
    return err->code;
}

void error_clear(struct error *err)
{
    err->code = 0;
    err->text[0] = '\0';
}
