/* SPDX-License-Identifier: MIT */
/* manual_roff: writing a manual page in mdoc(7), so that nothing in a text is taken for roff. */
#ifndef AGENT_MANUAL_ROFF_H
#define AGENT_MANUAL_ROFF_H

#include "agent/base/common.h"

#include <stdio.h>

/* date: "2026-01-31" */
void roff_begin(FILE *out, const char *name, const char *section, const char *date,
                const char *summary);
void roff_section(FILE *out, const char *title);
void roff_subsection(FILE *out, const char *title);
/* A paragraph; each sentence begins a line. */
void roff_text(FILE *out, const char *text);
/* As roff_text(), without a break before it. */
void roff_more(FILE *out, const char *text);
/* A list of tagged paragraphs: for each item its tag, then roff_more(). */
void roff_list_begin(FILE *out);
void roff_list_end(FILE *out);
/* An option; letter 0 = none, value NULL = a switch. */
void roff_option(FILE *out, char letter, const char *name, const char *value);
/* A command or setting with what stands behind it ("" = nothing). */
void roff_word(FILE *out, const char *word, const char *behind);
/* Lines as they are. */
void roff_example(FILE *out, const char *text);
/* "lapsed 8, lapsectl 1" as references: pairs of name and section, NULL at the end. */
void roff_see_also(FILE *out, const char *const *pages);

#endif
