/* SPDX-License-Identifier: MIT */
/* gphoto2_pass: somebody's command for gphoto2, from the words that it may have to the pictures
 * below the base directory. It waits for its turn with the camera, behind the shots and commands
 * that were before it. Loop thread only; the disk is for workers. */
#ifndef CAPTURE_CAMERA_GPHOTO2_PASS_H
#define CAPTURE_CAMERA_GPHOTO2_PASS_H

#include "capture/camera/gphoto2_arguments.h"
#include "capture/camera/gphoto2_files.h"
#include "capture/camera/gphoto2_run.h"

struct gphoto2_pass_config { /* copied */
    const char *base_dir;
    int64_t reserve_bytes; /* that stay free on the disk of base_dir */
    int64_t wait_ms;       /* for its turn */
    int64_t timeout_ms;    /* from its start */
};

struct gphoto2_passed {
    /* 0: it did what it should. -EEXIST, -ENOSPC, -ELOOP …: it was not begun, or a picture found no
     * place; -ETIME: no turn; -ETIMEDOUT; -ENOENT: no gphoto2; else what gphoto2 complains of. */
    const struct error *error;
    const struct process_result *process; /* NULL: it did not run */
    const char *output;                   /* its stdout, "" at least; bounded, cut at a line */
    const char *const *words;             /* that it was given, NULL-terminated */
    const struct gphoto2_kept_list *kept;
};

struct gphoto2_pass;
/* Everything is valid during the call. */
typedef void (*gphoto2_pass_fn)(const struct gphoto2_passed *passed, void *user);

/* Takes what arguments own. done comes exactly once, later; the pass is freed after it returned. */
struct gphoto2_pass *gphoto2_pass_start(struct gphoto2_device *device,
                                        struct gphoto2_arguments *arguments,
                                        const struct gphoto2_pass_config *config,
                                        gphoto2_pass_fn done, void *user) MUST_CHECK;
/* Kills it at once; done comes no more. Before the device goes. NULL is fine. */
void gphoto2_pass_cancel(struct gphoto2_pass *pass);

#endif
