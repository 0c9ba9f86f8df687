/* SPDX-License-Identifier: MIT */
#include "agent/publish/status.h"

#include "agent/base/clock.h"
#include "agent/base/str.h"
#include "agent/power.h"
#include "agent/requests/request.h"
#include "agent/verbs.h"
#include "mqtt/rpc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static void add_error(cJSON *json, const struct error *err, int64_t since)
{
    cJSON *error;

    if (err->code == 0) {
        json_add_null(json, "error");
        return;
    }
    error = json_add_object(json, "error");
    json_add_int(error, "code", err->code);
    json_add_string(error, "message", err->text);
    json_add_time(error, "since", since);
}

static void add_known_int(cJSON *json, const char *key, int64_t value, int64_t unknown)
{
    if (value == unknown)
        json_add_null(json, key);
    else
        json_add_int(json, key, value);
}

static void add_words(cJSON *json, const char *key, unsigned bits, const char *const *words)
{
    cJSON *array = json_add_array(json, key);

    for (unsigned i = 0; words[i]; i++)
        if (bits & 1u << i)
            json_add_string(array, NULL, words[i]);
}

/* --- unit --- */

static void add_settings(cJSON *json, const struct unit *unit)
{
    const struct unit_settings *settings = unit_get_settings(unit);
    cJSON *object = json_add_object(json, "settings");

    json_add_bool(object, "armed", unit_armed(unit));
    add_words(object, "trigger", settings->trigger, unit_triggers);
    json_add_int(object, "every_nth_layer", settings->every_nth_layer);
    json_add_number(object, "interval_s", settings->interval_s, 3);
    json_add_bool(object, "pause", settings->pause);
    json_add_bool(object, "park", settings->park);
    json_add_bool(object, "restart", settings->restart);
    json_add_number(object, "fps", settings->video.fps, 3);
    json_add_number(object, "min_length_s", settings->video.min_length_s, 3);
    json_add_number(object, "max_length_s", settings->video.max_length_s, 3);
    json_add_number(object, "target_length_s", settings->video.target_length_s, 3);
    json_add_number(object, "hold_last_s", settings->video.hold_last_s, 3);
}

/* What made it, when a command did, and what it was told for one session. */
static void add_origin(cJSON *json, const struct unit *unit)
{
    const struct unit_origin *origin = unit_get_origin(unit);
    cJSON *runtime;

    if (origin) {
        runtime = json_add_object(json, "runtime");
        json_add_time(runtime, "made_at", origin->made_at);
        json_add(runtime, "args", json_copy(origin->args));
    } else {
        json_add_null(json, "runtime");
    }
    if (unit_overrides(unit))
        json_add(json, "overrides", json_copy(unit_overrides(unit)));
    else
        json_add_null(json, "overrides");
}

static void add_session(cJSON *json, const struct session *session)
{
    struct session_totals totals;
    cJSON *object;

    if (!session) {
        json_add_null(json, "session");
        return;
    }
    session_get_totals(session, &totals);
    object = json_add_object(json, "session");
    json_add_string(object, "id", session_id(session));
    json_add_string(object, "job", session_job(session));
    json_add_string(object, "dir", session_dir(session));
    json_add_time(object, "started", session_started_at(session));
    json_add_int(object, "frames", totals.frames);
    json_add_int(object, "missed", session_missed(session));
    json_add_int(object, "bytes", totals.bytes);
    json_add_time(object, "last_frame_at", totals.last_frame_at);
    json_add_number(object, "video_s", totals.video_s, 3);
    json_add_int(object, "encoded_frames", totals.encoded_frames);
    json_add_int(object, "dropped_frames", totals.dropped_frames);
}

static void add_unit_printer(cJSON *json, const struct printer *printer)
{
    const struct printer_view *view;
    cJSON *object;

    if (!printer) {
        json_add_null(json, "printer");
        return;
    }
    view = printer_get_view(printer);
    object = json_add_object(json, "printer");
    json_add_string(object, "id", printer_id(printer));
    json_add_bool(object, "connected", view->state != PRINTER_OFFLINE);
    json_add_string(object, "state", printer_state_name(view->state));
    json_add_number(object, "progress", view->job_progress_percent, 1);
    add_known_int(object, "layer", view->layer, -1);
    add_known_int(object, "layers", view->layers, 0);
}

