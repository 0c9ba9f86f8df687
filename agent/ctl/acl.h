/* SPDX-License-Identifier: MIT */
/* ctl_acl: who may say and hear what on the broker, as lines of mosquitto's acl_file. */
#ifndef AGENT_CTL_ACL_H
#define AGENT_CTL_ACL_H

#include "agent/verbs.h"

extern const struct verb_arg ctl_acl_args[];
extern const char ctl_acl_details[];

#endif
