/* SPDX-License-Identifier: MIT */
#include "tests/e2e/fleet.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "timelapse/v1/"

struct fleet {
    struct rig *rig;
    struct mqtt_settings settings;
    struct mqtt_client *client;
    size_t count, asked;
    fleet_manner_fn manner;
    char *last_topic;
    bool up, marked, stopped;
};

static void publish(struct fleet *fleet, const char *agent, const char *topic, const char *text)
{
    CLEANUP(free_p) char *full = xasprintf(BASE "%s/%s", agent, topic);

    mqtt_publish_retained(fleet->client, full, text[0] == '{' ? MQTT_JSON : MQTT_TEXT, text,
                          strlen(text));
}

static void introduce(struct fleet *fleet, size_t number)
{
    bool troubled = fleet->manner(number) == FLEET_REFUSES;
    CLEANUP(free_p) char *agent = xasprintf("a%03zu", number);
    CLEANUP(free_p)
    char *info = xasprintf("{\"agent\":\"%s\",\"version\":\"9.8.7\",\"units\":[\"u\"],\"printers\""
                           ":[],\"cameras\":[],\"groups\":[%s]}",
                           agent, number % 2 == 0 ? "\"even\"" : "");
    CLEANUP(free_p)
    char *status = xasprintf("{\"agent\":\"%s\",\"jobs\":{\"running\":0,\"queued\":0},\"disk\":{"
                             "\"free_bytes\":5000000000},\"error\":%s}",
                             agent, troubled ? "{\"message\":\"the disk is slow\"}" : "null");

    publish(fleet, agent, "info", info);
    publish(fleet, agent, "status", status);
    publish(fleet, agent, "unit/u/status", "{\"unit\":\"u\",\"state\":\"capturing\"}");
    publish(fleet, agent, "availability",
            fleet->manner(number) == FLEET_OFFLINE ? "offline" : "online");
}

/* --- answers --- */

static void send_ack(struct fleet *fleet, const char *agent, const char *id, bool final, bool busy)
{
    CLEANUP(free_p) char *topic = xasprintf(BASE "%s/ack", agent);
    CLEANUP(free_p)
    char *ack = xasprintf("{\"id\":\"%s\",\"agent\":\"%s\",\"phase\":\"%s\",\"ok\":%s%s}", id,
                          agent, final ? "final" : "accepted", busy ? "false" : "true",
                          busy ? ",\"code\":-32000,\"error\":\"busy\",\"message\":\"not now\""
                               : ",\"result\":{\"frame\":7,\"job\":\"j1\"}");

    mqtt_publish_event(fleet->client, topic, ack);
}

static void send_reply(struct fleet *fleet, const char *agent, const char *client, const char *id,
                       bool busy)
{
    CLEANUP(free_p) char *topic = xasprintf(BASE "%s/reply/%s", agent, client);
    CLEANUP(free_p)
    char *reply = xasprintf("{\"jsonrpc\":\"2.0\",\"id\":\"%s\",%s}", id,
                            busy ? "\"error\":{\"code\":-32000,\"message\":\"not now\"}"
                                 : "\"result\":{\"items\":[{\"session\":\"s1\",\"frames\":12}],"
                                   "\"next_cursor\":null}");

    mqtt_publish_event(fleet->client, topic, reply);
}

/* Two jobs, on a page each. */
static void send_page(struct fleet *fleet, const char *agent, const char *client, const cJSON *call)
{
    bool last = json_get_string(call, "params.cursor") != NULL;
    CLEANUP(free_p) char *topic = xasprintf(BASE "%s/reply/%s", agent, client);
    CLEANUP(free_p)
    char *reply = xasprintf("{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"items\":[{\"id\":"
                            "\"u-%d\"}],\"next_cursor\":%s}}",
                            json_get_string(call, "id"), last ? 2 : 1, last ? "null" : "\"2\"");

    mqtt_publish_event(fleet->client, topic, reply);
}

static void answer(struct fleet *fleet, size_t number, const char *rpc_client, const cJSON *call)
{
    const char *id = json_get_string(call, "id");
    CLEANUP(free_p) char *agent = xasprintf("a%03zu", number);
    enum fleet_manner manner = fleet->manner(number);

    if (manner == FLEET_OFFLINE || manner == FLEET_SILENT)
        return;
    if (rpc_client && str_equal(json_get_string(call, "method"), "job.list")) {
        send_page(fleet, agent, rpc_client, call);
        return;
    }
    if (rpc_client) {
        send_reply(fleet, agent, rpc_client, id, manner == FLEET_REFUSES);
        return;
    }
    if (manner == FLEET_ANSWERS)
        send_ack(fleet, agent, id, false, false);
    send_ack(fleet, agent, id, true, manner == FLEET_REFUSES);
}

