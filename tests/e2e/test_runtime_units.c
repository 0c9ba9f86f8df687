/* SPDX-License-Identifier: MIT */
/* Units made by a command while the agent runs: by name, in DuetLapse3's words, by address; what a
 * kill -9 leaves of them, and that nothing is left when they are gone. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

enum {
    DEADLINE_MS = 60000,
    BAD_PARAMS = -32602,
    BUSY = -32000,
    UNKNOWN_TARGET = -32001,
    WRONG_STATE = -32002,
    FORBIDDEN = -32010,
    UNSUPPORTED = -32016,
};

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};

static const char with_devices[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; standby = true;\n"
    "trigger = \"interval\"; interval_s = 0.25; fps = 10.0; min_frames = 1; segment_frames = 4; } "
    ");\n";
static const char nothing[] = "printers = (); cameras = (); units = ();\n";

static struct rig *begin(void **state, const char *conf, const char *agent)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = quick, .conf = conf, .agent = agent});

    *state = rig;
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- steps --- */

static const cJSON *give(struct rig *rig, const char *topic, const char *args)
{
    const cJSON *ack = rig_ask(rig, topic, args);

    if (!ack)
        fail_msg("%s: no answer", topic);
    if (event_number(ack, "code") != 0)
        fail_msg("%s: %s", topic, json_get_string(ack, "message"));
    return ack;
}

static void refuse(struct rig *rig, const char *topic, const char *args, int code,
                   const char *const *words)
{
    const cJSON *ack = rig_ask(rig, topic, args);
    const char *message = json_get_string(ack, "message");

    assert_non_null(ack);
    if (event_number(ack, "code") != code || !message)
        fail_msg("%s: %.0f, %s", args, event_number(ack, "code"), message ? message : "");
    for (; *words; words++)
        if (!strstr(message, *words))
            fail_msg("%s\nsays nothing of: %s\nbut: %s", args, *words, message);
}

static bool unit_says(struct rig *rig, const char *unit, const char *level, const char *text)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/%s/%s", unit, level);

    return rig_says(rig, topic, text);
}

static const cJSON *unit_look(struct rig *rig, const char *unit, const char *path)
{
    CLEANUP(free_p) char *topic = xasprintf("unit/%s/status", unit);

    return rig_look(rig, topic, path);
}

static size_t count_events(struct rig *rig, const char *unit, const char *type)
{
    size_t count = 0;
    const cJSON *event;

    for (size_t i = 0; (event = rig_event(rig, type, i)); i++)
        count += event_says(event, "unit", unit);
    return count;
}

static const cJSON *last_event(struct rig *rig, const char *unit, const char *type)
{
    const cJSON *last = NULL, *event;

    for (size_t i = 0; (event = rig_event(rig, type, i)); i++)
        if (event_says(event, "unit", unit))
            last = event;
    return last;
}

static void await_frames(struct rig *rig, const char *unit, size_t more)
{
    size_t wanted = count_events(rig, unit, "frame") + more;

    RIG_WAIT(rig, count_events(rig, unit, "frame") >= wanted);
}

/* Its topics are cleared and no list has it. */
static bool is_gone(struct rig *rig, const char *unit)
{
    const cJSON *units = rig_look(rig, "info", "units");

    for (const cJSON *item = json_first(units); item; item = json_next(item))
        if (str_equal(json_string(item), unit))
            return false;
    return unit_says(rig, unit, "availability", "") && unit_says(rig, unit, "state", "") &&
           unit_says(rig, unit, "status", "");
}

static bool is_listed(struct rig *rig, const char *list, const char *id)
{
    const cJSON *ids = rig_look(rig, "info", list);

    for (const cJSON *item = json_first(ids); item; item = json_next(item))
        if (str_equal(json_string(item), id))
            return true;
    return false;
}

static void check_video(struct rig *rig, const char *unit, const char *camera)
{
    const cJSON *ready = last_event(rig, unit, "video_ready");
    struct frames frames;

    assert_non_null(ready);
    frames_read(rig, unit, camera, json_get_string(ready, "session"), &frames);
    frames_check_order(&frames);
    assert_int_equal(event_number(ready, "frames"), frames.count);
    frames_check_video(rig, &frames, json_get_string(ready, "file"));
    frames_done(&frames);
}

/* Of a session in which the agent was killed: an event may have come twice, or not at all, but no
 * frame that was announced is missing. */
