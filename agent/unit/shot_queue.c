/* SPDX-License-Identifier: MIT */
#include "agent/unit/shot_queue.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { WAITING_MAX = 8 };

struct entry {
    struct list link;
    struct shot_queue *queue;
    struct shot_request request;
    struct shot_run *run; /* NULL: not begun, or every picture came */
    size_t parts_left;    /* cameras whose picture is not dealt with */
    cJSON *proofs;
    struct error error; /* of the last part that was lost */
};

struct shot_queue {
    size_t camera_count;
    struct shot_queue_events events;
    void *user;
    struct list waiting;
    struct list begun;     /* pictures are still to come, or on their way to the disk */
    struct entry *current; /* of begun, the one that the next has to wait for */
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

static struct entry *find_begun(struct shot_queue *queue, int64_t trigger_at_mono_us)
{
    struct entry *entry;

    LIST_FOR_EACH(&queue->begun, entry, struct entry, link)
    {
        if (entry->request.cause.at_mono_us == trigger_at_mono_us)
            return entry;
    }
    return NULL;
}

void shot_queue_part(struct shot_queue *queue, int64_t trigger_at_mono_us, cJSON *proof,
                     const struct error *err)
{
    struct entry *entry = find_begun(queue, trigger_at_mono_us);

    if (!entry) {
        json_free(proof);
        return;
    }
    if (proof)
        json_add(entry->proofs, NULL, proof);
    if (err)
        entry->error = *err;
    if (--entry->parts_left > 0 || entry->run)
        return;
    answer(entry);
    entry_free(entry);
    if (shot_queue_idle(queue))
        queue->events.idle(queue->user);
}

/* --- one shot --- */

static void on_unheld(const struct error *err, void *user)
{
    struct entry *entry = user;

    entry->queue->events.unheld(&entry->request, err, entry->queue->user);
}

static void on_free(void *user)
{
    struct entry *entry = user;
    struct shot_queue *queue = entry->queue;

    queue->current = NULL;
    take_next(queue);
}

static void on_picture(const struct shot_result *result, bool last, void *user)
{
    struct entry *entry = user;
    struct shot_queue *queue = entry->queue;

    if (last)
        entry->run = NULL;
    take_next(queue);
    queue->events.taken(&entry->request, result, queue->user);
}

static const struct shot_events shot_events = {
    .on_unheld = on_unheld, .on_free = on_free, .on_picture = on_picture};

static bool is_trigger(const struct shot_request *request)
{
    return request->for_session && !request->must && !request->answer;
}

static bool is_busy(struct shot_queue *queue, size_t camera)
{
    struct entry *entry;

    LIST_FOR_EACH(&queue->begun, entry, struct entry, link)
    {
        if (entry->run && shot_awaits(entry->run, camera))
            return true;
    }
    return false;
}

static bool all_busy(struct shot_queue *queue)
{
    for (size_t i = 0; i < queue->camera_count; i++)
        if (!is_busy(queue, i))
            return false;
    return true;
}

static void report_left_out(struct shot_queue *queue, const struct shot_request *request,
                            const struct shot_plan *plan, struct camera *const *chosen)
{
    for (size_t i = 0; i < queue->camera_count; i++) {
        struct shot_result result = {.camera = i};

        if (chosen[i])
            continue;
        error_set(&result.error, -EBUSY, "%s: still busy with the picture before",
                  camera_id(plan->cameras[i]));
        queue->events.taken(request, &result, queue->user);
    }
}

/* A camera that still owes the picture before is left out of a trigger's shot, so that it neither
 * piles up requests nor keeps the others waiting. */
static void begin(struct shot_queue *queue, struct entry *entry)
{
    CLEANUP(free_p)
    struct camera **chosen = xcalloc(queue->camera_count, sizeof(struct camera *));
    const struct shot_request request = entry->request;
    struct shot_plan all = {0}, plan;

    queue->events.plan(&request, &all, queue->user);
    for (size_t i = 0; i < queue->camera_count; i++)
        chosen[i] = is_trigger(&request) && is_busy(queue, i) ? NULL : all.cameras[i];
    plan = all;
    plan.cameras = chosen;
    entry->parts_left = queue->camera_count;
    list_append(&queue->begun, &entry->link);
    queue->current = entry;
    entry->run = shot_start(&plan, &shot_events, entry);
    report_left_out(queue, &request, &all, chosen);
}

static bool may_begin(struct shot_queue *queue, const struct entry *entry)
{
    return !queue->current && !(is_trigger(&entry->request) && all_busy(queue));
}

static void take_next(struct shot_queue *queue)
{
    struct entry *entry = LIST_FIRST(&queue->waiting, struct entry, link);

    if (!entry || !may_begin(queue, entry))
        return;
    list_remove(&entry->link);
    begin(queue, entry);
}

/* --- requests --- */

static size_t count_waiting(const struct shot_queue *queue)
{
    size_t count = 0;

    for (const struct list *it = queue->waiting.next; it != &queue->waiting; it = it->next)
        count++;
    return count;
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
    entry->queue = queue;
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
        shot_cancel(entry->run);
        if (entry->request.answer)
            entry->request.answer(ACK_CANCELLED, "the session ended before the frame was taken",
                                  NULL, entry->request.answer_user);
        entry_free(entry);
    }
}

void shot_queue_drop(struct shot_queue *queue)
{
    queue->current = NULL;
    drop_list(&queue->begun);
    drop_list(&queue->waiting);
}

bool shot_queue_idle(const struct shot_queue *queue)
{
    return list_empty(&queue->waiting) && list_empty(&queue->begun);
}

struct shot_queue *shot_queue_new(size_t camera_count, const struct shot_queue_events *events,
                                  void *user)
{
    struct shot_queue *queue = xcalloc(1, sizeof(*queue));

    queue->camera_count = camera_count;
    queue->events = *events;
    queue->user = user;
    list_init(&queue->waiting);
    list_init(&queue->begun);
    return queue;
}

void shot_queue_free(struct shot_queue *queue)
{
    if (!queue)
        return;
    shot_queue_drop(queue);
    free(queue);
}
