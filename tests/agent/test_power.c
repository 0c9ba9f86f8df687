/* SPDX-License-Identifier: MIT */
#include "agent/power.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char dir[32];
    char *file;
    struct power *power;
    int changes;
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void on_changed(void *user)
{
    struct fixture *f = user;

    f->changes++;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-power-XXXXXX");
    if (!mkdtemp(f->dir) || loop_new(&f->loop, NULL) < 0)
        return -1;
    f->file = xasprintf("%s/vcgencmd", f->dir);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    power_free(f->power);
    timer_free(f->deadline);
    loop_free(f->loop);
    unlink(f->file);
    rmdir(f->dir);
    free(f->file);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *text)
{
    FILE *file = fopen(f->file, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void await_bits(struct fixture *f, int64_t bits)
{
    while (power_bits(f->power) != bits) {
        assert_false(f->late);
        loop_run_once(f->loop);
    }
}

static void what_the_firmware_and_vcgencmd_say_is_understood(void **state)
{
    static const struct {
        const char *text;
        int64_t bits; /* -1: not understood */
    } cases[] = {
        {"50005\n", 0x50005},
        {"0x50005\n", 0x50005},
        {"throttled=0x50005\n", 0x50005},
        {"0\n", 0},
        {"throttled=0x0", 0},
        {"F0000", 0xf0000},
        {"", -1},
        {"\n", -1},
        {"throttled=", -1},
        {"0x", -1},
        {"-1", -1},
        {"fffffffff", -1},
        {"1 2", -1},
        {"VCHI initialization failed", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t bits = -1;
        int rc = power_parse(cases[i].text, &bits);

        if (bits != cases[i].bits || (rc == 0) != (bits >= 0))
            fail_msg("'%s' is %lld (%d)", cases[i].text, (long long)bits, rc);
    }
}

static void undervoltage_comes_and_goes(void **state)
{
    struct fixture *f = *state;

    put(f, "1\n");
    f->power = power_new(f->loop, f->file, on_changed, f);
    assert_int_equal(power_bits(f->power), -1);
    await_bits(f, 1);
    assert_true(power_is_low(f->power));
    put(f, "10000\n");
    await_bits(f, 0x10000);
    assert_false(power_is_low(f->power));
    assert_int_equal(f->changes, 2);
    unlink(f->file);
    await_bits(f, -1);
    assert_false(power_is_low(f->power));
}

static void vcgencmd_is_asked_where_there_is_no_file(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = xstrdup(getenv("PATH"));
    CLEANUP(free_p) char *fake = xasprintf("%s:%s", f->dir, path);

    put(f, "#!/bin/sh\n[ \"$*\" = get_throttled ] && echo throttled=0x4\n");
    assert_int_equal(chmod(f->file, 0700), 0);
    assert_int_equal(setenv("PATH", fake, 1), 0);
    f->power = power_new(f->loop, NULL, on_changed, f);
    await_bits(f, 4);
    assert_false(power_is_low(f->power));
    assert_int_equal(setenv("PATH", path, 1), 0);
}

static void power_may_go_while_it_is_asked(void **state)
{
    struct fixture *f = *state;

    put(f, "1\n");
    f->power = power_new(f->loop, f->file, on_changed, f);
    power_free(TAKE(f->power));
    f->power = power_new(f->loop, f->file, on_changed, f);
    await_bits(f, 1);
    assert_int_equal(f->changes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_firmware_and_vcgencmd_say_is_understood),
        TEST(undervoltage_comes_and_goes),
        TEST(vcgencmd_is_asked_where_there_is_no_file),
        TEST(power_may_go_while_it_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
