/* SPDX-License-Identifier: MIT */
/* oracle: the log of what really happened, one JSON object per line: {"t_ms":…,"event":…, …}. Tests
 * judge the agent by it. Kept in a file; a temporary one when none is named. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "agent/base/json.h"

struct oracle;

/* path NULL: a file without a name. */
int oracle_open(const char *path, struct oracle **ret_oracle, struct error *err) MUST_CHECK;
void oracle_close(struct oracle *oracle);

/* A line to add members to; oracle_add() writes it and takes it. */
cJSON *oracle_line(int64_t at_us, const char *event) MUST_CHECK;
void oracle_add(struct oracle *oracle, cJSON *line);
void oracle_flush(struct oracle *oracle);

/* All lines so far; the caller frees. */
char *oracle_read(struct oracle *oracle, size_t *ret_len) MUST_CHECK;

#endif
