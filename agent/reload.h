/* SPDX-License-Identifier: MIT */
/* reload: the configuration file once more, while the agent runs (SIGHUP, agent.reload). What may
 * change at run time changes; what else is different is named, and waits for a restart. */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "agent/config.h"
#include "agent/unit/units.h"

/* result (an object) gets "changed" and "needs_restart", lists of settings as "units.mk4.fps". When
 * anything in the file is wrong nothing changes: ACK_BAD_PARAMS, and result gets "problems". */
enum ack_code reload_config(struct config *config, struct units *units, cJSON *result,
                            struct error *err);

#endif
