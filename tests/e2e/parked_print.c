/* SPDX-License-Identifier: MIT */
/* parked_print: the layers last longer than what the agent waits from one hold to the next, so that
 * every frame can be a held one. */
#include "tests/e2e/parked_print.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const sim[] = {
    "--idle", "--layers",     "40",  "--layer-ms",    "700",     "--heat-ms",
    "0",      "--pause-ms",   "100", "--resume-ms",   "100",     "--move-mm-s",
    "1000",   "--camera-fps", "20",  "--camera-size", "320x240", NULL};

static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250;\n"
    "    pause_timeout_ms = 3000; max_hold_ms = 6000; request_timeout_ms = 1000; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0;\n"
    "    park_feed_mm_min = 60000.0; min_frames = 1; fps = 5.0; } );\n";

int parked_print_setup(void **state)
{
    *state = rig_new(&(struct rig_options){.sim_args = sim, .conf = conf});
    sim_do(*state, "/sim/command?do=start");
    return 0;
}

int parked_print_teardown(void **state)
{
    rig_free(*state);
    return 0;
}

void parked_print_await_frames(struct rig *rig, size_t count)
{
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= count);
}

void parked_print_await_held(struct rig *rig, int64_t camera_ms)
{
    CLEANUP(free_p) char *fault = xasprintf("what=cam_hang&for_ms=%lld", (long long)camera_ms);

    parked_print_await_frames(rig, 2);
    rig_sim_fault(rig, fault);
    RIG_WAIT(rig, sim_is_paused_by(rig, "http"));
}

static size_t count_held(struct rig *rig)
{
    const cJSON *event;
    size_t count = 0;

    for (size_t i = 0; (event = rig_event(rig, "frame", i)); i++) {
        bool parked = false;

        count += json_get_bool(event, "parked", &parked) && parked;
    }
    return count;
}

void parked_print_goes_on(struct rig *rig)
{
    size_t before = count_held(rig);

    RIG_WAIT(rig, count_held(rig) >= before + 2);
}

void parked_print_await_end(struct rig *rig, const char *end, int64_t longest_pause_ms)
{
    const cJSON *finished;

    RIG_WAIT(rig, (finished = rig_event(rig, "session_finished", 0)) != NULL);
    assert_string_equal(json_get_string(finished, "end"), end);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    promise_frames(rig);
    assert_int_equal(promise_videos(rig), 1);
    promise_printer_is_free(rig, longest_pause_ms);
}

void parked_print_endures(struct rig *rig, const char *fault, int64_t longest_pause_ms)
{
    parked_print_await_frames(rig, 2);
    rig_sim_fault(rig, fault);
    parked_print_goes_on(rig);
    sim_do(rig, "/sim/command?do=cancel");
    parked_print_await_end(rig, "cancelled", longest_pause_ms);
    rig_pass(rig);
}
