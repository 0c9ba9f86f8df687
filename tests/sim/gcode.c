/* SPDX-License-Identifier: MIT */
/* gcode: only as much of the language as an HTTP client sends. RepRapFirmware reads letters of any
 * case and finds a parameter anywhere in the line, but never inside quotes. */
#include "tests/sim/gcode.h"

#include "tests/sim/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_spaces(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

static const char *skip_line_number(const char *text)
{
    if (toupper((unsigned char)*text) != 'N' || !isdigit((unsigned char)text[1]))
        return text;
    text++;
    while (isdigit((unsigned char)*text))
        text++;
    return skip_spaces(text);
}

/* Cuts a comment off, but not a semicolon inside quotes. */
static void copy_without_comment(const char *text, char *ret_text, size_t size)
{
    bool quoted = false;
    size_t len = 0;

    for (; *text && len + 1 < size; text++) {
        if (*text == '"')
            quoted = !quoted;
        if (*text == ';' && !quoted)
            break;
        ret_text[len++] = *text;
    }
    while (len > 0 && isspace((unsigned char)ret_text[len - 1]))
        len--;
    ret_text[len] = '\0';
}

int gcode_parse(const char *line, struct gcode *ret_code)
{
    const char *text = skip_line_number(skip_spaces(line));
    const char *end;
    int64_t number;

    *ret_code = (struct gcode){0};
    if (*text == '\0' || *text == ';' || *text == '\n' || *text == '\r')
        return 0;
    if (!strchr("GMT", toupper((unsigned char)*text)))
        return -EINVAL;
    end = scan_int(text + 1, &number);
    if (!end || number > 99999)
        return -EINVAL;
    ret_code->letter = (char)toupper((unsigned char)*text);
    ret_code->number = (int)number;
    copy_without_comment(skip_spaces(end), ret_code->params, sizeof(ret_code->params));
    return 0;
}

static const char *find_param(const struct gcode *code, char letter)
{
    bool quoted = false;

    for (const char *text = code->params; *text; text++) {
        if (*text == '"')
            quoted = !quoted;
        else if (!quoted && toupper((unsigned char)*text) == letter)
            return text + 1;
    }
    return NULL;
}

bool gcode_number(const struct gcode *code, char letter, double *ret_value)
{
    const char *text = find_param(code, letter);
    char *end;
    double value;

    if (!text)
        return false;
    value = strtod(text, &end);
    if (end == text)
        return false;
    *ret_value = value;
    return true;
}

static void copy_quoted(const char *text, char *ret_text, size_t size)
{
    size_t len = 0;

    for (; *text && len + 1 < size; text++) {
        if (*text == '"' && *++text != '"')
            break;
        ret_text[len++] = *text;
    }
    ret_text[len] = '\0';
}

bool gcode_string(const struct gcode *code, char letter, char *ret_text, size_t size)
{
    const char *text = find_param(code, letter);

    if (!text)
        return false;
    if (*text == '"')
        copy_quoted(text + 1, ret_text, size);
    else
        snprintf(ret_text, size, "%.*s", (int)strcspn(text, " "), text);
    return true;
}

void gcode_file_name(const struct gcode *code, char *ret_name, size_t size)
{
    if (code->params[0] == '"')
        copy_quoted(code->params + 1, ret_name, size);
    else
        snprintf(ret_name, size, "%s", code->params);
}
