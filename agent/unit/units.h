/* SPDX-License-Identifier: MIT */
/* units: all timelapse pipelines of the agent, by id. Loop thread only. */
#ifndef AGENT_UNITS_H
#define AGENT_UNITS_H

#include "agent/unit/unit.h"

struct units;

struct units *units_new(void) MUST_CHECK;
/* Frees the units, too. NULL is fine. */
void units_free(struct units *units);
/* Takes the unit over. */
void units_add(struct units *units, struct unit *unit);
/* Frees one and forgets it. */
void units_remove(struct units *units, struct unit *unit);
/* Frees all units and stays, empty. */
void units_clear(struct units *units);

size_t units_count(const struct units *units);
struct unit *units_at(const struct units *units, size_t index);
struct unit *units_find(const struct units *units, const char *id); /* NULL = none */

#endif
