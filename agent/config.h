/* SPDX-License-Identifier: MIT */
/* config: the whole configuration of an agent: the tables of all rooms put together, and the checks
 * that need more than one setting. Constant after load, but for what set/<key> may change. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/base/conf.h"
#include "agent/light/settings.h"
#include "agent/printer/printer.h"
#include "capture/camera/camera.h"
#include "encode/queue.h"
#include "encode/video.h"
#include "mqtt/client.h"
#include "mqtt/discovery.h"

struct agent_settings {
    char *id;                        /* default: the host name, made an id */
    char *data_dir;                  /* journal and lock */
    char *media_dir;                 /* frames and videos; default <data_dir>/media */
    double reserve_mb;               /* disk space that capture leaves free */
    int log_level;                   /* enum log_level */
    char *throttled_file;            /* NULL: power.h */
    bool trust_clock;                /* though no time server is seen */
    struct conf_strings groups;      /* it also answers to _group/<one of them> */
    struct conf_strings fleet_verbs; /* methods that may be asked of many; empty = the default */
    int64_t max_runtime_units;       /* units made by a start command, at most */
    bool allow_addresses;            /* such a unit may name a printer and cameras by address */
};
extern const struct conf_table agent_table; /* group "agent" */

/* What starts a frame; any combination. */
enum unit_trigger {
    UNIT_TRIGGER_LAYER = 1 << 0,
    UNIT_TRIGGER_INTERVAL = 1 << 1,
    UNIT_TRIGGER_PAUSE = 1 << 2,
    UNIT_TRIGGER_MQTT = 1 << 3,
    UNIT_TRIGGER_COMMAND = 1 << 4, /* nothing but the snapshot command */
};
extern const char *const unit_triggers[]; /* the words, in the order of the bits */

struct unit_settings {
    char *id;
    char *printer; /* NULL: a fixed camera, no printer */
    struct conf_strings cameras;

    unsigned trigger; /* enum unit_trigger */
    int64_t every_nth_layer;
    double interval_s;
    char *trigger_topic; /* trigger "mqtt" */

    bool standby;  /* wait for "start" */
    bool dontwait; /* do not wait for a print */
    bool restart;  /* after a print be ready for the next */

    bool pause; /* pause the printer for each frame */
    bool park;  /* move the head to park_x_mm, park_y_mm first */
    double park_x_mm, park_y_mm;
    double park_feed_mm_min;
    double rest_s; /* after the head stands */
    int64_t pause_from_layer;

    bool keep_files;    /* keep the frames of discarded sessions too */
    bool delete_frames; /* delete frames once they are in the video */
    bool keep_exif;     /* frames keep what the camera wrote into them */
    bool last_frame;    /* one more frame before the final video */

    struct video_settings video;
};

struct config {
    char *file;
    struct agent_settings agent;
    struct mqtt_settings mqtt;
    struct discovery_settings discovery; /* group "home_assistant" */
    struct encode_settings encode;
    struct printer_settings *printers;
    size_t printer_count;
    struct camera_settings *cameras;
    size_t camera_count;
    struct light_settings *lights;
    size_t light_count;
    struct unit_settings *units;
    size_t unit_count;
    struct conf_field *unit_fields; /* the unit's own rows and those of its video */
    struct conf_table unit_table;
};

/* Reads the file. NULL when there are problems: each is written to problems, one line each, as
 * "file:line: message". The caller owns the result (config_free). */
struct config *config_load(const char *file, FILE *problems) MUST_CHECK;
void config_free(struct config *config);

/* No file: only its tables, for the manual and the completion. Free with config_free(). */
struct config *config_blank(void) MUST_CHECK;
/* Every group and list of the file, in its order; ends with a NULL table. They live as long as
 * config. */
struct config_room {
    const struct conf_table *table;
    bool list;
};
enum { CONFIG_ROOM_MAX = 16 };
void config_rooms(const struct config *config, struct config_room ret_rooms[CONFIG_ROOM_MAX]);

/* The effective configuration, as a file that would give the same. */
void config_print(const struct config *config, FILE *out);

/* Changes one setting of a unit from bare text (set/<key>); checked as a whole, nothing is changed
 * when it would contradict another. Errors as conf_set_text(). */
int config_set_unit(const struct config *config, struct unit_settings *unit, const char *key,
                    const char *text, struct error *err) MUST_CHECK;

/* Takes over from fresh what may change at run time (CONF_RELOAD); unit is untouched when that
 * would contradict what stays. */
int config_merge_unit(const struct config *config, struct unit_settings *unit,
                      const struct unit_settings *fresh, struct error *err) MUST_CHECK;
/* A rule about several settings of one unit that does not hold. */
struct config_contradiction {
    const char *key, *text;
};
/* The nth of those in unit; false: there are not so many. */
bool config_contradiction(const struct unit_settings *unit, size_t nth,
                          struct config_contradiction *ret);

/* NULL: none of this id. */
const struct printer_settings *config_find_printer(const struct config *config, const char *id);
const struct camera_settings *config_find_camera(const struct config *config, const char *id);
const struct light_settings *config_find_light(const struct config *config, const char *id);
struct unit_settings *config_find_unit(const struct config *config, const char *id);

#endif
