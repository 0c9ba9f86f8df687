/* SPDX-License-Identifier: MIT */
#include "agent/jobs/jobs.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/jobs/inside.h"
#include "encode/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OVER_MAX = 50 }; /* ended ones that are remembered here; the journal knows more */

static const char *const event_of_state[JOB_STATE_COUNT] = {
    [JOB_QUEUED] = "job_queued", [JOB_RUNNING] = "job_started", [JOB_PAUSED] = "job_paused",
    [JOB_DONE] = "job_done",     [JOB_FAILED] = "job_failed",   [JOB_CANCELLED] = "job_cancelled",
};

bool job_is_live(const struct job *job)
{
    return job->live.stop != NULL;
}

bool job_is_final(const struct job *job)
{
    return str_equal(job->kind, "final");
}

static bool is_interim(const struct job *job)
{
    return str_equal(job->kind, "preview");
}

void jobs_changed(struct jobs *jobs)
{
    jobs->events.on_changed(jobs->user);
}

static void forget_oldest(struct jobs *jobs)
{
    size_t count = 0;
    struct job *job;

    LIST_FOR_EACH(&jobs->over, job, struct job, link)
    if (++count > OVER_MAX)
        job_free(job);
}

/* --- the life of a job --- */

void job_set_state(struct job *job, enum job_state state, const struct error *err)
{
    struct jobs *jobs = job->jobs;
    bool was_over = job_state_is_over(job->state);

    job->state = state;
    job->err = err ? *err : (struct error){0};
    job->started_at_mono_ms = state == JOB_RUNNING ? clock_mono_ms() : 0;
    job->ended_at = job_state_is_over(state) ? clock_wall_ms() : 0;
    if (state == JOB_DONE)
        job->progress = 1;
    if (job_state_is_over(state) != was_over) {
        list_remove(&job->link);
        if (was_over)
            list_append(&jobs->active, &job->link);
        else
            list_prepend(&jobs->over, &job->link);
    }
    job_save(job);
    job_emit(job, event_of_state[state]);
    forget_oldest(jobs);
    jobs_changed(jobs);
}

static void name_job(struct job *job)
{
    job->number = ++job->jobs->last_number;
    job->id = xasprintf("%s-%lld", job->unit, (long long)job->number);
}

/* --- builds of a unit --- */

/* The agent ended while a unit was at it. */
static struct job *find_left(struct jobs *jobs, const char *kind, const char *session)
{
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    if (!job_is_live(job) && job != jobs->running && str_equal(job->kind, kind) &&
        str_equal(job->session, session))
        return job;
    return NULL;
}

/* The end of a print does not wait for a build of the queue, which goes on afterwards. */
static void stand_back(struct jobs *jobs)
{
    struct job *job = jobs->running;

    if (!job)
        return;
    jobs_stop_build(jobs);
    job_set_state(job, JOB_QUEUED, NULL);
}

struct job *jobs_begin(struct jobs *jobs, const struct job_live *live)
{
    struct job *job = find_left(jobs, live->kind, live->session);

    if (str_equal(live->kind, "final"))
        stand_back(jobs);
    if (!job) {
        job = job_new(jobs, live->kind, live->unit, live->session);
        name_job(job);
    }
    list_remove(&job->link);
    list_prepend(&jobs->active, &job->link);
    job->live = *live;
    job_set_state(job, JOB_RUNNING, NULL);
    return job;
}

void job_progress(struct job *job, double progress)
{
    job->progress = progress;
    jobs_changed(job->jobs);
}

void job_end(struct job *job, const struct error *err)
{
    struct jobs *jobs = job->jobs;

    job->live.stop = NULL;
    if (!job_state_is_over(job->state))
        job_set_state(job,
                      !err                      ? JOB_DONE
                      : err->code == -ECANCELED ? JOB_CANCELLED
                                                : JOB_FAILED,
                      err);
    jobs_kick(jobs);
}

void job_leave(struct job *job)
{
    struct error err;

    job->live.stop = NULL;
    error_set(&err, -EINTR, "the unit was stopped while the video was built");
    if (job->state == JOB_RUNNING)
        job_set_state(job, is_interim(job) ? JOB_FAILED : JOB_QUEUED,
                      is_interim(job) ? &err : NULL);
    jobs_kick(job->jobs);
}

void job_hand_over(struct job *job, const struct error *err, int64_t print_ended_at)
{
    struct jobs *jobs = job->jobs;

    job->live.stop = NULL;
    job->print_ended_at = print_ended_at;
    if (err)
        job_set_retry(job, err);
    else
        job_save(job);
    list_remove(&job->link);
    list_append(&jobs->active, &job->link);
    jobs_kick(jobs);
}

