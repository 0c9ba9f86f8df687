/* SPDX-License-Identifier: MIT */
#include "capture/gpio.h"

#include <errno.h>

int gpio_available(struct error *err)
{
    return error_set(
        err, -ENOTSUP,
        "this lapsed was built without libgpiod: install libgpiod-dev and build again");
}

int gpio_line_open(const struct gpio_config *config, struct gpio_line **ret_line, struct error *err)
{
    (void)config;
    (void)ret_line;
    return gpio_available(err);
}

void gpio_line_close(struct gpio_line *line)
{
    (void)line;
}

int gpio_line_set(struct gpio_line *line, bool on, struct error *err)
{
    (void)line;
    (void)on;
    return gpio_available(err);
}
