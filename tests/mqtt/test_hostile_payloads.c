/* SPDX-License-Identifier: MIT */
/* C1: whatever bytes come in, a parser says what is wrong or gives what the contract allows. Good
 * payloads are damaged at random, always in the same way (a failure names the round). */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20000, DAMAGED_MAX_BYTES = 512 };

static const char *const good[] = {
    "PRESS",
    "{\"id\":\"a1\",\"args\":{\"limit\":5,\"cursor\":\"50\"},\"expires\":\"2026-01-31T12:00:00Z\"}",
    "{\"id\":\"a1\",\"value\":25.5}",
    "{\"jsonrpc\":\"2.0\",\"method\":\"unit.start\",\"params\":{\"unit\":\"mk4\"},\"id\":1}",
    "[{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":\"\\u00e9\"},{\"method\":\"b\"}]",
    "{\"id\":\"\\ud83d\\ude00\",\"args\":{\"a\":[[[[{\"b\":[1e308,-0.0,null,true]}]]]]}}",
};

static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* A byte replaced, bytes removed, or a piece of the payload put in once more. */
static size_t damage(uint8_t *bytes, size_t len, uint32_t *seed)
{
    static const uint8_t interesting[] = {0, '"', '\\', '{', '}', '[', ']', ',', ':', 0xff, 0xc0};
    size_t at = len ? next(seed) % len : 0, some = next(seed) % 8;

    switch (next(seed) % 4) {
    case 0:
        bytes[at] = (uint8_t)next(seed);
        return MAX(len, (size_t)1);
    case 1:
        bytes[at] = interesting[next(seed) % sizeof(interesting)];
        return MAX(len, (size_t)1);
    case 2:
        some = MIN(some, len - MIN(at, len));
        memmove(bytes + at, bytes + at + some, len - at - some);
        return len - some;
    default:
        some = MIN(some, len - MIN(at, len));
        if (len + some > DAMAGED_MAX_BYTES)
            return len;
        memmove(bytes + at + some, bytes + at, len - at);
        return len + some;
    }
}

static void check_envelope(enum ack_code code, struct envelope *envelope, const struct error *err)
{
    if (code == ACK_OK) {
        assert_true(envelope->expires_at >= 0);
        assert_true(!envelope->args || json_is_object(envelope->args));
    } else {
        assert_true(code == ACK_PARSE || code == ACK_INVALID_REQUEST || code == ACK_BAD_PARAMS ||
                    code == ACK_TOO_LARGE);
        assert_true(err->text[0]);
        assert_null(envelope->args);
    }
    assert_true(str_is_utf8(envelope->id, strlen(envelope->id)));
    envelope_done(envelope);
}

static void check_call(enum ack_code code, struct rpc_call *call, const struct error *err)
{
    assert_int_equal(code == ACK_OK, err->text[0] == '\0');
    for (size_t i = 0; i < call->count; i++) {
        const struct rpc_request *request = &call->requests[i];

        assert_int_equal(request->code == ACK_OK, request->err.text[0] == '\0');
        assert_true(request->code != ACK_OK || request->method);
        assert_true(!request->params || request->code != ACK_OK || json_is_object(request->params));
    }
    rpc_call_done(call);
}

/* In a buffer of exactly its length, so that a byte read behind it is seen. */
static void feed(const uint8_t *bytes, size_t len)
{
    CLEANUP(free_p) uint8_t *payload = xmalloc(MAX(len, (size_t)1));
    struct envelope envelope;
    struct rpc_call call;
    struct error err = {0};
    enum ack_code code;

    memcpy(payload, bytes, len);
    code = envelope_parse_command(payload, len, &envelope, &err);
    check_envelope(code, &envelope, &err);
    code = envelope_parse_set(payload, len, &envelope, &err);
    check_envelope(code, &envelope, &err);
    error_clear(&err);
    code = rpc_parse(payload, len, &call, &err);
    check_call(code, &call, &err);
}

static void damaged_payloads_are_understood_or_refused_and_nothing_else(void **state)
{
    uint32_t seed = 20260131;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t bytes[DAMAGED_MAX_BYTES + 8];
        const char *from = good[(size_t)round % ARRAY_LEN(good)];
        size_t len = strlen(from);

        memcpy(bytes, from, len);
        for (uint32_t times = 1 + next(&seed) % 4; times > 0; times--)
            len = damage(bytes, len, &seed);
        feed(bytes, len);
    }
}

static void every_beginning_of_a_good_payload_is_understood_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t len = 0; len <= strlen(good[i]); len++)
            feed((const uint8_t *)good[i], len);
}

static void depth_costs_nothing(void **state)
{
    enum { DEEP = ENVELOPE_MAX_BYTES };
    static const char kinds[] = {'[', '{'};
    CLEANUP(free_p) uint8_t *deep = xmalloc(100000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        memset(deep, kinds[i], 100000);
        feed(deep, DEEP);
        feed(deep, 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_payloads_are_understood_or_refused_and_nothing_else),
        cmocka_unit_test(every_beginning_of_a_good_payload_is_understood_or_refused),
        cmocka_unit_test(depth_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
