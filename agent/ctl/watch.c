/* SPDX-License-Identifier: MIT */
/* lapsectl watch: one line for each unit, or with --all and --group for each agent. On a terminal
 * the lines are drawn over in place and what happened scrolls by above them; in a pipe or file a
 * line is written when it changed. */
#include "agent/ctl/commands.h"
#include "agent/ctl/fleet.h"
#include "agent/ctl/say.h"
#include "agent/ctl/table.h"
#include "agent/ctl/task.h"
#include "agent/ctl/text.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_MS = 250 };

struct watch_line {
    struct list link;
    char *key;  /* agent/unit */
    char *text; /* as last written */
};

struct watch_data {
    const char *unit; /* NULL: all */
    bool terminal;
    bool fleet;   /* agents instead of units */
    size_t drawn; /* lines of the block on the terminal */
    struct list lines;
};

/* --- one unit --- */

/* "  layer 57/120  42.3 %", "  printer paused  layer …" or "" */
static char *printer_part(const cJSON *json)
{
    CLEANUP(free_p) char *state = ctl_text(json, "printer.state");
    CLEANUP(free_p) char *layer = ctl_text_of(json, "printer.layer", "printer.layers");
    CLEANUP(free_p) char *progress = ctl_text_number(json, "printer.progress", 1, "%");

    if (!json_is_object(json_get(json, "printer")))
        return xstrdup("");
    if (str_equal(state, "printing")) /* as one expects: the line must fit 80 columns */
        return xasprintf("  layer %-7s %7s", layer, progress);
    return xasprintf("  printer %s  layer %-7s %7s", state, layer, progress);
}

static char *session_part(const cJSON *json)
{
    CLEANUP(free_p) char *frames = ctl_text_int(json, "session.frames");
    CLEANUP(free_p) char *video = ctl_text_number(json, "session.video_s", 1, "s");
    int64_t missed = 0;

    if (!json_is_object(json_get(json, "session")))
        return xstrdup("");
    (void)json_get_int(json, "session.missed", &missed);
    if (missed > 0)
        return xasprintf("  frames %-5s (%lld missed)  video %-8s", frames, (long long)missed,
                         video);
    return xasprintf("  frames %-5s video %-8s", frames, video);
}

static char *build_part(const cJSON *json)
{
    CLEANUP(free_p) char *kind = ctl_text(json, "build.kind");
    CLEANUP(free_p) char *progress = ctl_text_number(json, "build.progress", 0, "%");

    if (!json_is_string(json_get(json, "build.kind")))
        return xstrdup("");
    return xasprintf("  building %s %s", kind, progress);
}

static char *error_part(const cJSON *json)
{
    CLEANUP(free_p) char *message = ctl_text_clean(json_get_string(json, "error.message"));

    return message[0] ? xasprintf("  error: %s", message) : xstrdup("");
}

static char *unit_text(const struct ctl_agent *agent, const cJSON *json)
{
    CLEANUP(free_p) char *state = ctl_text(json, "state");
    CLEANUP(free_p) char *printer = printer_part(json);
    CLEANUP(free_p) char *session = session_part(json);
    CLEANUP(free_p) char *build = build_part(json);
    CLEANUP(free_p) char *error = error_part(json);
    char *text = xasprintf("%-9s%s%s%s%s%s", state, printer, session, build, error,
                           agent->online ? "" : "  (agent offline)");
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
    return text;
}

/* --- what happened --- */

static char *video_text(const char *what, const cJSON *json)
{
    CLEANUP(free_p) char *file = ctl_text(json, "file");
    CLEANUP(free_p) char *frames = ctl_text_int(json, "frames");
    CLEANUP(free_p) char *length = ctl_text_number(json, "duration_s", 1, "s");
    int64_t ready_ms;

    if (json_get_int(json, "ready_ms_after_end", &ready_ms))
        return xasprintf("%s: %s (%s frames, %s, ready %lld ms after the end)", what, file, frames,
                         length, (long long)ready_ms);
    return xasprintf("%s: %s (%s frames, %s)", what, file, frames, length);
}

static char *reason_text(const char *what, const cJSON *json, const char *path)
{
    CLEANUP(free_p) char *reason = ctl_text(json, path);

    return xasprintf("%s: %s", what, reason);
}

