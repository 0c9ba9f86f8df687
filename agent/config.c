/* SPDX-License-Identifier: MIT */
/* config: each list item is read by its own room's table; here they are only put together. A rule
 * about several settings of a unit stands once, in config_contradiction(), and serves the file
 * and set/<key>. */
#include "agent/config.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/verbs.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

static const struct conf_field agent_fields[] = {
    {.key = "id",
     .type = CONF_ID,
     .offset = offsetof(struct agent_settings, id),
     .help = "Name of this agent in every topic; default: the host name."},
    {.key = "data_dir",
     .type = CONF_PATH,
     .offset = offsetof(struct agent_settings, data_dir),
     .fallback = "/var/lib/lapsed",
     .help = "Where the journal lives."},
    {.key = "media_dir",
     .type = CONF_PATH,
     .offset = offsetof(struct agent_settings, media_dir),
     .help = "Where frames and videos live; default: \"media\" below data_dir."},
    {.key = "reserve_mb",
     .type = CONF_FLOAT,
     .offset = offsetof(struct agent_settings, reserve_mb),
     .fallback = "500",
     .max = 1e6,
     .unit = "MB",
     .help = "Disk space that capture always leaves free."},
    {.key = "log_level",
     .type = CONF_ENUM,
     .offset = offsetof(struct agent_settings, log_level),
     .fallback = "info",
     .choices = log_levels,
     .flags = CONF_RELOAD,
     .help = "How much is logged."},
    {.key = "throttled_file",
     .type = CONF_PATH,
     .offset = offsetof(struct agent_settings, throttled_file),
     .help = "Where the machine tells of undervoltage, as a Raspberry Pi's get_throttled; default: "
             "its firmware's file, else vcgencmd, if there."},
    {.key = "groups",
     .type = CONF_IDS,
     .offset = offsetof(struct agent_settings, groups),
     .help = "Groups of agents that this one belongs to: it obeys _group/<group>, too."},
    {.key = "fleet_verbs",
     .type = CONF_STRINGS,
     .offset = offsetof(struct agent_settings, fleet_verbs),
     .help = "Methods that may be asked of all agents or a group at once, such as \"unit.start\"; "
             "absent: all that are made for it, \"none\": none."},
    {.key = "trust_clock",
     .type = CONF_BOOL,
     .offset = offsetof(struct agent_settings, trust_clock),
     .fallback = "false",
     .help = "Obey \"expires\" of commands though the kernel knows of no time server."},
    {.key = "max_runtime_units",
     .type = CONF_INT,
     .offset = offsetof(struct agent_settings, max_runtime_units),
     .fallback = "8",
     .max = 64,
     .help = "So many units may be made by a start command; 0 = none."},
    {.key = "allow_addresses",
     .type = CONF_BOOL,
     .offset = offsetof(struct agent_settings, allow_addresses),
     .fallback = "false",
     .help = "Such a unit may name a printer and cameras by address (DuetLapse3's -duet, -weburl1) "
             "instead of by their ids in this file."},
};

const struct conf_table agent_table = {
    .name = "agent",
    .fields = agent_fields,
    .field_count = ARRAY_LEN(agent_fields),
    .help = "The agent itself.",
};

const char *const unit_triggers[] = {"layer", "interval", "pause", "mqtt", "command", NULL};

#define UNIT_FIELD(name, kind, ...)                                                                \
    {                                                                                              \
        .key = #name, .type = (kind), .offset = offsetof(struct unit_settings, name), __VA_ARGS__  \
    }

