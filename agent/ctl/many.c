/* SPDX-License-Identifier: MIT */
/* ctl_many: who should answer is known before anything is sent, from the retained topics; so a
 * silence is told from an absence.
 *
 * What agents take from a fleet topic goes out once, to that. Everything else goes to each agent's
 * own topic, with the same id. */
#include "agent/ctl/many.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/fleet.h"
#include "agent/ctl/print.h"
#include "agent/ctl/progress.h"
#include "agent/ctl/say.h"
#include "agent/ctl/table.h"
#include "agent/ctl/task.h"
#include "agent/ctl/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { FINAL_TIMEOUT_MS = 60 * 1000, DETAILS_MAX_BYTES = 1024 };

enum reply_state {
    REPLY_OFFLINE,  /* so it was not waited for */
    REPLY_UNASKED,  /* this agent cannot be asked so */
    REPLY_AWAITED,  /* nothing yet */
    REPLY_ACCEPTED, /* under way */
    REPLY_OK,
    REPLY_REFUSED,
};

struct reply {
    struct list link;
    const struct ctl_agent *agent; /* of the world */
    enum reply_state state;
    char *text;    /* why not; or what it proved */
    cJSON *result; /* of JSON-RPC */
};

struct many {
    struct ctl_request *request;
    struct list replies; /* by agent */
    bool sent, late;     /* late: only what was accepted is still waited for */
    struct ctl_progress progress;
};

/* --- who should answer --- */

static struct reply *find_or_add(struct many *many, const struct ctl_agent *agent)
{
    struct reply *reply;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    if (reply->agent == agent)
        return reply;
    reply = xcalloc(1, sizeof(*reply));
    reply->agent = agent;
    reply->state = agent->online ? REPLY_AWAITED : REPLY_OFFLINE;
    list_append(&many->replies, &reply->link);
    return reply;
}

static void replies_free(struct many *many)
{
    struct reply *reply;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        free(reply->text);
        json_free(reply->result);
        free(reply);
    }
}

static size_t count_state(const struct many *many, enum reply_state state)
{
    struct reply *reply;
    size_t count = 0;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    count += reply->state == state;
    return count;
}

/* --- sending --- */

static void publish(struct ctl *ctl, const char *agent, const char *target)
{
    struct many *many = ctl->data;
    CLEANUP(free_p)
    char *topic = ctl_request_topic(many->request, ctl->options, agent, target, ctl->client_id);
    CLEANUP(free_p) char *payload = ctl_request_payload(many->request, target);

    mqtt_publish_command(ctl->mqtt, topic, payload, NULL,
                         (ctl_timeout_ms(ctl->options) + 999) / 1000);
}

static bool goes_to_fleet_topic(const struct ctl_request *request)
{
    return request->verb && (request->verb->flags & VERB_FLEET) && !request->target;
}

static void send_to_fleet(struct ctl *ctl)
{
    const char *group = ctl->options->group;
    CLEANUP(free_p) char *agent = group ? xasprintf("_group/%s", group) : xstrdup("_all");

    publish(ctl, agent, "");
}

/* The unit or camera of an agent that is meant; NULL: it has not exactly one. */
static const char *target_at(const struct ctl_request *request, const struct ctl_agent *agent)
{
    const cJSON *list =
        json_get(agent->info, request->scope == TOPIC_SCOPE_CAMERA ? "cameras" : "units");
    const char *only = json_string(json_first(list));

    if (request->target || request->scope == TOPIC_SCOPE_AGENT)
        return request->target ? request->target : "";
    return json_size(list) == 1 && str_is_id(only) ? only : NULL;
}

static void send_to_each(struct ctl *ctl)
{
    struct many *many = ctl->data;
    struct reply *reply;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        const char *target = target_at(many->request, reply->agent);

        if (reply->state != REPLY_AWAITED)
            continue;
        if (target) {
            publish(ctl, reply->agent->id, target);
            continue;
        }
        reply->state = REPLY_UNASKED;
        reply->text = xasprintf("has %s; name it", many->request->scope == TOPIC_SCOPE_CAMERA
                                                       ? "not one camera"
                                                       : "not one unit");
    }
}

/* --- how it went --- */

