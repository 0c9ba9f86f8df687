/* SPDX-License-Identifier: MIT */
#include "agent/ctl/fleet.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/say.h"
#include "agent/ctl/text.h"

#include <stdlib.h>
#include <string.h>

enum { CELL_MAX_BYTES = 512, STATES_MAX = 8 };

/* What deserves a line when there are not enough. */
enum rank { RANK_PROBLEM, RANK_OFFLINE, RANK_BUSY, RANK_QUIET, RANK_COUNT };

bool ctl_fleet_has(const struct ctl_options *options, const struct ctl_agent *agent)
{
    const cJSON *groups = json_get(agent->info, "groups");

    if (!agent->announced)
        return false;
    if (!options->group)
        return true;
    for (const cJSON *group = json_first(groups); group; group = json_next(group))
        if (str_equal(json_string(group), options->group))
            return true;
    return false;
}

int ctl_fleet_nobody(const struct ctl_options *options)
{
    if (options->group)
        return ctl_fail(options, CTL_NO_ANSWER,
                        "no agent on this broker is in the group '%s'; groups stand in the"
                        " agent's configuration: agent = { groups = [ … ] }",
                        options->group);
    return ctl_fail(options, CTL_NO_ANSWER,
                    "no agent was ever seen on this broker below '%s'; is lapsed running, and"
                    " with this broker and prefix? (--prefix)",
                    options->mqtt.prefix);
}

/* --- one agent --- */

struct tally {
    char *state;
    size_t count;
};

static void tally_add(struct tally *tallies, char *state)
{
    size_t at = 0;

    while (at + 1 < STATES_MAX && tallies[at].state && !str_equal(tallies[at].state, state))
        at++;
    if (tallies[at].state)
        free(state);
    else
        tallies[at].state = state;
    tallies[at].count++;
}

/* "2 capturing, 1 waiting"; one unit alone: "capturing". */
static char *states_text(const struct ctl_agent *agent, enum ctl_room room)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(CELL_MAX_BYTES);
    struct tally tallies[STATES_MAX] = {0};
    struct ctl_thing *thing;
    size_t count = 0;
    int rc = 0;

    LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
    {
        tally_add(tallies, ctl_text(thing->status, "state"));
        count++;
    }
    for (size_t i = 0; i < STATES_MAX && tallies[i].state; i++) {
        if (rc == 0 && count == 1)
            rc = buf_printf(&buf, "%s", tallies[i].state);
        else if (rc == 0)
            rc =
                buf_printf(&buf, "%s%zu %s", i > 0 ? ", " : "", tallies[i].count, tallies[i].state);
        free(tallies[i].state);
    }
    return xstrdup(count > 0 ? buf_text(&buf) : "-");
}

static char *jobs_text(const cJSON *status)
{
    int64_t running = 0, queued = 0;

    if (!json_get_int(status, "jobs.running", &running))
        return xstrdup("-");
    (void)json_get_int(status, "jobs.queued", &queued);
    return queued > 0 ? xasprintf("%lld + %lld", (long long)running, (long long)queued)
                      : xasprintf("%lld", (long long)running);
}

static size_t count_problems(const struct ctl_agent *agent, const char **ret_first)
{
    const char *message = json_get_string(agent->status, "error.message");
    size_t count = message != NULL;
    struct ctl_thing *thing;

    *ret_first = message;
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
        {
            message = json_get_string(thing->status, "error.message");
            if (message && count++ == 0)
                *ret_first = message;
        }
    return count;
}

static char *problems_text(const struct ctl_agent *agent)
{
    const char *first;
    size_t count = count_problems(agent, &first);
    CLEANUP(free_p) char *clean = ctl_text_clean(first);

    if (count == 0)
        return xstrdup("-");
    return count == 1 ? xstrdup(clean) : xasprintf("%s (and %zu more)", clean, count - 1);
}

char *ctl_fleet_line(const struct ctl_agent *agent)
{
    CLEANUP(free_p) char *units = states_text(agent, CTL_UNITS);
    CLEANUP(free_p) char *jobs = jobs_text(agent->status);
    CLEANUP(free_p) char *problems = problems_text(agent);

    if (!agent->online)
        return xstrdup("offline");
    return xasprintf(
        "online  units %s  jobs %s%s%s", units, jobs,
        str_equal(problems, "-") ? "" : "  problem: ", str_equal(problems, "-") ? "" : problems);
}

static enum rank rank_of(const struct ctl_agent *agent)
{
    const char *first;
    struct ctl_thing *unit;

