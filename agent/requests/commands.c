/* SPDX-License-Identifier: MIT */
/* commands: a payload of an envelope in, acknowledgements out. */
#include "agent/requests/commands.h"

#include "agent/base/hash.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/requests/reply.h"

#include <stdlib.h>
#include <string.h>

struct commands {
    struct commands_config config;
    char *ack_topic;
};

struct command {
    struct commands *commands;
    struct reply reply;
};

/* --- answering --- */

static void send_ack(const struct command *command, const char *text)
{
    const struct reply *reply = &command->reply;

    commands_tell(command->commands, text);
    if (reply->topic)
        mqtt_publish_reply(command->commands->config.mqtt, reply->topic, text, reply->correlation,
                           reply->correlation_len);
}

static void on_accepted(const char *ack, void *user)
{
    send_ack(user, ack);
}

static void on_final(const struct request_answer *answer, void *user)
{
    struct command *command = user;

    send_ack(command, answer->ack);
    reply_done(&command->reply);
    free(command);
}

static const struct request_asker asker = {.accepted = on_accepted, .final = on_final};

void commands_tell(struct commands *commands, const char *ack)
{
    mqtt_publish_event(commands->config.mqtt, commands->ack_topic, ack);
}

/* --- asking --- */

/* set/<key> is the verb "set" with the key of the topic. */
static cJSON *setting_args(const struct topic_target *target, const struct envelope *envelope)
{
    cJSON *args = json_object();

    json_add_string(args, "key", target->verb);
    json_add(args, "value", json_copy(json_get(envelope->args, "value")));
    return args;
}

static bool is_bare(enum verb_id verb)
{
    return verb != VERB_COUNT && (verbs[verb].flags & VERB_BARE);
}

static enum ack_code parse(const struct topic_target *target, enum verb_id verb,
                           const struct mqtt_message *message, struct envelope *ret,
                           struct error *err)
{
    enum ack_code code;

    if (target->request == TOPIC_SET)
        code = envelope_parse_set(message->payload, message->len, ret, err);
    else if (is_bare(verb))
        code = envelope_parse_bare(message->payload, message->len, ret, err);
    else
        code = envelope_parse_command(message->payload, message->len, ret, err);
    if (code == ACK_OK && message->retained) {
        error_set(err, -1,
                  "commands must not be retained; clear it with an empty retained message to the "
                  "same topic");
        return ACK_RETAINED;
    }
    return code;
}

/* One agent may have a verb of the agent and one of its units by the same name; a fleet can mean
 * only that which is made for it. */
static void find_fleet_verb(struct request_asked *asked, const char *name)
{
    enum verb_id unit_verb = verb_find(TOPIC_SCOPE_UNIT, name);

    asked->verb = verb_find(TOPIC_SCOPE_AGENT, name);
    if (unit_verb == VERB_COUNT ||
        (asked->verb != VERB_COUNT && (verbs[asked->verb].flags & VERB_FLEET)))
        return;
    asked->verb = unit_verb;
    asked->scope = TOPIC_SCOPE_UNIT;
}

static void find_verb(struct request_asked *asked, const struct topic_target *target)
{
    asked->scope = target->scope;
    if (target->request == TOPIC_SET)
        asked->verb = VERB_UNIT_SET;
    else if (target->broadcast)
        find_fleet_verb(asked, target->verb);
    else
        asked->verb = verb_find(target->scope, target->verb);
}

static uint64_t hash_of(const struct mqtt_message *message)
{
    uint64_t hash = hash_bytes(HASH_INIT, message->topic, strlen(message->topic) + 1);

    return hash_bytes(hash, message->payload, message->len);
}

static char *label_of(const struct topic_target *target)
{
    if (target->request == TOPIC_SET)
        return xasprintf("set/%s", target->verb);
    return xstrdup(target->verb);
}

/* Why the message is refused whatever its verb; ACK_OK: it is not. */
static enum ack_code check_message(struct command *command, const struct mqtt_message *message,
                                   enum ack_code admitted, struct error *err)
{
    const struct commands_config *config = &command->commands->config;

    if (reply_init(&command->reply, config->response_rule, message, err) < 0)
        return ACK_FORBIDDEN;
    if (admitted != ACK_OK)
        error_set(err, -1, "too many commands; at most %d at once, then one in %d ms",
                  REQUESTS_BURST, REQUESTS_REFILL_MS);
    return admitted;
}

static void ask(struct command *command, struct request_asked *asked,
                const struct topic_target *target, struct envelope *envelope)
{
    asked->args =
        target->request == TOPIC_SET ? setting_args(target, envelope) : TAKE(envelope->args);
    request_start(command->commands->config.requests, asked, &asker, command);
}

void commands_on_message(struct commands *commands, const struct topic_target *target,
                         const struct mqtt_message *message, enum ack_code admitted)
{
    struct command *command = xcalloc(1, sizeof(*command));
    CLEANUP(free_p) char *label = label_of(target);
    struct request_asked asked = {
        .target = target->id,
        .label = label,
        .args_path = "args",
        .fleet = target->broadcast,
        .hash = hash_of(message),
        .expires_at_broker = message->expires,
    };
    struct envelope envelope;
    struct error err = {0}, parse_err = {0};
    enum ack_code parsed, code;

    command->commands = commands;
    find_verb(&asked, target);
    parsed = parse(target, asked.verb, message, &envelope, &parse_err);
    asked.id = envelope.id;
    asked.expires_at = envelope.expires_at;
    code = check_message(command, message, admitted, &err);
    if (code != ACK_OK)
        request_refuse(commands->config.requests, &asked, code, err.text, &asker, command);
    else if (parsed != ACK_OK)
        request_refuse(commands->config.requests, &asked, parsed, parse_err.text, &asker, command);
    else
        ask(command, &asked, target, &envelope);
    envelope_done(&envelope);
}

/* --- birth and death --- */

struct commands *commands_new(const struct commands_config *config)
{
    struct commands *commands = xcalloc(1, sizeof(*commands));

    commands->config = *config;
    commands->ack_topic = topic_build(config->prefix, config->agent, TOPIC_ACK, NULL);
    return commands;
}

void commands_free(struct commands *commands)
{
    if (!commands)
        return;
    free(commands->ack_topic);
    free(commands);
}