static void check_video_of_killed(struct rig *rig, const char *unit)
{
    const cJSON *ready = last_event(rig, unit, "video_ready");
    double last = event_number(last_event(rig, unit, "frame"), "frame");
    struct decoded_video video;

    assert_non_null(ready);
    assert_true(event_number(ready, "frames") >= last);
    assert_int_equal(event_number(ready, "dropped_frames"), 0);
    video_decode(rig, json_get_string(ready, "file"), &video);
    assert_int_equal(video.count, event_number(ready, "frames"));
    assert_string_equal(video.complaints, "");
    decoded_video_done(&video);
}

static void begin_print(struct rig *rig)
{
    sim_do(rig, "start&layers=400&layer_ms=500");
}

/* --- tests --- */

static void
test_duetlapse_words_make_a_unit_that_survives_kill9_and_goes_with_its_video(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);
    const cJSON *ack =
        give(rig, "cmd/start",
             "{\"unit\":\"lapse\",\"settings\":{\"segment_frames\":4},\"duetlapse\":\"python3 "
             "./DuetLapse3.py -duet mk4 -seconds 0.25 -detect none -camera1 stream -weburl1 front "
             "-fps 5 -poll 10 -instances many\"}");
    CLEANUP(free_p) char *session = NULL;

    assert_string_equal(json_get_string(ack, "result.unit"), "lapse");
    assert_int_equal(json_size(json_get(ack, "result.notes")), 3);
    RIG_WAIT(rig, is_listed(rig, "units", "lapse"));
    RIG_WAIT(rig, unit_says(rig, "lapse", "state", "capturing"));
    RIG_WAIT(rig, unit_look(rig, "lapse", "runtime.args.duetlapse"));
    assert_true(json_number(unit_look(rig, "lapse", "settings.fps")) == 5);
    assert_non_null(json_string(unit_look(rig, "lapse", "runtime.made_at")));
    assert_true(json_is_null(unit_look(rig, "mk4", "runtime")));
    await_frames(rig, "lapse", 3);

    session = xstrdup(json_get_string(last_event(rig, "lapse", "frame"), "session"));
    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    await_frames(rig, "lapse", 3);
    assert_string_equal(json_get_string(last_event(rig, "lapse", "frame"), "session"), session);

    give(rig, "unit/lapse/cmd/finish", NULL);
    RIG_WAIT(rig, is_gone(rig, "lapse"));
    check_video_of_killed(rig, "lapse");
    assert_true(is_listed(rig, "units", "mk4"));
    refuse(rig, "unit/lapse/cmd/snapshot", NULL, UNKNOWN_TARGET, (const char *[]){NULL});

    rig_agent_signal(rig, SIGTERM);
    rig_agent_start(rig);
    assert_false(is_listed(rig, "units", "lapse"));
    rig_pass(rig);
}

static void test_two_units_at_once_are_ended_all_together(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);
    const cJSON *ack;

    give(rig, "cmd/start",
         "{\"unit\":\"one\",\"settings\":{\"cameras\":[\"front\"],\"trigger\":\"interval\","
         "\"interval_s\":0.25,\"min_frames\":1}}");
    ack = give(rig, "cmd/start",
               "{\"like\":\"mk4\",\"settings\":{\"dontwait\":true,\"interval_s\":0.4}}");
    assert_string_equal(json_get_string(ack, "result.unit"), "mk4-2");
    await_frames(rig, "one", 3);
    await_frames(rig, "mk4-2", 3);
    assert_int_equal(count_events(rig, "mk4", "frame"), 0);

    ack = give(rig, "cmd/finish", NULL);
    assert_int_equal(json_size(json_get(ack, "result.units")), 2);
    RIG_WAIT(rig, is_gone(rig, "one") && is_gone(rig, "mk4-2"));
    check_video(rig, "one", "front");
    check_video(rig, "mk4-2", "front");
    assert_true(is_listed(rig, "units", "mk4"));
    rig_pass(rig);
}

static void test_a_unit_without_restart_goes_when_its_print_ends(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);

    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    give(rig, "cmd/start", "{\"unit\":\"once\",\"like\":\"mk4\",\"settings\":{\"restart\":false}}");
    RIG_WAIT(rig, unit_says(rig, "once", "state", "waiting"));
    sim_do(rig, "start&layers=8&layer_ms=450");
    events_await(rig, "video_ready", 1, DEADLINE_MS);
    RIG_WAIT(rig, is_gone(rig, "once"));
    check_video(rig, "once", "front");
    rig_pass(rig);
}