void jobs_add_final(struct jobs *jobs, const struct journal_session *session)
{
    struct job *job;

    if (find_left(jobs, "final", session->id))
        return;
    job = job_new(jobs, "final", session->unit, session->id);
    job->print_ended_at = session->ended_at;
    name_job(job);
    list_append(&jobs->active, &job->link);
    job_set_state(job, JOB_QUEUED, NULL);
}

/* --- asking --- */

static int64_t count_waiting(const struct jobs *jobs)
{
    int64_t count = 0;
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    count += job->state != JOB_RUNNING;
    return count;
}

/* The session must have ended, and its frames be there. */
static enum ack_code check_session(struct jobs *jobs, const char *id,
                                   struct journal_session *ret_session, struct error *err)
{
    int rc = journal_get_session(jobs->services.journal, id, ret_session, err);

    if (rc < 0)
        return rc == -ENOENT ? ACK_UNKNOWN_TARGET : ACK_INTERNAL;
    if (archive_deletes_session(jobs->services.archive, id))
        error_set(err, -ENOENT, "session '%s' is being deleted", id);
    else if (ret_session->ended_at == 0)
        error_set(err, -EBUSY, "session '%s' has not ended; send preview to its unit '%s'", id,
                  ret_session->unit);
    else
        return ACK_OK;
    return ACK_WRONG_STATE;
}

static enum ack_code check_frames(const struct jobs *jobs, const struct job *job,
                                  const struct journal_session *session, struct error *err)
{
    const char *camera = json_get_string(job->args, "camera");
    bool found = false;

    if (build_has_frames(&jobs->services, session->id, session->dir, camera, &found, err) < 0)
        return ACK_INTERNAL;
    if (found)
        return ACK_OK;
    error_set(err, -ENODATA,
              "session '%s' has no frames%s%s on the disk any more (delete_frames, or none taken)",
              session->id, camera ? " of camera " : "", camera ? camera : "");
    return ACK_WRONG_STATE;
}

static enum ack_code check_name(const struct job *job, const struct journal_session *session,
                                struct error *err)
{
    CLEANUP(free_p) char *name = job_video_name(job);
    const char *wanted = json_get_string(job->args, "name");
    struct job *other;

    if (wanted && str_equal(name, session->id)) {
        error_set(err, -EINVAL, "args.name: '%s' is the name of the final video", wanted);
        return ACK_BAD_PARAMS;
    }
    LIST_FOR_EACH(&job->jobs->active, other, struct job, link)
    {
        CLEANUP(free_p) char *taken = job_video_name(other);

        if (wanted && str_equal(other->session, job->session) && str_equal(taken, name)) {
            error_set(err, -EEXIST, "args.name: job %s makes a video '%s' already", other->id,
                      wanted);
            return ACK_BAD_PARAMS;
        }
    }
    return ACK_OK;
}

enum ack_code jobs_add(struct jobs *jobs, const cJSON *args, const struct job **ret_job,
                       struct error *err)
{
    int64_t most = encode_queue_settings(jobs->services.encoders)->max_queued;
    struct journal_session session = {0};
    struct job *job;
    enum ack_code code;

    if (count_waiting(jobs) >= most) {
        error_set(err, -EBUSY, "%lld builds wait already (encode.max_queued); job.list shows them",
                  (long long)most);
        return ACK_BUSY;
    }
    code = check_session(jobs, json_get_string(args, "session"), &session, err);
    if (code != ACK_OK) {
        journal_session_done(&session);
        return code;
    }
    job = job_new(jobs, "build", session.unit, session.id);
    job->args = json_copy(args);
    name_job(job);
    code = check_frames(jobs, job, &session, err);
    if (code == ACK_OK)
        code = check_name(job, &session, err);
    journal_session_done(&session);
    if (code != ACK_OK) {
        jobs->last_number--;
        job_free(job);
        return code;
    }
    list_append(&jobs->active, &job->link);
    job_set_state(job, JOB_QUEUED, NULL);
    jobs_kick(jobs);
    *ret_job = job;
    return ACK_OK;
}

static struct job *find(const struct jobs *jobs, const char *id)
{
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    if (str_equal(job->id, id))
        return job;
    LIST_FOR_EACH(&jobs->over, job, struct job, link)
    if (str_equal(job->id, id))
        return job;
    return NULL;
}

