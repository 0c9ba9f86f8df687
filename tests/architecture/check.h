/* SPDX-License-Identifier: MIT */
/* check: whether a source tree keeps the rules of the house (rules.h). */
#ifndef TESTS_ARCHITECTURE_CHECK_H
#define TESTS_ARCHITECTURE_CHECK_H

#include <stddef.h>
#include <stdio.h>

/* Looks at every file below root; writes each violation to report, as "file:line: message", in the
 * order of the names. How many there are. */
size_t architecture_check(const char *root, FILE *report);

#endif
