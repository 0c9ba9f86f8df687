/* SPDX-License-Identifier: MIT */
/* video: the growing video of one camera of one session.
 *
 * Validated JPEG frames are added as they become durable; every segment_frames of them one bounded
 * ffmpeg child turns them into H.264, which is checked and appended to the one file
 * "<name>.growing.mp4", playable at every checkpoint. When the print ends only the frames still
 * pending are encoded, the moov box is written and the file renamed to "<name>.mp4". What the file
 * holds is known from the file and its sidecar "<name>.idx" alone, so after a crash video_open()
 * cuts off a torn tail and says from which frame on the caller must add again.
 *
 * Loop thread only; disk work runs on worker threads. */
#ifndef ENCODE_VIDEO_H
#define ENCODE_VIDEO_H

#include "agent/base/conf.h"
#include "agent/base/loop.h"

struct encode_queue;
struct video;

/* What a user may set for the videos of a unit. */
struct video_settings {
    bool enabled;          /* false: no video (DuetLapse3 -novideo) */
    double fps;            /* of the video; 25 */
    double min_length_s;   /* a shorter one is slowed down to this; 0 = off */
    double max_length_s;   /* a longer one is sped up to this; 0 = off */
    double target_length_s; /* exactly this long, beats fps; 0 = off */
    double hold_last_s;    /* how much longer the last frame stays (-extratime) */
    int64_t min_frames;    /* fewer give no video */
    int64_t crf;           /* x264 quality, 0..51 */
    int preset;            /* index into video_presets */
    int64_t max_width, max_height; /* scaled down to fit, keeping the aspect; 0 = as the camera's */
    int64_t segment_frames; /* frames per background segment */
    int64_t tail_frames;    /* frames per segment near the end of the print */
};
extern const char *const video_presets[]; /* "ultrafast" "superfast" "veryfast" …, NULL */
/* Keys "fps", "min_length_s" …; the group is called "video" and stands inside a unit or at the top
 * as the default of all units. */
extern const struct conf_field video_fields[];
extern const size_t video_field_count;

/* How fast a video of so many frames plays: pure, also used for the status ("growing length"). */
struct video_timing {
    int64_t fps_num, fps_den;
    double duration_s; /* with the held last frame */
};
void video_timing(const struct video_settings *settings, int64_t frames,
                  struct video_timing *ret_timing);

struct video_config {
    const char *dir;  /* of the session; exists */
    const char *name; /* file name without suffix, safe */
    const struct video_settings *settings; /* copied */
    bool patient; /* its builds stand behind the segments of prints, at the lowest priority */
};

struct video_state {
    int64_t last_seq;       /* every frame up to here is in the file or was dropped; -1 = none yet */
    int64_t encoded_frames; /* in the file */
    int64_t dropped_frames; /* refused by the encoder, counted out loud */
    int64_t pending_frames; /* added, not encoded yet */
    int64_t bytes;          /* of the file */
    int width, height;      /* 0 before the first segment */
    bool encoding;          /* an encoder runs or waits for its turn */
    int failures;           /* segments that failed since the last good one */
};

struct video_result {
    char *path; /* absolute */
    int64_t frames;
    int64_t dropped_frames;
    double duration_s;
    double fps;
    int64_t bytes;
    int width, height;
};
void video_result_done(struct video_result *result);

struct video_events {
    /* A segment is safe on disk: frames up to last_seq need their JPEGs no more. Also after a failed
     * segment (err set): capture goes on, it will be tried again. */
    void (*on_segment)(const struct video_state *state, const struct error *err, void *user);
    /* 0..1 of the final or interim build under way. */
    void (*on_progress)(double progress, void *user);
};

/* result 0: ret is valid during the call. -ENODATA: too few frames (min_frames). -ENOENT: no ffmpeg.
 * -EIO, -ENOSPC …: err in words; the frames and the growing file are still there. */
typedef void (*video_done_fn)(int result, const struct video_result *ret, const struct error *err,
                              void *user);

/* Opens or recovers it. Blocks shortly on the disk when it recovers. */
int video_open(struct loop *loop, struct encode_queue *queue, const struct video_config *config,
               const struct video_events *events, void *user, struct video **ret_video,
               struct error *err) MUST_CHECK;
/* Stops a running encoder; the file stays as its last checkpoint. No callback comes any more. */
void video_free(struct video *video);

void video_get_state(const struct video *video, struct video_state *ret_state);

/* seq rises from call to call (gaps are fine); path is the durable JPEG, copied; width and height are
 * its own: those of the first frame give the video's size. */
void video_add_frame(struct video *video, int64_t seq, const char *path, int width, int height);

/* Near the end of the print: segments of tail_frames, so that little is left at the end. */
void video_set_tail(struct video *video, bool tail);

/* A playable copy of all frames added so far at dest_path (written under a temporary name, then
 * renamed), capture goes on. One build at a time: -EBUSY. done comes exactly once, later. */
int video_preview(struct video *video, const char *dest_path, video_done_fn done, void *user,
                  struct error *err) MUST_CHECK;

/* Nobody wants the copy any more: done comes with -ECANCELED as soon as what is under way has ended,
 * or with the copy when that was nearly made. What was encoded for it stays. */
void video_stop_preview(struct video *video);

/* Encodes what is pending, writes moov, verifies (decoded frames and duration), renames. After a
 * failure it may be called again. An interim build under way is finished first. */
int video_finish(struct video *video, video_done_fn done, void *user, struct error *err) MUST_CHECK;

/* Changes what may change while it grows: fps, lengths, hold, min_frames, segment sizes. */
void video_set_settings(struct video *video, const struct video_settings *settings);

#endif
