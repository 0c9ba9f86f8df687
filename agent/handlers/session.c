/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

#include "agent/archive.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/handlers/archive.h"
#include "agent/jobs/jobs.h"

#include <errno.h>
#include <stdlib.h>

/* --- documents --- */

static const struct session *find_open(const struct handler_rooms *rooms, const char *id)
{
    for (size_t i = 0; i < units_count(rooms->units); i++) {
        const struct session *session = unit_session(units_at(rooms->units, i));

        if (session && str_equal(session_id(session), id))
            return session;
    }
    return NULL;
}

static void add_known(cJSON *json, const char *key, int64_t value)
{
    if (value >= 0)
        json_add_int(json, key, value);
    else
        json_add_null(json, key);
}

/* The journal's row of an open session has the counts of its last change of state. */
static void add_counts(cJSON *json, const struct journal_session *row,
                       const struct handler_rooms *rooms)
{
    const struct session *open = find_open(rooms, row->id);
    struct session_totals totals = {.frames = row->frames, .bytes = row->bytes};

    if (open)
        session_get_totals(open, &totals);
    add_known(json, "frames", totals.frames);
    add_known(json, "missed", open ? session_missed(open) : row->missed);
    add_known(json, "bytes", totals.bytes);
}

static cJSON *describe(const struct journal_session *row, const struct handler_rooms *rooms)
{
    cJSON *json = json_object();

    json_add_string(json, "session", row->id);
    json_add_string(json, "unit", row->unit);
    json_add_string(json, "printer", row->printer);
    json_add_string(json, "job", row->job);
    json_add_string(json, "dir", row->dir);
    json_add_string(json, "state", row->state);
    json_add_string(json, "end", row->end);
    json_add_time(json, "started", row->started_at);
    json_add_time(json, "ended", row->ended_at);
    add_counts(json, row, rooms);
    return json;
}

/* --- session.list --- */

static void list_session(const struct journal_session *row, void *user)
{
    struct archive_list *list = user;

    archive_list_add(list, describe(row, list->call->rooms));
}

static void list_sessions(struct call *call)
{
    struct archive_list list;
    struct error err = {0};
    int rc = archive_list_begin(&list, call);

    if (rc == 0)
        rc = journal_list_sessions(call->rooms->journal, json_get_string(call->args, "unit"), NULL,
                                   &list.range, list_session, &list, &err);
    archive_list_end(&list, rc, &err);
}

void handle_session_list(struct call *call)
{
    archive_settle(call, list_sessions);
}

/* --- session.get --- */

struct parts {
    const struct handler_rooms *rooms;
    const char *session;
    cJSON *items;
};

static void add_camera(const char *camera, void *user)
{
    struct parts *parts = user;
    struct journal_frame_totals totals = {0};
    struct error err;
    cJSON *json = json_add_object(parts->items, NULL);

    json_add_string(json, "camera", camera);
    if (journal_frame_totals(parts->rooms->journal, parts->session, camera, &totals, &err) < 0)
        return;
    json_add_int(json, "frames", totals.frames);
    json_add_int(json, "bytes", totals.bytes);
    json_add_time(json, "last_frame_at", totals.last_captured_at);
}

static void add_video(const struct journal_video *video, void *user)
{
    struct parts *parts = user;

    json_add(parts->items, NULL, archive_describe_video(video));
}

static int add_parts(cJSON *json, const char *session, const struct handler_rooms *rooms,
                     struct error *err)
{
    static const struct journal_range all = {.limit = VERB_LIST_LIMIT_MAX};
    struct journal_video_filter filter = {.session = session};
    struct parts parts = {.rooms = rooms, .session = session};
    int rc;

    parts.items = json_add_array(json, "cameras");
    rc = journal_each_camera(rooms->journal, session, add_camera, &parts, err);
    parts.items = json_add_array(json, "videos");
    if (rc == 0)
        rc = journal_list_videos(rooms->journal, &filter, &all, add_video, &parts, err);
    return rc;
}

/* false: it was answered. */
static bool find_session(struct call *call, struct journal_session *ret_row)
{
    struct error err = {0};
    const char *id = json_get_string(call->args, "session");
    int rc = journal_get_session(call->rooms->journal, id, ret_row, &err);

    if (rc == 0 && !archive_deletes_session(call->rooms->archive, id))
        return true;
    if (rc == 0) {
        journal_session_done(ret_row);
        rc = error_set(&err, -ENOENT, "session '%s' is being deleted", id);
    }
    call_answer(call, rc == -ENOENT ? ACK_UNKNOWN_TARGET : ACK_INTERNAL, err.text, NULL);
    return false;
}

static void get_session(struct call *call)
{
    struct journal_session row;
    struct error err = {0};
    cJSON *json;

    if (!find_session(call, &row))
        return;
    json = describe(&row, call->rooms);
    if (add_parts(json, row.id, call->rooms, &err) < 0)
        call_answer(call, ACK_INTERNAL, err.text, NULL);
    else
        call_answer(call, ACK_OK, NULL, json);
    json_free(json);
    journal_session_done(&row);
}

void handle_session_get(struct call *call)
{
    archive_settle(call, get_session);
}

/* --- session.delete --- */

/* NULL: it may be deleted; else why not. The caller frees. */
static char *refusal(const struct journal_session *row, const struct handler_rooms *rooms)
{
    const struct job *job = jobs_of_session(rooms->jobs, row->id);

    if (row->ended_at == 0 && (find_open(rooms, row->id) || units_find(rooms->units, row->unit)))
        return xasprintf("session '%s' has not ended; send standby to unit '%s' to discard it",
                         row->id, row->unit);
    if (job)
        return xasprintf("job %s builds a video of session '%s'; cancel it first", job_id(job),
                         row->id);
    return NULL;
}

static void delete_session(struct call *call)
{
    struct journal_session row;
    CLEANUP(free_p) char *why_not = NULL;
    struct error err = {0};
    cJSON *json;

    if (!find_session(call, &row))
        return;
    why_not = refusal(&row, call->rooms);
    if (why_not) {
        call_answer(call, ACK_WRONG_STATE, why_not, NULL);
        journal_session_done(&row);
        return;
    }
    json = describe(&row, call->rooms);
    if (add_parts(json, row.id, call->rooms, &err) < 0) {
        call_answer(call, ACK_INTERNAL, err.text, NULL);
        json_free(json);
    } else {
        struct archive_task *task = archive_task_new(call, json, row.unit);

        archive_delete_session(call->rooms->archive, &row, archive_task_done, task);
    }
    journal_session_done(&row);
}

void handle_session_delete(struct call *call)
{
    archive_settle(call, delete_session);
}
