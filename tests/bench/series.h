/* SPDX-License-Identifier: MIT */
/* series: measured values, and what is told of them: figures as "key=value" lines on stdout, which
 * run.sh makes a table of. */
#ifndef TESTS_BENCH_SERIES_H
#define TESTS_BENCH_SERIES_H

#include "agent/base/common.h"

struct series {
    double *values;
    size_t count, cap;
};

void series_add(struct series *series, double value);
void series_done(struct series *series);

/* Of an empty series: NaN, which is no figure. */
double series_mean(const struct series *series);
double series_max(const struct series *series);
/* share 0..1; the smallest value that is not below that share of all (nearest rank). */
double series_quantile(struct series *series, double share);

/* Prints nothing when the value is NaN: the table then says that it is missing. */
void figure(const char *key, double value);
/* <key>_mean, <key>_p50, <key>_p99, <key>_max and <key>_count. */
void figure_series(const char *key, struct series *series);

#endif