static const struct {
    const char *name, *text;
    enum ctl_colour colour;
    enum ctl_exit exit_code;
} looks[] = {
    [REPLY_OFFLINE] = {"offline", "was not asked", CTL_BAD, CTL_NO_ANSWER},
    [REPLY_UNASKED] = {"not asked", "", CTL_WARN, CTL_REFUSED},
    [REPLY_AWAITED] = {"silent", "is online, but did not answer in time", CTL_BAD, CTL_NO_ANSWER},
    [REPLY_ACCEPTED] = {"accepted", "not done in time (--timeout)", CTL_WARN, CTL_NO_ANSWER},
    [REPLY_OK] = {"ok", "", CTL_GOOD, CTL_OK},
    [REPLY_REFUSED] = {"refused", "", CTL_BAD, CTL_REFUSED},
};

static void print_table(const struct ctl *ctl, const struct many *many)
{
    struct ctl_table *table = ctl_table_new();
    struct reply *reply;

    ctl_table_row(table);
    ctl_table_cell(table, xstrdup("AGENT"), CTL_BOLD);
    ctl_table_cell(table, xstrdup("ANSWER"), CTL_BOLD);
    ctl_table_cell(table, xstrdup("DETAILS"), CTL_BOLD);
    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        const char *text = reply->text ? reply->text : looks[reply->state].text;

        ctl_table_row(table);
        ctl_table_cell(table, xstrdup(reply->agent->id), CTL_PLAIN);
        ctl_table_cell(table, xstrdup(looks[reply->state].name), looks[reply->state].colour);
        ctl_table_cell(table, xstrdup(text), CTL_PLAIN);
    }
    ctl_table_print(table, ctl->options->colours, stdout);
    ctl_table_free(table);
}

/* Of those that answered the answer was printed when it came. */
static void print_silent_json(const struct many *many)
{
    struct reply *reply;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        cJSON *json;

        if (reply->state == REPLY_OK || reply->state == REPLY_REFUSED)
            continue;
        json = json_object();
        json_add_string(json, "agent", reply->agent->id);
        json_add_bool(json, "ok", false);
        json_add_string(json, "error", looks[reply->state].name);
        json_add_string(json, "message", reply->text ? reply->text : looks[reply->state].text);
        ctl_print_json(json);
        json_free(json);
    }
}

static void print_documents(const struct ctl *ctl, const struct many *many)
{
    struct reply *reply;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        if (!reply->result)
            continue;
        printf("%s:\n", reply->agent->id);
        ctl_print_document(reply->result, ctl->options->colours);
        if (json_get_string(reply->result, "next_cursor"))
            printf("there is more: lapsectl --agent %s\n", reply->agent->id);
        fputc('\n', stdout);
    }
}

/* A refusal is worse to leave unseen than a silence. */
static int exit_code_of(const struct many *many)
{
    struct reply *reply;
    int exit_code = CTL_OK;

    LIST_FOR_EACH(&many->replies, reply, struct reply, link)
    {
        int own = looks[reply->state].exit_code;

        if (own == CTL_REFUSED || exit_code == CTL_OK)
            exit_code = own;
    }
    return exit_code;
}

static void show_count(struct many *many)
{
    size_t answered = count_state(many, REPLY_OK) + count_state(many, REPLY_REFUSED);
    size_t open = count_state(many, REPLY_AWAITED) + count_state(many, REPLY_ACCEPTED);
    CLEANUP(free_p)
    char *text = xasprintf("%zu of %zu agents have answered", answered, open + answered);

    ctl_progress_draw(&many->progress, text);
}

static void conclude(struct ctl *ctl)
{
    struct many *many = ctl->data;

    ctl_progress_erase(&many->progress);
    if (ctl->options->json) {
        print_silent_json(many);
    } else if (!ctl->options->quiet || exit_code_of(many) != CTL_OK) {
        print_documents(ctl, many);
        print_table(ctl, many);
    }
    fflush(stdout);
    ctl_exit(ctl, exit_code_of(many));
}

static void conclude_when_all_answered(struct ctl *ctl)
{
    struct many *many = ctl->data;

    show_count(many);
    if (count_state(many, REPLY_ACCEPTED) == 0 &&
        (many->late || count_state(many, REPLY_AWAITED) == 0))
        conclude(ctl);
}

/* --- answers --- */

