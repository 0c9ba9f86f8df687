/* SPDX-License-Identifier: MIT */
/* driver: what a kind of camera implements. camera.c owns budget, retry, validation, freshness and
 * sharing; a driver only brings bytes with a time. Camera drivers include this, nobody else. */
#ifndef CAPTURE_CAMERA_DRIVER_H
#define CAPTURE_CAMERA_DRIVER_H

#include "capture/camera/camera.h"

struct camera_port; /* camera.c's side */

struct camera_driver {
    const char *kind;
    /* Its settings beyond those that every kind has, NULL-terminated; NULL = none. Those of other
     * kinds are refused. */
    const char *const *keys;
    /* Whether the device brings its pictures turned and mirrored as these settings say; NULL =
     * never. What it does not do is done to them here. */
    bool (*turns)(const struct camera_settings *settings);
    /* settings_check: see camera_settings_check(); NULL = nothing to check. */
    void (*check)(const struct camera_settings *settings, struct conf *conf, size_t index);
    /* Makes the driver's own state; connects nothing yet. settings->timeout_ms and latency_ms may
     * change while it lives. */
    void *(*open)(struct camera_port *port, struct loop *loop, struct http *http,
                  const struct camera_settings *settings);
    void (*close)(void *driver);
    /* Streams: keep the device running (true) or let it go (false). NULL for stills. */
    void (*set_warm)(void *driver, bool warm);
    /* Bring one picture captured from now on: ends in camera_port_picture() or
     * camera_port_failed(). A stream that is running needs not do anything; it goes on bringing
     * what camera_port_wants() until cancel(), also when it is not warm. */
    void (*request)(void *driver);
    /* No picture is wanted any more; comes after each last request, answered or not. */
    void (*cancel)(void *driver);
    /* Who has the camera when, to run gphoto2 between the shots. NULL: not such a camera. */
    struct gphoto2_device *(*gphoto2)(void *driver);
};

const struct camera_driver *camera_driver_of(int kind);

/* The driver's answers, at any time, also from inside its functions (camera.c acts on them later).
 * jpeg (ownership passes) is not validated yet. captured_at: the earliest moment that the bytes let
 * the driver think of; camera.c subtracts latency_ms. Whether anybody wants a picture of that
 * moment is camera_port_wants(), so that a stream need not copy what nobody asked for. */
bool camera_port_wants(const struct camera_port *port, int64_t captured_at_mono_us);
void camera_port_picture(struct camera_port *port, uint8_t *jpeg, size_t len,
                         int64_t captured_at_mono_us);
/* The same with the RAW that is here or may still come (ref'd meanwhile); NULL: none. */
void camera_port_picture_and_raw(struct camera_port *port, uint8_t *jpeg, size_t len,
                                 int64_t captured_at_mono_us, struct raw *raw);
/* The request failed; err is without the camera's name. -EACCES, -EPROTOTYPE (the url is of
 * another kind, or the device is not what the settings say), -ENOPKG (no such program) and -EINVAL
 * (a setting that the camera cannot take) are final: asking again does not help, and may lock the
 * account. */
void camera_port_failed(struct camera_port *port, const struct error *err);
/* Contact made or lost, without a picture (stream connected, connection cut). err NULL = made. */
void camera_port_contact(struct camera_port *port, const struct error *err);

extern const struct camera_driver camera_command_driver;
extern const struct camera_driver camera_gphoto2_driver;
extern const struct camera_driver camera_http_driver;
extern const struct camera_driver camera_mjpeg_driver;
extern const struct camera_driver camera_pattern_driver;
extern const struct camera_driver camera_rpicam_driver;
extern const struct camera_driver camera_stream_driver;
extern const struct camera_driver camera_v4l2_driver;

/* Of the setting awb. */
extern const char *const rpicam_awb_choices[];
/* Of the setting format. */
extern const char *const v4l2_format_choices[];
/* Of the setting decode. */
extern const char *const stream_decode_choices[];

#endif
