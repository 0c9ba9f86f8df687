/* SPDX-License-Identifier: MIT */
#include "agent/unit/shot_queue.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"

#include <stdlib.h>

enum { WAITING_MAX = 8 };

struct entry {
    struct list link;
    struct shot_request request;
    size_t parts_left; /* cameras whose picture is not dealt with */
    cJSON *proofs;
    struct error error; /* of the last part that was lost */
};

struct shot_queue {
    size_t camera_count;
    struct shot_queue_events events;
    void *user;
    struct list waiting;
    struct entry *current; /* being shot */
    struct shot_run *run;
    struct list storing; /* shot, pictures on their way to the disk */
};

static void take_next(struct shot_queue *queue);

static void entry_free(struct entry *entry)
{
    list_remove(&entry->link);
    json_free(entry->proofs);
    free(entry);
}

static void answer(struct entry *entry)
{
    const struct shot_request *request = &entry->request;
    cJSON *result;

    if (!request->answer)
        return;
    if (json_size(entry->proofs) == 0) {
        request->answer(ACK_CAMERA_FAILED, entry->error.text, NULL, request->answer_user);
        return;
    }
    result = json_object();
    json_add(result, "frames", TAKE(entry->proofs));
    request->answer(ACK_OK, NULL, result, request->answer_user);
    json_free(result);
}

static struct entry *find_storing(struct shot_queue *queue, int64_t trigger_at_mono_us)
{
    struct entry *entry;

    LIST_FOR_EACH(&queue->storing, entry, struct entry, link)
    {
        if (entry->request.cause.at_mono_us == trigger_at_mono_us)
            return entry;
    }
    return NULL;
}

void shot_queue_part(struct shot_queue *queue, int64_t trigger_at_mono_us, cJSON *proof,
                     const struct error *err)
{
    struct entry *entry = find_storing(queue, trigger_at_mono_us);

    if (!entry) {
        json_free(proof);
        return;
    }
    if (proof)
        json_add(entry->proofs, NULL, proof);
    if (err)
        entry->error = *err;
    if (--entry->parts_left > 0)
        return;
    answer(entry);
    entry_free(entry);
    if (shot_queue_idle(queue))
        queue->events.idle(queue->user);
}

static void on_shot(const struct shot_result *shot, void *user)
{
    struct shot_queue *queue = user;
    struct entry *entry = TAKE(queue->current);

    queue->run = NULL;
    entry->parts_left = queue->camera_count;
    list_append(&queue->storing, &entry->link);
    queue->events.taken(&entry->request, shot, queue->user);
    take_next(queue);
}

static void take_next(struct shot_queue *queue)
{
    struct shot_plan plan = {0};

    if (queue->run || list_empty(&queue->waiting))
        return;
    queue->current = LIST_FIRST(&queue->waiting, struct entry, link);
    list_remove(&queue->current->link);
    queue->events.plan(&queue->current->request, &plan, queue->user);
    queue->run = shot_start(&plan, on_shot, queue);
}

static size_t count_waiting(const struct shot_queue *queue)
{
    size_t count = 0;

    for (const struct list *it = queue->waiting.next; it != &queue->waiting; it = it->next)
        count++;
    return count;
}

static bool is_trigger(const struct shot_request *request)
{
    return request->for_session && !request->must && !request->answer;
}

static void give_way(struct shot_queue *queue)
{
    struct entry *entry;

    LIST_FOR_EACH(&queue->waiting, entry, struct entry, link)
    {
        if (!is_trigger(&entry->request))
            continue;
        queue->events.gave_way(&entry->request, queue->user);
        entry_free(entry);
    }
}

void shot_queue_ask(struct shot_queue *queue, const struct shot_request *request)
{
    struct entry *entry;

    if (request->answer && count_waiting(queue) >= WAITING_MAX) {
        request->answer(ACK_BUSY, "too many snapshots are waiting already; try again in a moment",
                        NULL, request->answer_user);
        return;
    }
    if (is_trigger(request))
        give_way(queue);
    entry = xcalloc(1, sizeof(*entry));
    entry->request = *request;
    entry->proofs = json_array();
    list_append(&queue->waiting, &entry->link);
    take_next(queue);
}

static void drop_list(struct list *head)
{
    struct entry *entry;

    LIST_FOR_EACH(head, entry, struct entry, link)
    {
        if (entry->request.answer)
            entry->request.answer(ACK_CANCELLED, "the session ended before the frame was taken",
                                  NULL, entry->request.answer_user);
        entry_free(entry);
    }
}

void shot_queue_drop(struct shot_queue *queue)
{
    shot_cancel(TAKE(queue->run));
    if (queue->current) {
        list_append(&queue->waiting, &queue->current->link);
        queue->current = NULL;
    }
    drop_list(&queue->storing);
    drop_list(&queue->waiting);
}

bool shot_queue_idle(const struct shot_queue *queue)
{
    return !queue->run && list_empty(&queue->waiting) && list_empty(&queue->storing);
}

struct shot_queue *shot_queue_new(size_t camera_count, const struct shot_queue_events *events,
                                  void *user)
{
    struct shot_queue *queue = xcalloc(1, sizeof(*queue));

    queue->camera_count = camera_count;
    queue->events = *events;
    queue->user = user;
    list_init(&queue->waiting);
    list_init(&queue->storing);
    return queue;
}

void shot_queue_free(struct shot_queue *queue)
{
    if (!queue)
        return;
    shot_queue_drop(queue);
    free(queue);
}
