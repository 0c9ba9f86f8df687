/* SPDX-License-Identifier: MIT */
/* lapsectl against a real agent on a real broker: what it prints and the exit codes that scripts
 * rely on. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A print that outlives the test, and a frame now and then. */
static const char *const long_print[] = {"--layers",  "50", "--layer-ms", "1500",
                                         "--heat-ms", "0",  NULL};
static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "    trigger = \"interval\"; interval_s = 0.3; fps = 5.0; } );\n";

static int setup_printing(void **state)
{
    *state = rig_new(&(struct rig_options){.sim_args = long_print, .conf = conf});
    return 0;
}

static int setup_silent(void **state)
{
    *state = rig_new(&(struct rig_options){.no_sim = true, .no_agent = true});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void expect(struct rig *rig, const char *const *words, int exit_code, const char *out,
                   const char *err)
{
    struct rig_output output = rig_ctl(rig, words);

    if (output.exit_code != exit_code || (out && !strstr(output.out, out)) ||
        (err && !strstr(output.err, err)))
        fail_msg(
            "lapsectl %s: exit code %d, expected %d with '%s' and '%s'\nstdout: %s\nstderr: %s",
            words[0], output.exit_code, exit_code, out ? out : "", err ? err : "", output.out,
            output.err);
    rig_output_done(&output);
}

/* Until it captures, and the status topics, which follow a little later, say so. */
static void await_capture(struct rig *rig, size_t frames)
{
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= frames);
    RIG_WAIT(rig, str_equal(json_string(rig_look(rig, "unit/mk4/status", "state")), "capturing"));
    RIG_WAIT(rig, json_is_string(rig_look(rig, "printer/mk4/status", "job.file")));
}