static void test_a_unit_that_waits_goes_at_once(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);

    give(rig, "cmd/start", "{\"unit\":\"idle\",\"like\":\"mk4\"}");
    RIG_WAIT(rig, unit_says(rig, "idle", "state", "waiting"));
    give(rig, "unit/idle/cmd/finish", NULL);
    RIG_WAIT(rig, is_gone(rig, "idle"));
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    rig_pass(rig);
}

static void test_everything_wrong_is_told_at_once_and_nothing_is_done(void **state)
{
    struct rig *rig = begin(state, with_devices, "max_runtime_units = 1;");

    refuse(rig, "cmd/start",
           "{\"unit\":\"bad\",\"like\":\"nobody\",\"settings\":{\"fps\":1000,\"trigger\":\"noon\","
           "\"colour\":\"red\",\"interval_s\":{},\"cameras\":[\"front\",\"back\"]}}",
           BAD_PARAMS,
           (const char *[]){"args.like", "nobody", "args.settings.fps: ", "args.settings.trigger: ",
                            "args.settings.colour: ", "args.settings.interval_s: ", "'back'",
                            NULL});
    refuse(rig, "cmd/start",
           "{\"settings\":{\"cameras\":[\"front\"],\"trigger\":\"layer\",\"pause\":true}}",
           BAD_PARAMS,
           (const char *[]){"args.settings.trigger: ", "args.settings.pause: ", "printer", NULL});
    refuse(rig, "cmd/start",
           "{\"duetlapse\":\"-duet mk4 -seconds x -pause yes -detect pause -movhead 1 2\"}",
           BAD_PARAMS, (const char *[]){"-seconds: ", "-pause yes: ", "-movhead: ", NULL});
    refuse(rig, "cmd/start", "{\"duetlapse\":\"-duet mk4 -camera1 usb -execkey x\"}", UNSUPPORTED,
           (const char *[]){"-camera1 usb: ", "-execkey: ", NULL});
    refuse(rig, "cmd/start", "{\"unit\":\"mk4\",\"like\":\"mk4\"}", BAD_PARAMS,
           (const char *[]){"unit of the configuration", NULL});
    assert_false(is_listed(rig, "units", "bad"));

    give(rig, "cmd/start", "{\"unit\":\"one\",\"like\":\"mk4\"}");
    refuse(rig, "cmd/start", "{\"unit\":\"one\",\"like\":\"mk4\"}", WRONG_STATE,
           (const char *[]){"args.unit", NULL});
    refuse(rig, "cmd/start", "{\"unit\":\"two\",\"like\":\"mk4\"}", BUSY,
           (const char *[]){"max_runtime_units", NULL});
    give(rig, "unit/one/cmd/finish", NULL);
    RIG_WAIT(rig, is_gone(rig, "one"));
    give(rig, "cmd/start", "{\"unit\":\"two\",\"like\":\"mk4\"}");
    rig_pass(rig);
}

static void test_addresses_are_refused_until_the_operator_allows_them(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);
    CLEANUP(free_p)
    char *same = xasprintf("{\"unit\":\"same\",\"duetlapse\":\"-duet 127.0.0.1:%d -camera1 stream "
                           "-weburl1 http://127.0.0.1:%d/stream\"}",
                           rig_sim_port(rig), rig_sim_port(rig));

    refuse(rig, "cmd/start",
           "{\"duetlapse\":\"-duet 192.168.7.101 -camera1 web -weburl1 http://10.0.0.9/cam.jpg\"}",
           FORBIDDEN,
           (const char *[]){"-duet: ", "url = \"http://192.168.7.101\"",
                            "-weburl1: ", "kind = \"http\"", "allow_addresses = true", NULL});
    refuse(rig, "cmd/start",
           "{\"duetlapse\":\"-duet mk4 -password hush -camera1 stream -weburl1 front\"}", FORBIDDEN,
           (const char *[]){"password_file", NULL});
    /* those of the configuration may be named by their address, too */
    give(rig, "cmd/start", same);
    RIG_WAIT(rig, unit_look(rig, "same", "printer.id"));
    assert_string_equal(json_string(unit_look(rig, "same", "printer.id")), "mk4");
    assert_string_equal(json_string(unit_look(rig, "same", "cameras[0].id")), "front");
    rig_pass(rig);
}