static void print_answer_json(const struct ctl *ctl, const struct ctl_news *news)
{
    cJSON *json;

    if (!ctl->options->json)
        return;
    if (!news->is_reply) {
        ctl_print_json(news->json);
        return;
    }
    json = json_copy(news->json); /* does not say itself whose it is */
    json_add_string(json, "agent", news->agent->id);
    ctl_print_json(json);
    json_free(json);
}

/* "mk4 ok, mk5 the unit is capturing already": of an agent that asked each of its units; NULL: it
 * did not. The caller frees. */
static char *units_text(const cJSON *result)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(DETAILS_MAX_BYTES);
    const cJSON *units = json_get(result, "units");
    int rc = 0;

    if (!json_is_object(json_first(units)))
        return NULL;
    for (const cJSON *unit = json_first(units); unit && rc == 0; unit = json_next(unit)) {
        CLEANUP(free_p) char *id = ctl_text(unit, "unit");
        CLEANUP(free_p) char *message = ctl_text(unit, "message");
        bool ok = false;

        (void)json_get_bool(unit, "ok", &ok);
        rc = buf_printf(&buf, "%s%s %s", buf.len > 0 ? ", " : "", id, ok ? "ok" : message);
    }
    return xstrdup(buf_text(&buf));
}

static void take_final(struct reply *reply, const struct ctl_answer *answer, bool is_reply)
{
    char *units = units_text(answer->result);

    free(TAKE(reply->text));
    reply->state = answer->ok ? REPLY_OK : REPLY_REFUSED;
    if (!answer->ok)
        reply->text = xasprintf("%s (%lld): %s", answer->name, (long long)answer->code,
                                units ? units : answer->message);
    else if (is_reply)
        reply->result = json_copy(answer->result);
    else
        reply->text = units ? TAKE(units) : ctl_members_text(answer->result);
    free(units);
}

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct many *many = ctl->data;
    struct ctl_answer answer;
    struct reply *reply;

    if (!many->sent)
        return;
    if (!ctl_request_answer(many->request, news, &answer))
        return;
    reply = find_or_add(many, news->agent);
    if (reply->state == REPLY_OK || reply->state == REPLY_REFUSED) {
        ctl_answer_done(&answer);
        return;
    }
    print_answer_json(ctl, news);
    if (answer.final)
        take_final(reply, &answer, news->is_reply);
    else
        reply->state = REPLY_ACCEPTED;
    ctl_answer_done(&answer);
    conclude_when_all_answered(ctl);
}

static void on_settled(struct ctl *ctl)
{
    struct many *many = ctl->data;
    struct ctl_agent *agent;

    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    if (ctl_fleet_has(ctl->options, agent))
        find_or_add(many, agent);
    if (list_empty(&many->replies)) {
        ctl_exit(ctl, ctl_fleet_nobody(ctl->options));
        return;
    }
    many->sent = true;
    if (goes_to_fleet_topic(many->request))
        send_to_fleet(ctl);
    else
        send_to_each(ctl);
    ctl_set_deadline(ctl, ctl_timeout_ms(ctl->options));
    conclude_when_all_answered(ctl);
}

static void on_deadline(struct ctl *ctl)
{
    struct many *many = ctl->data;

    if (many->late || ctl->options->timeout_ms > 0 || count_state(many, REPLY_ACCEPTED) == 0) {
        conclude(ctl);
        return;
    }
    many->late = true;
    ctl_set_deadline(ctl, FINAL_TIMEOUT_MS);
}

static char *what_is_left(const struct ctl *ctl)
{
    const struct many *many = ctl->data;
    size_t open = count_state(many, REPLY_AWAITED) + count_state(many, REPLY_ACCEPTED);

    if (!many->sent)
        return xstrdup("nothing was sent yet");
    return xasprintf("%s was sent; %zu agents have not answered yet",
                     ctl_request_name(many->request), open);
}

int ctl_many(const struct ctl_options *options, struct ctl_request *request)
{
    static const char *const filters[] = {"ack", CTL_REPLIES, "availability", "info", NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline,
                                         .what_is_left = what_is_left};
    struct many many = {.request = request, .progress = {.wanted = options->progress}};
    int exit_code;

    list_init(&many.replies);
    exit_code = ctl_run(options, &task, &many);
    ctl_progress_erase(&many.progress);
    replies_free(&many);
    return exit_code;
}
