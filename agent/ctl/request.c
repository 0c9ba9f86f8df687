/* SPDX-License-Identifier: MIT */
#include "agent/ctl/request.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/text.h"
#include "mqtt/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void ctl_request_of_verb(struct ctl_request *ret_request, const struct verb *verb,
                         const char *target, const cJSON *args)
{
    ret_request->scope = verb->scope;
    ret_request->verb = verb;
    ret_request->method = verb->flags & VERB_NO_TOPIC ? verb->method : NULL;
    ret_request->target = target;
    ret_request->args = args;
}

const char *ctl_request_name(const struct ctl_request *request)
{
    if (request->key)
        return request->key;
    return request->verb ? request->verb->name : request->method;
}

bool ctl_request_is_long(const struct ctl_request *request)
{
    return request->verb && (request->verb->flags & (VERB_LONG | VERB_SLOW));
}

static void make_id(char *ret_id, size_t size)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0)
        abort();
    snprintf(ret_id, size, "ctl-%016llx", (unsigned long long)number);
}

char *ctl_request_topic(const struct ctl_request *request, const struct ctl_options *options,
                        const char *agent, const char *target, const char *client)
{
    const char *prefix = options->mqtt.prefix;

    if (request->method)
        return xasprintf("%s/v1/%s/rpc/%s", prefix, agent, client);
    if (request->key)
        return topic_build_set(prefix, agent, target, request->key);
    if (!target[0]) /* of all units, too: then there is none in the topic */
        return topic_build_cmd(prefix, agent, TOPIC_SCOPE_AGENT, NULL, request->verb->name);
    return topic_build_cmd(prefix, agent, request->scope, target, request->verb->name);
}

/* The arguments of the row; in JSON-RPC the unit or camera is one of them. */
static void add_args(cJSON *json, const char *member, const struct ctl_request *request,
                     const char *target)
{
    const struct verb_arg *own = request->verb ? ctl_target_arg(request->verb) : NULL;
    cJSON *args = json_object();

    for (const cJSON *arg = json_first(request->args); arg; arg = json_next(arg))
        if (!own || !str_equal(json_key(arg), own->name))
            json_add(args, json_key(arg), json_copy(arg));
    if (request->method && own && target[0])
        json_add_string(args, own->name, target);
    if (json_size(args) > 0)
        json_add(json, member, args);
    else
        json_free(args);
}

char *ctl_request_payload(struct ctl_request *request, const char *target)
{
    cJSON *json = json_object();
    char *text;

    if (!request->id[0])
        make_id(request->id, sizeof(request->id));
    if (request->method)
        json_add_string(json, "jsonrpc", "2.0");
    json_add_string(json, "id", request->id);
    if (request->method) {
        json_add_string(json, "method", request->method);
        add_args(json, "params", request, target);
    } else if (request->key) {
        json_add_string(json, "value", request->value);
    } else {
        add_args(json, "args", request, target);
    }
    text = json_print(json);
    json_free(json);
    return text;
}

/* --- answers --- */

static void read_reply(const cJSON *json, struct ctl_answer *answer)
{
    const cJSON *error = json_get(json, "error");

    answer->final = true;
    answer->ok = !error;
    answer->result = json_get(json, "result");
    if (!error)
        return;
    (void)json_get_int(error, "code", &answer->code);
    answer->name = json_get_string(error, "data.error")
                       ? ctl_text(error, "data.error")
                       : xstrdup(ack_code_name((enum ack_code)answer->code));
    answer->message = ctl_text(error, "message");
}

static void read_ack(const cJSON *json, struct ctl_answer *answer)
{
    bool ok = false;

    answer->final = str_equal(json_get_string(json, "phase"), "final");
    answer->ok = json_get_bool(json, "ok", &ok) && ok;
    answer->result = json_get(json, "result");
    (void)json_get_int(json, "code", &answer->code);
    answer->name = ctl_text(json, "error");
    answer->message = ctl_text(json, "message");
}

bool ctl_request_answer(const struct ctl_request *request, const struct ctl_news *news,
                        struct ctl_answer *ret_answer)
{
    bool is_reply = request->method != NULL;

    if (is_reply ? !news->is_reply : news->is_reply || news->kind != TOPIC_ACK)
        return false;
    if (!str_equal(json_get_string(news->json, "id"), request->id))
        return false;
    *ret_answer = (struct ctl_answer){0};
    if (is_reply)
        read_reply(news->json, ret_answer);
    else
        read_ack(news->json, ret_answer);
    return true;
}

void ctl_answer_done(struct ctl_answer *answer)
{
    free(answer->name);
    free(answer->message);
}
