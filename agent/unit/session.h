/* SPDX-License-Identifier: MIT */
/* session: one timelapse of a unit, from its first frame to its video: a directory, a journal row
 * and a track per camera. When and why is unit.c's decision. Loop thread only. */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include "agent/unit/session_state.h"
#include "agent/unit/shot.h"
#include "agent/unit/track.h"

struct session;

struct session_video { /* one finished or interim video */
    const char *camera;
    const struct video_result *result;
};

struct session_events {
    void (*on_frame)(const struct track_frame *frame, void *user);
    void (*on_frame_lost)(const char *camera, const struct frame_cause *cause,
                          const struct error *err, void *user);
    void (*on_video)(const char *camera, const struct video_state *state, const struct error *err,
                     void *user);
    /* 0..1 of the build under way, over all cameras. */
    void (*on_progress)(double progress, void *user);
};

struct session_config {
    const struct track_services *services;
    const char *agent;
    const struct unit_settings *settings; /* borrowed */
};

/* Begins a new one: directory, journal row, tracks. job: name of the print's file, NULL or "" =
 * none. -ENOSPC, -EACCES …: nothing was begun. */
int session_begin(const struct session_config *config, const char *job,
                  const struct session_events *events, void *user, struct session **ret_session,
                  struct error *err) MUST_CHECK;

/* Takes up the one that was open when we ended, without renumbering or losing a frame. row is
 * copied. */
int session_resume(const struct session_config *config, const struct journal_session *row,
                   const struct session_events *events, void *user, struct session **ret_session,
                   struct error *err) MUST_CHECK;
/* Leaves it as it is, to be taken up again (shutdown). NULL is fine. */
void session_free(struct session *session);

/* Stores the picture of one camera; a failed one is reported as lost. */
void session_add(struct session *session, const struct shot_result *taken,
                 const struct frame_cause *cause);
/* Triggers for which no frame was taken at all. */
void session_count_missed(struct session *session, int64_t count);
/* The state to come back to after a restart of the agent. */
void session_set_state(struct session *session, enum session_state state);
void session_set_tail(struct session *session, bool tail);
void session_settings_changed(struct session *session);

/* Per camera, once each: result as video_finish(). all_done comes after the last. */
typedef void (*session_video_fn)(int result, const char *camera, const struct video_result *video,
                                 const struct error *err, void *user);
typedef void (*session_built_fn)(void *user);
void session_finish(struct session *session, session_video_fn on_video, session_built_fn all_done,
                    void *user);
/* -EBUSY while another build runs. */
int session_preview(struct session *session, session_video_fn on_video, session_built_fn all_done,
                    void *user, struct error *err) MUST_CHECK;

/* Its video functions still come, with -ECANCELED or with a video that was nearly made. */
void session_stop_preview(struct session *session);

/* The journal row says ended, and why ("done", "cancelled", "lost", "finished", "aborted",
 * "discarded"; "unit_gone" is of orphans.c). */
void session_end(struct session *session, const char *why);
/* Ends it and deletes its frames, growing video and directory. */
void session_discard(struct session *session);

const char *session_id(const struct session *session);
const char *session_job(const struct session *session);
const char *session_dir(const struct session *session);
int64_t session_started_at(const struct session *session);
int64_t session_missed(const struct session *session);
int session_last_layer(const struct session *session);
void session_set_last_layer(struct session *session, int layer);

struct session_totals {
    int64_t frames, bytes; /* over all cameras */
    int64_t last_frame_at;
    int64_t encoded_frames, dropped_frames; /* over all cameras */
    double video_s; /* of the first camera's growing video, as it would play now */
};
void session_get_totals(const struct session *session, struct session_totals *ret_totals);
/* Frames of one camera (its index in the unit's list). */
/* Frames of the camera that have another size than its first. */
int64_t session_camera_resized(const struct session *session, const char *camera);
int64_t session_camera_frames(const struct session *session, size_t camera);
bool session_building(const struct session *session);

#endif
