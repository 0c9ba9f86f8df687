/* SPDX-License-Identifier: MIT */
#include "agent/ctl/commands.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/str.h"
#include "agent/ctl/acl.h"
#include "agent/ctl/complete.h"
#include "agent/ctl/help.h"
#include "agent/ctl/say.h"
#include "agent/verbs.h"

#include <stdlib.h>
#include <string.h>

const struct ctl_own_command ctl_own_commands[] = {
    {.name = "status",
     .usage = "",
     .help = "one look at the agents, their units, printers and cameras",
     .details = "With --all or --group: one table with a line for each agent.",
     .run = ctl_status},
    {.name = "watch",
     .usage = "[UNIT]",
     .help = "the same live, until Ctrl-C (or --timeout)",
     .run = ctl_watch},
    {.name = "set",
     .usage = "[UNIT] KEY VALUE",
     .help = "change one setting of a unit: set mk4 fps 30",
     .flags = CTL_WORDS_LAST,
     .run = ctl_set},
    {.name = "call",
     .usage = "METHOD ['{JSON}']",
     .help = "call a JSON-RPC method with its params as they are",
     .run = ctl_call},
    {.name = "acl",
     .usage = "[--agents A,B] [--operators A,B] ...",
     .help = "rules for the broker: who may say and hear what (mosquitto's acl_file)",
     .details = ctl_acl_details,
     .args = ctl_acl_args,
     .run = ctl_acl},
    {.name = "convert",
     .usage = "duetlapse|moonraker [OPTIONS|FILE]",
     .help = "print a configuration made of a DuetLapse3 command line or a moonraker.conf",
     .details = "convert duetlapse '-duet 192.168.7.101 -seconds 15 …' or a file of options; "
                "convert moonraker FILE. Without either, standard input is read. What is not "
                "carried over stands in the comments.",
     .flags = CTL_WORDS_LAST,
     .run = ctl_convert},
    {.name = "completion",
     .usage = "bash|zsh|fish",
     .help = "print the completion script for a shell: source <(lapsectl completion bash)",
     .run = ctl_completion},
    {.name = "complete",
     .usage = "WORD...",
     .help = "what may stand next, for the completion scripts",
     .flags = CTL_RAW | CTL_HIDDEN,
     .run = ctl_complete},
    {.name = "help",
     .usage = "[COMMAND]",
     .help = "this help, or that of one command",
     .run = ctl_help_command},
};
const size_t ctl_own_command_count = ARRAY_LEN(ctl_own_commands);

static const struct ctl_own_command *find_own(const char *name)
{
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (str_equal(ctl_own_commands[i].name, name))
            return &ctl_own_commands[i];
    return NULL;
}

/* Commands for a unit come first: "start" is the unit's, not the agent's. */
static const struct verb *find_short(const char *name)
{
    enum verb_id id = verb_find(TOPIC_SCOPE_UNIT, name);

    if (id == VERB_COUNT)
        id = verb_find(TOPIC_SCOPE_AGENT, name);
    return id == VERB_COUNT ? NULL : &verbs[id];
}

static const struct verb *find_method(const char *room, const char *name)
{
    CLEANUP(free_p) char *method = xasprintf("%s.%s", room, name);
    enum verb_id id = verb_find_method(method);

    return id == VERB_COUNT ? NULL : &verbs[id];
}

int ctl_command_find(char *const *words, int word_count, struct ctl_command *ret_command)
{
    struct ctl_command found = {0};
    int taken = 1;

    if (word_count == 0)
        return 0;
    found.own = find_own(words[0]);
    if (!found.own)
        found.verb = find_short(words[0]);
    if (!found.own && !found.verb && word_count > 1) {
        found.verb = find_method(words[0], words[1]);
        taken = 2;
    }
    if (!found.own && !found.verb)
        return 0;
    *ret_command = found;
    return taken;
}

char *ctl_verb_words(const struct verb *verb)
{
    const char *dot = strchr(verb->method, '.');

    if (find_short(verb->name) == verb)
        return xstrdup(verb->name);
    if (!dot)
        return xstrdup(verb->method);
    return xasprintf("%.*s %s", (int)(dot - verb->method), verb->method, dot + 1);
}

/* Whether a method of this room is all that can be meant: "camera start". */
static bool is_room(const char *word)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (str_starts_with(verbs[i].method, word) && verbs[i].method[strlen(word)] == '.')
            return true;
    return false;
}

static void print_near(const struct ctl_options *options, const char *typed, char **names,
                       size_t count)
{
    struct nearest nearest = nearest_init(typed);

    for (size_t i = 0; i < count; i++)
        nearest_try(&nearest, names[i]);
    if (nearest.best)
        ctl_fail(options, CTL_USAGE, "there is no command '%s'; did you mean '%s'?", typed,
                 nearest.best);
    else
        ctl_fail(options, CTL_USAGE,
                 "there is no command '%s'; 'lapsectl help' lists what there is", typed);
}

/* "unit" alone: the second word is missing. */
static int tell_room(const struct ctl_options *options, const char *room)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(4096);
    size_t len = strlen(room);
    int rc = 0;

    for (int i = 0; i < VERB_COUNT && rc == 0; i++)
        if (str_starts_with(verbs[i].method, room) && verbs[i].method[len] == '.')
            rc = buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", verbs[i].method + len + 1);
    return ctl_fail(options, CTL_USAGE, "%s what? There is: %s", room, buf_text(&list));
}

int ctl_command_unknown(const struct ctl_options *options, char *const *words, int word_count)
{
    bool two = word_count > 1 && is_room(words[0]);
    CLEANUP(free_p)
    char *typed = two ? xasprintf("%s %s", words[0], words[1]) : xstrdup(words[0]);
    size_t count = 0, most = ctl_own_command_count + VERB_COUNT;
    char **names;

    if (word_count == 1 && is_room(words[0]))
        return tell_room(options, words[0]);
    names = xcalloc(most, sizeof(*names));
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (!(ctl_own_commands[i].flags & CTL_HIDDEN))
            names[count++] = xstrdup(ctl_own_commands[i].name);
    for (int i = 0; i < VERB_COUNT; i++)
        names[count++] = ctl_verb_words(&verbs[i]);
    print_near(options, typed, names, count);
    while (count > 0)
        free(names[--count]);
    free(names);
    return CTL_USAGE;
}
