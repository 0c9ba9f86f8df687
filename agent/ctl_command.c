/* SPDX-License-Identifier: MIT */
/* lapsectl <verb>: asks one agent and waits for its answer.
 *
 * The command goes out only when its agent is known to be online, and with an expiry: what nobody
 * was there to answer shall not be done later, when the person has gone on. */
#include "agent/ctl_commands.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl_args.h"
#include "agent/ctl_many.h"
#include "agent/ctl_print.h"
#include "agent/ctl_progress.h"
#include "agent/ctl_request.h"
#include "agent/ctl_say.h"
#include "agent/ctl_task.h"
#include "agent/ctl_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINAL_TIMEOUT_MS = 60 * 1000,
    LONG_TIMEOUT_MS = 6 * 3600 * 1000,
    PARAMS_MAX_BYTES = 16 * 1024,
    PARAMS_MAX_DEPTH = 16,
    PAGES_MAX = 200,
};

enum stage {
    STAGE_RESOLVING, /* which agent and unit is meant? */
    STAGE_SENT,
    STAGE_ACCEPTED,
    STAGE_BUILDING, /* done as far as the agent goes; its video is being made */
};

struct command {
    struct ctl_request request;
    char *label; /* "mk4: snapshot" */
    char *agent; /* the id, once sent */
    char *unit;  /* NULL when it is for none */
    enum stage stage;
    int64_t videos_left;
    char *job;   /* that makes it; NULL = unknown */
    bool failed; /* a video */
    struct ctl_progress progress;
    char *target;
    const cJSON *given_args;
    cJSON *items; /* of the pages of a list so far */
    cJSON *page_args;
    size_t pages;
};

/* --- which agent, which unit --- */

static struct ctl_agent *agent_absent(struct ctl *ctl, const struct ctl_agent *agent)
{
    const char *id = ctl->options->agent;

    if (agent && agent->announced)
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "agent '%s' is offline; is lapsed running there? (systemctl status"
                               " lapsed)",
                               id));
    else
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "no agent '%s' was ever seen on this broker below '%s'; 'lapsectl"
                               " status' shows those that were",
                               id, ctl->options->mqtt.prefix));
    return NULL;
}

static struct ctl_agent *choose_only_agent(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    struct ctl_agent *agent = NULL;
    size_t online = ctl_world_count_online(&ctl->world, &agent);
    CLEANUP(free_p) char *ids = ctl_world_agents(&ctl->world, online > 0);

    if (online == 1) {
        ctl_note(options, "agent %s", agent->id);
        return agent;
    }
    if (online > 1)
        ctl_exit(ctl,
                 ctl_fail(options, CTL_USAGE,
                          "several agents are online: %s; choose one with --agent, or --all", ids));
    else
        ctl_exit(ctl, ctl_fail(options, CTL_NO_ANSWER,
                               "no agent is online on this broker below '%s'%s%s; is lapsed"
                               " running, and with this broker and prefix?",
                               options->mqtt.prefix, ids[0] ? "; offline: " : "", ids));
    return NULL;
}

/* NULL: not known yet, or given up. */
static struct ctl_agent *choose_agent(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    const char *id = options->agent ? options->agent : options->default_agent;
    struct ctl_agent *agent = ctl_world_find(&ctl->world, id);

    if (agent && agent->online)
        return agent;
    if (!ctl->settled)
        return NULL;
    return options->agent ? agent_absent(ctl, agent) : choose_only_agent(ctl);
}

static char *list_ids(const cJSON *list)
{
    char *text = xstrdup("");

    for (const cJSON *id = json_first(list); id; id = json_next(id)) {
        CLEANUP(free_p) char *clean = ctl_text_clean(json_string(id));
        char *longer = xasprintf("%s %s", text, clean);

        free(text);
        text = longer;
    }
    return text;
}

/* NULL: not known yet, or given up. */
static const char *choose_target(struct ctl *ctl, const struct ctl_agent *agent)
{
    const struct command *command = ctl->data;
    enum topic_scope scope = command->request.scope;
    const char *what = scope == TOPIC_SCOPE_CAMERA ? "camera" : "unit";
    const cJSON *list = json_get(agent->info, scope == TOPIC_SCOPE_CAMERA ? "cameras" : "units");
    const char *only = json_string(json_first(list));
    CLEANUP(free_p) char *ids = NULL;

    if (command->request.target || scope == TOPIC_SCOPE_AGENT)
        return command->request.target ? command->request.target : "";
    if (!list && !ctl->settled)
        return NULL;
    if (json_size(list) == 1 && str_is_id(only))
        return only;
    ids = list_ids(list);
    if (json_size(list) > 1)
        ctl_fail(ctl->options, CTL_USAGE, "this agent has several %ss; name one:%s", what, ids);
    else
        ctl_fail(ctl->options, CTL_USAGE, "agent '%s' has no %s", agent->id, what);
    ctl_exit(ctl, CTL_USAGE);
    return NULL;
}

