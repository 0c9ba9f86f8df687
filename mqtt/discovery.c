/* SPDX-License-Identifier: MIT */
/* discovery: the rules of Home Assistant that shape these documents.
 *
 * An unknown key at the root, in "device" or in "origin" makes it drop the whole document, and so
 * does one component without unique_id; an unknown key in a component is dropped silently. "qos" at
 * the root is inherited only since 2026, so each component says it. Availability is always the list
 * "availability": together with "availability_topic" an entity would be refused. A component that
 * is merely absent stays: {"platform": …} alone removes it.
 *
 * Ids of ours hold no ':' and no upper case: so ':' joins them in unique ids without doubt, and in
 * the name of a component, which ends its topic behind a dash, a dash becomes 'D'. */
#include "mqtt/discovery.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/entities.h"
#include "mqtt/topic.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QOS 1

static const struct {
    const char *word;   /* in unique ids; NULL: the agent */
    const char *called; /* in the name of the device, before the id */
    const char *model;
    enum topic_kind status;
} kinds[] = {
    [DISCOVERY_OF_AGENT] = {NULL, "", "Timelapse agent", TOPIC_STATUS},
    [DISCOVERY_OF_UNIT] = {"unit", "", "Timelapse unit", TOPIC_UNIT_STATUS},
    [DISCOVERY_OF_PRINTER] = {"printer", "printer ", "Printer", TOPIC_PRINTER_STATUS},
    [DISCOVERY_OF_CAMERA] = {"camera", "camera ", "Camera", TOPIC_CAMERA_STATUS},
};

struct builder {
    const struct discovery_home *home;
    const struct discovery_device *device;
    cJSON *components;
};

/* --- names --- */

/* '@' becomes the name; NULL: it goes, and the character before it. The caller frees. */
static char *fill(const char *text, const char *name)
{
    const char *at = strchr(text, '@');
    char *begin, *rest, *filled;

    if (!at)
        return xstrdup(text);
    if (!name)
        return xasprintf("%.*s%s", (int)(at - text - 1), text, at + 1);
    begin = xstrndup(text, (size_t)(at - text));
    rest = fill(at + 1, name);
    filled = xasprintf("%s%s%s", begin, name, rest);
    free(begin);
    free(rest);
    return filled;
}

static void replace_each(char *text, char from, char to)
{
    for (; *text; text++)
        if (*text == from)
            *text = to;
}

static char *identifier(const struct discovery_home *home, const struct discovery_device *device)
{
    if (!device->id)
        return xasprintf("lapsed:%s", home->agent);
    return xasprintf("lapsed:%s:%s:%s", home->agent, kinds[device->kind].word, device->id);
}

/* The agent is in it: a fleet has many a camera "front". */
static char *device_name(const struct discovery_home *home, const struct discovery_device *device)
{
    if (!device->id)
        return xasprintf("lapsed %s", home->agent);
    return xasprintf("%s %s%s", home->agent, kinds[device->kind].called, device->id);
}

/* As Home Assistant makes it of the two names where it does not know default_entity_id (before
 * 2025.10), so that it is the same everywhere. */
static char *entity_id(const char *platform, const char *device, const char *name)
{
    char *id = xasprintf("%s.%s %s", platform, device, name);
    char *end = id + strlen(platform) + 1;

    for (const char *at = end; *at; at++) {
        if (isalnum((unsigned char)*at))
            *end++ = (char)tolower((unsigned char)*at);
        else if (end[-1] != '_')
            *end++ = '_';
    }
    *end = '\0';
    return id;
}

static char *topic_of(const struct builder *builder, enum topic_kind kind, const char *id)
{
    return topic_build(builder->home->topics, builder->home->agent, kind, id);
}

/* --- one entity --- */

static void add_owned(cJSON *json, const char *key, char *text)
{
    json_add_string(json, key, text);
    free(text);
}

static void add_if(cJSON *json, const char *key, const char *text)
{
    if (text)
        json_add_string(json, key, text);
}

static void add_words(cJSON *json, const char *key, const char *const *words)
{
    cJSON *array = json_add_array(json, key);

    for (; words && *words; words++)
        json_add_string(array, NULL, *words);
}

static char *availability_topic(const struct builder *builder)
{
    bool printer = builder->device->kind == DISCOVERY_OF_PRINTER;

    return topic_of(builder, printer ? TOPIC_PRINTER_AVAILABILITY : TOPIC_AVAILABILITY,
                    printer ? builder->device->id : NULL);
}

