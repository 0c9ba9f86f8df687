/* SPDX-License-Identifier: MIT */
/* ctl_convert: lapsectl convert. Needs no broker. */
#include "agent/convert/convert.h"
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX_BYTES = 256 * 1024 };

struct converter {
    const char *name;
    void (*convert)(const char *text, struct conversion *ret);
};

static const struct converter converters[] = {
    {"duetlapse", convert_duetlapse},
    {"moonraker", convert_moonraker},
};

static const struct converter *find_converter(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(converters); i++)
        if (str_equal(converters[i].name, name))
            return &converters[i];
    return NULL;
}

static char *read_stdin(const struct ctl_options *options)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(INPUT_MAX_BYTES);
    char chunk[4096];
    size_t len;

    while ((len = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
        if (buf_append(&text, chunk, len) < 0) {
            ctl_fail(options, CTL_USAGE, "the input is larger than %d KB", INPUT_MAX_BYTES / 1024);
            return NULL;
        }
    }
    return xstrdup(buf_text(&text));
}

static char *read_file(const struct ctl_options *options, const char *path)
{
    char *text = NULL;
    struct error err = {0};

    if (path_read_file(path, INPUT_MAX_BYTES, &text, NULL, &err) == 0)
        return text;
    ctl_fail(options, CTL_USAGE, "%s", err.text);
    return NULL;
}

/* Words that a shell has taken apart, put together again. */
static char *join_quoted(char **words, int word_count)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(INPUT_MAX_BYTES);
    int rc = 0;

    for (int i = 0; i < word_count && rc == 0; i++) {
        rc = buf_printf(&text, "%s'", i > 0 ? " " : "");
        for (const char *at = words[i]; *at && rc == 0; at++)
            rc = *at == '\'' ? buf_printf(&text, "'\\''") : buf_append(&text, at, 1);
        if (rc == 0)
            rc = buf_append(&text, "'", 1);
    }
    return xstrdup(buf_text(&text));
}

/* The options themselves, as one word or many; else the name of a file. */
static char *read_input(const struct ctl_options *options, char **words, int word_count)
{
    if (word_count == 0 || (word_count == 1 && str_equal(words[0], "-")))
        return read_stdin(options);
    if (word_count > 1)
        return join_quoted(words, word_count);
    return words[0][0] == '-' ? xstrdup(words[0]) : read_file(options, words[0]);
}

static void print_result(const struct ctl_options *options, const struct conversion *result)
{
    cJSON *json, *notes;

    if (!options->json) {
        fputs(result->config, stdout);
        return;
    }
    json = json_object();
    json_add_string(json, "config", result->config);
    notes = json_add_array(json, "notes");
    for (size_t i = 0; i < result->notes.count; i++)
        json_add_string(notes, NULL, result->notes.items[i]);
    ctl_print_json(json);
    json_free(json);
}

int ctl_convert(const struct ctl_options *options, char **words, int word_count)
{
    CLEANUP(conversion_done) struct conversion result = {0};
    CLEANUP(free_p) char *text = NULL;
    const struct converter *converter = word_count > 0 ? find_converter(words[0]) : NULL;

    if (!converter)
        return ctl_fail(options, CTL_USAGE,
                        "convert needs what to convert: duetlapse or moonraker; see 'lapsectl help "
                        "convert'");
    text = read_input(options, words + 1, word_count - 1);
    if (!text)
        return CTL_USAGE;
    converter->convert(text, &result);
    for (size_t i = 0; i < result.problems.count; i++)
        ctl_fail(options, CTL_USAGE, "%s: %s", converter->name, result.problems.items[i]);
    if (!result.config)
        return CTL_USAGE;
    print_result(options, &result);
    if (result.notes.count > 0)
        ctl_note(options, "%zu thing%s not carried over; the comments say which",
                 result.notes.count, result.notes.count == 1 ? " was" : "s were");
    return CTL_OK;
}
