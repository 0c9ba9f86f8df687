/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

void handle_agent_ping(struct call *call)
{
    call_succeed(call, json_object());
}

void handle_agent_shutdown(struct call *call)
{
    const struct handler_rooms *rooms = call->rooms;

    call_succeed(call, json_object());
    rooms->on_shutdown(rooms->user);
}

void handle_agent_purge_retained(struct call *call)
{
    const struct handler_rooms *rooms = call->rooms;
    cJSON *result = json_object();

    json_add_int(result, "cleared", (int64_t)rooms->on_purge(rooms->user));
    call_succeed(call, result);
}
