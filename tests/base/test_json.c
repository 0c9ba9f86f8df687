/* SPDX-License-Identifier: MIT */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};

static cJSON *parse(const char *text)
{
    struct error err = {0};
    cJSON *json = NULL;
    int rc = json_parse(text, strlen(text), &limits, &json, &err);

    if (rc < 0)
        print_error("%s: %s\n", text, err.text);
    assert_int_equal(rc, 0);
    return json;
}

static void expect_refused(const char *text, size_t len, int code)
{
    struct error err = {0};
    cJSON *json = NULL;

    if (json_parse(text, len, &limits, &json, &err) != code)
        print_error("%.*s: %s\n", (int)len, text, err.text);
    assert_null(json);
    assert_int_equal(err.code, code);
    assert_string_not_equal(err.text, "");
}

static void valid_json_prints_on_one_line(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {" {\"a\" : [1, 2.5 ,true,\r\n\tnull , {}] }\n", "{\"a\":[1,2.5,true,null,{}]}"},
        {"\"\\u00e9\\ud83d\\ude00\\\"\\\\/\"", "\"é😀\\\"\\\\/\""},
        {"-0.5", "-0.5"},
        {"0", "0"},
        {"[]", "[]"},
        {"2.0e+1", "20"},
        {"4294967295", "4294967295"},
        {"1769860800123", "1769860800123"},
        {"\"\\\\u0000\"", "\"\\\\u0000\""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_free_p) cJSON *json = parse(cases[i].text);
        CLEANUP(free_p) char *printed = json_print(json);
        assert_string_equal(printed, cases[i].printed);
    }
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " \n",
        "{",
        "}",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{a:1}",
        "'a'",
        "\"a",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "tru",
        "nul",
        "True",
        "[1]]",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "{} x",
        "[] []",
        "null,",
        "\"\t\"",
        "\"\n\"",
        "[1,\v2]",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\u0000\"",
        "/**/1",
        "[1,//\n2]",
        "\"\\",
        "[\f]",
        "-01",
        "\"\\ud800\\u0041\"",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        expect_refused(texts[i], strlen(texts[i]), -EINVAL);
}

static void bytes_that_are_no_utf8_are_refused(void **state)
{
    (void)state;
    expect_refused("\"\xff\"", 3, -EINVAL);
    expect_refused("\"\xc0\x80\"", 4, -EINVAL);
    expect_refused("1\0", 2, -EINVAL);
    expect_refused("\"a\0b\"", 5, -EINVAL);
}

static void every_cut_of_a_value_is_refused_and_harmless(void **state)
{
    static const char text[] = "{\"a\":[1.5e3,\"\\u00e9\\n\",true],\"b\":{\"c\":null}}";
    (void)state;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        CLEANUP(free_p) char *cut = xmemdup(text, len); /* so that ASan sees a read past len */
        expect_refused(cut, len, -EINVAL);
    }
}

static void the_error_names_the_byte(void **state)
{
    struct error err = {0};
    cJSON *json = NULL;
    (void)state;

    assert_int_equal(json_parse("[1,x]", 5, &limits, &json, &err), -EINVAL);
    assert_string_equal(err.text, "not JSON at byte 3");
    assert_int_equal(json_parse("{} {}", 5, &limits, &json, &err), -EINVAL);
    assert_non_null(strstr(err.text, "text after the value"));
}

static void size_and_depth_have_limits(void **state)
{
    const struct json_limits narrow = {.max_bytes = 6, .max_depth = 2};
    cJSON *json = NULL;
    (void)state;

    assert_int_equal(json_parse("[[1]]  ", 7, &narrow, &json, NULL), -EMSGSIZE);
    assert_int_equal(json_parse("[[[", 3, &narrow, &json, NULL), -E2BIG);
    assert_int_equal(json_parse("[{\"", 3, &narrow, &json, NULL), -EINVAL);
    assert_int_equal(json_parse("\"[[[\"", 5, &narrow, &json, NULL), 0);
    json_free(json);
    assert_int_equal(json_parse("[[],0]", 6, &narrow, &json, NULL), 0);
    json_free(json);
}

