/* SPDX-License-Identifier: MIT */
#include "tests/e2e/asking.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- commands --- */

static bool is_ack(const struct rig_message *message, const char *id, const char *phase)
{
    return str_equal(message->topic, "ack") &&
           (!id || str_equal(json_get_string(message->json, "id"), id)) &&
           str_equal(json_get_string(message->json, "phase"), phase);
}

const cJSON *final_ack(struct rig *rig, size_t from, const char *id)
{
    const struct rig_message *message;

    for (size_t i = from; (message = rig_message(rig, i)); i++)
        if (is_ack(message, id, "final"))
            return message->json;
    return NULL;
}

size_t count_acks(struct rig *rig, size_t from, const char *id, const char *phase)
{
    const struct rig_message *message;
    size_t count = 0;

    for (size_t i = from; (message = rig_message(rig, i)); i++)
        count += is_ack(message, id, phase);
    return count;
}

const cJSON *command(struct rig *rig, const char *topic, const char *payload)
{
    size_t from = rig_message_count(rig);

    rig_publish(rig, topic, payload);
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    rig_linger(rig, ASK_GAP_MS);
    return final_ack(rig, from, NULL);
}

int code_of(const cJSON *answer)
{
    double code = 0;

    (void)json_get_number(answer, json_get(answer, "jsonrpc") ? "error.code" : "code", &code);
    return (int)code;
}

const char *message_of(const cJSON *answer)
{
    const char *text =
        json_get_string(answer, json_get(answer, "jsonrpc") ? "error.message" : "message");

    return text ? text : "";
}

/* --- JSON-RPC --- */

static bool has_id(const cJSON *response, const char *id)
{
    const cJSON *found = json_get(response, "id");
    CLEANUP(free_p) char *text = found ? json_print(found) : NULL;

    return str_equal(text, id);
}

static const cJSON *find_response(const cJSON *json, const char *id)
{
    if (!json_is_array(json))
        return has_id(json, id) ? json : NULL;
    for (const cJSON *it = json_first(json); it; it = json_next(it))
        if (has_id(it, id))
            return it;
    return NULL;
}

const cJSON *response_to(struct rig *rig, size_t from, const char *client, const char *id)
{
    CLEANUP(free_p) char *topic = xasprintf("reply/%s", client);
    const struct rig_message *message;

    for (size_t i = from; (message = rig_message(rig, i)); i++) {
        const cJSON *response =
            str_equal(message->topic, topic) ? find_response(message->json, id) : NULL;

        if (response)
            return response;
    }
    return NULL;
}

const cJSON *rpc(struct rig *rig, const char *method, const char *params)
{
    size_t from = rig_message_count(rig);
    CLEANUP(free_p) char *id = xasprintf("%zu", from);
    CLEANUP(free_p)
    char *payload = xasprintf("{\"jsonrpc\":\"2.0\",\"method\":\"%s\"%s%s,\"id\":%s}", method,
                              params ? ",\"params\":" : "", params ? params : "", id);

    rig_publish(rig, "rpc/desk", payload);
    RIG_WAIT(rig, response_to(rig, from, "desk", id));
    rig_linger(rig, ASK_GAP_MS);
    return response_to(rig, from, "desk", id);
}

/* --- with mosquitto_pub --- */

void pub(struct rig *rig, const char *topic, const char *payload, const char *const *options)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *argv[32] = {"mosquitto_pub", "-V", "5",  "-q", "1",   "-h",
                            "127.0.0.1",     "-p", port, "-t", topic, "-m",
                            payload};
    size_t count = 13;
    struct rig_output output;

    while (options && *options && count + 1 < ARRAY_LEN(argv))
        argv[count++] = *options++;
    output = rig_run(rig, argv);
    if (output.exit_code != 0)
        fail_msg("mosquitto_pub: %s", output.err);
    rig_output_done(&output);
}