/* NULL: nothing that the lines do not say already. */
static char *event_text(const cJSON *json)
{
    const char *type = json_get_string(json, "event_type");

    if (str_equal(type, "session_started"))
        return reason_text("session started", json, "session");
    if (str_equal(type, "frame_missed"))
        return reason_text("frame missed", json, "error");
    if (str_equal(type, "video_ready"))
        return video_text("video ready", json);
    if (str_equal(type, "preview_ready"))
        return video_text("preview ready", json);
    if (str_equal(type, "video_failed"))
        return reason_text("video failed", json, "error");
    if (str_equal(type, "session_finished") || str_equal(type, "session_aborted") ||
        str_equal(type, "session_discarded"))
        return reason_text("session ended", json, "end");
    if (str_equal(type, "printer_attention"))
        return reason_text("printer needs attention", json, "message");
    return NULL;
}

/* --- writing --- */

static struct watch_line *find_line(struct watch_data *watch, const char *key)
{
    struct watch_line *line;

    LIST_FOR_EACH(&watch->lines, line, struct watch_line, link)
    if (str_equal(line->key, key))
        return line;
    line = xcalloc(1, sizeof(*line));
    line->key = xstrdup(key);
    list_append(&watch->lines, &line->link);
    return line;
}

static void lines_free(struct watch_data *watch)
{
    struct watch_line *line;

    LIST_FOR_EACH(&watch->lines, line, struct watch_line, link)
    {
        free(line->key);
        free(line->text);
        free(line);
    }
}

static struct winsize terminal_size(void)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    return size;
}

static void erase_block(struct watch_data *watch)
{
    if (watch->drawn > 0)
        printf("\033[%zuA\r\033[J", watch->drawn);
    watch->drawn = 0;
}

/* A line that wraps could not be drawn over. */
static void draw_line(struct watch_data *watch, const char *text, size_t columns)
{
    printf("%.*s%s\n", (int)ctl_text_fit(text, columns - 1), text,
           ctl_colour_off(CTL_BAD, strchr(text, '\033') != NULL));
    watch->drawn++;
}

static void draw_block(struct watch_data *watch)
{
    size_t columns = terminal_size().ws_col;
    struct watch_line *line;

    LIST_FOR_EACH(&watch->lines, line, struct watch_line, link)
    {
        CLEANUP(free_p) char *text = xasprintf("%s  %s", line->key, line->text);

        draw_line(watch, text, columns);
    }
    fflush(stdout);
}

/* All agents, as many as the terminal has lines for. */
static void draw_fleet(struct ctl *ctl)
{
    struct watch_data *watch = ctl->data;
    struct winsize size = terminal_size();
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    char *rest, *line;

    if (!out)
        abort();
    ctl_fleet_print(ctl, size.ws_row - 1U, out);
    fclose(out);
    erase_block(watch);
    rest = text;
    while ((line = strsep(&rest, "\n")) && rest)
        draw_line(watch, line, size.ws_col);
    fflush(stdout);
}

static void write_line(const char *key, const char *text)
{
    char now[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(clock_wall_ms(), now);
    printf("%.8s  %s  %s\n", now + strlen("2026-01-31T"), key, text);
}

static void show_state(struct watch_data *watch, const char *key, char *text)
{
    struct watch_line *line = find_line(watch, key);

    if (str_equal(line->text, text)) {
        free(text);
        return;
    }
    free(line->text);
    line->text = text;
    if (!watch->terminal) {
        write_line(key, text);
        fflush(stdout);
        return;
    }
    erase_block(watch);
    draw_block(watch);
}

static void show_event(struct watch_data *watch, const char *key, const char *text)
{
    erase_block(watch);
    write_line(key, text);
    if (watch->terminal && !watch->fleet)
        draw_block(watch);
    fflush(stdout);
}

/* --- the task --- */

static void show_agent(struct watch_data *watch, const struct ctl_agent *agent)
{
    struct ctl_thing *unit;

    LIST_FOR_EACH(&agent->things[CTL_UNITS], unit, struct ctl_thing, link)
    {
        CLEANUP(free_p) char *key = xasprintf("%s/%s", agent->id, unit->id);

        if (!watch->unit || str_equal(watch->unit, unit->id))
            show_state(watch, key, unit_text(agent, unit->status));
    }
}

static void show_news(struct watch_data *watch, const struct ctl_news *news)
{
    CLEANUP(free_p) char *key = xasprintf("%s/%s", news->agent->id, news->id);
    CLEANUP(free_p) char *text = NULL;

    if (news->kind == TOPIC_AVAILABILITY) {
        show_agent(watch, news->agent);
        return;
    }
    if (watch->unit && !str_equal(watch->unit, news->id))
        return;
    if (news->kind == TOPIC_UNIT_STATUS)
        show_state(watch, key, unit_text(news->agent, news->json));
    if (news->kind == TOPIC_UNIT_EVENT)
        text = event_text(news->json);
    if (text)
        show_event(watch, key, text);
}

/* ctl.c finds the exit code for it. */
static void end_without_reader(struct ctl *ctl)
{
    if (ferror(stdout))
        ctl_exit(ctl, CTL_OK);
}

/* A fleet says a lot: drawn at most a few times a second. */
static void show_fleet_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct watch_data *watch = ctl->data;

    if (!ctl_fleet_has(ctl->options, news->agent))
        return;
    if (news->kind == TOPIC_UNIT_EVENT)
        show_news(watch, news);
    else if (!watch->terminal)
        show_state(watch, news->agent->id, ctl_fleet_line(news->agent));
    if (watch->terminal)
        ctl_tick_after(ctl, REDRAW_MS);
}