static void a_bomb_of_brackets_is_refused(void **state)
{
    const struct json_limits wide = {.max_bytes = 1 << 20, .max_depth = 1 << 30};
    CLEANUP(free_p) char *text = xmalloc(1 << 20);
    cJSON *json = NULL;
    (void)state;

    memset(text, '[', 1 << 20);
    assert_int_equal(json_parse(text, 1 << 20, &wide, &json, NULL), -E2BIG);
}

static void a_key_that_is_there_twice_is_named_with_its_path(void **state)
{
    struct error err = {0};
    cJSON *json = NULL;
    static const char text[] = "{\"args\":{\"a\":[0,{\"fps\":1,\"x\":2,\"fp\\u0073\":1}]}}";
    (void)state;

    assert_int_equal(json_parse(text, sizeof(text) - 1, &(struct json_limits){100, 9}, &json, &err),
                     -EEXIST);
    assert_non_null(strstr(err.text, "'args.a[1].fps'"));
    json_free(parse("{\"a\":1,\"A\":2,\"b\":{\"a\":1}}"));
}

static void a_big_object_is_checked_without_squaring(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4 << 20);
    CLEANUP(json_free_p) cJSON *json = NULL;
    int64_t start_ms = clock_mono_ms();
    (void)state;

    assert_int_equal(buf_append(&buf, "{", 1), 0);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(buf_printf(&buf, "%s\"k%d\":0", i ? "," : "", i), 0);
    assert_int_equal(buf_append(&buf, "}", 1), 0);
    assert_int_equal(
        json_parse(buf_text(&buf), buf.len, &(struct json_limits){4 << 20, 2}, &json, NULL), 0);
    assert_int_equal(json_size(json), 50000);
    assert_true(clock_mono_ms() - start_ms < 5000); /* squared it takes minutes */
}

static void a_path_finds_members_and_elements(void **state)
{
    CLEANUP(json_free_p)
    cJSON *json =
        parse("{\"move\":{\"axes\":[{\"letter\":\"X\"},{\"letter\":\"Z\"}]},\"m\":1,\"a b\":2}");
    CLEANUP(json_free_p) cJSON *array = parse("[[1,2],3]");
    (void)state;

    assert_string_equal(json_get_string(json, "move.axes[1].letter"), "Z");
    assert_int_equal((int)json_number(json_get(json, "a b")), 2);
    assert_int_equal((int)json_number(json_get(array, "[0][1]")), 2);
    assert_ptr_equal(json_get(json, ""), json);
    assert_null(json_get(json, "move.axes[2].letter"));
    assert_null(json_get(json, "move.axes.letter"));
    assert_null(json_get(json, "mov"));
    assert_null(json_get(json, "moves"));
    assert_null(json_get(json, "Move"));
    assert_null(json_get(json, "m.x"));
    assert_null(json_get(json, "[0]"));
    assert_null(json_get(array, "[x]"));
    assert_null(json_get(array, "[0"));
    assert_null(json_get(array, "[-1]"));
    assert_null(json_get(array, "[99999999999999999999999]"));
    assert_null(json_get(NULL, "a"));
}

static void a_value_of_another_type_is_not_read(void **state)
{
    CLEANUP(json_free_p)
    cJSON *json = parse("{\"s\":\"1\",\"n\":1.5,\"i\":-7,\"b\":true,\"z\":null,\"big\":1e300}");
    double number = 42;
    int64_t whole = 42;
    bool flag = false;
    (void)state;

    assert_false(json_get_number(json, "s", &number));
    assert_false(json_get_number(json, "z", &number));
    assert_false(json_get_int(json, "n", &whole));
    assert_false(json_get_int(json, "big", &whole));
    assert_false(json_get_int(json, "b", &whole));
    assert_false(json_get_bool(json, "n", &flag));
    assert_null(json_get_string(json, "n"));
    assert_true(number > 41 && number < 43);
    assert_int_equal(whole, 42);
    assert_true(json_get_int(json, "i", &whole));
    assert_int_equal(whole, -7);
    assert_true(json_get_bool(json, "b", &flag));
    assert_true(flag);
    assert_true(json_is_null(json_get(json, "z")));
}

