/* SPDX-License-Identifier: MIT */
/* faults: what shall go wrong with the next answers, for how long or how often; pure. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "agent/base/common.h"

enum fault_kind {
    /* any answer of the printer or the camera */
    FAULT_DROP,
    FAULT_DELAY, /* ms */
    FAULT_DRIP,  /* ms between a few bytes */
    FAULT_HANG,
    FAULT_GARBAGE,
    FAULT_HTML,
    FAULT_CUT,
    FAULT_503,
    FAULT_401,
    /* the camera's pictures */
    FAULT_CAM_FROZEN, /* the picture that was newest when it began */
    FAULT_CAM_HANG,
    FAULT_CAM_HTML,
    FAULT_CAM_404,
    FAULT_CAM_TRUNCATED, /* half a JPEG, with a length to match */
    FAULT_CAM_ZERO,
    FAULT_CAM_GARBAGE,
    FAULT_CAM_SLOW, /* ms, between exposure and answer */
    FAULT_CAM_WRONG_SIZE,
    FAULT_CAM_BLACK,
    FAULT_CAM_ENDLESS, /* a stream whose part never ends */
    FAULT_KINDS,
};

enum fault_scope {
    FAULT_ON_PRINTER = 1,
    FAULT_ON_VIEW = 2, /* of the first camera; shifted by n of the others */
    FAULT_ON_CAMERA = 6,
    FAULT_ON_BOTH = 7
};

struct fault {
    bool active;
    int scope;        /* enum fault_scope bits */
    int64_t until_us; /* INT64_MAX = no limit */
    int count;        /* so many more answers; -1 = no limit */
    int64_t ms;
};

struct faults {
    struct fault slots[FAULT_KINDS];
};

/* False: no such fault. Names are those of the enum, small: "cut", "cam_frozen". */
bool fault_from_name(const char *name, enum fault_kind *ret_kind);
const char *fault_name(enum fault_kind kind);

/* A fault of the pictures whose scope names no camera is of both. for_ms and count: 0 = without
 * that limit; when both are 0 the fault stays until cleared. */
void faults_add(struct faults *faults, enum fault_kind kind, int scope, int64_t for_ms, int count,
                int64_t ms, int64_t now_us);
void faults_clear(struct faults *faults);

/* Does it hit this answer? Counts it. NULL = no. */
const struct fault *faults_hit(struct faults *faults, enum fault_kind kind, int scope,
                               int64_t now_us);

#endif
