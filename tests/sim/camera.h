/* SPDX-License-Identifier: MIT */
/* camera: two views of the machine, as stills and as MJPEG streams.
 *
 * A picture is drawn and compressed only when somebody asks: a still at the moment of its request,
 * a stream's at the frame rate, once for all who watch. */
#ifndef SIM_CAMERA_H
#define SIM_CAMERA_H

#include "tests/sim/faults.h"
#include "tests/sim/http_server.h"
#include "tests/sim/sensor.h"

enum { CAMERA_VIEWS = 2 };

struct camera;

/* The machine, now. */
typedef void (*camera_look_fn)(struct scene *ret_scene, void *user);
/* A picture went out to a client; spoilt: by a fault, so that the marker may not be in it. */
typedef void (*camera_served_fn)(const struct marker *marker, bool stream, const char *spoilt,
                                 size_t bytes, void *user);

struct camera_config {
    struct sensor_config sensor;
    int fps;
    camera_look_fn look;
    camera_served_fn on_served;
    void *user;
};

struct camera *camera_new(uv_loop_t *loop, const struct camera_config *config,
                          struct faults *faults) MUST_CHECK;
/* Ends all streams. Before the server closes. NULL is fine. */
void camera_close(struct camera *camera);

bool camera_wants(const struct http_request *request);
/* Only what the camera wants. */
void camera_handle(struct camera *camera, struct http_exchange *exchange,
                   const struct http_request *request);

#endif
