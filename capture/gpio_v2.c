/* SPDX-License-Identifier: MIT */
/* gpio_v2: libgpiod 2.x (libgpiod.readthedocs.io, core C API). */
#include "capture/gpio.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <gpiod.h>
#include <string.h>

struct gpio_line {
    struct gpiod_line_request *request;
    unsigned offset;
    char *name;
};

int gpio_available(struct error *err)
{
    error_clear(err);
    return 0;
}

static struct gpiod_line_config *line_config_of(const struct gpio_config *config)
{
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    bool ok = settings && lines &&
              gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT) == 0 &&
              gpiod_line_settings_set_output_value(settings, GPIOD_LINE_VALUE_INACTIVE) == 0;

    if (ok) {
        gpiod_line_settings_set_active_low(settings, config->active_low);
        ok = gpiod_line_config_add_line_settings(lines, &config->line, 1, settings) == 0;
    }
    if (settings)
        gpiod_line_settings_free(settings);
    if (!ok && lines)
        gpiod_line_config_free(TAKE(lines));
    return lines;
}

static struct gpiod_line_request *request(const struct gpio_config *config, struct gpiod_chip *chip)
{
    struct gpiod_request_config *names = gpiod_request_config_new();
    struct gpiod_line_config *lines = line_config_of(config);
    struct gpiod_line_request *made = NULL;
    int code;

    if (names && lines) {
        gpiod_request_config_set_consumer(names, config->consumer);
        made = gpiod_chip_request_lines(chip, names, lines);
    }
    code = errno;
    if (names)
        gpiod_request_config_free(names);
    if (lines)
        gpiod_line_config_free(lines);
    errno = code;
    return made;
}

int gpio_line_open(const struct gpio_config *config, struct gpio_line **ret_line, struct error *err)
{
    struct gpiod_chip *chip = gpiod_chip_open(config->chip);
    struct gpiod_line_request *made;
    struct gpio_line *line;
    int code;

    if (!chip)
        return error_set(err, -errno, "%s: %s", config->chip, strerror(errno));
    made = request(config, chip);
    code = errno;
    gpiod_chip_close(chip);
    if (!made)
        return error_set(err, -code, "%s line %u: %s", config->chip, config->line, strerror(code));
    line = xcalloc(1, sizeof(*line));
    line->request = made;
    line->offset = config->line;
    line->name = xasprintf("%s line %u", config->chip, config->line);
    *ret_line = line;
    return 0;
}

void gpio_line_close(struct gpio_line *line)
{
    if (!line)
        return;
    (void)gpiod_line_request_set_value(line->request, line->offset, GPIOD_LINE_VALUE_INACTIVE);
    gpiod_line_request_release(line->request);
    free_p(&line->name);
    free_p(&line);
}

int gpio_line_set(struct gpio_line *line, bool on, struct error *err)
{
    enum gpiod_line_value value = on ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;

    if (gpiod_line_request_set_value(line->request, line->offset, value) < 0)
        return error_set(err, -errno, "%s: %s", line->name, strerror(errno));
    return 0;
}
