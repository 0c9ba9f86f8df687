/* SPDX-License-Identifier: MIT */
/* lapsectl <verb>: asks one agent and waits for its answer.
 *
 * The command goes out only when its agent is known to be online, and with an expiry: what nobody
 * was there to answer shall not be done later, when the person has gone on. */
#include "agent/ctl/command.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/many.h"
#include "agent/ctl/print.h"
#include "agent/ctl/say.h"
#include "agent/probe_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINAL_TIMEOUT_MS = 60 * 1000,
    PARAMS_MAX_BYTES = 16 * 1024,
    PARAMS_MAX_DEPTH = 16,
    PAGES_MAX = 200,
};

/* --- sending --- */

static void publish(struct ctl *ctl)
{
    struct ctl_one *one = ctl->data;
    struct ctl_request *request = &one->request;
    CLEANUP(free_p)
    char *topic = ctl_request_topic(request, ctl->options, one->agent, one->target, ctl->client_id);
    CLEANUP(free_p) char *payload = ctl_request_payload(request, one->target);
    int64_t timeout_ms = ctl_timeout_ms(ctl->options);

    ctl_set_deadline(ctl, timeout_ms);
    mqtt_publish_command(ctl->mqtt, topic, payload, NULL, (timeout_ms + 999) / 1000);
}

static void send_command(struct ctl *ctl, const char *agent, const char *target)
{
    struct ctl_one *one = ctl->data;
    struct ctl_request *request = &one->request;

    one->agent = xstrdup(agent);
    one->target = xstrdup(target);
    one->unit = request->scope == TOPIC_SCOPE_UNIT ? xstrdup(target) : NULL;
    one->label = xasprintf("%s: %s%s", target[0] ? target : agent, request->key ? "set " : "",
                           ctl_request_name(request));
    one->stage = CTL_STAGE_SENT;
    publish(ctl);
}

static void try_send(struct ctl *ctl)
{
    const struct ctl_one *one = ctl->data;
    struct ctl_agent *agent = ctl_choose_agent(ctl);
    const char *target = agent ? ctl_choose_target(ctl, &one->request, agent) : NULL;

    if (target)
        send_command(ctl, agent->id, target);
}

/* --- the answer --- */

/* --- lists come in pages --- */

static void keep_items(struct ctl_one *one, const cJSON *items)
{
    if (!one->items)
        one->items = json_array();
    for (const cJSON *item = json_first(items); item; item = json_next(item))
        json_add(one->items, NULL, json_copy(item));
}

/* A person who asks for a page gets a page, and everybody else the whole list. */
static bool wants_all_pages(const struct ctl_one *one)
{
    return !json_get(one->given_args, "cursor") && !json_get(one->given_args, "limit");
}

/* true: more of the list is to come. */
static bool ask_next_page(struct ctl *ctl, struct ctl_one *one, const cJSON *result)
{
    const char *cursor = json_get_string(result, "next_cursor");
    cJSON *args;

    if (!cursor || !wants_all_pages(one) || ++one->pages == PAGES_MAX)
        return false;
    args = one->given_args ? json_copy(one->given_args) : json_object();
    json_add_string(args, "cursor", cursor);
    json_free(one->page_args);
    one->page_args = args;
    one->request.args = args;
    one->request.id[0] = '\0'; /* a new request */
    publish(ctl);
    return true;
}

