/* SPDX-License-Identifier: MIT */
/* app: start order is the order of the functions below; stop is the reverse. To know who hears of
 * an event, read the on_… functions: there is no event bus. */
#include "agent/app.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/base/trim.h"
#include "agent/devices.h"
#include "agent/light/lights.h"
#include "agent/power.h"
#include "agent/publish/announce.h"
#include "agent/publish/images.h"
#include "agent/publish/publish.h"
#include "agent/publish/report.h"
#include "agent/publish/status.h"
#include "agent/reload.h"
#include "agent/requests/dispatch.h"
#include "agent/unit/orphans.h"
#include "agent/unit/runtime_units.h"
#include "capture/jpeg.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_PERIOD_MS = 300 * 1000,
    SETTLE_MS = 10 * 1000, /* what only the start needs is over */
    ACTIVE_GAP_MS = 1000,  /* between two documents while something goes on */
    IDLE_GAP_MS = 10000,
    SESSION_EXPIRY_S = 60,   /* commands wait so long over a loss of the connection */
    STOP_LIGHTS_MS = 3000,   /* a lamp may take so long to go off then */
    WORKERS = 4,             /* besides one for each camera: its device may hang in its driver */
    STOP_RELEASE_MS = 20000, /* a printer we hold may take this long to go on when we stop */
};

struct app {
    struct config *config;
    struct loop *loop;
    struct http *http;
    struct journal *journal;
    struct printer_ledger ledger;
    struct frame_store *store;
    struct encode_queue *encoders;
    struct power *power;
    struct archive *archive;
    struct jobs *jobs;
    struct mqtt_client *mqtt;
    struct publisher *publisher;
    struct announcer *announcer;
    struct images *images;
    struct devices *devices;
    struct lights *lights;
    struct units *units;
    struct runtime_units *runtime;
    struct handler_rooms rooms;
    struct dispatch *dispatch;
    struct timer *status_timer;
    struct timer *settle_timer;
    struct signal_watch *signals[2];
    struct signal_watch *reload_signal;

    int64_t started_at;
    struct error problem; /* of the broker connection */
    int64_t problem_since;
    bool cleared_stale;
    int told_protocol; /* of MQTT, as last said */
    bool stopping;
};

/* --- what is published --- */

static struct status_agent look_at_agent(const struct app *app, struct mqtt_link *link)
{
    struct status_agent look = {
        .config = app->config,
        .units = app->units,
        .started_at = app->started_at,
        .loop_lag_ms = loop_worst_lag_ms(app->loop),
        .disk_free_bytes = -1,
        .power_bits = power_bits(app->power),
        .videos_wait = power_is_low(app->power),
        .refused_commands = dispatch_refused(app->dispatch),
        .link = link,
        .error = &app->problem,
        .error_since = app->problem_since,
    };
    struct error err;

    mqtt_client_link(app->mqtt, link);
    encode_queue_counts(app->encoders, &look.jobs_running, &look.jobs_queued);
    look.ffmpeg_missing = encode_queue_ffmpeg(app->encoders, &err) == NULL;
    if (frame_store_free_bytes(app->store, &look.disk_free_bytes, &err) < 0)
        look.disk_free_bytes = -1;
    return look;
}

static cJSON *build_document(enum topic_kind kind, const char *id, void *user)
{
    struct app *app = user;
    struct mqtt_link link;
    struct status_agent look;

    if (app->stopping && (kind == TOPIC_UNIT_STATUS || kind == TOPIC_INFO))
        return NULL; /* the units are gone */
    switch (kind) {
    case TOPIC_UNIT_STATUS:
        return status_unit(units_find(app->units, id));
    case TOPIC_PRINTER_STATUS:
        return status_printer(devices_find_printer(app->devices, id));
    case TOPIC_CAMERA_STATUS:
        return status_camera(devices_find_camera(app->devices, id));
    case TOPIC_LIGHT_STATUS:
        return status_light(lights_find(app->lights, id));
    case TOPIC_JOBS:
        return jobs_report(app->jobs);
    case TOPIC_INFO:
        look = look_at_agent(app, &link);
        return status_info(&look);
    case TOPIC_STATUS:
        look = look_at_agent(app, &link);
        return status_agent(&look);
    default:
        return NULL;
    }
}

