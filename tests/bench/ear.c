/* SPDX-License-Identifier: MIT */
#include "tests/bench/ear.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BELOW "timelapse/v1/pi01/"

struct ear {
    struct rig *rig;
    ear_fn on_heard;
    void *user;
    struct mqtt_settings settings;
    struct mqtt_client *client;
    bool up;
};

static void on_up(void *user)
{
    struct ear *ear = user;

    ear->up = true;
}

static void on_message(const struct mqtt_message *message, void *user)
{
    static const struct json_limits limits = {1 << 20, 32};
    struct ear *ear = user;
    int64_t at_us = clock_mono_us();
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct error err;

    if (!str_starts_with(message->topic, BELOW) ||
        json_parse((const char *)message->payload, message->len, &limits, &json, &err) < 0)
        return;
    ear->on_heard(message->topic + strlen(BELOW), json, at_us, ear->user);
}

static bool is_up(struct rig *rig, void *user)
{
    (void)rig;
    return ((const struct ear *)user)->up;
}

struct ear *ear_new(struct rig *rig, ear_fn on_heard, void *user)
{
    static const struct mqtt_callbacks callbacks = {.on_up = on_up, .on_message = on_message};
    struct ear *ear = xcalloc(1, sizeof(*ear));
    struct mqtt_client_config config = {.settings = &ear->settings, .client_id = "ear"};
    struct error err;

    ear->rig = rig;
    ear->on_heard = on_heard;
    ear->user = user;
    ear->settings = (struct mqtt_settings){
        .host = xstrdup("127.0.0.1"),
        .port = rig_mqtt_port(rig),
        .prefix = xstrdup("timelapse"),
        .keepalive_s = 30,
        .max_events = 1000,
    };
    ear->client = mqtt_client_new(rig_loop(rig), &config, &callbacks, ear);
    mqtt_subscribe(ear->client, BELOW "unit/+/event", false);
    mqtt_subscribe(ear->client, BELOW "ack", false);
    if (mqtt_client_start(ear->client, &err) < 0 || !rig_wait(rig, is_up, ear, RIG_DEADLINE_MS)) {
        fprintf(stderr, "bench: cannot listen on the broker\n");
        exit(1);
    }
    return ear;
}

void ear_free(struct ear *ear)
{
    if (!ear)
        return;
    mqtt_client_free(ear->client);
    free(ear->settings.host);
    free(ear->settings.prefix);
    free(ear);
}

int64_t ear_say(struct ear *ear, const char *topic, const char *payload)
{
    int64_t at_us = clock_mono_us();

    mqtt_publish_command(ear->client, topic, payload, NULL, 0);
    return at_us;
}
