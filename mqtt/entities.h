/* SPDX-License-Identifier: MIT */
/* entities: the one table of what Home Assistant shows. A row is a sensor, button, switch …; to add
 * an entity is to add a row. For the files of discovery only.
 *
 * '@' in a key, name or template stands for the camera or heater of a row with ENTITY_EACH; for the
 * first camera of a unit, which most have alone, the '@' of key and name goes away with what joins
 * it. Templates may name only keys that a status document always has (a test looks). */
#ifndef MQTT_ENTITIES_H
#define MQTT_ENTITIES_H

#include "mqtt/discovery.h"

/* The topic that the state comes from. */
enum entity_source {
    FROM_STATUS, /* the status topic of the device, which all components inherit */
    FROM_NOTHING,
    FROM_AVAILABILITY,
    FROM_INFO,
    FROM_EVENT,
    FROM_VIDEO,
    FROM_IMAGE,
    FROM_IMAGE_META,
};

enum entity_flags {
    ENTITY_EACH = 1 << 0,       /* one for each camera or heater */
    ENTITY_PRINTER = 1 << 1,    /* only of a unit with a printer */
    ENTITY_CONFIG = 1 << 2,     /* category */
    ENTITY_DIAGNOSTIC = 1 << 3, /* category */
    ENTITY_HIDDEN = 1 << 4,     /* there, but to be enabled by hand */
    ENTITY_STATES = 1 << 5,     /* its options are the states of the device */
    ENTITY_ERROR = 1 << 6,      /* the error of the status is its attribute */
    ENTITY_DATA = 1 << 7,       /* every key of its topic is an attribute */
};

struct entity {
    enum discovery_kind of;
    const char *key; /* in unique_id: never changed */
    const char *platform;
    const char *name; /* makes the entity_id: changed with care */
    enum entity_source from;
    const char *value;   /* the template */
    const char *command; /* a verb: cmd/<command> */
    const char *setting; /* a key: set/<setting> */
    const char *device_class, *unit, *state_class, *icon;
    double step; /* of a number */
    unsigned flags;
};
extern const struct entity entities[];
extern const size_t entity_count;

/* Where a component stands in the component form; the caller frees. */
char *discovery_component_topic(const struct discovery_home *home,
                                const struct discovery_device *device, const char *platform,
                                const char *component) MUST_CHECK;

#endif
