/* SPDX-License-Identifier: MIT */
/* How units made at run time end: a printer that came with one is let go, whatever ends it, and a
 * whole fleet can be asked. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/asking.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
static const char nothing[] = "printers = (); cameras = (); units = ();\n";
static const char front[] =
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; } );\n";
static const char without_ffmpeg[] =
    "encode = { ffmpeg = \"%dir/ffmpeg\"; };\n"
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; } );\n";

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct rig *begin(void **state, const char *conf, const char *agent)
{
    *state = rig_new(&(struct rig_options){.sim_args = quick, .conf = conf, .agent = agent});
    return *state;
}

static bool printer_is(struct rig *rig, const char *status)
{
    CLEANUP(json_free_p) cJSON *truth = rig_sim_get(rig, "/sim/state");

    return str_equal(json_get_string(truth, "status"), status);
}

/* A unit by addresses pauses its printer and gets no picture: it stands. */
static struct rig *begin_held(void **state)
{
    struct rig *rig = begin(state, nothing, "allow_addresses = true;");
    CLEANUP(free_p)
    char *payload = xasprintf(
        "{\"args\":{\"unit\":\"far\",\"duetlapse\":\"-duet 127.0.0.1:%d -pause yes -rest 0 "
        "-camera1 stream -weburl1 http://127.0.0.1:%d/stream\"}}",
        rig_sim_port(rig), rig_sim_port(rig));

    assert_int_equal(code_of(command(rig, "cmd/start", payload)), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/far/state", "waiting"));
    sim_do(rig, "start&layers=400&layer_ms=500");
    events_await(rig, "frame", 2, RIG_DEADLINE_MS);
    rig_sim_fault(rig, "what=cam_hang&for_ms=60000");
    RIG_WAIT(rig, printer_is(rig, "paused"));
    return rig;
}

static void test_a_held_printer_is_let_go_when_its_unit_is_aborted(void **state)
{
    struct rig *rig = begin_held(state);

    assert_int_equal(code_of(command(rig, "unit/far/cmd/abort", "")), 0);
    RIG_WAIT(rig, printer_is(rig, "processing"));
    RIG_WAIT(rig, rig_says(rig, "unit/far/status", ""));
    RIG_WAIT(rig, json_size(rig_look(rig, "info", "printers")) == 0);
    assert_true(printer_is(rig, "processing"));
    rig_pass(rig);
}

static void test_a_held_printer_is_let_go_when_the_agent_stops(void **state)
{
    struct rig *rig = begin_held(state);

    rig_agent_signal(rig, SIGTERM);
    assert_true(printer_is(rig, "processing"));
    rig_pass(rig);
}

static void test_release_printers_knows_those_that_units_brought_along(void **state)
{
    struct rig *rig = begin_held(state);
    CLEANUP(free_p) char *conf = xasprintf("%s/lapsed.conf", rig_dir(rig));
    const char *argv[] = {LAPSED_PROGRAM, "--config", conf, "--release-printers", NULL};
    struct rig_output output;

    rig_agent_signal(rig, SIGKILL);
    assert_true(printer_is(rig, "paused"));
    output = rig_run(rig, argv);
    if (output.exit_code != 0)
        fail_msg("exit code %d: %s", output.exit_code, output.err);
    rig_output_done(&output);
    assert_true(printer_is(rig, "processing"));
    rig_pass(rig);
}

static void make_by_rpc(struct rig *rig, const char *unit)
{
    CLEANUP(free_p) char *params = NULL;
    const cJSON *response;

    params = xasprintf("{\"unit\":\"%s\",\"settings\":{\"cameras\":[\"front\"],\"trigger\":"
                       "\"interval\",\"interval_s\":0.3,\"min_frames\":1}}",
                       unit);
    response = rpc(rig, "unit.create", params);
    if (code_of(response) != 0)
        fail_msg("%s", message_of(response));
    assert_string_equal(json_get_string(response, "result.unit"), unit);
}

static bool none_is_left(struct rig *rig)
{
    const cJSON *units = rig_look(rig, "info", "units");

    return units && json_size(units) == 0;
}

static void test_units_made_by_rpc_are_listed_and_end_with_the_fleet(void **state)
{
    struct rig *rig = begin(state, front, NULL);
    const cJSON *response;

    make_by_rpc(rig, "one");
    make_by_rpc(rig, "two");
    events_await(rig, "frame", 6, RIG_DEADLINE_MS);
    response = rpc(rig, "unit.list", NULL);
    assert_int_equal(json_size(json_get(response, "result.items")), 2);
    assert_string_equal(json_get_string(response, "result.items[1].made_by.unit"), "two");
    assert_string_equal(json_get_string(response, "result.items[1].made_by.settings.trigger"),
                        "interval");
    response = rpc(rig, "unit.create", "{\"unit\":\"one\",\"like\":\"x\"}");
    assert_int_equal(code_of(response), -32001);

    pub(rig, "timelapse/v1/_all/cmd/finish", "{\"id\":\"all\"}", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 2);
    RIG_WAIT(rig, none_is_left(rig));
    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    RIG_WAIT(rig, none_is_left(rig)); /* one may have to go again: the kill beat the journal */
    rig_pass(rig);
}

/* The one that the configuration names, and that was not there before. */
static void install_ffmpeg(struct rig *rig)
{
    static const char script[] = "#!/bin/sh\nexec ffmpeg \"$@\"\n";
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "ffmpeg");
    struct error err = {0};

    assert_int_equal(path_write_durable(rig_dir(rig), "ffmpeg", script, strlen(script), &err), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

static void test_a_unit_stays_until_its_late_video_is_made(void **state)
{
    struct rig *rig = begin(state, without_ffmpeg, NULL);

    make_by_rpc(rig, "late");
    events_await(rig, "frame", 3, RIG_DEADLINE_MS);
    assert_int_equal(code_of(command(rig, "unit/late/cmd/finish", "")), 0);
    events_await(rig, "session_finished", 1, RIG_DEADLINE_MS);
    RIG_WAIT(rig, rig_says(rig, "unit/late/state", "standby"));
    rig_linger(rig, 500);
    assert_true(rig_says(rig, "unit/late/state", "standby"));
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);

    rig_agent_signal(rig, SIGKILL);
    install_ffmpeg(rig);
    rig_agent_start(rig);
    events_await(rig, "video_ready", 1, RIG_DEADLINE_MS);
    assert_true(event_says(rig_event(rig, "video_ready", 0), "unit", "late"));
    RIG_WAIT(rig, none_is_left(rig));
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_held_printer_is_let_go_when_its_unit_is_aborted),
        TEST(test_a_held_printer_is_let_go_when_the_agent_stops),
        TEST(test_release_printers_knows_those_that_units_brought_along),
        TEST(test_units_made_by_rpc_are_listed_and_end_with_the_fleet),
        TEST(test_a_unit_stays_until_its_late_video_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
