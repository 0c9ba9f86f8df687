/* SPDX-License-Identifier: MIT */
#include "tests/e2e/life.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
static const char at_printer[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "trigger = \"interval\"; interval_s = 0.25; fps = 10.0; min_frames = 1; segment_frames = 4;\n"
    "%unit } );\n";

struct rig *life_begin(void **state, const char *unit)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = quick, .conf = at_printer, .unit = unit});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    return rig;
}

void life_await_state(struct rig *rig, const char *state)
{
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", state));
}

void life_await_more(struct rig *rig, const char *type, size_t more)
{
    events_await(rig, type, rig_event_count(rig, type) + more, LIFE_DEADLINE_MS);
}

const cJSON *life_give(struct rig *rig, const char *request, const char *value)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/mk4/%s", request);
    const cJSON *ack = rig_command(rig, topic, value);

    if (!ack)
        fail_msg("%s: no answer", request);
    if (event_number(ack, "code") != 0)
        fail_msg("%s: %s", request, json_get_string(ack, "message"));
    return ack;
}

void life_begin_print(struct rig *rig, const char *print)
{
    life_await_state(rig, "waiting");
    sim_do(rig, print);
    events_await(rig, "frame", 4, LIFE_DEADLINE_MS);
}

void life_begin_capture(struct rig *rig)
{
    life_begin_print(rig, LIFE_LONG_PRINT);
}

const char *life_session(struct rig *rig, size_t index)
{
    const cJSON *started = rig_event(rig, "session_started", index);

    assert_non_null(started);
    return json_get_string(started, "session");
}

void life_check_video(struct rig *rig, const cJSON *event)
{
    const char *session = json_get_string(event, "session");
    struct frames frames;

    assert_non_null(event);
    frames_read(rig, "mk4", "front", session, &frames);
    frames_check_order(&frames);
    assert_true(event_number(event, "frames") <= (double)frames.count);
    assert_int_equal((int)event_number(event, "dropped_frames"), 0);
    frames.count = (size_t)event_number(event, "frames");
    frames_check_video(rig, &frames, json_get_string(event, "file"));
    frames_done(&frames);
}

void life_check_finished(struct rig *rig, size_t index, const char *end)
{
    const cJSON *finished = rig_event(rig, "session_finished", index);
    const cJSON *ready = rig_event(rig, "video_ready", index);

    assert_non_null(finished);
    assert_non_null(ready);
    if (!event_says(finished, "end", end))
        fail_msg("the session ended \"%s\", not \"%s\"", json_get_string(finished, "end"), end);
    assert_string_equal(json_get_string(ready, "session"), life_session(rig, index));
    assert_true(event_number(ready, "frames") == event_number(finished, "frames"));
    life_check_video(rig, ready);
}
