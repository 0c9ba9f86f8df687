/* SPDX-License-Identifier: MIT */
#include "tests/mqtt/discovery_check.h"

#include "agent/base/buf.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/topic.h"
#include "tests/mqtt/discovery_rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_MAX_BYTES = 1 << 20, PATH_MAX_BYTES = 128 };

/* An entity or a device trigger; all that it has, inherited keys too. */
struct seen {
    struct list link;
    cJSON *component;
    char *key;
};

struct said {
    struct list link;
    char *topic;
    cJSON *json; /* NULL: it is none */
    bool retained;
};

struct discovery_check {
    struct list entities, said;
    size_t entity_count;
    struct buf faults;
    char *where; /* the document and component that is looked at */
};

static const struct json_limits limits = {64 * 1024, 16};

/* --- faults --- */

static PRINTF_LIKE(2, 3) void fault(struct discovery_check *check, const char *fmt, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    if (buf_printf(&check->faults, "%s: %s\n", check->where ? check->where : "", text) < 0)
        abort();
}

static void check_keys(struct discovery_check *check, const cJSON *json, const char *what,
                       const char *allowed, const char *more)
{
    for (const cJSON *at = json_first(json); at; at = json_next(at))
        if (!rule_has(allowed, json_key(at)) && !rule_has(more, json_key(at)))
            fault(check, "unknown key '%s' in %s", json_key(at), what);
}

static bool one_of_them(const cJSON *json, const char *alternatives)
{
    CLEANUP(free_p) char *copy = xstrdup(alternatives);

    for (char *at = copy, *key; (key = strsep(&at, "|"));)
        if (json_get(json, key))
            return true;
    return false;
}

static void check_required(struct discovery_check *check, const cJSON *json, const char *required)
{
    CLEANUP(free_p) char *copy = xstrdup(required);

    for (char *at = copy, *key; (key = strsep(&at, " "));)
        if (*key && !one_of_them(json, key))
            fault(check, "'%s' is required", key);
}

/* --- device, origin, availability --- */

static void check_device(struct discovery_check *check, const cJSON *device)
{
    if (!json_is_object(device)) {
        fault(check, "'device' is required");
        return;
    }
    check_keys(check, device, "device", rule_device_keys, "");
    if (json_size(json_get(device, "identifiers")) + json_size(json_get(device, "connections")) ==
        0)
        fault(check, "device: identifiers or connections are required");
    if (str_equal(json_get_string(device, "via_device"), json_get_string(device, "identifiers[0]")))
        fault(check, "device: via_device is the device itself");
}

static void check_origin(struct discovery_check *check, const cJSON *origin)
{
    if (!json_get_string(origin, "name"))
        fault(check, "origin.name is required");
    check_keys(check, origin, "origin", rule_origin_keys, "");
}

static void check_availability(struct discovery_check *check, const cJSON *json)
{
    const cJSON *list = json_get(json, "availability");
    const char *mode = json_get_string(json, "availability_mode");

    if (list && json_get(json, "availability_topic"))
        fault(check, "availability and availability_topic exclude each other");
    if (list && !json_is_array(list))
        fault(check, "availability is no list");
    for (const cJSON *at = json_first(list); at; at = json_next(at)) {
        if (!json_get_string(at, "topic"))
            fault(check, "availability: topic is required");
        check_keys(check, at, "availability",
                   "topic value_template payload_available payload_not_available", "");
    }
    if (mode && !rule_has("all any latest", mode))
        fault(check, "availability_mode '%s'", mode);
}

/* --- one component --- */

static const struct platform_rule *find_platform(const char *name)
{
    for (size_t i = 0; name && i < platform_rule_count; i++)
        if (str_equal(platform_rules[i].name, name))
            return &platform_rules[i];
    return NULL;
}

static void check_topics(struct discovery_check *check, const cJSON *json)
{
    static const char *const keys[] = {"state_topic", "command_topic",         "topic",
                                       "image_topic", "json_attributes_topic", "url_topic"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *topic = json_get_string(json, keys[i]);

        if (topic && !topic_publishable(topic))
            fault(check, "%s '%s' cannot be published to", keys[i], topic);
    }
}