/* --- sending --- */

static void publish(struct ctl *ctl)
{
    struct command *command = ctl->data;
    struct ctl_request *request = &command->request;
    CLEANUP(free_p)
    char *topic =
        ctl_request_topic(request, ctl->options, command->agent, command->target, ctl->client_id);
    CLEANUP(free_p) char *payload = ctl_request_payload(request, command->target);
    int64_t timeout_ms = ctl_timeout_ms(ctl->options);

    ctl_set_deadline(ctl, timeout_ms);
    mqtt_publish_command(ctl->mqtt, topic, payload, NULL, (timeout_ms + 999) / 1000);
}

static void send_command(struct ctl *ctl, const char *agent, const char *target)
{
    struct command *command = ctl->data;
    struct ctl_request *request = &command->request;

    command->agent = xstrdup(agent);
    command->target = xstrdup(target);
    command->unit = request->scope == TOPIC_SCOPE_UNIT ? xstrdup(target) : NULL;
    command->label = xasprintf("%s: %s%s", target[0] ? target : agent, request->key ? "set " : "",
                               ctl_request_name(request));
    command->stage = STAGE_SENT;
    publish(ctl);
}

static void try_send(struct ctl *ctl)
{
    struct ctl_agent *agent = choose_agent(ctl);
    const char *target = agent ? choose_target(ctl, agent) : NULL;

    if (target)
        send_command(ctl, agent->id, target);
}

/* --- the answer --- */

static int64_t count_cameras(const struct ctl *ctl, const struct command *command)
{
    struct ctl_agent *agent = ctl_world_find(&ctl->world, command->agent);
    struct ctl_thing *unit;

    LIST_FOR_EACH(&agent->things[CTL_UNITS], unit, struct ctl_thing, link)
    if (str_equal(unit->id, command->unit))
        return MAX((int64_t)json_size(json_get(unit->status, "cameras")), 1);
    return 1;
}

static bool makes_video(const struct ctl *ctl, const struct command *command, const cJSON *result)
{
    return !ctl->options->no_wait && command->unit && ctl_request_is_long(&command->request) &&
           (json_get_string(result, "job") ||
            str_equal(json_get_string(result, "state"), "building"));
}

/* --- lists come in pages --- */

static void keep_items(struct command *command, const cJSON *items)
{
    if (!command->items)
        command->items = json_array();
    for (const cJSON *item = json_first(items); item; item = json_next(item))
        json_add(command->items, NULL, json_copy(item));
}

/* A person who asks for a page gets a page, and everybody else the whole list. */
static bool wants_all_pages(const struct command *command)
{
    return !json_get(command->given_args, "cursor") && !json_get(command->given_args, "limit");
}

/* true: more of the list is to come. */
static bool ask_next_page(struct ctl *ctl, struct command *command, const cJSON *result)
{
    const char *cursor = json_get_string(result, "next_cursor");
    cJSON *args;

    if (!cursor || !wants_all_pages(command) || ++command->pages == PAGES_MAX)
        return false;
    args = command->given_args ? json_copy(command->given_args) : json_object();
    json_add_string(args, "cursor", cursor);
    json_free(command->page_args);
    command->page_args = args;
    command->request.args = args;
    command->request.id[0] = '\0'; /* a new request */
    publish(ctl);
    return true;
}

static void print_list(const struct ctl *ctl, struct command *command, const cJSON *result)
{
    const char *cursor = json_get_string(result, "next_cursor");
    cJSON *list = json_object();

    json_add(list, "items", TAKE(command->items));
    ctl_print_document(list, ctl->options->colours);
    json_free(list);
    if (cursor)
        ctl_note(ctl->options, "there is more: --cursor %s", cursor);
}

/* Then the answer is what was asked for. */
static bool reads_something(const struct ctl_request *request)
{
    return request->method && (!request->verb || (request->verb->flags & VERB_READ));
}

static void print_done(const struct ctl *ctl, struct command *command, const cJSON *result)
{
    if (ctl->options->quiet && !reads_something(&command->request))
        return;
    if (command->items) {
        print_list(ctl, command, result);
    } else if (command->request.method) {
        ctl_print_document(result, ctl->options->colours);
    } else {
        printf("%s done\n", command->label);
        ctl_print_result(result);
    }
    fflush(stdout);
}

