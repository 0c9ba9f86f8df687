/* SPDX-License-Identifier: MIT */
/* video: what is really in a video: decoded by ffmpeg, the simulator's marker read from each
 * picture. */
#ifndef TESTS_E2E_VIDEO_H
#define TESTS_E2E_VIDEO_H

#include "tests/e2e/harness.h"
#include "tests/sim/marker.h"

struct video_picture {
    bool readable; /* the marker's checksum is right */
    struct marker marker;
};

struct decoded_video {
    int width, height;
    char codec[16], pixel_format[16];
    double fps, duration_s;
    struct video_picture *pictures; /* in the order shown */
    size_t count;
    char *complaints; /* what ffmpeg said; "" when all is well */
};

/* Fails the test when ffprobe or ffmpeg cannot read the file. Free with decoded_video_done(). */
void video_decode(struct rig *rig, const char *path, struct decoded_video *ret_video);
void decoded_video_done(struct decoded_video *video);

/* The marker of a JPEG file; fails the test when there is none. */
void video_read_jpeg(const char *path, struct marker *ret_marker);

#endif
