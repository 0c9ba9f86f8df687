/* SPDX-License-Identifier: MIT */
#include "agent/requests/reply.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>

int reply_init(struct reply *reply, const struct topic_response_rule *rule,
               const struct mqtt_message *message, struct error *err)
{
    *reply = (struct reply){.correlation_len = message->correlation_len};
    if (message->correlation)
        reply->correlation = xmemdup(message->correlation, message->correlation_len);
    if (!message->response_topic)
        return 0;
    if (!topic_response_allowed(rule, message->response_topic))
        return error_set(err, -EACCES,
                         "nothing was done: the Response Topic is not one that this agent may "
                         "write to; use one below %s/ that has no other meaning, or add it to "
                         "mqtt.response_topic_allow",
                         rule->prefix);
    reply->topic = xstrdup(message->response_topic);
    return 0;
}

void reply_done(struct reply *reply)
{
    free(reply->topic);
    free(reply->correlation);
    *reply = (struct reply){0};
}
