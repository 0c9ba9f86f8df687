/* SPDX-License-Identifier: MIT */
/* jobs: the agent's builds of videos, as people see them: one list with an id, a state and a
 * progress for each.
 *
 * Two kinds of work stand behind it. A unit builds the final and interim videos of its open session
 * itself and reports them here ("live" jobs). Builds of ended sessions wait in a queue and are
 * carried out here, one at a time: those that were asked for, and final videos that a unit could
 * not make (no ffmpeg, a full disk) or that were paused: these are tried again, with a growing
 * back-off and at once when what was missing is back. The queue is kept over a restart. Loop thread
 * only. */
#ifndef AGENT_JOBS_H
#define AGENT_JOBS_H

#include "agent/base/json.h"
#include "agent/jobs/job_state.h"
#include "agent/unit/track.h"
#include "mqtt/envelope.h"

struct jobs;
struct job;

struct jobs_events {
    /* "job_queued", "job_started", "job_done", "job_failed", "job_paused", "job_cancelled"; data is
     * borrowed. */
    void (*on_event)(const char *type, const cJSON *data, void *user);
    /* The list, or a progress. */
    void (*on_changed)(void *user);
    /* A final video that a unit had to leave to the queue: "video_ready", "video_failed" or
     * "video_none" of that unit. */
    void (*on_final)(const char *unit, const char *type, const cJSON *data, void *user);
    /* Whose settings builds of the unit's sessions have; NULL: nobody's. */
    const struct unit_settings *(*settings_of)(const char *unit, void *user);
};

/* Reads the list; nothing is begun before jobs_start(). */
struct jobs *jobs_new(const struct track_services *services, const struct jobs_events *events,
                      void *user) MUST_CHECK;
/* The units are made and have taken up what was theirs. */
void jobs_start(struct jobs *jobs);
/* Stops the build under way; it goes on at the next start. Changes nothing any more. */
void jobs_stop(struct jobs *jobs);
void jobs_free(struct jobs *jobs); /* NULL is fine */

/* --- builds of a unit --- */
struct job_live {
    const char *kind; /* "final", "preview"; a constant */
    const char *unit, *session;
    /* Somebody cancels or pauses it: stop working; the job has its new state already. */
    void (*stop)(enum job_state state, void *user);
    void *user;
};
/* The job is running. A final build that we were at when the agent ended keeps its id. */
struct job *jobs_begin(struct jobs *jobs, const struct job_live *live) MUST_CHECK;
void job_progress(struct job *job, double progress);
/* It ended, err: NULL = well. A stopped one, too; the job may be gone afterwards. */
void job_end(struct job *job, const struct error *err);
/* The unit goes away in the middle of it. */
void job_leave(struct job *job);
/* Enters a video that it made into the journal. */
void job_keep_video(const struct job *job, const char *camera, const struct video_result *video,
                    int64_t ready_ms_after_end);
/* The queue takes the final build over: err says why, NULL = it was paused. print_ended_at: wall
 * ms. */
void job_hand_over(struct job *job, const struct error *err, int64_t print_ended_at);

/* The final video of a session that has ended and has no unit any more. One that waits already is
 * not doubled. */
void jobs_add_final(struct jobs *jobs, const struct journal_session *session);

/* --- asking --- */
/* args: {"session", "camera", "name", "fps", "crf", "max_width", "target_length_s"}, all but the
 * first optional. */
enum ack_code jobs_add(struct jobs *jobs, const cJSON *args, const struct job **ret_job,
                       struct error *err) MUST_CHECK;
enum ack_code jobs_command(struct jobs *jobs, const char *id, enum job_command command,
                           struct error *err) MUST_CHECK;
/* position: 1 = the next. */
enum ack_code jobs_move(struct jobs *jobs, const char *id, int64_t position,
                        struct error *err) MUST_CHECK;

/* --- looks --- */
/* Running and waiting ones in their order, then the last ones that ended, newest first. */
size_t jobs_count(const struct jobs *jobs);
const struct job *jobs_at(const struct jobs *jobs, size_t index);
const struct job *jobs_find(const struct jobs *jobs, const char *id); /* NULL = none */
/* One that runs or waits. NULL = none. */
const struct job *jobs_of_session(const struct jobs *jobs, const char *session);
/* A final video of one of its sessions runs or waits. */
bool jobs_has_final(const struct jobs *jobs, const char *unit);
const char *job_id(const struct job *job);
cJSON *job_report(const struct job *job) MUST_CHECK; /* the contract's object */
/* The document of the topic "jobs": those that run or wait. */
cJSON *jobs_report(const struct jobs *jobs) MUST_CHECK;

#endif