static void on_final(struct ctl *ctl, struct command *command, const struct ctl_answer *answer)
{
    if (!answer->ok) {
        if (!ctl->options->json)
            ctl_fail(ctl->options, CTL_REFUSED, "%s %s: %s (%lld): %s", command->label,
                     command->stage == STAGE_SENT ? "refused" : "failed", answer->name,
                     (long long)answer->code, answer->message);
        ctl_exit(ctl, CTL_REFUSED);
        return;
    }
    if (command->request.method && json_is_array(json_get(answer->result, "items"))) {
        keep_items(command, json_get(answer->result, "items"));
        if (ask_next_page(ctl, command, answer->result))
            return;
    }
    if (!ctl->options->json)
        print_done(ctl, command, answer->result);
    command->stage = STAGE_BUILDING;
    replace_str(&command->job, json_get_string(answer->result, "job"));
    command->videos_left =
        makes_video(ctl, command, answer->result) ? count_cameras(ctl, command) : 0;
    if (command->videos_left == 0)
        ctl_exit(ctl, CTL_OK);
}

static void on_accepted(struct ctl *ctl, struct command *command)
{
    int64_t limit_ms = ctl_request_is_long(&command->request) ? LONG_TIMEOUT_MS : FINAL_TIMEOUT_MS;

    command->stage = STAGE_ACCEPTED;
    if (!ctl->options->json && !ctl->options->quiet)
        printf("%s accepted\n", command->label);
    fflush(stdout);
    ctl_set_deadline(ctl, ctl->options->timeout_ms > 0 ? ctl->options->timeout_ms : limit_ms);
}

static void on_answer(struct ctl *ctl, struct command *command, const struct ctl_news *news)
{
    struct ctl_answer answer;

    if (command->stage == STAGE_BUILDING || !ctl_request_answer(&command->request, news, &answer))
        return;
    if (ctl->options->json)
        ctl_print_json(news->json);
    if (answer.final)
        on_final(ctl, command, &answer);
    else
        on_accepted(ctl, command);
    ctl_answer_done(&answer);
}

/* --- the video that it makes --- */

static const char *video_kind(const struct command *command)
{
    return str_equal(command->request.verb->name, "preview") ? "preview" : "final";
}

static bool is_our_video(const struct command *command, const cJSON *event)
{
    const char *kind = video_kind(command);
    const char *type = json_get_string(event, "event_type");

    return str_equal(json_get_string(event, "kind"), kind) &&
           (str_equal(type, "video_ready") || str_equal(type, "preview_ready") ||
            str_equal(type, "video_failed") || str_equal(type, "video_none"));
}

static void on_video(struct ctl *ctl, struct command *command, const cJSON *event)
{
    CLEANUP(free_p) char *type = ctl_text(event, "event_type");

    if (json_get(event, "error"))
        command->failed = true;
    ctl_progress_erase(&command->progress);
    if (ctl->options->json) {
        ctl_print_json(event);
    } else if (!ctl->options->quiet) {
        printf("%s: %s\n", command->unit, type);
        ctl_print_members(event);
    }
    fflush(stdout);
    if (--command->videos_left == 0)
        ctl_exit(ctl, command->failed ? CTL_REFUSED : CTL_OK);
}

static void on_jobs(struct command *command, const cJSON *jobs)
{
    const cJSON *job = ctl_progress_find(jobs, command->job, command->unit, video_kind(command));
    CLEANUP(free_p) char *text = job ? ctl_progress_text(job) : NULL;

    if (text)
        ctl_progress_draw(&command->progress, text);
}

/* --- the task --- */

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct command *command = ctl->data;

    if (command->stage == STAGE_RESOLVING) {
        if (!news->is_reply && (news->kind == TOPIC_AVAILABILITY || news->kind == TOPIC_INFO))
            try_send(ctl);
        return;
    }
    if (!str_equal(news->agent->id, command->agent))
        return;
    if (news->is_reply || news->kind == TOPIC_ACK)
        on_answer(ctl, command, news);
    else if (news->kind == TOPIC_UNIT_EVENT && command->stage == STAGE_BUILDING &&
             str_equal(news->id, command->unit) && is_our_video(command, news->json))
        on_video(ctl, command, news->json);
    else if (news->kind == TOPIC_JOBS && command->stage == STAGE_BUILDING)
        on_jobs(command, news->json);
    else if (news->kind == TOPIC_AVAILABILITY && news->agent->announced && !news->agent->online)
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "agent '%s' went offline before its answer", command->agent));
}

