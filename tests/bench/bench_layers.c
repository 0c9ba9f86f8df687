/* SPDX-License-Identifier: MIT */
/* bench_layers: a print is followed without touching it, while commands come in at the rate that
 * the agent allows. How late a layer was noticed is told by the simulator's own log, not by us. */
#include "tests/bench/bench.h"
#include "tests/bench/ear.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <math.h>
#include <stdio.h>

/* No multiple of the agent's polling period, so that the layers fall everywhere in between. */
enum { LAYER_MS = 1037, PING_MS = 505, WARM_MS = 4000 };

struct ping {
    char id[24];
    int64_t said_at_us;
    bool answered;
};

struct watched {
    struct ear *ear;
    struct timer *timer;
    struct ping ping; /* the last one */
    unsigned pings;
    struct series accepted_ms;
};

static void on_ping_due(void *user)
{
    struct watched *watched = user;
    CLEANUP(free_p) char *payload = NULL;

    watched->ping = (struct ping){0};
    snprintf(watched->ping.id, sizeof(watched->ping.id), "ping-%u", ++watched->pings);
    payload = xasprintf("{\"id\":\"%s\"}", watched->ping.id);
    watched->ping.said_at_us = ear_say(watched->ear, "timelapse/v1/pi01/cmd/ping", payload);
}

static void on_ack(struct watched *watched, const cJSON *json, int64_t at_us)
{
    struct ping *ping = &watched->ping;

    if (ping->answered || !str_equal(json_get_string(json, "phase"), "accepted") ||
        !str_equal(json_get_string(json, "id"), ping->id))
        return;
    ping->answered = true;
    series_add(&watched->accepted_ms, (double)(at_us - ping->said_at_us) / 1000);
}

static void on_heard(const char *topic, const cJSON *json, int64_t at_us, void *user)
{
    struct watched *watched = user;

    if (str_equal(topic, "ack"))
        on_ack(watched, json, at_us);
}

/* --- what the printer was asked --- */

struct asked {
    double requests, bytes;
    int64_t at_us;
};

static struct asked look(struct rig *rig)
{
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");

    return (struct asked){
        .requests = json_number(json_get(state, "printer.requests")),
        .bytes = json_number(json_get(state, "printer.bytes")),
        .at_us = clock_mono_us(),
    };
}

static void tell_asked(struct asked from, struct asked to)
{
    double minutes = (double)(to.at_us - from.at_us) / 60e6;

    figure("printing_requests_per_min", (to.requests - from.requests) / minutes);
    figure("printing_bytes_per_min", (to.bytes - from.bytes) / minutes);
}

/* --- what the broker was told --- */

/* The rate of the messages on a topic in [from, to), monotonic ms: from the first to the last. */
static double told_per_s(struct rig *rig, const char *topic, int64_t from_ms, int64_t to_ms)
{
    int64_t first_ms = 0, last_ms = 0;
    double count = 0;

    for (size_t i = 0; i < rig_message_count(rig); i++) {
        const struct rig_message *message = rig_message(rig, i);

        if (!str_equal(message->topic, topic) || message->at_mono_ms < from_ms ||
            message->at_mono_ms >= to_ms)
            continue;
        first_ms = first_ms ? first_ms : message->at_mono_ms;
        last_ms = message->at_mono_ms;
        count++;
    }
    return last_ms > first_ms ? (count - 1) / (double)(last_ms - first_ms) * 1000 : (double)NAN;
}

/* --- layer by layer --- */

/* When the layer began, by the oracle; wall clock, ms. */
static double layer_began_at(const cJSON *log, int64_t layer)
{
    double start_ms = json_number(json_get(json_first(log), "wall_ms"));

    for (const cJSON *line = json_first(log); line; line = json_next(line)) {
        bool again = false;

        json_get_bool(line, "again", &again);
        if (str_equal(json_get_string(line, "event"), "layer") && !again &&
            (int64_t)json_number(json_get(line, "layer")) == layer)
            return start_ms + json_number(json_get(line, "t_ms"));
    }
    return -1;
}

static void tell_layers(struct rig *rig, int layers)
{
    CLEANUP(json_free_p) cJSON *log = rig_sim_log(rig);
    struct series noticed_ms = {0}, captured_ms = {0};
    const cJSON *frame;

    for (size_t i = 0; (frame = rig_event(rig, "frame", i)); i++) {
        int64_t layer, captured_at, age_ms;
        double began_at;

        if (!str_equal(json_get_string(frame, "trigger"), "layer") ||
            !json_get_int(frame, "layer", &layer) || !json_get_int(frame, "age_ms", &age_ms) ||
            clock_parse_rfc3339(json_get_string(frame, "captured_at"), &captured_at) < 0)
            continue;
        began_at = layer_began_at(log, layer);
        if (began_at < 0)
            continue;
        series_add(&noticed_ms, (double)(captured_at - age_ms) - began_at);
        series_add(&captured_ms, (double)captured_at - began_at);
    }
    figure_series("layer_noticed_ms", &noticed_ms);
    figure_series("layer_captured_ms", &captured_ms);
    figure("layers_missed", layers - (double)noticed_ms.count);
    series_done(&noticed_ms);
    series_done(&captured_ms);
}

static bool has_ended(struct rig *rig, void *user)
{
    (void)user;
    return rig_event_count(rig, "session_finished") > 0;
}

int bench_layers(const struct bench_scale *scale)
{
    CLEANUP(free_p) char *layers = xasprintf("%d", scale->layers);
    CLEANUP(free_p) char *layer_ms = xasprintf("%d", LAYER_MS);
    const char *sim_args[] = {"--layers",
                              layers,
                              "--layer-ms",
                              layer_ms,
                              "--heat-ms",
                              "500",
                              "--camera-size",
                              "1280x720",
                              "--camera-fps",
                              "30",
                              "--start-delay-ms",
                              "2000",
                              NULL};
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args});
    struct watched watched = {0};
    int64_t print_ms = (int64_t)scale->layers * LAYER_MS;
    struct asked from;

    watched.ear = ear_new(rig, on_heard, &watched);
    watched.timer = timer_new(rig_loop(rig), on_ping_due, &watched);
    timer_start_repeat(watched.timer, PING_MS);
    rig_linger(rig, WARM_MS);
    from = look(rig);
    rig_linger(rig, print_ms - WARM_MS);
    tell_asked(from, look(rig));
    figure("status_per_s", told_per_s(rig, "unit/mk4/status", from.at_us / 1000, clock_mono_ms()));
    figure("printer_status_per_s",
           told_per_s(rig, "printer/mk4/status", from.at_us / 1000, clock_mono_ms()));
    timer_stop(watched.timer);
    if (!rig_wait(rig, has_ended, NULL, 60000))
        fprintf(stderr, "bench: the print of %d layers does not end\n", scale->layers);
    tell_layers(rig, scale->layers);
    figure_series("accepted_ms", &watched.accepted_ms);
    figure("pings_lost", watched.pings - (double)watched.accepted_ms.count);
    series_done(&watched.accepted_ms);
    timer_free(watched.timer);
    ear_free(watched.ear);
    rig_pass(rig);
    rig_free(rig);
    return 0;
}
