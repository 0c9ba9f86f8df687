/* SPDX-License-Identifier: MIT */
#include "agent/convert/camparam.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 1024 };

struct reading {
    struct camparam *words;
    struct buf word;
    bool in_word;
    bool quoted; /* inside a quotation of the shell */
    char quote;  /* the sign that ends it */
};

void camparam_done(struct camparam *camparam)
{
    for (size_t i = 0; i < camparam->count; i++)
        free(camparam->words[i]);
    *camparam = (struct camparam){0};
}

static int end_word(struct reading *reading)
{
    struct camparam *words = reading->words;

    if (!reading->in_word)
        return 0;
    if (words->count == CAMPARAM_WORDS)
        return -E2BIG;
    words->words[words->count++] = xstrdup(buf_text(&reading->word));
    buf_clear(&reading->word);
    reading->in_word = false;
    return 0;
}

static int add_text(struct reading *reading, const char *text, size_t len)
{
    reading->in_word = true;
    return buf_append(&reading->word, text, len);
}

/* One character of what the shell would be given. */
static int read_shell(struct reading *reading, char c)
{
    if (reading->quoted && c == reading->quote) {
        reading->quoted = false;
        return 0;
    }
    if (!reading->quoted && (c == '"' || c == '\'')) {
        reading->in_word = reading->quoted = true;
        reading->quote = c;
        return 0;
    }
    if (!reading->quoted && (c == ' ' || c == '\t'))
        return end_word(reading);
    if (strchr(reading->quoted ? "$`\\" : "$`\\;|&<>()*?[]{}~#!\n", c))
        return -EINVAL;
    return add_text(reading, &c, 1);
}

/* A quoted text of Python; returns what follows it, NULL when it is not plain. */
static const char *read_literal(struct reading *reading, const char *at)
{
    char end = *at++;

    for (; *at && *at != end; at++)
        if (read_shell(reading, *at) < 0)
            return NULL;
    return *at == end ? at + 1 : NULL;
}

static const char *read_term(struct reading *reading, const char *at)
{
    static const char output[] = "{output}", url[] = "{url}";

    if (*at == '\'' || *at == '"')
        return read_literal(reading, at);
    if (str_starts_with(at, "fn"))
        return add_text(reading, output, strlen(output)) < 0 ? NULL : at + 2;
    if (str_starts_with(at, "weburl"))
        return add_text(reading, url, strlen(url)) < 0 ? NULL : at + 6;
    return NULL;
}

static bool read_all(struct reading *reading, const char *at)
{
    for (;;) {
        at = read_term(reading, at + strspn(at, " \t"));
        if (!at)
            return false;
        at += strspn(at, " \t");
        if (*at == '\0')
            return !reading->quoted && end_word(reading) == 0 && reading->words->count > 0;
        if (*at++ != '+')
            return false;
    }
}

int camparam_read(const char *text, struct camparam *ret, struct error *err)
{
    struct reading reading = {.words = ret, .word = BUF_INIT(WORD_MAX)};
    bool good;

    *ret = (struct camparam){0};
    good = read_all(&reading, text);
    buf_done(&reading.word);
    if (good)
        return 0;
    camparam_done(ret);
    return error_set(err, -EINVAL, "is more than a program and its words");
}
