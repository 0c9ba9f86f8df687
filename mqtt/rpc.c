/* SPDX-License-Identifier: MIT */
#include "mqtt/rpc.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX_NUMBER 9007199254740992.0 /* 2^53: whole numbers are exact up to here */

enum {
    ID_MAX_BYTES = ENVELOPE_ID_MAX,
    ERROR_MAX_BYTES = 640, /* "too_large", with the longest id, escaped */
};

/* --- reading --- */

static enum ack_code refuse(struct error *err, const char *what)
{
    error_set(err, -EINVAL, "%s", what);
    return ACK_INVALID_REQUEST;
}

static bool id_is_valid(const cJSON *id)
{
    const char *text = json_string(id);
    double number = json_number(id);

    if (text)
        return strlen(text) <= ID_MAX_BYTES;
    if (json_is_number(id))
        return number == floor(number) && fabs(number) <= ID_MAX_NUMBER;
    return json_is_null(id);
}

static bool is_known(const char *member)
{
    static const char *const members[] = {"jsonrpc", "id", "method", "params"};

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_equal(members[i], member))
            return true;
    return false;
}

static enum ack_code check_members(const cJSON *json, struct error *err)
{
    for (const cJSON *member = json_first(json); member; member = json_next(member)) {
        if (is_known(json_key(member)))
            continue;
        error_set(err, -EINVAL, "\"%s\" is no member of a JSON-RPC 2.0 request", json_key(member));
        return ACK_INVALID_REQUEST;
    }
    if (!str_equal(json_get_string(json, "jsonrpc"), "2.0"))
        return refuse(err, "\"jsonrpc\" must be \"2.0\"");
    if (!json_get_string(json, "method"))
        return refuse(err, "\"method\" must be a text");
    return ACK_OK;
}

static enum ack_code check_params(const cJSON *params, struct error *err)
{
    if (!params || json_is_object(params))
        return ACK_OK;
    if (!json_is_array(params))
        return refuse(err, "\"params\" must be an object");
    error_set(err, -EINVAL,
              "\"params\": only parameters by name are taken, as an object; rpc.discover has their "
              "names");
    return ACK_BAD_PARAMS;
}

/* What is no valid request is answered even without an id: the caller did not mean a notification,
 * it meant something that we cannot read. */
static void read_request(const cJSON *json, struct rpc_request *ret)
{
    static const struct rpc_request blank;
    const cJSON *id = json_get(json, "id");

    *ret = blank;
    ret->id = id;
    if (!json_is_object(json))
        ret->code = refuse(&ret->err, "a request must be an object");
    else if (id && !id_is_valid(id))
        ret->code = refuse(&ret->err, "\"id\" must be a text of at most 64 bytes, a whole number "
                                      "that is exact, or null");
    else
        ret->code = check_members(json, &ret->err);
    if (ret->code == ACK_OK) {
        ret->method = json_get_string(json, "method");
        ret->params = json_get(json, "params");
        ret->code = check_params(ret->params, &ret->err);
    }
    if (id && !id_is_valid(id))
        ret->id = NULL;
}

static enum ack_code read_batch(struct rpc_call *call, struct error *err)
{
    size_t count = json_size(call->json);

    if (count == 0)
        return refuse(err, "a batch must not be empty");
    if (count > RPC_BATCH_MAX) {
        error_set(err, -E2BIG, "a batch of %zu requests: at most %d are accepted", count,
                  RPC_BATCH_MAX);
        return ACK_INVALID_REQUEST;
    }
    for (const cJSON *json = json_first(call->json); json; json = json_next(json))
        read_request(json, &call->requests[call->count++]);
    return ACK_OK;
}

static enum ack_code parse_json(const uint8_t *payload, size_t len, cJSON **ret_json,
                                struct error *err)
{
    static const struct json_limits limits = {.max_bytes = RPC_MAX_BYTES,
                                              .max_depth = RPC_MAX_DEPTH};