static bool is_meant(const char *addressee, size_t number)
{
    CLEANUP(free_p) char *agent = xasprintf("a%03zu/", number);

    if (str_starts_with(addressee, "_all/") || str_starts_with(addressee, agent))
        return true;
    return str_starts_with(addressee, "_group/even/") && number % 2 == 0;
}

static void on_message(const struct mqtt_message *message, void *user)
{
    static const struct json_limits limits = {64 * 1024, 16};
    struct fleet *fleet = user;
    const char *addressee = message->topic + strlen(BASE);
    const char *rpc = strstr(addressee, "/rpc/");
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct error err;

    if (str_ends_with(message->topic, "/mark")) {
        fleet->marked = true;
        return;
    }
    fleet->asked++;
    replace_str(&fleet->last_topic, addressee);
    if (json_parse((const char *)message->payload, message->len, &limits, &json, &err) < 0)
        fail_msg("a command that is no JSON: %s", err.text);
    for (size_t i = 0; i < fleet->count; i++)
        if (is_meant(addressee, i))
            answer(fleet, i, rpc ? rpc + strlen("/rpc/") : NULL, json);
}

static void on_up(void *user)
{
    struct fleet *fleet = user;

    fleet->up = true;
}

static void on_down(const struct error *why, void *user)
{
    (void)why;
    (void)user;
}

static void on_problem(const struct error *problem, void *user)
{
    (void)user;
    fail_msg("the fleet's client: %s", problem->text);
}

static void on_stopped(void *user)
{
    struct fleet *fleet = user;

    fleet->stopped = true;
}

struct fleet *fleet_new(struct rig *rig, size_t count, fleet_manner_fn manner)
{
    static const struct mqtt_callbacks callbacks = {on_up, on_down, on_message, on_problem};
    static const char *const filters[] = {"+/cmd/+",        "+/rpc/+",        "_group/+/cmd/+",
                                          "_group/+/rpc/+", "+/unit/+/cmd/+", "+/unit/+/set/+",
                                          "fleet/mark"};
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));
    struct mqtt_client_config config = {.settings = &fleet->settings, .client_id = "fleet"};
    struct conf *conf = conf_open("/");
    struct error err;

    fleet->rig = rig;
    fleet->count = count;
    fleet->manner = manner;
    conf_read_group(conf, &mqtt_table, &fleet->settings);
    conf_close(conf);
    replace_str(&fleet->settings.host, "127.0.0.1");
    fleet->settings.port = rig_mqtt_port(rig);
    fleet->settings.max_events = 4096;
    fleet->client = mqtt_client_new(rig_loop(rig), &config, &callbacks, fleet);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        CLEANUP(free_p) char *filter = xasprintf(BASE "%s", filters[i]);

        mqtt_subscribe(fleet->client, filter, false);
    }
    assert_int_equal(mqtt_client_start(fleet->client, &err), 0);
    RIG_WAIT(rig, fleet->up);
    for (size_t i = 0; i < count; i++)
        introduce(fleet, i);
    mqtt_publish_event(fleet->client, BASE "fleet/mark", "{}"); /* behind all of them */
    RIG_WAIT(rig, fleet->marked);
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    mqtt_client_stop(fleet->client, on_stopped, fleet);
    RIG_WAIT(fleet->rig, fleet->stopped);
    mqtt_client_free(fleet->client);
    conf_values_done(&mqtt_table, &fleet->settings);
    free(fleet->last_topic);
    free(fleet);
}

void fleet_tell_progress(struct fleet *fleet, int percent)
{
    CLEANUP(free_p)
    char *jobs = xasprintf("[{\"id\":\"j1\",\"kind\":\"preview\",\"unit\":\"u\",\"state\":"
                           "\"running\",\"progress\":%d,\"eta_s\":12}]",
                           percent);

    publish(fleet, "a000", "jobs", jobs);
}

void fleet_tell_ready(struct fleet *fleet)
{
    mqtt_publish_event(fleet->client, BASE "a000/unit/u/event",
                       "{\"event_type\":\"preview_ready\",\"kind\":\"preview\",\"file\":"
                       "\"/media/p.mp4\"}");
}

size_t fleet_asked(const struct fleet *fleet)
{
    return fleet->asked;
}

const char *fleet_last_topic(const struct fleet *fleet)
{
    return fleet->last_topic;
}
