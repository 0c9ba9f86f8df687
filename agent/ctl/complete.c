/* SPDX-License-Identifier: MIT */
#include "agent/ctl/complete.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/config.h"

#include <stdlib.h>
#include <string.h>

/* What was read of a command line. */
struct line {
    struct ctl_command command;
    const char *room;     /* "session": the first word of a method, the second is missing */
    const char *words[8]; /* behind the command */
    size_t word_count;
    const struct ctl_option_row *open; /* an option whose value comes next */
    char *open_word;                   /* as it was typed */
    const struct verb_arg *open_arg;   /* or an argument's */
};

static void offer(struct ctl_completion *completion, const char *word, const char *help)
{
    if (str_starts_with(word, completion->begin))
        fprintf(completion->out, "%s\t%s\n", word, help ? help : "");
}

static void offer_option(struct ctl_completion *completion, const char *name, const char *help)
{
    CLEANUP(free_p) char *word = xasprintf("--%s", name);

    offer(completion, word, help);
}

/* --- reading what is there --- */

static const struct ctl_option_row *find_option(const char *word)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_row *row = &ctl_option_rows[i];

        if (word[0] == '-' && word[1] == row->letter && !word[2])
            return row;
        if (str_starts_with(word, "--") && str_equal(word + 2, row->name))
            return row;
    }
    return NULL;
}

static const struct verb_arg *command_args(const struct ctl_command *command)
{
    const struct verb_arg *args = command->own ? command->own->args : NULL;

    return command->verb ? command->verb->args : args;
}

static const struct verb_arg *find_arg(const struct ctl_command *command, const char *word)
{
    const struct verb_arg *target = command->verb ? ctl_target_arg(command->verb) : NULL;

    if (!str_starts_with(word, "--"))
        return NULL;
    for (const struct verb_arg *arg = command_args(command); arg && arg->name; arg++)
        if (str_equal(arg->name, word + 2))
            return arg;
    return target && str_equal(target->name, word + 2) ? target : NULL;
}

/* Which agent and which broker is for those to know who are asked for names. */
static bool tells_whom_to_ask(const struct ctl_option_row *row)
{
    return row->value && !str_equal(row->name, "group");
}

static void keep_asked(struct ctl_completion *completion, char *word)
{
    completion->asked =
        xrealloc(completion->asked, (completion->asked_count + 1) * sizeof(*completion->asked));
    completion->asked[completion->asked_count++] = word;
}

static void read_option(struct line *line, char *word)
{
    const struct ctl_option_row *row = find_option(word);

    line->open_arg = find_arg(&line->command, word);
    if (line->open_arg && line->open_arg->type == ARG_BOOL)
        line->open_arg = NULL; /* its value stands behind '=' */
    else if (!line->open_arg && row && row->value)
        line->open = row;
    line->open_word = word;
}

static void read_value(struct line *line, struct ctl_completion *completion, char *word)
{
    if (line->open && tells_whom_to_ask(line->open)) {
        keep_asked(completion, line->open_word);
        keep_asked(completion, word);
    }
    line->open = NULL;
    line->open_arg = NULL;
}

static void read_word(struct line *line, char *word)
{
    char *pair[2] = {(char *)(uintptr_t)line->room, word};

    if (line->command.own || line->command.verb) {
        if (line->word_count < ARRAY_LEN(line->words))
            line->words[line->word_count++] = word;
        return;
    }
    if (line->room) {
        (void)ctl_command_find(pair, 2, &line->command);
        line->room = NULL;
    } else if (ctl_command_find(&word, 1, &line->command) == 0) {
        line->room = word;
    }
}

static void read_line(struct line *line, struct ctl_completion *completion, char **words,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (line->open || line->open_arg)
            read_value(line, completion, words[i]);
        else if (words[i][0] == '-' && words[i][1])
            read_option(line, words[i]);
        else
            read_word(line, words[i]);
    }
}

/* --- what may come --- */

/* The first word of two, once for all of its commands. */
static void offer_room(struct ctl_completion *completion, int verb, const char *words)
{
    CLEANUP(free_p) char *room = xstrndup(words, strcspn(words, " "));
    size_t len = strlen(room);

    for (int i = 0; i < verb; i++) {
        CLEANUP(free_p) char *other = ctl_verb_words(&verbs[i]);

        if (str_starts_with(other, room) && other[len] == ' ')
            return;
    }
    offer(completion, room, "");
}

static void offer_commands(struct ctl_completion *completion)
{
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (!(ctl_own_commands[i].flags & CTL_HIDDEN))
            offer(completion, ctl_own_commands[i].name, ctl_own_commands[i].help);
    for (int i = 0; i < VERB_COUNT; i++) {
        CLEANUP(free_p) char *words = ctl_verb_words(&verbs[i]);

        if (!strchr(words, ' '))
            offer(completion, words, verbs[i].help);
        else
            offer_room(completion, i, words);
    }
}

static void offer_methods_of(struct ctl_completion *completion, const char *room)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (str_starts_with(verbs[i].method, room) && verbs[i].method[strlen(room)] == '.')
            offer(completion, verbs[i].method + strlen(room) + 1, verbs[i].help);
}

