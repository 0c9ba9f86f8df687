/* SPDX-License-Identifier: MIT */
/* machine_look: what machine.c itself asks about its state, beside what machine.h offers to all. */
#ifndef SIM_MACHINE_LOOK_H
#define SIM_MACHINE_LOOK_H

#include "tests/sim/machine.h"

/* The job moves the head, now. */
bool machine_motion_runs(const struct machine *machine);
/* All of these in print time: the end of the file; how far it may be read now (to its end or to the
 * next M226); how far it is read. */
int64_t machine_end_us(const struct machine *machine);
int64_t machine_limit_us(const struct machine *machine);
int64_t machine_reading_us(const struct machine *machine);

#endif