static void await_printing(struct rig *rig, const char *printer)
{
    CLEANUP(free_p) char *topic = xasprintf("printer/%s/state", printer);

    RIG_WAIT(rig, rig_says(rig, topic, "printing"));
}

static void test_allowed_addresses_bring_devices_that_go_with_the_unit(void **state)
{
    struct rig *rig = begin(state, nothing, "allow_addresses = true;");
    CLEANUP(free_p)
    char *args = xasprintf(
        "{\"unit\":\"far\",\"settings\":{\"segment_frames\":4},\"duetlapse\":\"-duet 127.0.0.1:%d "
        "-pause yes -movehead 5 5 -rest 0 -camera1 stream -weburl1 http://127.0.0.1:%d/stream\"}",
        rig_sim_port(rig), rig_sim_port(rig));
    CLEANUP(free_p) char *printer = NULL;
    CLEANUP(free_p) char *camera = NULL;
    CLEANUP(free_p) char *printer_topic = NULL;
    CLEANUP(json_free_p) cJSON *truth = NULL;

    give(rig, "cmd/start", args);
    RIG_WAIT(rig, unit_look(rig, "far", "printer.id"));
    printer = xstrdup(json_string(unit_look(rig, "far", "printer.id")));
    camera = xstrdup(json_string(unit_look(rig, "far", "cameras[0].id")));
    RIG_WAIT(rig, is_listed(rig, "printers", printer) && is_listed(rig, "cameras", camera));
    begin_print(rig);
    await_printing(rig, printer);
    await_frames(rig, "far", 3);
    rig_agent_signal(rig, SIGKILL); /* perhaps while it is paused for a frame */
    rig_agent_start(rig);
    await_frames(rig, "far", 3);
    give(rig, "unit/far/cmd/finish", NULL);
    RIG_WAIT(rig, is_gone(rig, "far"));
    check_video_of_killed(rig, "far");

    printer_topic = xasprintf("printer/%s/status", printer);
    RIG_WAIT(rig, rig_says(rig, printer_topic, ""));
    RIG_WAIT(rig, !is_listed(rig, "printers", printer) && !is_listed(rig, "cameras", camera));
    truth = rig_sim_get(rig, "/sim/state");
    assert_string_equal(json_get_string(truth, "status"), "processing");
    rig_pass(rig);
}

static void test_settings_of_one_session_are_restored_after_it(void **state)
{
    struct rig *rig = begin(state, with_devices, NULL);

    refuse(rig, "unit/mk4/cmd/start", "{\"settings\":{\"fps\":0,\"cameras\":[\"front\"]}}",
           BAD_PARAMS, (const char *[]){"args.settings.fps: ", "args.settings.cameras: ", NULL});
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    begin_print(rig);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "printing"));
    give(rig, "unit/mk4/cmd/start", "{\"settings\":{\"fps\":50,\"interval_s\":0.3}}");
    await_frames(rig, "mk4", 3);
    RIG_WAIT(rig, json_number(unit_look(rig, "mk4", "settings.fps")) == 50);
    assert_true(json_number(unit_look(rig, "mk4", "overrides.fps")) == 50);

    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    RIG_WAIT(rig, json_number(unit_look(rig, "mk4", "overrides.interval_s")) > 0.2);
    assert_true(json_number(unit_look(rig, "mk4", "settings.fps")) == 50);
    await_frames(rig, "mk4", 2);
    give(rig, "unit/mk4/cmd/finish", NULL);
    events_await(rig, "video_ready", 1, DEADLINE_MS);
    assert_true(event_number(rig_event(rig, "video_ready", 0), "fps") == 50);
    RIG_WAIT(rig, json_number(unit_look(rig, "mk4", "settings.fps")) == 10);
    assert_true(json_is_null(unit_look(rig, "mk4", "overrides")));
    assert_true(json_number(unit_look(rig, "mk4", "settings.interval_s")) < 0.26);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_duetlapse_words_make_a_unit_that_survives_kill9_and_goes_with_its_video),
        TEST(test_two_units_at_once_are_ended_all_together),
        TEST(test_a_unit_without_restart_goes_when_its_print_ends),
        TEST(test_a_unit_that_waits_goes_at_once),
        TEST(test_everything_wrong_is_told_at_once_and_nothing_is_done),
        TEST(test_addresses_are_refused_until_the_operator_allows_them),
        TEST(test_allowed_addresses_bring_devices_that_go_with_the_unit),
        TEST(test_settings_of_one_session_are_restored_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
