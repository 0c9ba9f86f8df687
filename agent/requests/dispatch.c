/* SPDX-License-Identifier: MIT */
#include "agent/requests/dispatch.h"

#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/requests/commands.h"
#include "agent/requests/rpc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    FLEET_DELAY_MAX_MS = 500,
    TURN_MS = REQUESTS_REFILL_MS + 10, /* until the next request is allowed, surely */
};

/* A message that waits its moment: one to many agents, or one of many that came in a bunch. */
struct late {
    struct list link;
    struct dispatch *dispatch;
    struct timer *timer;
    struct topic_target target;
    struct mqtt_message message; /* owns what it points to */
};

struct dispatch {
    struct dispatch_config config;
    struct topic_response_rule response_rule;
    struct requests *requests;
    struct commands *commands;
    struct rpc *rpc;
    struct list late;
    size_t late_count;
};

/* --- one message --- */

static void hand_over(struct dispatch *dispatch, const struct topic_target *target,
                      const struct mqtt_message *message)
{
    bool silently;
    enum ack_code admitted = requests_admit(dispatch->requests, &silently);

    if (silently)
        return;
    if (target->request == TOPIC_RPC)
        rpc_on_message(dispatch->rpc, target, message, admitted);
    else
        commands_on_message(dispatch->commands, target, message, admitted);
}

/* --- messages to many --- */

static void late_free(struct late *late)
{
    union {
        const void *given;
        void *owned;
    } parts[] = {{.given = late->message.topic},
                 {.given = late->message.payload},
                 {.given = late->message.response_topic},
                 {.given = late->message.correlation}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        free(parts[i].owned);
    list_remove(&late->link);
    late->dispatch->late_count--;
    timer_free(late->timer);
    free(late);
}

static void on_late(void *user)
{
    struct late *late = user;

    hand_over(late->dispatch, &late->target, &late->message);
    late_free(late);
}

static void *copy_bytes(const void *data, size_t len)
{
    return data && len > 0 ? xmemdup(data, len) : NULL;
}

static void copy_message(struct mqtt_message *copy, const struct mqtt_message *message)
{
    *copy = *message;
    copy->topic = xstrdup(message->topic);
    copy->payload = copy_bytes(message->payload, message->len);
    copy->response_topic = message->response_topic ? xstrdup(message->response_topic) : NULL;
    copy->correlation = copy_bytes(message->correlation, message->correlation_len);
}

static int64_t random_delay_ms(void)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        return 0;
    return random % (FLEET_DELAY_MAX_MS + 1);
}

static void hand_over_later(struct dispatch *dispatch, const struct topic_target *target,
                            const struct mqtt_message *message, int64_t delay_ms)
{
    struct late *late = xcalloc(1, sizeof(*late));

    late->dispatch = dispatch;
    late->target = *target;
    copy_message(&late->message, message);
    late->timer = timer_new(dispatch->config.loop, on_late, late);
    list_append(&dispatch->late, &late->link);
    dispatch->late_count++;
    timer_start(late->timer, delay_ms);
}

/* What waited at the broker while we were away comes all at once: each waits for its turn. */
static bool comes_in_a_bunch(const struct dispatch *dispatch)
{
    return dispatch->config.config->mqtt.offline_queue_s > 0 &&
           (dispatch->late_count > 0 || !requests_ready(dispatch->requests));
}

/* A flood is not kept waiting: it is refused at once. */
static void hand_over_in_time(struct dispatch *dispatch, const struct topic_target *target,
                              const struct mqtt_message *message)
{
    int64_t turn = (int64_t)dispatch->late_count + 1;

    if (dispatch->late_count >= REQUESTS_AT_ONCE)
        hand_over(dispatch, target, message);
    else if (target->broadcast)
        hand_over_later(dispatch, target, message, random_delay_ms());
    else if (comes_in_a_bunch(dispatch))
        hand_over_later(dispatch, target, message, turn * TURN_MS);
    else
        hand_over(dispatch, target, message);
}

