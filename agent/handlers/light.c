/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

void handle_light_switch(struct call *call)
{
    const struct handler_rooms *rooms = call->rooms;
    const char *id = json_get_string(call->args, "light");
    struct light *light = lights_find(rooms->lights, id);
    struct error err;

    if (!light)
        call_answer(call, ACK_UNKNOWN_TARGET,
                    "there is no light of this name; the info topic lists them", NULL);
    else if (light_switch(light, call->verb == VERB_LIGHT_ON, &err) < 0)
        call_answer(call, ACK_BUSY, err.text, NULL);
    else
        call_succeed_document(call, TOPIC_LIGHT_STATUS, id);
}

static cJSON *light_item(const struct call *call, size_t index)
{
    const struct handler_rooms *rooms = call->rooms;

    return rooms->document(TOPIC_LIGHT_STATUS,
                           light_get_settings(lights_at(rooms->lights, index))->id, rooms->user);
}

void handle_light_list(struct call *call)
{
    call_succeed_list(call, lights_count(call->rooms->lights), light_item);
}
