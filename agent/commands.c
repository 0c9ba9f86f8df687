/* SPDX-License-Identifier: MIT */
/* commands: every command becomes a struct command that lives until its final acknowledgement;
 * there is exactly one place that sends it, finish_command(). */
#include "agent/commands.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECENT_MAX = 512,
    RECENT_MAX_AGE_MS = 15 * 60 * 1000,
    BURST = 10,
    REFILL_MS = 500, /* one command each */
    PENDING_MAX = 16,
};

/* A command that was answered: the same id gets the same answer. */
struct recent {
    struct list link;
    char id[ENVELOPE_ID_MAX + 1];
    uint64_t hash; /* of topic and payload */
    int64_t at;    /* wall ms */
    char *ack;     /* NULL: not answered yet */
};

struct command {
    struct list link;
    struct commands *commands;
    struct topic_target target;
    struct envelope envelope;
    struct call call;
    cJSON *args; /* of the call */
    uint64_t hash;
    char *response_topic;
    uint8_t *correlation;
    size_t correlation_len;
};

struct commands {
    struct commands_config config;
    struct list pending;
    size_t pending_count;
    struct list recent; /* oldest first */
    size_t recent_count;
    double tokens;
    int64_t refilled_at_ms;
    int64_t refused;
    int64_t floods; /* refused for their rate */
    bool stopped;
};

/* --- recent commands --- */

