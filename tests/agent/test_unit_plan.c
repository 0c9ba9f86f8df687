/* SPDX-License-Identifier: MIT */
/* What a start command asks for, without an agent: which devices it means, and that all that is
 * wrong is told at once. */
#include "agent/unit/unit_plan.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char conf[] =
    "agent = { id = \"pi01\"; data_dir = \"/tmp\"; allow_addresses = %s; };\n"
    "printers = ( { id = \"mk4\"; url = \"http://Printer.lan:80/\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://cam.lan/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; standby = true;\n"
    "            trigger = [ \"layer\", \"interval\" ]; interval_s = 10.0; fps = 12.0; } );\n";

struct fixture {
    struct config *config;
    struct unit_plan plan;
    struct plan_problems problems;
};

static struct config *load(bool addresses)
{
    char dir[] = "/tmp/lapsed-plan-XXXXXX";
    CLEANUP(free_p) char *text = xasprintf(conf, addresses ? "true" : "false");
    CLEANUP(free_p) char *file = NULL;
    struct config *config;
    struct error err = {0};

    assert_non_null(mkdtemp(dir));
    file = path_join(dir, "lapsed.conf");
    assert_int_equal(path_write_durable(dir, "lapsed.conf", text, strlen(text), &err), 0);
    config = config_load(file, stderr);
    assert_int_equal(path_remove_tree(dir, &err), 0);
    assert_non_null(config);
    return config;
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    fixture->config = load(true);
    *state = fixture;
    return 0;
}

static void forget(struct fixture *fixture)
{
    unit_plan_done(fixture->config, &fixture->plan);
    problems_done(&fixture->problems.list);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    forget(fixture);
    config_free(fixture->config);
    free(fixture);
    return 0;
}

static enum ack_code plan(struct fixture *fixture, const char *args)
{
    static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 8};
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct error err = {0};

    forget(fixture);
    if (json_parse(args, strlen(args), &limits, &json, &err) < 0)
        fail_msg("%s", err.text);
    unit_plan_make(fixture->config, json, &fixture->plan, &fixture->problems);
    return fixture->problems.code;
}

static void expect_ok(struct fixture *fixture, const char *args)
{
    CLEANUP(free_p) char *problems = NULL;

    if (plan(fixture, args) == ACK_OK)
        return;
    problems = problems_join(&fixture->problems.list);
    fail_msg("%s: %s", args, problems);
}

static void expect_problem(struct fixture *fixture, const char *words)
{
    CLEANUP(free_p) char *problems = problems_join(&fixture->problems.list);

    if (!strstr(problems, words))
        fail_msg("nothing of \"%s\" in: %s", words, problems);
}

static void a_copy_of_a_unit_is_armed_and_takes_other_settings(void **state)
{
    struct fixture *fixture = *state;
    const struct unit_settings *unit = &fixture->plan.settings;

    expect_ok(fixture, "{\"like\":\"mk4\",\"settings\":{\"fps\":30,\"trigger\":[\"layer\"]}}");
    assert_null(unit->id);
    assert_string_equal(unit->printer, "mk4");
    assert_string_equal(unit->cameras.items[0], "front");
    assert_true(unit->video.fps > 29 && !unit->standby);
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER);
}

static void the_same_place_is_known_by_any_spelling(void **state)
{
    static const char *const lines[] = {
        "-duet mk4 -camera1 stream -weburl1 front",
        "-duet printer.lan -camera1 stream -weburl1 http://cam.lan/stream",
        "-duet PRINTER.LAN:80 -camera1 stream -weburl1 http://CAM.lan:80/stream",
        "-duet http://printer.lan/ -camera1 web -weburl1 http://cam.lan/stream",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(free_p) char *args = xasprintf("{\"duetlapse\":\"%s\"}", lines[i]);

        expect_ok(fixture, args);
        assert_false(fixture->plan.has_printer);
        assert_int_equal(fixture->plan.camera_count, 0);
        assert_string_equal(fixture->plan.settings.printer, "mk4");
        assert_string_equal(fixture->plan.settings.cameras.items[0], "front");
    }
}

