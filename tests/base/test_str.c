/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_whole_number_is_the_whole_text(void **state)
{
    static const char *const wrong[] = {"",     " 1",  "1 ",  "1x", "x",
                                        "0x10", "1.0", "--1", "+",  "- 1"};
    int64_t value = 7;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(str_to_int(wrong[i], &value), -EINVAL);
    assert_int_equal(str_to_int("9223372036854775808", &value), -ERANGE);
    assert_int_equal(value, 7);
    assert_int_equal(str_to_int("-9223372036854775808", &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(str_to_int("007", &value), 0);
    assert_int_equal(value, 7);
}

static void a_decimal_number_is_the_whole_text(void **state)
{
    static const char *const wrong[] = {"",     " 1",    "1 ",   "nan", "-nan", "inf",
                                        "-inf", "0x1p3", "0x10", "1,5", ".",    "1e"};
    double value = 7;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(str_to_double(wrong[i], &value), -EINVAL);
    assert_int_equal(str_to_double("1e999", &value), -ERANGE);
    assert_true(value > 6.9 && value < 7.1);
    assert_int_equal(str_to_double("-2.5e+1", &value), 0);
    assert_true(value < -24.9 && value > -25.1);
    assert_int_equal(str_to_double(".5", &value), 0);
}

static void utf8_is_well_formed_or_refused(void **state)
{
    static const char *const right[] = {"", "abc", "é", "€", "😀", "\x7f", "\xef\xbf\xbf"};
    static const char *const wrong[] = {
        "\x80", "\xc3",   "\xc0\x80",         "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xff", "a\xc3(", "\xf0\x80\x80\x80", "\xe2\x82"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(str_is_utf8(right[i], strlen(right[i])));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(str_is_utf8(wrong[i], strlen(wrong[i])));
    assert_false(str_is_utf8("a\0b", 3));
    assert_false(str_is_utf8("é", 1));
}

static void an_id_is_short_plain_and_lower_case(void **state)
{
    static const char *const wrong[] = {"", "_a", "-a", "A", "a.b", "a/b", "a b", "é", "+", "#"};
    char long_id[STR_ID_MAX + 2];
    (void)state;

    assert_true(str_is_id("a"));
    assert_true(str_is_id("0-_z"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(str_is_id(wrong[i]));
    memset(long_id, 'a', sizeof(long_id));
    long_id[STR_ID_MAX + 1] = '\0';
    assert_false(str_is_id(long_id));
    long_id[STR_ID_MAX] = '\0';
    assert_true(str_is_id(long_id));
}

static void any_text_makes_an_id(void **state)
{
    static const struct {
        const char *text, *id;
    } cases[] = {{"Pi 01.local", "pi-01-local"}, {"", "x"}, {"///", "x"}, {"_mk4", "mk4"}};
    char id[STR_ID_MAX + 1], text[4000];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str_make_id(cases[i].text, id);
        assert_string_equal(id, cases[i].id);
    }
    for (int c = 1; c < 256; c++) {
        memset(text, c, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        str_make_id(text, id);
        assert_true(str_is_id(id));
    }
}

static void an_url_loses_its_user_and_password(void **state)
{
    static const struct {
        const char *url, *redacted;
    } cases[] = {
        {"http://host/a", "http://host/a"},
        {"rtsp://u:p@host:554/a", "rtsp://…@host:554/a"},
        {"http://u:p@x@host", "http://…@host"},
        {"http://host/a@b?c@d", "http://host/a@b?c@d"},
        {"u:p@host", "…@host"},
        {"", ""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p) char *redacted = str_redact_url(cases[i].url);
        assert_string_equal(redacted, cases[i].redacted);
    }
}

static void texts_are_compared_at_both_ends(void **state)
{
    (void)state;
    assert_true(str_equal(NULL, NULL));
    assert_false(str_equal(NULL, ""));
    assert_true(str_starts_with("abc", ""));
    assert_true(str_starts_with("abc", "ab"));
    assert_false(str_starts_with("a", "ab"));
    assert_true(str_ends_with("abc", "bc"));
    assert_false(str_ends_with("c", "bc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_number_is_the_whole_text),
        cmocka_unit_test(a_decimal_number_is_the_whole_text),
        cmocka_unit_test(utf8_is_well_formed_or_refused),
        cmocka_unit_test(an_id_is_short_plain_and_lower_case),
        cmocka_unit_test(any_text_makes_an_id),
        cmocka_unit_test(an_url_loses_its_user_and_password),
        cmocka_unit_test(texts_are_compared_at_both_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