static void add_cameras(cJSON *json, const struct unit *unit)
{
    const struct conf_strings *cameras = &unit_get_settings(unit)->cameras;
    cJSON *array = json_add_array(json, "cameras");

    for (size_t i = 0; i < cameras->count; i++) {
        struct camera_status status;
        cJSON *object = json_add_object(array, NULL);

        camera_get_status(unit_camera(unit, i), &status);
        json_add_string(object, "id", cameras->items[i]);
        json_add_bool(object, "connected", status.connected);
        json_add_int(object, "frames",
                     unit_session(unit) ? session_camera_frames(unit_session(unit), i) : 0);
    }
}

static void add_build(cJSON *json, const struct unit_build *build)
{
    cJSON *object = json_add_object(json, "build");

    if (build->id[0]) {
        json_add_string(object, "state", "running");
        json_add_string(object, "job", build->id);
        json_add_string(object, "kind", build->kind);
        json_add_number(object, "progress", build->progress * 100, 1);
    } else {
        json_add_string(object, "state", "idle");
        json_add_null(object, "job");
        json_add_null(object, "kind");
        json_add_null(object, "progress");
    }
}

cJSON *status_unit(const struct unit *unit)
{
    cJSON *json = json_object();
    int64_t error_since;
    const struct error *error = unit_error(unit, &error_since);

    json_add_string(json, "unit", unit_id(unit));
    json_add_string(json, "state", session_state_name(unit_state(unit)));
    json_add_time(json, "since", unit_state_since(unit));
    add_settings(json, unit);
    add_origin(json, unit);
    add_session(json, unit_session(unit));
    add_unit_printer(json, unit_printer(unit));
    add_cameras(json, unit);
    add_build(json, unit_get_build(unit));
    add_error(json, error, error_since);
    return json;
}

/* --- printer --- */

static void add_job(cJSON *json, const struct printer_view *view)
{
    cJSON *job = json_add_object(json, "job");

    json_add_string(job, "file", view->job_file[0] ? view->job_file : NULL);
    json_add_number(job, "progress", view->job_progress_percent, 1);
    add_known_int(job, "layer", view->layer, -1);
    add_known_int(job, "layers", view->layers, 0);
    add_known_int(job, "elapsed_s", view->job_elapsed_s, -1);
    add_known_int(job, "remaining_s", view->job_remaining_s, -1);
}

/* Whole and half degrees: a heater's noise must not wake every dashboard. */
static double calm(double celsius)
{
    return round(celsius * 2) / 2;
}

static void add_temperatures(cJSON *json, const struct printer_view *view)
{
    cJSON *object = json_add_object(json, "temperatures");

    for (size_t i = 0; i < view->heater_count; i++) {
        cJSON *heater = json_add_object(object, view->heaters[i].name);

        json_add_number(heater, "current", calm(view->heaters[i].current), 1);
        json_add_number(heater, "target", view->heaters[i].target, 1);
    }
}

static void add_position(cJSON *json, const struct printer_view *view)
{
    cJSON *position = json_add_object(json, "position");

    json_add_number(position, "x", view->position_mm[0], 1);
    json_add_number(position, "y", view->position_mm[1], 1);
    json_add_number(position, "z", view->position_mm[2], 2);
}

cJSON *status_printer(const struct printer *printer)
{
    const struct printer_view *view = printer_get_view(printer);
    cJSON *json = json_object();

    json_add_string(json, "printer", printer_id(printer));
    json_add_string(json, "kind", printer_kind(printer));
    json_add_string(json, "state", printer_state_name(view->state));
    json_add_string(json, "native_state", view->native_state[0] ? view->native_state : NULL);
    add_job(json, view);
    add_temperatures(json, view);
    add_position(json, view);
    json_add_string(json, "firmware", view->firmware[0] ? view->firmware : NULL);
    json_add_bool(json, "paused_by_us", printer_paused_by_us(printer));
    json_add_bool(json, "message_box", view->message_box);
    add_error(json, printer_error(printer), 0);
    return json;
}

