/* SPDX-License-Identifier: MIT */
/* lapsectl status: waits for the retained topics and shows them as small tables. */
#include "agent/ctl/commands.h"
#include "agent/ctl/fleet.h"
#include "agent/ctl/say.h"
#include "agent/ctl/table.h"
#include "agent/ctl/task.h"
#include "agent/ctl/text.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>

static void head(struct ctl_table *table, const char *const *titles)
{
    ctl_table_row(table);
    for (size_t i = 0; titles[i]; i++)
        ctl_table_cell(table, xstrdup(titles[i]), CTL_BOLD);
}

static void cell(struct ctl_table *table, char *text)
{
    ctl_table_cell(table, text, CTL_PLAIN);
}

static void state_cell(struct ctl_table *table, char *state)
{
    ctl_table_cell(table, state, ctl_colour_of_state(state));
}

static char *connected_text(const cJSON *json)
{
    bool connected;

    if (!json_get_bool(json, "connected", &connected))
        return xstrdup("-");
    return xstrdup(connected ? "connected" : "disconnected");
}

/* --- rows --- */

static void unit_row(struct ctl_table *table, const struct ctl_thing *unit)
{
    const cJSON *json = unit->status;

    cell(table, xstrdup(unit->id));
    state_cell(table, ctl_text(json, "state"));
    state_cell(table, ctl_text(json, "printer.state"));
    cell(table, ctl_text_of(json, "printer.layer", "printer.layers"));
    cell(table, ctl_text_number(json, "printer.progress", 1, "%"));
    cell(table, ctl_text_int(json, "session.frames"));
    cell(table, ctl_text_int(json, "session.missed"));
    cell(table, ctl_text_number(json, "session.video_s", 1, "s"));
    cell(table, ctl_text_ago(json, "session.last_frame_at"));
    cell(table, ctl_text_number(json, "build.progress", 0, "%"));
}

/* The current values only; a table has little room. */
static char *temperatures_text(const cJSON *json)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1024);
    const cJSON *heaters = json_get(json, "temperatures");

    for (const cJSON *heater = json_first(heaters); heater; heater = json_next(heater)) {
        CLEANUP(free_p) char *name = ctl_text_clean(json_key(heater));
        double current;

        if (json_get_number(heater, "current", &current) &&
            buf_printf(&text, "%s%s %.0f", text.len > 0 ? ", " : "", name, current) < 0)
            break;
    }
    return xstrdup(text.len > 0 ? buf_text(&text) : "-");
}

static void printer_row(struct ctl_table *table, const struct ctl_thing *printer)
{
    const cJSON *json = printer->status;

    cell(table, xstrdup(printer->id));
    state_cell(table, ctl_text(json, "state"));
    cell(table, ctl_text(json, "job.file"));
    cell(table, ctl_text_of(json, "job.layer", "job.layers"));
    cell(table, ctl_text_number(json, "job.progress", 1, "%"));
    cell(table, ctl_text_duration(json, "job.remaining_s"));
    cell(table, temperatures_text(json));
}

static void camera_row(struct ctl_table *table, const struct ctl_thing *camera)
{
    const cJSON *json = camera->status;
    CLEANUP(free_p) char *width = ctl_text_int(json, "size.width");
    CLEANUP(free_p) char *height = ctl_text_int(json, "size.height");
    char *connected = connected_text(json);

    cell(table, xstrdup(camera->id));
    state_cell(table, connected);
    cell(table, ctl_text(json, "kind"));
    cell(table, str_equal(width, "-") ? xstrdup("-") : xasprintf("%sx%s", width, height));
    cell(table, ctl_text_ago(json, "last_frame_at"));
    cell(table, ctl_text_number(json, "latency_ms", 0, "ms"));
    cell(table, ctl_text_int(json, "failures"));
}

static void light_row(struct ctl_table *table, const struct ctl_thing *light)
{
    const cJSON *json = light->status;

    cell(table, xstrdup(light->id));
    state_cell(table, ctl_text(json, "state"));
    cell(table, ctl_text(json, "kind"));
    cell(table, ctl_text_int(json, "users"));
}

static const struct {
    const char *titles[CTL_TABLE_COLUMNS + 1];
    void (*row)(struct ctl_table *table, const struct ctl_thing *thing);
} rooms[CTL_ROOM_COUNT] = {
    [CTL_UNITS] = {{"UNIT", "STATE", "PRINTER", "LAYER", "PROGRESS", "FRAMES", "MISSED", "VIDEO",
                    "LAST FRAME", "BUILD"},
                   unit_row},
    [CTL_PRINTERS] = {{"PRINTER", "STATE", "JOB", "LAYER", "PROGRESS", "LEFT", "TEMPERATURES"},
                      printer_row},
    [CTL_CAMERAS] = {{"CAMERA", "STATE", "KIND", "SIZE", "LAST PICTURE", "LATENCY", "FAILURES"},
                     camera_row},
    [CTL_LIGHTS] = {{"LIGHT", "STATE", "KIND", "USERS"}, light_row},
};