/* name: the camera of a row with ENTITY_EACH. NULL: the component says no topic of its own. */
static char *source_topic(const struct builder *builder, const struct entity *entity,
                          const char *name)
{
    const char *id = builder->device->id;

    switch (entity->from) {
    case FROM_AVAILABILITY:
        return availability_topic(builder);
    case FROM_INFO:
        return topic_of(builder, TOPIC_INFO, NULL);
    case FROM_EVENT:
        return topic_of(builder, id ? TOPIC_UNIT_EVENT : TOPIC_EVENT, id);
    case FROM_VIDEO:
        return topic_of(builder, TOPIC_UNIT_VIDEO, id);
    case FROM_IMAGE:
        return topic_of(builder, TOPIC_IMAGE, name ? name : id);
    case FROM_IMAGE_META:
        return topic_of(builder, TOPIC_IMAGE_META, name ? name : id);
    case FROM_STATUS:
    case FROM_NOTHING:
        break;
    }
    return NULL;
}

static bool is_platform(const struct entity *entity, const char *platform)
{
    return str_equal(entity->platform, platform);
}

static const char *source_key(const struct entity *entity)
{
    if (is_platform(entity, "image"))
        return "image_topic";
    if (is_platform(entity, "camera") || is_platform(entity, "device_automation"))
        return "topic";
    return "state_topic";
}

/* A connection is shown lost by this entity, so it must not be unavailable then. */
static void add_availability_words(cJSON *json, const struct builder *builder)
{
    cJSON *always;

    json_add_string(json, "payload_on", "online");
    json_add_string(json, "payload_off", "offline");
    if (builder->device->kind != DISCOVERY_OF_AGENT)
        return;
    always = json_add_object(json_add_array(json, "availability"), NULL);
    add_owned(always, "topic", availability_topic(builder));
    json_add_string(always, "value_template", "{{ 'online' }}");
}

static void add_source(cJSON *json, const struct builder *builder, const struct entity *entity,
                       const char *name)
{
    char *topic = source_topic(builder, entity, name);

    if (topic && entity->flags & ENTITY_DATA)
        json_add_string(json, "json_attributes_topic", topic);
    if (topic)
        add_owned(json, source_key(entity), topic);
    if (entity->from == FROM_AVAILABILITY)
        add_availability_words(json, builder);
    if (entity->value)
        add_owned(json, "value_template", fill(entity->value, name));
    if (entity->flags & ENTITY_ERROR) {
        add_owned(json, "json_attributes_topic",
                  topic_of(builder, kinds[entity->of].status, builder->device->id));
        json_add_string(json, "json_attributes_template",
                        "{{ {'error': value_json.error} | tojson }}");
    }
}

static void add_command(cJSON *json, const struct builder *builder, const struct entity *entity)
{
    static const enum topic_scope scopes[] = {[DISCOVERY_OF_AGENT] = TOPIC_SCOPE_AGENT,
                                              [DISCOVERY_OF_UNIT] = TOPIC_SCOPE_UNIT,
                                              [DISCOVERY_OF_CAMERA] = TOPIC_SCOPE_CAMERA};
    const struct discovery_home *home = builder->home;
    const char *id = builder->device->id;

    if (entity->command)
        add_owned(
            json, "command_topic",
            topic_build_cmd(home->topics, home->agent, scopes[entity->of], id, entity->command));
    else if (entity->setting)
        add_owned(json, "command_topic",
                  topic_build_set(home->topics, home->agent, id, entity->setting));
    else
        return;
    json_add_bool(json, "retain", false);
    if (is_platform(entity, "button"))
        json_add_string(json, "payload_press", "PRESS");
    else
        json_add_bool(json, "optimistic", false);
}

/* The range is that of the configuration. */
static void add_number(cJSON *json, const struct builder *builder, const struct entity *entity)
{
    const struct conf_field *field = conf_table_get(builder->device->settings, entity->setting);

    json_add_number(json, "min", field->min, 3);
    json_add_number(json, "max", field->max, 3);
    json_add_number(json, "step", entity->step, 3);
    json_add_string(json, "mode", "box");
    add_if(json, "unit_of_measurement", entity->unit ? entity->unit : field->unit);
}