/* --- printers --- */

/* A change of state is told at once; a job's progress each second, an idle printer's temperatures
 * now and then. */
static void publish_printer(struct app *app, struct printer *printer)
{
    enum printer_state state = printer_get_view(printer)->state;
    bool news = devices_note_state(app->devices, printer);
    bool idle = state == PRINTER_IDLE || state == PRINTER_FINISHED || state == PRINTER_OFFLINE;

    publish_text(app->publisher, TOPIC_PRINTER_AVAILABILITY, printer_id(printer),
                 state == PRINTER_OFFLINE ? "offline" : "online");
    publish_text(app->publisher, TOPIC_PRINTER_STATE, printer_id(printer),
                 printer_state_name(state));
    publish_touch(app->publisher, TOPIC_PRINTER_STATUS, printer_id(printer),
                  news   ? 0
                  : idle ? IDLE_GAP_MS
                         : ACTIVE_GAP_MS);
}

static void on_attention(struct app *app, struct printer *printer, const char *text)
{
    cJSON *data = json_object();

    log_error("printer.attention", "printer=%s message=\"%s\"", printer_id(printer), text);
    json_add_string(data, "printer", printer_id(printer));
    json_add_string(data, "message", text);
    publish_event(app->publisher, NULL, "printer_attention", data);
    json_free(data);
}

static void on_printer_event(struct printer *printer, const struct printer_event *event, void *user)
{
    struct app *app = user;

    if (event->kind == PRINTER_EVENT_ATTENTION)
        on_attention(app, printer, event->text);
    for (size_t i = 0; i < units_count(app->units); i++)
        if (unit_printer(units_at(app->units, i)) == printer)
            unit_on_printer(units_at(app->units, i), event);
    lights_on_printer(app->lights, printer);
    publish_printer(app, printer);
    announce_printer(app->announcer, printer);
}

struct ledger_write {
    pause_written_fn written;
    void *user;
};

static void on_pause_journaled(int result, const struct error *err, void *user)
{
    struct ledger_write *write = user;

    if (result < 0)
        log_error("journal.failed", "error=\"%s\"", err->text);
    write->written(result, write->user);
    free(write);
}

static void ledger_open(const struct pause_record *record, pause_written_fn written,
                        void *written_user, void *user)
{
    struct ledger_write *write = xmalloc(sizeof(*write));

    *write = (struct ledger_write){.written = written, .user = written_user};
    journal_open_pause(user, record, on_pause_journaled, write);
}

static void ledger_close(const char *printer, void *user)
{
    journal_close_pause(user, printer);
}

static struct printer_ledger ledger_of(struct journal *journal)
{
    return (struct printer_ledger){.open = ledger_open, .close = ledger_close, .user = journal};
}

/* --- cameras --- */

static void on_camera_status(struct camera *camera, void *user)
{
    struct app *app = user;

    publish_touch(app->publisher, TOPIC_CAMERA_STATUS, camera_id(camera), ACTIVE_GAP_MS);
}

static void on_printer_gone(const char *id, void *user)
{
    struct app *app = user;

    runtime_units_on_printer_gone(app->runtime, id);
    publish_withdraw(app->publisher, TOPIC_PRINTER_AVAILABILITY, id);
    publish_withdraw(app->publisher, TOPIC_PRINTER_STATE, id);
    publish_withdraw(app->publisher, TOPIC_PRINTER_STATUS, id);
    publish_touch(app->publisher, TOPIC_INFO, NULL, 0);
    announce_changed(app->announcer);
}

static bool shows_images(const struct camera *camera)
{
    return camera && camera_get_settings(camera)->image_px > 0;
}

static void withdraw_images(struct app *app, const char *camera)
{
    publish_withdraw(app->publisher, TOPIC_IMAGE, camera);
    publish_withdraw(app->publisher, TOPIC_IMAGE_META, camera);
}

