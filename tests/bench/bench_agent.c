/* SPDX-License-Identifier: MIT */
/* bench_agent: measures the running agent. bench_agent [--quick] PHASE…; figures on stdout. */
#include "tests/bench/bench.h"

#include "agent/base/str.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct phase {
    const char *name;
    int (*run)(const struct bench_scale *scale);
} phases[] = {
    {"idle", bench_idle},       {"layers", bench_layers}, {"triggers", bench_triggers},
    {"parks", bench_parks},     {"memory", bench_memory}, {"shots", bench_shots},
    {"payload", bench_payload}, {"flood", bench_flood},   {"storm", bench_storm},
    {"cameras", bench_cameras}, {"dslr", bench_dslr},     {"streams", bench_streams},
};

static const struct bench_scale whole = {.idle_s = 30,
                                         .layers = 100,
                                         .parks = 24,
                                         .triggers = 210,
                                         .shots = 15,
                                         .growth_s = 40,
                                         .wire_s = 310,
                                         .flood_s = 10,
                                         .outage_s = 60};
static const struct bench_scale quick = {.idle_s = 10,
                                         .layers = 12,
                                         .parks = 5,
                                         .triggers = 40,
                                         .shots = 4,
                                         .growth_s = 10,
                                         .wire_s = 45,
                                         .flood_s = 5,
                                         .outage_s = 8};

static const struct phase *find_phase(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        if (str_equal(phases[i].name, name))
            return &phases[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct bench_scale *scale = &whole;
    int rc = 0;

    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        const struct phase *phase = find_phase(argv[i]);

        if (str_equal(argv[i], "--quick"))
            scale = &quick;
        else if (phase)
            rc |= phase->run(scale);
        else {
            fprintf(stderr, "bench_agent: there is no phase '%s'\n", argv[i]);
            return 64;
        }
    }
    return rc;
}
