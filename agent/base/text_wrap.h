/* SPDX-License-Identifier: MIT */
/* text_wrap: text for a terminal of 80 columns. */
#ifndef BASE_TEXT_WRAP_H
#define BASE_TEXT_WRAP_H

#include "agent/base/common.h"

#include <stdio.h>

/* Writes the words of text and a line break; lines after the first one are indented. at: the column
 * that the first line has reached already. */
void text_wrap(const char *text, size_t indent, size_t at, FILE *out);

#endif
