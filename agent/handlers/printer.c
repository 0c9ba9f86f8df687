/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

static cJSON *printer_item(const struct call *call, size_t index)
{
    const struct handler_rooms *rooms = call->rooms;

    return rooms->document(TOPIC_PRINTER_STATUS, printer_id(devices_printer(rooms->devices, index)),
                           rooms->user);
}

void handle_printer_list(struct call *call)
{
    call_succeed_list(call, devices_printer_count(call->rooms->devices), printer_item);
}

void handle_printer_status(struct call *call)
{
    const char *id = json_get_string(call->args, "printer");

    if (devices_find_printer(call->rooms->devices, id))
        call_succeed_document(call, TOPIC_PRINTER_STATUS, id);
    else
        call_answer(call, ACK_UNKNOWN_TARGET,
                    "there is no printer of this name; the info topic lists them", NULL);
}