    if (!agent->online)
        return RANK_OFFLINE;
    if (count_problems(agent, &first) > 0)
        return RANK_PROBLEM;
    LIST_FOR_EACH(&agent->things[CTL_UNITS], unit, struct ctl_thing, link)
    {
        const char *state = json_get_string(unit->status, "state");

        if (state && !str_equal(state, "standby") && !str_equal(state, "waiting"))
            return RANK_BUSY;
    }
    return RANK_QUIET;
}

/* --- the table --- */

static void add_head(struct ctl_table *table)
{
    static const char *const titles[] = {"AGENT", "STATE",     "UNITS",   "PRINTERS",
                                         "JOBS",  "DISK LEFT", "VERSION", "PROBLEMS"};

    ctl_table_row(table);
    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        ctl_table_cell(table, xstrdup(titles[i]), CTL_BOLD);
}

static void add_agent(struct ctl_table *table, const struct ctl_agent *agent)
{
    const char *state = agent->online ? "online" : "offline";
    const char *first;
    bool troubled = agent->online && count_problems(agent, &first) > 0;

    ctl_table_row(table);
    ctl_table_cell(table, xstrdup(agent->id), CTL_PLAIN);
    ctl_table_cell(table, xstrdup(state), ctl_colour_of_state(state));
    ctl_table_cell(table, states_text(agent, CTL_UNITS), CTL_PLAIN);
    ctl_table_cell(table, states_text(agent, CTL_PRINTERS), CTL_PLAIN);
    ctl_table_cell(table, jobs_text(agent->status), CTL_PLAIN);
    ctl_table_cell(table, ctl_text_bytes(agent->status, "disk.free_bytes"), CTL_PLAIN);
    ctl_table_cell(table, ctl_text(agent->info, "version"), CTL_PLAIN);
    ctl_table_cell(table, problems_text(agent), troubled ? CTL_BAD : CTL_PLAIN);
}

static size_t count_agents(const struct ctl *ctl, size_t *ret_online)
{
    struct ctl_agent *agent;
    size_t count = 0;

    *ret_online = 0;
    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    if (ctl_fleet_has(ctl->options, agent)) {
        *ret_online += agent->online;
        count++;
    }
    return count;
}

/* Those of one rank, or all of them with RANK_COUNT. */
static size_t add_agents(const struct ctl *ctl, struct ctl_table *table, enum rank rank,
                         size_t most)
{
    struct ctl_agent *agent;
    size_t added = 0;

    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    {
        if (added == most)
            return added;
        if (!ctl_fleet_has(ctl->options, agent) || (rank != RANK_COUNT && rank_of(agent) != rank))
            continue;
        add_agent(table, agent);
        added++;
    }
    return added;
}

size_t ctl_fleet_print(const struct ctl *ctl, size_t max_lines, FILE *out)
{
    struct ctl_table *table = ctl_table_new();
    size_t online, count = count_agents(ctl, &online), shown = 0;
    size_t room = max_lines > 3 ? max_lines - 2 : 1; /* without the head and the sum */

    add_head(table);
    if (count <= room)
        shown = add_agents(ctl, table, RANK_COUNT, count);
    else
        for (int rank = 0; rank < RANK_COUNT; rank++)
            shown += add_agents(ctl, table, (enum rank)rank, room - shown);
    ctl_table_print(table, ctl->options->colours, out);
    ctl_table_free(table);
    fprintf(out, "%zu agent%s, %zu online", count, count == 1 ? "" : "s", online);
    if (shown < count)
        fprintf(out, "; %zu quiet ones are not shown", count - shown);
    fputc('\n', out);
    return count;
}

/* --- for programs --- */

static void add_copy(cJSON *json, const char *key, const cJSON *value)
{
    if (value)
        json_add(json, key, json_copy(value));
    else
        json_add_null(json, key);
}

void ctl_fleet_print_json(const struct ctl_agent *agent)
{
    static const char *const names[] = {[CTL_UNITS] = "units",
                                        [CTL_PRINTERS] = "printers",
                                        [CTL_CAMERAS] = "cameras",
                                        [CTL_LIGHTS] = "lights"};
    cJSON *json = json_object();
    struct ctl_thing *thing;

    json_add_string(json, "agent", agent->id);
    json_add_bool(json, "online", agent->online);
    add_copy(json, "info", agent->info);
    add_copy(json, "status", agent->status);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++) {
        cJSON *things = json_add_object(json, names[room]);

        LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
        add_copy(things, thing->id, thing->status);
    }
    ctl_print_json(json);
    json_free(json);
}
