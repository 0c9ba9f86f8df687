/* SPDX-License-Identifier: MIT */
/* wire: what went over a process's TCP connections to a port of this machine, as the kernel counts
 * it (sock_diag): nothing stands in between, nothing is disturbed. */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include "agent/base/common.h"

#include <sys/types.h>

struct wire_count {
    double bytes_out, bytes_in; /* without TCP and IP headers */
    double packets_out, packets_in;
};

/* Of the connections that are open now. -errno. */
int wire_count(pid_t pid, int port, struct wire_count *ret_count) MUST_CHECK;

#endif
