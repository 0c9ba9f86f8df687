/* SPDX-License-Identifier: MIT */
/* track: the frames of one camera in one session, from the picture in memory to the growing video.
 *
 *   picture ─▶ frame_store (durable) ─▶ journal (durable) ─▶ announced ─▶ video ─▶ deleted if
 * wished
 *
 * A frame is announced only when file and journal row are durable; its number is used up only then.
 * The look at it (brightness, flags) goes on meanwhile; the announcement has both, in order of the
 * numbers. The video does not wait for it.
 * Loop thread only. */
#ifndef AGENT_TRACK_H
#define AGENT_TRACK_H

#include "agent/archive.h"
#include "agent/config.h"
#include "agent/journal/journal.h"
#include "agent/light/exposure.h"
#include "capture/frame_store.h"
#include "encode/video.h"

struct track;

struct track_services { /* borrowed */
    struct loop *loop;
    struct journal *journal;
    struct frame_store *store;
    struct encode_queue *encoders;
    struct archive *archive;
};

/* What a frame was taken for. */
struct frame_cause {
    const char *trigger; /* "layer" …; a constant */
    int layer;           /* -1 unknown */
    bool parked;
    enum exposure_light light; /* of this camera */
    int64_t trigger_at_mono_us;
};

/* A frame that is durable. */
struct track_frame {
    const char *camera;
    const char *path;
    int64_t seq;
    struct frame_cause cause;
    int64_t captured_at; /* wall ms */
    int64_t age_ms;      /* capture after trigger: the proof that it is newer */
    int64_t bytes;
    int width, height;
    struct picture *picture; /* borrowed */
};

struct track_events {
    void (*on_frame)(const struct track_frame *frame, void *user);
    void (*on_frame_lost)(const char *camera, const struct frame_cause *cause,
                          const struct error *err, void *user);
    /* The growing video changed; err: an encoder failed (it is tried again). */
    void (*on_video)(const char *camera, const struct video_state *state, const struct error *err,
                     void *user);
    void (*on_progress)(const char *camera, double progress, void *user);
};

struct track_config {
    const struct track_services *services; /* copied */
    const char *agent, *session, *session_dir, *camera;
    const struct unit_settings *settings; /* borrowed */
};

/* Opens the camera's part of a session, new or interrupted: numbers go on after the last stored
 * frame; frames on disk that the journal lost are taken in; what the growing video lacks is fed to
 * it again. Blocks shortly. */
int track_open(const struct track_config *config, const struct track_events *events, void *user,
               struct track **ret_track, struct error *err) MUST_CHECK;
/* Waits for nothing: frames under way become durable or are found at the next start. */
void track_free(struct track *track);

/* Stores the picture (ref'd); on_frame or on_frame_lost comes once, later. */
void track_add(struct track *track, struct picture *picture, const struct frame_cause *cause);

void track_set_tail(struct track *track, bool tail);
void track_settings_changed(struct track *track);

/* Waits for frames under way, then video_finish(); the result as there. -ENODATA also when videos
 * are switched off. */
void track_finish(struct track *track, video_done_fn done, void *user);
/* As video_preview(), to "<session>_<camera>_preview.mp4". */
int track_preview(struct track *track, video_done_fn done, void *user,
                  struct error *err) MUST_CHECK;

/* As video_stop_preview(). */
void track_stop_preview(struct track *track);

struct track_totals {
    int64_t frames, bytes;
    int64_t last_frame_at; /* wall ms; 0 = none */
    int width, height;     /* of the first frame; 0 = none */
    int64_t resized;       /* frames of another size than that; the video fits them in */
    struct video_state video;
};
void track_get_totals(const struct track *track, struct track_totals *ret_totals);
const char *track_camera(const struct track *track);

#endif
