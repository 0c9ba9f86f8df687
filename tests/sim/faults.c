/* SPDX-License-Identifier: MIT */
/* faults: one slot per kind; asking for a kind again replaces what was left of it. */
#include "tests/sim/faults.h"

#include "agent/base/str.h"

#include <string.h>

static const char *const names[FAULT_KINDS] = {
    [FAULT_DROP] = "drop",
    [FAULT_DELAY] = "delay",
    [FAULT_DRIP] = "drip",
    [FAULT_HANG] = "hang",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_HTML] = "html",
    [FAULT_CUT] = "cut",
    [FAULT_503] = "503",
    [FAULT_401] = "401",
    [FAULT_CAM_FROZEN] = "cam_frozen",
    [FAULT_CAM_HANG] = "cam_hang",
    [FAULT_CAM_HTML] = "cam_html",
    [FAULT_CAM_404] = "cam_404",
    [FAULT_CAM_TRUNCATED] = "cam_truncated",
    [FAULT_CAM_ZERO] = "cam_zero",
    [FAULT_CAM_GARBAGE] = "cam_garbage",
    [FAULT_CAM_SLOW] = "cam_slow",
    [FAULT_CAM_WRONG_SIZE] = "cam_wrong_size",
    [FAULT_CAM_BLACK] = "cam_black",
    [FAULT_CAM_ENDLESS] = "cam_endless",
};

bool fault_from_name(const char *name, enum fault_kind *ret_kind)
{
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        if (str_equal(names[kind], name)) {
            *ret_kind = (enum fault_kind)kind;
            return true;
        }
    }
    return false;
}

const char *fault_name(enum fault_kind kind)
{
    return names[kind];
}

void faults_add(struct faults *faults, enum fault_kind kind, int scope, int64_t for_ms, int count,
                int64_t ms, int64_t now_us)
{
    if (kind >= FAULT_CAM_FROZEN && !(scope & FAULT_ON_CAMERA))
        scope = FAULT_ON_CAMERA;
    faults->slots[kind] = (struct fault){
        .active = true,
        .scope = scope,
        .until_us = for_ms > 0 ? now_us + for_ms * 1000 : INT64_MAX,
        .count = count > 0 ? count : -1,
        .ms = ms,
    };
}

void faults_clear(struct faults *faults)
{
    memset(faults, 0, sizeof(*faults));
}

const struct fault *faults_hit(struct faults *faults, enum fault_kind kind, int scope,
                               int64_t now_us)
{
    struct fault *fault = &faults->slots[kind];

    if (!fault->active || !(fault->scope & scope))
        return NULL;
    if (now_us >= fault->until_us || fault->count == 0) {
        fault->active = false;
        return NULL;
    }
    if (fault->count > 0)
        fault->count--;
    return fault;
}
