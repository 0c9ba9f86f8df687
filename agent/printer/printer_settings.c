/* SPDX-License-Identifier: MIT */
/* printer_settings: the kinds, the rows of a printer in the configuration, and the words of the
 * contract. A new kind is a line in each of the first two tables, in the same order. */
#include "agent/printer/driver.h"

const char *const printer_kinds[] = {"duet", NULL};

static const struct printer_driver *const drivers[] = {&printer_duet_driver};

const struct printer_driver *printer_find_driver(int kind)
{
    return drivers[kind];
}

#define FIELD(name) offsetof(struct printer_settings, name)

static const struct conf_field fields[] = {
    {.key = "id",
     .type = CONF_ID,
     .offset = FIELD(id),
     .flags = CONF_REQUIRED,
     .help = "name of the printer in topics and in the units that use it"},
    {.key = "kind",
     .type = CONF_ENUM,
     .offset = FIELD(kind),
     .fallback = "duet",
     .choices = printer_kinds,
     .help = "duet: a Duet with RepRapFirmware 3.3 or later, without an SBC"},
    {.key = "url",
     .type = CONF_URL,
     .offset = FIELD(url),
     .flags = CONF_REQUIRED,
     .help = "where its web server answers: http://host or http://host:port"},
    {.key = "password",
     .type = CONF_SECRET,
     .offset = FIELD(password),
     .help = "the printer's own password (M551); none by default"},
    {.key = "poll_idle_ms",
     .type = CONF_INT,
     .offset = FIELD(poll_idle_ms),
     .fallback = "2000",
     .min = 250,
     .max = 7000,
     .unit = "ms",
     .flags = CONF_RELOAD,
     .help = "between two looks at a printer that does not print"},
    {.key = "poll_printing_ms",
     .type = CONF_INT,
     .offset = FIELD(poll_printing_ms),
     .fallback = "250",
     .min = 100,
     .max = 5000,
     .unit = "ms",
     .flags = CONF_RELOAD,
     .help = "between two looks at a job: how late a new layer may be noticed"},
    {.key = "request_timeout_ms",
     .type = CONF_INT,
     .offset = FIELD(request_timeout_ms),
     .fallback = "2700",
     .min = 500,
     .max = 30000,
     .unit = "ms",
     .flags = CONF_RELOAD,
     .help = "an answer that takes longer does not count"},
    {.key = "pause_timeout_ms",
     .type = CONF_INT,
     .offset = FIELD(pause_timeout_ms),
     .fallback = "15000",
     .min = 1000,
     .max = 120000,
     .unit = "ms",
     .flags = CONF_RELOAD,
     .help = "from the pause command to a head that stands; then the frame is taken without"},
    {.key = "max_hold_ms",
     .type = CONF_INT,
     .offset = FIELD(max_hold_ms),
     .fallback = "30000",
     .min = 1000,
     .max = 300000,
     .unit = "ms",
     .flags = CONF_RELOAD,
     .help = "a printer held still for longer is let go, whatever the camera does"},
};

const struct conf_table printer_table = {
    .name = "printers",
    .fields = fields,
    .field_count = ARRAY_LEN(fields),
    .help = "the printers that units watch",
};

void printer_settings_check(const struct printer_settings *settings, struct conf *conf,
                            size_t index)
{
    printer_find_driver(settings->kind)->check(settings, conf, index);
}

static const char *const state_names[] = {
    [PRINTER_OFFLINE] = "offline",   [PRINTER_IDLE] = "idle",
    [PRINTER_BUSY] = "busy",         [PRINTER_PRINTING] = "printing",
    [PRINTER_PAUSING] = "pausing",   [PRINTER_PAUSED] = "paused",
    [PRINTER_RESUMING] = "resuming", [PRINTER_CANCELLING] = "cancelling",
    [PRINTER_FINISHED] = "finished", [PRINTER_ERROR] = "error",
};

static const char *const end_names[] = {
    [PRINTER_JOB_DONE] = "done",
    [PRINTER_JOB_CANCELLED] = "cancelled",
    [PRINTER_JOB_LOST] = "lost",
};

const char *printer_state_name(enum printer_state state)
{
    return state_names[state];
}

const char *printer_job_end_name(enum printer_job_end end)
{
    return end_names[end];
}
