/* SPDX-License-Identifier: MIT */
/* JSON-RPC 2.0: the examples of the specification, and where we are stricter. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static enum ack_code parse(const char *text, struct rpc_call *call, struct error *err)
{
    error_clear(err);
    return rpc_parse((const uint8_t *)text, strlen(text), call, err);
}

static void a_request_gives_method_parameters_and_id(void **state)
{
    struct rpc_call call;
    struct error err;

    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\","
                           "\"params\":{\"unit\":\"mk4\"},\"id\":\"a\"}",
                           &call, &err),
                     ACK_OK);
    assert_false(call.batch);
    assert_int_equal(call.count, 1);
    assert_int_equal(call.requests[0].code, ACK_OK);
    assert_string_equal(call.requests[0].method, "unit.start");
    assert_string_equal(json_get_string(call.requests[0].params, "unit"), "mk4");
    assert_string_equal(json_string(call.requests[0].id), "a");
    rpc_call_done(&call);
}

static void no_id_is_a_notification_and_null_is_an_id(void **state)
{
    struct rpc_call call;
    struct error err;

    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", &call, &err), ACK_OK);
    assert_int_equal(call.requests[0].code, ACK_OK);
    assert_null(call.requests[0].id);
    rpc_call_done(&call);
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":null}", &call, &err),
                     ACK_OK);
    assert_non_null(call.requests[0].id);
    rpc_call_done(&call);
}

/* One request each; the id that is echoed, NULL = null. */
static const struct {
    const char *text;
    enum ack_code code;
    const char *id, *words;
} wrong_requests[] = {
    {"1", ACK_INVALID_REQUEST, NULL, "object"},
    {"\"text\"", ACK_INVALID_REQUEST, NULL, "object"},
    {"{}", ACK_INVALID_REQUEST, NULL, "jsonrpc"},
    {"{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", ACK_INVALID_REQUEST, NULL, "method"},
    {"{\"jsonrpc\":\"2.0\",\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "method"},
    {"{\"jsonrpc\":\"1.0\",\"method\":\"a\",\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "jsonrpc"},
    {"{\"jsonrpc\":2.0,\"method\":\"a\",\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "jsonrpc"},
    {"{\"method\":\"a\",\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "jsonrpc"},
    {"{\"jsonrpc\":\"2.0\",\"metod\":\"a\",\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "metod"},
    {"{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":\"x\"}", ACK_INVALID_REQUEST, "x", "result"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":1,\"id\":\"x\"}", ACK_INVALID_REQUEST, "x",
     "params"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":[1],\"id\":\"x\"}", ACK_BAD_PARAMS, "x",
     "by name"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1.5}", ACK_INVALID_REQUEST, NULL, "id"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1e300}", ACK_INVALID_REQUEST, NULL, "id"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":true}", ACK_INVALID_REQUEST, NULL, "id"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":{}}", ACK_INVALID_REQUEST, NULL, "id"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":[]}", ACK_INVALID_REQUEST, NULL, "id"},
};

static void a_wrong_request_is_refused_with_the_reason_and_its_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong_requests); i++) {
        struct rpc_call call;
        struct error err;
        const struct rpc_request *request = &call.requests[0];

        assert_int_equal(parse(wrong_requests[i].text, &call, &err), ACK_OK);
        assert_int_equal(call.count, 1);
        if (request->code != wrong_requests[i].code ||
            !strstr(request->err.text, wrong_requests[i].words))
            fail_msg("%s: %d %s", wrong_requests[i].text, request->code, request->err.text);
        if (!str_equal(json_string(request->id), wrong_requests[i].id))
            fail_msg("%s: another id", wrong_requests[i].text);
        rpc_call_done(&call);
    }
}

static char *nested(int depth)
{
    CLEANUP(free_p) char *open = xcalloc((size_t)depth + 1, 1);
    CLEANUP(free_p) char *close = xcalloc((size_t)depth + 1, 1);

    memset(open, '[', (size_t)depth);
    memset(close, ']', (size_t)depth);
    return xasprintf("{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":%s%s}", open, close);
}

static void what_is_no_json_or_too_much_of_it_is_refused_as_a_whole(void **state)
{
    static const struct {
        const char *text;
        enum ack_code code;
    } rows[] = {
        {"", ACK_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"foobar, \"params\":\"bar\",\"baz]", ACK_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"a\"} {}", ACK_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"method\":\"b\"}", ACK_PARSE},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", ACK_PARSE},
        {"[]", ACK_INVALID_REQUEST},
    };
    CLEANUP(free_p) char *deep = nested(100);
    CLEANUP(free_p) uint8_t *large = xmalloc(RPC_MAX_BYTES + 1);
    struct rpc_call call;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (parse(rows[i].text, &call, &err) != rows[i].code || !err.text[0])
            fail_msg("%s: %s", rows[i].text, err.text);
    assert_int_equal(parse(deep, &call, &err), ACK_PARSE);
    memset(large, ' ', RPC_MAX_BYTES + 1);
    assert_int_equal(rpc_parse(large, RPC_MAX_BYTES + 1, &call, &err), ACK_TOO_LARGE);
    assert_non_null(strstr(err.text, "16384"));
}

static char *batch_of(size_t count)
{
    static const char one[] = "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}";
    char *text = xcalloc(count + 1, sizeof(one) + 1);
    char *at = text;

    *at++ = '[';
    for (size_t i = 0; i < count; i++) {
        memcpy(at, one, sizeof(one) - 1);
        at += sizeof(one) - 1;
        *at++ = i + 1 < count ? ',' : ']';
    }
    return text;
}

static void a_batch_has_one_to_sixteen_requests_each_judged_alone(void **state)
{
    CLEANUP(free_p) char *most = batch_of(RPC_BATCH_MAX);
    CLEANUP(free_p) char *more = batch_of(RPC_BATCH_MAX + 1);
    struct rpc_call call;
    struct error err;

    (void)state;
    assert_int_equal(parse(most, &call, &err), ACK_OK);
    assert_true(call.batch);
    assert_int_equal(call.count, RPC_BATCH_MAX);
    rpc_call_done(&call);
    assert_int_equal(parse(more, &call, &err), ACK_INVALID_REQUEST);
    assert_non_null(strstr(err.text, "16"));
    assert_int_equal(parse("[1,{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":7},[]]", &call, &err),
                     ACK_OK);
    assert_int_equal(call.requests[0].code, ACK_INVALID_REQUEST);
    assert_int_equal(call.requests[1].code, ACK_OK);
    assert_int_equal(call.requests[2].code, ACK_INVALID_REQUEST);
    rpc_call_done(&call);
}

