/* SPDX-License-Identifier: MIT */
/* orphans: open sessions whose unit is not there any more (it was taken out of the configuration or
 * renamed while we did not run). Nothing will add to them: they end, and the queue makes their
 * videos. */
#ifndef AGENT_ORPHANS_H
#define AGENT_ORPHANS_H

#include "agent/jobs/jobs.h"
#include "agent/unit/units.h"

/* At the start, when all units are made and before jobs_start(). */
void orphans_end(struct journal *journal, const struct units *units, struct jobs *jobs);

#endif
