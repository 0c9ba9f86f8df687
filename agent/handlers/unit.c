/* SPDX-License-Identifier: MIT */
#include "agent/handlers/handlers.h"

#include "agent/base/mem.h"

static const enum session_event events[VERB_COUNT] = {
    [VERB_UNIT_START] = SESSION_CMD_START,     [VERB_UNIT_STANDBY] = SESSION_CMD_STANDBY,
    [VERB_UNIT_PAUSE] = SESSION_CMD_PAUSE,     [VERB_UNIT_RESUME] = SESSION_CMD_RESUME,
    [VERB_UNIT_FINISH] = SESSION_CMD_FINISH,   [VERB_UNIT_ABORT] = SESSION_CMD_ABORT,
    [VERB_UNIT_RESTART] = SESSION_CMD_RESTART, [VERB_UNIT_SNAPSHOT] = SESSION_CMD_SNAPSHOT,
    [VERB_UNIT_PREVIEW] = SESSION_CMD_PREVIEW,
};

struct unit *call_find_unit(struct call *call)
{
    struct unit *unit = units_find(call->rooms->units, call->target);

    if (!unit)
        call_answer(call, ACK_UNKNOWN_TARGET,
                    "there is no unit of this name; the info topic lists them", NULL);
    return unit;
}

void handle_unit_event(struct call *call)
{
    struct unit *unit = call_find_unit(call);

    if (unit)
        unit_command(unit, events[call->verb], call->answer, call->user);
}

static char *setting_text(const cJSON *value)
{
    if (json_is_string(value))
        return xstrdup(json_string(value));
    return json_print(value);
}

void handle_unit_set(struct call *call)
{
    struct unit *unit = call_find_unit(call);
    CLEANUP(free_p) char *text = NULL;
    struct error err = {0};
    enum ack_code code;

    if (!unit)
        return;
    text = setting_text(json_get(call->args, "value"));
    code = unit_set(unit, json_string(json_get(call->args, "key")), text, &err);
    call_answer(call, code, code == ACK_OK ? NULL : err.text, NULL);
}

static cJSON *unit_item(const struct call *call, size_t index)
{
    const struct unit *unit = units_at(call->rooms->units, index);
    const struct conf_strings *cameras = &unit_get_settings(unit)->cameras;
    cJSON *json = json_object();
    cJSON *array;
    int64_t error_since;

    json_add_string(json, "unit", unit_id(unit));
    json_add_string(json, "state", session_state_name(unit_state(unit)));
    json_add_time(json, "since", unit_state_since(unit));
    json_add_string(json, "printer", unit_get_settings(unit)->printer);
    array = json_add_array(json, "cameras");
    for (size_t i = 0; i < cameras->count; i++)
        json_add_string(array, NULL, cameras->items[i]);
    json_add_string(json, "session", unit_session(unit) ? session_id(unit_session(unit)) : NULL);
    if (unit_get_origin(unit))
        json_add(json, "made_by", json_copy(unit_get_origin(unit)->args));
    else
        json_add_null(json, "made_by");
    json_add_bool(json, "ok", unit_error(unit, &error_since)->code == 0);
    return json;
}

void handle_unit_list(struct call *call)
{
    call_succeed_list(call, units_count(call->rooms->units), unit_item);
}

void handle_unit_status(struct call *call)
{
    if (call_find_unit(call))
        call_succeed_document(call, TOPIC_UNIT_STATUS, call->target);
}
