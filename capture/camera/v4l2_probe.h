/* SPDX-License-Identifier: MIT */
/* v4l2_probe: the cameras of this machine and what each of them can do. */
#ifndef CAPTURE_CAMERA_V4L2_PROBE_H
#define CAPTURE_CAMERA_V4L2_PROBE_H

#include "agent/base/json.h"

/* An object with the array "devices"; of each: device, by_id (or null), card, bus, formats (format,
 * readable: by lapsed, and then sizes: width, height, fps; range: all sizes between the two),
 * controls (name, type, min, max, step, default, value, menu) and settings, with which lapsed would
 * use it: id, kind, device, width, height, fps, format. One that cannot be opened has error
 * instead. Does not disturb a camera that is in use. Blocks: worker threads. The caller frees. */
cJSON *v4l2_probe(void) MUST_CHECK;

#endif
