/* SPDX-License-Identifier: MIT */
/* lapsectl convert as a person uses it: what it prints is what lapsed accepts. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/e2e/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static int setup(void **state)
{
    *state = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static char *write_file(struct rig *rig, const char *name, const char *text)
{
    struct error err = {0};

    assert_int_equal(path_write_durable(rig_dir(rig), name, text, strlen(text), &err), 0);
    return path_join(rig_dir(rig), name);
}

static void check_accepted(struct rig *rig, const char *const *words)
{
    struct rig_output made = rig_ctl(rig, words);
    CLEANUP(free_p) char *file = write_file(rig, "made.conf", made.out);
    const char *argv[] = {LAPSED_PROGRAM, "--check-config", file, NULL};
    struct rig_output checked = rig_run(rig, argv);

    if (made.exit_code != 0 || checked.exit_code != 0)
        fail_msg("%d: %s\n%d: %s", made.exit_code, made.err, checked.exit_code, checked.err);
    rig_output_done(&checked);
    rig_output_done(&made);
}

static void test_what_it_prints_is_accepted(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p)
    char *options = write_file(rig, "options", "-duet 10.0.0.5\n-camera1 usb\n-seconds 20\n");
    CLEANUP(free_p)
    char *moonraker = write_file(rig, "moonraker.conf", "[timelapse]\nmode: hyperlapse\n");

    check_accepted(rig,
                   (const char *[]){"convert", "duetlapse",
                                    "-duet 10.0.0.5 -camera1 web -weburl1 'http://c/1.jpg'", NULL});
    check_accepted(rig, (const char *[]){"convert", "duetlapse", "-duet", "10.0.0.5", "-camera1",
                                         "web", "-weburl1", "http://c/it's.jpg", "-verbose", NULL});
    check_accepted(rig, (const char *[]){"convert", "duetlapse", options, NULL});
    check_accepted(rig, (const char *[]){"convert", "moonraker", moonraker, NULL});
    rig_pass(rig);
}

static void check_refused(struct rig *rig, const char *const *words, const char *says)
{
    struct rig_output output = rig_ctl(rig, words);

    assert_int_equal(output.exit_code, 2);
    assert_string_equal(output.out, "");
    if (!strstr(output.err, says))
        fail_msg("nothing of \"%s\" in: %s", says, output.err);
    rig_output_done(&output);
}

static void test_what_is_wrong_is_named_and_nothing_is_printed(void **state)
{
    struct rig *rig = *state;

    check_refused(rig, (const char *[]){"convert", NULL}, "duetlapse or moonraker");
    check_refused(rig, (const char *[]){"convert", "octolapse", "x", NULL}, "duetlapse or");
    check_refused(rig, (const char *[]){"convert", "duetlapse", "-hurry", NULL}, "-hurry: ");
    check_refused(rig, (const char *[]){"convert", "moonraker", "/nowhere/x", NULL}, "/nowhere/x");
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_it_prints_is_accepted),
        TEST(test_what_is_wrong_is_named_and_nothing_is_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
