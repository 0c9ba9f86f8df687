/* SPDX-License-Identifier: MIT */
/* discover: the table of verbs as an OpenRPC document. */
#include "agent/handlers/handlers.h"

#include "agent/base/str.h"

static const char *json_type(enum arg_type type)
{
    switch (type) {
    case ARG_STRING:
    case ARG_ID:
        return "string";
    case ARG_INT:
        return "integer";
    case ARG_NUMBER:
        return "number";
    case ARG_BOOL:
        return "boolean";
    case ARG_STRINGS:
        return "array";
    case ARG_OBJECT:
        return "object";
    case ARG_SCALAR:
    case ARG_WORDS:
        break;
    }
    return NULL; /* of several */
}

static void add_schema(cJSON *param, const struct verb_arg *arg)
{
    cJSON *schema = json_add_object(param, "schema");
    const char *type = json_type(arg->type);
    bool number = arg->type == ARG_INT || arg->type == ARG_NUMBER;

    if (type)
        json_add_string(schema, "type", type);
    if (number && (arg->min != 0 || arg->max != 0)) {
        json_add_number(schema, "minimum", arg->min, 3);
        json_add_number(schema, "maximum", arg->max, 3);
    }
    if ((arg->type == ARG_STRING || arg->type == ARG_WORDS) && arg->max > 0)
        json_add_number(schema, "maxLength", arg->max, 0);
    if (arg->type == ARG_ID)
        json_add_string(schema, "pattern", "^[a-z0-9][a-z0-9_-]{0,47}$");
    if (arg->type == ARG_STRINGS || arg->type == ARG_WORDS)
        json_add_string(json_add_object(schema, "items"), "type", "string");
}

static void add_param(cJSON *params, const struct verb_arg *arg)
{
    cJSON *param = json_add_object(params, NULL);

    json_add_string(param, "name", arg->name);
    json_add_string(param, "summary", arg->help);
    json_add_bool(param, "required", arg->required);
    add_schema(param, arg);
}

/* The unit or camera, which a command has in its topic. */
static void add_target(cJSON *params, enum topic_scope scope)
{
    static const struct verb_arg unit = {
        .name = "unit", .type = ARG_ID, .required = true, .help = "the unit"};
    static const struct verb_arg camera = {
        .name = "camera", .type = ARG_ID, .required = true, .help = "the camera"};

    if (scope == TOPIC_SCOPE_UNIT)
        add_param(params, &unit);
    if (scope == TOPIC_SCOPE_CAMERA)
        add_param(params, &camera);
}

static void add_common(cJSON *params)
{
    static const struct verb_arg id = {
        .name = "command_id",
        .type = ARG_STRING,
        .max = ENVELOPE_ID_MAX,
        .help = "asked again with the same one it is not done again, but answered again"};
    static const struct verb_arg expires = {
        .name = "expires",
        .type = ARG_SCALAR,
        .help = "RFC 3339 or unix seconds: not to be done later than this"};

    add_param(params, &id);
    add_param(params, &expires);
}

static void add_method(cJSON *methods, const struct verb *verb)
{
    cJSON *method = json_add_object(methods, NULL);
    cJSON *params, *result;

    json_add_string(method, "name", verb->method);
    json_add_string(method, "summary", verb->help);
    json_add_string(method, "paramStructure", "by-name");
    params = json_add_array(method, "params");
    add_target(params, verb->scope);
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        add_param(params, arg);
    if (!(verb->flags & VERB_READ))
        add_common(params);
    result = json_add_object(method, "result");
    json_add_string(result, "name", "result");
    json_add_object(result, "schema");
    json_add_bool(method, "x-fleet", verb->flags & VERB_FLEET);
    json_add_bool(method, "x-read-only", verb->flags & VERB_READ);
    json_add_bool(method, "x-topic", !(verb->flags & VERB_NO_TOPIC));
}

static void add_errors(cJSON *json)
{
    cJSON *errors = json_add_object(json_add_object(json, "components"), "errors");
    enum ack_code code;

    for (size_t i = 1; ack_code_at(i, &code); i++) {
        cJSON *error = json_add_object(errors, ack_code_name(code));

        json_add_int(error, "code", code);
        json_add_string(error, "message", ack_code_name(code));
    }
}

void handle_rpc_discover(struct call *call)
{
    const char *only = json_get_string(call->args, "method");
    cJSON *json = json_object();
    cJSON *info, *methods;

    json_add_string(json, "openrpc", "1.2.6");
    info = json_add_object(json, "info");
    json_add_string(info, "title", "lapsed");
    json_add_string(info, "version", LAPSED_VERSION);
    methods = json_add_array(json, "methods");
    for (int id = 0; id < VERB_COUNT; id++)
        if (!only || str_equal(only, verbs[id].method))
            add_method(methods, &verbs[id]);
    add_errors(json);
    call_succeed(call, json);
}
