/* SPDX-License-Identifier: MIT */
/* gpio: a line of this machine, with a relay or a transistor behind it. It is ours (and off) from
 * the start on, and stays ours: what a line does that was given back is the kernel's choice. */
#include "capture/gpio.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/light/driver.h"

#include <errno.h>

struct gpio_light {
    const struct light_settings *settings;
    struct gpio_line *line; /* NULL: it could not be had */
};

static void gpio_check(const struct light_settings *settings, struct conf *conf, size_t index)
{
    struct error err;

    if (settings->line < 0)
        conf_problem(conf, &light_table, index, "line",
                     "is required for kind = \"gpio\": the number that gpioinfo shows");
    if (gpio_available(&err) < 0)
        conf_problem(conf, &light_table, index, "kind", "%s", err.text);
}

static int get_line(struct gpio_light *light, struct error *err)
{
    const struct light_settings *settings = light->settings;

    if (light->line)
        return 0;
    return gpio_line_open(&(struct gpio_config){.chip = settings->chip,
                                                .line = (unsigned)settings->line,
                                                .active_low = settings->active_low,
                                                .consumer = "lapsed"},
                          &light->line, err);
}

static void *gpio_open(struct light_port *port, const struct light_rooms *rooms,
                       const struct light_settings *settings)
{
    struct gpio_light *light = xcalloc(1, sizeof(*light));
    struct error err = {0};

    (void)port;
    (void)rooms;
    light->settings = settings;
    if (get_line(light, &err) < 0)
        log_warn("light.no_line", "light=%s error=\"%s\"", settings->id, err.text);
    return light;
}

static void gpio_close(void *driver)
{
    struct gpio_light *light = driver;

    gpio_line_close(light->line);
    free_p(&light);
}

/* A chip that was unplugged takes its lines with it: the next try opens it anew. */
static int gpio_set(void *driver, bool on, struct error *err)
{
    struct gpio_light *light = driver;
    int rc = get_line(light, err);

    if (rc < 0)
        return rc;
    rc = gpio_line_set(light->line, on, err);
    if (rc == 0)
        return 1;
    gpio_line_close(TAKE(light->line));
    return rc;
}

static const char *const keys[] = {"chip", "line", "active_low", NULL};

const struct light_driver light_gpio_driver = {
    .kind = "gpio",
    .keys = keys,
    .check = gpio_check,
    .open = gpio_open,
    .close = gpio_close,
    .set = gpio_set,
};
