/* SPDX-License-Identifier: MIT */
/* ctl_fleet: many agents as one table, a line for each. */
#ifndef AGENT_CTL_FLEET_H
#define AGENT_CTL_FLEET_H

#include "agent/ctl/table.h"
#include "agent/ctl/task.h"

/* Whether --all or --group mean this agent. */
bool ctl_fleet_has(const struct ctl_options *options, const struct ctl_agent *agent);
/* At most so many lines; when there are more agents those with problems or work come first, and a
 * last line says how many are left out. Returns how many agents there are. */
size_t ctl_fleet_print(const struct ctl *ctl, size_t max_lines, FILE *out);
/* Everything about one agent as one line of JSON: units of two agents may have the same name. */
void ctl_fleet_print_json(const struct ctl_agent *agent);
/* One agent in one line, for a pipe. The caller frees. */
char *ctl_fleet_line(const struct ctl_agent *agent) MUST_CHECK;
/* Says that there is no such agent; the exit code. */
int ctl_fleet_nobody(const struct ctl_options *options);

#endif