static const struct conf_field unit_own_fields[] = {
    UNIT_FIELD(id, CONF_ID, .flags = CONF_REQUIRED, .help = "Name of the unit in its topics."),
    UNIT_FIELD(printer, CONF_ID,
               .help = "Id of the printer it follows; absent: a camera without a printer."),
    UNIT_FIELD(cameras, CONF_IDS, .flags = CONF_REQUIRED,
               .help = "Ids of the cameras; each gets a video of its own."),
    UNIT_FIELD(
        trigger, CONF_FLAGS, .fallback = "layer", .choices = unit_triggers, .flags = CONF_RELOAD,
        .help = "What takes a frame: layer (a new layer began), interval (every interval_s), "
                "pause (the job paused itself, M226), mqtt (a message on trigger_topic), "
                "command (only the snapshot command); any combination."),
    UNIT_FIELD(every_nth_layer, CONF_INT, .fallback = "1", .min = 1, .max = 10000,
               .flags = CONF_RELOAD, .help = "With trigger layer: take only every n-th layer."),
    UNIT_FIELD(interval_s, CONF_FLOAT, .fallback = "0", .max = 86400, .unit = "s",
               .flags = CONF_RELOAD, .help = "With trigger interval: time between frames."),
    UNIT_FIELD(trigger_topic, CONF_STRING,
               .help = "With trigger mqtt: the topic; a payload that is a whole number is taken as "
                       "the layer."),
    UNIT_FIELD(standby, CONF_BOOL, .fallback = "false",
               .help = "Do nothing until the start command."),
    UNIT_FIELD(dontwait, CONF_BOOL, .fallback = "false",
               .help = "Begin at once instead of waiting for a print."),
    UNIT_FIELD(restart, CONF_BOOL, .fallback = "true", .flags = CONF_RELOAD,
               .help = "After a print be ready for the next one; false: go to standby."),
    UNIT_FIELD(pause, CONF_BOOL, .fallback = "false", .flags = CONF_RELOAD,
               .help = "Pause the printer for each frame, and let it go on afterwards."),
    UNIT_FIELD(park, CONF_BOOL, .fallback = "false", .flags = CONF_RELOAD,
               .help = "Move the head to park_x_mm, park_y_mm while the printer is paused."),
    UNIT_FIELD(park_x_mm, CONF_FLOAT, .fallback = "0", .min = -2000, .max = 2000, .unit = "mm",
               .flags = CONF_RELOAD, .help = "Where the head parks, X."),
    UNIT_FIELD(park_y_mm, CONF_FLOAT, .fallback = "0", .min = -2000, .max = 2000, .unit = "mm",
               .flags = CONF_RELOAD, .help = "Where the head parks, Y."),
    UNIT_FIELD(park_feed_mm_min, CONF_FLOAT, .fallback = "9000", .min = 60, .max = 60000,
               .unit = "mm/min", .flags = CONF_RELOAD, .help = "How fast the head goes there."),
    UNIT_FIELD(rest_s, CONF_FLOAT, .fallback = "0", .max = 20, .unit = "s", .flags = CONF_RELOAD,
               .help = "Wait so long after the head stands, before the picture."),
    UNIT_FIELD(pause_from_layer, CONF_INT, .fallback = "1", .min = 1, .max = 10000,
               .flags = CONF_RELOAD, .help = "Do not pause below this layer."),
    UNIT_FIELD(keep_files, CONF_BOOL, .fallback = "false", .flags = CONF_RELOAD,
               .help = "Keep the frames of a discarded session too (standby)."),
    UNIT_FIELD(delete_frames, CONF_BOOL, .fallback = "false",
               .help = "Delete frames as soon as they are safe in the video."),
    UNIT_FIELD(keep_exif, CONF_BOOL, .fallback = "false", .flags = CONF_RELOAD,
               .help = "Keep in the frames what the camera wrote beside the picture: place, serial "
                       "numbers, its maker's notes; false: only how it was exposed, with our own "
                       "about the frame."),
    UNIT_FIELD(last_frame, CONF_BOOL, .fallback = "true", .flags = CONF_RELOAD,
               .help = "Take one more frame when the print has ended."),
};

static void compose_unit_table(struct config *config)
{
    size_t own = ARRAY_LEN(unit_own_fields);
    struct conf_field *fields = xcalloc(own + video_field_count, sizeof(*fields));

    memcpy(fields, unit_own_fields, sizeof(unit_own_fields));
    for (size_t i = 0; i < video_field_count; i++) {
        fields[own + i] = video_fields[i];
        fields[own + i].offset += offsetof(struct unit_settings, video);
    }
    config->unit_fields = fields;
    config->unit_table = (struct conf_table){
        .name = "units",
        .fields = fields,
        .field_count = own + video_field_count,
        .help = "Timelapse pipelines: cameras, triggers and a video, usually bound to a printer.",
    };
}

static void default_agent_id(struct agent_settings *agent)
{
    char host[256] = "lapsed";
    char id[STR_ID_MAX + 1];

    if (agent->id)
        return;
    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    str_make_id(host, id);
    agent->id = xstrdup(id);
}

