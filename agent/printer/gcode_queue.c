/* SPDX-License-Identifier: MIT */
#include "agent/printer/gcode_queue.h"

#include "agent/base/mem.h"

struct printer_gcode {
    struct list link;
    char *gcode;
    bool sent;
    printer_gcode_fn done; /* NULL: nobody waits any more */
    void *user;
};

static void item_free(struct printer_gcode *item)
{
    list_remove(&item->link);
    free_p(&item->gcode);
    free_p(&item);
}

static void send_next(struct gcode_queue *queue)
{
    struct printer_gcode *item = LIST_FIRST(&queue->waiting, struct printer_gcode, link);

    if (queue->under_way || !item)
        return;
    queue->under_way = item->sent = true;
    queue->driver->gcode(queue->driver_data, item->gcode);
}

struct printer_gcode *gcode_queue_add(struct gcode_queue *queue, const char *gcode,
                                      printer_gcode_fn done, void *user)
{
    struct printer_gcode *item = xcalloc(1, sizeof(*item));

    item->gcode = xstrdup(gcode);
    item->done = done;
    item->user = user;
    list_append(&queue->waiting, &item->link);
    send_next(queue);
    return item;
}

void printer_gcode_cancel(struct printer_gcode *item)
{
    if (!item)
        return;
    item->done = NULL;
    if (!item->sent)
        item_free(item);
}

void gcode_queue_answer(struct gcode_queue *queue, int result, const struct error *err)
{
    struct printer_gcode *item = LIST_FIRST(&queue->waiting, struct printer_gcode, link);
    printer_gcode_fn done;
    void *user;

    if (!queue->under_way)
        return;
    done = item->done;
    user = item->user;
    queue->under_way = false;
    item_free(item);
    if (done)
        done(result, err, user);
    send_next(queue);
}

void gcode_queue_init(struct gcode_queue *queue, const struct printer_driver *driver)
{
    *queue = (struct gcode_queue){.driver = driver};
    list_init(&queue->waiting);
}

void gcode_queue_set_driver(struct gcode_queue *queue, void *driver_data)
{
    queue->driver_data = driver_data;
}

void gcode_queue_done(struct gcode_queue *queue)
{
    struct printer_gcode *item;

    LIST_FOR_EACH(&queue->waiting, item, struct printer_gcode, link)
    {
        item_free(item);
    }
}