static bool is_slug(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text);
}

static void check_identity(struct discovery_check *check, const cJSON *json, const char *platform)
{
    const char *id = json_get_string(json, "unique_id");
    const char *entity_id = json_get_string(json, "default_entity_id");
    struct seen *seen;

    if (!id || !*id)
        fault(check, "unique_id is required");
    if (json_get(json, "object_id"))
        fault(check, "object_id is gone since 2026.4");
    if (entity_id && (!str_starts_with(entity_id, platform) || entity_id[strlen(platform)] != '.' ||
                      !is_slug(entity_id + strlen(platform) + 1)))
        fault(check, "default_entity_id '%s' is not %s.<name>", entity_id, platform);
    LIST_FOR_EACH(&check->entities, seen, struct seen, link)
    {
        if (id && str_equal(json_get_string(seen->component, "unique_id"), id))
            fault(check, "unique_id '%s' is taken", id);
        if (entity_id &&
            str_equal(json_get_string(seen->component, "default_entity_id"), entity_id))
            fault(check, "default_entity_id '%s' is taken", entity_id);
    }
}

static void check_name(struct discovery_check *check, const cJSON *json)
{
    const char *name = json_get_string(json, "name");
    const char *device = json_get_string(json, "device.name");

    if (!name || !*name)
        fault(check, "no name");
    else if (device && strncasecmp(name, device, strlen(device)) == 0)
        fault(check, "name '%s' begins with the name of the device", name);
}

static void check_common(struct discovery_check *check, const cJSON *json, const char *platform)
{
    const char *category = json_get_string(json, "entity_category");
    const char *icon = json_get_string(json, "icon");
    int64_t qos;

    if (category && !rule_has("config diagnostic", category))
        fault(check, "entity_category '%s'", category);
    if (str_equal(category, "config") && rule_has("sensor binary_sensor", platform))
        fault(check, "a %s cannot have the category config", platform);
    if (icon && !str_starts_with(icon, "mdi:"))
        fault(check, "icon '%s' is not mdi:…", icon);
    if (json_get(json, "qos") && (!json_get_int(json, "qos", &qos) || qos < 0 || qos > 2))
        fault(check, "qos is not 0, 1 or 2");
    if (json_get(json, "enabled_by_default") && !json_is_bool(json_get(json, "enabled_by_default")))
        fault(check, "enabled_by_default is neither true nor false");
}

/* What was retained is done again by every new subscription. */
static void check_command(struct discovery_check *check, const cJSON *json)
{
    bool retain = false;

    if (json_get_bool(json, "retain", &retain) && retain)
        fault(check, "commands must not be retained");
}

static void check_options(struct discovery_check *check, const cJSON *json)
{
    const cJSON *options = json_get(json, "options");

    if (!options)
        return;
    if (!json_is_array(options) || json_size(options) == 0)
        fault(check, "options are empty");
    for (const cJSON *a = json_first(options); a; a = json_next(a)) {
        if (!json_string(a))
            fault(check, "an option is no text");
        for (const cJSON *b = json_next(a); b; b = json_next(b))
            if (str_equal(json_string(a), json_string(b)))
                fault(check, "option '%s' is there twice", json_string(a));
    }
}

static void check_unit(struct discovery_check *check, const cJSON *json, const char *class)
{
    const char *unit = json_get_string(json, "unit_of_measurement");

    for (size_t i = 0; class && i < class_rule_count; i++) {
        const struct class_rule *rule = &class_rules[i];

        if (!str_equal(rule->name, class))
            continue;
        if (!*rule->units && (unit || json_get(json, "state_class")))
            fault(check, "device_class %s takes neither unit nor state_class", class);
        if (*rule->units && (!unit || !rule_has(rule->units, unit)))
            fault(check, "unit '%s' does not belong to device_class %s", unit ? unit : "", class);
    }
}

