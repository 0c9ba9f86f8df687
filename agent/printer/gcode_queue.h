/* SPDX-License-Identifier: MIT */
/* gcode_queue: G-code that the operator wrote, one request after another through the driver.
 * Whoever asked may go; what was sent stays sent, and the next one waits for its end. */
#ifndef AGENT_PRINTER_GCODE_QUEUE_H
#define AGENT_PRINTER_GCODE_QUEUE_H

#include "agent/base/list.h"
#include "agent/printer/driver.h"

struct gcode_queue {
    const struct printer_driver *driver;
    void *driver_data;
    struct list waiting; /* of struct printer_gcode; the first may be under way */
    bool under_way;
};

void gcode_queue_init(struct gcode_queue *queue, const struct printer_driver *driver);
void gcode_queue_set_driver(struct gcode_queue *queue, void *driver_data);
/* No done comes any more. */
void gcode_queue_done(struct gcode_queue *queue);

struct printer_gcode *gcode_queue_add(struct gcode_queue *queue, const char *gcode,
                                      printer_gcode_fn done, void *user) MUST_CHECK;
/* The driver's answer to the one under way. */
void gcode_queue_answer(struct gcode_queue *queue, int result, const struct error *err);

#endif
