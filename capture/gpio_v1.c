/* SPDX-License-Identifier: MIT */
/* gpio_v1: libgpiod 1.x (git.kernel.org/pub/scm/libs/libgpiod, branch v1.6.x). */
#include "capture/gpio.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <gpiod.h>
#include <string.h>

struct gpio_line {
    struct gpiod_chip *chip; /* closing it gives the line back */
    struct gpiod_line *line;
    char *name;
};

int gpio_available(struct error *err)
{
    error_clear(err);
    return 0;
}

static int request(const struct gpio_config *config, struct gpio_line *line, struct error *err)
{
    int flags = config->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;

    line->chip = gpiod_chip_open(config->chip);
    if (!line->chip)
        return error_set(err, -errno, "%s: %s", config->chip, strerror(errno));
    line->line = gpiod_chip_get_line(line->chip, config->line);
    if (!line->line)
        return error_set(err, -EINVAL, "%s has no line %u: it has %u", config->chip, config->line,
                         gpiod_chip_num_lines(line->chip));
    if (gpiod_line_request_output_flags(line->line, config->consumer, flags, 0) < 0)
        return error_set(err, -errno, "%s: %s", line->name, strerror(errno));
    return 0;
}

int gpio_line_open(const struct gpio_config *config, struct gpio_line **ret_line, struct error *err)
{
    struct gpio_line *line = xcalloc(1, sizeof(*line));
    int rc;

    line->name = xasprintf("%s line %u", config->chip, config->line);
    rc = request(config, line, err);
    if (rc < 0)
        gpio_line_close(line);
    else
        *ret_line = line;
    return rc;
}

void gpio_line_close(struct gpio_line *line)
{
    if (!line)
        return;
    if (line->line && gpiod_line_is_requested(line->line))
        (void)gpiod_line_set_value(line->line, 0);
    if (line->chip)
        gpiod_chip_close(line->chip);
    free_p(&line->name);
    free_p(&line);
}

int gpio_line_set(struct gpio_line *line, bool on, struct error *err)
{
    if (gpiod_line_set_value(line->line, on) < 0)
        return error_set(err, -errno, "%s: %s", line->name, strerror(errno));
    return 0;
}
