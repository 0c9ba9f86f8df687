/* SPDX-License-Identifier: MIT */
/* ctl_commands: the one table of lapsectl's own commands. Every other command is a row of
 * agent/verbs.c. Help, completion and manual come from both. */
#ifndef AGENT_CTL_COMMANDS_H
#define AGENT_CTL_COMMANDS_H

#include "agent/ctl/options.h"

enum ctl_own_flags {
    CTL_WORDS_LAST = 1 << 0, /* from its first word on nothing is an option ("set fps -1") */
    CTL_RAW = 1 << 1,        /* nothing behind it is an option */
    CTL_HIDDEN = 1 << 2,     /* for programs, not for people */
};

struct ctl_own_command {
    const char *name;
    const char *usage;           /* what stands behind the name: "[UNIT] KEY VALUE" */
    const char *help;            /* one line */
    const char *details;         /* for its help and the manual; NULL = none */
    const struct verb_arg *args; /* its own options, --name VALUE: in options->args; NULL = none */
    unsigned flags;
    /* Runs to its end and returns the exit code. words: those behind the command. A broker is
     * only reached for by who calls ctl_run(). */
    int (*run)(const struct ctl_options *options, char **words, int word_count);
};
extern const struct ctl_own_command ctl_own_commands[];
extern const size_t ctl_own_command_count;

/* A command of the command line: one of the two is set. */
struct ctl_command {
    const struct ctl_own_command *own;
    const struct verb *verb;
};

/* How many of the words name it (1 or 2); 0: there is no such command. */
int ctl_command_find(char *const *words, int word_count, struct ctl_command *ret_command);
/* The words by which lapsectl calls a verb: "snapshot", "camera snapshot", "session list". The
 * caller frees. */
char *ctl_verb_words(const struct verb *verb) MUST_CHECK;
/* Says that there is none, and which one may be meant. */
int ctl_command_unknown(const struct ctl_options *options, char *const *words, int word_count);

/* --- the commands, each in a file of its name --- */
int ctl_status(const struct ctl_options *options, char **words, int word_count);
int ctl_watch(const struct ctl_options *options, char **words, int word_count);
int ctl_call(const struct ctl_options *options, char **words, int word_count);
int ctl_set(const struct ctl_options *options, char **words, int word_count);
int ctl_convert(const struct ctl_options *options, char **words, int word_count);
int ctl_acl(const struct ctl_options *options, char **words, int word_count);
/* A verb of the table. */
int ctl_verb(const struct ctl_options *options, const struct verb *verb, char **words,
             int word_count);

#endif