static void on_settled(struct ctl *ctl)
{
    const struct command *command = ctl->data;

    if (command->stage == STAGE_RESOLVING)
        try_send(ctl);
}

static void on_deadline(struct ctl *ctl)
{
    const struct command *command = ctl->data;

    if (command->stage == STAGE_SENT)
        ctl_fail(ctl->options, CTL_NO_ANSWER,
                 "%s: no answer, although agent '%s' is online; is it overloaded (lapsectl"
                 " status), or does the broker's ACL forbid this user to command it?",
                 command->label, command->agent);
    else
        ctl_fail(ctl->options, CTL_NO_ANSWER,
                 "%s: accepted, but not done in time (--timeout); it goes on at the agent",
                 command->label);
    ctl_exit(ctl, CTL_NO_ANSWER);
}

static char *what_is_left(const struct ctl *ctl)
{
    const struct command *command = ctl->data;

    switch (command->stage) {
    case STAGE_RESOLVING:
        return xstrdup("nothing was sent yet");
    case STAGE_SENT:
        return xasprintf("%s was sent; whether it is done is not known (lapsectl status)",
                         command->label);
    case STAGE_ACCEPTED:
    case STAGE_BUILDING:
        break;
    }
    return xasprintf("%s was accepted and goes on at the agent (lapsectl watch)", command->label);
}

static int run_one(const struct ctl_options *options, struct command *command)
{
    static const char *const filters[] = {"availability",  "info", "ack",       "unit/+/event",
                                          "unit/+/status", "jobs", CTL_REPLIES, NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline,
                                         .what_is_left = what_is_left};
    int exit_code;

    command->progress.wanted = options->progress;
    exit_code = ctl_run(options, &task, command);
    ctl_progress_erase(&command->progress);
    json_free(command->items);
    json_free(command->page_args);
    free(command->target);
    free(command->job);
    free(command->label);
    free(command->agent);
    free(command->unit);
    return exit_code;
}

static int run_request(const struct ctl_options *options, const struct ctl_request *request)
{
    struct command command = {.request = *request, .given_args = request->args};

    return ctl_options_many(options) ? ctl_many(options, &command.request)
                                     : run_one(options, &command);
}

/* --- the commands --- */

int ctl_verb(const struct ctl_options *options, const struct verb *verb, char **words,
             int word_count)
{
    CLEANUP(free_p) char *name = ctl_verb_words(verb);
    struct ctl_request request = {0};
    const char *target = NULL;
    struct error err;

    if (ctl_args_take_words(verb, words, word_count, options->args, &target, &err) < 0)
        return ctl_fail(options, CTL_USAGE, "%s: %s; see 'lapsectl help %s'", name, err.text, name);
    ctl_request_of_verb(&request, verb, target, options->args);
    return run_request(options, &request);
}

int ctl_set(const struct ctl_options *options, char **words, int word_count)
{
    struct ctl_request request = {.scope = TOPIC_SCOPE_UNIT};

    if (word_count != 2 && word_count != 3)
        return ctl_fail(options, CTL_USAGE, "usage: set [UNIT] KEY VALUE");
    request.target = word_count == 3 ? words[0] : NULL;
    request.key = words[word_count - 2];
    request.value = words[word_count - 1];
    if (request.target && !str_is_id(request.target))
        return ctl_fail(options, CTL_USAGE, "there is no unit '%s'", request.target);
    if (!str_is_id(request.key))
        return ctl_fail(options, CTL_USAGE, "there is no setting '%s'; see lapsed.conf(5)",
                        request.key);
    return run_request(options, &request);
}

int ctl_call(const struct ctl_options *options, char **words, int word_count)
{
    static const struct json_limits limits = {PARAMS_MAX_BYTES, PARAMS_MAX_DEPTH};
    struct ctl_request request = {.scope = TOPIC_SCOPE_AGENT};
    CLEANUP(json_free_p) cJSON *params = NULL;
    struct error err;

    if (word_count < 1 || word_count > 2)
        return ctl_fail(options, CTL_USAGE,
                        "usage: call METHOD ['{\"name\":value}']; 'lapsectl call rpc.discover'"
                        " lists the methods");
    request.method = words[0];
    if (word_count == 2 && json_parse(words[1], strlen(words[1]), &limits, &params, &err) < 0)
        return ctl_fail(options, CTL_USAGE, "the params are no JSON: %s", err.text);
    if (params && !json_is_object(params))
        return ctl_fail(options, CTL_USAGE,
                        "the params must be a JSON object, as {\"unit\":\"mk4\"}");
    request.args = params;
    return run_request(options, &request);
}
