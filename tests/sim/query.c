/* SPDX-License-Identifier: MIT */
#include "tests/sim/query.h"

#include "agent/base/str.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c, bool strict)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (!strict && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* In place; '+' is a space. */
static int decode(char *text, bool strict)
{
    char *out = text;

    for (; *text; text++) {
        int high, low;

        if (*text != '%') {
            *out++ = *text == '+' ? ' ' : *text;
            continue;
        }
        high = hex_digit(text[1], strict);
        low = high < 0 ? -1 : hex_digit(text[2], strict);
        if (low < 0)
            return -EILSEQ;
        *out++ = (char)(high * 16 + low);
        text += 2;
    }
    *out = '\0';
    return 0;
}

static int add_param(struct query *query, char *text, bool strict)
{
    char *value = strchr(text, '=');

    if (query->count == QUERY_PARAMS_MAX)
        return -E2BIG;
    if (value)
        *value++ = '\0';
    else
        value = text + strlen(text);
    query->params[query->count++] = (struct query_param){.name = text, .value = value};
    return decode(value, strict);
}

int query_parse(const char *raw, bool strict, struct query *ret_query)
{
    size_t len = strlen(raw);
    char *text = ret_query->text;

    ret_query->count = 0;
    if (len >= sizeof(ret_query->text))
        return -E2BIG;
    memcpy(text, raw, len + 1);
    while (*text) {
        char *next = strchr(text, '&');
        int rc;

        if (next)
            *next = '\0';
        rc = add_param(ret_query, text, strict);
        if (rc < 0)
            return rc;
        if (!next)
            break;
        text = next + 1;
    }
    return 0;
}

const char *query_get(const struct query *query, const char *name)
{
    for (int i = 0; i < query->count; i++) {
        if (str_equal(query->params[i].name, name))
            return query->params[i].value;
    }
    return NULL;
}

int64_t query_get_int(const struct query *query, const char *name, int64_t fallback)
{
    const char *text = query_get(query, name);
    int64_t value;

    return text && str_to_int(text, &value) == 0 ? value : fallback;
}
