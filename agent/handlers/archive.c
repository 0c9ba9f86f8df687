/* SPDX-License-Identifier: MIT */
#include "agent/handlers/archive.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* --- what was written is read --- */

struct settling {
    struct call *call; /* NULL: it gave up waiting */
    handler_fn handler;
};

static void on_settled(int result, const struct error *err, void *user)
{
    struct settling *settling = user;
    struct call *call = settling->call;
    handler_fn handler = settling->handler;

    (void)result, (void)err; /* what could not be written is not there */
    free(settling);
    if (!call)
        return;
    call->cancel = NULL;
    handler(call);
}

static void cancel_settling(struct call *call)
{
    struct settling *settling = call->work;

    settling->call = NULL;
}

void archive_settle(struct call *call, handler_fn handler)
{
    struct settling *settling = xcalloc(1, sizeof(*settling));

    settling->call = call;
    settling->handler = handler;
    call->work = settling;
    call->cancel = cancel_settling;
    journal_settle(call->rooms->journal, on_settled, settling);
}

/* --- pages --- */

int archive_list_begin(struct archive_list *list, struct call *call)
{
    struct list_page page = call_page(call);

    *list = (struct archive_list){.call = call, .items = json_array(), .limit = page.limit};
    list->range.limit = (int64_t)page.limit + 1;
    if (page.cursor && (str_to_int(page.cursor, &list->range.offset) < 0 || list->range.offset < 0))
        return -EINVAL;
    return 0;
}

void archive_list_add(struct archive_list *list, cJSON *item)
{
    list->more = json_size(list->items) == list->limit;
    if (list->more)
        json_free(item);
    else
        json_add(list->items, NULL, item);
}

void archive_list_end(struct archive_list *list, int result, const struct error *err)
{
    CLEANUP(free_p) char *next = NULL;

    if (result < 0) {
        json_free(list->items);
        call_answer(list->call, result == -EINVAL ? ACK_BAD_PARAMS : ACK_INTERNAL,
                    result == -EINVAL ? "cursor: is not a next_cursor of this list" : err->text,
                    NULL);
        return;
    }
    if (list->more)
        next = xasprintf("%lld", (long long)(list->range.offset + (int64_t)list->limit));
    call_succeed_page(list->call, list->items, next);
}

/* --- documents --- */

cJSON *archive_describe_video(const struct journal_video *video)
{
    cJSON *json = json_object();

    json_add_string(json, "file", video->path);
    json_add_string(json, "kind", video->kind);
    json_add_string(json, "session", video->session);
    json_add_string(json, "unit", video->unit);
    json_add_string(json, "camera", video->camera);
    json_add_int(json, "frames", video->frames);
    json_add_int(json, "dropped_frames", video->dropped);
    json_add_number(json, "duration_s", video->duration_s, 3);
    json_add_number(json, "fps", video->fps, 3);
    json_add_int(json, "bytes", video->bytes);
    json_add_int(json, "width", video->width);
    json_add_int(json, "height", video->height);
    json_add_time(json, "made", video->made_at);
    json_add_bool(json, "exists", access(video->path, F_OK) == 0);
    return json;
}

/* --- deletions --- */

struct archive_task {
    struct call *call; /* NULL: it gave up waiting */
    const struct handler_rooms *rooms;
    cJSON *result;
    char *unit;
    char *newest; /* the unit's newest final video before; NULL = none */
};

static void note_path(const struct journal_video *video, void *user)
{
    char **path = user;

    replace_str(path, video->path);
}

static char *newest_final(const struct handler_rooms *rooms, const char *unit)
{
    struct journal_video_filter filter = {.unit = unit, .kind = "final"};
    struct journal_range one = {.limit = 1};
    struct error err;
    char *path = NULL;

    if (journal_list_videos(rooms->journal, &filter, &one, note_path, &path, &err) < 0)
        return NULL;
    return path;
}

static void cancel_task(struct call *call)
{
    struct archive_task *task = call->work;

    task->call = NULL;
}

struct archive_task *archive_task_new(struct call *call, cJSON *result, const char *unit)
{
    struct archive_task *task = xcalloc(1, sizeof(*task));

    task->call = call;
    task->rooms = call->rooms;
    task->result = result;
    task->unit = xstrdup(unit);
    task->newest = newest_final(call->rooms, unit);
    call->work = task;
    call->cancel = cancel_task;
    return task;
}

void archive_task_done(int result, const struct error *err, void *user)
{
    struct archive_task *task = user;
    struct call *call = task->call;

    if (result != -ECANCELED && task->newest && access(task->newest, F_OK) != 0)
        task->rooms->on_video_gone(task->unit, task->rooms->user);
    if (call)
        call->cancel = NULL;
    if (call && result < 0)
        call_answer(call, result == -EPERM ? ACK_FORBIDDEN : ACK_INTERNAL, err->text, NULL);
    else if (call)
        call_answer(call, ACK_OK, NULL, task->result);
    json_free(task->result);
    free(task->unit);
    free(task->newest);
    free(task);
}
