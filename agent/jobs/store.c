/* SPDX-License-Identifier: MIT */
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/jobs/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct job *job_new(struct jobs *jobs, const char *kind, const char *unit, const char *session)
{
    struct job *job = xcalloc(1, sizeof(*job));

    list_init(&job->link);
    job->jobs = jobs;
    job->kind = xstrdup(kind);
    job->unit = xstrdup(unit);
    job->session = xstrdup(session);
    job->made_at = clock_wall_ms();
    return job;
}

void job_free(struct job *job)
{
    list_remove(&job->link);
    json_free(job->args);
    json_free(job->videos);
    free(job->id);
    free(job->kind);
    free(job->unit);
    free(job->session);
    free(job);
}

/* --- rows --- */

static int64_t position_of(const struct job *job)
{
    int64_t position = 0;

    if (job_state_is_over(job->state))
        return 0;
    for (const struct list *item = &job->link; item != &job->jobs->active; item = item->prev)
        position++;
    return position;
}

void job_save(const struct job *job)
{
    CLEANUP(free_p) char *args = job->args ? json_print(job->args) : NULL;

    journal_put_job(job->jobs->services.journal,
                    &(struct journal_job){.number = job->number,
                                          .id = job->id,
                                          .kind = job->kind,
                                          .unit = job->unit,
                                          .session = job->session,
                                          .args = args,
                                          .state = job_state_name(job->state),
                                          .position = position_of(job),
                                          .tries = job->tries,
                                          .code = job->err.code,
                                          .error = job->err.code ? job->err.text : NULL,
                                          .made_at = job->made_at,
                                          .ended_at = job->ended_at,
                                          .print_ended_at = job->print_ended_at},
                    NULL, NULL);
}

/* The agent ended in the middle of it. */
static void wake_up(struct job *job)
{
    if (job->state != JOB_RUNNING)
        return;
    if (str_equal(job->kind, "preview")) {
        job->state = JOB_FAILED;
        job->ended_at = clock_wall_ms();
        error_set(&job->err, -EINTR, "the agent ended while the video was built; ask again");
        job_save(job);
    } else {
        job->state = JOB_QUEUED;
    }
}

static cJSON *parse_args(const char *text)
{
    static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
    cJSON *args = NULL;

    if (text && json_parse(text, strlen(text), &limits, &args, NULL) < 0)
        return NULL;
    return args;
}

static void load_job(const struct journal_job *row, void *user)
{
    struct jobs *jobs = user;
    struct job *job = job_new(jobs, row->kind, row->unit, row->session);

    job->number = row->number;
    job->id = xstrdup(row->id);
    job->args = parse_args(row->args);
    job->state = job_state_find(row->state);
    job->tries = row->tries;
    job->made_at = row->made_at;
    job->ended_at = row->ended_at;
    job->print_ended_at = row->print_ended_at;
    if (row->error)
        error_set(&job->err, row->code, "%s", row->error);
    jobs->last_number = MAX(jobs->last_number, row->number);
    wake_up(job);
    if (job_state_is_over(job->state))
        list_prepend(&jobs->over, &job->link);
    else
        list_append(&jobs->active, &job->link);
}

void jobs_load(struct jobs *jobs)
{
    struct error err = {0};

    if (journal_each_job(jobs->services.journal, load_job, jobs, &err) < 0)
        log_error("jobs.failed", "error=\"%s\"", err.text);
}

/* --- documents --- */

static int64_t eta_s(const struct job *job)
{
    double elapsed_s = (double)(clock_mono_ms() - job->started_at_mono_ms) / 1000;

    if (job->state != JOB_RUNNING || job->progress <= 0.01)
        return -1;
    return (int64_t)(elapsed_s * (1 - job->progress) / job->progress);
}

cJSON *job_report(const struct job *job)
{
    cJSON *json = json_object();

    json_add_string(json, "id", job->id);
    json_add_string(json, "kind", job->kind);
    json_add_string(json, "unit", job->unit);
    json_add_string(json, "session", job->session);
    json_add_string(json, "state", job_state_name(job->state));
    json_add_number(json, "progress", job->progress * 100, 1);
    if (eta_s(job) >= 0)
        json_add_int(json, "eta_s", eta_s(job));
    else
        json_add_null(json, "eta_s");
    json_add_string(json, "error", job->err.code ? job->err.text : NULL);
    json_add_int(json, "tries", job->tries);
    json_add_time(json, "made", job->made_at);
    json_add_time(json, "ended", job->ended_at);
    if (job->args)
        json_add(json, "args", json_copy(job->args));
    if (job->videos)
        json_add(json, "videos", json_copy(job->videos));
    return json;
}

cJSON *jobs_report(const struct jobs *jobs)
{
    cJSON *json = json_array();
    struct job *job;

    LIST_FOR_EACH(&jobs->active, job, struct job, link)
    json_add(json, NULL, job_report(job));
    return json;
}

void job_emit(struct job *job, const char *type)
{
    struct jobs *jobs = job->jobs;
    cJSON *data = job_report(job);

    log_info("job.event", "job=%s event=%s session=%s", job->id, type, job->session);
    jobs->events.on_event(type, data, jobs->user);
    json_free(data);
}
