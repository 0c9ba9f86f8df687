/* SPDX-License-Identifier: MIT */
/* sensor: one view of the machine becomes a JPEG, with the faults that spoil a picture. */
#ifndef SIM_SENSOR_H
#define SIM_SENSOR_H

#include "tests/sim/blob.h"
#include "tests/sim/faults.h"
#include "tests/sim/marker.h"
#include "tests/sim/scene.h"

struct sensor;

struct sensor_config {
    int width, height, noise, quality;
    uint64_t seed;
};

struct shot {
    struct blob *jpeg; /* the receiver unrefs it */
    struct marker marker;
    int64_t wall_us;    /* of the exposure */
    const char *spoilt; /* the fault that spoilt it, NULL */
    int64_t late_ms;    /* a slow camera hands it out so much later */
};

/* view: 0 front, 1 top. faults must outlive the sensor. */
struct sensor *sensor_new(int view, const struct sensor_config *config,
                          struct faults *faults) MUST_CHECK;
void sensor_free(struct sensor *sensor);

/* frame: serial number of the picture. */
struct shot sensor_shoot(struct sensor *sensor, const struct scene *scene,
                         uint32_t frame) MUST_CHECK;

#endif
