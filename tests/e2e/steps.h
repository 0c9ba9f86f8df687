/* SPDX-License-Identifier: MIT */
/* steps: what the tests that break things do and wait for, again and again. */
#ifndef TESTS_E2E_STEPS_H
#define TESTS_E2E_STEPS_H

#include "agent/base/clock.h" /* for RIG_WAIT */
#include "tests/e2e/harness.h"

/* --- the printer --- */
/* "/sim/command?do=…", "/sim/fault?what=…": whether the simulator could do it now. */
bool sim_try(struct rig *rig, const char *path);
/* As sim_try(), and it has to. */
void sim_do(struct rig *rig, const char *path);
/* Its status now: "processing", "paused", "idle" …; "" when it does not answer. Valid until the
 * next call. */
const char *sim_status(struct rig *rig);
bool sim_is(struct rig *rig, const char *status);
/* Paused, and by whom: "http" (us), "user" …. */
bool sim_is_paused_by(struct rig *rig, const char *by);
/* A number of /sim/state. */
int64_t sim_number(struct rig *rig, const char *path);

/* --- the agent --- */
/* Writes lapsed.conf anew, "%sim", "%dir" and "%mqtt" (the broker's port) replaced. The groups
 * agent and mqtt have to be in it. */
void conf_write(struct rig *rig, const char *template);
/* A program of these lines in the rig's directory; "%dir" in it is replaced. */
void script_write(struct rig *rig, const char *name, const char *lines);
/* The processes that the agent started, at most max. Returns how many. */
size_t agent_children(struct rig *rig, pid_t *ret_pids, size_t max);
/* Whether the exit status is that of a program that ended by itself with 0. */
bool ended_well(int status);

/* --- what was said --- */
/* "frame" events of a unit. */
size_t unit_event_count(struct rig *rig, const char *unit, const char *type);
/* As rig_says(), but only since that many messages. */
bool said_since(struct rig *rig, size_t from, const char *topic, const char *text);
/* The number of messages whose topic is this, since that many messages. */
size_t heard_since(struct rig *rig, size_t from, const char *topic);

/* --- the disk --- */
/* JPEGs below the directory that the agent keeps its media in; "%dir/data/media" when NULL. */
size_t frames_on_disk(struct rig *rig, const char *media_dir);

#endif
