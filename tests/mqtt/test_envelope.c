/* SPDX-License-Identifier: MIT */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "mqtt/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef enum ack_code (*parse_fn)(const uint8_t *payload, size_t len, struct envelope *ret,
                                  struct error *err);

static enum ack_code parse(parse_fn fn, const char *payload, struct envelope *ret,
                           struct error *err)
{
    memset(err, 0, sizeof(*err));
    return fn((const uint8_t *)payload, strlen(payload), ret, err);
}

static void a_word_that_a_human_types_is_a_command_without_arguments(void **state)
{
    static const char *const words[] = {"",  "PRESS", "press", "ON",      "On",
                                        "1", "true",  "TRUE",  "PRESS\n", " on "};
    struct envelope envelope;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(parse(envelope_parse_command, words[i], &envelope, &err), ACK_OK);
        assert_string_equal(envelope.id, "");
        assert_null(envelope.args);
        assert_int_equal(envelope.expires_at, 0);
        envelope_done(&envelope);
    }
    assert_int_equal(envelope_parse_command(NULL, 0, &envelope, &err), ACK_OK);
}

static void an_object_gives_id_arguments_and_expiry(void **state)
{
    struct envelope envelope;
    struct error err;

    (void)state;
    assert_int_equal(parse(envelope_parse_command,
                           "{\"args\":{\"fps\":25},\"expires\":\"2026-01-31T12:00:00.500Z\","
                           "\"id\":\"a1\"}",
                           &envelope, &err),
                     ACK_OK);
    assert_string_equal(envelope.id, "a1");
    assert_int_equal(envelope.expires_at, 1769860800500);
    assert_non_null(json_get(envelope.args, "fps"));
    envelope_done(&envelope);

    assert_int_equal(parse(envelope_parse_command, "{\"expires\":1769860800.5}", &envelope, &err),
                     ACK_OK);
    assert_int_equal(envelope.expires_at, 1769860800500);
    assert_null(envelope.args);
    assert_int_equal(parse(envelope_parse_command, "{}", &envelope, &err), ACK_OK);
}

static void a_bare_command_may_leave_args_out(void **state)
{
    static const char *const same[] = {
        "{\"id\":\"a1\",\"args\":{\"fps\":25},\"expires\":1769860800}",
        "{\"id\":\"a1\",\"fps\":25,\"expires\":1769860800}",
    };
    struct envelope envelope;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_int_equal(parse(envelope_parse_bare, same[i], &envelope, &err), ACK_OK);
        assert_string_equal(envelope.id, "a1");
        assert_int_equal(envelope.expires_at, 1769860800000);
        assert_int_equal(json_size(envelope.args), 1);
        assert_non_null(json_get(envelope.args, "fps"));
        envelope_done(&envelope);
    }
    assert_int_equal(parse(envelope_parse_bare, "PRESS", &envelope, &err), ACK_OK);
    assert_null(envelope.args);
    assert_int_equal(parse(envelope_parse_bare, "{\"args\":{},\"fps\":25}", &envelope, &err),
                     ACK_BAD_PARAMS);
    assert_string_equal(err.text, "\"fps\" is not known here; there are id, args, expires");
    assert_int_equal(parse(envelope_parse_bare, "{\"fps\":25,\"id\":7}", &envelope, &err),
                     ACK_BAD_PARAMS);
    assert_int_equal(parse(envelope_parse_bare, "[25]", &envelope, &err), ACK_INVALID_REQUEST);
    assert_int_equal(parse(envelope_parse_bare, "--summary", &envelope, &err), ACK_PARSE);
}

