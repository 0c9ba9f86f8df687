/* SPDX-License-Identifier: MIT */
/* fswebcam: the words of that program, as far as a camera of kind v4l2 has settings for them. */
#ifndef AGENT_CONVERT_FSWEBCAM_H
#define AGENT_CONVERT_FSWEBCAM_H

#include "agent/convert/camparam.h"

struct fswebcam {
    const char *device;         /* borrowed; NULL: the first */
    int64_t width, height, fps; /* 0: not said */
};

/* false: it is another program, or has words that mean more than that. */
bool fswebcam_read(const struct camparam *command, struct fswebcam *ret);

#endif
