/* SPDX-License-Identifier: MIT */
/* A timelapse by an RTSP camera: the real agent, ffmpeg and H.264, and each frame is what it says,
 * also when the camera hangs for a while. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/capture/stream_rig.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { DEADLINE_MS = 60000, LOG_MAX = 4 * 1024 * 1024 };

/* With sound beside the pictures, and a login. */
static const char conf[] =
    "cameras = ( { id = \"front\"; kind = \"stream\"; url = \"rtsp://127.0.0.1:%lld/audio\";\n"
    "user = \"me\"; password = \"canary\"; timeout_ms = 4000; latency_ms = 60; } );\n"
    "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"interval\";\n"
    "interval_s = 0.6; fps = 10.0; min_frames = 1; } );\n";

struct scene {
    struct stream_rig *camera;
    struct rig *rig;
};

static int setup(void **state)
{
    static const char *const login[] = {"--login", "me:canary", NULL};
    struct scene *scene = xcalloc(1, sizeof(*scene));
    CLEANUP(free_p) char *text = NULL;
    void *camera = NULL;

    *state = scene;
    if (stream_rig_setup(&camera) < 0)
        return -1;
    scene->camera = camera;
    stream_rig_serve(scene->camera, login);
    text = xasprintf(conf, (long long)scene->camera->port);
    scene->rig = rig_new(&(struct rig_options){.conf = text, .no_sim = true});
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    void *camera = scene->camera;
    int rc;

    rig_free(scene->rig);
    rc = stream_rig_teardown(&camera);
    free(scene);
    return rc;
}

static void expect_no_secret_in_the_log(struct rig *rig)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "lapsed.txt");
    CLEANUP(free_p) char *text = NULL;

    assert_int_equal(path_read_file(path, LOG_MAX, &text, NULL, NULL), 0);
    assert_non_null(strstr(text, "agent.started"));
    assert_null(strstr(text, "canary"));
}

static void test_rtsp_camera_makes_a_timelapse_also_when_it_hangs_for_a_while(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    struct frames frames;
    size_t before;

    events_await(rig, "frame", 4, DEADLINE_MS);
    stream_rig_signal(scene->camera, SIGSTOP);
    events_await(rig, "frame_missed", 1, DEADLINE_MS);
    stream_rig_signal(scene->camera, SIGCONT);
    before = rig_event_count(rig, "frame");
    events_await(rig, "frame", before + 4, DEADLINE_MS);
    assert_int_equal((int)event_number(rig_command(rig, "unit/mk4/cmd/finish", NULL), "code"), 0);
    events_await(rig, "video_ready", 1, DEADLINE_MS);

    frames_read(rig, "mk4", "front", NULL, &frames);
    frames_check_order(&frames);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
    expect_no_secret_in_the_log(rig);
    rig_pass(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_rtsp_camera_makes_a_timelapse_also_when_it_hangs_for_a_while, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
