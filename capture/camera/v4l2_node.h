/* SPDX-License-Identifier: MIT */
/* v4l2_node: the video devices of this machine as files: which there are, what they are called, who
 * has them open. Everything here may block: worker threads.
 *
 * Of https://www.kernel.org/doc/html/latest/userspace-api/media/v4l/ (querycap, open). udev makes
 * the names of /dev/v4l/by-id; a system without it has none. */
#ifndef CAPTURE_CAMERA_V4L2_NODE_H
#define CAPTURE_CAMERA_V4L2_NODE_H

#include "agent/base/error.h"

enum { V4L2_NODES_MAX = 64 };

/* What a camera is called, whatever number its device has. */
struct v4l2_identity {
    char card[33]; /* "HD Pro Webcam C920"; "" = not known yet */
    char bus[33];  /* "usb-0000:00:14.0-2": the place where it is plugged in */
};

struct v4l2_node {
    int fd; /* -1: closed */
    char *path;
    struct v4l2_identity identity;
    bool captures; /* a camera, rather than its metadata, an encoder or a loudspeaker */
};

/* A text from a device, which may be anything: cut, and without what is no plain character. */
void v4l2_copy_text(char *to, size_t size, const void *from, size_t from_max);

/* An ioctl that is not interrupted by signals: its result, or -errno. */
int v4l2_call(int fd, unsigned long request, void *arg) MUST_CHECK;

/* Opens one device and asks what it is. -ENODEV nothing is there, -EACCES, -EPROTOTYPE it is no
 * video device, -EBUSY …; err says what to do. */
int v4l2_node_open(const char *path, struct v4l2_node *ret_node, struct error *err) MUST_CHECK;
void v4l2_node_close(struct v4l2_node *node); /* once more is fine */

/* Finds the camera that the setting device means: a path, or a name of /dev/v4l/by-id. known: the
 * camera that it was the last time; when it is not at its place it is looked for at all others, so
 * that one that was unplugged is found again as another /dev/videoN. -ENODEV (err lists what is
 * there), and as v4l2_node_open(). */
int v4l2_node_find(const char *device, const struct v4l2_identity *known,
                   struct v4l2_node *ret_node, struct error *err) MUST_CHECK;

/* The devices /dev/video*, in the order of their numbers. */
struct v4l2_paths {
    char *items[V4L2_NODES_MAX];
    size_t count;
};
void v4l2_list_paths(struct v4l2_paths *ret_paths);
void v4l2_paths_done(struct v4l2_paths *paths);

/* The name below /dev/v4l/by-id of a device; NULL: it has none. The caller frees. */
char *v4l2_by_id(const char *path) MUST_CHECK;
/* "process 812 (motion)": who has the open device, besides us; NULL: /proc does not tell. The
 * caller frees. */
char *v4l2_owner(int fd) MUST_CHECK;

#endif