/* --- which are ours --- */

static bool is_member(const struct agent_settings *agent, const char *group)
{
    for (size_t i = 0; i < agent->groups.count; i++)
        if (str_equal(agent->groups.items[i], group))
            return true;
    return false;
}

/* A broker that kept our session may still deliver what we subscribed to in an earlier life. */
static bool is_for_us(const struct dispatch *dispatch, const struct topic_target *target)
{
    const struct agent_settings *agent = &dispatch->config.config->agent;

    if (target->broadcast)
        return !target->agent[0] || is_member(agent, target->agent);
    return str_equal(target->agent, agent->id);
}

bool dispatch_on_message(struct dispatch *dispatch, const struct mqtt_message *message)
{
    struct topic_target target;
    struct error err = {0};

    if (topic_parse(dispatch->config.config->mqtt.prefix, message->topic, &target, &err) < 0 ||
        !is_for_us(dispatch, &target))
        return false;
    if (message->len == 0 && message->retained)
        return true; /* somebody clears a retained command */
    hand_over_in_time(dispatch, &target, message);
    return true;
}

static void subscribe_list(struct dispatch *dispatch, char **filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mqtt_subscribe(dispatch->config.mqtt, filters[i], false);
        free(filters[i]);
    }
    free(filters);
}

void dispatch_subscribe(struct dispatch *dispatch)
{
    const struct config *config = dispatch->config.config;
    const char *prefix = config->mqtt.prefix;
    size_t count;
    char **filters = topic_filters(prefix, config->agent.id, &count);

    subscribe_list(dispatch, filters, count);
    filters = topic_fleet_filters(prefix, NULL, &count);
    subscribe_list(dispatch, filters, count);
    for (size_t i = 0; i < config->agent.groups.count; i++) {
        filters = topic_fleet_filters(prefix, config->agent.groups.items[i], &count);
        subscribe_list(dispatch, filters, count);
    }
}

int64_t dispatch_refused(const struct dispatch *dispatch)
{
    return requests_refused(dispatch->requests);
}

/* --- birth and death --- */

static void on_interrupted(const char *ack, void *user)
{
    struct dispatch *dispatch = user;

    commands_tell(dispatch->commands, ack);
}

struct dispatch *dispatch_new(const struct dispatch_config *config)
{
    struct dispatch *dispatch = xcalloc(1, sizeof(*dispatch));
    const struct config *all = config->config;
    struct requests_config requests = {
        .journal = config->journal,
        .rooms = config->rooms,
        .agent = all->agent.id,
        .fleet_verbs = &all->agent.fleet_verbs,
        .trust_clock = all->agent.trust_clock,
        .offline_queue = all->mqtt.offline_queue_s > 0,
        .tell = on_interrupted,
        .user = dispatch,
    };
    struct commands_config commands = {
        .mqtt = config->mqtt,
        .response_rule = &dispatch->response_rule,
        .prefix = all->mqtt.prefix,
        .agent = all->agent.id,
    };

    dispatch->config = *config;
    list_init(&dispatch->late);
    dispatch->response_rule =
        (struct topic_response_rule){.prefix = all->mqtt.prefix,
                                     .agent = all->agent.id,
                                     .allow = &all->mqtt.response_topic_allow};
    dispatch->requests = requests_new(&requests);
    commands.requests = dispatch->requests;
    dispatch->commands = commands_new(&commands);
    dispatch->rpc = rpc_new(&commands);
    requests_answer_interrupted(dispatch->requests);
    return dispatch;
}

void dispatch_stop(struct dispatch *dispatch)
{
    struct late *late;

    requests_stop(dispatch->requests);
    LIST_FOR_EACH(&dispatch->late, late, struct late, link)
    {
        on_late(late);
    }
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    dispatch_stop(dispatch);
    requests_free(dispatch->requests);
    rpc_free(dispatch->rpc);
    commands_free(dispatch->commands);
    free(dispatch);
}
