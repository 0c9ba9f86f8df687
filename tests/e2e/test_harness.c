/* SPDX-License-Identifier: MIT */
/* The rig itself: what it says must be true before it may judge the agent. */
#include "tests/e2e/harness.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *const sim_args[] = {"--layers",  "100", "--layer-ms", "400",
                                       "--heat-ms", "0",   NULL};

static int setup(void **state)
{
    *state = rig_new(&(struct rig_options){.sim_args = sim_args});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* A video of the simulator's own stream, without the agent. */
static char *record(struct rig *rig, const char *frames)
{
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d/stream", rig_sim_port(rig));
    char *path = path_join(rig_dir(rig), "recorded.mp4");
    const char *argv[] = {"ffmpeg",    "-v",        "error", "-f",       "mpjpeg",  "-i",
                          url,         "-frames:v", frames,  "-c:v",     "libx264", "-preset",
                          "ultrafast", "-crf",      "28",    "-pix_fmt", "yuv420p", "-r",
                          "10",        "-fps_mode", "cfr",   path,       NULL};
    struct rig_output output = rig_run(rig, argv);

    if (output.exit_code != 0)
        fail_msg("%s", output.err);
    rig_output_done(&output);
    return path;
}

static void test_markers_of_a_video_are_read(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *path = record(rig, "12");
    struct decoded_video video;

    video_decode(rig, path, &video);
    assert_int_equal(video.count, 12);
    assert_int_equal(video.width, 640);
    assert_string_equal(video.codec, "h264");
    assert_true(video.fps == 10);
    assert_string_equal(video.complaints, "");
    for (size_t i = 0; i < video.count; i++) {
        assert_true(video.pictures[i].readable);
        if (i > 0)
            assert_true(video.pictures[i].marker.time_ms >= video.pictures[i - 1].marker.time_ms);
    }
    decoded_video_done(&video);
    rig_pass(rig);
}

static void test_frame_on_disk_shows_its_marker(void **state)
{
    struct rig *rig = *state;
    const cJSON *event;
    struct marker marker;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 1);
    event = rig_event(rig, "frame", 0);
    video_read_jpeg(json_get_string(event, "file"), &marker);
    assert_true(marker.layer >= 1);
    assert_null(rig_event(rig, "frame", 1000));
    rig_pass(rig);
}

static void test_oracle_and_faults_are_at_hand(void **state)
{
    struct rig *rig = *state;
    CLEANUP(json_free_p) cJSON *truth = rig_sim_get(rig, "/sim/state");
    CLEANUP(json_free_p) cJSON *log = NULL;
    CLEANUP(json_free_p) cJSON *none = rig_sim_get(rig, "/camera.jpg");

    assert_non_null(json_get(truth, "status"));
    assert_null(none);
    rig_sim_fault(rig, "what=503&on=printer&for_ms=200");
    log = rig_sim_log(rig);
    assert_true(json_size(log) > 1);
    assert_non_null(json_get_string(json_first(log), "event"));
    rig_pass(rig);
}

static void test_commands_are_answered(void **state)
{
    struct rig *rig = *state;
    const cJSON *ack = rig_command(rig, "cmd/ping", NULL);
    bool ok = true;

    assert_non_null(ack);
    assert_string_equal(json_get_string(ack, "cmd"), "ping");
    ack = rig_command(rig, "unit/mk4/set/fps", "12.5");
    assert_true(json_get_bool(ack, "ok", &ok) && ok);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/mk4/status", "settings.fps")) == 12.5);
    rig_pass(rig);
}

static void test_killed_agent_starts_again(void **state)
{
    struct rig *rig = *state;
    int status = rig_agent_signal(rig, SIGKILL);

    assert_true(WIFSIGNALED(status));
    assert_false(rig_agent_running(rig));
    rig_agent_start(rig);
    status = rig_agent_signal(rig, SIGTERM);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    RIG_WAIT(rig, rig_says(rig, "availability", "offline"));
    rig_pass(rig);
}

static void test_killed_broker_comes_back_and_so_does_all_state(void **state)
{
    struct rig *rig = *state;
    size_t before;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    rig_broker_kill(rig);
    before = rig_message_count(rig);
    rig_broker_start(rig);
    RIG_WAIT(rig, rig_message_count(rig) > before && rig_says(rig, "availability", "online") &&
                      rig_last(rig, "availability") >= rig_message(rig, before));
    assert_true(rig_last(rig, "unit/mk4/state") >= rig_message(rig, before));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_markers_of_a_video_are_read),
        TEST(test_frame_on_disk_shows_its_marker),
        TEST(test_oracle_and_faults_are_at_hand),
        TEST(test_commands_are_answered),
        TEST(test_killed_agent_starts_again),
        TEST(test_killed_broker_comes_back_and_so_does_all_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