static void on_camera_gone(const char *id, void *user)
{
    struct app *app = user;

    publish_withdraw(app->publisher, TOPIC_CAMERA_STATUS, id);
    withdraw_images(app, id);
    publish_touch(app->publisher, TOPIC_INFO, NULL, 0);
    announce_changed(app->announcer);
}

static void make_devices(struct app *app)
{
    struct devices_config config = {
        .loop = app->loop,
        .http = app->http,
        .journal = app->journal,
        .config = app->config,
        .ledger = &app->ledger,
        .on_printer = on_printer_event,
        .on_camera = on_camera_status,
        .on_printer_gone = on_printer_gone,
        .on_camera_gone = on_camera_gone,
        .user = app,
    };

    app->ledger = ledger_of(app->journal);
    app->devices = devices_new(&config);
}

/* --- lights --- */

static void on_light_changed(struct light *light, void *user)
{
    struct app *app = user;

    publish_touch(app->publisher, TOPIC_LIGHT_STATUS, light_get_settings(light)->id, ACTIVE_GAP_MS);
}

static void make_lights(struct app *app)
{
    struct light_rooms rooms = {
        .loop = app->loop,
        .mqtt = app->mqtt,
        .journal = app->journal,
        .devices = app->devices,
    };

    app->lights =
        lights_new(&rooms, app->config->lights, app->config->light_count, on_light_changed, app);
}

/* --- pictures to be shown --- */

static void on_image(const struct unit_picture *picture, const char *unit, const uint8_t *jpeg,
                     size_t len, void *user)
{
    struct app *app = user;
    cJSON *meta = json_object();
    struct jpeg_info info = {0};
    struct error err;

    if (!shows_images(devices_find_camera(app->devices, picture->camera))) {
        json_free(meta);
        return; /* it is gone by now */
    }
    if (jpeg_check(jpeg, len, &info, &err) < 0)
        info = (struct jpeg_info){0};
    json_add_string(meta, "unit", unit);
    json_add_string(meta, "session", picture->session);
    if (picture->seq > 0)
        json_add_int(meta, "frame", picture->seq);
    else
        json_add_null(meta, "frame");
    if (picture->layer >= 0)
        json_add_int(meta, "layer", picture->layer);
    else
        json_add_null(meta, "layer");
    json_add_int(meta, "width", info.width);
    json_add_int(meta, "height", info.height);
    json_add_int(meta, "bytes", (int64_t)len);
    report_look(meta, picture->picture);
    json_add_null(meta, "url");
    publish_picture(app->publisher, picture->camera, jpeg, len);
    publish_document(app->publisher, TOPIC_IMAGE_META, picture->camera, picture->captured_at, meta);
    json_free(meta);
}

static void show_picture(struct app *app, const char *unit, const struct unit_picture *picture)
{
    const struct camera *camera = devices_find_camera(app->devices, picture->camera);

    if (camera)
        images_show(app->images, camera_get_settings(camera), unit, picture);
    if (!shows_images(camera)) /* they may have been switched off just now */
        withdraw_images(app, picture->camera);
    publish_touch(app->publisher, TOPIC_CAMERA_STATUS, picture->camera, IDLE_GAP_MS);
}

/* --- jobs --- */

static struct track_services services_of(const struct app *app)
{
    return (struct track_services){.loop = app->loop,
                                   .journal = app->journal,
                                   .store = app->store,
                                   .encoders = app->encoders,
                                   .archive = app->archive};
}

static void on_job_event(const char *type, const cJSON *data, void *user)
{
    struct app *app = user;

    publish_event(app->publisher, NULL, type, data);
}

static void on_jobs_changed(void *user)
{
    struct app *app = user;

    publish_touch(app->publisher, TOPIC_JOBS, NULL, ACTIVE_GAP_MS);
    if (app->runtime)
        runtime_units_on_jobs(app->runtime);
}

static void on_late_final(const char *unit, const char *type, const cJSON *data, void *user)
{
    struct app *app = user;
    struct unit *found = units_find(app->units, unit);

    if (found)
        unit_on_late_video(found, type, data);
    else
        publish_event(app->publisher, unit, type, data);
}

