/* SPDX-License-Identifier: MIT */
#include "agent/manual/main.h"

#include "agent/base/mem.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"
#include "agent/manual/roff.h"

static void write_args(const struct verb_arg *args, FILE *out)
{
    if (!args || !args->name)
        return;
    roff_list_begin(out);
    for (const struct verb_arg *arg = args; arg->name; arg++) {
        roff_option(out, 0, arg->name, ctl_args_value_name(arg));
        roff_more(out, arg->help);
        if (arg->required)
            roff_more(out, "(Must be given; its name may be left out.)");
    }
    roff_list_end(out);
}

static void write_own(FILE *out)
{
    roff_subsection(out, "Commands of lapsectl");
    roff_list_begin(out);
    for (size_t i = 0; i < ctl_own_command_count; i++) {
        const struct ctl_own_command *own = &ctl_own_commands[i];

        if (own->flags & CTL_HIDDEN)
            continue;
        roff_word(out, own->name, own->usage);
        roff_more(out, own->help);
        if (own->details)
            roff_text(out, own->details);
        write_args(own->args, out);
    }
    roff_list_end(out);
}

static void write_verb(const struct verb *verb, FILE *out)
{
    CLEANUP(free_p) char *words = ctl_verb_words(verb);
    CLEANUP(free_p) char *usage = ctl_args_usage(verb);
    CLEANUP(free_p) char *method = xasprintf("JSON-RPC: %s", verb->method);

    roff_word(out, words, usage);
    roff_more(out, verb->help);
    write_args(verb->args, out);
    roff_text(out, method);
}

static void write_verbs(const char *title, enum topic_scope scope, FILE *out)
{
    roff_subsection(out, title);
    roff_list_begin(out);
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].scope == scope)
            write_verb(&verbs[i], out);
    roff_list_end(out);
}

static void write_options(FILE *out)
{
    roff_section(out, "OPTIONS");
    roff_list_begin(out);
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_row *row = &ctl_option_rows[i];

        roff_option(out, row->letter, row->name, row->value);
        roff_more(out, row->help);
    }
    roff_list_end(out);
}

static void write_exits(FILE *out)
{
    roff_section(out, "EXIT STATUS");
    roff_list_begin(out);
    for (size_t i = 0; i < ctl_exit_count; i++) {
        CLEANUP(free_p) char *code = xasprintf("%d", ctl_exits[i].code);
        CLEANUP(free_p)
        char *name = xasprintf("With --json: \"error\":\"%s\".", ctl_exits[i].name);

        roff_word(out, code, "");
        roff_more(out, ctl_exits[i].help);
        if (ctl_exits[i].code != CTL_OK)
            roff_more(out, name);
    }
    roff_list_end(out);
}

static void write_fleets(FILE *out)
{
    roff_section(out, "MANY AGENTS");
    roff_more(out, "With --all or --group a command goes to many agents at once. Who should answer "
                   "is known from the retained topics on the broker, so the table that is printed "
                   "has a line for each agent: ok, refused with the reason, silent, or offline. "
                   "The exit status is 0 only when all of them said ok. A command that agents do "
                   "not take from a fleet topic goes to each of them.");
}

static void write_environment(FILE *out)
{
    roff_section(out, "ENVIRONMENT");
    roff_list_begin(out);
    roff_word(out, "NO_COLOR", "");
    roff_more(out, "When set and not empty: no colours. There are none in a pipe or file anyway.");
    roff_word(out, "TERM", "");
    roff_more(out, "When it is \"dumb\": no colours and no progress bar.");
    roff_list_end(out);
}

static void write_examples(FILE *out)
{
    roff_section(out, "EXAMPLES");
    roff_more(out, "What is there, and what a unit does, live:");
    roff_example(out, "lapsectl status\nlapsectl watch mk4\n");
    roff_text(out, "A picture now; a video of what is there, and its file name for a script:");
    roff_example(out, "lapsectl snapshot mk4\n"
                      "lapsectl --json preview mk4 | jq -r 'select(.event_type).file'\n");
    roff_text(out, "A picture by gphoto2's own words, which stand behind --:");
    roff_example(out,
                 "lapsectl camera gphoto2 dslr -- --capture-image-and-download --filename x.cr2\n");
    roff_text(out, "Every agent of a hall, from another machine:");
    roff_example(out, "lapsectl -H broker.lan -u operator -P ~/mqtt-password --group hall2 status\n"
                      "lapsectl -H broker.lan --group hall2 pause\n");
    roff_text(out, "Completion for the shell:");
    roff_example(out, "lapsectl completion bash > ~/.local/share/bash-completion/completions/"
                      "lapsectl\n");
}

void manual_lapsectl(const char *date, FILE *out)
{
    static const char *const see_also[] = {"lapsed.conf", "5", "lapsed", "8", NULL};

    roff_begin(out, "lapsectl", "1", date, "look at and command timelapse agents");
    roff_section(out, "SYNOPSIS");
    fputs(".Nm\n.Op Ar OPTION ...\n.Ar COMMAND\n.Op Ar ARGUMENT ...\n", out);
    roff_section(out, "DESCRIPTION");
    fputs(".Nm\n", out);
    roff_more(out,
              "talks to the agents of lapsed(8) through their MQTT broker. It can do nothing "
              "that another MQTT client could not do with the same topics. UNIT and CAMERA may "
              "be left out when the agent has only one. Arguments of a command may be given "
              "in order, as --name VALUE or as name=VALUE; they are checked before anything "
              "is sent.");
    roff_section(out, "COMMANDS");
    write_own(out);
    write_verbs("Commands for a unit", TOPIC_SCOPE_UNIT, out);
    write_verbs("Commands for a camera", TOPIC_SCOPE_CAMERA, out);
    write_verbs("Commands for an agent", TOPIC_SCOPE_AGENT, out);
    write_options(out);
    write_fleets(out);
    write_environment(out);
    write_exits(out);
    write_examples(out);
    roff_see_also(out, see_also);
}
