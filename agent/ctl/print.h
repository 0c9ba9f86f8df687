/* SPDX-License-Identifier: MIT */
/* ctl_print: results of commands for people, with the agent's own names. */
#ifndef AGENT_CTL_PRINT_H
#define AGENT_CTL_PRINT_H

#include "agent/base/json.h"

/* "  camera front, frame 12, age_ms 120": the plain members of an object in one line; nothing when
 * it has none. */
void ctl_print_members(const cJSON *object);
/* The same as a text; NULL when there is none. The caller frees. */
char *ctl_members_text(const cJSON *object) MUST_CHECK;
/* What a command proves: its plain members, and a line for each of its frames or units. */
void ctl_print_result(const cJSON *result);
/* What a program said that was run for the command, line by line; nothing when none was. */
void ctl_print_output(const cJSON *result);
/* Whatever JSON-RPC answers: a list as a table, an object as lines. */
void ctl_print_document(const cJSON *result, bool colours);

#endif