static void a_command_that_is_not_understood_whole_is_refused_by_name(void **state)
{
    static const struct {
        const char *payload;
        enum ack_code code;
        const char *id, *named;
    } rows[] = {
        {"OFF", ACK_PARSE, "", ""},
        {"start", ACK_PARSE, "", ""},
        {"{\"id\":\"a\"", ACK_PARSE, "", ""},
        {"{\"id\":\"a\"}x", ACK_PARSE, "", ""},
        {"{\"id\":\"\xff\"}", ACK_PARSE, "", "UTF-8"},
        {"{\"id\":\"a\",\"id\":\"b\"}", ACK_PARSE, "", "id"},
        {"{\"args\":{\"fps\":1,\"fps\":2}}", ACK_PARSE, "", "args.fps"},
        {"0", ACK_INVALID_REQUEST, "", "object"},
        {"false", ACK_INVALID_REQUEST, "", "object"},
        {"[{\"id\":\"a\"}]", ACK_INVALID_REQUEST, "", "object"},
        {"{\"id\":1}", ACK_BAD_PARAMS, "", "\"id\""},
        {"{\"id\":\"\"}", ACK_BAD_PARAMS, "", "\"id\""},
        {"{\"id\":null}", ACK_BAD_PARAMS, "", "\"id\""},
        {"{\"args\":[1],\"id\":\"a\"}", ACK_BAD_PARAMS, "a", "\"args\" must be an object"},
        {"{\"id\":\"a\",\"args\":null}", ACK_BAD_PARAMS, "a", "\"args\" must be an object"},
        {"{\"id\":\"a\",\"arg\":{}}", ACK_BAD_PARAMS, "a", "\"arg\" is not known"},
        {"{\"id\":\"a\",\"expires\":true}", ACK_BAD_PARAMS, "a", "\"expires\""},
        {"{\"id\":\"a\",\"expires\":0}", ACK_BAD_PARAMS, "a", "\"expires\""},
        {"{\"id\":\"a\",\"expires\":-5}", ACK_BAD_PARAMS, "a", "\"expires\""},
        {"{\"id\":\"a\",\"expires\":1769860800500}", ACK_BAD_PARAMS, "a", "\"expires\""},
        {"{\"id\":\"a\",\"expires\":\"tomorrow\"}", ACK_BAD_PARAMS, "a", "\"expires\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct envelope envelope;
        struct error err;

        if (parse(envelope_parse_command, rows[i].payload, &envelope, &err) != rows[i].code)
            fail_msg("%s: not refused with %d", rows[i].payload, rows[i].code);
        assert_string_equal(envelope.id, rows[i].id);
        assert_null(envelope.args);
        assert_int_not_equal(err.code, 0);
        if (!strstr(err.text, rows[i].named))
            fail_msg("%s: '%s' does not name %s", rows[i].payload, err.text, rows[i].named);
    }
}

static void an_id_may_have_64_bytes_and_no_more(void **state)
{
    struct envelope envelope;
    struct error err;
    char text[100];

    (void)state;
    snprintf(text, sizeof(text), "{\"id\":\"%064d\"}", 7);
    assert_int_equal(parse(envelope_parse_command, text, &envelope, &err), ACK_OK);
    assert_int_equal(strlen(envelope.id), 64);
    snprintf(text, sizeof(text), "{\"id\":\"%065d\"}", 7);
    assert_int_equal(parse(envelope_parse_command, text, &envelope, &err), ACK_BAD_PARAMS);
    assert_string_equal(envelope.id, "");
}

/* {"args":{"x":"   …   "}} of exactly len bytes. */
static char *object_of(size_t len)
{
    char *text = xmalloc(len + 1);

    memset(text, ' ', len);
    memcpy(text, "{\"args\":{\"x\":\"", 14);
    memcpy(text + len - 3, "\"}}", 4);
    return text;
}

static void a_payload_of_16_kib_is_read_and_one_byte_more_is_refused(void **state)
{
    CLEANUP(free_p) char *fits = object_of(ENVELOPE_MAX_BYTES);
    CLEANUP(free_p) char *over = object_of(ENVELOPE_MAX_BYTES + 1);
    struct envelope envelope;
    struct error err;

    (void)state;
    assert_int_equal(parse(envelope_parse_command, fits, &envelope, &err), ACK_OK);
    envelope_done(&envelope);
    assert_int_equal(parse(envelope_parse_command, over, &envelope, &err), ACK_TOO_LARGE);
    assert_int_equal(parse(envelope_parse_set, over, &envelope, &err), ACK_TOO_LARGE);
}

/* {"args":{"x":[[…]]}} nested depth levels in all. */
static enum ack_code parse_nested(int depth, struct envelope *envelope)
{
    char text[200] = "{\"args\":{\"x\":";
    size_t len = strlen(text);
    struct error err;

    memset(text + len, '[', (size_t)(depth - 2));
    memset(text + len + depth - 2, ']', (size_t)(depth - 2));
    memcpy(text + len + 2 * (depth - 2), "}}", 3);
    return parse(envelope_parse_command, text, envelope, &err);
}

static void nesting_ends_at_16_levels(void **state)
{
    struct envelope envelope;

    (void)state;
    assert_int_equal(parse_nested(16, &envelope), ACK_OK);
    envelope_done(&envelope);
    assert_int_equal(parse_nested(17, &envelope), ACK_PARSE);
}

static void a_setting_is_a_bare_word_or_an_object(void **state)
{
    struct envelope envelope;
    struct error err;

    (void)state;
    assert_int_equal(parse(envelope_parse_set, "10\n", &envelope, &err), ACK_OK);
    assert_string_equal(json_get_string(envelope.args, "value"), "10");
    envelope_done(&envelope);

    assert_int_equal(parse(envelope_parse_set, "{\"id\":\"s\",\"value\":2.5}", &envelope, &err),
                     ACK_OK);
    assert_string_equal(envelope.id, "s");
    assert_true(json_is_number(json_get(envelope.args, "value")));
    envelope_done(&envelope);

    assert_int_equal(parse(envelope_parse_set, "{\"value\":true}", &envelope, &err), ACK_OK);
    assert_true(json_is_bool(json_get(envelope.args, "value")));
    envelope_done(&envelope);
}

static void a_setting_without_a_plain_value_is_refused(void **state)
{
    static const struct {
        const char *payload;
        enum ack_code code;
    } rows[] = {
        {"", ACK_BAD_PARAMS},
        {"  ", ACK_BAD_PARAMS},
        {"\xff", ACK_PARSE},
        {"{\"value\":", ACK_PARSE},
        {"{}", ACK_BAD_PARAMS},
        {"{\"id\":\"s\"}", ACK_BAD_PARAMS},
        {"{\"value\":null}", ACK_BAD_PARAMS},
        {"{\"value\":{}}", ACK_BAD_PARAMS},
        {"{\"value\":[1]}", ACK_BAD_PARAMS},
        {"{\"value\":1,\"args\":{}}", ACK_BAD_PARAMS},
    };
    struct envelope envelope;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(envelope_parse_set, rows[i].payload, &envelope, &err), rows[i].code);
        assert_null(envelope.args);
    }
    assert_int_equal(envelope_parse_set((const uint8_t *)"a\0b", 3, &envelope, &err), ACK_PARSE);
}