static uint64_t fnv1a(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_of(const struct mqtt_message *message)
{
    uint64_t hash = fnv1a(0xcbf29ce484222325u, message->topic, strlen(message->topic) + 1);

    return fnv1a(hash, message->payload, message->len);
}

static void recent_free(struct commands *commands, struct recent *recent)
{
    list_remove(&recent->link);
    commands->recent_count--;
    free(recent->ack);
    free(recent);
}

static void forget_old(struct commands *commands)
{
    int64_t oldest = clock_wall_ms() - RECENT_MAX_AGE_MS;
    struct recent *recent;

    LIST_FOR_EACH(&commands->recent, recent, struct recent, link)
    {
        if (commands->recent_count <= RECENT_MAX && recent->at >= oldest)
            break;
        recent_free(commands, recent);
    }
}

static struct recent *find_recent(struct commands *commands, const char *id)
{
    struct recent *recent;

    forget_old(commands);
    LIST_FOR_EACH(&commands->recent, recent, struct recent, link)
    {
        if (id[0] && strcmp(recent->id, id) == 0)
            return recent;
    }
    return NULL;
}

static void add_recent(const char *id, uint64_t hash, const char *ack, int64_t at, void *user)
{
    struct commands *commands = user;
    struct recent *recent = xcalloc(1, sizeof(*recent));

    snprintf(recent->id, sizeof(recent->id), "%s", id);
    recent->hash = hash;
    recent->at = at;
    replace_str(&recent->ack, ack);
    list_append(&commands->recent, &recent->link);
    commands->recent_count++;
}

/* --- answering --- */

static char *label_of(const struct command *command)
{
    if (command->target.request == TOPIC_SET)
        return xasprintf("set/%s", command->target.verb);
    return xstrdup(command->target.verb);
}

static char *ack_text(const struct command *command, bool final, enum ack_code code,
                      const char *message, const cJSON *result)
{
    CLEANUP(free_p) char *label = label_of(command);
    enum topic_scope scope = command->target.scope;

    return ack_print(&(struct ack){
        .id = command->envelope.id,
        .agent = command->commands->config.agent,
        .unit = scope == TOPIC_SCOPE_UNIT ? command->target.id : NULL,
        .camera = scope == TOPIC_SCOPE_CAMERA ? command->target.id : NULL,
        .cmd = label,
        .final = final,
        .code = code,
        .message = message,
        .result = result,
    });
}

static void send_ack(struct command *command, const char *text)
{
    const struct commands_config *config = &command->commands->config;
    CLEANUP(free_p) char *topic = topic_build(config->prefix, config->agent, TOPIC_ACK, NULL);

    mqtt_publish_event(config->mqtt, topic, text);
    if (command->response_topic)
        mqtt_publish_reply(config->mqtt, command->response_topic, text, command->correlation,
                           command->correlation_len);
}

static void command_free(struct command *command)
{
    list_remove(&command->link);
    envelope_done(&command->envelope);
    json_free(command->args);
    free(command->response_topic);
    free(command->correlation);
    free(command);
}

static void remember_answer(struct command *command, const char *ack)
{
    struct commands *commands = command->commands;
    struct recent *recent = find_recent(commands, command->envelope.id);

    if (!recent || recent->hash != command->hash)
        return;
    replace_str(&recent->ack, ack);
    if (command->call.verb != VERB_COUNT && (verbs[command->call.verb].flags & VERB_DURABLE_ID))
        journal_put_command(commands->config.journal, recent->id, recent->hash, ack, NULL, NULL);
}

/* The one final acknowledgement; the command is gone afterwards. */
static void finish_command(struct command *command, enum ack_code code, const char *message,
                           const cJSON *result)
{
    CLEANUP(free_p) char *text = ack_text(command, true, code, message, result);

    if (code != ACK_OK) {
        command->commands->refused++;
        log_info("command.refused", "verb=%s id=%s code=%s message=\"%s\"", command->target.verb,
                 command->envelope.id, ack_code_name(code), message ? message : "");
    }
    send_ack(command, text);
    remember_answer(command, text);
    command->commands->pending_count--;
    command_free(command);
}

static void on_answer(enum ack_code code, const char *message, const cJSON *result, void *user)
{
    finish_command(user, code, message, result);
}

/* --- the checks before --- */

static bool take_token(struct commands *commands)
{
    int64_t now_ms = clock_mono_ms();

    commands->tokens += (double)(now_ms - commands->refilled_at_ms) / REFILL_MS;
    commands->tokens = MIN(commands->tokens, BURST);
    commands->refilled_at_ms = now_ms;
    if (commands->tokens < 1)
        return false;
    commands->tokens -= 1;
    return true;
}

/* A flood is counted and logged now and then, not answered one by one: answers would be a flood
 * too. */
static void count_flood(struct commands *commands)
{
    commands->refused++;
    if (commands->floods++ % 1000 == 0)
        log_warn("command.flood", "refused=%lld limit=\"%d at once, then one in %d ms\"",
                 (long long)commands->floods, BURST, REFILL_MS);
}

/* set/<key> is the verb "set" with the key of the topic. */
static cJSON *setting_args(const struct command *command)
{
    cJSON *args = json_object();

    json_add_string(args, "key", command->target.verb);
    json_add(args, "value", json_copy(json_get(command->envelope.args, "value")));
    return args;
}

static enum ack_code check_verb(struct command *command, struct error *err)
{
    struct call *call = &command->call;

    if (command->target.request == TOPIC_SET) {
        call->verb = VERB_UNIT_SET;
        command->args = setting_args(command);
    } else {
        call->verb = verb_find(command->target.scope, command->target.verb);
        command->args = TAKE(command->envelope.args);
    }
    if (call->verb == VERB_COUNT) {
        error_set(err, -1, "there is no command '%s' here; the info topic lists the methods",
                  command->target.verb);
        return ACK_UNKNOWN_VERB;
    }
    call->target = command->target.id;
    call->args = command->args;
    return verb_check_args(&verbs[call->verb], call->args, err) < 0 ? ACK_BAD_PARAMS : ACK_OK;
}

static enum ack_code parse(struct command *command, const struct mqtt_message *message,
                           struct error *err)
{
    enum ack_code code;

    if (command->target.request == TOPIC_SET)
        code = envelope_parse_set(message->payload, message->len, &command->envelope, err);
    else
        code = envelope_parse_command(message->payload, message->len, &command->envelope, err);
    if (code == ACK_OK && message->retained) {
        error_set(err, -1,
                  "commands must not be retained; clear it with an empty retained message "
                  "to the same topic");
        return ACK_RETAINED;
    }
    if (code == ACK_OK && command->envelope.expires_at > 0 &&
        command->envelope.expires_at < clock_wall_ms()) {
        error_set(err, -1, "expires: the time is over");
        return ACK_EXPIRED;
    }
    return code == ACK_OK ? check_verb(command, err) : code;
}

/* true: it was answered before (or is being answered). */
static bool is_repeated(struct command *command)
{
    struct recent *recent = find_recent(command->commands, command->envelope.id);
    CLEANUP(free_p) char *again = NULL;

    if (!recent)
        return false;
    if (recent->hash != command->hash) {
        finish_command(command, ACK_ID_REUSED,
                       "this id was used for another command; choose a new one", NULL);
        return true;
    }
    if (recent->ack) {
        size_t len = strlen(recent->ack);
        again = xasprintf("%.*s,\"dup\":true}", (int)(len - 1), recent->ack);
        send_ack(command, again);
    }
    command->commands->pending_count--;
    command_free(command);
    return true;
}

static struct command *command_new(struct commands *commands, const struct topic_target *target,
                                   const struct mqtt_message *message)
{
    struct command *command = xcalloc(1, sizeof(*command));

    command->commands = commands;
    command->target = *target;
    command->call = (struct call){
        .rooms = commands->config.rooms, .verb = VERB_COUNT, .answer = on_answer, .user = command};
    command->hash = hash_of(message);
    if (message->response_topic &&
        topic_response_allowed(commands->config.prefix, message->response_topic)) {
        command->response_topic = xstrdup(message->response_topic);
        command->correlation = xmemdup(message->correlation, message->correlation_len);
        command->correlation_len = message->correlation_len;
    }
    list_append(&commands->pending, &command->link);
    commands->pending_count++;
    return command;
}

static void accept(struct command *command)
{
    struct commands *commands = command->commands;
    CLEANUP(free_p) char *text = ack_text(command, false, ACK_OK, NULL, NULL);

    if (command->envelope.id[0])
        add_recent(command->envelope.id, command->hash, NULL, clock_wall_ms(), commands);
    send_ack(command, text);
    log_info("command.accepted", "verb=%s target=%s id=%s", command->target.verb,
             command->target.id, command->envelope.id);
    call_start(&command->call);
}

static void handle(struct commands *commands, const struct topic_target *target,
                   const struct mqtt_message *message)
{
    struct command *command = command_new(commands, target, message);
    struct error err = {0};
    enum ack_code code = parse(command, message, &err);

    if (code != ACK_OK)
        finish_command(command, code, err.text, NULL);
    else if (commands->stopped)
        finish_command(command, ACK_SHUTTING_DOWN, "the agent is being stopped", NULL);
    else if (commands->pending_count > PENDING_MAX)
        finish_command(command, ACK_BUSY, "too many commands wait for their end; try again later",
                       NULL);
    else if (!is_repeated(command))
        accept(command);
}

bool commands_on_message(struct commands *commands, const struct mqtt_message *message)
{
    const struct commands_config *config = &commands->config;
    struct topic_target target;
    struct error err = {0};
    int rc = topic_parse(config->prefix, message->topic, &target, &err);

    if (rc < 0 || target.broadcast || !str_equal(target.agent, config->agent) ||
        target.request == TOPIC_RPC)
        return false;
    if (message->len == 0 && message->retained)
        return true; /* somebody clears a retained command */
    if (!take_token(commands))
        count_flood(commands);
    else
        handle(commands, &target, message);
    return true;
}

void commands_subscribe(struct commands *commands)
{
    size_t count;
    char **filters = topic_filters(commands->config.prefix, commands->config.agent, &count);

    for (size_t i = 0; i < count; i++) {
        mqtt_subscribe(commands->config.mqtt, filters[i], false);
        free(filters[i]);
    }
    free(filters);
}

int64_t commands_refused(const struct commands *commands)
{
    return commands->refused;
}

/* --- birth and death --- */

struct commands *commands_new(const struct commands_config *config)
{
    struct commands *commands = xcalloc(1, sizeof(*commands));
    struct error err = {0};

    commands->config = *config;
    commands->tokens = BURST;
    commands->refilled_at_ms = clock_mono_ms();
    list_init(&commands->pending);
    list_init(&commands->recent);
    if (journal_each_command(config->journal, RECENT_MAX, RECENT_MAX_AGE_MS, add_recent, commands,
                             &err) < 0)
        log_warn("command.memory_lost", "error=\"%s\"", err.text);
    return commands;
}

void commands_stop(struct commands *commands)
{
    struct command *command;

    commands->stopped = true;
    LIST_FOR_EACH(&commands->pending, command, struct command, link)
    {
        call_cancel(&command->call);
        finish_command(command, ACK_SHUTTING_DOWN, "the agent is being stopped", NULL);
    }
}

void commands_free(struct commands *commands)
{
    struct recent *recent;

    if (!commands)
        return;
    commands_stop(commands);
    LIST_FOR_EACH(&commands->recent, recent, struct recent, link)
    {
        recent_free(commands, recent);
    }
    free(commands);
}