static cJSON *json_of(const char *text)
{
    cJSON *json;
    struct error err;

    assert_int_equal(
        json_parse(text, strlen(text), &(struct json_limits){1 << 20, 16}, &json, &err), 0);
    return json;
}

static void a_response_has_a_result_or_an_error_and_the_id_as_it_was(void **state)
{
    static const char *const ids[] = {"\"a\"", "7", "-9007199254740992", "9007199254740991",
                                      "null"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        CLEANUP(json_free_p) cJSON *id = json_of(ids[i]);
        CLEANUP(json_free_p) cJSON *result = json_of("{\"x\":1}");
        cJSON *responses[] = {rpc_result(id, result), rpc_error(id, ACK_BUSY, "later", result)};
        CLEANUP(free_p) char *good = rpc_print(&responses[0], 1, false, 1000);
        CLEANUP(free_p) char *bad = rpc_print(&responses[1], 1, false, 1000);
        CLEANUP(free_p)
        char *want_good = xasprintf("{\"jsonrpc\":\"2.0\",\"result\":{\"x\":1},\"id\":%s}", ids[i]);
        CLEANUP(free_p)
        char *want_bad = xasprintf("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":"
                                   "\"later\",\"data\":{\"x\":1,\"error\":\"busy\"}},\"id\":%s}",
                                   ids[i]);

        assert_string_equal(good, want_good);
        assert_string_equal(bad, want_bad);
        json_free(responses[0]);
        json_free(responses[1]);
    }
}

