/* SPDX-License-Identifier: MIT */
#include "agent/base/buf.h"
#include "agent/base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void appended_bytes_stand_in_order(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(100000);
    (void)state;

    assert_string_equal(buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&buf, "%03d ", i), 0);
    assert_int_equal(buf.len, 4000);
    assert_memory_equal(buf_text(&buf), "000 001 ", 8);
    assert_string_equal(buf_text(&buf) + 3992, "998 999 ");
}

static void the_maximum_can_be_reached_and_not_passed(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(5);
    (void)state;

    assert_int_equal(buf_append(&buf, "abc", 3), 0);
    assert_int_equal(buf_append(&buf, "xyz", 3), -EMSGSIZE);
    assert_int_equal(buf_printf(&buf, "%d", 100), -EMSGSIZE);
    assert_string_equal(buf_text(&buf), "abc");
    assert_int_equal(buf_append(&buf, "de", 2), 0);
    assert_int_equal(buf_append(&buf, "", 0), 0);
    assert_int_equal(buf_append(&buf, "f", 1), -EMSGSIZE);
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_string_equal(buf_text(&buf), "abcde");
}

static void reserved_room_counts_when_committed(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(1000);
    uint8_t *room = buf_reserve(&buf, 900);
    (void)state;

    assert_non_null(room);
    memset(room, 'x', 900);
    assert_int_equal(buf.len, 0);
    buf_commit(&buf, 2);
    assert_string_equal(buf_text(&buf), "xx");
}

static void consumed_bytes_leave_the_front(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(100);
    (void)state;

    buf_consume(&buf, 0);
    assert_int_equal(buf_append(&buf, "abcdef", 6), 0);
    buf_consume(&buf, 4);
    assert_string_equal(buf_text(&buf), "ef");
    buf_consume(&buf, 2);
    assert_string_equal(buf_text(&buf), "");
}

static void taken_bytes_end_with_nul_and_leave_an_empty_buffer(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(100);
    CLEANUP(free_p) uint8_t *empty = NULL, *data = NULL;
    size_t len = 99;
    (void)state;

    empty = buf_take(&buf, &len);
    assert_int_equal(len, 0);
    assert_int_equal(empty[0], 0);
    assert_int_equal(buf_append(&buf, "abc", 3), 0);
    data = buf_take(&buf, &len);
    assert_int_equal(len, 3);
    assert_string_equal((const char *)data, "abc");
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf_append(&buf, "again", 5), 0);
    assert_string_equal(buf_text(&buf), "again");
}

static void a_done_buffer_keeps_its_maximum(void **state)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(3);
    (void)state;

    assert_int_equal(buf_append(&buf, "abc", 3), 0);
    buf_done(&buf);
    assert_int_equal(buf_append(&buf, "abcd", 4), -EMSGSIZE);
    assert_int_equal(buf_append(&buf, "xyz", 3), 0);
    buf_clear(&buf);
    assert_string_equal(buf_text(&buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_stand_in_order),
        cmocka_unit_test(the_maximum_can_be_reached_and_not_passed),
        cmocka_unit_test(reserved_room_counts_when_committed),
        cmocka_unit_test(consumed_bytes_leave_the_front),
        cmocka_unit_test(taken_bytes_end_with_nul_and_leave_an_empty_buffer),
        cmocka_unit_test(a_done_buffer_keeps_its_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
