/* SPDX-License-Identifier: MIT */
/* v4l2_format: which pictures a video device offers, and which of them to take. Worker threads.
 *
 * Of https://www.kernel.org/doc/html/latest/userspace-api/media/v4l/ (enum-fmt, enum-framesizes,
 * enum-frameintervals). */
#ifndef CAPTURE_CAMERA_V4L2_FORMAT_H
#define CAPTURE_CAMERA_V4L2_FORMAT_H

#include "agent/base/error.h"

enum v4l2_choice { V4L2_AUTO, V4L2_MJPG, V4L2_YUYV, V4L2_RGB }; /* of the setting format */

enum { V4L2_SIZES_MAX = 64, V4L2_RATES_MAX = 16, V4L2_FORMATS_MAX = 128 };

struct v4l2_size {
    int width, height;
};

struct v4l2_sizes {
    struct v4l2_size items[V4L2_SIZES_MAX]; /* in the device's order; of a range the ends */
    size_t count;
    bool range; /* whatever lies between items[0] and items[1] */
};

struct v4l2_rates {
    double fps[V4L2_RATES_MAX];
    size_t count;
};

struct v4l2_format_list {
    uint32_t fourcc[V4L2_FORMATS_MAX];
    size_t count;
};

void v4l2_list_formats(int fd, struct v4l2_format_list *ret_formats);
void v4l2_list_sizes(int fd, uint32_t fourcc, struct v4l2_sizes *ret_sizes);
void v4l2_list_rates(int fd, uint32_t fourcc, struct v4l2_size size, struct v4l2_rates *ret_rates);

/* "MJPG": the four letters. */
void v4l2_fourcc_text(uint32_t fourcc, char ret_text[5]);
/* Which setting of format takes it; V4L2_AUTO: none, we cannot read it. */
enum v4l2_choice v4l2_choice_of(uint32_t fourcc);

/* The format and size to ask for: MJPG before YUYV before RGB; width 0: the largest up to
 * 1920x1080. -EPROTOTYPE: it offers none of these; err lists what it offers. */
int v4l2_choose(int fd, enum v4l2_choice choice, struct v4l2_size wished, uint32_t *ret_fourcc,
                struct v4l2_size *ret_size, struct error *err) MUST_CHECK;

#endif
