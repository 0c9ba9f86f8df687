/* SPDX-License-Identifier: MIT */
/* ctl_args: the arguments of a command from the texts of a command line. Pure. */
#ifndef AGENT_CTL_ARGS_H
#define AGENT_CTL_ARGS_H

#include "agent/verbs.h"

/* Puts one argument into args, an object, by its type in the row. -EINVAL. */
int ctl_args_add(cJSON *args, const struct verb_arg *arg, const char *text,
                 struct error *err) MUST_CHECK;

/* Distributes the words behind a verb: name=value by name, the others in order: the unit or camera
 * when there is one word more than missing required arguments, then these. Then everything is
 * checked against the row. *ret_target: NULL = not given; borrowed from words or args. */
int ctl_args_take_words(const struct verb *verb, char **words, int count, cJSON *args,
                        const char **ret_target, struct error *err) MUST_CHECK;

/* "[UNIT] KEY VALUE [--limit INT]" of a verb; the caller frees. */
char *ctl_args_usage(const struct verb *verb) MUST_CHECK;
/* What stands for a value of the argument: "NUMBER". */
const char *ctl_args_value_name(const struct verb_arg *arg);

#endif
