/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_line.h"

#include "agent/base/buf.h"

#include <errno.h>
#include <string.h>

static const char blanks[] = " \t\r\n\v\f";

/* at: behind the quote. Returns what is behind the closing one; NULL: there is none. */
static const char *copy_quoted(const char *at, char quote, struct buf *word, int *rc)
{
    for (; *at && *at != quote && *rc == 0; at++) {
        if (quote == '"' && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        *rc = buf_append(word, at, 1);
    }
    return *at == quote ? at + 1 : NULL;
}

/* Returns what is behind the word; NULL: it has no end. */
static const char *copy_word(const char *at, struct buf *word, int *rc)
{
    while (at && *at && !strchr(blanks, *at) && *rc == 0) {
        if (*at == '\'' || *at == '"') {
            at = copy_quoted(at + 1, *at, word, rc);
            continue;
        }
        if (*at == '\\' && *++at == '\0')
            return NULL;
        *rc = buf_append(word, at++, 1);
    }
    return at;
}

static int split(const char *line, struct program_args *words, struct error *err)
{
    for (const char *at = line + strspn(line, blanks); *at; at += strspn(at, blanks)) {
        CLEANUP(buf_done) struct buf word = BUF_INIT(GPHOTO2_LINE_MAX);
        const char *begin = at;
        int rc = 0;

        if (words->count == GPHOTO2_WORDS_MAX)
            return error_set(err, -EINVAL, "more than %d words", GPHOTO2_WORDS_MAX);
        at = copy_word(at, &word, &rc);
        if (!at)
            return error_set(err, -EINVAL,
                             "the word that begins at character %zu has no end: a quote is not "
                             "closed, or '\\' is the last character",
                             (size_t)(begin - line) + 1);
        program_args_add(words, "%s", buf_text(&word));
    }
    return 0;
}

int gphoto2_line_split(const char *line, struct program_args *ret_words, struct error *err)
{
    int rc;

    *ret_words = (struct program_args){0};
    if (strlen(line) > GPHOTO2_LINE_MAX)
        return error_set(err, -EINVAL, "longer than %d bytes", GPHOTO2_LINE_MAX);
    rc = split(line, ret_words, err);
    if (rc < 0)
        program_args_done(ret_words);
    return rc;
}
