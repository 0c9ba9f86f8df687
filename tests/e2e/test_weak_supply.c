/* SPDX-License-Identifier: MIT */
/* A Raspberry Pi whose supply is too weak: frames are taken, the encoder waits, people are told. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

static const char conf[] =
    "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0;\n"
    "throttled_file = \"%dir/throttled\"; };\n"
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"
    "cameras = ( { id = \"test\"; kind = \"pattern\"; width = 320; height = 240; } );\n"
    "units = ( { id = \"mk4\"; cameras = [ \"test\" ]; trigger = \"interval\"; interval_s = 0.2;\n"
    "min_frames = 1; segment_frames = 2; } );\n";

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void say(struct rig *rig, const char *bits)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "throttled");
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(bits, file);
    assert_int_equal(fclose(file), 0);
}

static bool says_now(struct rig *rig, const char *word)
{
    return str_equal(json_string(rig_look(rig, "status", "power.now[0]")), word);
}

static void test_videos_wait_until_the_voltage_is_back(void **state)
{
    struct rig *rig = rig_new(&(struct rig_options){.no_agent = true, .no_sim = true});

    *state = rig;
    say(rig, "50005\n");
    conf_write(rig, conf);
    rig_agent_start(rig);
    RIG_WAIT(rig, says_now(rig, "undervoltage"));
    RIG_WAIT(rig, unit_event_count(rig, "mk4", "frame") >= 8);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    rig_linger(rig, 1500);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    say(rig, "50000\n");
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    RIG_WAIT(rig, rig_look(rig, "status", "power.now") && !says_now(rig, "undervoltage"));
    rig_pass(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_videos_wait_until_the_voltage_is_back, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
