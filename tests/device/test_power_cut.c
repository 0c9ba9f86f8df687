/* SPDX-License-Identifier: MIT */
/* The agent's machine loses its power, again and again, at the very moment something was announced,
 * while printer and broker go on. */
#include "tests/device/machine.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>

enum { ROUND_MS = 90000, GROWN_FRAMES = 2 };

static const char *const sim[] = {
    "--idle", "--layers",     "400", "--layer-ms",    "900",     "--heat-ms",
    "0",      "--pause-ms",   "100", "--resume-ms",   "100",     "--move-mm-s",
    "1000",   "--camera-fps", "10",  "--camera-size", "320x240", NULL};

/* Ports: MQTT, printer, camera. */
static const char conf[] =
    "agent = { id = \"pi01\"; data_dir = \"%%dir/data\"; reserve_mb = 10.0; };\n"
    "mqtt = { host = \"" MACHINE_HOST "\"; port = %d; };\n"
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://" MACHINE_HOST ":%d\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://" MACHINE_HOST
    ":%d/stream\"; } "
    ");\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0;\n"
    "    min_frames = 1; fps = 4.0; segment_frames = 2; tail_frames = 2; } );\n";

struct fixture {
    struct rig *rig;
    struct machine machine;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    CLEANUP(free_p) char *text = NULL;

    *state = f;
    f->rig = rig_new(&(struct rig_options){.sim_args = sim, .no_agent = true});
    text = xasprintf(conf, rig_mqtt_port(f->rig), rig_sim_port(f->rig), rig_sim_port(f->rig));
    conf_write(f->rig, text);
    machine_init(&f->machine, f->rig);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    machine_done(&f->machine);
    rig_free(f->rig);
    free(f);
    return 0;
}

/* --- waiting: everything is slow on an emulated processor --- */

struct awaited {
    const char *event;
    size_t count;
};

static bool events_came(struct rig *rig, void *user)
{
    const struct awaited *awaited = user;

    return rig_event_count(rig, awaited->event) >= awaited->count;
}

static int64_t frames_in_growing_video(struct rig *rig)
{
    return (int64_t)json_number(rig_look(rig, "unit/mk4/status", "session.encoded_frames"));
}

static bool video_has_grown(struct rig *rig, void *user)
{
    (void)user;
    return frames_in_growing_video(rig) >= GROWN_FRAMES;
}

static bool printer_prints(struct rig *rig, void *user)
{
    (void)user;
    return sim_is(rig, "processing");
}

static bool printer_is_held(struct rig *rig, void *user)
{
    (void)user;
    return sim_is_paused_by(rig, "http");
}

static void await(struct fixture *f, rig_predicate_fn predicate, void *user, const char *what)
{
    if (!rig_wait(f->rig, predicate, user, ROUND_MS))
        fail_msg("%d s passed without: %s", ROUND_MS / 1000, what);
}

static void await_events(struct fixture *f, const char *event, size_t more)
{
    struct awaited awaited = {event, rig_event_count(f->rig, event) + more};

    await(f, events_came, &awaited, event);
}

/* --- what must be on the disk --- */

static void check_growing_video(struct fixture *f)
{
    CLEANUP(free_p) char *pattern = xasprintf("%s/media/pi01/mk4/*/*.growing.mp4", f->machine.data);
    struct decoded_video video;
    glob_t files = {0};

    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    assert_int_equal(files.gl_pathc, 1);
    video_decode(f->rig, files.gl_pathv[0], &video);
    assert_string_equal(video.complaints, "");
    assert_true((int64_t)video.count >= frames_in_growing_video(f->rig));
    for (size_t i = 0; i < video.count; i++)
        assert_true(video.pictures[i].readable);
    decoded_video_done(&video);
    globfree(&files);
}

static void cut_power(struct fixture *f)
{
    size_t frames;

    machine_cut(&f->machine);
    frames = promise_frames(f->rig);
    promise_journal(f->rig);
    print_message("cut after %zu frames: all are there\n", frames);
}

static void boot_and_print(struct fixture *f)
{
    machine_boot(&f->machine);
    sim_do(f->rig, "/sim/command?do=start&job=tower.gcode");
    await(f, video_has_grown, NULL, "a growing video");
}

static void a_print_outlives_power_cuts_while_held_and_at_an_announcement(void **state)
{
    struct fixture *f = *state;

    boot_and_print(f);
    rig_sim_fault(f->rig, "what=cam_hang&for_ms=600000");
    await(f, printer_is_held, NULL, "a printer that is held");
    cut_power(f);
    check_growing_video(f);
    assert_true(sim_is_paused_by(f->rig, "http"));
    rig_sim_fault(f->rig, "what=none");

    machine_boot(&f->machine);
    await(f, printer_prints, NULL, "the end of the pause");
    await_events(f, "frame", 1);
    cut_power(f);
    assert_int_equal(rig_event_count(f->rig, "session_started"), 1);
    rig_pass(f->rig);
}

static void an_announced_video_outlives_a_power_cut(void **state)
{
    struct fixture *f = *state;

    boot_and_print(f);
    sim_do(f->rig, "/sim/command?do=cancel");
    await_events(f, "video_ready", 1);
    cut_power(f);
    assert_int_equal(promise_videos(f->rig), 1);
    rig_pass(f->rig);
}

static void a_print_that_ended_while_the_power_was_off_gets_its_video(void **state)
{
    struct fixture *f = *state;

    boot_and_print(f);
    await_events(f, "frame", 1);
    cut_power(f);
    sim_do(f->rig, "/sim/command?do=cancel");

    machine_boot(&f->machine);
    await_events(f, "video_ready", 1);
    cut_power(f);
    assert_int_equal(promise_videos(f->rig), 1);
    rig_pass(f->rig);
}

/* Any argument: the long ones, too (power_cut.sh). */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_print_outlives_power_cuts_while_held_and_at_an_announcement, setup, teardown),
        cmocka_unit_test_setup_teardown(an_announced_video_outlives_a_power_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_print_that_ended_while_the_power_was_off_gets_its_video,
                                        setup, teardown),
    };

    (void)argv;
    if (argc < 2)
        cmocka_set_test_filter("a_print_outlives*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
