/* SPDX-License-Identifier: MIT */
/* procfs: what the kernel says about a running process. A process that is gone counts as nothing.
 */
#ifndef TESTS_BENCH_PROCFS_H
#define TESTS_BENCH_PROCFS_H

#include "agent/base/common.h"

#include <sys/types.h>

struct process_memory {
    double resident_mib; /* VmRSS: shared pages of libraries count in full */
    double own_mib;      /* RssAnon: what nobody else could share */
    double share_mib;    /* Pss: shared pages divided among their users */
};

struct process_memory procfs_memory(pid_t pid);
/* VmRSS alone: cheap, and unlike Pss nothing that the process would have to wait for. */
double procfs_resident_mib(pid_t pid);
/* The highest VmRSS since the start or procfs_forget_peak(): nothing between two looks is missed.
 */
double procfs_peak_mib(pid_t pid);
void procfs_forget_peak(pid_t pid);
/* User and system time of all its threads, by the scheduler's own count (ns, not ticks). */
double procfs_cpu_s(pid_t pid);
/* VmRSS of all its direct children together. */
double procfs_children_mib(pid_t pid);
/* User and system time of all its direct children that run. */
double procfs_children_cpu_s(pid_t pid);
/* User and system time of our own children that have ended and were waited for. */
double procfs_ended_cpu_s(void);

#endif
