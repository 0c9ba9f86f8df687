/* SPDX-License-Identifier: MIT */
/* v4l2_control: exposure, focus, white balance and whatever else a camera lets one set, by the
 * names that v4l2-ctl prints. Worker threads.
 *
 * Of https://www.kernel.org/doc/html/latest/userspace-api/media/v4l/ (queryctrl, g-ctrl). The
 * kernel renamed some controls of USB cameras in 2021 (5.16): the old names are understood, too. */
#ifndef CAPTURE_CAMERA_V4L2_CONTROL_H
#define CAPTURE_CAMERA_V4L2_CONTROL_H

#include "agent/base/conf.h"

enum { V4L2_CONTROL_NAME = 48, V4L2_MENU_MAX = 32, V4L2_CONTROLS_MAX = 128 };

struct v4l2_knob {
    uint32_t id;
    char name[V4L2_CONTROL_NAME]; /* "exposure_time_absolute" */
    const char *type;             /* "int", "bool", "menu", "intmenu", "button" */
    int64_t min, max, step, standard;
    bool settable; /* a number that we can set */
};

/* The next one after *control (zeroed: the first), of any type. false: that was the last. */
bool v4l2_knob_next(int fd, struct v4l2_knob *control);
/* Its value now. */
int v4l2_knob_get(int fd, const struct v4l2_knob *control, int64_t *ret_value) MUST_CHECK;
/* The text of a menu's item; false: there is no such item. */
bool v4l2_knob_menu(int fd, const struct v4l2_knob *control, int64_t item,
                    char ret_text[V4L2_CONTROL_NAME]);

bool v4l2_knob_is_menu(const struct v4l2_knob *control);

/* Takes "name=value" apart. -EINVAL. */
int v4l2_knob_parse(const char *text, char ret_name[V4L2_CONTROL_NAME], int64_t *ret_value,
                    struct error *err) MUST_CHECK;

/* Sets them in this order. -EPROTOTYPE: the camera has no such control, or not that value; err says
 * which it has. */
int v4l2_set_controls(int fd, const struct conf_strings *controls, struct error *err) MUST_CHECK;

#endif
