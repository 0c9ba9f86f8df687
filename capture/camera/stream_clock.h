/* SPDX-License-Identifier: MIT */
/* stream_clock: when was a picture of a stream captured, by the time that is in the stream. Pure.
 *
 * The moment a picture arrives says little: the server may have kept it for whoever connects (many
 * send the last group of pictures first), and a decoder that is too slow brings each one later than
 * the one before. But a stream carries the time of each picture, on a clock whose beginning nobody
 * tells. The picture that took the shortest way gives the difference of that clock to ours; what
 * another took longer is its age.
 *
 * What even the quickest picture takes (exposure, the camera's encoder, an HLS server's segments)
 * cannot be seen here: that is latency_ms. The difference is let rise by 0.02 %, as cameras have
 * cheap clocks. */
#ifndef CAPTURE_CAMERA_STREAM_CLOCK_H
#define CAPTURE_CAMERA_STREAM_CLOCK_H

#include "agent/base/common.h"

struct stream_clock {
    bool started;
    bool settled; /* the pictures come as they are made, no longer out of a store */
    uint32_t last_time_ms;
    int64_t time_us;   /* of the last picture, on the stream's clock, not wrapped */
    int64_t offset_us; /* ours minus the stream's */
    int64_t arrived_at_us, fell_at_us;
};

/* A picture has come: the moment it was captured, at the latest arrived_at_mono_us. Believe it only
 * when the clock has settled: up to then pictures may be older than it says. */
int64_t stream_clock_note(struct stream_clock *clock, uint32_t time_ms, int64_t arrived_at_mono_us);

#endif