static void offer_methods(struct ctl_completion *completion)
{
    offer(completion, "rpc.discover", "all methods, with their params");
    for (int i = 0; i < VERB_COUNT; i++)
        offer(completion, verbs[i].method, verbs[i].help);
}

static void offer_options(struct ctl_completion *completion, const struct line *line)
{
    const struct ctl_command *command = &line->command;
    const struct verb_arg *target = command->verb ? ctl_target_arg(command->verb) : NULL;

    for (const struct verb_arg *arg = command_args(command); arg && arg->name; arg++)
        offer_option(completion, arg->name, arg->help);
    if (target)
        offer_option(completion, target->name, target->help);
    for (size_t i = 0; i < ctl_option_count; i++)
        offer_option(completion, ctl_option_rows[i].name, ctl_option_rows[i].help);
}

static enum ctl_live live_of_name(const char *name)
{
    if (str_equal(name, "unit"))
        return CTL_LIVE_UNITS;
    if (str_equal(name, "camera"))
        return CTL_LIVE_CAMERAS;
    if (str_equal(name, "agent"))
        return CTL_LIVE_AGENTS;
    return str_equal(name, "group") ? CTL_LIVE_GROUPS : CTL_LIVE_NONE;
}

static void offer_value(struct ctl_completion *completion, const struct line *line)
{
    completion->live = live_of_name(line->open ? line->open->name : line->open_arg->name);
    completion->files = line->open && str_equal(line->open->value, "FILE");
}

/* Of units, that may change while the agent runs. */
static void offer_settings(struct ctl_completion *completion)
{
    struct config *config = config_blank();

    offer(completion, "armed", "whether the unit captures");
    for (size_t i = 0; i < config->unit_table.field_count; i++) {
        const struct conf_field *field = &config->unit_table.fields[i];

        if (field->flags & CONF_RELOAD)
            offer(completion, field->key, field->help);
    }
    config_free(config);
}

static bool is_switch(const struct conf_field *field, const char *key)
{
    return field->type == CONF_BOOL && str_equal(field->key, key);
}

/* true: there is such a setting. */
static bool offer_setting_values(struct ctl_completion *completion, const char *key)
{
    struct config *config = config_blank();
    bool found = str_equal(key, "armed"), truth = found;

    for (size_t i = 0; i < config->unit_table.field_count; i++) {
        const struct conf_field *field = &config->unit_table.fields[i];

        if (!str_equal(field->key, key) || !(field->flags & CONF_RELOAD))
            continue;
        found = true;
        truth = is_switch(field, key);
        for (size_t choice = 0; field->choices && field->choices[choice]; choice++)
            offer(completion, field->choices[choice], "");
    }
    if (truth) {
        offer(completion, "true", "");
        offer(completion, "false", "");
    }
    config_free(config);
    return found;
}

static void offer_of_set(struct ctl_completion *completion, const struct line *line)
{
    const char *first = line->word_count > 0 ? line->words[0] : NULL;

    if (!first) {
        offer_settings(completion);
        completion->live = CTL_LIVE_UNITS;
    } else if (line->word_count == 1 && !offer_setting_values(completion, first)) {
        offer_settings(completion);
    } else if (line->word_count == 2) {
        (void)offer_setting_values(completion, line->words[1]);
    }
}

static void offer_of_own(struct ctl_completion *completion, const struct line *line)
{
    const char *name = line->command.own->name;

    if (str_equal(name, "set"))
        offer_of_set(completion, line);
    else if (str_equal(name, "watch") && line->word_count == 0)
        completion->live = CTL_LIVE_UNITS;
    else if (str_equal(name, "call") && line->word_count == 0)
        offer_methods(completion);
    else if (str_equal(name, "help") && line->word_count == 0)
        offer_commands(completion);
    else if (str_equal(name, "help") && line->word_count == 1)
        offer_methods_of(completion, line->words[0]);
    else if (str_equal(name, "convert"))
        completion->files = true;
    else if (str_equal(name, "completion") && line->word_count == 0)
        ctl_completion_shells(completion->out, completion->begin);
}

void ctl_complete_words(char **words, size_t count, FILE *out,
                        struct ctl_completion *ret_completion)
{
    struct ctl_completion completion = {.out = out, .begin = count > 0 ? words[count - 1] : ""};
    struct line line = {0};

    read_line(&line, &completion, words, count > 0 ? count - 1 : 0);
    if (line.open || line.open_arg)
        offer_value(&completion, &line);
    else if (completion.begin[0] == '-')
        offer_options(&completion, &line);
    else if (line.command.own)
        offer_of_own(&completion, &line);
    else if (line.command.verb && ctl_target_arg(line.command.verb) && line.word_count == 0)
        completion.live = live_of_name(ctl_target_arg(line.command.verb)->name);
    else if (line.room)
        offer_methods_of(&completion, line.room);
    else if (!line.command.verb)
        offer_commands(&completion);
    *ret_completion = completion;
}

void ctl_completion_done(struct ctl_completion *completion)
{
    free(completion->asked);
}
