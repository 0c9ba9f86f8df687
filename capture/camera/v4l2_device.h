/* SPDX-License-Identifier: MIT */
/* v4l2_device: one video device that streams.
 *
 * Its buffers are the kernel's. They are mapped only while a picture is copied or compressed out of
 * them, but for a page of each, so a camera that runs idle costs us no memory.
 *
 * When a picture was captured is what its buffer says when the driver has a clock for it. A time
 * stamp at the end of the frame is counted back by one frame's time; of a driver without time
 * stamps a picture counts from when the queue was last seen empty. Both err on the early side.
 *
 * Of https://www.kernel.org/doc/html/latest/userspace-api/media/v4l/ (mmap, buffer, streaming-par).
 */
#ifndef CAPTURE_CAMERA_V4L2_DEVICE_H
#define CAPTURE_CAMERA_V4L2_DEVICE_H

#include "capture/camera/camera.h"
#include "capture/camera/v4l2_format.h"
#include "capture/camera/v4l2_node.h"

/* What the settings ask for: a copy, because a worker reads it. */
struct v4l2_wish {
    char *device;
    struct v4l2_size size; /* 0 = choose */
    double fps;
    enum v4l2_choice format;
    struct conf_strings controls;
    int quality;
    size_t max_bytes; /* of a picture */
};
void v4l2_wish_init(struct v4l2_wish *wish, const struct camera_settings *settings);
void v4l2_wish_done(struct v4l2_wish *wish);

struct v4l2_device;

struct v4l2_frame { /* taken out of the queue */
    uint32_t index;
    size_t len;
    int64_t captured_at_mono_us; /* the earliest that it can have been */
    bool damaged;                /* the driver says so, or it is cut short */
};

/* Finds, sets up and starts. Blocks: worker threads. -ENODEV, -EACCES, -EBUSY (err names the
 * owner), -ENOLINK (no signal), -EPROTOTYPE (not what the settings say), -EIO. */
int v4l2_device_open(const struct v4l2_wish *wish, const struct v4l2_identity *known,
                     struct v4l2_device **ret_device, struct error *err) MUST_CHECK;
/* Stops and closes. Blocks: worker threads. NULL is fine. */
void v4l2_device_close(struct v4l2_device *device);

/* --- does not block --- */
int v4l2_device_fd(const struct v4l2_device *device); /* readable = a frame, or an error */
void v4l2_device_identity(const struct v4l2_device *device, struct v4l2_identity *ret_identity);
int64_t v4l2_device_frame_us(const struct v4l2_device *device); /* from one frame to the next */
bool v4l2_device_is_compressed(const struct v4l2_device *device);
/* The oldest frame of the queue: 1, or 0 when there is none. -ENODEV, -EIO: the camera is gone. */
int v4l2_device_take(struct v4l2_device *device, struct v4l2_frame *ret_frame,
                     struct error *err) MUST_CHECK;
int v4l2_device_give_back(struct v4l2_device *device, const struct v4l2_frame *frame,
                          struct error *err) MUST_CHECK;
/* Why no frame comes, as far as the driver tells. Returns err's code. */
int v4l2_device_explain_silence(const struct v4l2_device *device, struct error *err);

/* The taken frame as a JPEG of malloc(): a copy, or compressed, which takes tens of milliseconds
 * (worker threads when not v4l2_device_is_compressed()). -EBADMSG, -EMSGSIZE, -EIO. */
int v4l2_device_jpeg(const struct v4l2_device *device, const struct v4l2_frame *frame,
                     uint8_t **ret_jpeg, size_t *ret_len, struct error *err) MUST_CHECK;

#endif
