/* SPDX-License-Identifier: MIT */
#include "tests/bench/series.h"

#include "agent/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void series_add(struct series *series, double value)
{
    if (series->count == series->cap) {
        series->cap = MAX(series->cap * 2, (size_t)64);
        series->values = xrealloc(series->values, series->cap * sizeof(*series->values));
    }
    series->values[series->count++] = value;
}

void series_done(struct series *series)
{
    free(series->values);
    *series = (struct series){0};
}

double series_mean(const struct series *series)
{
    double sum = 0;

    for (size_t i = 0; i < series->count; i++)
        sum += series->values[i];
    return series->count > 0 ? sum / (double)series->count : (double)NAN;
}

double series_max(const struct series *series)
{
    double worst = series->count > 0 ? series->values[0] : (double)NAN;

    for (size_t i = 1; i < series->count; i++)
        worst = MAX(worst, series->values[i]);
    return worst;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

double series_quantile(struct series *series, double share)
{
    size_t rank;

    if (series->count == 0)
        return (double)NAN;
    qsort(series->values, series->count, sizeof(*series->values), by_size);
    rank = (size_t)ceil(share * (double)series->count);
    return series->values[MAX(rank, (size_t)1) - 1];
}

void figure(const char *key, double value)
{
    if (!isnan(value))
        printf("%s=%.4f\n", key, value);
    fflush(stdout);
}

void figure_series(const char *key, struct series *series)
{
    CLEANUP(free_p) char *mean = xasprintf("%s_mean", key);
    CLEANUP(free_p) char *p50 = xasprintf("%s_p50", key);
    CLEANUP(free_p) char *p99 = xasprintf("%s_p99", key);
    CLEANUP(free_p) char *max = xasprintf("%s_max", key);
    CLEANUP(free_p) char *count = xasprintf("%s_count", key);

    figure(mean, series_mean(series));
    figure(p50, series_quantile(series, 0.5));
    figure(p99, series_quantile(series, 0.99));
    figure(max, series_max(series));
    figure(count, (double)series->count);
}
