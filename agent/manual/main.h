/* SPDX-License-Identifier: MIT */
/* manual: the manual pages, from the same tables as the programs; made while lapsed is built. */
#ifndef AGENT_MANUAL_H
#define AGENT_MANUAL_H

#include <stdio.h>

/* date: "2026-01-31" */
void manual_lapsed(const char *date, FILE *out);
void manual_lapsectl(const char *date, FILE *out);
void manual_conf(const char *date, FILE *out);

#endif
