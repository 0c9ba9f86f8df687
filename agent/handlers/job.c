/* SPDX-License-Identifier: MIT */
#include "agent/handlers/archive.h"

#include "agent/base/str.h"
#include "agent/jobs/jobs.h"

enum { SESSIONS_LOOKED_AT = 20 };

static cJSON *item_at(const struct call *call, size_t index)
{
    return job_report(jobs_at(call->rooms->jobs, index));
}

void handle_job_list(struct call *call)
{
    call_succeed_list(call, jobs_count(call->rooms->jobs), item_at);
}

void handle_job_get(struct call *call)
{
    const struct job *job = jobs_find(call->rooms->jobs, json_get_string(call->args, "job"));

    if (job)
        call_succeed(call, job_report(job));
    else
        call_answer(call, ACK_UNKNOWN_TARGET, "there is no such job; job.list names them", NULL);
}

static void queue_build(struct call *call, const cJSON *args)
{
    const struct job *job = NULL;
    struct error err = {0};
    enum ack_code code = jobs_add(call->rooms->jobs, args, &job, &err);
    cJSON *result;

    if (code != ACK_OK) {
        call_answer(call, code, err.text, NULL);
        return;
    }
    result = json_object();
    json_add_string(result, "job", job_id(job));
    json_add_string(result, "state", "queued");
    call_succeed(call, result);
}

static void add_job(struct call *call)
{
    const char *kind = json_get_string(call->args, "kind");

    if (kind && !str_equal(kind, "build"))
        call_answer(call, ACK_BAD_PARAMS, "args.kind: only \"build\" can be asked for", NULL);
    else
        queue_build(call, call->args);
}

/* job.add and video.build. */
void handle_job_add(struct call *call)
{
    archive_settle(call, add_job);
}

/* The newest one that took any frame. */
static void note_session(const struct journal_session *session, void *user)
{
    if (session->frames != 0 && !json_get(user, "session"))
        json_add_string(user, "session", session->id);
}

static void rebuild(struct call *call)
{
    static const struct journal_range newest = {.limit = SESSIONS_LOOKED_AT};
    CLEANUP(json_free_p) cJSON *args = call->args ? json_copy(call->args) : json_object();
    struct error err = {0};
    int rc = journal_list_sessions(call->rooms->journal, call->target, "ended", &newest,
                                   note_session, args, &err);

    if (rc < 0)
        call_answer(call, ACK_INTERNAL, err.text, NULL);
    else if (!json_get(args, "session"))
        call_answer(call, ACK_WRONG_STATE,
                    "no session of this unit with frames has ended lately; session.list names "
                    "all",
                    NULL);
    else
        queue_build(call, args);
}

void handle_unit_rebuild(struct call *call)
{
    if (call_find_unit(call))
        archive_settle(call, rebuild);
}

static void answer_state(struct call *call, enum ack_code code, const struct error *err)
{
    const char *id = json_get_string(call->args, "job");

    if (code == ACK_OK)
        call_succeed(call, job_report(jobs_find(call->rooms->jobs, id)));
    else
        call_answer(call, code, err->text, NULL);
}

void handle_job_command(struct call *call)
{
    static const enum job_command commands[VERB_COUNT] = {
        [VERB_JOB_CANCEL] = JOB_CANCEL,
        [VERB_JOB_PAUSE] = JOB_PAUSE,
        [VERB_JOB_RESUME] = JOB_RESUME,
    };
    struct error err = {0};
    enum ack_code code = jobs_command(call->rooms->jobs, json_get_string(call->args, "job"),
                                      commands[call->verb], &err);

    answer_state(call, code, &err);
}

void handle_job_move(struct call *call)
{
    struct error err = {0};
    int64_t position = 1;
    enum ack_code code;

    (void)json_get_int(call->args, "position", &position);
    code = jobs_move(call->rooms->jobs, json_get_string(call->args, "job"), position, &err);
    answer_state(call, code, &err);
}
