/* SPDX-License-Identifier: MIT */
/* rpc: JSON-RPC 2.0 on rpc/<client> becomes requests. In JSON-RPC the unit or camera is a parameter
 * by name; "command_id" and "expires" may stand beside the parameters of every method and mean what
 * "id" and "expires" mean in a command. The id of JSON-RPC itself only matches answers to
 * questions. The answer goes to the Response Topic, else to reply/<client>. Loop thread only. */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include "agent/requests/commands.h"

struct rpc;

struct rpc *rpc_new(const struct commands_config *config) MUST_CHECK;
/* After requests_stop(). NULL is fine. */
void rpc_free(struct rpc *rpc);

/* As commands_on_message(), of rpc/<client>. */
void rpc_on_message(struct rpc *rpc, const struct topic_target *target,
                    const struct mqtt_message *message, enum ack_code admitted);

#endif
