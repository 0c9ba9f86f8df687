/* SPDX-License-Identifier: MIT */
/* What an outage of the broker costs, over a real broker on loopback. By hand: bench_outage
 * [events] [restarts]. An hour at ten events a second are 36,000; the goals: drained in 60 s, 1 MiB
 * of memory, back within 5 s of the broker. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/mqtt/broker.h"

#include "mqtt/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENT_BYTES = 300, BATCH = 50, AWAY_MS = 1500 };

struct bench {
    struct loop *loop;
    struct broker *broker;
    struct mqtt_client *client;
    struct timer *tick;
    int ups;
};

static void on_up(void *user)
{
    struct bench *bench = user;

    bench->ups++;
}

static void on_tick(void *user)
{
    (void)user;
}

static int64_t resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        abort();
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* What reached the disk: written, less what was dropped before it got there. */
static int64_t disk_bytes(void)
{
    FILE *file = fopen("/proc/self/io", "re");
    char line[128];
    int64_t written = 0, value;

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "write_bytes: %" SCNd64, &value) == 1)
            written += value;
        if (sscanf(line, "cancelled_write_bytes: %" SCNd64, &value) == 1)
            written -= value;
    }
    if (file)
        fclose(file);
    return written;
}

static int64_t waiting(const struct bench *bench)
{
    struct mqtt_link link;

    mqtt_client_link(bench->client, &link);
    if (link.dropped_events > 0)
        abort();
    return link.waiting_events;
}

static void tell(struct bench *bench, int64_t count)
{
    char json[EVENT_BYTES + 1];

    memset(json, 'x', EVENT_BYTES);
    json[EVENT_BYTES] = '\0';
    for (int64_t i = 0; i < count; i++)
        mqtt_publish_event(bench->client, "t/v1/a/unit/mk4/event", json);
}

static void run_until_told(struct bench *bench)
{
    while (waiting(bench) > 0)
        loop_run_once(bench->loop);
}

static void run_until_up(struct bench *bench, int ups)
{
    while (bench->ups < ups)
        loop_run_once(bench->loop);
}

static void run_for(struct bench *bench, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < until_ms)
        loop_run_once(bench->loop);
}

static void measure_connected(struct bench *bench)
{
    int64_t before = disk_bytes(), started_ms = clock_mono_ms();

    for (int i = 0; i < 1000; i += BATCH) {
        tell(bench, BATCH);
        run_until_told(bench);
    }
    run_for(bench, 200);
    printf("connected events=1000 ms=%" PRId64 " disk_kib=%" PRId64 "\n",
           clock_mono_ms() - started_ms, (disk_bytes() - before) / 1024);
}

static void measure_outage(struct bench *bench, int64_t events)
{
    int64_t before_kib = resident_kib(), most_kib = 0, started_ms;

    broker_kill(bench->broker);
    for (int64_t told = 0; told < events; told += BATCH) {
        tell(bench, BATCH);
        loop_run_once(bench->loop);
        most_kib = MAX(most_kib, resident_kib());
    }
    broker_start(bench->broker);
    started_ms = clock_mono_ms();
    run_until_up(bench, bench->ups + 1);
    printf("outage events=%" PRId64 " grown_kib=%" PRId64 " up_ms=%" PRId64, events,
           most_kib - before_kib, clock_mono_ms() - started_ms);
    started_ms = clock_mono_ms();
    run_until_told(bench);
    printf(" drained_ms=%" PRId64 " grown_after_kib=%" PRId64 "\n", clock_mono_ms() - started_ms,
           resident_kib() - before_kib);
}

static int by_size(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void measure_restarts(struct bench *bench, int64_t restarts)
{
    int64_t *ms = xcalloc((size_t)restarts, sizeof(*ms));

    for (int64_t i = 0; i < restarts; i++) {
        int64_t started_ms;

        broker_kill(bench->broker);
        run_for(bench, AWAY_MS + i % 7 * 700);
        broker_start(bench->broker);
        started_ms = clock_mono_ms();
        run_until_up(bench, bench->ups + 1);
        ms[i] = clock_mono_ms() - started_ms;
    }
    qsort(ms, (size_t)restarts, sizeof(*ms), by_size);
    printf("restarts=%" PRId64 " back_p50_ms=%" PRId64 " back_max_ms=%" PRId64 "\n", restarts,
           ms[restarts / 2], ms[restarts - 1]);
    free_p(&ms);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    int port = broker_free_port();
    char host[] = "127.0.0.1", dir[] = "/tmp/lapsed-outage-XXXXXX";
    const struct mqtt_settings settings = {
        .host = host, .port = port, .keepalive_s = 30, .max_events = 1000000};
    const struct mqtt_client_config config = {
        .settings = &settings, .client_id = "bench", .session_expiry_s = 60, .spool_dir = dir};
    const struct mqtt_callbacks callbacks = {.on_up = on_up};
    int64_t events = 36000, restarts = 20;
    struct error err;

    if ((argc > 1 && str_to_int(argv[1], &events) < 0) ||
        (argc > 2 && str_to_int(argv[2], &restarts) < 0) || !mkdtemp(dir) ||
        loop_new(&bench.loop, NULL) < 0)
        return 2;
    bench.broker = broker_new(port, NULL);
    broker_start(bench.broker);
    bench.tick = timer_new(bench.loop, on_tick, NULL);
    timer_start_repeat(bench.tick, 20);
    bench.client = mqtt_client_new(bench.loop, &config, &callbacks, &bench);
    if (mqtt_client_start(bench.client, &err) < 0)
        return 1;
    run_until_up(&bench, 1);
    measure_connected(&bench);
    measure_outage(&bench, events);
    if (restarts > 0)
        measure_restarts(&bench, restarts);
    mqtt_client_free(bench.client);
    timer_free(bench.tick);
    loop_free(bench.loop);
    broker_free(bench.broker);
    return path_remove_tree(dir, NULL) < 0;
}
