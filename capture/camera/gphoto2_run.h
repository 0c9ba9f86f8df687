/* SPDX-License-Identifier: MIT */
/* gphoto2_run: one run of gphoto2 with given words, when it is its turn.
 *
 * stdin is /dev/null (gphoto2 asks questions), HOME is empty and private, the environment is made
 * of nothing, stdout is bounded. Which words are harmless is the caller's business. */
#ifndef CAPTURE_CAMERA_GPHOTO2_RUN_H
#define CAPTURE_CAMERA_GPHOTO2_RUN_H

#include "agent/base/process.h"
#include "capture/camera/gphoto2_device.h"

struct gphoto2_order {
    const char *const *words; /* behind the program and the choice of the camera; NULL-terminated */
    const char *dir;          /* to work in, the caller's; NULL: a private one, gone after done */
    int64_t wait_ms;          /* for its turn */
    int64_t timeout_ms;       /* from its start */
    size_t stdout_max_bytes;
};

struct gphoto2_outcome {
    const struct process_result *process; /* NULL: it did not run */
    const struct error *error; /* code 0: exit code 0, which gphoto2 also gives after some failures;
                                  -ETIME: its turn did not come */
    const char *dir;           /* where it worked; NULL: nowhere */
};

struct gphoto2_run;
/* The outcome is valid during the call. The turn is over, so the next may start from inside. */
typedef void (*gphoto2_done_fn)(const struct gphoto2_outcome *outcome, void *user);

/* 0: done comes exactly once, later, and the run is freed after it returned. The order is copied.
 * -EBUSY: too many wait already; -E2BIG: too many words. */
int gphoto2_run_start(struct gphoto2_device *device, const struct gphoto2_order *order,
                      gphoto2_done_fn done, void *user, struct gphoto2_run **ret_run,
                      struct error *err) MUST_CHECK;
/* Kills it at once; done comes no more. NULL is fine. */
void gphoto2_run_free(struct gphoto2_run *run);

#endif
