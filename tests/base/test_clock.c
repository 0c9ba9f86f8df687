/* SPDX-License-Identifier: MIT */
#include "agent/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

static void a_time_reads_back_as_it_was_written(void **state)
{
    static const int64_t times_ms[] = {0, 1, 999, 951782400000, 1769860800123, 4102444799999};
    char text[CLOCK_RFC3339_LEN];
    int64_t back_ms = -1;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(times_ms); i++) {
        clock_format_rfc3339(times_ms[i], text);
        assert_int_equal(clock_parse_rfc3339(text, &back_ms), 0);
        assert_int_equal(back_ms, times_ms[i]);
    }
    clock_format_rfc3339(1769860800123, text);
    assert_string_equal(text, "2026-01-31T12:00:00.123Z");
}

static void the_compact_form_is_made_for_file_names(void **state)
{
    char text[CLOCK_COMPACT_LEN];
    (void)state;

    clock_format_compact(1769860800999, text);
    assert_string_equal(text, "20260131T120000Z");
}

static void a_fraction_is_optional_and_cut_to_milliseconds(void **state)
{
    int64_t wall_ms = 0;
    (void)state;

    assert_int_equal(clock_parse_rfc3339("1970-01-01T00:00:01Z", &wall_ms), 0);
    assert_int_equal(wall_ms, 1000);
    assert_int_equal(clock_parse_rfc3339("1970-01-01T00:00:01.5Z", &wall_ms), 0);
    assert_int_equal(wall_ms, 1500);
    assert_int_equal(clock_parse_rfc3339("1970-01-01T00:00:01.98765432109876Z", &wall_ms), 0);
    assert_int_equal(wall_ms, 1987);
    assert_int_equal(clock_parse_rfc3339("2024-02-29T00:00:00Z", &wall_ms), 0);
}

static void what_is_not_exactly_rfc3339_utc_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00Zx",
        "2026-01-31T12:00:00,5Z",
        "2026-02-31T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-1-31T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "  2026-01-31T12:00:00Z",
        "2026-01-31T12:00: 0Z",
        "-026-01-31T12:00:00Z",
        "99999999-01-31T12:00:00Z",
    };
    int64_t wall_ms = 42;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(clock_parse_rfc3339(texts[i], &wall_ms), -EINVAL);
    assert_int_equal(wall_ms, 42);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t before_us = clock_mono_us(), after_ms = clock_mono_ms();
    (void)state;

    assert_true(before_us > 0);
    assert_true(after_ms >= before_us / 1000);
}

static void a_monotonic_instant_has_a_wall_time(void **state)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t of_mono_ms = clock_wall_of_mono_ms(clock_mono_ms() - 5000);
    (void)state;

    assert_in_range(of_mono_ms - (wall_ms - 5000) + 10, 0, 2000);
}

static void assert_local(const char *zone, const char *text, const char *offset)
{
    char got[CLOCK_EXIF_LEN], got_offset[CLOCK_OFFSET_LEN];

    setenv("TZ", zone, 1);
    tzset();
    clock_format_exif(1769860800123, got, got_offset);
    assert_string_equal(got, text);
    assert_string_equal(got_offset, offset);
}

static void test_local_time_is_told_with_its_distance_from_utc(void **state)
{
    (void)state;
    assert_local("UTC0", "2026:01:31 12:00:00", "+00:00");
    assert_local("CET-1", "2026:01:31 13:00:00", "+01:00");
    assert_local("NST3:30", "2026:01:31 08:30:00", "-03:30");
    assert_local("XXX-13:45", "2026:02:01 01:45:00", "+13:45");
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_reads_back_as_it_was_written),
        cmocka_unit_test(the_compact_form_is_made_for_file_names),
        cmocka_unit_test(a_fraction_is_optional_and_cut_to_milliseconds),
        cmocka_unit_test(what_is_not_exactly_rfc3339_utc_is_refused),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(a_monotonic_instant_has_a_wall_time),
        cmocka_unit_test(test_local_time_is_told_with_its_distance_from_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
