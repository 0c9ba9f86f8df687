/* SPDX-License-Identifier: MIT */
/* driver: what a kind of camera implements. camera.c owns budget, retry, validation, freshness and
 * sharing; a driver only brings bytes with a time. Camera drivers include this, nobody else. */
#ifndef CAPTURE_CAMERA_DRIVER_H
#define CAPTURE_CAMERA_DRIVER_H

#include "capture/camera/camera.h"

struct camera_port; /* camera.c's side */

struct camera_driver {
    const char *kind;
    /* settings_check: see camera_settings_check(); NULL = nothing to check. */
    void (*check)(const struct camera_settings *settings, struct conf *conf, size_t index);
    /* Makes the driver's own state; connects nothing yet. */
    void *(*open)(struct camera_port *port, struct loop *loop, struct http *http,
                  const struct camera_settings *settings);
    void (*close)(void *driver);
    /* Streams: keep the device running (true) or let it go (false). NULL for stills. */
    void (*set_warm)(void *driver, bool warm);
    /* Bring one picture captured from now on: ends in camera_port_picture() or
     * camera_port_failed(), later. A stream that is warm and running needs not do anything. */
    void (*request)(void *driver);
    /* The request is wanted no more. NULL when there is nothing to stop. */
    void (*cancel)(void *driver);
};

/* The driver's answers. jpeg (ownership passes) is not validated yet. A stream may deliver at any
 * time; whether anybody wants a picture that starts now is camera_port_wants(), so that a stream
 * need not copy what nobody asked for. */
bool camera_port_wants(const struct camera_port *port, int64_t captured_at_mono_us);
void camera_port_picture(struct camera_port *port, uint8_t *jpeg, size_t len,
                         int64_t captured_at_mono_us);
void camera_port_failed(struct camera_port *port, const struct error *err);
/* Contact made or lost, without a picture (stream connected, connection cut). err NULL = made. */
void camera_port_contact(struct camera_port *port, const struct error *err);

extern const struct camera_driver camera_http_driver;
extern const struct camera_driver camera_mjpeg_driver;
extern const struct camera_driver camera_pattern_driver;

#endif
