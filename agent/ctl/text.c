/* SPDX-License-Identifier: MIT */
#include "agent/ctl/text.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <string.h>

static char *unknown(void)
{
    return xstrdup("-");
}

/* C0 and DEL; the C1 controls are two bytes in UTF-8, C2 80 to C2 9F. */
char *ctl_text_clean(const char *text)
{
    char *clean = xstrdup(text ? text : "");
    bool utf8 = str_is_utf8(clean, strlen(clean));

    for (char *at = clean; *at; at++) {
        unsigned char byte = (unsigned char)*at, next = (unsigned char)at[1];

        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8))
            *at = '?';
        else if (byte == 0xc2 && next < 0xa0)
            at[0] = at[1] = '?';
    }
    return clean;
}

char *ctl_text(const cJSON *json, const char *path)
{
    const char *text = json_get_string(json, path);

    return text ? ctl_text_clean(text) : unknown();
}

char *ctl_text_int(const cJSON *json, const char *path)
{
    int64_t value;

    return json_get_int(json, path, &value) ? xasprintf("%lld", (long long)value) : unknown();
}

char *ctl_text_number(const cJSON *json, const char *path, int decimals, const char *unit)
{
    double value;

    if (!json_get_number(json, path, &value))
        return unknown();
    return xasprintf("%.*f %s", decimals, value, unit);
}

char *ctl_text_bytes(const cJSON *json, const char *path)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    double value;

    if (!json_get_number(json, path, &value))
        return unknown();
    for (; value >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
        value /= 1000;
    return xasprintf("%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

char *ctl_text_of(const cJSON *json, const char *path, const char *total_path)
{
    int64_t value, total;

    if (!json_get_int(json, path, &value))
        return unknown();
    if (!json_get_int(json, total_path, &total))
        return xasprintf("%lld", (long long)value);
    return xasprintf("%lld/%lld", (long long)value, (long long)total);
}

static char *duration(int64_t s)
{
    if (s < 60)
        return xasprintf("%lld s", (long long)s);
    if (s < 3600)
        return xasprintf("%lld min %02lld s", (long long)(s / 60), (long long)(s % 60));
    return xasprintf("%lld h %02lld min", (long long)(s / 3600), (long long)(s / 60 % 60));
}

char *ctl_text_ago(const cJSON *json, const char *path)
{
    CLEANUP(free_p) char *age = NULL;
    const char *text = json_get_string(json, path);
    int64_t at;

    if (!text || clock_parse_rfc3339(text, &at) < 0)
        return unknown();
    /* another machine's clock may be ahead of ours */
    age = duration(MAX(clock_wall_ms() - at, 0) / 1000);
    return xasprintf("%s ago", age);
}

char *ctl_text_duration(const cJSON *json, const char *path)
{
    double s;

    return json_get_number(json, path, &s) && s >= 0 && s < 1e9 ? duration((int64_t)s) : unknown();
}

size_t ctl_text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

size_t ctl_text_fit(const char *text, size_t columns)
{
    size_t at = 0;

    while (text[at]) {
        bool begins = ((unsigned char)text[at] & 0xc0) != 0x80;

        if (text[at] == '\033') {
            at += strcspn(text + at, "m");
            at += text[at] == 'm';
            continue;
        }
        if (begins && columns-- == 0)
            break;
        at++;
    }
    return at;
}
