/* SPDX-License-Identifier: MIT */
#include "agent/base/str.h"

#include "agent/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static bool starts_number(const char *text)
{
    return isdigit((unsigned char)*text) || *text == '-' || *text == '+' || *text == '.';
}

int str_to_int(const char *text, int64_t *ret_value)
{
    char *end;
    long long value;

    if (!starts_number(text))
        return -EINVAL;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return -EINVAL;
    if (errno == ERANGE)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int str_to_double(const char *text, double *ret_value)
{
    char *end;
    double value;

    /* strtod() alone would also take hexadecimal, "nan" and "-inf" */
    if (!starts_number(text) || text[strspn(text, "0123456789+-.eE")] != '\0')
        return -EINVAL;
    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end != '\0')
        return -EINVAL;
    if (errno == ERANGE || !isfinite(value))
        return -ERANGE;
    *ret_value = value;
    return 0;
}

/* Length of the sequence that starts at s, 0 when it is malformed. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t smallest;
    } forms[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t form = 0; form < ARRAY_LEN(forms); form++) {
        uint32_t point = s[0] & (unsigned char)~forms[form].mask;

        if ((s[0] & forms[form].mask) != forms[form].lead)
            continue;
        if (left < form + 1)
            return 0;
        for (size_t i = 1; i <= form; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (s[i] & 0x3f);
        }
        if (point < forms[form].smallest || point > 0x10ffff ||
            (point >= 0xd800 && point <= 0xdfff))
            return 0;
        return form + 1;
    }
    return 0;
}

bool str_is_utf8(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t at = 0, step; at < len; at += step) {
        step = utf8_sequence(s + at, len - at);
        if (step == 0)
            return false;
    }
    return true;
}

static bool is_id_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_id_char(char c)
{
    return is_id_start(c) || c == '_' || c == '-';
}

bool str_is_id(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > STR_ID_MAX || !is_id_start(text[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!is_id_char(text[i]))
            return false;
    return true;
}

void str_make_id(const char *text, char ret_id[STR_ID_MAX + 1])
{
    size_t len = 0;

    for (; *text && len < STR_ID_MAX; text++) {
        char c = (char)tolower((unsigned char)*text);

        if (len == 0 && !is_id_start(c))
            continue;
        ret_id[len++] = is_id_char(c) ? c : '-';
    }
    if (len == 0)
        ret_id[len++] = 'x';
    ret_id[len] = '\0';
}

char *str_redact_url(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *authority = scheme_end ? scheme_end + 3 : url;
    size_t authority_len = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', authority_len);

    if (!at)
        return xstrdup(url);
    return xasprintf("%.*s…%s", (int)(authority - url), url, at);
}