static enum ack_code check_command(struct jobs *jobs, const char *id, enum job_command command,
                                   struct job **ret_job, enum job_state *ret_next,
                                   struct error *err)
{
    struct job *job = find(jobs, id);
    struct job_step step;

    if (!job) {
        error_set(err, -ENOENT, "there is no job '%s'; job.list names them", id);
        return ACK_UNKNOWN_TARGET;
    }
    step = job_next(job->state, is_interim(job), command);
    if (step.refusal) {
        error_set(err, -EPERM, "%s", step.refusal);
        return ACK_WRONG_STATE;
    }
    *ret_job = job;
    *ret_next = step.next;
    return ACK_OK;
}

enum ack_code jobs_command(struct jobs *jobs, const char *id, enum job_command command,
                           struct error *err)
{
    struct job *job;
    enum job_state next;
    enum ack_code code = check_command(jobs, id, command, &job, &next, err);
    struct job_live live;

    if (code != ACK_OK)
        return code;
    if (job == jobs->running)
        jobs_stop_build(jobs);
    if (command == JOB_RESUME) {
        job->tries = 0;
        job->retry_at_mono_ms = 0;
    }
    live = job->live;
    job_set_state(job, next, NULL);
    if (live.stop)
        live.stop(next, live.user);
    else if (next == JOB_CANCELLED)
        job_remove_rest(job);
    jobs_kick(jobs);
    return ACK_OK;
}

enum ack_code jobs_move(struct jobs *jobs, const char *id, int64_t position, struct error *err)
{
    struct job *job, *other;
    enum job_state next;
    enum ack_code code = check_command(jobs, id, JOB_MOVE, &job, &next, err);
    struct list *before;

    if (code != ACK_OK)
        return code;
    list_remove(&job->link);
    before = &jobs->active;
    for (struct list *item = jobs->active.next; item != before; item = item->next) {
        other = CONTAINER_OF(item, struct job, link);
        if (other->state != JOB_RUNNING && --position == 0)
            before = item;
        if (before == item)
            break;
    }
    list_append(before, &job->link);
    LIST_FOR_EACH(&jobs->active, other, struct job, link)
    job_save(other);
    jobs_changed(jobs);
    return ACK_OK;
}

/* --- birth and death --- */

struct jobs *jobs_new(const struct track_services *services, const struct jobs_events *events,
                      void *user)
{
    struct jobs *jobs = xcalloc(1, sizeof(*jobs));

    jobs->services = *services;
    jobs->events = *events;
    jobs->user = user;
    list_init(&jobs->active);
    list_init(&jobs->over);
    jobs->next = timer_new(services->loop, jobs_on_next, jobs);
    jobs_load(jobs);
    forget_oldest(jobs);
    return jobs;
}

void jobs_start(struct jobs *jobs)
{
    struct job *job;

    jobs->started = true;
    LIST_FOR_EACH(&jobs->over, job, struct job, link)
    if (job->state == JOB_CANCELLED)
        job_remove_rest(job);
    jobs_kick(jobs);
}

void jobs_stop(struct jobs *jobs)
{
    jobs->started = false;
    timer_stop(jobs->next);
    build_free(TAKE(jobs->build));
}

void jobs_free(struct jobs *jobs)
{
    struct job *job;

    if (!jobs)
        return;
    jobs_stop(jobs);
    timer_free(jobs->next);
    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    job_free(job);
    LIST_FOR_EACH(&jobs->over, job, struct job, link)
    job_free(job);
    free(jobs);
}

/* --- looks --- */

static size_t length(const struct list *list)
{
    size_t count = 0;

    for (const struct list *item = list->next; item != list; item = item->next)
        count++;
    return count;
}

size_t jobs_count(const struct jobs *jobs)
{
    return length(&jobs->active) + length(&jobs->over);
}

const struct job *jobs_at(const struct jobs *jobs, size_t index)
{
    size_t active = length(&jobs->active);
    struct list *item = index < active ? jobs->active.next : jobs->over.next;

    for (size_t i = index < active ? index : index - active; i > 0; i--)
        item = item->next;
    return CONTAINER_OF(item, struct job, link);
}

const struct job *jobs_find(const struct jobs *jobs, const char *id)
{
    return find(jobs, id);
}

bool jobs_has_final(const struct jobs *jobs, const char *unit)
{
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    {
        if (job_is_final(job) && str_equal(job->unit, unit))
            return true;
    }
    return false;
}

const struct job *jobs_of_session(const struct jobs *jobs, const char *session)
{
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    if (str_equal(job->session, session))
        return job;
    return NULL;
}

const char *job_id(const struct job *job)
{
    return job->id;
}
