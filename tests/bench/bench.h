/* SPDX-License-Identifier: MIT */
/* bench: the phases of bench_agent, each with a rig of its own. A phase prints its figures and
 * returns 0, or says on stderr what went wrong and returns 1. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "agent/base/common.h"

/* How much is measured: less with --quick. */
struct bench_scale {
    int idle_s;   /* seconds of doing nothing */
    int layers;   /* followed without parking */
    int parks;    /* layers for which the head is parked */
    int triggers; /* messages that ask for a frame */
    int shots;    /* of the baselines, one process each */
    int growth_s; /* seconds of a print before two 1080p cameras */
    int wire_s;   /* seconds for which an idle agent's bytes are counted */
    int flood_s;  /* seconds of a flood, and as many without */
    int outage_s; /* seconds without a broker */
};

int bench_idle(const struct bench_scale *scale);
int bench_layers(const struct bench_scale *scale);
int bench_triggers(const struct bench_scale *scale);
int bench_parks(const struct bench_scale *scale);
int bench_memory(const struct bench_scale *scale);
int bench_shots(const struct bench_scale *scale);
int bench_payload(const struct bench_scale *scale);
int bench_flood(const struct bench_scale *scale);
int bench_storm(const struct bench_scale *scale);
int bench_cameras(const struct bench_scale *scale);
int bench_dslr(const struct bench_scale *scale);
int bench_streams(const struct bench_scale *scale);

#endif