/* --- camera --- */

cJSON *status_camera(const struct camera *camera)
{
    cJSON *json = json_object();
    struct camera_status status;
    cJSON *flagged;

    camera_get_status(camera, &status);
    json_add_string(json, "camera", camera_id(camera));
    json_add_string(json, "kind", camera_kind(camera));
    json_add_bool(json, "connected", status.connected);
    if (status.width > 0) {
        cJSON *size = json_add_object(json, "size");
        json_add_int(size, "width", status.width);
        json_add_int(size, "height", status.height);
    } else {
        json_add_null(json, "size");
    }
    json_add_time(json, "last_frame_at", status.last_frame_at);
    add_known_int(json, "latency_ms", status.pictures > 0 ? status.latency_ms : -1, -1);
    add_known_int(json, "brightness", status.brightness, -1);
    flagged = json_add_object(json, "flagged");
    for (int i = 0; i < PICTURE_FLAG_COUNT; i++)
        json_add_int(flagged, picture_flag_words[i], status.flagged[i]);
    json_add_int(json, "pictures", status.pictures);
    json_add_int(json, "refused", status.refused);
    json_add_int(json, "failures", status.failures);
    add_error(json, &status.error, 0);
    return json;
}

/* --- light --- */

cJSON *status_light(const struct light *light)
{
    const struct light_settings *settings = light_get_settings(light);
    enum light_phase phase = light_phase(light);
    cJSON *json = json_object();
    int64_t error_since;
    const struct error *error = light_error(light, &error_since);

    json_add_string(json, "light", settings->id);
    json_add_string(json, "kind", light_kinds[settings->kind]);
    json_add_string(json, "state",
                    light_phase_name(light_is_foreign(light) ? LIGHT_BORROWED : phase));
    json_add_bool(json, "by_somebody_else", light_is_foreign(light));
    json_add_int(json, "users", (int64_t)light_users(light));
    add_error(json, error, error_since);
    return json;
}

/* --- agent --- */

static int64_t resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long total = 0, resident = 0;
    int fields;

    if (!file)
        return -1;
    fields = fscanf(file, "%lld %lld", &total, &resident);
    fclose(file);
    return fields == 2 ? resident * sysconf(_SC_PAGESIZE) / 1024 : -1;
}

static void add_texts(cJSON *array, const struct conf_strings *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        json_add_string(array, NULL, texts->items[i]);
}

static void add_new_id(cJSON *ids, const char *id)
{
    for (const cJSON *item = json_first(ids); item; item = json_next(item))
        if (str_equal(json_string(item), id))
            return;
    json_add_string(ids, NULL, id);
}

/* Those of the configuration first, then those that units made at run time brought along. */
static void add_ids(cJSON *json, const struct config *config, const struct units *all)
{
    cJSON *units = json_add_array(json, "units");
    cJSON *printers = json_add_array(json, "printers");
    cJSON *cameras = json_add_array(json, "cameras");
    cJSON *lights = json_add_array(json, "lights");

    for (size_t i = 0; i < config->printer_count; i++)
        json_add_string(printers, NULL, config->printers[i].id);
    for (size_t i = 0; i < config->camera_count; i++)
        json_add_string(cameras, NULL, config->cameras[i].id);
    for (size_t i = 0; i < config->light_count; i++)
        json_add_string(lights, NULL, config->lights[i].id);
    for (size_t i = 0; i < units_count(all); i++) {
        const struct unit_settings *unit = unit_get_settings(units_at(all, i));

        json_add_string(units, NULL, unit->id);
        if (unit->printer)
            add_new_id(printers, unit->printer);
        for (size_t c = 0; c < unit->cameras.count; c++)
            add_new_id(cameras, unit->cameras.items[c]);
    }
    add_texts(json_add_array(json, "groups"), &config->agent.groups);
}

static void add_methods(cJSON *json)
{
    cJSON *methods = json_add_array(json, "methods");

    for (size_t i = 0; i < VERB_COUNT; i++)
        json_add_string(methods, NULL, verbs[i].method);
}

