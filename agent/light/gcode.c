/* SPDX-License-Identifier: MIT */
/* gcode: a lamp at the printer, switched by lines that the operator wrote (RepRapFirmware: "M42 P1
 * S1"). They go the same way as the pauses, and count as done when the printer has dealt with
 * them. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/light/driver.h"

#include <errno.h>
#include <string.h>

struct gcode_light {
    struct light_port *port;
    const struct light_settings *settings;
    const struct devices *devices;
    struct printer_gcode *under_way;
    bool missed; /* the printer was away when it was needed */
};

static void check_lines(const char *lines, const char *key, struct conf *conf, size_t index)
{
    if (!lines || !*lines)
        conf_problem(conf, &light_table, index, key,
                     "is required for kind = \"gcode\": the G-code, such as \"M42 P1 S1\"");
    else if (strlen(lines) > PRINTER_GCODE_MAX)
        conf_problem(conf, &light_table, index, key, "is longer than %d bytes", PRINTER_GCODE_MAX);
}

static void gcode_check(const struct light_settings *settings, struct conf *conf, size_t index)
{
    if (!settings->printer)
        conf_problem(conf, &light_table, index, "printer",
                     "is required for kind = \"gcode\": the id of one in printers");
    check_lines(settings->on, "on", conf, index);
    check_lines(settings->off, "off", conf, index);
}

static void *gcode_open(struct light_port *port, const struct light_rooms *rooms,
                        const struct light_settings *settings)
{
    struct gcode_light *light = xcalloc(1, sizeof(*light));

    *light = (struct gcode_light){.port = port, .settings = settings, .devices = rooms->devices};
    return light;
}

static void gcode_close(void *driver)
{
    struct gcode_light *light = driver;

    printer_gcode_cancel(light->under_way);
    free_p(&light);
}

static void on_done(int result, const struct error *err, void *user)
{
    struct gcode_light *light = user;

    light->under_way = NULL;
    light->missed = result < 0;
    light_port_answer(light->port, result, err);
}

static int gcode_set(void *driver, bool on, struct error *err)
{
    struct gcode_light *light = driver;
    const struct light_settings *settings = light->settings;
    struct printer *printer = devices_find_printer(light->devices, settings->printer);

    light->missed = printer_get_view(printer)->state == PRINTER_OFFLINE;
    if (light->missed)
        return error_set(err, -EHOSTUNREACH, "the printer '%s' does not answer", settings->printer);
    printer_gcode_cancel(light->under_way);
    light->under_way =
        printer_send_gcode(printer, on ? settings->on : settings->off, on_done, light);
    return 0;
}

static void gcode_on_printer(void *driver, const struct printer *printer)
{
    struct gcode_light *light = driver;

    if (!light->missed || !str_equal(light->settings->printer, printer_id(printer)) ||
        printer_get_view(printer)->state == PRINTER_OFFLINE)
        return;
    light->missed = false;
    light_port_reachable(light->port);
}

static const char *const keys[] = {"printer", "on", "off", NULL};

const struct light_driver light_gcode_driver = {
    .kind = "gcode",
    .keys = keys,
    .check = gcode_check,
    .open = gcode_open,
    .close = gcode_close,
    .set = gcode_set,
    .on_printer = gcode_on_printer,
};
