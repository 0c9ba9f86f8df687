/* SPDX-License-Identifier: MIT */
/* mqtt: a lamp or plug of somebody else's on the broker. On and off go now or not at all: what
 * waits for a broker would come at a moment that nobody meant. Sources of the forms in use:
 * zigbee2mqtt.io (topic …/set, state in JSON), tasmota.github.io (cmnd/…/POWER, stat/…/POWER),
 * shelly-api-docs.shelly.cloud (shellies/…/relay/0/command; status/switch:0 with "output"). */
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/light/driver.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <string.h>

enum { STATE_MAX_BYTES = 16 * 1024, STATE_MAX_DEPTH = 16 };

struct mqtt_light {
    struct light_port *port;
    struct mqtt_client *mqtt;
    const struct light_settings *settings;
};

static const char *on_payload(const struct light_settings *settings)
{
    return settings->on ? settings->on : "ON";
}

static const char *off_payload(const struct light_settings *settings)
{
    return settings->off ? settings->off : "OFF";
}

static void check_topic(const char *topic, const char *key, struct conf *conf, size_t index)
{
    if (topic && !topic_publishable(topic))
        conf_problem(conf, &light_table, index, key,
                     "is not a topic (no wildcards, not starting with $)");
}

static void check_state_word(const struct light_settings *settings, const char *value,
                             const char *key, struct conf *conf, size_t index)
{
    if (value && !settings->state_topic)
        conf_problem(conf, &light_table, index, key, "says what is on state_topic; name that, too");
}

static void mqtt_check(const struct light_settings *settings, struct conf *conf, size_t index)
{
    if (!settings->topic)
        conf_problem(conf, &light_table, index, "topic",
                     "is required for kind = \"mqtt\": where the lamp listens, such as "
                     "\"zigbee2mqtt/lamp/set\"");
    check_topic(settings->topic, "topic", conf, index);
    check_topic(settings->state_topic, "state_topic", conf, index);
    if (str_equal(on_payload(settings), off_payload(settings)))
        conf_problem(conf, &light_table, index, "off", "is the same as on");
    check_state_word(settings, settings->state_path, "state_path", conf, index);
    check_state_word(settings, settings->state_on, "state_on", conf, index);
    check_state_word(settings, settings->state_off, "state_off", conf, index);
}

static void *mqtt_open(struct light_port *port, const struct light_rooms *rooms,
                       const struct light_settings *settings)
{
    struct mqtt_light *light = xcalloc(1, sizeof(*light));

    *light = (struct mqtt_light){.port = port, .mqtt = rooms->mqtt, .settings = settings};
    if (settings->state_topic)
        mqtt_subscribe(rooms->mqtt, settings->state_topic, true);
    return light;
}

static void mqtt_close(void *driver)
{
    struct mqtt_light *light = driver;

    mqtt_forget_sender(light->mqtt, light);
    free_p(&light);
}

/* Nobody listens: a retained one waits there for the lamp. */
static void on_sent(int result, const struct error *err, void *user)
{
    struct mqtt_light *light = user;

    if (result == -ENOLINK && light->settings->retain)
        result = 0;
    light_port_answer(light->port, result, err);
}

static int mqtt_set(void *driver, bool on, struct error *err)
{
    struct mqtt_light *light = driver;
    const struct light_settings *settings = light->settings;

    mqtt_forget_sender(light->mqtt, light);
    return mqtt_send_now(light->mqtt,
                         &(struct mqtt_outside_message){
                             .topic = settings->topic,
                             .payload = on ? on_payload(settings) : off_payload(settings),
                             .qos = (int)settings->qos,
                             .retained = settings->retain,
                         },
                         on_sent, light, err);
}

static void mqtt_on_broker(void *driver)
{
    struct mqtt_light *light = driver;

    light_port_reachable(light->port);
}

static bool mqtt_reports(const struct light_settings *settings)
{
    return settings->state_topic != NULL;
}

/* --- what the lamp says --- */

static bool is_word(const char *said, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(said, word, len) == 0;
}

static void take_word(struct mqtt_light *light, const char *said, size_t len)
{
    const struct light_settings *settings = light->settings;
    const char *on = settings->state_on ? settings->state_on : on_payload(settings);
    const char *off = settings->state_off ? settings->state_off : off_payload(settings);

    if (is_word(said, len, on))
        light_port_seen(light->port, true);
    else if (is_word(said, len, off))
        light_port_seen(light->port, false);
    else
        log_debug("light.strange_state", "light=%s", settings->id);
}

static void take_json(struct mqtt_light *light, const struct mqtt_message *message)
{
    static const struct json_limits limits = {.max_bytes = STATE_MAX_BYTES,
                                              .max_depth = STATE_MAX_DEPTH};
    CLEANUP(json_free_p) cJSON *json = NULL;
    CLEANUP(free_p) char *printed = NULL;
    const cJSON *value;
    const char *text;
    struct error err;

    if (json_parse((const char *)message->payload, message->len, &limits, &json, &err) < 0) {
        log_debug("light.strange_state", "light=%s error=\"%s\"", light->settings->id, err.text);
        return;
    }
    value = json_get(json, light->settings->state_path);
    text = json_string(value);
    if (value && !text)
        text = printed = json_print(value);
    if (text)
        take_word(light, text, strlen(text));
}

static void mqtt_on_message(void *driver, const struct mqtt_message *message)
{
    struct mqtt_light *light = driver;

    if (!str_equal(light->settings->state_topic, message->topic))
        return;
    if (light->settings->state_path)
        take_json(light, message);
    else
        take_word(light, (const char *)message->payload, message->len);
}

static const char *const keys[] = {"topic",       "on",         "off",      "qos",       "retain",
                                   "state_topic", "state_path", "state_on", "state_off", NULL};

const struct light_driver light_mqtt_driver = {
    .kind = "mqtt",
    .keys = keys,
    .check = mqtt_check,
    .open = mqtt_open,
    .close = mqtt_close,
    .set = mqtt_set,
    .reports = mqtt_reports,
    .on_message = mqtt_on_message,
    .on_broker = mqtt_on_broker,
};
