/* SPDX-License-Identifier: MIT */
/* test_v4l2_agent: the real agent makes timelapses of USB cameras, and goes on when one is pulled
 * out and put back. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/device/feeder.h"
#include "tests/device/guest.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 6 };

#define UNIT                                                                                       \
    "units = ( { id = \"mk4\"; cameras = \"usb\"; trigger = \"interval\"; interval_s = 0.5;\n"     \
    "fps = 10.0; min_frames = 1; } );\n"

struct fixture {
    struct rig *rig;
    struct feeder *feeder;
};

static int set_up(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    rig_free(f->rig);
    feeder_stop(f->feeder);
    free(f);
    return 0;
}

static struct rig *begin(struct fixture *f, const char *conf)
{
    f->rig = rig_new(&(struct rig_options){.conf = conf, .no_sim = true});
    return f->rig;
}

static void wait_frames(struct rig *rig, size_t more)
{
    size_t wanted = rig_event_count(rig, "frame") + more;

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= wanted);
}

static const char *finish(struct rig *rig)
{
    const cJSON *ack = rig_command(rig, "unit/mk4/cmd/finish", NULL);

    assert_non_null(ack);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") > 0);
    return json_get_string(rig_event(rig, "video_ready", 0), "file");
}

static void a_usb_camera_gives_a_timelapse(void **state)
{
    struct fixture *f = *state;
    struct decoded_video video;
    struct rig *rig;

    f->feeder = feeder_start("/dev/video10", 10);
    rig = begin(f, "cameras = ( { id = \"usb\"; kind = \"v4l2\"; device = \"/dev/video10\";\n"
                   "settle_ms = 0; } );\n" UNIT);
    wait_frames(rig, FRAMES);
    video_decode(rig, finish(rig), &video);
    assert_int_equal(video.width, FEEDER_WIDTH);
    assert_int_equal(video.height, FEEDER_HEIGHT);
    assert_true(video.count >= FRAMES);
    for (size_t i = 0; i < video.count; i++) {
        assert_true(video.pictures[i].readable);
        if (i > 0 && video.pictures[i].marker.frame < video.pictures[i - 1].marker.frame)
            fail_msg("picture %zu is older than the one before", i);
    }
    decoded_video_done(&video);
    rig_pass(rig);
}

static bool is_connected(const struct rig *rig)
{
    bool connected = false;
    const struct rig_message *status = rig_last(rig, "camera/usb/status");

    return status && json_get_bool(status->json, "connected", &connected) && connected;
}

static void a_session_goes_on_when_its_camera_comes_back(void **state)
{
    struct fixture *f = *state;
    struct rig *rig =
        begin(f, "cameras = ( { id = \"usb\"; kind = \"v4l2\"; device = \"/dev/video0\";\n"
                 "width = 320; height = 180; settle_ms = 0; timeout_ms = 2000; } );\n" UNIT);

    wait_frames(rig, 2);
    RIG_WAIT(rig, is_connected(rig));
    guest_vivid_unplug();
    RIG_WAIT(rig, !is_connected(rig));
    RIG_WAIT(rig, rig_event_count(rig, "frame_missed") > 0);
    assert_true(rig_agent_running(rig));
    guest_vivid_plug();
    wait_frames(rig, 2);
    RIG_WAIT(rig, is_connected(rig));
    assert_non_null(finish(rig));
    rig_pass(rig);
}

static void expect_words(struct rig_output *output, const char *const *words)
{
    if (output->exit_code != 0)
        fail_msg("exit code %d: %s", output->exit_code, output->err);
    for (; *words; words++)
        if (!strstr(output->out, *words))
            fail_msg("no '%s' in: %s", *words, output->out);
    rig_output_done(output);
}

static void what_is_plugged_in_is_told_ready_to_paste(void **state)
{
    static const char *const words[] = {"/dev/video0  vivid",
                                        "YUYV      320x180",
                                        "brightness=",
                                        "kind = \"v4l2\";",
                                        "device = \"/dev/video0\";",
                                        "width = 1920; height = 1080;",
                                        "test_pattern=",
                                        NULL};
    static const char *const alone[] = {LAPSED_PROGRAM, "--probe-cameras", NULL};
    struct fixture *f = *state;
    struct rig *rig = begin(f, "cameras = ( { id = \"usb\"; kind = \"pattern\"; } );\n" UNIT);
    struct rig_output output = rig_ctl(rig, (const char *const[]){"camera", "probe", NULL});

    expect_words(&output, words);
    output = rig_run(rig, alone);
    expect_words(&output, words);
    rig_pass(rig);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_plugged_in_is_told_ready_to_paste),
        TEST(a_usb_camera_gives_a_timelapse),
        TEST(a_session_goes_on_when_its_camera_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
