/* SPDX-License-Identifier: MIT */
/* feeder: makes a v4l2loopback device a camera: a thread writes MJPG pictures into it, each with
 * its number in a marker (tests/sim/marker.h). For cmocka: what cannot be done fails the test. */
#ifndef TESTS_DEVICE_FEEDER_H
#define TESTS_DEVICE_FEEDER_H

#include <stdint.h>

enum { FEEDER_WIDTH = 320, FEEDER_HEIGHT = 180 };

/* Opens a v4l2loopback device for writing MJPG of this size. */
int feeder_open_output(const char *device, int width, int height);

struct feeder;

/* Ready when the first picture is written. */
struct feeder *feeder_start(const char *device, int fps);
void feeder_stop(struct feeder *feeder); /* the device is no camera any more; NULL is fine */

/* The number of the last picture that was written whole; a picture of a higher number was drawn, or
 * at least finished, after this call. */
uint32_t feeder_written(const struct feeder *feeder);

#endif
