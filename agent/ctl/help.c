/* SPDX-License-Identifier: MIT */
#include "agent/ctl/help.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/text_wrap.h"
#include "agent/ctl/args.h"

#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 27 };

static void print_line(const char *name, const char *usage, const char *help, FILE *out)
{
    int width = fprintf(out, "  %s%s%s", name, usage[0] ? " " : "", usage);

    if (width + 2 > HELP_COLUMN) {
        fprintf(out, "\n%*s", HELP_COLUMN, "");
        width = HELP_COLUMN;
    } else {
        width += fprintf(out, "%*s", HELP_COLUMN - width, "");
    }
    text_wrap(help, HELP_COLUMN, (size_t)width, out);
}

/* --- everything --- */

static void print_verb_line(const struct verb *verb, FILE *out)
{
    CLEANUP(free_p) char *words = ctl_verb_words(verb);
    const struct verb_arg *target = ctl_target_arg(verb);
    CLEANUP(free_p) char *usage = ctl_args_usage(verb);
    bool has_options = strstr(usage, "[--") != NULL;

    /* optional arguments stand in the command's own help */
    usage[has_options ? (size_t)(strstr(usage, "[--") - usage) : strlen(usage)] = '\0';
    if (target || usage[0] || !has_options)
        print_line(words, usage, verb->help, out);
    else
        print_line(words, "[OPTION]...", verb->help, out);
}

static bool is_of(const struct verb *verb, enum topic_scope scope, bool with_topic)
{
    return verb->scope == scope && !(verb->flags & VERB_NO_TOPIC) == with_topic;
}

static void print_verbs(const char *title, enum topic_scope scope, bool with_topic, FILE *out)
{
    bool first = true;

    for (int i = 0; i < VERB_COUNT; i++) {
        if (!is_of(&verbs[i], scope, with_topic) || i == VERB_UNIT_SET)
            continue;
        if (first)
            fprintf(out, "%s:\n", title);
        first = false;
        print_verb_line(&verbs[i], out);
    }
    if (!first)
        fputc('\n', out);
}

static void print_options(FILE *out)
{
    fputs("Options:\n", out);
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_row *row = &ctl_option_rows[i];
        CLEANUP(free_p)
        char *name = xasprintf("-%c, --%s", row->letter, row->name);

        print_line(name, row->value ? row->value : "", row->help, out);
    }
}

static void print_exits(FILE *out)
{
    fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < ctl_exit_count; i++) {
        CLEANUP(free_p) char *code = xasprintf("%3d", ctl_exits[i].code);

        fprintf(out, "  %s  ", code);
        text_wrap(ctl_exits[i].help, 7, 7, out);
    }
}

static void print_all(FILE *out)
{
    fputs("Usage: lapsectl [OPTION]... COMMAND\n"
          "Look at and command the timelapse agents on an MQTT broker.\n\n",
          out);
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (!(ctl_own_commands[i].flags & CTL_HIDDEN))
            print_line(ctl_own_commands[i].name, ctl_own_commands[i].usage,
                       ctl_own_commands[i].help, out);
    fputc('\n', out);
    print_verbs("Commands for a unit", TOPIC_SCOPE_UNIT, true, out);
    print_verbs("Commands for a camera", TOPIC_SCOPE_CAMERA, true, out);
    print_verbs("Commands for an agent", TOPIC_SCOPE_AGENT, true, out);
    print_verbs("More about a unit (JSON-RPC)", TOPIC_SCOPE_UNIT, false, out);
    print_verbs("More about a camera (JSON-RPC)", TOPIC_SCOPE_CAMERA, false, out);
    print_verbs("More about an agent (JSON-RPC)", TOPIC_SCOPE_AGENT, false, out);
    print_options(out);
    fputs("\nUNIT and CAMERA may be left out when the agent has only one. Arguments of a command\n"
          "may be given as --name VALUE or name=VALUE, too: 'lapsectl help COMMAND' names them.\n",
          out);
    print_exits(out);
}

/* --- one command --- */

static void print_args(const struct verb_arg *args, FILE *out)
{
    for (const struct verb_arg *arg = args; arg && arg->name; arg++) {
        CLEANUP(free_p) char *name = xasprintf("--%s", arg->name);
        CLEANUP(free_p)
        char *help = arg->min != 0 || arg->max != 0
                         ? xasprintf("%s (%g to %g)", arg->help, arg->min, arg->max)
                         : xstrdup(arg->help);

        print_line(name, ctl_args_value_name(arg),
                   arg->type == ARG_INT || arg->type == ARG_NUMBER ? help : arg->help, out);
    }
}

static void print_verb(const struct verb *verb, FILE *out)
{
    static const char *const rooms[] = {[TOPIC_SCOPE_AGENT] = "",
                                        [TOPIC_SCOPE_UNIT] = "unit/<unit>/",
                                        [TOPIC_SCOPE_CAMERA] = "camera/<camera>/"};
    CLEANUP(free_p) char *words = ctl_verb_words(verb);
    CLEANUP(free_p) char *usage = ctl_args_usage(verb);

    fprintf(out, "Usage: lapsectl [OPTION]... %s %s\n", words, usage);
    text_wrap(verb->help, 2, 0, out);
    print_args(verb->args, out);
    if (!(verb->flags & VERB_NO_TOPIC))
        fprintf(out, "MQTT: timelapse/v1/<agent>/%scmd/%s\n", rooms[verb->scope], verb->name);
    fprintf(out, "JSON-RPC: %s\n", verb->method);
}

static void print_own(const struct ctl_own_command *own, FILE *out)
{
    fprintf(out, "Usage: lapsectl [OPTION]... %s %s\n", own->name, own->usage);
    text_wrap(own->help, 2, 0, out);
    if (own->details)
        text_wrap(own->details, 0, 0, out);
    print_args(own->args, out);
}

void ctl_help_of(const struct ctl_own_command *own, const struct verb *verb, FILE *out)
{
    if (own)
        print_own(own, out);
    else if (verb)
        print_verb(verb, out);
    else
        print_all(out);
}

/* "camera": everything for cameras. */
static bool help_of_room(const char *room)
{
    bool found = false;

    for (int i = 0; i < VERB_COUNT; i++) {
        const char *method = verbs[i].method;

        if (!str_starts_with(method, room) || method[strlen(room)] != '.')
            continue;
        print_verb_line(&verbs[i], stdout);
        found = true;
    }
    return found;
}

int ctl_help_command(const struct ctl_options *options, char **words, int word_count)
{
    struct ctl_command command = {0};

    if (word_count > 0 && ctl_command_find(words, word_count, &command) == 0) {
        if (word_count == 1 && help_of_room(words[0]))
            return CTL_OK;
        return ctl_command_unknown(options, words, word_count);
    }
    ctl_help_of(command.own, command.verb, stdout);
    return CTL_OK;
}
