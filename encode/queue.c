/* SPDX-License-Identifier: MIT */
/* queue: turns are given from a timer of length 0 and never from inside a call, so that a caller
 * may ask and release in any order without being called back meanwhile. */
#include "encode/queue.h"

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct encode_queue {
    struct loop *loop;
    const struct encode_settings *settings;
    struct timer *turns;
    struct list urgent, waiting, running;
    bool held;
    char *ffmpeg; /* NULL: not found yet, or gone */
};

struct encode_slot {
    struct list link;
    struct encode_queue *queue;
    encode_slot_fn on_turn;
    void *user;
};

static int count(const struct list *list)
{
    int items = 0;

    for (const struct list *item = list->next; item != list; item = item->next)
        items++;
    return items;
}

static struct encode_slot *next_slot(struct encode_queue *queue)
{
    struct encode_slot *slot = LIST_FIRST(&queue->urgent, struct encode_slot, link);

    return slot ? slot : LIST_FIRST(&queue->waiting, struct encode_slot, link);
}

static void give_turns(void *user)
{
    struct encode_queue *queue = user;
    struct encode_slot *slot;

    while (!queue->held && count(&queue->running) < queue->settings->max_encoders &&
           (slot = next_slot(queue))) {
        list_remove(&slot->link);
        list_append(&queue->running, &slot->link);
        slot->on_turn(slot->user);
    }
}

struct encode_queue *encode_queue_new(struct loop *loop, const struct encode_settings *settings)
{
    struct encode_queue *queue = xcalloc(1, sizeof(*queue));

    queue->loop = loop;
    queue->settings = settings;
    queue->turns = timer_new(loop, give_turns, queue);
    list_init(&queue->urgent);
    list_init(&queue->waiting);
    list_init(&queue->running);
    return queue;
}

void encode_queue_free(struct encode_queue *queue)
{
    if (!queue)
        return;
    assert(!next_slot(queue) && list_empty(&queue->running));
    timer_free(queue->turns);
    free(queue->ffmpeg);
    free(queue);
}

struct encode_slot *encode_slot_request(struct encode_queue *queue, bool urgent,
                                        encode_slot_fn on_turn, void *user)
{
    struct encode_slot *slot = xcalloc(1, sizeof(*slot));

    slot->queue = queue;
    slot->on_turn = on_turn;
    slot->user = user;
    list_append(urgent ? &queue->urgent : &queue->waiting, &slot->link);
    timer_start(queue->turns, 0);
    return slot;
}

void encode_slot_release(struct encode_slot *slot)
{
    if (!slot)
        return;
    list_remove(&slot->link);
    timer_start(slot->queue->turns, 0);
    free(slot);
}

void encode_queue_hold(struct encode_queue *queue, bool hold)
{
    queue->held = hold;
    timer_start(queue->turns, 0);
}

void encode_queue_counts(const struct encode_queue *queue, int *ret_running, int *ret_waiting)
{
    *ret_running = count(&queue->running);
    *ret_waiting = count(&queue->urgent) + count(&queue->waiting);
}

const char *encode_queue_ffmpeg(struct encode_queue *queue, struct error *err)
{
    const char *name = queue->settings->ffmpeg ? queue->settings->ffmpeg : "ffmpeg";

    if (queue->ffmpeg && access(queue->ffmpeg, X_OK) == 0)
        return queue->ffmpeg;
    free(TAKE(queue->ffmpeg));
    if (process_find_program(name, &queue->ffmpeg, err) < 0) {
        if (err)
            error_set(err, -ENOENT,
                      "no videos: '%s' cannot be run; install ffmpeg (apt install ffmpeg)", name);
        return NULL;
    }
    return queue->ffmpeg;
}

struct loop *encode_queue_loop(const struct encode_queue *queue)
{
    return queue->loop;
}

const struct encode_settings *encode_queue_settings(const struct encode_queue *queue)
{
    return queue->settings;
}
