/* SPDX-License-Identifier: MIT */
/* How long from a command's publish to its acknowledgement, over a real broker on loopback. By
 * hand: bench_latency [rounds] Four crossings of a thread and two of the broker; the goal is p99 ≤
 * 5 ms. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/mqtt/broker.h"

#include "mqtt/client.h"

#include <stdio.h>
#include <stdlib.h>

struct side {
    struct mqtt_client *client;
    bool up;
    int64_t heard;
};

static void on_up(void *user)
{
    struct side *side = user;

    side->up = true;
}

static void on_command(const struct mqtt_message *message, void *user)
{
    struct side *side = user;

    mqtt_publish_reply(side->client, message->response_topic, "{\"ok\":true}", NULL, 0);
}

static void on_ack(const struct mqtt_message *message, void *user)
{
    struct side *side = user;

    (void)message;
    side->heard++;
}

static void start(struct side *side, struct loop *loop, const struct mqtt_settings *settings,
                  const char *id, const char *filter,
                  void (*on_message)(const struct mqtt_message *message, void *user))
{
    const struct mqtt_client_config config = {.settings = settings, .client_id = id};
    const struct mqtt_callbacks callbacks = {.on_up = on_up, .on_message = on_message};
    struct error err;

    side->client = mqtt_client_new(loop, &config, &callbacks, side);
    mqtt_subscribe(side->client, filter, false);
    if (mqtt_client_start(side->client, &err) < 0)
        abort();
    while (!side->up)
        loop_run_once(loop);
}

static int by_size(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static int64_t measure(struct side *caller, struct loop *loop)
{
    int64_t heard = caller->heard, started_us = clock_mono_us();

    mqtt_publish_command(caller->client, "t/cmd/x", "{\"id\":\"a1\"}", "t/reply/1", 0);
    while (caller->heard == heard)
        loop_run_once(loop);
    return clock_mono_us() - started_us;
}

int main(int argc, char **argv)
{
    int port = broker_free_port();
    struct broker *broker = broker_new(port, "allow_anonymous true");
    char host[] = "127.0.0.1";
    const struct mqtt_settings settings = {
        .host = host, .port = port, .keepalive_s = 30, .max_events = 100};
    struct side agent = {0}, caller = {0};
    int64_t rounds = 2000, *us;
    struct loop *loop;

    if ((argc > 1 && str_to_int(argv[1], &rounds) < 0) || rounds < 1 || loop_new(&loop, NULL) < 0)
        return 2;
    broker_start(broker);
    start(&agent, loop, &settings, "agent", "t/cmd/+", on_command);
    start(&caller, loop, &settings, "caller", "t/reply/+", on_ack);
    us = xcalloc((size_t)rounds, sizeof(*us));
    for (int64_t i = 0; i < rounds; i++)
        us[i] = measure(&caller, loop);
    qsort(us, (size_t)rounds, sizeof(*us), by_size);
    printf("rounds=%lld p50_us=%lld p99_us=%lld max_us=%lld\n", (long long)rounds,
           (long long)us[rounds / 2], (long long)us[rounds * 99 / 100], (long long)us[rounds - 1]);
    free_p(&us);
    mqtt_client_free(caller.client);
    mqtt_client_free(agent.client);
    loop_free(loop);
    broker_free(broker);
    return 0;
}