static void print_list(const struct ctl *ctl, struct ctl_one *one, const cJSON *result)
{
    const char *cursor = json_get_string(result, "next_cursor");
    cJSON *list = json_object();

    json_add(list, "items", TAKE(one->items));
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

static void print_done(const struct ctl *ctl, struct ctl_one *one, const cJSON *result)
{
    if (ctl->options->quiet && !reads_something(&one->request))
        return;
    if (one->items) {
        print_list(ctl, one, result);
    } else if (one->request.verb == &verbs[VERB_CAMERA_PROBE]) {
        probe_print(result, stdout);
    } else if (one->request.method) {
        ctl_print_document(result, ctl->options->colours);
    } else {
        ctl_print_output(result);
        printf("%s done\n", one->label);
        ctl_print_result(result);
    }
    fflush(stdout);
}

static void on_final(struct ctl *ctl, struct ctl_one *one, const struct ctl_answer *answer)
{
    if (!answer->ok) {
        if (!ctl->options->json) {
            ctl_print_output(answer->result);
            fflush(stdout);
            ctl_fail(ctl->options, CTL_REFUSED, "%s %s: %s (%lld): %s", one->label,
                     one->stage == CTL_STAGE_SENT ? "refused" : "failed", answer->name,
                     (long long)answer->code, answer->message);
        }
        ctl_exit(ctl, CTL_REFUSED);
        return;
    }
    if (one->request.method && json_is_array(json_get(answer->result, "items"))) {
        keep_items(one, json_get(answer->result, "items"));
        if (ask_next_page(ctl, one, answer->result))
            return;
    }
    if (!ctl->options->json)
        print_done(ctl, one, answer->result);
    one->stage = CTL_STAGE_BUILDING;
    if (!ctl_await_begin(ctl, one, answer->result))
        ctl_exit(ctl, CTL_OK);
}

static void on_accepted(struct ctl *ctl, struct ctl_one *one)
{
    int64_t limit_ms = ctl_request_is_long(&one->request) ? CTL_LONG_TIMEOUT_MS : FINAL_TIMEOUT_MS;

    one->stage = CTL_STAGE_ACCEPTED;
    if (!ctl->options->json && !ctl->options->quiet)
        printf("%s accepted\n", one->label);
    fflush(stdout);
    ctl_set_deadline(ctl, ctl->options->timeout_ms > 0 ? ctl->options->timeout_ms : limit_ms);
}

static void on_answer(struct ctl *ctl, struct ctl_one *one, const struct ctl_news *news)
{
    struct ctl_answer answer;

    if (one->stage == CTL_STAGE_BUILDING || !ctl_request_answer(&one->request, news, &answer))
        return;
    if (ctl->options->json)
        ctl_print_json(news->json);
    if (answer.final)
        on_final(ctl, one, &answer);
    else
        on_accepted(ctl, one);
    ctl_answer_done(&answer);
}

/* --- the task --- */

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct ctl_one *one = ctl->data;

    if (one->stage == CTL_STAGE_RESOLVING) {
        if (!news->is_reply && (news->kind == TOPIC_AVAILABILITY || news->kind == TOPIC_INFO))
            try_send(ctl);
        return;
    }
    if (!str_equal(news->agent->id, one->agent))
        return;
    if (news->is_reply || news->kind == TOPIC_ACK)
        on_answer(ctl, one, news);
    else if (news->kind == TOPIC_AVAILABILITY && news->agent->announced && !news->agent->online)
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "agent '%s' went offline before its answer", one->agent));
    else
        ctl_await_news(ctl, one, news);
}

static void on_settled(struct ctl *ctl)
{
    const struct ctl_one *one = ctl->data;

    if (one->stage == CTL_STAGE_RESOLVING)
        try_send(ctl);
}

static void on_deadline(struct ctl *ctl)
{
    const struct ctl_one *one = ctl->data;

    if (one->stage == CTL_STAGE_SENT)
        ctl_fail(ctl->options, CTL_NO_ANSWER,
                 "%s: no answer, although agent '%s' is online; is it overloaded (lapsectl"
                 " status), or does the broker's ACL forbid this user to command it?",
                 one->label, one->agent);
    else
        ctl_fail(ctl->options, CTL_NO_ANSWER,
                 "%s: accepted, but not done in time (--timeout); it goes on at the agent",
                 one->label);
    ctl_exit(ctl, CTL_NO_ANSWER);
}

static char *what_is_left(const struct ctl *ctl)
{
    const struct ctl_one *one = ctl->data;

    switch (one->stage) {
    case CTL_STAGE_RESOLVING:
        return xstrdup("nothing was sent yet");
    case CTL_STAGE_SENT:
        return xasprintf("%s was sent; whether it is done is not known (lapsectl status)",
                         one->label);
    case CTL_STAGE_ACCEPTED:
    case CTL_STAGE_BUILDING:
        break;
    }
    return xasprintf("%s was accepted and goes on at the agent (lapsectl watch)", one->label);
}

static int run_one(const struct ctl_options *options, struct ctl_one *one)
{
    static const char *const filters[] = {"availability", "info",          "ack",
                                          "unit/+/event", "unit/+/status", "jobs",
                                          "event",        CTL_REPLIES,     NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline,
                                         .what_is_left = what_is_left};
    int exit_code;

    one->progress.wanted = options->progress;
    exit_code = ctl_run(options, &task, one);
    ctl_progress_erase(&one->progress);
    json_free(one->ended);
    json_free(one->items);
    json_free(one->page_args);
    free(one->target);
    free(one->job);
    free(one->label);
    free(one->agent);
    free(one->unit);
    return exit_code;
}

static int run_request(const struct ctl_options *options, const struct ctl_request *request)
{
    struct ctl_one command = {.request = *request, .given_args = request->args};

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