static void check_class(struct discovery_check *check, const cJSON *json,
                        const struct platform_rule *rule)
{
    const char *class = json_get_string(json, "device_class");
    const char *state_class = json_get_string(json, "state_class");
    bool is_enum = str_equal(class, "enum");

    if (class && !rule_has(rule->classes, class))
        fault(check, "a %s has no device_class '%s'", rule->name, class);
    if (state_class && !rule_has("measurement total total_increasing", state_class))
        fault(check, "state_class '%s'", state_class);
    check_unit(check, json, class);
    if (!str_equal(rule->name, "sensor"))
        return;
    if (json_get(json, "options") && !is_enum)
        fault(check, "options are for device_class enum only");
    if (is_enum && !json_get(json, "options"))
        fault(check, "device_class enum needs options");
    if (json_get(json, "last_reset_value_template") && !str_equal(state_class, "total"))
        fault(check, "last_reset_value_template is for state_class total only");
}

static void check_number(struct discovery_check *check, const cJSON *json)
{
    double min = 1, max = 100, step = 1;
    const char *mode = json_get_string(json, "mode");

    (void)json_get_number(json, "min", &min);
    (void)json_get_number(json, "max", &max);
    (void)json_get_number(json, "step", &step);
    if (max <= min)
        fault(check, "max is not above min");
    if (step < 0.001)
        fault(check, "step is below 0.001");
    if (mode && !rule_has("auto box slider", mode))
        fault(check, "mode '%s'", mode);
}

static void check_special(struct discovery_check *check, const cJSON *json, const char *platform)
{
    if (str_equal(platform, "number"))
        check_number(check, json);
    if (str_equal(platform, "event") && json_size(json_get(json, "event_types")) == 0)
        fault(check, "event_types are empty");
    if (str_equal(platform, "image") && json_get(json, "image_topic") &&
        json_get(json, "url_topic"))
        fault(check, "image_topic and url_topic exclude each other");
    if (str_equal(platform, "image") && json_get(json, "content_type") &&
        !json_get(json, "image_topic"))
        fault(check, "content_type is for image_topic only");
    if (str_equal(platform, "device_automation") &&
        !str_equal(json_get_string(json, "automation_type"), "trigger"))
        fault(check, "automation_type is not trigger");
    if (json_get(json, "state_topic") == NULL && rule_has("switch number select", platform))
        fault(check, "without state_topic it is only a guess");
}

static void remember(struct discovery_check *check, const char *key, cJSON *component)
{
    struct seen *seen = xcalloc(1, sizeof(*seen));

    seen->component = component;
    seen->key = xstrdup(key);
    list_append(&check->entities, &seen->link);
    check->entity_count++;
}

static void check_own_keys(struct discovery_check *check, const cJSON *own,
                           const struct platform_rule *rule)
{
    CLEANUP(free_p) char *allowed = xasprintf("%s %s", rule->required, rule->allowed);

    for (char *at = allowed; (at = strchr(at, '|'));)
        *at = ' ';
    check_keys(check, own, rule->name, rule_common_keys, allowed);
}

/* Takes component over; own: as the document has it, without what it inherits. */
static void check_component(struct discovery_check *check, const char *key, const cJSON *own,
                            cJSON *component)
{
    const char *platform = json_get_string(component, "platform");
    const struct platform_rule *rule = find_platform(platform);

    if (!rule) {
        fault(check, "platform '%s'", platform ? platform : "");
        json_free(component);
        return;
    }
    check_own_keys(check, own, rule);
    check_required(check, component, rule->required);
    check_topics(check, component);
    check_availability(check, component);
    check_common(check, component, platform);
    if (!str_equal(platform, "device_automation")) {
        check_identity(check, component, platform);
        check_name(check, component);
    }
    check_command(check, component);
    check_options(check, component);
    check_class(check, component, rule);
    check_special(check, component, platform);
    remember(check, key, component);
}

/* --- a document --- */

static void set_where(struct discovery_check *check, const char *topic, const char *key)
{
    free(check->where);
    check->where = key ? xasprintf("%s %s", topic, key) : xstrdup(topic);
}

static const char *const inherited[] = {"availability",
                                        "availability_mode",
                                        "availability_topic",
                                        "availability_template",
                                        "payload_not_available",
                                        "payload_available",
                                        "state_topic",
                                        "command_topic",
                                        "device",
                                        "origin"};