/* A unit that is not there any more was most likely set up as the others are. */
static const struct unit_settings *settings_of(const char *unit, void *user)
{
    const struct app *app = user;
    const struct unit *found = units_find(app->units, unit);

    if (!found && units_count(app->units) > 0)
        found = units_at(app->units, 0);
    return found ? unit_get_settings(found) : NULL;
}

static void on_power(void *user)
{
    struct app *app = user;

    encode_queue_hold(app->encoders, power_is_low(app->power));
    publish_touch(app->publisher, TOPIC_STATUS, NULL, ACTIVE_GAP_MS);
}

static void make_jobs(struct app *app)
{
    static const struct jobs_events events = {
        .on_event = on_job_event,
        .on_changed = on_jobs_changed,
        .on_final = on_late_final,
        .settings_of = settings_of,
    };
    struct track_services services;

    app->encoders = encode_queue_new(app->loop, &app->config->encode);
    app->power = power_new(app->loop, app->config->agent.throttled_file, on_power, app);
    app->archive = archive_new(app->loop, app->journal, app->store);
    services = services_of(app);
    app->jobs = jobs_new(&services, &events, app);
}

/* The newest final video of the unit is no more. */
static void on_video_gone(const char *unit, void *user)
{
    struct app *app = user;

    publish_withdraw(app->publisher, TOPIC_UNIT_VIDEO, unit);
}

/* --- units --- */

static void on_unit_event(struct unit *unit, const char *type, const cJSON *data, void *user)
{
    struct app *app = user;

    publish_event(app->publisher, unit_id(unit), type, data);
    if (app->runtime)
        runtime_units_on_event(app->runtime, unit, type);
}

static void on_unit_changed(struct unit *unit, bool state, void *user)
{
    struct app *app = user;

    if (state)
        publish_text(app->publisher, TOPIC_UNIT_STATE, unit_id(unit),
                     session_state_name(unit_state(unit)));
    publish_touch(app->publisher, TOPIC_UNIT_STATUS, unit_id(unit), ACTIVE_GAP_MS);
}

static void on_unit_picture(struct unit *unit, const struct unit_picture *picture, void *user)
{
    show_picture(user, unit_id(unit), picture);
}

static void on_unit_video(struct unit *unit, const cJSON *data, void *user)
{
    struct app *app = user;

    publish_document(app->publisher, TOPIC_UNIT_VIDEO, unit_id(unit), 0, data);
}

static struct unit *make_unit(struct app *app, struct unit_settings *settings,
                              const struct unit_origin *origin)
{
    static const struct unit_callbacks callbacks = {
        .on_event = on_unit_event,
        .on_changed = on_unit_changed,
        .on_picture = on_unit_picture,
        .on_video = on_unit_video,
    };
    struct camera **cameras = xcalloc(settings->cameras.count, sizeof(struct camera *));
    struct unit_config config = {
        .services = services_of(app),
        .jobs = app->jobs,
        .lights = app->lights,
        .config = app->config,
        .settings = settings,
        .printer = devices_find_printer(app->devices, settings->printer),
        .cameras = cameras,
        .origin = origin,
    };
    struct unit *unit;

    for (size_t i = 0; i < settings->cameras.count; i++)
        cameras[i] = devices_find_camera(app->devices, settings->cameras.items[i]);
    unit = unit_new(&config, &callbacks, app);
    free(cameras);
    return unit;
}

static struct unit *add_unit(struct app *app, struct unit_settings *settings,
                             const struct unit_origin *origin)
{
    struct unit *unit = make_unit(app, settings, origin);

    units_add(app->units, unit);
    publish_text(app->publisher, TOPIC_UNIT_AVAILABILITY, unit_id(unit), "online");
    publish_text(app->publisher, TOPIC_UNIT_STATE, unit_id(unit),
                 session_state_name(unit_state(unit)));
    if (settings->trigger_topic)
        mqtt_subscribe(app->mqtt, settings->trigger_topic, false);
    return unit;
}

static void publish_about_unit(struct app *app, const char *id, const char *event)
{
    cJSON *data = json_object();

    json_add_string(data, "unit", id);
    publish_event(app->publisher, NULL, event, data);
    json_free(data);
    publish_touch(app->publisher, TOPIC_INFO, NULL, 0);
    publish_touch(app->publisher, TOPIC_JOBS, NULL, 0);
    announce_changed(app->announcer);
}