    if (len > RPC_MAX_BYTES) {
        error_set(err, -EMSGSIZE, "a payload of %zu bytes: at most %d are accepted", len,
                  RPC_MAX_BYTES);
        return ACK_TOO_LARGE;
    }
    return json_parse(len ? (const char *)payload : "", len, &limits, ret_json, err) < 0 ? ACK_PARSE
                                                                                         : ACK_OK;
}

enum ack_code rpc_parse(const uint8_t *payload, size_t len, struct rpc_call *ret, struct error *err)
{
    enum ack_code code;

    ret->batch = false;
    ret->count = 0;
    ret->json = NULL;
    code = parse_json(payload, len, &ret->json, err);
    if (code != ACK_OK)
        return code;
    ret->batch = json_is_array(ret->json);
    if (!ret->batch)
        read_request(ret->json, &ret->requests[ret->count++]);
    else
        code = read_batch(ret, err);
    if (code != ACK_OK)
        rpc_call_done(ret);
    return code;
}

void rpc_call_done(struct rpc_call *call)
{
    json_free(call->json);
    call->json = NULL;
    call->count = 0;
}

/* --- writing --- */

static cJSON *response(void)
{
    cJSON *json = json_object();

    json_add_string(json, "jsonrpc", "2.0");
    return json;
}

static void add_id(cJSON *json, const cJSON *id)
{
    if (json_is_number(id))
        json_add_int(json, "id", (int64_t)json_number(id));
    else if (id)
        json_add(json, "id", json_copy(id));
    else
        json_add_null(json, "id");
}

cJSON *rpc_result(const cJSON *id, const cJSON *result)
{
    cJSON *json = response();

    json_add(json, "result", result ? json_copy(result) : json_object());
    add_id(json, id);
    return json;
}

cJSON *rpc_error(const cJSON *id, enum ack_code code, const char *message, const cJSON *data)
{
    cJSON *json = response();
    cJSON *error = json_add_object(json, "error");
    cJSON *more = data ? json_copy(data) : json_object();

    json_add_int(error, "code", code);
    json_add_string(error, "message", message && *message ? message : ack_code_name(code));
    json_add_string(more, "error", ack_code_name(code));
    json_add(error, "data", more);
    add_id(json, id);
    return json;
}

static char *too_large(const cJSON *given, size_t max_bytes)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    CLEANUP(free_p)
    char *message = xasprintf("the answer is larger than the %zu bytes that may be sent: ask for "
                              "less, with \"limit\" and \"cursor\"",
                              max_bytes);

    json = rpc_error(json_get(given, "id"), ACK_TOO_LARGE, message, NULL);
    return json_print(json);
}

static size_t least_len(const char *text)
{
    return text ? MIN(strlen(text), (size_t)ERROR_MAX_BYTES) + strlen(",") : 0;
}

static void append(struct buf *buf, const char *text)
{
    int rc = buf_append(buf, text, strlen(text));

    assert(rc == 0);
    (void)rc;
}

/* Those that come later keep room for themselves, or for their error when they are large. */
static void fit(cJSON *const *responses, char **texts, size_t count, size_t max_bytes)
{
    size_t used = strlen("[]"), later = 0;

    for (size_t i = 0; i < count; i++) {
        texts[i] = responses[i] ? json_print(responses[i]) : NULL;
        later += least_len(texts[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (!texts[i])
            continue;
        later -= least_len(texts[i]);
        if (used + strlen(texts[i]) + strlen(",") + later > max_bytes) {
            free(texts[i]);
            texts[i] = too_large(responses[i], max_bytes);
        }
        used += strlen(texts[i]) + strlen(",");
    }
}

char *rpc_print(cJSON *const *responses, size_t count, bool batch, size_t max_bytes)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(SIZE_MAX);
    CLEANUP(free_p) char **texts = xcalloc(count, sizeof(*texts));
    const char *before = "";
    size_t len;

    fit(responses, texts, count, max_bytes);
    if (batch)
        append(&buf, "[");
    for (size_t i = 0; i < count; i++) {
        if (!texts[i])
            continue;
        append(&buf, before);
        append(&buf, texts[i]);
        before = ",";
        free(texts[i]);
    }
    if (batch)
        append(&buf, "]");
    return (char *)buf_take(&buf, &len);
}
