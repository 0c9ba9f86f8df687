/* SPDX-License-Identifier: MIT */
/* driver: what a kind of light implements: on and off. light.c owns users, waiting, retries and the
 * note on disk. Light drivers include this, nobody else. */
#ifndef AGENT_LIGHT_DRIVER_H
#define AGENT_LIGHT_DRIVER_H

#include "agent/light/light.h"

struct light_port; /* light.c's side */

struct light_driver {
    const char *kind;
    const char *const *keys; /* its settings beyond those of every kind, NULL-terminated */
    /* What only the kind knows ("topic is required"): adds conf problems for item index. */
    void (*check)(const struct light_settings *settings, struct conf *conf, size_t index);
    void *(*open)(struct light_port *port, const struct light_rooms *rooms,
                  const struct light_settings *settings);
    void (*close)(void *driver);
    /* 1: it is done. 0: light_port_answer() comes once, later, unless set() is called again.
     * Negative: it cannot be done now. */
    int (*set)(void *driver, bool on, struct error *err);
    /* Whether light_port_seen() tells what the lamp did; then the answer does not confirm. NULL:
     * no. */
    bool (*reports)(const struct light_settings *settings);
    /* A message of any topic. NULL: no matter. */
    void (*on_message)(void *driver, const struct mqtt_message *message);
    void (*on_broker)(void *driver); /* it is back; NULL: no matter */
    /* Something about any printer changed. NULL: no matter. */
    void (*on_printer)(void *driver, const struct printer *printer);
};

const struct light_driver *light_driver_of(int kind);

/* result 0, or -errno with err. */
void light_port_answer(struct light_port *port, int result, const struct error *err);
/* The lamp itself says so, asked or not. */
void light_port_seen(struct light_port *port, bool on);

/* What failed may be tried again now. */
void light_port_reachable(struct light_port *port);

extern const struct light_driver light_mqtt_driver;
extern const struct light_driver light_gcode_driver;
extern const struct light_driver light_command_driver;
extern const struct light_driver light_gpio_driver;

#endif
