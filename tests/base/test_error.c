/* SPDX-License-Identifier: MIT */
#include "agent/base/error.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void an_error_carries_its_code_and_text(void **state)
{
    struct error err = {0};
    (void)state;

    assert_int_equal(error_set(&err, -EIO, "camera '%s': HTTP %d", "front", 500), -EIO);
    assert_int_equal(err.code, -EIO);
    assert_string_equal(err.text, "camera 'front': HTTP 500");
    assert_int_equal(error_prefix(&err, "unit %d", 3), -EIO);
    assert_string_equal(err.text, "unit 3: camera 'front': HTTP 500");
    error_clear(&err);
    assert_int_equal(err.code, 0);
    assert_string_equal(err.text, "");
}

static void nobody_need_ask_for_the_text(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(error_prefix(NULL, "x"), 0);
}

static void a_prefix_cuts_only_what_has_no_room(void **state)
{
    struct error err = {0};
    char text[401];
    (void)state;

    memset(text, 'x', 400);
    text[400] = '\0';
    error_set(&err, -EIO, "%s", text);
    error_prefix(&err, "p");
    assert_int_equal(strlen(err.text), 403);
}

static void a_cut_leaves_whole_characters(void **state)
{
    struct error err = {0};
    CLEANUP(free_p) char *text = xmalloc(1001);
    (void)state;

    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i < 1000 - 1; i += 2)
            memcpy(text + i, "é", 2);
        text[998 + shift] = '\0';
        error_set(&err, -EIO, "%s", text);
        assert_true(str_is_utf8(err.text, strlen(err.text)));
        assert_true(strlen(err.text) > 500);
        error_prefix(&err, "%s", "p");
        assert_true(str_is_utf8(err.text, strlen(err.text)));
        error_prefix(&err, "%s", "pp");
        assert_true(str_is_utf8(err.text, strlen(err.text)));
    }
}

/* What one call writes to stderr. */
static char *log_text(const char *value)
{
    char text[4096];
    int fds[2], kept = dup(STDERR_FILENO);
    ssize_t len;

    assert_true(kept >= 0);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    log_warn("test.event", "value=%s", value);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(fds[1]);
    len = read(fds[0], text, sizeof(text));
    close(fds[0]);
    assert_true(len > 0);
    return xstrndup(text, (size_t)len);
}

static void a_value_cannot_forge_a_second_log_line(void **state)
{
    CLEANUP(free_p) char *line = log_text("a\nforged\x1b[0m");
    (void)state;

    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "test.event value=a?forged?[0m\n"));
}

static void a_long_log_line_is_cut_and_still_ends(void **state)
{
    CLEANUP(free_p) char *value = xmalloc(3000), *line = NULL;
    (void)state;

    memset(value, 'x', 2999);
    value[2999] = '\0';
    line = log_text(value);
    assert_in_range(strlen(line), 900, 1024);
    assert_true(str_ends_with(line, "x\n"));
}

static void a_level_below_the_limit_is_silent(void **state)
{
    int fds[2], kept = dup(STDERR_FILENO);
    char byte;
    (void)state;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    log_debug("test.event", "%s", "hidden");
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 0);
    close(fds[0]);
}

static void a_replaced_text_may_be_its_own_part(void **state)
{
    char *text = xstrdup("abc");
    (void)state;

    replace_str(&text, text + 1);
    assert_string_equal(text, "bc");
    replace_str(&text, NULL);
    assert_null(text);
    free_secret(NULL);
    free_secret(xstrdup("pw"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_its_code_and_text),
        cmocka_unit_test(nobody_need_ask_for_the_text),
        cmocka_unit_test(a_prefix_cuts_only_what_has_no_room),
        cmocka_unit_test(a_cut_leaves_whole_characters),
        cmocka_unit_test(a_value_cannot_forge_a_second_log_line),
        cmocka_unit_test(a_long_log_line_is_cut_and_still_ends),
        cmocka_unit_test(a_level_below_the_limit_is_silent),
        cmocka_unit_test(a_replaced_text_may_be_its_own_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
