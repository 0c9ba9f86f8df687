/* SPDX-License-Identifier: MIT */
/* machine: the agent of a rig on a (virtual) machine of its own, with its data on a disk, and whose
 * power can be cut. Printer, broker and tap go on outside. What cannot be done fails the test. */
#ifndef TESTS_DEVICE_MACHINE_H
#define TESTS_DEVICE_MACHINE_H

#include "tests/e2e/harness.h"

struct machine {
    struct rig *rig;
    char *dir;   /* of the guest's run; the rig's goes with it */
    char *disk;  /* its image */
    char *data;  /* where the agent has it, in the guest and, after a cut, here */
    char *drive; /* words for QEMU */
    struct child guest;
};

/* What the agent calls the loopback that broker and simulator listen on. */
#define MACHINE_HOST "10.0.2.2"

/* With an empty disk. The rig's configuration has to use MACHINE_HOST, and "%dir/data". */
void machine_init(struct machine *machine, struct rig *rig);
void machine_done(struct machine *machine);

/* Switches it on and waits until the agent is online. */
void machine_boot(struct machine *machine);

/* Pulls the plug: what was not synced is lost, and it is checked that something was. Then the disk
 * is repaired as at a boot, and what is on it copied to the rig's "data". */
void machine_cut(struct machine *machine);

#endif