static void test_status_shows_agent_unit_printer_and_camera(void **state)
{
    struct rig *rig = *state;
    struct rig_output output;

    await_capture(rig, 2);
    output = rig_ctl(rig, WORDS("status"));
    assert_int_equal(output.exit_code, 0);
    assert_non_null(strstr(output.out, "pi01   online"));
    assert_non_null(strstr(output.out, "capturing"));
    assert_non_null(strstr(output.out, "benchy.gcode"));
    assert_non_null(strstr(output.out, "mjpeg"));
    assert_null(strstr(output.out, "\033"));
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_status_as_json_is_one_document_per_line(void **state)
{
    static const struct json_limits limits = {1 << 20, 16};
    struct rig *rig = *state;
    struct rig_output output = rig_ctl(rig, WORDS("--json", "status"));
    char *rest = output.out, *line;
    int count = 0;

    assert_int_equal(output.exit_code, 0);
    while ((line = strsep(&rest, "\n")) && line[0]) {
        CLEANUP(json_free_p) cJSON *json = NULL;
        struct error err;

        assert_int_equal(json_parse(line, strlen(line), &limits, &json, &err), 0);
        count++;
    }
    assert_int_equal(count, 5); /* info, status, unit, printer, camera */
    rig_output_done(&output);
    rig_pass(rig);
}

static void test_commands_print_their_proof(void **state)
{
    struct rig *rig = *state;

    await_capture(rig, 1);
    expect(rig, WORDS("ping"), 0, "pi01: ping done", NULL);
    expect(rig, WORDS("snapshot", "mk4"), 0, "mk4: snapshot accepted", NULL);
    expect(rig, WORDS("snapshot"), 0, "camera front, frame ", NULL); /* the only unit */
    expect(rig, WORDS("camera", "snapshot", "front"), 0, "age_ms ", NULL);
    expect(rig, WORDS("set", "fps", "30"), 0, "mk4: set fps done", NULL);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/mk4/status", "settings.fps")) == 30);
    rig_pass(rig);
}

static void test_agent_is_found_by_itself_and_may_be_named(void **state)
{
    struct rig *rig = *state;

    expect(rig, WORDS("ping"), 0, NULL, "lapsectl: agent pi01");
    expect(rig, WORDS("--agent", "pi01", "ping"), 0, "pi01: ping done", NULL);
    expect(rig, WORDS("--agent", "pi02", "ping"), 4, NULL, "no agent 'pi02' was ever seen");
    rig_pass(rig);
}

static void test_refusals_are_exit_code_1_and_say_why(void **state)
{
    struct rig *rig = *state;

    expect(rig, WORDS("set", "mk4", "fps", "-3"), 1, NULL, "bad_params (-32602)");
    expect(rig, WORDS("snapshot", "nosuch"), 1, NULL, "there is no unit of this name");
    expect(rig, WORDS("set", "nosuch-key", "1"), 1, NULL, "nosuch-key");
    rig_pass(rig);
}

static void test_wrong_usage_is_exit_code_2(void **state)
{
    struct rig *rig = *state;

    expect(rig, WORDS("frobnicate"), 2, NULL, "there is no command 'frobnicate'");
    expect(rig, WORDS("ping", "pong"), 2, NULL, "unexpected argument 'pong'");
    expect(rig, WORDS("camera", "start"), 2, NULL, "there is no command 'camera start'");
    expect(rig, WORDS("set", "fps"), 2, NULL, "usage: set");
    expect(rig, WORDS("snapshot", "mk4/cmd/#"), 2, NULL, "mk4/cmd/#");
    expect(rig, WORDS("--frobnicate"), 2, NULL, "there is no option '--frobnicate'");
    expect(rig, WORDS("ping", "--frobnicate"), 2, NULL, "there is no option '--frobnicate'");
    expect(rig, WORDS("camera"), 2, NULL, "camera what? There is: snapshot, gphoto2, list");
    expect(rig, WORDS("snapshto"), 2, NULL, "did you mean 'snapshot'?");
    expect(rig, WORDS("ping", "--jsno"), 2, NULL, "did you mean '--json'?");
    expect(rig, WORDS("--port"), 2, NULL, "a value is missing behind '--port'");
    expect(rig, WORDS("--all", "--agent", "pi01", "ping"), 2, NULL, "exclude each other");
    expect(rig, WORDS("--json", "frobnicate"), 2, "\"error\":\"usage\"", NULL);
    rig_pass(rig);
}

static void test_methods_without_a_topic_go_by_json_rpc(void **state)
{
    struct rig *rig = *state;

    await_capture(rig, 1);
    expect(rig, WORDS("unit", "list"), 0, "mk4 ", NULL);
    expect(rig, WORDS("unit", "status"), 0, "printer.state", NULL); /* the only unit */
    expect(rig, WORDS("printer", "status", "mk4"), 0, "native_state", NULL);
    expect(rig, WORDS("camera", "list", "--json"), 0, "\"next_cursor\":null", NULL);
    expect(rig, WORDS("camera", "list", "--limit", "x"), 2, NULL, "limit: must be a number");
    expect(rig, WORDS("printer", "status", "nosuch"), 1, NULL, "(-32001)");
    expect(rig, WORDS("call", "agent.info"), 0, "contract", NULL);
    expect(rig, WORDS("call", "unit.status", "{\"unit\":\"mk4\"}"), 0, "capturing", NULL);
    expect(rig, WORDS("call", "no.such"), 1, NULL, "(-32601)");
    expect(rig, WORDS("call", "unit.status", "{unit}"), 2, NULL, "the params are no JSON");
    rig_pass(rig);
}

static void test_a_real_agent_answers_as_one_of_many(void **state)
{
    struct rig *rig = *state;

    await_capture(rig, 1);
    expect(rig, WORDS("--all", "ping"), 0, "pi01   ok", NULL);
    expect(rig, WORDS("--all", "snapshot"), 0, "pi01   ok      mk4 ok", NULL);
    expect(rig, WORDS("--all", "resume"), 1, "mk4 the unit is capturing already", NULL);
    expect(rig, WORDS("--all", "status"), 0, "1 agent, 1 online", NULL);
    expect(rig, WORDS("--all", "unit", "list"), 0, "mk4 ", NULL);
    expect(rig, WORDS("--all", "set", "fps", "31"), 0, "pi01   ok", NULL);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/mk4/status", "settings.fps")) == 31);
    rig_pass(rig);
}

static void test_preview_waits_for_its_video(void **state)
{
    struct rig *rig = *state;

    await_capture(rig, 3);
    expect(rig, WORDS("preview"), 0, "mk4: preview_ready", NULL);
    expect(rig, WORDS("preview", "mk4", "--no-wait"), 0, "mk4: preview done", NULL);
    rig_pass(rig);
}

static void test_a_build_is_waited_for(void **state)
{
    struct rig *rig = *state;
    const char *session;

    await_capture(rig, 3);
    expect(rig, WORDS("finish"), 0, "mk4: video_ready", NULL);
    session = json_string(json_get(rig_event(rig, "video_ready", 0), "session"));
    assert_non_null(session);
    expect(rig, WORDS("build", session, "--fps", "2"), 0, ": job_done", NULL);
    expect(rig, WORDS("job", "add", session, "name=again"), 0, ": job_done", NULL);
    expect(rig, WORDS("build", session, "--no-wait"), 0, "pi01: build done", NULL);
    expect(rig, WORDS("build", "nosuch"), 1, NULL, "pi01: build ");
    expect(rig, WORDS("video", "list"), 0, "final", NULL);
    rig_pass(rig);
}

static void test_watch_follows_the_unit(void **state)
{
    struct rig *rig = *state;

    await_capture(rig, 1);
    expect(rig, WORDS("--timeout", "0.5", "watch"), 0, "pi01/mk4  capturing", NULL);
    expect(rig, WORDS("--timeout", "0.1", "watch", "other"), 0, "", NULL);
    rig_pass(rig);
}

static void test_offline_agent_is_exit_code_4_at_once(void **state)
{
    struct rig *rig = *state;
    int64_t start_ms;

    rig_agent_signal(rig, SIGTERM);
    start_ms = clock_mono_ms();
    expect(rig, WORDS("--agent", "pi01", "ping"), 4, NULL, "agent 'pi01' is offline");
    expect(rig, WORDS("ping"), 4, NULL, "no agent is online");
    expect(rig, WORDS("status"), 0, "offline", NULL);
    assert_true(clock_mono_ms() - start_ms < 8000);
    rig_pass(rig);
}

static void test_shutdown_stops_the_agent(void **state)
{
    struct rig *rig = *state;

    expect(rig, WORDS("shutdown"), 0, "pi01: shutdown done", NULL);
    RIG_WAIT(rig, !rig_agent_running(rig));
    RIG_WAIT(rig, rig_says(rig, "availability", "offline"));
    rig_pass(rig);
}

static void test_absent_broker_is_exit_code_3(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *address = xasprintf("127.0.0.1:%d", rig_mqtt_port(rig));

    expect(rig, WORDS("status"), 4, NULL, "no agent was ever seen");
    rig_broker_kill(rig);
    expect(rig, WORDS("status"), 3, NULL, "is mosquitto running? (--host, --port)");
    expect(rig, WORDS("watch"), 3, NULL, address);
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_status_shows_agent_unit_printer_and_camera, setup_printing),
        TEST(test_status_as_json_is_one_document_per_line, setup_printing),
        TEST(test_commands_print_their_proof, setup_printing),
        TEST(test_agent_is_found_by_itself_and_may_be_named, setup_printing),
        TEST(test_refusals_are_exit_code_1_and_say_why, setup_printing),
        TEST(test_wrong_usage_is_exit_code_2, setup_silent),
        TEST(test_methods_without_a_topic_go_by_json_rpc, setup_printing),
        TEST(test_a_real_agent_answers_as_one_of_many, setup_printing),
        TEST(test_preview_waits_for_its_video, setup_printing),
        TEST(test_a_build_is_waited_for, setup_printing),
        TEST(test_watch_follows_the_unit, setup_printing),
        TEST(test_offline_agent_is_exit_code_4_at_once, setup_printing),
        TEST(test_shutdown_stops_the_agent, setup_printing),
        TEST(test_absent_broker_is_exit_code_3, setup_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