static struct unit *make_runtime_unit(struct unit_settings *settings,
                                      const struct unit_origin *origin, void *user)
{
    struct app *app = user;
    struct unit *unit = add_unit(app, settings, origin);

    publish_touch(app->publisher, TOPIC_UNIT_STATUS, unit_id(unit), 0);
    publish_about_unit(app, unit_id(unit), "unit_made");
    return unit;
}

static bool is_trigger_topic(const struct app *app, const char *topic)
{
    for (size_t i = 0; i < units_count(app->units); i++)
        if (str_equal(unit_get_settings(units_at(app->units, i))->trigger_topic, topic))
            return true;
    return false;
}

static bool is_runtime_unit_busy(const char *unit, void *user)
{
    const struct app *app = user;

    return jobs_has_final(app->jobs, unit);
}

static void on_runtime_unit_gone(const struct unit_settings *settings, void *user)
{
    struct app *app = user;

    if (settings->trigger_topic && !is_trigger_topic(app, settings->trigger_topic))
        mqtt_unsubscribe(app->mqtt, settings->trigger_topic);
    publish_withdraw(app->publisher, TOPIC_UNIT_AVAILABILITY, settings->id);
    publish_withdraw(app->publisher, TOPIC_UNIT_STATE, settings->id);
    publish_withdraw(app->publisher, TOPIC_UNIT_STATUS, settings->id);
    publish_withdraw(app->publisher, TOPIC_UNIT_VIDEO, settings->id);
    publish_about_unit(app, settings->id, "unit_gone");
}

static void make_units(struct app *app)
{
    struct runtime_units_config config = {
        .loop = app->loop,
        .journal = app->journal,
        .config = app->config,
        .units = app->units,
        .devices = app->devices,
        .make = make_runtime_unit,
        .is_busy = is_runtime_unit_busy,
        .on_gone = on_runtime_unit_gone,
        .user = app,
    };

    for (size_t i = 0; i < app->config->unit_count; i++)
        add_unit(app, &app->config->units[i], NULL);
    app->runtime = runtime_units_new(&config);
    runtime_units_restore(app->runtime);
}

/* --- the broker --- */

static bool keep_topic(const char *topic, void *user)
{
    const struct app *app = user;
    enum topic_kind kind;
    char agent[64], id[64];

    if (announce_keeps(app->announcer, topic))
        return true;
    if (topic_parse_status(app->config->mqtt.prefix, topic, &kind, agent, id) < 0 ||
        !str_equal(agent, app->config->agent.id))
        return false;
    switch (kind) {
    case TOPIC_PRINTER_AVAILABILITY:
    case TOPIC_PRINTER_STATE:
    case TOPIC_PRINTER_STATUS:
        return devices_find_printer(app->devices, id) != NULL;
    case TOPIC_CAMERA_STATUS:
        return devices_find_camera(app->devices, id) != NULL;
    case TOPIC_IMAGE:
    case TOPIC_IMAGE_META:
        return shows_images(devices_find_camera(app->devices, id));
    case TOPIC_LIGHT_STATUS:
        return lights_find(app->lights, id) != NULL;
    case TOPIC_UNIT_AVAILABILITY:
    case TOPIC_UNIT_STATE:
    case TOPIC_UNIT_STATUS:
    case TOPIC_UNIT_VIDEO:
        return units_find(app->units, id) != NULL;
    default:
        return true;
    }
}

/* What MQTT 3.1.1 cannot promise is said, in the log and in info. */
static void note_protocol(struct app *app)
{
    struct mqtt_link link;

    mqtt_client_link(app->mqtt, &link);
    if (link.protocol == app->told_protocol)
        return;
    app->told_protocol = link.protocol;
    publish_touch(app->publisher, TOPIC_INFO, NULL, 0);
    if (link.protocol == 4)
        log_warn("mqtt.weaker",
                 "protocol=3.1.1 message=\"the broker knows only MQTT 3.1.1: a command that is "
                 "published retained while we listen is obeyed, commands do not expire at the "
                 "broker and do not wait for us there, and refused publications go unnoticed\"");
}