/* The time differs from run to run: it must be the last member and of the right form. */
static void assert_ack(const struct ack *ack, const char *golden)
{
    CLEANUP(free_p) char *text = ack_print(ack);
    size_t len = strlen(golden);

    assert_memory_equal(text, golden, len);
    assert_int_equal(strlen(text), len + strlen(",\"ts\":\"2026-01-31T12:00:00.123Z\"}"));
    assert_memory_equal(text + len, ",\"ts\":\"2", 8);
    assert_string_equal(text + strlen(text) - 3, "Z\"}");
}

static void parameters_of_rpc_may_carry_an_id_and_an_expiry(void **state)
{
    static const char text[] = "{\"unit\":\"mk4\",\"command_id\":\"a1\",\"expires\":1769860800.5}";
    static const char *const wrong[] = {"{\"command_id\":7}", "{\"command_id\":\"\"}",
                                        "{\"expires\":\"soon\"}"};
    static const struct json_limits limits = {1000, 8};
    CLEANUP(json_free_p) cJSON *params = NULL;
    struct envelope envelope;
    struct error err;

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), &limits, &params, &err), 0);
    assert_int_equal(envelope_parse_params(params, &envelope, &err), ACK_OK);
    assert_string_equal(envelope.id, "a1");
    assert_int_equal(envelope.expires_at, 1769860800500);
    assert_int_equal(json_size(envelope.args), 1);
    assert_string_equal(json_get_string(envelope.args, "unit"), "mk4");
    envelope_done(&envelope);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(json_free_p) cJSON *bad = NULL;

        assert_int_equal(json_parse(wrong[i], strlen(wrong[i]), &limits, &bad, &err), 0);
        assert_int_equal(envelope_parse_params(bad, &envelope, &err), ACK_BAD_PARAMS);
        assert_non_null(strstr(err.text, json_key(json_first(bad))));
        envelope_done(&envelope);
    }
    assert_int_equal(envelope_parse_params(NULL, &envelope, &err), ACK_OK);
    assert_int_equal(json_size(envelope.args), 0);
    envelope_done(&envelope);
}