static void add_category(cJSON *json, const struct entity *entity)
{
    if (entity->flags & ENTITY_CONFIG)
        json_add_string(json, "entity_category", "config");
    if (entity->flags & ENTITY_DIAGNOSTIC)
        json_add_string(json, "entity_category", "diagnostic");
    if (entity->flags & ENTITY_HIDDEN)
        json_add_bool(json, "enabled_by_default", false);
    add_if(json, "icon", entity->icon);
}

static void add_kind(cJSON *json, const struct builder *builder, const struct entity *entity)
{
    add_if(json, "device_class", entity->device_class);
    add_if(json, "state_class", entity->state_class);
    if (is_platform(entity, "number"))
        add_number(json, builder, entity);
    else
        add_if(json, "unit_of_measurement", entity->unit);
    if (entity->flags & ENTITY_STATES)
        add_words(json, "options", builder->device->states);
    if (is_platform(entity, "select"))
        add_words(json, "options", builder->device->triggers);
    if (is_platform(entity, "event"))
        add_words(json, "event_types", builder->device->events);
    if (is_platform(entity, "image"))
        json_add_string(json, "content_type", "image/jpeg");
}

static void add_identity(cJSON *json, const struct builder *builder, const struct entity *entity,
                         const char *key, const char *suffix)
{
    CLEANUP(free_p) char *id = identifier(builder->home, builder->device);
    CLEANUP(free_p) char *device = device_name(builder->home, builder->device);
    CLEANUP(free_p) char *name = fill(entity->name, suffix);

    add_owned(json, "unique_id", xasprintf("%s:%s", id, key));
    add_owned(json, "default_entity_id", entity_id(entity->platform, device, name));
    json_add_string(json, "name", name);
}

static void add_trigger(cJSON *json, const struct entity *entity)
{
    json_add_string(json, "automation_type", "trigger");
    json_add_string(json, "type", entity->key);
    json_add_string(json, "subtype", "timelapse");
    json_add_string(json, "value_template", "{{ value_json.event_type }}");
    json_add_string(json, "payload", entity->key);
}

/* suffix: what the '@' of key and name becomes, NULL = it goes. */
static void add_entity(struct builder *builder, const struct entity *entity, const char *name,
                       const char *suffix)
{
    CLEANUP(free_p) char *key = fill(entity->key, suffix);
    cJSON *json;

    replace_each(key, '-', 'D');
    json = json_add_object(builder->components, key);
    json_add_string(json, "platform", entity->platform);
    if (is_platform(entity, "device_automation"))
        add_trigger(json, entity);
    else
        add_identity(json, builder, entity, key, suffix);
    add_source(json, builder, entity, name);
    add_command(json, builder, entity);
    add_kind(json, builder, entity);
    add_category(json, entity);
    if (entity->from != FROM_IMAGE)
        json_add_int(json, "qos", QOS);
}

/* Part of an id, and in a template a name without quotes. */
static bool is_plain(const char *name)
{
    return islower((unsigned char)name[0]) && !strchr(name, '-') && str_is_id(name);
}

static void add_each(struct builder *builder, const struct entity *entity)
{
    const struct conf_strings *each = builder->device->each;
    bool cameras = builder->device->kind == DISCOVERY_OF_UNIT;

    for (size_t i = 0; each && i < each->count; i++) {
        const char *name = each->items[i];

        if (cameras ? str_is_id(name) : is_plain(name))
            add_entity(builder, entity, name, cameras && i == 0 ? NULL : name);
    }
}

static void add_components(struct builder *builder)
{
    for (size_t i = 0; i < entity_count; i++) {
        const struct entity *entity = &entities[i];

        if (entity->of != builder->device->kind)
            continue;
        if (entity->flags & ENTITY_PRINTER && !builder->device->has_printer)
            continue;
        if (entity->flags & ENTITY_EACH)
            add_each(builder, entity);
        else
            add_entity(builder, entity, NULL, NULL);
    }
}

/* --- the document --- */

static void add_device(cJSON *json, const struct discovery_home *home,
                       const struct discovery_device *device)
{
    static const struct discovery_device agent = {.kind = DISCOVERY_OF_AGENT};
    cJSON *about = json_add_object(json, "device");

    add_owned(json_add_array(about, "identifiers"), NULL, identifier(home, device));
    add_owned(about, "name", device_name(home, device));
    if (device->id)
        add_owned(about, "via_device", identifier(home, &agent));
    json_add_string(about, "manufacturer", "lapsed");
    if (device->model)
        add_owned(about, "model", xasprintf("%s (%s)", kinds[device->kind].model, device->model));
    else
        json_add_string(about, "model", kinds[device->kind].model);
    json_add_string(about, "sw_version", home->version);
}