static void on_mqtt_up(void *user)
{
    struct app *app = user;

    log_info("mqtt.up", "host=%s port=%lld", app->config->mqtt.host,
             (long long)app->config->mqtt.port);
    note_protocol(app);
    error_clear(&app->problem);
    publish_touch(app->publisher, TOPIC_STATUS, NULL, ACTIVE_GAP_MS);
    if (!app->cleared_stale)
        publish_clear_stale(app->publisher, keep_topic, app);
    app->cleared_stale = true;
    announce_changed(app->announcer);
    lights_on_broker(app->lights);
}

static void note_problem(struct app *app, const struct error *problem)
{
    if (app->problem.code == 0)
        app->problem_since = clock_wall_ms();
    app->problem = *problem;
    publish_touch(app->publisher, TOPIC_STATUS, NULL, ACTIVE_GAP_MS);
}

static void on_mqtt_down(const struct error *why, void *user)
{
    struct app *app = user;

    log_warn("mqtt.down", "host=%s port=%lld error=\"%s\"", app->config->mqtt.host,
             (long long)app->config->mqtt.port, why->text);
    note_problem(app, why);
    announce_on_down(app->announcer);
}

static void on_mqtt_problem(const struct error *problem, void *user)
{
    log_error("mqtt.problem", "error=\"%s\"", problem->text);
    note_problem(user, problem);
}

static void on_mqtt_message(const struct mqtt_message *message, void *user)
{
    struct app *app = user;

    if (dispatch_on_message(app->dispatch, message) || announce_on_message(app->announcer, message))
        return;
    lights_on_message(app->lights, message);
    for (size_t i = 0; i < units_count(app->units) && !message->retained; i++) {
        struct unit *unit = units_at(app->units, i);

        if (str_equal(unit_get_settings(unit)->trigger_topic, message->topic))
            unit_on_message(unit, (const char *)message->payload, message->len, clock_mono_us());
    }
}

static void make_mqtt(struct app *app)
{
    static const struct mqtt_callbacks callbacks = {
        .on_up = on_mqtt_up,
        .on_down = on_mqtt_down,
        .on_message = on_mqtt_message,
        .on_problem = on_mqtt_problem,
    };
    const struct config *config = app->config;
    CLEANUP(free_p) char *client_id = xasprintf("lapsed-%s", config->agent.id);
    CLEANUP(free_p)
    char *availability =
        topic_build(config->mqtt.prefix, config->agent.id, TOPIC_AVAILABILITY, NULL);
    CLEANUP(free_p) char *spool = path_join(config->agent.data_dir, "spool");
    struct mqtt_client_config client = {
        .settings = &config->mqtt,
        .client_id = client_id,
        .availability_topic = availability,
        .session_expiry_s =
            config->mqtt.offline_queue_s > 0 ? config->mqtt.offline_queue_s : SESSION_EXPIRY_S,
        .resume_session = config->mqtt.offline_queue_s > 0,
        .spool_dir = spool,
        .inbox_max_messages = announce_burst(&config->discovery),
    };
    struct publisher_config publisher = {
        .loop = app->loop,
        .journal = app->journal,
        .prefix = config->mqtt.prefix,
        .agent = config->agent.id,
    };

    app->mqtt = mqtt_client_new(app->loop, &client, &callbacks, app);
    publisher.mqtt = app->mqtt;
    app->publisher = publisher_new(&publisher, build_document, app);
    app->images = images_new(app->loop, on_image, app);
}

/* --- commands to the agent --- */

static void stop(struct app *app);

static void on_shutdown(void *user)
{
    stop(user);
}

static size_t on_purge(void *user)
{
    struct app *app = user;

    return publish_purge(app->publisher);
}

static void on_camera_picture(const char *camera, struct picture *picture, void *user)
{
    struct app *app = user;

    show_picture(app, NULL,
                 &(struct unit_picture){
                     .camera = camera,
                     .layer = -1,
                     .captured_at = clock_wall_of_mono_ms(picture->captured_at_mono_us / 1000),
                     .picture = picture,
                 });
}