/* Of many agents each line says whose it is. */
static void print_change_json(const struct ctl *ctl, const struct ctl_news *news)
{
    cJSON *json;

    if (!ctl_fleet_has(ctl->options, news->agent) || (news->json && !json_is_object(news->json)))
        return;
    json = news->json ? json_copy(news->json) : json_object();
    if (!json_get(json, "agent"))
        json_add_string(json, "agent", news->agent->id);
    if (news->kind == TOPIC_AVAILABILITY)
        json_add_bool(json, "online", news->agent->online);
    ctl_print_json(json);
    json_free(json);
}

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct watch_data *watch = ctl->data;

    if (watch->fleet && !ctl->settled)
        return; /* only then it is known who belongs to the group */
    if (watch->fleet && ctl->options->json)
        print_change_json(ctl, news);
    else if (watch->fleet)
        show_fleet_news(ctl, news);
    else if (ctl->options->json)
        ctl_print_json(news->json);
    /* until all is there, an agent's availability may be behind its units' states */
    else if (ctl->settled)
        show_news(watch, news);
    end_without_reader(ctl);
}

static void show_first(struct ctl *ctl, const struct ctl_agent *agent)
{
    struct watch_data *watch = ctl->data;

    if (!watch->fleet)
        show_agent(watch, agent);
    else if (ctl_fleet_has(ctl->options, agent) && ctl->options->json)
        ctl_fleet_print_json(agent);
    else if (ctl_fleet_has(ctl->options, agent))
        show_state(watch, agent->id, ctl_fleet_line(agent));
}

static void on_settled(struct ctl *ctl)
{
    struct watch_data *watch = ctl->data;
    struct ctl_agent *agent;

    if (!ctl->options->json && watch->fleet && watch->terminal)
        draw_fleet(ctl);
    else if (!ctl->options->json || watch->fleet)
        LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    show_first(ctl, agent);
    if (list_empty(&ctl->world.agents))
        ctl_note(ctl->options, "no agent was seen yet; waiting for one");
    ctl_set_deadline(ctl, ctl->options->timeout_ms);
    end_without_reader(ctl);
}

static void on_deadline(struct ctl *ctl)
{
    ctl_exit(ctl, CTL_OK);
}

int ctl_watch(const struct ctl_options *options, char **words, int word_count)
{
    static const char *const filters[] = {"availability", "info", "unit/+/status", "unit/+/event",
                                          NULL};
    static const char *const fleet_filters[] = {
        "unit/+/event",     "availability",    "info",   "unit/+/status",
        "printer/+/status", "camera/+/status", "status", NULL};
    struct ctl_task task = {.filters = filters,
                            .is_complete = ctl_world_introduced,
                            .stays = true,
                            .on_news = on_news,
                            .on_settled = on_settled,
                            .on_tick = draw_fleet,
                            .on_deadline = on_deadline};
    struct watch_data watch = {.terminal = isatty(STDOUT_FILENO) != 0,
                               .fleet = ctl_options_many(options)};
    int exit_code;

    if (word_count > 1)
        return ctl_fail(options, CTL_USAGE, "usage: watch [UNIT]");
    if (watch.fleet)
        task.filters = fleet_filters;
    watch.unit = word_count > 0 ? words[0] : NULL;
    list_init(&watch.lines);
    exit_code = ctl_run(options, &task, &watch);
    lines_free(&watch);
    return exit_code;
}
