/* SPDX-License-Identifier: MIT */
/* ctl_text: values of status documents as short texts for people. Nothing from outside may carry a
 * terminal's control sequences. */
#ifndef AGENT_CTL_TEXT_H
#define AGENT_CTL_TEXT_H

#include "agent/base/json.h"

/* Each returns a text that the caller frees; "-" for what is null, absent or of another type. */
char *ctl_text(const cJSON *json, const char *path) MUST_CHECK;
char *ctl_text_int(const cJSON *json, const char *path) MUST_CHECK;
/* "4.8 s" */
char *ctl_text_number(const cJSON *json, const char *path, int decimals,
                      const char *unit) MUST_CHECK;
/* "81.2 GB" */
char *ctl_text_bytes(const cJSON *json, const char *path) MUST_CHECK;
/* "57/120", "57" when the second is unknown */
char *ctl_text_of(const cJSON *json, const char *path, const char *total_path) MUST_CHECK;
/* How long ago an RFC 3339 time is: "3 s ago" */
char *ctl_text_ago(const cJSON *json, const char *path) MUST_CHECK;
/* "1 h 05 min" */
char *ctl_text_duration(const cJSON *json, const char *path) MUST_CHECK;

/* A copy in which every control character became '?'; "" for NULL. */
char *ctl_text_clean(const char *text) MUST_CHECK;

/* Columns that a UTF-8 text takes, one for each character. */
size_t ctl_text_width(const char *text);
/* How many bytes of it fit into so many columns; colours take none. */
size_t ctl_text_fit(const char *text, size_t columns);

#endif