static cJSON *large_response(size_t len)
{
    CLEANUP(json_free_p) cJSON *id = json_of("1");
    CLEANUP(json_free_p) cJSON *result = json_object();
    CLEANUP(free_p) char *text = xcalloc(len + 1, 1);

    memset(text, 'x', len);
    json_add_string(result, "text", text);
    return rpc_result(id, result);
}

static void what_does_not_fit_becomes_an_error_that_says_what_to_do(void **state)
{
    cJSON *responses[RPC_BATCH_MAX];
    CLEANUP(json_free_p) cJSON *read = NULL;
    CLEANUP(free_p) char *text = NULL;
    size_t errors = 0;

    (void)state;
    for (size_t i = 0; i < RPC_BATCH_MAX; i++)
        responses[i] = large_response(10000);
    text = rpc_print(responses, RPC_BATCH_MAX, true, RPC_RESPONSE_MAX_BYTES);
    assert_true(strlen(text) <= RPC_RESPONSE_MAX_BYTES);
    read = json_of(text);
    assert_int_equal(json_size(read), RPC_BATCH_MAX);
    for (const cJSON *it = json_first(read); it; it = json_next(it)) {
        const char *message = json_get_string(it, "error.message");

        assert_true(json_number(json_get(it, "id")) == 1);
        errors += message != NULL;
        assert_true(!message || strstr(message, "cursor"));
    }
    assert_in_range(errors, 10, RPC_BATCH_MAX - 1);
    for (size_t i = 0; i < RPC_BATCH_MAX; i++)
        json_free(responses[i]);
}

/* A broker that takes little: what is small is still answered, whatever is large beside it. */
static void the_large_ones_do_not_push_out_the_small_ones(void **state)
{
    cJSON *responses[] = {large_response(10), large_response(5000), large_response(10)};
    CLEANUP(free_p) char *text = rpc_print(responses, ARRAY_LEN(responses), true, 1000);
    CLEANUP(json_free_p) cJSON *read = json_of(text);

    (void)state;
    assert_true(strlen(text) <= 1000);
    assert_non_null(json_get(read, "[0].result"));
    assert_non_null(json_get(read, "[1].error"));
    assert_non_null(json_get(read, "[2].result"));
    for (size_t i = 0; i < ARRAY_LEN(responses); i++)
        json_free(responses[i]);
}

static void notifications_leave_no_trace_in_a_batch(void **state)
{
    cJSON *responses[] = {NULL, large_response(1), NULL};
    CLEANUP(free_p) char *text = rpc_print(responses, 3, true, 10000);

    (void)state;
    assert_string_equal(text, "[{\"jsonrpc\":\"2.0\",\"result\":{\"text\":\"x\"},\"id\":1}]");
    json_free(responses[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_method_parameters_and_id),
        cmocka_unit_test(no_id_is_a_notification_and_null_is_an_id),
        cmocka_unit_test(a_wrong_request_is_refused_with_the_reason_and_its_id),
        cmocka_unit_test(what_is_no_json_or_too_much_of_it_is_refused_as_a_whole),
        cmocka_unit_test(a_batch_has_one_to_sixteen_requests_each_judged_alone),
        cmocka_unit_test(a_response_has_a_result_or_an_error_and_the_id_as_it_was),
        cmocka_unit_test(what_does_not_fit_becomes_an_error_that_says_what_to_do),
        cmocka_unit_test(the_large_ones_do_not_push_out_the_small_ones),
        cmocka_unit_test(notifications_leave_no_trace_in_a_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
