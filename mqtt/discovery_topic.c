/* SPDX-License-Identifier: MIT */
/* discovery_topic: where the documents stand. The names of the four kinds of objects cannot be
 * taken for each other, whatever the ids are: they differ in the character behind "lapsed". */
#include "mqtt/discovery.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/entities.h"

#include <errno.h>
#include <string.h>

enum { OBJECT_SIZE = 160 };

/* Before the id. */
static const char *const objects[] = {
    [DISCOVERY_OF_AGENT] = "lapsed",
    [DISCOVERY_OF_UNIT] = "lapsed_",
    [DISCOVERY_OF_PRINTER] = "lapsed-printer_",
    [DISCOVERY_OF_CAMERA] = "lapsed-camera_",
};

char *discovery_topic(const struct discovery_home *home, const struct discovery_device *device)
{
    return xasprintf("%s/device/%s/%s%s/config", home->prefix, home->agent, objects[device->kind],
                     device->id ? device->id : "");
}

char *discovery_component_topic(const struct discovery_home *home,
                                const struct discovery_device *device, const char *platform,
                                const char *component)
{
    return xasprintf("%s/%s/%s/%s%s-%s/config", home->prefix, platform, home->agent,
                     objects[device->kind], device->id ? device->id : "", component);
}

struct part {
    const char *text;
    size_t len;
};

/* Cuts the next level off; false: there is none. */
static bool next_level(const char **at, struct part *ret_level)
{
    if (!*at)
        return false;
    *ret_level = (struct part){.text = *at, .len = strcspn(*at, "/")};
    *at += ret_level->len;
    *at = **at ? *at + 1 : NULL;
    return true;
}

static bool part_is(const struct part *part, const char *text)
{
    return part->len == strlen(text) && memcmp(part->text, text, part->len) == 0;
}

static bool copy_part(const char *text, size_t len, char *ret, size_t size)
{
    if (len >= size)
        return false;
    memcpy(ret, text, len);
    ret[len] = '\0';
    return true;
}

/* The object of a topic: "lapsed_mk4", or "lapsed_mk4-frames". */
static bool parse_object(char *object, struct discovery_place *place)
{
    char *dash = place->device_form ? NULL : strrchr(object, '-');

    if (dash) {
        *dash = '\0';
        if (!copy_part(dash + 1, strlen(dash + 1), place->component, sizeof(place->component)))
            return false;
    }
    if (!place->device_form && !place->component[0])
        return false;
    for (int kind = DISCOVERY_OF_CAMERA; kind >= DISCOVERY_OF_AGENT; kind--) {
        const char *start = objects[kind];
        const char *id = object + strlen(start);

        if (!str_starts_with(object, start))
            continue;
        place->kind = (enum discovery_kind)kind;
        if (kind == DISCOVERY_OF_AGENT)
            return id[0] == '\0';
        return str_is_id(id) && copy_part(id, strlen(id), place->id, sizeof(place->id));
    }
    return false;
}

int discovery_parse_topic(const struct discovery_home *home, const char *topic,
                          struct discovery_place *ret_place)
{
    struct part platform, node, object, leaf;
    size_t len = strlen(home->prefix);
    struct discovery_place place = {0};
    char name[OBJECT_SIZE];
    const char *at;

    if (!str_starts_with(topic, home->prefix) || topic[len] != '/')
        return -ENOENT;
    at = topic + len + 1;
    if (!next_level(&at, &platform) || !next_level(&at, &node) || !next_level(&at, &object) ||
        !next_level(&at, &leaf) || at)
        return -ENOENT;
    place.device_form = part_is(&platform, "device");
    if (!part_is(&node, home->agent) || !part_is(&leaf, "config") ||
        !copy_part(platform.text, platform.len, place.platform, sizeof(place.platform)) ||
        !copy_part(object.text, object.len, name, sizeof(name)) || !parse_object(name, &place))
        return -ENOENT;
    *ret_place = place;
    return 0;
}

char *discovery_filter(const struct discovery_home *home, enum discovery_form form)
{
    return xasprintf("%s/%s/%s/+/config", home->prefix, form == DISCOVERY_DEVICE ? "device" : "+",
                     home->agent);
}

const char *discovery_heater_of(const char *component)
{
    static const char start[] = "temperature_";

    return str_starts_with(component, start) ? component + sizeof(start) - 1 : NULL;
}