static cJSON *inherit(const cJSON *own, const cJSON *document)
{
    cJSON *component = json_copy(own);

    for (size_t i = 0; i < ARRAY_LEN(inherited); i++)
        if (!json_get(component, inherited[i]) && json_get(document, inherited[i]))
            json_add(component, inherited[i], json_copy(json_get(document, inherited[i])));
    return component;
}

static void check_device_form(struct discovery_check *check, const char *topic,
                              const cJSON *document)
{
    const cJSON *components = json_get(document, "components");

    check_keys(check, document, "the document", rule_root_keys, "");
    check_origin(check, json_get(document, "origin"));
    if (!json_is_object(components) || json_size(components) == 0)
        fault(check, "'components' are required");
    for (const cJSON *at = json_first(components); at; at = json_next(at)) {
        set_where(check, topic, json_key(at));
        if (json_size(at) == 1 && json_get_string(at, "platform"))
            continue; /* it is removed */
        check_component(check, json_key(at), at, inherit(at, document));
    }
}

static void check_component_form(struct discovery_check *check, const char *platform,
                                 const cJSON *document)
{
    cJSON *component = json_copy(document);

    if (json_get(component, "platform"))
        fault(check, "platform is in the topic here");
    else
        json_add_string(component, "platform", platform);
    if (json_get(document, "origin"))
        check_origin(check, json_get(document, "origin"));
    check_component(check, "", document, component);
}

/* Levels between the prefix and "config". */
static bool cut_topic(char *topic, char *ret_levels[3])
{
    char *config = strrchr(topic, '/');

    if (!config || !str_equal(config, "/config"))
        return false;
    *config = '\0';
    for (int i = 2; i >= 0; i--) {
        char *slash = strrchr(topic, '/');

        if (!slash)
            return false;
        *slash = '\0';
        ret_levels[i] = slash + 1;
    }
    return true;
}

static bool is_topic_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    return *text && strspn(text, allowed) == strlen(text);
}

void check_document(struct discovery_check *check, const char *topic, const char *text)
{
    CLEANUP(free_p) char *copy = xstrdup(topic);
    CLEANUP(json_free_p) cJSON *document = NULL;
    char *levels[3] = {NULL};
    struct error err = {0};

    set_where(check, topic, NULL);
    if (!cut_topic(copy, levels) || !is_topic_name(levels[1]) || !is_topic_name(levels[2])) {
        fault(check, "this is no discovery topic");
        return;
    }
    if (json_parse(text, strlen(text), &limits, &document, &err) < 0 || !json_is_object(document)) {
        fault(check, "no JSON object: %s", err.text);
        return;
    }
    check_device(check, json_get(document, "device"));
    check_availability(check, document);
    if (str_equal(levels[0], "device"))
        check_device_form(check, topic, document);
    else
        check_component_form(check, levels[0], document);
}

/* --- templates --- */

static struct said *find_said(const struct discovery_check *check, const char *topic)
{
    struct said *said;

    LIST_FOR_EACH(&check->said, said, struct said, link)
    {
        if (str_equal(said->topic, topic))
            return said;
    }
    return NULL;
}

/* The parents of a path may be null in one document, for which the template has its "if"; in some
 * document the whole path is there. */
static bool path_was_said(const struct discovery_check *check, const char *topic, const char *path)
{
    struct said *said;

    LIST_FOR_EACH(&check->said, said, struct said, link)
    {
        if (str_equal(said->topic, topic) && json_get(said->json, path))
            return true;
    }
    return false;
}

static size_t path_length(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_' ||
           (text[len] == '.' && (islower((unsigned char)text[len + 1]))))
        len++;
    return len;
}

static void check_template(struct discovery_check *check, const char *topic, const char *template)
{
    static const char start[] = "value_json.";
    const char *at = template;

    if (!strstr(template, "{{") || !strstr(template, "}}"))
        fault(check, "'%s' is no template", template);
    while ((at = strstr(at, start))) {
        size_t len;
        char path[PATH_MAX_BYTES];

        at += sizeof(start) - 1;
        len = path_length(at);
        if (len == 0 || len >= sizeof(path)) {
            fault(check, "'%s' names no key", template);
            return;
        }
        memcpy(path, at, len);
        path[len] = '\0';
        if (!path_was_said(check, topic, path))
            fault(check, "nobody said '%s' on %s", path, topic);
    }
}