static void add_origin(cJSON *json, const struct discovery_home *home)
{
    cJSON *origin = json_add_object(json, "origin");

    json_add_string(origin, "name", "lapsed");
    json_add_string(origin, "sw_version", home->version);
}

/* The agent's, and the unit's; never the printer's: that it is off is no reason to hide what is
 * known of it. */
static void add_availability(cJSON *json, const struct builder *builder)
{
    cJSON *list = json_add_array(json, "availability");

    add_owned(json_add_object(list, NULL), "topic", topic_of(builder, TOPIC_AVAILABILITY, NULL));
    if (builder->device->kind == DISCOVERY_OF_UNIT)
        add_owned(json_add_object(list, NULL), "topic",
                  topic_of(builder, TOPIC_UNIT_AVAILABILITY, builder->device->id));
    json_add_string(json, "availability_mode", "all");
}

static const cJSON *find_member(const cJSON *object, const char *key)
{
    const cJSON *member = json_first(object);

    while (member && !str_equal(json_key(member), key))
        member = json_next(member);
    return member;
}
/* {"platform": …} alone removes a component. */
static void add_removals(cJSON *components, const cJSON *earlier)
{
    for (const cJSON *at = json_first(earlier); at; at = json_next(at))
        if (!find_member(components, json_key(at)))
            json_add_string(json_add_object(components, json_key(at)), "platform", json_string(at));
}

cJSON *discovery_document(const struct discovery_home *home, const struct discovery_device *device,
                          const cJSON *earlier)
{
    struct builder builder = {.home = home, .device = device};
    cJSON *json = json_object();

    add_device(json, home, device);
    add_origin(json, home);
    add_availability(json, &builder);
    add_owned(json, "state_topic", topic_of(&builder, kinds[device->kind].status, device->id));
    builder.components = json_add_object(json, "components");
    add_components(&builder);
    add_removals(builder.components, earlier);
    return json;
}

/* --- the component form --- */

static void inherit(cJSON *component, const cJSON *document, const char *key)
{
    if (!json_get(component, key))
        json_add(component, key, json_copy(json_get(document, key)));
}

static bool shows_state(const char *platform)
{
    static const char *const others[] = {"button", "image", "camera", "device_automation"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_equal(platform, others[i]))
            return false;
    return true;
}

/* "platform" is in the topic here. */
static cJSON *standing_alone(const cJSON *document, const cJSON *component)
{
    const char *platform = json_get_string(component, "platform");
    cJSON *json = json_object();

    for (const cJSON *member = json_first(component); member; member = json_next(member))
        if (!str_equal(json_key(member), "platform"))
            json_add(json, json_key(member), json_copy(member));
    inherit(json, document, "device");
    inherit(json, document, "origin");
    if (!str_equal(platform, "device_automation")) {
        inherit(json, document, "availability");
        inherit(json, document, "availability_mode");
    }
    if (shows_state(platform))
        inherit(json, document, "state_topic");
    return json;
}

static void write_components(const struct discovery_home *home,
                             const struct discovery_device *device, const cJSON *document,
                             discovery_write_fn write, void *user)
{
    const cJSON *components = json_get(document, "components");

    for (const cJSON *at = json_first(components); at; at = json_next(at)) {
        CLEANUP(json_free_p) cJSON *alone = standing_alone(document, at);
        CLEANUP(free_p)
        char *topic =
            discovery_component_topic(home, device, json_get_string(at, "platform"), json_key(at));

        write(topic, alone, user);
    }
}

void discovery_write(const struct discovery_home *home, const struct discovery_device *device,
                     enum discovery_form form, discovery_write_fn write, void *user)
{
    CLEANUP(json_free_p) cJSON *document = discovery_document(home, device, NULL);

    if (form == DISCOVERY_COMPONENT) {
        write_components(home, device, document, write, user);
    } else {
        CLEANUP(free_p) char *topic = discovery_topic(home, device);

        write(topic, document, user);
    }
}

cJSON *discovery_components(const cJSON *document)
{
    const cJSON *components = json_get(document, "components");
    cJSON *found = json_object();

    for (const cJSON *at = json_first(components); at; at = json_next(at))
        if (json_size(at) > 1 && json_get_string(at, "platform"))
            json_add_string(found, json_key(at), json_get_string(at, "platform"));
    return found;
}
