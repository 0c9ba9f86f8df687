/* SPDX-License-Identifier: MIT */
/* str: strict text to number and small string helpers. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "agent/base/common.h"

bool str_equal(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);

/* The whole text must be the number (decimal; no spaces). -EINVAL, -ERANGE. */
int str_to_int(const char *text, int64_t *ret_value) MUST_CHECK;
int str_to_double(const char *text, double *ret_value) MUST_CHECK;

/* Well-formed UTF-8 (no surrogates, no overlong forms) without NUL. */
bool str_is_utf8(const char *text, size_t len);

/* Names of agents, units, printers, cameras, groups, clients: ^[a-z0-9][a-z0-9_-]{0,47}$ */
#define STR_ID_MAX 48
bool str_is_id(const char *text);

/* Makes an id of any text: lower case, other bytes become '-'; "x" when nothing is left. */
void str_make_id(const char *text, char ret_id[STR_ID_MAX + 1]);

/* Copies an URL with the password and user of its authority replaced by "…"; the caller frees. */
char *str_redact_url(const char *url) MUST_CHECK;

#endif