static bool is_silent(const char *topic, const char *const *silent)
{
    for (; silent && *silent; silent++)
        if (topic_matches(*silent, topic))
            return true;
    return false;
}

static void check_listens(struct discovery_check *check, const char *topic, const char *template,
                          const char *const *silent)
{
    if (!topic || is_silent(topic, silent))
        return;
    if (!find_said(check, topic))
        fault(check, "nobody spoke on %s", topic);
    else if (template)
        check_template(check, topic, template);
}

static const char *source_of(const cJSON *component)
{
    static const char *const keys[] = {"topic", "image_topic", "state_topic"};

    if (str_equal(json_get_string(component, "platform"), "button"))
        return NULL; /* it inherits a state_topic and does not look at it */
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_get_string(component, keys[i]))
            return json_get_string(component, keys[i]);
    return NULL;
}

static void check_one_listener(struct discovery_check *check, const cJSON *component,
                               const char *const *silent)
{
    const cJSON *availability = json_get(component, "availability");

    check_listens(check, source_of(component), json_get_string(component, "value_template"),
                  silent);
    check_listens(check, json_get_string(component, "json_attributes_topic"),
                  json_get_string(component, "json_attributes_template"), silent);
    for (const cJSON *at = json_first(availability); at; at = json_next(at))
        check_listens(check, json_get_string(at, "topic"), json_get_string(at, "value_template"),
                      silent);
}

/* Home Assistant drops an event that is retained. */
static void check_event(struct discovery_check *check, const char *topic)
{
    struct said *said;

    LIST_FOR_EACH(&check->said, said, struct said, link)
    {
        if (said->retained && str_equal(said->topic, topic))
            fault(check, "an event was retained on %s", topic);
    }
}

void check_templates(struct discovery_check *check, const char *const *silent)
{
    struct seen *seen;

    LIST_FOR_EACH(&check->entities, seen, struct seen, link)
    {
        const char *platform = json_get_string(seen->component, "platform");

        set_where(check, platform, seen->key);
        check_one_listener(check, seen->component, silent);
        if (str_equal(platform, "event"))
            check_event(check, json_get_string(seen->component, "state_topic"));
    }
}

/* --- what was said --- */

void check_said(struct discovery_check *check, const char *topic, const char *text, bool retained)
{
    struct said *said = xcalloc(1, sizeof(*said));
    struct error err;

    said->topic = xstrdup(topic);
    said->retained = retained;
    if (json_parse(text, strlen(text), &limits, &said->json, &err) < 0)
        said->json = NULL;
    list_append(&check->said, &said->link);
}

const char *check_faults(struct discovery_check *check)
{
    return buf_text(&check->faults);
}

size_t check_entity_count(const struct discovery_check *check)
{
    return check->entity_count;
}

const cJSON *check_find_entity(const struct discovery_check *check, const char *entity_id)
{
    struct seen *seen;

    LIST_FOR_EACH(&check->entities, seen, struct seen, link)
    {
        if (str_equal(json_get_string(seen->component, "default_entity_id"), entity_id))
            return seen->component;
    }
    return NULL;
}

bool check_has_entity(const struct discovery_check *check, const char *entity_id)
{
    return check_find_entity(check, entity_id) != NULL;
}

/* --- birth and death --- */

struct discovery_check *check_new(void)
{
    struct discovery_check *check = xcalloc(1, sizeof(*check));

    list_init(&check->entities);
    list_init(&check->said);
    buf_init(&check->faults, FAULTS_MAX_BYTES);
    return check;
}

void check_free(struct discovery_check *check)
{
    struct seen *seen;
    struct said *said;

    if (!check)
        return;
    LIST_FOR_EACH(&check->entities, seen, struct seen, link)
    {
        list_remove(&seen->link);
        json_free(seen->component);
        free(seen->key);
        free(seen);
    }
    LIST_FOR_EACH(&check->said, said, struct said, link)
    {
        list_remove(&said->link);
        json_free(said->json);
        free(said->topic);
        free(said);
    }
    buf_done(&check->faults);
    free(check->where);
    free(check);
}