static void an_acknowledgement_has_the_form_of_the_contract(void **state)
{
    CLEANUP(json_free_p) cJSON *result = json_object();
    struct ack ack = {.id = "a1", .agent = "pi01", .unit = "mk4", .cmd = "snapshot"};

    (void)state;
    assert_ack(&ack,
               "{\"v\":1,\"id\":\"a1\",\"agent\":\"pi01\",\"unit\":\"mk4\",\"cmd\":\"snapshot\","
               "\"phase\":\"accepted\",\"ok\":true,\"code\":0");
    ack.final = true;
    ack.code = ACK_CAMERA_FAILED;
    ack.message = "front: no frame in 5 s";
    assert_ack(&ack,
               "{\"v\":1,\"id\":\"a1\",\"agent\":\"pi01\",\"unit\":\"mk4\",\"cmd\":\"snapshot\","
               "\"phase\":\"final\",\"ok\":false,\"code\":-32007,\"error\":\"camera_failed\","
               "\"message\":\"front: no frame in 5 s\"");
    json_add_int(result, "frame", 12);
    ack = (struct ack){.id = "",
                       .agent = "pi01",
                       .camera = "front",
                       .cmd = "snapshot",
                       .final = true,
                       .result = result,
                       .dup = true};
    assert_ack(&ack, "{\"v\":1,\"id\":null,\"agent\":\"pi01\",\"unit\":null,\"camera\":\"front\","
                     "\"cmd\":\"snapshot\",\"phase\":\"final\",\"ok\":true,\"code\":0,"
                     "\"result\":{\"frame\":12},\"dup\":true");
}

static void every_code_has_a_name_of_its_own(void **state)
{
    static const enum ack_code codes[] = {
        ACK_OK,
        ACK_PARSE,
        ACK_INVALID_REQUEST,
        ACK_UNKNOWN_VERB,
        ACK_BAD_PARAMS,
        ACK_INTERNAL,
        ACK_BUSY,
        ACK_UNKNOWN_TARGET,
        ACK_WRONG_STATE,
        ACK_EXPIRED,
        ACK_ID_REUSED,
        ACK_RETAINED,
        ACK_PRINTER_UNREACHABLE,
        ACK_CAMERA_FAILED,
        ACK_STORAGE_FULL,
        ACK_ENCODER_FAILED,
        ACK_FORBIDDEN,
        ACK_TOO_LARGE,
        ACK_RATE_LIMITED,
        ACK_SHUTTING_DOWN,
        ACK_TIMEOUT,
        ACK_CANCELLED,
        ACK_UNSUPPORTED,
        ACK_CLOCK,
    };

    (void)state;
    assert_string_equal(ack_code_name(ACK_OK), "ok");
    assert_string_equal(ack_code_name(ACK_CAMERA_FAILED), "camera_failed");
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ack_code_name(codes[i]), ack_code_name(codes[k]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_a_human_types_is_a_command_without_arguments),
        cmocka_unit_test(an_object_gives_id_arguments_and_expiry),
        cmocka_unit_test(a_bare_command_may_leave_args_out),
        cmocka_unit_test(a_command_that_is_not_understood_whole_is_refused_by_name),
        cmocka_unit_test(an_id_may_have_64_bytes_and_no_more),
        cmocka_unit_test(a_payload_of_16_kib_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(nesting_ends_at_16_levels),
        cmocka_unit_test(a_setting_is_a_bare_word_or_an_object),
        cmocka_unit_test(a_setting_without_a_plain_value_is_refused),
        cmocka_unit_test(parameters_of_rpc_may_carry_an_id_and_an_expiry),
        cmocka_unit_test(an_acknowledgement_has_the_form_of_the_contract),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
