/* SPDX-License-Identifier: MIT */
/* gphoto2_shell: one gphoto2 --shell that is given lines of ours, one after the other.
 *
 * Of gphoto2's ways to keep a camera open this is the one that says when it has done what. A
 * --capture-tethered or --interval -1 (which a SIGUSR1 lets photograph) would take every picture
 * that somebody takes with the camera by hand from its card, too, and a shutter more at its start.
 *
 * A picture is whole when it gets its name: gphoto2 writes it as tmpfileXXXXXX and renames it. That
 * is told at once; gphoto2 itself says so only some seconds later, when it has waited for a RAW. */
#ifndef CAPTURE_CAMERA_GPHOTO2_SHELL_H
#define CAPTURE_CAMERA_GPHOTO2_SHELL_H

#include "agent/base/process.h"
#include "capture/camera/gphoto2_device.h"

struct gphoto2_shell;

struct gphoto2_shell_events {
    /* It has done the last line (the first time: it has started); said is what it printed. The
     * files that it made were told before. */
    void (*on_answer)(const char *said, void *user);
    /* A new file in a directory that is gone with the shell. */
    void (*on_file)(const char *path, void *user);
    /* It is gone; the shell is freed after the call. said: since the last answer. */
    void (*on_end)(const struct process_result *result, const char *said, void *user);
};

/* Somebody must have the turn for it. events is borrowed. 0: on_end comes exactly once, later. */
int gphoto2_shell_start(struct gphoto2_device *device, const struct gphoto2_shell_events *events,
                        void *user, struct gphoto2_shell **ret_shell, struct error *err) MUST_CHECK;
/* After an answer only. The line must not have control characters. */
void gphoto2_shell_say(struct gphoto2_shell *shell, const char *line);
/* After an answer only: ends it in order, and by force when it does not go. */
void gphoto2_shell_leave(struct gphoto2_shell *shell);
/* At any time: SIGTERM, then SIGKILL to the group. */
void gphoto2_shell_kill(struct gphoto2_shell *shell);
/* Kills it at once, no event comes any more. NULL is fine. */
void gphoto2_shell_free(struct gphoto2_shell *shell);

#endif
