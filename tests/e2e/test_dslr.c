/* SPDX-License-Identifier: MIT */
/* The agent with a DSLR: Debian's gphoto2 and libgphoto2's virtual Nikon D750. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/capture/program_rig.h"
#include "tests/e2e/frames.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000 };

#define DSLR(more)                                                                                 \
    "cameras = ( { id = \"dslr\"; kind = \"gphoto2\"; program = \"%dir/gphoto2\";\n"               \
    "timeout_ms = 6000; " more " },\n"                                                             \
    "{ id = \"test\"; kind = \"pattern\"; width = 320; height = 240; } );\n"

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* The camera's program hangs when there is a file of that name. */
static struct rig *begin(void **state, const char *conf)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.conf = conf, .no_sim = true, .no_agent = true});
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "gphoto2");
    CLEANUP(free_p)
    char *script = xasprintf("#!/bin/sh\n[ ! -e %s/hang ] || kill -STOP $$\nexec %s \"$@\"\n",
                             rig_dir(rig), NIKON_GPHOTO2);

    *state = rig;
    program_rig_put(path, script, strlen(script));
    assert_int_equal(chmod(path, 0700), 0);
    rig_agent_start(rig);
    return rig;
}

/* 0: there is a picture. */
static int snapshot(struct rig *rig)
{
    return (int)event_number(rig_command(rig, "camera/dslr/cmd/snapshot", NULL), "code");
}

static const char *error_of(struct rig *rig)
{
    return json_string(rig_look(rig, "camera/dslr/status", "error.message"));
}

static void test_frames_of_a_dslr_become_a_video(void **state)
{
    struct rig *rig = begin(
        state,
        DSLR(
            "config = [ \"shutterspeed=1/60\", \"f-number=f/8\" ];") "units = ( { id = \"mk4\"; "
                                                                     "cameras = [ \"dslr\" ]; "
                                                                     "trigger = \"interval\"; "
                                                                     "interval_s = 3.0; last_frame "
                                                                     "= false; fps = 10.0; "
                                                                     "min_frames = 1; } );\n");
    struct decoded_video video;

    events_await(rig, "frame", 2, DEADLINE_MS);
    assert_int_equal((int)event_number(rig_event(rig, "frame", 0), "width"), 640);
    assert_true(event_number(rig_event(rig, "frame", 1), "age_ms") >= 0);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    events_await(rig, "video_ready", 1, DEADLINE_MS);
    video_decode(rig, json_get_string(rig_event(rig, "video_ready", 0), "file"), &video);
    assert_string_equal(video.complaints, "");
    assert_in_range(video.count, 2, 4);
    decoded_video_done(&video);
    rig_pass(rig);
}

static void test_hanging_dslr_costs_its_own_shot_only(void **state)
{
    struct rig *rig = begin(state, DSLR("") "units = ( { id = \"mk4\"; cameras = [ \"test\" ]; "
                                            "trigger = \"interval\"; "
                                            "interval_s = 0.5; } );\n");
    CLEANUP(free_p) char *hang = path_join(rig_dir(rig), "hang");
    size_t others;

    assert_int_equal(snapshot(rig), 0);
    program_rig_put(hang, "", 0);
    others = rig_event_count(rig, "frame");
    assert_int_not_equal(snapshot(rig), 0);
    RIG_WAIT(rig, rig_look(rig, "camera/dslr/status", "error.message"));
    assert_non_null(strstr(error_of(rig), "dslr: the camera did not answer within 5400 ms"));
    events_await(rig, "frame", others + 8, DEADLINE_MS);
    assert_int_equal(unlink(hang), 0);
    assert_int_equal(snapshot(rig), 0);
    RIG_WAIT(rig, json_is_null(rig_look(rig, "camera/dslr/status", "error")));
    rig_pass(rig);
}

static void test_what_a_dslr_needs_is_told_at_the_start_of_a_session(void **state)
{
    struct rig *rig = begin(state, DSLR("warm = \"always\"; config = [ \"isoauto=1\" ];"));

    RIG_WAIT(rig, rig_look(rig, "camera/dslr/status", "error.message"));
    assert_non_null(strstr(error_of(rig), "config \"isoauto=1\": the camera has no such setting"));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frames_of_a_dslr_become_a_video),
        TEST(test_hanging_dslr_costs_its_own_shot_only),
        TEST(test_what_a_dslr_needs_is_told_at_the_start_of_a_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