static void check_fleet_verbs(struct conf *conf, const struct conf_strings *methods)
{
    for (size_t i = 0; i < methods->count; i++) {
        enum verb_id verb = verb_find_method(methods->items[i]);

        if (str_equal(methods->items[i], "none"))
            continue;
        if (verb == VERB_COUNT)
            conf_problem(conf, &agent_table, 0, "fleet_verbs", "there is no method '%s'",
                         methods->items[i]);
        else if (!(verbs[verb].flags & VERB_FLEET))
            conf_problem(conf, &agent_table, 0, "fleet_verbs",
                         "'%s' may not be asked of many agents at once", methods->items[i]);
    }
}

static void read_agent(struct conf *conf, struct agent_settings *agent)
{
    conf_read_group(conf, &agent_table, agent);
    check_fleet_verbs(conf, &agent->fleet_verbs);
    default_agent_id(agent);
    if (!agent->media_dir && agent->data_dir)
        agent->media_dir = path_join(agent->data_dir, "media");
}

bool config_contradiction(const struct unit_settings *unit, size_t nth,
                          struct config_contradiction *ret)
{
    const struct {
        bool broken;
        struct config_contradiction it;
    } rules[] = {
        {unit->trigger == 0,
         {"trigger",
          "names no trigger; use layer, interval, pause, mqtt, or command for snapshots only"}},
        {(unit->trigger & UNIT_TRIGGER_INTERVAL) && unit->interval_s <= 0,
         {"interval_s", "must be above 0 for trigger interval"}},
        {(unit->trigger & UNIT_TRIGGER_MQTT) && !unit->trigger_topic,
         {"trigger", "mqtt needs trigger_topic"}},
        {unit->trigger_topic && !topic_publishable(unit->trigger_topic),
         {"trigger_topic", "is not a topic (no wildcards, not starting with $)"}},
        {(unit->trigger & (UNIT_TRIGGER_LAYER | UNIT_TRIGGER_PAUSE)) && !unit->printer,
         {"trigger", "layer and pause need a printer; without one use interval, mqtt or command"}},
        {unit->pause && !unit->printer, {"pause", "needs a printer"}},
        {unit->pause && (unit->trigger & UNIT_TRIGGER_PAUSE),
         {"pause", "contradicts trigger pause: there the job pauses itself; set pause = false"}},
        {unit->park && !unit->pause && !(unit->trigger & UNIT_TRIGGER_PAUSE),
         {"park", "needs pause = true or trigger pause: the head cannot be moved while it prints"}},
        {unit->keep_files && unit->delete_frames,
         {"delete_frames", "contradicts keep_files; remove one of the two"}},
        {unit->delete_frames && !unit->video.enabled,
         {"delete_frames", "would delete the only copy of the frames: video is false"}},
        {unit->video.max_length_s > 0 && unit->video.min_length_s > unit->video.max_length_s,
         {"min_length_s", "is larger than max_length_s"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].broken && nth-- == 0) {
            *ret = rules[i].it;
            return true;
        }
    }
    return false;
}

const struct printer_settings *config_find_printer(const struct config *config, const char *id)
{
    for (size_t i = 0; id && i < config->printer_count; i++)
        if (str_equal(config->printers[i].id, id))
            return &config->printers[i];
    return NULL;
}

const struct camera_settings *config_find_camera(const struct config *config, const char *id)
{
    for (size_t i = 0; id && i < config->camera_count; i++)
        if (str_equal(config->cameras[i].id, id))
            return &config->cameras[i];
    return NULL;
}

const struct light_settings *config_find_light(const struct config *config, const char *id)
{
    for (size_t i = 0; id && i < config->light_count; i++)
        if (str_equal(config->lights[i].id, id))
            return &config->lights[i];
    return NULL;
}

struct unit_settings *config_find_unit(const struct config *config, const char *id)
{
    for (size_t i = 0; id && i < config->unit_count; i++)
        if (str_equal(config->units[i].id, id))
            return &config->units[i];
    return NULL;
}

static void check_unit_rules(struct conf *conf, const struct conf_table *table, size_t index,
                             const struct unit_settings *unit)
{
    struct config_contradiction rule;

    for (size_t nth = 0; config_contradiction(unit, nth, &rule); nth++)
        conf_problem(conf, table, index, rule.key, "%s", rule.text);
    /* A mistake in a file only: set/<key> comes here on its way to another trigger. */
    if (unit->interval_s > 0 && !(unit->trigger & UNIT_TRIGGER_INTERVAL))
        conf_problem(conf, table, index, "interval_s",
                     "has no effect without \"interval\" in trigger");
}

