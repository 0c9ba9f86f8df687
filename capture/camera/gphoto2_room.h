/* SPDX-License-Identifier: MIT */
/* gphoto2_room: the private directory of one run of gphoto2.
 *
 *   <runtime dir or /tmp>/lapsed-gphoto2-XXXXXX/home/    its HOME, empty: from the user's own it
 *                                                        would take a hook script and remembered
 *                                                        settings (gphoto2/main.c, ~/.gphoto)
 *                                              /files/   its working directory
 *
 * We hold a lock on it while we live; so one without a lock was left behind by a crash. */
#ifndef CAPTURE_CAMERA_GPHOTO2_ROOM_H
#define CAPTURE_CAMERA_GPHOTO2_ROOM_H

#include "agent/base/loop.h"

struct gphoto2_room {
    char *dir;          /* NULL: there is none */
    char *files;        /* where it works */
    char *home_setting; /* "HOME=…" */
    int lock_fd;
};

/* -EACCES, -ENOSPC …; err names the path. Nothing is left on failure. */
int gphoto2_room_make(struct gphoto2_room *ret_room, struct error *err) MUST_CHECK;
/* The same hidden in base, on its file system. Both block on the disk: worker threads only. */
int gphoto2_room_make_inside(const char *base, struct gphoto2_room *ret_room,
                             struct error *err) MUST_CHECK;
void gphoto2_room_clean_up_inside(const char *base);
/* Takes the directory away, on a worker. A zeroed room is fine. */
void gphoto2_room_leave(struct gphoto2_room *room, struct loop *loop);

/* Takes away what agents that are gone have left, on a worker. */
void gphoto2_room_clean_up(struct loop *loop);

#endif
