/* SPDX-License-Identifier: MIT */
/* rpc: an exchange is one message with its requests; the response goes out when the last of them is
 * answered. */
#include "agent/requests/rpc.h"

#include "agent/base/hash.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/requests/reply.h"
#include "mqtt/rpc.h"

#include <stdlib.h>
#include <string.h>

enum { PACKET_OVERHEAD_BYTES = 96 }; /* headers and properties, but for topic and correlation */

struct rpc {
    struct commands_config config;
};

struct exchange;

struct slot {
    struct exchange *exchange;
    cJSON *id;   /* NULL: null */
    bool silent; /* a notification */
    cJSON *response;
};

struct exchange {
    struct rpc *rpc;
    struct reply reply; /* with a topic, always */
    bool batch, fleet;
    bool expires; /* at the broker */
    size_t count, open;
    struct slot slots[RPC_BATCH_MAX];
};

/* --- answering --- */

static size_t response_limit(const struct exchange *exchange)
{
    size_t overhead =
        PACKET_OVERHEAD_BYTES + strlen(exchange->reply.topic) + exchange->reply.correlation_len;
    struct mqtt_link link;

    mqtt_client_link(exchange->rpc->config.mqtt, &link);
    if (link.max_packet_bytes <= 0)
        return RPC_RESPONSE_MAX_BYTES;
    if ((size_t)link.max_packet_bytes <= overhead)
        return 0;
    return MIN((size_t)RPC_RESPONSE_MAX_BYTES, (size_t)link.max_packet_bytes - overhead);
}

static void exchange_free(struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->count; i++) {
        json_free(exchange->slots[i].id);
        json_free(exchange->slots[i].response);
    }
    reply_done(&exchange->reply);
    free(exchange);
}

static void send_response(const struct exchange *exchange)
{
    cJSON *responses[RPC_BATCH_MAX];
    CLEANUP(free_p) char *text = NULL;
    bool any = false;

    for (size_t i = 0; i < exchange->count; i++) {
        responses[i] = exchange->slots[i].response;
        any = any || responses[i];
    }
    if (!any)
        return; /* notifications only */
    text = rpc_print(responses, exchange->count, exchange->batch, response_limit(exchange));
    mqtt_publish_reply(exchange->rpc->config.mqtt, exchange->reply.topic, text,
                       exchange->reply.correlation, exchange->reply.correlation_len);
}

static void slot_done(struct exchange *exchange)
{
    if (--exchange->open > 0)
        return;
    send_response(exchange);
    exchange_free(exchange);
}

/* What a command's acknowledgement says besides its result. */
static void add_remarks(cJSON *json, const struct request_answer *answer)
{
    if (answer->note)
        json_add_string(json, "note", answer->note);
    if (answer->dup)
        json_add_bool(json, "dup", true);
}

static cJSON *response_of(const cJSON *id, const struct request_answer *answer)
{
    CLEANUP(json_free_p) cJSON *json = NULL;

    if (answer->code == ACK_OK) {
        json = answer->result ? json_copy(answer->result) : json_object();
        if (json_is_object(json))
            add_remarks(json, answer);
        return rpc_result(id, json);
    }
    json = json_object();
    if (answer->result)
        json_add(json, "result", json_copy(answer->result));
    add_remarks(json, answer);
    return rpc_error(id, answer->code, answer->message, json);
}

static void on_final(const struct request_answer *answer, void *user)
{
    struct slot *slot = user;

    if (!slot->silent)
        slot->response = response_of(slot->id, answer);
    slot_done(slot->exchange);
}

static const struct request_asker asker = {.final = on_final};

/* --- asking --- */

static const char *target_member(enum topic_scope scope)
{
    static const char *const members[] = {
        [TOPIC_SCOPE_AGENT] = NULL, [TOPIC_SCOPE_UNIT] = "unit", [TOPIC_SCOPE_CAMERA] = "camera"};

    return members[scope];
}

/* Takes the unit or camera out of args into *ret_target. */
static enum ack_code take_target(const char *member, bool fleet, cJSON **args, char **ret_target,
                                 struct error *err)
{
    const cJSON *target = json_get(*args, member);
    const char *text = json_string(target);
    cJSON *rest;

    if (!target && fleet)
        return ACK_OK; /* every unit */
    if (!text || !str_is_id(text)) {
        error_set(err, -1, target ? "params.%s: is no valid name" : "params.%s: is missing",
                  member);
        return ACK_BAD_PARAMS;
    }
    replace_str(ret_target, text);
    rest = json_object();
    for (const cJSON *it = json_first(*args); it; it = json_next(it))
        if (it != target)
            json_add(rest, json_key(it), json_copy(it));
    json_free(*args);
    *args = rest;
    return ACK_OK;
}

static uint64_t hash_of(const struct request_asked *asked)
{
    CLEANUP(free_p) char *args = asked->args ? json_print(asked->args) : xstrdup("");
    uint64_t hash = hash_bytes(HASH_INIT, asked->label, strlen(asked->label) + 1);

    hash = hash_bytes(hash, asked->target, strlen(asked->target) + 1);
    return hash_bytes(hash, args, strlen(args));
}