static enum ack_code on_reload(cJSON *result, struct error *err, void *user)
{
    struct app *app = user;
    enum ack_code code = reload_config(app->config, app->units, result, err);
    CLEANUP(free_p) char *text = json_print(result);

    if (code == ACK_OK)
        log_info("agent.reloaded", "result=\"%s\"", text);
    else
        log_error("agent.reload_refused", "error=\"%s\"", err->text);
    return code;
}

static void make_dispatch(struct app *app)
{
    struct dispatch_config config = {
        .loop = app->loop,
        .mqtt = app->mqtt,
        .journal = app->journal,
        .config = app->config,
        .rooms = &app->rooms,
    };

    app->rooms = (struct handler_rooms){
        .loop = app->loop,
        .config = app->config,
        .units = app->units,
        .devices = app->devices,
        .lights = app->lights,
        .runtime = app->runtime,
        .jobs = app->jobs,
        .journal = app->journal,
        .archive = app->archive,
        .on_shutdown = on_shutdown,
        .on_purge = on_purge,
        .document = build_document,
        .on_reload = on_reload,
        .on_camera_picture = on_camera_picture,
        .on_video_gone = on_video_gone,
        .user = app,
    };
    app->dispatch = dispatch_new(&config);
    dispatch_subscribe(app->dispatch);
}

static void make_announcer(struct app *app)
{
    struct announcer_config config = {
        .loop = app->loop,
        .mqtt = app->mqtt,
        .publisher = app->publisher,
        .config = app->config,
        .units = app->units,
        .devices = app->devices,
    };

    app->announcer = announcer_new(&config);
}

/* --- birth --- */

static void on_settled(void *user)
{
    (void)user;
    trim_pages();
}

static void on_status_timer(void *user)
{
    struct app *app = user;

    publish_touch(app->publisher, TOPIC_STATUS, NULL, ACTIVE_GAP_MS);
    trim_pages();
}

static void publish_everything(struct app *app)
{
    publish_touch(app->publisher, TOPIC_INFO, NULL, 0);
    publish_touch(app->publisher, TOPIC_STATUS, NULL, 0);
    publish_touch(app->publisher, TOPIC_JOBS, NULL, 0);
    for (size_t i = 0; i < units_count(app->units); i++)
        publish_touch(app->publisher, TOPIC_UNIT_STATUS, unit_id(units_at(app->units, i)), 0);
    for (size_t i = 0; i < devices_camera_count(app->devices); i++)
        publish_touch(app->publisher, TOPIC_CAMERA_STATUS,
                      camera_id(devices_camera(app->devices, i)), 0);
    for (size_t i = 0; i < lights_count(app->lights); i++)
        publish_touch(app->publisher, TOPIC_LIGHT_STATUS,
                      light_get_settings(lights_at(app->lights, i))->id, 0);
    for (size_t i = 0; i < devices_printer_count(app->devices); i++)
        publish_printer(app, devices_printer(app->devices, i));
    publish_flush(app->publisher);
}

static void on_raw_stored(int result, const char *path, const struct error *err, void *user)
{
    (void)user;
    if (result < 0)
        log_warn("frame.raw_lost", "path=%s reason=\"%s\"", path, err->text);
    else
        log_debug("frame.raw_stored", "path=%s", path);
}

static int open_storage(struct app *app, struct error *err)
{
    const struct agent_settings *agent = &app->config->agent;
    struct frame_store_config store = {
        .root_dir = agent->media_dir,
        .reserve_bytes = (int64_t)(agent->reserve_mb * 1e6),
        .on_raw = on_raw_stored,
    };
    bool damaged = false;
    int rc = journal_open(app->loop, agent->data_dir, &app->journal, &damaged, err);

    if (rc < 0)
        return rc;
    if (damaged)
        log_error("journal.damaged", "message=\"the journal was damaged and set aside; frames and "
                                     "videos on disk are untouched\"");
    return frame_store_open(app->loop, &store, &app->store, err);
}

