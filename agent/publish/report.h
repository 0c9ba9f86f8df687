/* SPDX-License-Identifier: MIT */
/* report: the JSON in which a unit tells of frames and videos: in events, in the answers to
 * commands and on the video topic, the same everywhere. Pure; the caller frees. */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "agent/base/json.h"
#include "agent/unit/track.h"

/* Adds brightness (null: not known) and flags. */
void report_look(cJSON *json, const struct picture *picture);
cJSON *report_frame(const struct track_frame *frame) MUST_CHECK;
cJSON *report_lost_frame(const char *camera, const struct frame_cause *cause,
                         const struct error *err) MUST_CHECK;
/* A picture that is of no session. */
cJSON *report_picture(const char *camera, const struct picture *picture, enum exposure_light light,
                      int64_t asked_at_mono_us) MUST_CHECK;

struct report_video {
    const char *job, *kind, *session, *camera;
    int64_t missed;
    int64_t resized;            /* frames of another size than the first, fitted in */
    int64_t ready_ms_after_end; /* -1: not the final one */
};
cJSON *report_video(const struct report_video *about, const struct video_result *video) MUST_CHECK;
cJSON *report_failed_video(const struct report_video *about, const struct error *err) MUST_CHECK;

#endif
