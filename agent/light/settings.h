/* SPDX-License-Identifier: MIT */
/* settings: what a user can say about a light. */
#ifndef AGENT_LIGHT_SETTINGS_H
#define AGENT_LIGHT_SETTINGS_H

#include "agent/base/conf.h"

struct light_settings {
    char *id;
    int kind;                   /* index into light_kinds */
    char *on, *off;             /* mqtt: payloads; gcode: lines */
    char *topic;                /* mqtt */
    int64_t qos;                /* 0, 1 */
    bool retain;                /* the broker keeps on and off */
    char *state_topic;          /* where the lamp says what it does; NULL = it does not */
    char *state_path;           /* JSON path in what it says; NULL = the whole payload */
    char *state_on, *state_off; /* what stands there; NULL = as on and off */
    char *printer;              /* gcode */
    struct conf_strings on_command, off_command; /* command: program and words */
    char *chip;                                  /* gpio: "/dev/gpiochip0" */
    int64_t line;
    bool active_low;
    int64_t settle_ms;  /* on, until the picture */
    int64_t timeout_ms; /* asked, until confirmed */
    int64_t linger_ms;  /* on after its last use */
};
extern const char *const light_kinds[];     /* in the order of the drivers, NULL-terminated */
extern const struct conf_table light_table; /* list "lights" */
/* What only the kind knows: adds conf problems for item index. */
void light_settings_check(const struct light_settings *settings, struct conf *conf, size_t index);

#endif
