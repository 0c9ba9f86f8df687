/* SPDX-License-Identifier: MIT */
#include "tests/e2e/lamp.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC "zigbee2mqtt/lamp"

struct lamp {
    struct mqtt_settings settings;
    struct mqtt_client *client;
    bool up, on, dead;
    struct lamp_order orders[LAMP_ORDERS_MAX];
    size_t order_count;
};

static void say(struct lamp *lamp)
{
    CLEANUP(free_p)
    char *json = xasprintf("{\"brightness\":254,\"linkquality\":87,\"state\":\"%s\"}",
                           lamp->on ? "ON" : "OFF");

    mqtt_publish_retained(lamp->client, TOPIC, MQTT_TEXT, json, strlen(json));
}

void lamp_press(struct lamp *lamp, bool on)
{
    lamp->on = on;
    say(lamp);
}

static void on_order(const struct mqtt_message *message, void *user)
{
    struct lamp *lamp = user;
    bool on = message->len == 2 && memcmp(message->payload, "ON", 2) == 0;

    if (lamp->order_count == LAMP_ORDERS_MAX)
        fail_msg("the lamp was switched more than %d times", LAMP_ORDERS_MAX);
    lamp->orders[lamp->order_count++] = (struct lamp_order){.on = on, .at = clock_wall_ms()};
    if (!lamp->dead)
        lamp_press(lamp, on);
}

static void on_up(void *user)
{
    struct lamp *lamp = user;

    lamp->up = true;
}

static void on_down(const struct error *why, void *user)
{
    struct lamp *lamp = user;

    (void)why;
    lamp->up = false;
}

struct lamp *lamp_new(struct rig *rig)
{
    static const struct mqtt_callbacks callbacks = {
        .on_up = on_up, .on_down = on_down, .on_message = on_order};
    struct lamp *lamp = xcalloc(1, sizeof(*lamp));
    struct mqtt_client_config config = {.settings = &lamp->settings, .client_id = "lamp"};
    struct error err;

    lamp->settings = (struct mqtt_settings){
        .host = xstrdup("127.0.0.1"),
        .port = rig_mqtt_port(rig),
        .prefix = xstrdup("zigbee2mqtt"),
        .keepalive_s = 30,
        .max_events = 100,
    };
    lamp->client = mqtt_client_new(rig_loop(rig), &config, &callbacks, lamp);
    mqtt_subscribe(lamp->client, TOPIC "/set", false);
    assert_int_equal(mqtt_client_start(lamp->client, &err), 0);
    RIG_WAIT(rig, lamp->up);
    return lamp;
}

void lamp_free(struct lamp *lamp)
{
    if (!lamp)
        return;
    mqtt_client_free(lamp->client);
    free(lamp->settings.host);
    free(lamp->settings.prefix);
    free(lamp);
}

void lamp_set_dead(struct lamp *lamp, bool dead)
{
    lamp->dead = dead;
}

bool lamp_is_on(const struct lamp *lamp)
{
    return lamp->on;
}

bool lamp_is_up(const struct lamp *lamp)
{
    return lamp->up;
}

size_t lamp_order_count(const struct lamp *lamp)
{
    return lamp->order_count;
}

const struct lamp_order *lamp_order(const struct lamp *lamp, size_t index)
{
    return &lamp->orders[index];
}