static void another_place_gets_one_id_for_ever(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *printer = NULL;
    CLEANUP(free_p) char *camera = NULL;

    expect_ok(fixture, "{\"duetlapse\":\"-duet 10.0.0.5 -camera1 web -weburl1 http://x/a.jpg\"}");
    assert_true(fixture->plan.has_printer);
    assert_string_equal(fixture->plan.printer.url, "http://10.0.0.5");
    printer = xstrdup(fixture->plan.printer.id);
    camera = xstrdup(fixture->plan.cameras[0].id);
    assert_true(str_is_id(printer) && str_is_id(camera));
    expect_ok(fixture, "{\"duetlapse\":\"-duet 10.0.0.5:80 -camera1 web -weburl1 http://x/b.jpg "
                       "-camera2 web -weburl2 http://X:80/a.jpg\"}");
    assert_string_equal(fixture->plan.printer.id, printer);
    assert_string_not_equal(fixture->plan.cameras[0].id, camera);
    assert_string_equal(fixture->plan.cameras[1].id, camera);
}

static void settings_beat_the_command_line(void **state)
{
    struct fixture *fixture = *state;

    expect_ok(fixture, "{\"duetlapse\":\"-duet 10.0.0.5 -camera1 usb -fps 5\","
                       "\"settings\":{\"printer\":\"mk4\",\"cameras\":[\"front\"],\"fps\":50}}");
    assert_false(fixture->plan.has_printer);
    assert_string_equal(fixture->plan.settings.printer, "mk4");
    assert_true(fixture->plan.settings.video.fps > 49);
}

static void everything_wrong_with_a_command_line_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(plan(fixture, "{\"unit\":\"mk4\",\"duetlapse\":\"-camera1 usb -camera2 stream "
                                   "-pause yes -detect pause -execkey x\",\"settings\":{\"x\":1}}"),
                     ACK_BAD_PARAMS);
    expect_problem(fixture, "-pause yes: ");
    expect_problem(fixture, "-camera2 stream: ");
    expect_problem(fixture, "-camera1 usb: ");
    expect_problem(fixture, "-execkey: ");
    expect_problem(fixture, "args.settings.x: ");
    expect_problem(fixture, "args.unit: ");
}

static void no_login_is_taken(void **state)
{
    static const char *const lines[] = {
        "-duet mk4 -password canary -camera1 stream -weburl1 front",
        "-duet mk4 -camera1 stream -weburl1 http://me:canary@cam.lan/stream",
        "-duet mk4 -camera1 stream -weburl1 front -camera2 web -weburl2 http://canary@x/",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(free_p) char *args = xasprintf("{\"duetlapse\":\"%s\"}", lines[i]);
        CLEANUP(free_p) char *text = NULL;

        assert_int_equal(plan(fixture, args), ACK_FORBIDDEN);
        expect_problem(fixture, "password_file");
        text = problems_join(&fixture->problems.list);
        assert_null(strstr(text, "canary"));
    }
}

static void addresses_have_to_be_allowed(void **state)
{
    struct fixture *fixture = *state;

    config_free(fixture->config);
    fixture->config = load(false);
    assert_int_equal(
        plan(fixture, "{\"duetlapse\":\"-duet 10.0.0.5 -camera1 web -weburl1 http://x/a.jpg\"}"),
        ACK_FORBIDDEN);
    expect_problem(fixture, "url = \"http://10.0.0.5\"");
    expect_problem(fixture, "url = \"http://x/a.jpg\"");
    assert_false(fixture->plan.has_printer);
    assert_int_equal(fixture->plan.camera_count, 0);
}

static void an_override_changes_only_what_may_change(void **state)
{
    struct fixture *fixture = *state;
    struct unit_settings changed = fixture->config->units[0];
    CLEANUP(json_free_p) cJSON *settings = json_object();

    json_add_number(settings, "fps", 48, 0);
    json_add_bool(settings, "pause", true);
    unit_plan_override(fixture->config, settings, &changed, &fixture->problems);
    assert_int_equal(fixture->problems.code, ACK_OK);
    assert_true(changed.video.fps > 47 && changed.pause);
    assert_true(fixture->config->units[0].video.fps < 13);
    json_add_string(settings, "printer", "other");
    json_add_number(settings, "interval_s", 0, 0);
    changed = fixture->config->units[0];
    unit_plan_override(fixture->config, settings, &changed, &fixture->problems);
    assert_int_equal(fixture->problems.code, ACK_FORBIDDEN);
    expect_problem(fixture, "args.settings.printer: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_of_a_unit_is_armed_and_takes_other_settings),
        TEST(the_same_place_is_known_by_any_spelling),
        TEST(another_place_gets_one_id_for_ever),
        TEST(settings_beat_the_command_line),
        TEST(everything_wrong_with_a_command_line_is_told_at_once),
        TEST(no_login_is_taken),
        TEST(addresses_have_to_be_allowed),
        TEST(an_override_changes_only_what_may_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
