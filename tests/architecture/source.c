/* SPDX-License-Identifier: MIT */
/* source: no parser of C, only what is needed to look past comments and quotes. Declarations look
 * like calls, and that is right: nobody should declare a banned function either. */
#include "tests/architecture/source.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* How far a comment that begins at `at` reaches; 0: none begins. */
static size_t comment_len(const char *at)
{
    const char *end;

    if (str_starts_with(at, "//"))
        return strcspn(at, "\n");
    if (!str_starts_with(at, "/*"))
        return 0;
    end = strstr(at + 2, "*/");
    return end ? (size_t)(end - at) + 2 : strlen(at);
}

static size_t quote_len(const char *at)
{
    size_t len = 1;

    if (*at != '"' && *at != '\'')
        return 0;
    while (at[len] && at[len] != *at && at[len] != '\n')
        len += at[len] == '\\' && at[len + 1] ? 2 : 1;
    return at[len] == *at ? len + 1 : len;
}

char *source_code_only(const char *text)
{
    char *code = xstrdup(text);
    size_t at = 0;

    while (code[at]) {
        size_t skip = comment_len(text + at);

        if (skip == 0)
            skip = quote_len(text + at);
        for (size_t end = at + skip; at < end; at++)
            if (code[at] != '\n')
                code[at] = ' ';
        at += skip == 0;
    }
    return code;
}

unsigned source_line(const char *text, size_t offset)
{
    unsigned line = 1;

    for (size_t i = 0; i < offset; i++)
        line += text[i] == '\n';
    return line;
}

/* --- includes --- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* text behind the word "include": "path" or <path>. */
static bool read_path(const char *at, struct source_include *ret)
{
    char open, close;
    size_t len;

    at = skip_blanks(at);
    open = *at;
    close = open == '<' ? '>' : '"';
    if (open != '<' && open != '"')
        return false;
    at++;
    len = strcspn(at, open == '<' ? ">\n" : "\"\n");
    if (at[len] != close)
        return false;
    ret->quoted = open == '"';
    snprintf(ret->path, sizeof(ret->path), "%.*s", (int)len, at);
    return true;
}

static bool read_include(const char *text, const char *code, size_t offset,
                         struct source_include *ret)
{
    const char *at = skip_blanks(code + offset);

    if (*at != '#')
        return false;
    at = skip_blanks(at + 1);
    if (!str_starts_with(at, "include"))
        return false;
    ret->offset = offset;
    return read_path(text + (at - code) + strlen("include"), ret);
}

bool source_next_include(const char *text, const char *code, size_t offset,
                         struct source_include *ret_include)
{
    const char *end;

    while (code[offset]) {
        if ((offset == 0 || code[offset - 1] == '\n') &&
            read_include(text, code, offset, ret_include))
            return true;
        end = strchr(code + offset, '\n');
        if (!end)
            return false;
        offset = (size_t)(end - code) + 1;
    }
    return false;
}

/* --- calls --- */

static bool is_member(const char *code, size_t offset)
{
    while (offset > 0 && isspace((unsigned char)code[offset - 1]))
        offset--;
    return offset > 0 &&
           (code[offset - 1] == '.' || (offset > 1 && memcmp(code + offset - 2, "->", 2) == 0));
}

bool source_next_call(const char *code, size_t offset, struct source_word *ret_word)
{
    while (code[offset]) {
        size_t len = 0;

        while (is_name_char(code[offset + len]))
            len++;
        if (len > 0 && code[offset + len + strspn(code + offset + len, " \t\n")] == '(' &&
            !is_member(code, offset)) {
            *ret_word = (struct source_word){.offset = offset, .len = len};
            return true;
        }
        offset += MAX(len, (size_t)1);
    }
    return false;
}
