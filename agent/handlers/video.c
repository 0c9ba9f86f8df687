/* SPDX-License-Identifier: MIT */
#include "agent/archive.h"
#include "agent/handlers/archive.h"
#include "agent/jobs/jobs.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <stdlib.h>

/* --- video.list --- */

static void list_video(const struct journal_video *video, void *user)
{
    archive_list_add(user, archive_describe_video(video));
}

static void list_videos(struct call *call)
{
    struct journal_video_filter filter = {.session = json_get_string(call->args, "session"),
                                          .unit = json_get_string(call->args, "unit"),
                                          .kind = json_get_string(call->args, "kind")};
    struct archive_list list;
    struct error err = {0};
    int rc = archive_list_begin(&list, call);

    if (rc == 0)
        rc = journal_list_videos(call->rooms->journal, &filter, &list.range, list_video, &list,
                                 &err);
    archive_list_end(&list, rc, &err);
}

void handle_video_list(struct call *call)
{
    archive_settle(call, list_videos);
}

/* --- video.delete --- */

struct found { /* the video that a call names */
    const char *file;
    char *path, *unit, *session;
    cJSON *json;
};

static void match_video(const struct journal_video *video, void *user)
{
    struct found *found = user;
    CLEANUP(free_p) char *name = path_base_name(video->path, "");

    if (found->path || (!str_equal(video->path, found->file) && !str_equal(name, found->file)))
        return;
    found->path = xstrdup(video->path);
    found->unit = xstrdup(video->unit);
    found->session = xstrdup(video->session);
    found->json = archive_describe_video(video);
}

static void found_done(struct found *found)
{
    free(found->path);
    free(found->unit);
    free(found->session);
    json_free(found->json);
}

static int find_video(struct call *call, struct found *ret_found, struct error *err)
{
    static const struct journal_range all = {.limit = INT64_MAX};
    struct journal_video_filter filter = {.session = json_get_string(call->args, "session")};

    if (ret_found->file[0] == '/')
        filter.path = ret_found->file;
    return journal_list_videos(call->rooms->journal, &filter, &all, match_video, ret_found, err);
}

static void delete_video(struct call *call)
{
    struct found found = {.file = json_get_string(call->args, "file")};
    CLEANUP(free_p) char *message = NULL;
    struct error err = {0};
    const struct job *job;

    if (find_video(call, &found, &err) < 0) {
        call_answer(call, ACK_INTERNAL, err.text, NULL);
    } else if (!found.path) {
        message = xasprintf("there is no video '%s'; video.list names them", found.file);
        call_answer(call, ACK_UNKNOWN_TARGET, message, NULL);
    } else if ((job = jobs_of_session(call->rooms->jobs, found.session))) {
        message = xasprintf("job %s builds a video of session '%s'; cancel it or wait for it",
                            job_id(job), found.session);
        call_answer(call, ACK_WRONG_STATE, message, NULL);
    } else {
        struct archive_task *task = archive_task_new(call, TAKE(found.json), found.unit);

        archive_delete_video(call->rooms->archive, found.path, archive_task_done, task);
    }
    found_done(&found);
}

void handle_video_delete(struct call *call)
{
    archive_settle(call, delete_video);
}