static void check_unit(struct conf *conf, const struct config *config, size_t index)
{
    const struct unit_settings *unit = &config->units[index];
    const struct conf_table *table = &config->unit_table;

    check_unit_rules(conf, table, index, unit);
    if (unit->printer && !config_find_printer(config, unit->printer))
        conf_problem(conf, table, index, "printer", "there is no printer '%s' in printers",
                     unit->printer);
    for (size_t i = 0; i < unit->cameras.count; i++)
        if (!config_find_camera(config, unit->cameras.items[i]))
            conf_problem(conf, table, index, "cameras", "there is no camera '%s' in cameras",
                         unit->cameras.items[i]);
}

/* ids: the id members of a list of settings, stride bytes apart. */
static void check_unique(struct conf *conf, const struct conf_table *table, const char *ids,
                         size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *id = *(char *const *)(const void *)(ids + i * stride);

        for (size_t j = 0; id && j < i; j++)
            if (str_equal(id, *(char *const *)(const void *)(ids + j * stride)))
                conf_problem(conf, table, i, "id", "the id '%s' is taken already", id);
    }
}

static void read_printers(struct conf *conf, struct config *config)
{
    config->printer_count = conf_list_size(conf, &printer_table);
    config->printers = xcalloc(config->printer_count, sizeof(*config->printers));
    for (size_t i = 0; i < config->printer_count; i++) {
        conf_read_item(conf, &printer_table, i, &config->printers[i]);
        printer_settings_check(&config->printers[i], conf, i);
    }
    check_unique(conf, &printer_table,
                 (const char *)config->printers + offsetof(struct printer_settings, id),
                 sizeof(*config->printers), config->printer_count);
}

static void read_cameras(struct conf *conf, struct config *config)
{
    config->camera_count = conf_list_size(conf, &camera_table);
    config->cameras = xcalloc(config->camera_count, sizeof(*config->cameras));
    for (size_t i = 0; i < config->camera_count; i++) {
        conf_read_item(conf, &camera_table, i, &config->cameras[i]);
        camera_settings_check(&config->cameras[i], conf, i);
    }
    check_unique(conf, &camera_table,
                 (const char *)config->cameras + offsetof(struct camera_settings, id),
                 sizeof(*config->cameras), config->camera_count);
}

static void read_lights(struct conf *conf, struct config *config)
{
    config->light_count = conf_list_size(conf, &light_table);
    config->lights = xcalloc(config->light_count, sizeof(*config->lights));
    for (size_t i = 0; i < config->light_count; i++) {
        const struct light_settings *light = &config->lights[i];

        conf_read_item(conf, &light_table, i, &config->lights[i]);
        light_settings_check(light, conf, i);
        if (light->printer && !config_find_printer(config, light->printer))
            conf_problem(conf, &light_table, i, "printer", "there is no printer '%s' in printers",
                         light->printer);
    }
    check_unique(conf, &light_table,
                 (const char *)config->lights + offsetof(struct light_settings, id),
                 sizeof(*config->lights), config->light_count);
}

static void check_lights_of_cameras(struct conf *conf, const struct config *config)
{
    for (size_t i = 0; i < config->camera_count; i++) {
        const char *light = config->cameras[i].light;

        if (light && !config_find_light(config, light))
            conf_problem(conf, &camera_table, i, "light", "there is no light '%s' in lights",
                         light);
        if (!light && config->cameras[i].light_when != CAMERA_LIGHT_ALWAYS)
            conf_problem(conf, &camera_table, i, "light_when",
                         "needs the name of the light: light");
    }
}

static void read_units(struct conf *conf, struct config *config)
{
    config->unit_count = conf_list_size(conf, &config->unit_table);
    config->units = xcalloc(config->unit_count, sizeof(*config->units));
    for (size_t i = 0; i < config->unit_count; i++) {
        conf_read_item(conf, &config->unit_table, i, &config->units[i]);
        check_unit(conf, config, i);
    }
    check_unique(conf, &config->unit_table,
                 (const char *)config->units + offsetof(struct unit_settings, id),
                 sizeof(*config->units), config->unit_count);
}

struct config *config_blank(void)
{
    struct config *config = xcalloc(1, sizeof(*config));

    compose_unit_table(config);
    return config;
}

void config_rooms(const struct config *config, struct config_room ret_rooms[CONFIG_ROOM_MAX])
{
    const struct config_room rooms[] = {
        {&agent_table, false},  {&mqtt_table, false},        {&discovery_table, false},
        {&encode_table, false}, {&printer_table, true},      {&camera_table, true},
        {&light_table, true},   {&config->unit_table, true}, {NULL, false},
    };

    memcpy(ret_rooms, rooms, sizeof(rooms));
}

