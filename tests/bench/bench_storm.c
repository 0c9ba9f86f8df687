/* SPDX-License-Identifier: MIT */
/* bench_storm: many agents lose their broker, which comes back after a while; they go on having
 * something to say all the time. */
#include "tests/bench/bench.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/loop.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/fleet/swarm.h"
#include "tests/fleet/witness.h"
#include "tests/mqtt/broker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { AGENTS = 200, TALK_MS = 2000, CALM_MS = 10000, DEADLINE_MS = 180000, TICK_MS = 20 };

struct storm {
    struct loop *loop;
    struct timer *tick;
    struct broker *broker;
    struct swarm *swarm;
    struct witness *witness;
    char dir[32];
};

typedef bool (*storm_fn)(struct storm *storm);

static void on_tick(void *user)
{
    (void)user;
}

/* ms that it took; the program ends when it does not come. NULL: just so long. */
static double wait_for(struct storm *storm, storm_fn what, int64_t limit_ms, const char *name)
{
    int64_t from_ms = clock_mono_ms();

    while (!what || !what(storm)) {
        if (clock_mono_ms() - from_ms > limit_ms) {
            if (!what)
                break;
            fprintf(stderr, "bench: %lld s passed without: %s\n", (long long)limit_ms / 1000, name);
            broker_kill(storm->broker);
            exit(1);
        }
        loop_run_once(storm->loop);
    }
    return (double)(clock_mono_ms() - from_ms);
}

static bool listens(struct storm *storm)
{
    return witness_listens(storm->witness);
}

static bool is_saved(struct storm *storm)
{
    CLEANUP(free_p) char *path = path_join(broker_dir(storm->broker), "mosquitto.db");

    return access(path, F_OK) == 0;
}

static bool all_up(struct storm *storm)
{
    return swarm_up(storm->swarm) == swarm_count(storm->swarm);
}

static double unheard(struct storm *storm)
{
    double count = 0;

    for (size_t i = 0; i < swarm_count(storm->swarm); i++)
        count += (double)(swarm_said(storm->swarm, i) - witness_heard(storm->witness, i));
    return count;
}

static bool all_heard(struct storm *storm)
{
    return unheard(storm) == 0;
}

static void begin(struct storm *storm)
{
    CLEANUP(free_p) char *log = NULL;
    int port = broker_free_port();

    *storm = (struct storm){.dir = "/tmp/lapsed-storm-XXXXXX"};
    if (!mkdtemp(storm->dir) || loop_new(&storm->loop, NULL) < 0)
        exit(1);
    log = path_join(storm->dir, "heard.txt");
    storm->tick = timer_new(storm->loop, on_tick, NULL);
    timer_start_repeat(storm->tick, TICK_MS);
    storm->broker = broker_new(port, WITNESS_BROKER);
    broker_start(storm->broker);
    storm->witness = witness_new(port, AGENTS, log);
    wait_for(storm, listens, DEADLINE_MS, "the witness's subscription");
    broker_signal(storm->broker, SIGUSR1);
    wait_for(storm, is_saved, DEADLINE_MS, "the broker's file");
    storm->swarm = swarm_new(storm->loop, port, AGENTS, storm->dir);
    wait_for(storm, all_up, DEADLINE_MS, "all agents connected");
}

static void end(struct storm *storm)
{
    swarm_free(storm->swarm);
    witness_free(storm->witness);
    broker_free(storm->broker);
    timer_free(storm->tick);
    loop_free(storm->loop);
    if (path_remove_tree(storm->dir, NULL) < 0)
        perror(storm->dir);
}

/* The most connections that fell into one second, and how long after the restart the last came. */
static void tell_connections(const struct storm *storm, int64_t from_ms)
{
    double busiest = 0;
    struct series after_s = {0};

    for (size_t i = 0; i < swarm_count(storm->swarm); i++) {
        int64_t at_ms = swarm_up_at_ms(storm->swarm, i);
        double near = 0;

        for (size_t j = 0; j < swarm_count(storm->swarm); j++)
            near += swarm_up_at_ms(storm->swarm, j) >= at_ms &&
                    swarm_up_at_ms(storm->swarm, j) < at_ms + 1000;
        busiest = MAX(busiest, near);
        series_add(&after_s, (double)(at_ms - from_ms) / 1000);
    }
    figure("storm_connects_per_s", busiest);
    figure_series("storm_up_s", &after_s);
    series_done(&after_s);
}

int bench_storm(const struct bench_scale *scale)
{
    struct storm storm;
    int64_t from_ms;
    double said = 0;

    begin(&storm);
    swarm_talk(storm.swarm, TALK_MS);
    wait_for(&storm, NULL, CALM_MS, "");
    broker_kill(storm.broker);
    wait_for(&storm, NULL, scale->outage_s * 1000L, "");
    from_ms = clock_mono_ms();
    broker_start(storm.broker);
    wait_for(&storm, all_up, DEADLINE_MS, "all agents back");
    tell_connections(&storm, from_ms);
    swarm_talk(storm.swarm, 0);
    wait_for(&storm, all_heard, DEADLINE_MS, "every event");
    figure("storm_heard_s", (double)(clock_mono_ms() - from_ms) / 1000);
    for (size_t i = 0; i < swarm_count(storm.swarm); i++)
        said += (double)swarm_said(storm.swarm, i);
    figure("storm_agents", AGENTS);
    figure("storm_outage_s", scale->outage_s);
    figure("storm_events", said);
    figure("storm_lost", unheard(&storm) + (double)swarm_dropped(storm.swarm));
    figure("storm_disordered", (double)witness_jumped(storm.witness));
    figure("storm_twice", (double)witness_twice(storm.witness));
    end(&storm);
    return 0;
}
