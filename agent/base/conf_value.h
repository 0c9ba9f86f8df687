/* SPDX-License-Identifier: MIT */
/* conf_value: the values behind a settings table, without the file: checking, storing, freeing.
 *
 * The door that both ways in share, the configuration file (conf.c) and bare text (defaults,
 * set/<key>). Used by conf.c only; everyone else includes conf.h. */
#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "agent/base/conf.h"

/* Each stores one checked value in the field's place inside values and frees what was there.
 * -EINVAL or -ERANGE leave the place as it was; err then continues "<setting>: " and never quotes a
 * secret. The type must be the field's own. */
int conf_value_set_bool(const struct conf_field *field, void *values, bool value) MUST_CHECK;
int conf_value_set_int(const struct conf_field *field, void *values, int64_t value,
                       struct error *err) MUST_CHECK;
int conf_value_set_float(const struct conf_field *field, void *values, double value,
                         struct error *err) MUST_CHECK;
/* CONF_FLAGS, CONF_STRINGS, CONF_IDS. */
int conf_value_set_words(const struct conf_field *field, void *values,
                         const struct conf_strings *words, struct error *err) MUST_CHECK;
/* Any type, from bare text; a list is separated by commas. */
int conf_value_set_text(const struct conf_field *field, void *values, const char *text,
                        struct error *err) MUST_CHECK;

void conf_value_done(const struct conf_field *field, void *values);

void conf_strings_add(struct conf_strings *strings, const char *text, size_t len);
void conf_strings_done(struct conf_strings *strings); /* for CLEANUP, too */

#endif