/* Which methods may be asked of many agents at once. */
static void add_fleet_methods(cJSON *json, const struct conf_strings *fleet_verbs)
{
    cJSON *methods = json_add_array(json, "fleet_methods");

    for (int i = 0; i < VERB_COUNT; i++)
        if (request_is_fleet(fleet_verbs, (enum verb_id)i))
            json_add_string(methods, NULL, verbs[i].method);
}

static void add_limits(cJSON *json, const struct status_agent *agent)
{
    cJSON *limits = json_add_object(json, "limits");

    json_add_int(limits, "payload_bytes", ENVELOPE_MAX_BYTES);
    json_add_int(limits, "payload_depth", ENVELOPE_MAX_DEPTH);
    json_add_int(limits, "batch", RPC_BATCH_MAX);
    json_add_int(limits, "response_bytes", RPC_RESPONSE_MAX_BYTES);
    json_add_int(limits, "requests_at_once", REQUESTS_AT_ONCE);
    json_add_int(limits, "requests_burst", REQUESTS_BURST);
    json_add_number(limits, "requests_per_s", 1000.0 / REQUESTS_REFILL_MS, 1);
    json_add_int(limits, "offline_queue_s", agent->config->mqtt.offline_queue_s);
    json_add_string(limits, "retained_commands",
                    agent->link->protocol == 4
                        ? "refused when delivered at subscription; a live one cannot be told apart"
                        : "refused");
}

cJSON *status_info(const struct status_agent *agent)
{
    cJSON *json = json_object();
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    json_add_string(json, "contract", "1.0");
    json_add_string(json, "version", LAPSED_VERSION);
    json_add_string(json, "agent", agent->config->agent.id);
    json_add_time(json, "started", agent->started_at);
    json_add_string(json, "hostname", host);
    add_ids(json, agent->config, agent->units);
    add_methods(json);
    add_fleet_methods(json, &agent->config->agent.fleet_verbs);
    add_limits(json, agent);
    return json;
}

static const char *protocol_name(int protocol)
{
    switch (protocol) {
    case 5:
        return "5";
    case 4:
        return "3.1.1";
    default:
        return NULL; /* never connected */
    }
}

static void add_link(cJSON *json, const struct mqtt_link *link)
{
    cJSON *mqtt = json_add_object(json, "mqtt");

    json_add_string(mqtt, "protocol", protocol_name(link->protocol));
    json_add_int(mqtt, "reconnects", link->reconnects);
    json_add_int(mqtt, "waiting_events", link->waiting_events);
    json_add_int(mqtt, "dropped_events", link->dropped_events);
}

static void add_power(cJSON *json, const struct status_agent *agent)
{
    cJSON *power;

    if (agent->power_bits < 0) {
        json_add_null(json, "power");
        return;
    }
    power = json_add_object(json, "power");
    add_words(power, "now", (unsigned)agent->power_bits, power_words);
    add_words(power, "since_boot", (unsigned)agent->power_bits >> POWER_SINCE_BOOT_SHIFT,
              power_words);
    json_add_bool(power, "videos_wait", agent->videos_wait);
}

cJSON *status_agent(const struct status_agent *agent)
{
    cJSON *json = json_object();
    struct sysinfo machine = {0};
    cJSON *object;

    json_add_string(json, "agent", agent->config->agent.id);
    object = json_add_object(json, "disk");
    json_add_string(object, "path", agent->config->agent.media_dir);
    add_known_int(object, "free_bytes", agent->disk_free_bytes, -1);
    object = json_add_object(json, "memory");
    add_known_int(object, "resident_kib", resident_kib(), -1);
    if (sysinfo(&machine) == 0)
        json_add_number(json, "load", (double)machine.loads[0] / (1 << SI_LOAD_SHIFT), 2);
    else
        json_add_null(json, "load");
    json_add_int(json, "loop_lag_ms", agent->loop_lag_ms);
    object = json_add_object(json, "jobs");
    json_add_int(object, "running", agent->jobs_running);
    json_add_int(object, "queued", agent->jobs_queued);
    add_power(json, agent);
    add_link(json, agent->link);
    json_add_int(json, "refused_commands", agent->refused_commands);
    json_add_bool(json, "ffmpeg", !agent->ffmpeg_missing);
    add_error(json, agent->error, agent->error_since);
    return json;
}
