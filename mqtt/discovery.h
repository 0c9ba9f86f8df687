/* SPDX-License-Identifier: MIT */
/* discovery: what Home Assistant is told about us, as JSON made from plain structs. Pure.
 *
 * Every entity is one row of the table in entities.c. In the device form (Home Assistant 2024.11 or
 * later) a device is one document at <prefix>/device/<agent>/<object>/config; in the component form
 * (older ones, openHAB) each of its components is a document of its own at
 * <prefix>/<platform>/<agent>/<object>-<component>/config. Both name the same entities, so a change
 * of form keeps their history. Topics and commands are those of the contract. */
#ifndef MQTT_DISCOVERY_H
#define MQTT_DISCOVERY_H

#include "agent/base/conf.h"
#include "agent/base/json.h"

/* --- settings --- */

enum discovery_form { DISCOVERY_DEVICE, DISCOVERY_COMPONENT, DISCOVERY_OFF };

struct discovery_settings {
    int mode; /* enum discovery_form */
    char *prefix;
    char *birth_topic; /* where Home Assistant says "online" */
    int64_t delay_s;   /* so long nothing may change before it is told */
};
extern const struct conf_table discovery_table; /* group "home_assistant" */
void discovery_settings_check(const struct discovery_settings *settings, struct conf *conf);

/* --- documents --- */

struct discovery_home { /* what all documents have in common; borrowed */
    const char *prefix; /* of Home Assistant */
    const char *topics; /* ours, before "/v1/" */
    const char *agent, *version;
};

enum discovery_kind {
    DISCOVERY_OF_AGENT,
    DISCOVERY_OF_UNIT,
    DISCOVERY_OF_PRINTER,
    DISCOVERY_OF_CAMERA,
};

struct discovery_device { /* borrowed; lists of texts end with NULL */
    enum discovery_kind kind;
    const char *id;    /* of the unit, printer or camera; NULL for the agent */
    const char *model; /* the kind of a printer or camera */
    bool has_printer;  /* a unit */
    /* What there is one entity for each of: the cameras of a unit, the heaters of a printer. A name
     * that could not be part of an id is left out. */
    const struct conf_strings *each;
    const char *const *states;         /* of a unit or printer */
    const char *const *events;         /* of the agent or a unit: every event_type */
    const char *const *triggers;       /* of a unit: what its trigger may be set to */
    const struct conf_table *settings; /* of a unit: the ranges of what can be set */
};

/* The document in the device form. earlier: the components that Home Assistant has seen last, with
 * their platforms (NULL: none); those that are no more are removed by it, so the next document may
 * leave them out. */
cJSON *discovery_document(const struct discovery_home *home, const struct discovery_device *device,
                          const cJSON *earlier) MUST_CHECK;
/* The components of such a document, with their platforms, but for those that it removes. */
cJSON *discovery_components(const cJSON *document) MUST_CHECK;
/* Its topic; the caller frees. */
char *discovery_topic(const struct discovery_home *home,
                      const struct discovery_device *device) MUST_CHECK;

/* Each retained topic of the device in this form, and what is to stand there. */
typedef void (*discovery_write_fn)(const char *topic, const cJSON *document, void *user);
void discovery_write(const struct discovery_home *home, const struct discovery_device *device,
                     enum discovery_form form, discovery_write_fn write, void *user);

/* --- topics that come back --- */

struct discovery_place {
    bool device_form;
    enum discovery_kind kind;
    char id[64];        /* "" for the agent */
    char component[64]; /* "" in the device form */
    char platform[32];
};
/* Takes a topic of this agent apart, in either form. -ENOENT: it is none of ours. */
int discovery_parse_topic(const struct discovery_home *home, const char *topic,
                          struct discovery_place *ret_place) MUST_CHECK;
/* What an agent subscribes to in order to see what the broker has of it; the caller frees. */
char *discovery_filter(const struct discovery_home *home, enum discovery_form form) MUST_CHECK;
/* The heater that a component of a printer shows the temperature of; NULL: it is another. */
const char *discovery_heater_of(const char *component);

#endif