static void print_room(const struct ctl_agent *agent, enum ctl_room room, bool colours)
{
    struct ctl_table *table;
    struct ctl_thing *thing;

    if (list_empty(&agent->things[room]))
        return;
    table = ctl_table_new();
    head(table, rooms[room].titles);
    LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
    {
        ctl_table_row(table);
        rooms[room].row(table, thing);
    }
    fputc('\n', stdout);
    ctl_table_print(table, colours, stdout);
    ctl_table_free(table);
}

/* --- the agent --- */

static void print_agent_line(const struct ctl_agent *agent, bool colours)
{
    static const char *const titles[] = {"AGENT", "STATE",   "VERSION", "DISK LEFT",
                                         "JOBS",  "REFUSED", NULL};
    struct ctl_table *table = ctl_table_new();

    head(table, titles);
    ctl_table_row(table);
    cell(table, xstrdup(agent->id));
    state_cell(table, xstrdup(agent->online ? "online" : "offline"));
    cell(table, ctl_text(agent->info, "version"));
    cell(table, ctl_text_bytes(agent->status, "disk.free_bytes"));
    cell(table, ctl_text_int(agent->status, "jobs.running"));
    cell(table, ctl_text_int(agent->status, "refused_commands"));
    ctl_table_print(table, colours, stdout);
    ctl_table_free(table);
}

static void print_error(const char *what, const char *id, const cJSON *json, bool colours)
{
    const char *message = json_get_string(json, "error.message");
    CLEANUP(free_p) char *clean = ctl_text_clean(message);

    if (message)
        printf("%s%s %s: %s%s\n", ctl_colour_on(CTL_BAD, colours), what, id, clean,
               ctl_colour_off(CTL_BAD, colours));
}

static void print_errors(const struct ctl_agent *agent, bool colours)
{
    static const char *const names[] = {[CTL_UNITS] = "unit",
                                        [CTL_PRINTERS] = "printer",
                                        [CTL_CAMERAS] = "camera",
                                        [CTL_LIGHTS] = "light"};
    struct ctl_thing *thing;

    print_error("agent", agent->id, agent->status, colours);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
    print_error(names[room], thing->id, thing->status, colours);
}

static void print_agent(const struct ctl_agent *agent, bool colours)
{
    print_agent_line(agent, colours);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        print_room(agent, (enum ctl_room)room, colours);
    print_errors(agent, colours);
}

static void print_agent_json(const struct ctl_agent *agent)
{
    struct ctl_thing *thing;

    ctl_print_json(agent->info);
    ctl_print_json(agent->status);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
    ctl_print_json(thing->status);
}

/* --- the task --- */

static int no_agent(const struct ctl_options *options)
{
    if (options->agent)
        return ctl_fail(options, CTL_NO_ANSWER,
                        "no agent '%s' was ever seen on this broker below '%s'; plain 'lapsectl"
                        " status' shows those that were",
                        options->agent, options->mqtt.prefix);
    return ctl_fail(options, CTL_NO_ANSWER,
                    "no agent was ever seen on this broker below '%s'; is lapsed running,"
                    " and with this broker and prefix? (--prefix)",
                    options->mqtt.prefix);
}

static void show_fleet(struct ctl *ctl)
{
    struct ctl_agent *agent;
    size_t count = 0;

    if (!ctl->options->json)
        count = ctl_fleet_print(ctl, SIZE_MAX, stdout);
    else
        LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    if (ctl_fleet_has(ctl->options, agent)) {
        ctl_fleet_print_json(agent);
        count++;
    }
    ctl_exit(ctl, count > 0 ? CTL_OK : ctl_fleet_nobody(ctl->options));
}

static void on_settled(struct ctl *ctl)
{
    struct ctl_agent *agent;
    bool first = true;

    if (ctl_options_many(ctl->options)) {
        show_fleet(ctl);
        return;
    }

    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    {
        if (ctl->options->json) {
            print_agent_json(agent);
        } else {
            if (!first)
                fputs("\n", stdout);
            print_agent(agent, ctl->options->colours);
        }
        first = false;
    }
    ctl_exit(ctl, first ? no_agent(ctl->options) : CTL_OK);
}

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    (void)ctl;
    (void)news;
}

static void on_deadline(struct ctl *ctl)
{
    ctl_exit(ctl, CTL_NO_ANSWER);
}

int ctl_status(const struct ctl_options *options, char **words, int word_count)
{
    static const char *const filters[] = {
        "availability",    "info",           "status", "unit/+/status", "printer/+/status",
        "camera/+/status", "light/+/status", NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_complete,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline};

    if (word_count > 0)
        return ctl_fail(options, CTL_USAGE, "status takes no argument, but there is '%s'",
                        words[0]);
    return ctl_run(options, &task, NULL);
}
