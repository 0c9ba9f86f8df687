/* SPDX-License-Identifier: MIT */
/* gpio: one output line of a GPIO chip: the door to libgpiod. CMake picks gpio_v1.c or gpio_v2.c,
 * after the library that is there (1.x as in Debian 12, 2.x later), or gpio_none.c without it. The
 * calls are system calls that do not wait: fit for the loop thread. */
#ifndef CAPTURE_GPIO_H
#define CAPTURE_GPIO_H

#include "agent/base/error.h"

struct gpio_config {  /* borrowed */
    const char *chip; /* "/dev/gpiochip0" */
    unsigned line;    /* offset on the chip */
    bool active_low;  /* on is the low level */
    const char *consumer;
};

struct gpio_line;

/* -ENOTSUP: built without libgpiod; err says so. */
int gpio_available(struct error *err) MUST_CHECK;
/* Takes the line as an output that is off. -ENOENT (no such chip), -EACCES, -EBUSY (somebody else
 * has it), -EINVAL (the chip has no such line). */
int gpio_line_open(const struct gpio_config *config, struct gpio_line **ret_line,
                   struct error *err) MUST_CHECK;
/* Switches it off and gives it back; NULL is fine. */
void gpio_line_close(struct gpio_line *line);
int gpio_line_set(struct gpio_line *line, bool on, struct error *err) MUST_CHECK;

#endif