static void nothing_is_of_no_type(void **state)
{
    (void)state;
    assert_false(json_is_object(NULL));
    assert_false(json_is_array(NULL));
    assert_false(json_is_string(NULL));
    assert_false(json_is_number(NULL));
    assert_false(json_is_bool(NULL));
    assert_false(json_is_null(NULL));
    assert_null(json_string(NULL));
    assert_int_equal(json_size(NULL), 0);
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_null(json_key(NULL));
    assert_null(json_copy(NULL));
    json_free(NULL);
}

static void members_are_walked_in_their_order(void **state)
{
    CLEANUP(json_free_p) cJSON *json = parse("{\"b\":1,\"a\":2}");
    const cJSON *member = json_first(json);
    (void)state;

    assert_string_equal(json_key(member), "b");
    member = json_next(member);
    assert_string_equal(json_key(member), "a");
    assert_null(json_next(member));
    assert_int_equal(json_size(json), 2);
}

static void what_is_built_prints_and_parses(void **state)
{
    CLEANUP(json_free_p) cJSON *json = json_object(), *again = NULL, *copy = NULL;
    CLEANUP(free_p) char *printed = NULL, *copied = NULL;
    cJSON *array = json_add_array(json, "list");
    (void)state;

    json_add_int(array, NULL, 1769860800123);
    json_add_string(array, NULL, "a\"\n\x01");
    json_add_string(array, NULL, NULL);
    json_add_bool(json_add_object(array, NULL), "yes", true);
    json_add_time(json, "at", 1769860800123);
    json_add_time(json, "never", 0);
    json_add(json, "child", json_array());
    printed = json_print(json);
    assert_string_equal(printed,
                        "{\"list\":[1769860800123,\"a\\\"\\n\\u0001\",null,{\"yes\":true}],"
                        "\"at\":\"2026-01-31T12:00:00.123Z\",\"never\":null,\"child\":[]}");
    again = parse(printed);
    copy = json_copy(again);
    copied = json_print(copy);
    assert_string_equal(copied, printed);
}

static void numbers_keep_the_digits_asked_for(void **state)
{
    static const struct {
        double value;
        int decimals;
        const char *printed;
    } cases[] = {
        {42.299999999999997, 1, "42.3"},
        {0.1 + 0.2, 3, "0.3"},
        {2.0 / 3, 2, "0.67"},
        {-0.001, 1, "0"},
        {200, 2, "200"},
        {99.96, 1, "100"},
        {(double)NAN, 1, "null"},
        {-HUGE_VAL, 1, "null"},
        {1e20, 2, "1e+20"},
        {1234567.891, 2, "1234567.89"},
        {2.4, 0, "2"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_free_p) cJSON *array = json_array();
        CLEANUP(free_p) char *printed = NULL, *expected = xasprintf("[%s]", cases[i].printed);

        json_add_number(array, NULL, cases[i].value, cases[i].decimals);
        printed = json_print(array);
        assert_string_equal(printed, expected);
    }
}

static void text_that_is_no_utf8_still_makes_valid_json(void **state)
{
    CLEANUP(json_free_p) cJSON *array = json_array(), *again = NULL;
    CLEANUP(free_p) char *printed = NULL;
    (void)state;

    json_add_string(array, NULL, "é\xff€\xe2\x82");
    printed = json_print(array);
    again = parse(printed);
    assert_string_equal(json_get_string(again, "[0]"), "é?€??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_prints_on_one_line),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
        cmocka_unit_test(every_cut_of_a_value_is_refused_and_harmless),
        cmocka_unit_test(the_error_names_the_byte),
        cmocka_unit_test(size_and_depth_have_limits),
        cmocka_unit_test(a_bomb_of_brackets_is_refused),
        cmocka_unit_test(a_key_that_is_there_twice_is_named_with_its_path),
        cmocka_unit_test(a_big_object_is_checked_without_squaring),
        cmocka_unit_test(a_path_finds_members_and_elements),
        cmocka_unit_test(a_value_of_another_type_is_not_read),
        cmocka_unit_test(nothing_is_of_no_type),
        cmocka_unit_test(members_are_walked_in_their_order),
        cmocka_unit_test(what_is_built_prints_and_parses),
        cmocka_unit_test(numbers_keep_the_digits_asked_for),
        cmocka_unit_test(text_that_is_no_utf8_still_makes_valid_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
