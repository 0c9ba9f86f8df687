/* SPDX-License-Identifier: MIT */
/* trigger: what starts a frame. One file per kind; a unit has any combination.
 *
 * A trigger only says "now, because …"; whether a frame is taken is the unit's decision. */
#ifndef AGENT_TRIGGER_TRIGGER_H
#define AGENT_TRIGGER_TRIGGER_H

#include "agent/config.h"
#include "agent/printer/printer.h"

struct trigger_cause {
    const char *name;   /* "layer" … as in the events */
    int layer;          /* that it stands for; -1 = none in particular */
    int64_t at_mono_us; /* the picture must be captured after this */
};
typedef void (*trigger_fn)(const struct trigger_cause *cause, void *user);

struct trigger_driver {
    const char *name;
    unsigned bit; /* enum unit_trigger */
    /* settings is borrowed; a changed setting is met by a new trigger. */
    void *(*open)(struct loop *loop, const struct unit_settings *settings, trigger_fn on_trigger,
                  void *user);
    void (*close)(void *trigger);
    /* Frames begin (true) or are wanted no more; NULL: no matter. */
    void (*set_active)(void *trigger, bool active);
    void (*on_printer)(void *trigger, const struct printer_event *event); /* NULL: no matter */
    /* A message on settings->trigger_topic; NULL: no matter. */
    void (*on_message)(void *trigger, const char *payload, size_t len, int64_t at_mono_us);
};

extern const struct trigger_driver trigger_layer_driver;
extern const struct trigger_driver trigger_interval_driver;
extern const struct trigger_driver trigger_pause_driver;
extern const struct trigger_driver trigger_mqtt_driver;

/* All triggers that the settings ask for, as one. */
struct triggers;
struct triggers *triggers_open(struct loop *loop, const struct unit_settings *settings,
                               trigger_fn on_trigger, void *user) MUST_CHECK;
void triggers_close(struct triggers *triggers); /* NULL is fine */
void triggers_set_active(struct triggers *triggers, bool active);
void triggers_on_printer(struct triggers *triggers, const struct printer_event *event);
void triggers_on_message(struct triggers *triggers, const char *payload, size_t len,
                         int64_t at_mono_us);

#endif
