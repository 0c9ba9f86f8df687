/* SPDX-License-Identifier: MIT */
/* ctl_table: a small aligned table on a terminal or in a pipe. */
#ifndef AGENT_CTL_TABLE_H
#define AGENT_CTL_TABLE_H

#include "agent/base/common.h"

#include <stdio.h>

enum { CTL_TABLE_COLUMNS = 10 };

enum ctl_colour { CTL_PLAIN, CTL_BOLD, CTL_GOOD, CTL_WARN, CTL_BAD };

struct ctl_table;

struct ctl_table *ctl_table_new(void) MUST_CHECK;
void ctl_table_free(struct ctl_table *table);
/* Begins a row. */
void ctl_table_row(struct ctl_table *table);
/* The next cell of the row, at most CTL_TABLE_COLUMNS; ownership of text passes. */
void ctl_table_cell(struct ctl_table *table, char *text, enum ctl_colour colour);
void ctl_table_print(const struct ctl_table *table, bool colours, FILE *out);

/* Begins and ends a colour; "" without colours. */
const char *ctl_colour_on(enum ctl_colour colour, bool colours);
const char *ctl_colour_off(enum ctl_colour colour, bool colours);
/* What a state of a unit or printer looks like. */
enum ctl_colour ctl_colour_of_state(const char *state);

#endif