int app_new(struct config *config, struct app **ret_app, struct error *err)
{
    struct app *app = xcalloc(1, sizeof(*app));
    int rc;

    app->config = config;
    app->started_at = clock_wall_ms();
    loop_set_workers(WORKERS + config->camera_count);
    rc = loop_new(&app->loop, err);
    if (rc == 0)
        rc = open_storage(app, err);
    if (rc < 0) {
        app_free(app);
        return rc;
    }
    app->http = http_new(app->loop);
    app->units = units_new();
    make_mqtt(app);
    make_devices(app);
    make_lights(app);
    make_announcer(app);
    make_jobs(app);
    make_units(app);
    orphans_end(app->journal, app->units, app->jobs);
    jobs_start(app->jobs);
    make_dispatch(app);
    app->status_timer = timer_new(app->loop, on_status_timer, app);
    app->settle_timer = timer_new(app->loop, on_settled, app);
    *ret_app = app;
    return 0;
}

/* --- stopping --- */

static void on_journal_settled(int result, const struct error *err, void *user)
{
    struct app *app = user;

    (void)result;
    (void)err;
    loop_stop(app->loop);
}

/* Whoever waits for a row to be durable hears of it before he goes. */
static void on_mqtt_stopped(void *user)
{
    struct app *app = user;

    journal_settle(app->journal, on_journal_settled, app);
}

static void on_printers_stopped(void *user)
{
    struct app *app = user;

    publish_flush(app->publisher);
    mqtt_client_stop(app->mqtt, on_mqtt_stopped, app);
}

static void on_lights_stopped(void *user)
{
    struct app *app = user;

    devices_stop(app->devices, STOP_RELEASE_MS, on_printers_stopped, app);
}

/* Frames end first, so that printers are let go; lights go off while broker and printers can still
 * be told; then each printer must be seen running; then the broker hears the last words. */
static void stop(struct app *app)
{
    if (app->stopping)
        return;
    app->stopping = true;
    log_info("agent.stopping", "%s", "");
    publish_event(app->publisher, NULL, "stopping", NULL);
    jobs_stop(app->jobs);
    runtime_units_stop(app->runtime);
    announcer_stop(app->announcer);
    units_clear(app->units);
    dispatch_stop(app->dispatch);
    lights_stop(app->lights, STOP_LIGHTS_MS, on_lights_stopped, app);
}

static void on_signal(int signum, void *user)
{
    (void)signum;
    stop(user);
}

static void on_reload_signal(int signum, void *user)
{
    CLEANUP(json_free_p) cJSON *result = json_object();
    struct error err = {0};

    (void)signum;
    (void)on_reload(result, &err, user);
}

void app_run(struct app *app)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        app->signals[i] = signal_watch_new(app->loop, signals[i], on_signal, app);
    app->reload_signal = signal_watch_new(app->loop, SIGHUP, on_reload_signal, app);
    log_info("agent.started", "agent=%s version=%s units=%zu", app->config->agent.id,
             LAPSED_VERSION, app->config->unit_count);
    publish_everything(app);
    timer_start_repeat(app->status_timer, STATUS_PERIOD_MS);
    timer_start(app->settle_timer, SETTLE_MS);
    if (mqtt_client_start(app->mqtt, &err) < 0)
        log_error("mqtt.failed", "error=\"%s\"", err.text);
    loop_run(app->loop);
}

void app_free(struct app *app)
{
    if (!app)
        return;
    units_free(app->units);
    runtime_units_free(app->runtime);
    for (size_t i = 0; i < ARRAY_LEN(app->signals); i++)
        signal_watch_free(app->signals[i]);
    signal_watch_free(app->reload_signal);
    timer_free(app->status_timer);
    timer_free(app->settle_timer);
    dispatch_free(app->dispatch);
    lights_free(app->lights);
    devices_free(app->devices);
    announcer_free(app->announcer);
    images_free(app->images);
    publisher_free(app->publisher);
    mqtt_client_free(app->mqtt);
    power_free(app->power);
    jobs_free(app->jobs);
    encode_queue_free(app->encoders);
    http_free(app->http);
    frame_store_free(app->store);
    archive_free(app->archive);
    journal_close(app->journal);
    loop_free(app->loop);
    free(app);
}