static void check_top(struct conf *conf, const struct config *config)
{
    struct config_room rooms[CONFIG_ROOM_MAX];
    const struct conf_table *tables[CONFIG_ROOM_MAX];
    size_t count = 0;

    config_rooms(config, rooms);
    for (; rooms[count].table; count++)
        tables[count] = rooms[count].table;
    conf_check_top(conf, tables, count);
}

struct config *config_load(const char *file, FILE *problems)
{
    struct config *config = config_blank();
    struct conf *conf = conf_open(file);
    size_t problem_count;

    config->file = xstrdup(file);
    read_agent(conf, &config->agent);
    conf_read_group(conf, &mqtt_table, &config->mqtt);
    mqtt_settings_check(&config->mqtt, conf);
    conf_read_group(conf, &discovery_table, &config->discovery);
    discovery_settings_check(&config->discovery, conf);
    conf_read_group(conf, &encode_table, &config->encode);
    read_printers(conf, config);
    read_cameras(conf, config);
    read_lights(conf, config);
    check_lights_of_cameras(conf, config);
    read_units(conf, config);
    check_top(conf, config);
    problem_count = conf_problem_count(conf);
    for (size_t i = 0; i < problem_count; i++)
        fprintf(problems, "%s\n", conf_problem_text(conf, i));
    conf_close(conf);
    if (problem_count > 0) {
        config_free(config);
        return NULL;
    }
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->unit_count; i++)
        conf_values_done(&config->unit_table, &config->units[i]);
    for (size_t i = 0; i < config->light_count; i++)
        conf_values_done(&light_table, &config->lights[i]);
    for (size_t i = 0; i < config->camera_count; i++)
        conf_values_done(&camera_table, &config->cameras[i]);
    for (size_t i = 0; i < config->printer_count; i++)
        conf_values_done(&printer_table, &config->printers[i]);
    conf_values_done(&encode_table, &config->encode);
    conf_values_done(&discovery_table, &config->discovery);
    conf_values_done(&mqtt_table, &config->mqtt);
    conf_values_done(&agent_table, &config->agent);
    free(config->units);
    free(config->lights);
    free(config->cameras);
    free(config->printers);
    free(config->unit_fields);
    free(config->file);
    free(config);
}

static void print_list(const struct conf_table *table, const void *items, size_t size, size_t count,
                       FILE *out)
{
    fprintf(out, "%s = (", table->name);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        conf_print(table, (const char *)items + i * size, true, out);
    }
    fputs("\n);\n", out);
}

void config_print(const struct config *config, FILE *out)
{
    conf_print(&agent_table, &config->agent, false, out);
    conf_print(&mqtt_table, &config->mqtt, false, out);
    conf_print(&discovery_table, &config->discovery, false, out);
    conf_print(&encode_table, &config->encode, false, out);
    print_list(&printer_table, config->printers, sizeof(*config->printers), config->printer_count,
               out);
    print_list(&camera_table, config->cameras, sizeof(*config->cameras), config->camera_count, out);
    print_list(&light_table, config->lights, sizeof(*config->lights), config->light_count, out);
    print_list(&config->unit_table, config->units, sizeof(*config->units), config->unit_count, out);
}

int config_set_unit(const struct config *config, struct unit_settings *unit, const char *key,
                    const char *text, struct error *err)
{
    struct unit_settings changed = *unit;
    struct config_contradiction rule;
    int rc;

    /* Only numbers, switches and words may change at run time, so the copy owns nothing new. */
    rc = conf_set_text(&config->unit_table, &changed, key, text, err);
    if (rc < 0)
        return rc;
    if (config_contradiction(&changed, 0, &rule))
        return error_set(err, -EINVAL, "%s: %s", rule.key, rule.text);
    *unit = changed;
    return 0;
}

int config_merge_unit(const struct config *config, struct unit_settings *unit,
                      const struct unit_settings *fresh, struct error *err)
{
    struct unit_settings changed = *unit;
    struct config_contradiction rule;

    for (size_t i = 0; i < config->unit_table.field_count; i++)
        if (config->unit_table.fields[i].flags & CONF_RELOAD)
            conf_field_copy(&config->unit_table.fields[i], &changed, fresh);
    if (config_contradiction(&changed, 0, &rule))
        return error_set(err, -EINVAL, "%s: %s", rule.key, rule.text);
    *unit = changed;
    return 0;
}
