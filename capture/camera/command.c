/* SPDX-License-Identifier: MIT */
/* command: a program of the user's own makes the picture. Its words come from the configuration
 * only and reach it as they are: there is no shell that could make something else of them. */
#include "agent/base/buf.h"
#include "agent/base/str.h"
#include "capture/camera/program.h"

#include <errno.h>
#include <string.h>

enum { WORD_MAX = 8192 };

static const char output_mark[] = "{output}";

struct placeholder {
    const char *mark;
    const char *value; /* NULL: there is none */
};

static bool names_output(const struct camera_settings *settings)
{
    for (size_t i = 0; i < settings->command.count; i++)
        if (strstr(settings->command.items[i], output_mark))
            return true;
    return false;
}

/* Braces that are no placeholder stay: they may mean something to the program. */
static const struct placeholder *placeholder_at(const struct placeholder *all, const char *text)
{
    for (; all->mark; all++)
        if (all->value && str_starts_with(text, all->mark))
            return all;
    return NULL;
}

static int fill_in(const char *word, const struct placeholder *all, struct buf *filled)
{
    int rc = 0;

    while (*word && rc == 0) {
        const struct placeholder *found = placeholder_at(all, word);

        if (found)
            rc = buf_append(filled, found->value, strlen(found->value));
        else
            rc = buf_append(filled, word, 1);
        word += found ? strlen(found->mark) : 1;
    }
    return rc;
}

static int make_args(const struct camera_settings *settings, const char *output,
                     struct program_args *ret_args, struct error *err)
{
    const struct placeholder all[] = {
        {output_mark, output}, {"{url}", settings->url}, {"{camera}", settings->id}, {NULL, NULL}};

    for (size_t i = 0; i < settings->command.count; i++) {
        CLEANUP(buf_done) struct buf word = BUF_INIT(WORD_MAX);

        if (fill_in(settings->command.items[i], all, &word) < 0)
            return error_set(err, -E2BIG, "command: word %zu is longer than %d bytes", i + 1,
                             WORD_MAX);
        program_args_add(ret_args, "%s", buf_text(&word));
    }
    return 0;
}

static void command_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    const struct conf_strings *command = &settings->command;

    if (command->count == 0 || !*command->items[0])
        conf_problem(conf, &camera_table, index, "command",
                     "command is required for kind = \"command\": the program and its words");
    if (command->count > PROGRAM_ARGS_MAX)
        conf_problem(conf, &camera_table, index, "command", "command has more than %d words",
                     PROGRAM_ARGS_MAX);
    for (size_t i = 0; i < command->count && !settings->url; i++)
        if (strstr(command->items[i], "{url}"))
            conf_problem(conf, &camera_table, index, "command", "{url} needs the setting url");
}

static void *command_open(struct camera_port *port, struct loop *loop, struct http *http,
                          const struct camera_settings *settings)
{
    static const struct program_kind kind = {.writes_file = names_output, .make_args = make_args};

    (void)http;
    return program_new(port, loop, settings, &kind);
}

static const char *const command_keys[] = {"command", "url", NULL};

const struct camera_driver camera_command_driver = {
    .kind = "command",
    .keys = command_keys,
    .check = command_check,
    .open = command_open,
    .close = program_close,
    .request = program_request,
    .cancel = program_cancel,
};
