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

void handle_agent_info(struct call *call)
{
    call_succeed_document(call, TOPIC_INFO, NULL);
}

void handle_agent_status(struct call *call)
{
    call_succeed_document(call, TOPIC_STATUS, NULL);
}

void handle_agent_reload(struct call *call)
{
    const struct handler_rooms *rooms = call->rooms;
    CLEANUP(json_free_p) cJSON *result = json_object();
    struct error err = {0};
    enum ack_code code = rooms->on_reload(result, &err, rooms->user);

    call_answer(call, code, code == ACK_OK ? NULL : err.text, result);
}
