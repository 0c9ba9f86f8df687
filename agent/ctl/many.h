/* SPDX-License-Identifier: MIT */
/* ctl_many: one command to all agents or to a group, and each one's answer or silence. */
#ifndef AGENT_CTL_MANY_H
#define AGENT_CTL_MANY_H

#include "agent/ctl/request.h"

/* Runs to its end; the exit code is 0 only when every agent said ok. */
int ctl_many(const struct ctl_options *options, struct ctl_request *request);
#endif
