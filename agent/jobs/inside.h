/* SPDX-License-Identifier: MIT */
/* inside: what the files of the job list share: jobs.c has the list and its commands, run.c carries
 * out what waits, store.c knows the journal's row and the JSON. */
#ifndef AGENT_JOBS_INSIDE_H
#define AGENT_JOBS_INSIDE_H

#include "agent/base/list.h"
#include "agent/jobs/jobs.h"
#include "agent/unit/build.h"

struct job {
    struct list link;
    struct jobs *jobs;
    int64_t number;
    char *id, *kind, *unit, *session;
    cJSON *args; /* NULL = none */
    enum job_state state;
    double progress; /* 0..1 */
    int64_t tries;
    struct error err; /* of the last failure */
    int64_t made_at, ended_at, print_ended_at;
    int64_t started_at_mono_ms; /* 0 = does not run */
    int64_t retry_at_mono_ms;   /* not before */
    bool without_ffmpeg;        /* when it failed last */
    int64_t free_bytes;         /* on the disk at that time */
    struct job_live live;       /* stop is NULL for those of the queue */
    cJSON *videos;              /* what it has made; NULL = nothing yet */
};

struct jobs {
    struct track_services services;
    struct jobs_events events;
    void *user;
    struct list active; /* running and waiting, in their order */
    struct list over;   /* newest first */
    int64_t last_number;
    bool started;
    struct job *running; /* of the queue */
    struct build *build;
    struct error failure; /* of a camera of the build under way */
    struct timer *next;   /* looks what can be begun */
};

/* --- jobs.c --- */
bool job_is_live(const struct job *job);
bool job_is_final(const struct job *job);
void job_set_state(struct job *job, enum job_state state, const struct error *err);
void jobs_changed(struct jobs *jobs);

/* --- run.c --- */
/* Begins what can be begun; from a timer. */
void jobs_kick(struct jobs *jobs);
void jobs_on_next(void *user);
/* It failed: queued again for later, or failed for good. */
void job_set_retry(struct job *job, const struct error *err);
/* Stops the build of the queue that is under way. */
void jobs_stop_build(struct jobs *jobs);
/* "<dir of the session>/<name>_<camera>.mp4" is what its videos are called. */
char *job_video_name(const struct job *job) MUST_CHECK;
/* What a build that was given up has left behind. */
void job_remove_rest(const struct job *job);

/* --- store.c --- */
void job_save(const struct job *job);
void jobs_load(struct jobs *jobs);
struct job *job_new(struct jobs *jobs, const char *kind, const char *unit, const char *session);
void job_free(struct job *job);
void job_emit(struct job *job, const char *type);

#endif