static enum ack_code find_method(const char *method, struct request_asked *asked, struct error *err)
{
    asked->verb = verb_find_method(method);
    if (asked->verb == VERB_COUNT) {
        error_set(err, -1, "there is no method '%.64s'; rpc.discover lists them", method);
        return ACK_UNKNOWN_VERB;
    }
    asked->scope = verbs[asked->verb].scope;
    asked->label = verbs[asked->verb].method;
    return ACK_OK;
}

static enum ack_code read_params(const struct rpc_request *request, struct request_asked *asked,
                                 struct envelope *envelope, char **ret_target, struct error *err)
{
    const char *member = target_member(asked->scope);
    enum ack_code code = envelope_parse_params(request->params, envelope, err);

    if (code == ACK_OK && member)
        code = take_target(member, asked->fleet, &envelope->args, ret_target, err);
    if (*ret_target)
        asked->target = *ret_target;
    asked->id = envelope->id;
    asked->expires_at = envelope->expires_at;
    return code;
}

static void ask(struct slot *slot, const struct rpc_request *request, enum ack_code code,
                struct error *err)
{
    const struct exchange *exchange = slot->exchange;
    struct requests *requests = exchange->rpc->config.requests;
    CLEANUP(free_p) char *target = NULL;
    struct envelope envelope = {0};
    struct request_asked asked = {.verb = VERB_COUNT,
                                  .target = "",
                                  .label = "rpc",
                                  .args_path = "params",
                                  .id = "",
                                  .fleet = exchange->fleet,
                                  .expires_at_broker = exchange->expires};

    if (code == ACK_OK)
        code = find_method(request->method, &asked, err);
    if (code == ACK_OK)
        code = read_params(request, &asked, &envelope, &target, err);
    if (code == ACK_OK) {
        asked.args = TAKE(envelope.args);
        asked.hash = hash_of(&asked);
        request_start(requests, &asked, &asker, slot);
    } else {
        request_refuse(requests, &asked, code, err->text, &asker, slot);
    }
    envelope_done(&envelope);
}

/* --- one message --- */

/* Why the message is refused whatever it says. */
static enum ack_code check_message(const struct mqtt_message *message, enum ack_code admitted,
                                   struct error *err)
{
    if (message->retained) {
        error_set(err, -1,
                  "requests must not be retained; clear it with an empty retained message "
                  "to the same topic");
        return ACK_RETAINED;
    }
    if (admitted != ACK_OK)
        error_set(err, -1, "too many requests; at most %d at once, then one in %d ms",
                  REQUESTS_BURST, REQUESTS_REFILL_MS);
    return admitted;
}

/* A Response Topic that we do not write to: the refusal goes where an answer without one goes. */
static struct exchange *exchange_new(struct rpc *rpc, const struct topic_target *target,
                                     const struct mqtt_message *message, enum ack_code *ret_code,
                                     struct error *err)
{
    struct exchange *exchange = xcalloc(1, sizeof(*exchange));

    exchange->rpc = rpc;
    exchange->fleet = target->broadcast;
    exchange->expires = message->expires;
    *ret_code = ACK_OK;
    if (reply_init(&exchange->reply, rpc->config.response_rule, message, err) < 0)
        *ret_code = ACK_FORBIDDEN;
    if (!exchange->reply.topic)
        exchange->reply.topic =
            topic_build_reply(rpc->config.prefix, rpc->config.agent, target->verb);
    return exchange;
}

static struct slot *add_slot(struct exchange *exchange, const cJSON *id, bool silent)
{
    struct slot *slot = &exchange->slots[exchange->count++];

    slot->exchange = exchange;
    slot->id = id ? json_copy(id) : NULL;
    slot->silent = silent;
    exchange->open++;
    return slot;
}

static void ask_all(struct exchange *exchange, const struct rpc_call *call, enum ack_code code,
                    const struct error *err)
{
    exchange->batch = call->batch;
    exchange->open = 1; /* until all have been asked */
    for (size_t i = 0; i < call->count; i++) {
        const struct rpc_request *request = &call->requests[i];
        struct slot *slot = add_slot(exchange, request->id, request->method && !request->id);
        bool message_is_fine = code == ACK_OK;
        struct error why = message_is_fine ? request->err : *err;

        ask(slot, request, message_is_fine ? request->code : code, &why);
    }
    slot_done(exchange);
}

void rpc_on_message(struct rpc *rpc, const struct topic_target *target,
                    const struct mqtt_message *message, enum ack_code admitted)
{
    CLEANUP(free_p) struct rpc_call *call = xcalloc(1, sizeof(*call));
    struct error err = {0};
    enum ack_code code, parsed;
    struct exchange *exchange = exchange_new(rpc, target, message, &code, &err);

    if (code == ACK_OK)
        code = check_message(message, admitted, &err);
    parsed = rpc_parse(message->payload, message->len, call, code == ACK_OK ? &err : NULL);
    if (parsed == ACK_OK)
        ask_all(exchange, call, code, &err);
    else
        ask(add_slot(exchange, NULL, false), NULL, code == ACK_OK ? parsed : code, &err);
    rpc_call_done(call);
}

/* --- birth and death --- */

struct rpc *rpc_new(const struct commands_config *config)
{
    struct rpc *rpc = xcalloc(1, sizeof(*rpc));

    rpc->config = *config;
    return rpc;
}

void rpc_free(struct rpc *rpc)
{
    free(rpc);
}
