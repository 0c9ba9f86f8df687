/* SPDX-License-Identifier: MIT */
/* gphoto2_device: one camera as gphoto2 knows it, and whose turn with it is now.
 *
 * Two programs at one camera make it unreachable (libgphoto2 issue 1038), so whoever wants to run
 * gphoto2 takes a turn: the shots, the session that is kept between them, commands of users. The
 * session is told that somebody waits and lets go between two shots. Loop thread only. */
#ifndef CAPTURE_CAMERA_GPHOTO2_DEVICE_H
#define CAPTURE_CAMERA_GPHOTO2_DEVICE_H

#include "agent/base/list.h"
#include "agent/base/loop.h"

struct gphoto2_device;

struct gphoto2_device_config {
    const char *program; /* NULL: gphoto2 */
    const char *port;    /* "usb:001,004"; NULL: the first camera that is found */
    const char *model;   /* as gphoto2 --auto-detect names it; NULL: any */
};

/* config's texts are borrowed. Directories that a crash left behind are taken away. */
struct gphoto2_device *gphoto2_device_new(struct loop *loop,
                                          const struct gphoto2_device_config *config) MUST_CHECK;
/* Runs and turns must have ended or been freed before. NULL is fine. */
void gphoto2_device_free(struct gphoto2_device *device);

struct loop *gphoto2_device_loop(const struct gphoto2_device *device);

/* The program, then the words that choose the camera; NULL-terminated, borrowed. */
#define GPHOTO2_PREFIX_MAX 5
void gphoto2_device_prefix(const struct gphoto2_device *device,
                           const char *ret_words[GPHOTO2_PREFIX_MAX + 1]);

struct gphoto2_turn {
    struct list link; /* among those who wait */
    struct gphoto2_device *device;
    void (*on_turn)(void *user);   /* the camera is ours; comes later, never from inside ask */
    void (*on_wanted)(void *user); /* somebody waits for it: end the turn soon; NULL: it will end */
    void *user;
};

void gphoto2_turn_init(struct gphoto2_turn *turn, struct gphoto2_device *device,
                       void (*on_turn)(void *), void (*on_wanted)(void *), void *user);
/* In line behind the others; asking again while waiting or having changes nothing. */
void gphoto2_turn_ask(struct gphoto2_turn *turn);
/* The turn is over, or not waited for any more; ending it twice is fine. */
void gphoto2_turn_end(struct gphoto2_turn *turn);
bool gphoto2_turn_is_ours(const struct gphoto2_turn *turn);
/* Others who wait. */
size_t gphoto2_device_waiting(const struct gphoto2_device *device);

#endif
