/* SPDX-License-Identifier: MIT */
/* units: how units begin and end by remote. */
#include "agent/handlers/handlers.h"

#include "agent/base/mem.h"

static void cancel_create(struct call *call)
{
    runtime_units_forget(call->rooms->runtime, call->user);
}

void handle_unit_create(struct call *call)
{
    call->cancel = cancel_create;
    runtime_units_start(call->rooms->runtime, call->args, call->answer, call->user);
}

/* An armed unit takes other settings, too, as long as no session is open. */
void handle_unit_start(struct call *call)
{
    struct unit *unit = call_find_unit(call);
    CLEANUP(free_p) char *problems = NULL;
    const cJSON *settings;
    enum ack_code code;

    if (!unit)
        return;
    settings = json_get(call->args, "settings");
    if (!settings || unit_session(unit)) {
        unit_command(unit, SESSION_CMD_START, call->answer, call->user);
        return;
    }
    code = runtime_units_override(call->rooms->runtime, unit, settings, &problems);
    if (code != ACK_OK)
        call_answer(call, code, problems, NULL);
    else if (unit_state(unit) == SESSION_WAITING)
        unit_answer(unit, call->answer, call->user);
    else
        unit_command(unit, SESSION_CMD_START, call->answer, call->user);
}

/* A unit made at run time goes with its session; one that waits for a print goes at once. */
static void end_made(const struct handler_rooms *rooms, struct unit *unit,
                     enum session_event command, answer_fn answer, void *user)
{
    bool open = unit_state(unit) == SESSION_CAPTURING || unit_state(unit) == SESSION_PAUSED;

    runtime_units_end(rooms->runtime, unit);
    if (open || (command == SESSION_CMD_ABORT && unit_session(unit)))
        unit_command(unit, command, answer, user);
    else
        unit_answer(unit, answer, user);
}

static void end_unit(const struct handler_rooms *rooms, struct unit *unit,
                     enum session_event command, answer_fn answer, void *user)
{
    if (runtime_units_has(rooms->runtime, unit))
        end_made(rooms, unit, command, answer, user);
    else
        unit_command(unit, command, answer, user);
}

void handle_unit_end(struct call *call)
{
    struct unit *unit = call_find_unit(call);

    if (unit)
        end_unit(call->rooms, unit,
                 call->verb == VERB_UNIT_ABORT ? SESSION_CMD_ABORT : SESSION_CMD_FINISH,
                 call->answer, call->user);
}

struct finishing {
    cJSON *list;
    const char *unit;
};

static void note_answer(enum ack_code code, const char *message, const cJSON *result, void *user)
{
    struct finishing *finishing = user;
    cJSON *item = json_add_object(finishing->list, NULL);

    json_add_string(item, "unit", finishing->unit);
    json_add_int(item, "code", code);
    json_add_string(item, "message", message);
    json_add(item, "result", result ? json_copy(result) : json_object());
}

static bool has_an_end(const struct handler_rooms *rooms, const struct unit *unit)
{
    return unit_state(unit) == SESSION_CAPTURING || unit_state(unit) == SESSION_PAUSED ||
           runtime_units_has(rooms->runtime, unit);
}

void handle_agent_finish(struct call *call)
{
    const struct handler_rooms *rooms = call->rooms;
    cJSON *result = json_object();
    struct finishing finishing = {.list = json_add_array(result, "units")};

    for (size_t i = 0; i < units_count(rooms->units); i++) {
        struct unit *unit = units_at(rooms->units, i);

        if (!has_an_end(rooms, unit))
            continue;
        finishing.unit = unit_id(unit);
        /* finish is answered from inside the call, always */
        end_unit(rooms, unit, SESSION_CMD_FINISH, note_answer, &finishing);
    }
    call_succeed(call, result);
}
