/* SPDX-License-Identifier: MIT */
/* images: the last picture of each camera on its MQTT topic: scaled down on a worker, the newest
 * wins when pictures come faster than they can be made small or sent. Loop thread only. */
#ifndef AGENT_IMAGES_H
#define AGENT_IMAGES_H

#include "agent/unit/unit.h"

struct images;

/* jpeg: NULL when the picture could not be made small enough. Valid during the call. */
typedef void (*image_ready_fn)(const struct unit_picture *picture, const char *unit,
                               const uint8_t *jpeg, size_t len, void *user);

struct images *images_new(struct loop *loop, image_ready_fn on_ready, void *user) MUST_CHECK;
/* Waits for nothing; a picture at work is dropped. NULL is fine. */
void images_free(struct images *images);

/* As the settings of its camera say. At most one in image_gap_s; what comes between is replaced by
 * what comes later. One without a preview (it could not be decoded) is not shown. */
void images_show(struct images *images, const struct camera_settings *settings, const char *unit,
                 const struct unit_picture *picture);

#endif
