/* SPDX-License-Identifier: MIT */
/* The configuration as a whole: what is wrong with a file is said all at once and at its line; what
 * is printed reads back as the same; what set/<key> may do; and the example file, which must tell
 * the truth about every setting. */
#include "agent/config.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1 << 20 };

struct fixture {
    char dir[64];
    char *file;
    struct config *config;
    char *problems; /* of the last load */
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-config-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    f->file = path_join(f->dir, "lapsed.conf");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    config_free(f->config);
    assert_int_equal(path_remove_tree(f->dir, NULL), 0);
    free(f->problems);
    free(f->file);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    CLEANUP(free_p) char *path = path_join(f->dir, name);

    assert_int_equal(path_write_durable(f->dir, name, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static const struct config *load_file(struct fixture *f, const char *file)
{
    size_t len;
    FILE *problems;

    free(f->problems);
    problems = open_memstream(&f->problems, &len);
    config_free(f->config);
    f->config = config_load(file, problems);
    assert_int_equal(fclose(problems), 0);
    return f->config;
}

static const struct config *load(struct fixture *f, const char *text)
{
    put(f, "lapsed.conf", text);
    return load_file(f, f->file);
}

static const struct config *load_good(struct fixture *f, const char *text)
{
    const struct config *config = load(f, text);

    if (!config)
        fail_msg("%s", f->problems);
    assert_string_equal(f->problems, "");
    return config;
}

/* expected: the problems without the name of the file, each on its line as ":3: …". */
static void expect_problems(const struct fixture *f, const char *expected)
{
    CLEANUP(free_p) char *said = xstrdup("");

    assert_null(f->config);
    for (const char *line = f->problems; *line; line = strchr(line, '\n') + 1) {
        char *before = said;

        assert_true(str_starts_with(line, f->file));
        line += strlen(f->file);
        said = xasprintf("%s%.*s\n", before, (int)strcspn(line, "\n"), line);
        free(before);
    }
    assert_string_equal(said, expected);
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* --- a unit and its rules --- */

#define DEVICES                                                                                    \
    "printers = ( { id = \"p1\"; kind = \"duet\"; url = \"http://127.0.0.1\"; } );\n"              \
    "cameras = ( { id = \"front\"; kind = \"pattern\"; }, { id = \"top\"; kind = \"pattern\"; } "  \
    ");\n"

/* The given settings stand on line 4. */
static const struct config *load_unit(struct fixture *f, const char *settings)
{
    CLEANUP(free_p)
    char *text =
        xasprintf(DEVICES "units = ( { id = \"u1\"; cameras = \"front\";\n%s\n} );\n", settings);

    return load(f, text);
}

static void a_unit_needs_no_more_than_a_printer_and_a_camera(void **state)
{
    struct fixture *f = *state;
    const struct unit_settings *unit;

    assert_non_null(load_unit(f, "printer = \"p1\";"));
    unit = &f->config->units[0];
    assert_string_equal(unit->id, "u1");
    assert_string_equal(unit->printer, "p1");
    assert_int_equal(unit->cameras.count, 1);
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER);
    assert_int_equal(unit->every_nth_layer, 1);
    assert_true(unit->restart && unit->last_frame && unit->video.enabled);
    assert_false(unit->standby || unit->dontwait || unit->pause || unit->park);
    assert_true(unit->video.fps > 0);
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
    static const struct {
        const char *settings, *problem;
    } cases[] = {
        {"printer = \"p1\"; trigger = [];",
         ":4: units[0].trigger: names no trigger; use layer, interval, pause, mqtt, or command for "
         "snapshots only\n"},
        {"printer = \"p1\"; trigger = \"interval\";",
         ":3: units[0].interval_s: must be above 0 for trigger interval\n"},
        {"printer = \"p1\"; trigger = \"interval\";\ninterval_s = 0;",
         ":5: units[0].interval_s: must be above 0 for trigger interval\n"},
        {"printer = \"p1\"; interval_s = 10;",
         ":4: units[0].interval_s: has no effect without \"interval\" in trigger\n"},
        {"trigger = \"mqtt\";", ":4: units[0].trigger: mqtt needs trigger_topic\n"},
        {"trigger = \"mqtt\"; trigger_topic = \"a/#\";",
         ":4: units[0].trigger_topic: is not a topic (no wildcards, not starting with $)\n"},
        {"trigger = \"mqtt\"; trigger_topic = \"\";",
         ":4: units[0].trigger_topic: is not a topic (no wildcards, not starting with $)\n"},
        {"", ":3: units[0].trigger: layer and pause need a printer; without one use interval, mqtt "
             "or command\n"},
        {"trigger = [\"interval\", \"pause\"]; interval_s = 5;",
         ":4: units[0].trigger: layer and pause need a printer; without one use interval, mqtt or "
         "command\n"},
        {"trigger = \"command\"; pause = true;", ":4: units[0].pause: needs a printer\n"},
        {"printer = \"p1\"; trigger = \"pause\"; pause = true;",
         ":4: units[0].pause: contradicts trigger pause: there the job pauses itself; set pause = "
         "false\n"},
        {"printer = \"p1\"; park = true;", ":4: units[0].park: needs pause = true or trigger "
                                           "pause: the head cannot be moved while it "
                                           "prints\n"},
        {"printer = \"p1\"; keep_files = true; delete_frames = true;",
         ":4: units[0].delete_frames: contradicts keep_files; remove one of the two\n"},
        {"printer = \"p1\"; delete_frames = true; video = false;",
         ":4: units[0].delete_frames: would delete the only copy of the frames: video is false\n"},
        {"printer = \"p1\"; min_length_s = 10; max_length_s = 5;",
         ":4: units[0].min_length_s: is larger than max_length_s\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        load_unit(*state, cases[i].settings);
        expect_problems(*state, cases[i].problem);
    }
}

static void settings_that_go_together_are_taken(void **state)
{
    static const char *const cases[] = {
        "printer = \"p1\"; trigger = [\"layer\", \"interval\"]; interval_s = 0.5;",
        "printer = \"p1\"; trigger = [\"layer\", \"mqtt\"]; trigger_topic = \"a/b\";",
        "trigger = \"interval\"; interval_s = 86400;",
        "trigger = \"mqtt\"; trigger_topic = \"home/door\";",
        "printer = \"p1\"; trigger_topic = \"kept/for/later\";",
        "trigger = \"command\";",
        "printer = \"p1\"; trigger = \"pause\"; park = true;",
        "printer = \"p1\"; pause = true; park = true; park_x_mm = -5; park_y_mm = 200.5;",
        "printer = \"p1\"; delete_frames = true;",
        "printer = \"p1\"; keep_files = true; video = false;",
        "printer = \"p1\"; min_length_s = 5; max_length_s = 5;",
        "printer = \"p1\"; min_length_s = 5; max_length_s = 0;",
        "printer = \"p1\"; standby = true; dontwait = true; restart = false;",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!load_unit(f, cases[i]))
            fail_msg("%s: %s", cases[i], f->problems);
}

static void all_that_a_unit_breaks_is_said_at_once(void **state)
{
    load_unit(*state, "trigger = [\"layer\", \"interval\"];\npause = true;\nkeep_files = true;\n"
                      "delete_frames = true;\nmin_length_s = 2; max_length_s = 1;");
    expect_problems(*state,
                    ":3: units[0].interval_s: must be above 0 for trigger interval\n"
                    ":4: units[0].trigger: layer and pause need a printer; without one use "
                    "interval, mqtt or command\n"
                    ":5: units[0].pause: needs a printer\n"
                    ":7: units[0].delete_frames: contradicts keep_files; remove one of the two\n"
                    ":8: units[0].min_length_s: is larger than max_length_s\n");
}

/* --- lights --- */

static void lights_that_cannot_work_are_refused(void **state)
{
    static const struct {
        const char *light, *problem;
    } cases[] = {
        {"kind = \"mqtt\";",
         ":1: lights[0].topic: is required for kind = \"mqtt\": where the lamp listens, such as "
         "\"zigbee2mqtt/lamp/set\"\n"},
        {"kind = \"mqtt\"; topic = \"lamp/#\";",
         ":1: lights[0].topic: is not a topic (no wildcards, not starting with $)\n"},
        {"kind = \"mqtt\"; topic = \"lamp\";\nstate_topic = \"$x\";",
         ":2: lights[0].state_topic: is not a topic (no wildcards, not starting with $)\n"},
        {"kind = \"mqtt\"; topic = \"lamp\"; on = \"1\"; off = \"1\";",
         ":1: lights[0].off: is the same as on\n"},
        {"kind = \"mqtt\"; topic = \"lamp\"; state_path = \"state\";",
         ":1: lights[0].state_path: says what is on state_topic; name that, too\n"},
        {"kind = \"mqtt\"; topic = \"lamp\"; line = 4;",
         ":1: lights[0].line: line is not for kind = \"mqtt\": only for gpio; take it out\n"},
        {"kind = \"gcode\"; on = \"M42 P1 S1\"; off = \"M42 P1 S0\";",
         ":1: lights[0].printer: is required for kind = \"gcode\": the id of one in printers\n"},
        {"kind = \"gcode\"; printer = \"p2\"; on = \"M42 P1 S1\";",
         ":1: lights[0].off: is required for kind = \"gcode\": the G-code, such as \"M42 P1 "
         "S1\"\n"
         ":1: lights[0].printer: there is no printer 'p2' in printers\n"},
        {"kind = \"command\"; on_command = \"a\";",
         ":1: lights[0].off_command: is required for kind = \"command\": the program and its "
         "words\n"},
        {"kind = \"gpio\";", ":1: lights[0].line: is required for kind = \"gpio\": the number that "
                             "gpioinfo shows\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p)
        char *text = xasprintf("lights = ( { id = \"lamp\"; %s } );\n" DEVICES, cases[i].light);

        load(*state, text);
        expect_problems(*state, cases[i].problem);
    }
}

static void a_camera_must_name_a_light_that_is_there(void **state)
{
    load(*state, "lights = ( { id = \"lamp\"; kind = \"mqtt\"; topic = \"lamp\"; } );\n"
                 "cameras = ( { id = \"a\"; kind = \"pattern\"; light = \"lamp\"; },\n"
                 "{ id = \"b\"; kind = \"pattern\"; light = \"lamb\"; },\n"
                 "{ id = \"c\"; kind = \"pattern\"; light_when = \"dark\"; } );\n");
    expect_problems(*state, ":3: cameras[1].light: there is no light 'lamb' in lights\n"
                            ":4: cameras[2].light_when: needs the name of the light: light\n");
}

/* --- the file as a whole --- */

static void a_unit_must_name_what_is_there(void **state)
{
    load_unit(*state, "printer = \"p2\";");
    expect_problems(*state, ":4: units[0].printer: there is no printer 'p2' in printers\n");
    load(*state, DEVICES "units = ( { id = \"u\"; printer = \"p1\";\n"
                         "cameras = [\"front\", \"back\", \"side\"]; } );");
    expect_problems(*state, ":4: units[0].cameras: there is no camera 'back' in cameras\n"
                            ":4: units[0].cameras: there is no camera 'side' in cameras\n");
}

static void an_id_is_used_once(void **state)
{
    load(*state, "printers = (\n{ id = \"a\"; url = \"http://x\"; },\n"
                 "{ id = \"b\"; url = \"http://x\"; },\n{ id = \"a\"; url = \"http://y\"; } );\n"
                 "cameras = (\n{ id = \"a\"; kind = \"pattern\"; },\n"
                 "{ id = \"a\"; kind = \"pattern\"; } );\n"
                 "units = (\n{ id = \"a\"; cameras = \"a\"; printer = \"a\"; },\n"
                 "{ id = \"a\"; cameras = \"a\"; printer = \"b\"; } );\n");
    expect_problems(*state, ":4: printers[2].id: the id 'a' is taken already\n"
                            ":7: cameras[1].id: the id 'a' is taken already\n"
                            ":10: units[1].id: the id 'a' is taken already\n");
}

static void what_is_required_is_missed_by_name(void **state)
{
    load(*state, "printers = (\n{ } );\ncameras = (\n{ kind = \"pattern\"; } );\n"
                 "units = (\n{ trigger = \"command\"; } );\n");
    expect_problems(*state, ":2: printers[0].id is missing\n"
                            ":2: printers[0].url is missing\n"
                            ":4: cameras[0].id is missing\n"
                            ":6: units[0].id is missing\n"
                            ":6: units[0].cameras is missing\n");
}

static void an_unknown_name_is_said_with_what_may_be_meant(void **state)
{
    load(*state, "agent = { data_dri = \"/x\"; };\nmqqt = { };\ncolour = 1;\n"
                 "units = ( { id = \"u\"; cameras = \"c\"; trigger = \"command\"; fsp = 3; } );\n"
                 "cameras = ( { id = \"c\"; kind = \"pattern\"; zoom = 2; } );\n");
    expect_problems(*state, ":1: unknown setting 'data_dri' in agent; did you mean 'data_dir'?\n"
                            ":2: unknown setting 'mqqt'; did you mean 'mqtt'?\n"
                            ":3: unknown setting 'colour'\n"
                            ":4: unknown setting 'fsp' in units[0]; did you mean 'fps'?\n"
                            ":5: unknown setting 'zoom' in cameras[0]\n");
}

static void every_room_is_asked_about_its_settings(void **state)
{
    load(*state,
         "agent = { log_level = \"loud\"; };\n"
         "mqtt = { password = \"x\"; };\n"
         "encode = { max_encoders = 0; };\n"
         "printers = ( { id = \"p\"; url = \"http://u:p@x\"; } );\n"
         "cameras = ( { id = \"c\"; kind = \"http\"; } );\n"
         "units = ( { id = \"u\"; cameras = \"c\"; trigger = \"command\"; crf = 99; } );\n");
    assert_null(((struct fixture *)*state)->config);
    for (int line = 1; line <= 6; line++) {
        CLEANUP(free_p)
        char *at = xasprintf("%s:%d: ", ((struct fixture *)*state)->file, line);
        assert_non_null(strstr(((struct fixture *)*state)->problems, at));
    }
}

static void usb_cameras_are_checked_before_they_are_opened(void **state)
{
    load(*state, "cameras = ( { id = \"c\"; kind = \"v4l2\"; device = \"usb-046d_C920\";\n"
                 "controls = [ \"focus_absolute=30\", \"focus_auto\" ];\n"
                 "settle_ms = 4500; }, { id = \"d\"; kind = \"pattern\";\n"
                 "format = \"mjpg\"; } );\n");
    expect_problems(*state,
                    ":1: cameras[0].timeout_ms: opening the camera and settle_ms = 4500 need about "
                    "5500 ms; timeout_ms = 5000 is too short\n"
                    ":2: cameras[0].controls: 'focus_auto' is not name=value, as "
                    "\"focus_absolute=30\"\n"
                    ":4: cameras[1].format: format is not for kind = \"pattern\": only for v4l2; "
                    "take it out\n");
}

static void a_file_that_cannot_be_read_has_one_problem(void **state)
{
    struct fixture *f = *state;

    load_file(f, f->file);
    expect_problems(f, ": cannot read: No such file or directory\n");
    load(f, "agent = {\nid = ;\n};\n");
    expect_problems(f, ":2: syntax error\n");
}

static void an_empty_file_gives_an_agent_of_defaults(void **state)
{
    const struct config *config = load_good(*state, "");

    assert_true(str_is_id(config->agent.id));
    assert_string_equal(config->agent.data_dir, "/var/lib/lapsed");
    assert_string_equal(config->agent.media_dir, "/var/lib/lapsed/media");
    assert_string_equal(config->mqtt.host, "127.0.0.1");
    assert_int_equal(config->printer_count, 0);
    assert_int_equal(config->camera_count, 0);
    assert_int_equal(config->unit_count, 0);
}

static void media_lives_below_data_unless_said_otherwise(void **state)
{
    const struct config *config = load_good(*state, "agent = { data_dir = \"/srv/a\"; };");

    assert_string_equal(config->agent.media_dir, "/srv/a/media");
    config = load_good(*state, "agent = { data_dir = \"/srv/a\"; media_dir = \"/mnt/b\"; };");
    assert_string_equal(config->agent.media_dir, "/mnt/b");
}

/* --- printing --- */

static const char everything[] =
    "agent = { id = \"pi-7\"; data_dir = \"/srv/d\"; media_dir = \"/srv/m\"; reserve_mb = 12.25;\n"
    "log_level = \"debug\"; };\n"
    "mqtt = { host = \"broker.lan\"; port = 8883; prefix = \"a/b\"; user = \"pi \\\"7\\\"\"; };\n"
    "printers = ( { id = \"p1\"; url = \"http://one\"; poll_printing_ms = 500; },\n"
    "{ id = \"p2\"; url = \"http://two:81\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://c/s?a=1&b=2\"; user = \"u\";\n"
    "timeout_ms = 2500; }, { id = \"top\"; kind = \"pattern\"; width = 320; height = 240;\n"
    "fps = 0.1; } );\n"
    "units = ( { id = \"u1\"; printer = \"p1\"; cameras = [\"front\", \"top\"];\n"
    "trigger = [\"layer\", \"interval\"]; interval_s = 7.125; pause = true; park = true;\n"
    "park_x_mm = -0.1; every_nth_layer = 3; fps = 29.97; crf = 20; restart = false; },\n"
    "{ id = \"u2\"; cameras = \"top\"; trigger = [\"mqtt\", \"command\"]; trigger_topic = "
    "\"x/y\";\n"
    "dontwait = true; video = false; } );\n";

static void what_is_printed_reads_back_as_the_same(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *first = print(load_good(f, everything));
    CLEANUP(free_p) char *again = print(load_good(f, first));
    const struct unit_settings *unit = &f->config->units[0];

    assert_string_equal(again, first);
    assert_string_equal(f->config->mqtt.user, "pi \"7\"");
    assert_string_equal(f->config->cameras[0].url, "http://c/s?a=1&b=2");
    assert_int_equal(f->config->printers[0].poll_printing_ms, 500);
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER | UNIT_TRIGGER_INTERVAL);
    assert_int_equal(unit->cameras.count, 2);
    assert_memory_equal(&unit->video.fps, &(double){29.97}, sizeof(double));
    assert_memory_equal(&unit->park_x_mm, &(double){-0.1}, sizeof(double));
    assert_null(f->config->units[1].printer);
    assert_false(f->config->units[1].video.enabled);
}

static void what_is_printed_keeps_the_secrets(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *text = NULL;

    put(f, "broker-password", "hush-broker\n");
    text = print(load_good(
        f, "mqtt = { user = \"u\"; password_file = \"broker-password\"; };\n"
           "printers = ( { id = \"p\"; url = \"http://x\"; password = \"hush-printer\"; } );\n"
           "cameras = ( { id = \"c\"; kind = \"http\"; url = \"http://x/y\"; user = \"u\";\n"
           "password = \"hush-camera\"; } );\n"));
    assert_string_equal(f->config->mqtt.password, "hush-broker");
    assert_string_equal(f->config->printers[0].password, "hush-printer");
    assert_null(strstr(text, "hush"));
}

/* --- set/<key> --- */

static struct unit_settings *unit_to_change(struct fixture *f)
{
    assert_non_null(load_unit(f, "printer = \"p1\"; trigger_topic = \"a/b\";"));
    return &f->config->units[0];
}

static void set(struct fixture *f, const char *key, const char *text)
{
    struct error err = {0};

    if (config_set_unit(f->config, &f->config->units[0], key, text, &err) < 0)
        fail_msg("%s = %s: %s", key, text, err.text);
}

/* Refused with this code and words, and nothing is changed. */
static void expect_refusal(struct fixture *f, const char *key, const char *text, int code,
                           const char *words)
{
    CLEANUP(free_p) char *before = print(f->config);
    CLEANUP(free_p) char *after = NULL;
    struct error err = {0};

    assert_int_equal(config_set_unit(f->config, &f->config->units[0], key, text, &err), code);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("%s = %s: \"%s\" should say \"%s\"", key, text, err.text, words);
    after = print(f->config);
    assert_string_equal(after, before);
}

static void a_setting_is_changed_from_bare_text(void **state)
{
    struct fixture *f = *state;
    struct unit_settings *unit = unit_to_change(f);

    set(f, "fps", "12.5");
    assert_true(unit->video.fps > 12.4 && unit->video.fps < 12.6);
    set(f, "every_nth_layer", "4");
    assert_int_equal(unit->every_nth_layer, 4);
    set(f, "pause", "ON");
    set(f, "park", "true");
    assert_true(unit->pause && unit->park);
    set(f, "trigger", "layer, mqtt");
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER | UNIT_TRIGGER_MQTT);
}

/* Whoever may change one setting at a time must get there, and back again. */
static void every_combination_of_triggers_is_reached_one_setting_at_a_time(void **state)
{
    struct fixture *f = *state;
    const struct unit_settings *unit = unit_to_change(f);

    set(f, "interval_s", "10");
    set(f, "trigger", "interval");
    assert_int_equal(unit->trigger, UNIT_TRIGGER_INTERVAL);
    set(f, "trigger", "layer");
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER);
    set(f, "interval_s", "0");
    set(f, "pause", "on");
    set(f, "pause", "off");
    set(f, "trigger", "pause");
    set(f, "park", "on");
    expect_refusal(f, "trigger", "layer", -EINVAL, "park: needs pause");
    set(f, "park", "off");
    set(f, "trigger", "command");
}

static void what_needs_a_restart_is_not_changed(void **state)
{
    struct fixture *f = *state;

    unit_to_change(f);
    expect_refusal(f, "id", "u2", -EPERM, "restart");
    expect_refusal(f, "printer", "p2", -EPERM, "restart");
    expect_refusal(f, "cameras", "top", -EPERM, "restart");
    expect_refusal(f, "trigger_topic", "x", -EPERM, "restart");
    expect_refusal(f, "standby", "on", -EPERM, "restart");
    expect_refusal(f, "delete_frames", "on", -EPERM, "restart");
}

static void what_is_wrong_is_not_set(void **state)
{
    struct fixture *f = *state;

    unit_to_change(f);
    expect_refusal(f, "speed", "1", -ENOENT, "no setting 'speed'");
    expect_refusal(f, "", "1", -ENOENT, "no setting");
    expect_refusal(f, "every_nth_layer", "0", -ERANGE, "every_nth_layer: 0 is out of range");
    expect_refusal(f, "every_nth_layer", "many", -EINVAL, "every_nth_layer: 'many'");
    expect_refusal(f, "trigger", "layer,touch", -EINVAL, "trigger: 'touch' is none of: layer");
    expect_refusal(f, "pause", "", -EINVAL, "pause: ''");
}

static void what_would_contradict_another_setting_changes_nothing(void **state)
{
    struct fixture *f = *state;

    unit_to_change(f);
    expect_refusal(f, "trigger", "", -EINVAL, "trigger: names no trigger");
    expect_refusal(f, "trigger", "interval", -EINVAL, "interval_s: must be above 0");
    expect_refusal(f, "park", "on", -EINVAL, "park: needs pause = true");
    set(f, "pause", "on");
    expect_refusal(f, "trigger", "pause", -EINVAL, "pause: contradicts trigger pause");
    set(f, "max_length_s", "10");
    expect_refusal(f, "min_length_s", "11", -EINVAL, "min_length_s: is larger");
}

/* config_set_unit() works on a copy that owns nothing. */
static void what_can_change_at_run_time_owns_no_memory(void **state)
{
    const struct conf_table *table = &load_good(*state, "")->unit_table;

    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *field = &table->fields[i];
        bool is_plain = field->type == CONF_BOOL || field->type == CONF_INT ||
                        field->type == CONF_FLOAT || field->type == CONF_ENUM ||
                        field->type == CONF_FLAGS;

        if ((field->flags & CONF_RELOAD) && !is_plain)
            fail_msg("%s may change, but is a text", field->key);
    }
}

/* --- Home Assistant --- */

static void home_assistant_is_told_unless_it_is_off(void **state)
{
    const struct config *config = load_good(*state, "");

    assert_int_equal(config->discovery.mode, DISCOVERY_DEVICE);
    assert_string_equal(config->discovery.prefix, "homeassistant");
    assert_string_equal(config->discovery.birth_topic, "homeassistant/status");
    assert_int_equal(config->discovery.delay_s, 10);
    config = load_good(*state, "home_assistant = { mode = \"off\"; };\n");
    assert_int_equal(config->discovery.mode, DISCOVERY_OFF);
}

static void mistakes_about_home_assistant_are_told_at_once(void **state)
{
    struct fixture *f = *state;

    load(f, "home_assistant = { prefix = \"home/+\";\n birth_topic = \"#\";\n"
            " delay_s = 0;\n mode = \"on\"; };\n");
    assert_null(f->config);
    assert_non_null(strstr(f->problems, ":1: home_assistant.prefix"));
    assert_non_null(strstr(f->problems, ":2: home_assistant.birth_topic"));
    assert_non_null(strstr(f->problems, ":3: home_assistant.delay_s"));
    assert_non_null(strstr(f->problems, ":4: home_assistant.mode"));
}

/* --- conf/lapsed.conf.example ---
 *
 * Its second half is the reference: below a line "# == name ==" stands each setting of that table,
 * commented out, with its default: "#   key = value;   # range unit (set)". */

static char *read_example(void)
{
    char *text = NULL;
    size_t len;
    struct error err = {0};

    if (path_read_file(SOURCE_DIR "/conf/lapsed.conf.example", FILE_MAX_BYTES, &text, &len, &err) <
        0)
        fail_msg("%s", err.text);
    return text;
}

/* The section of a table, with its prose. The caller frees. */
static char *section_of(const char *example, const char *name)
{
    CLEANUP(free_p) char *title = xasprintf("\n# == %s ==", name);
    const char *start = strstr(example, title), *end;

    if (!start)
        fail_msg("the example has no section%s", title);
    end = strstr(start + strlen(title), "\n# == ");
    return end ? xstrndup(start, (size_t)(end - start)) : xstrdup(start);
}

/* The section's settings without their '#', as conf_print() would write the group. */
static void uncomment(const char *section, const char *name, struct buf *ret_group)
{
    assert_int_equal(buf_printf(ret_group, "%s = {\n", name), 0);
    for (const char *line = section; (line = strchr(line, '\n')); line++)
        if (str_starts_with(line, "\n#   ") && islower((unsigned char)line[5]))
            assert_int_equal(
                buf_printf(ret_group, " %.*s\n", (int)strcspn(line + 2, "\n"), line + 2), 0);
    assert_int_equal(buf_printf(ret_group, "};\n"), 0);
}

/* The line of a key in a printed group; NULL when it is not there. The caller frees. */
static char *line_of(const char *group, const char *key)
{
    CLEANUP(free_p) char *start = xasprintf("\n    %s = ", key);
    const char *line = strstr(group, start);

    return line ? xstrndup(line + 1, strcspn(line + 1, "\n")) : NULL;
}

union any_settings {
    struct agent_settings agent;
    struct mqtt_settings mqtt;
    struct encode_settings encode;
    struct printer_settings printer;
    struct camera_settings camera;
    struct unit_settings unit;
};

/* What a group makes of a table's settings, printed. */
static char *print_group(struct fixture *f, const struct conf_table *table, const char *group,
                         bool may_have_problems)
{
    union any_settings values = {0};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct conf *conf;

    put(f, "group.conf", group);
    CLEANUP(free_p) char *file = path_join(f->dir, "group.conf");
    conf = conf_open(file);
    conf_read_group(conf, table, &values);
    if (!may_have_problems && conf_problem_count(conf) > 0)
        fail_msg("%s", conf_problem_text(conf, 0));
    conf_print(table, &values, false, out);
    assert_int_equal(fclose(out), 0);
    conf_values_done(table, &values);
    conf_close(conf);
    return text;
}

static void check_default(const struct conf_field *field, const char *said, const char *defaults)
{
    CLEANUP(free_p) char *said_line = line_of(said, field->key);
    CLEANUP(free_p) char *default_line = line_of(defaults, field->key);

    if (!said_line)
        fail_msg("%s: not in the example", field->key);
    if (default_line && !(field->flags & CONF_REQUIRED) && !str_equal(said_line, default_line))
        fail_msg("the example says%s, the default is%s", said_line, default_line);
}

static void check_note(const struct conf_field *field, const char *line, const char *note)
{
    if (!strstr(line, note))
        fail_msg("the example's line of %s should say \"%s\":%s", field->key, note, line);
}

/* What stands behind a setting: its range with its unit, or that there is no default. */
static void check_notes(const struct conf_field *field, const char *line, bool has_default)
{
    bool is_number = field->type == CONF_INT || field->type == CONF_FLOAT;
    CLEANUP(free_p)
    char *range = xasprintf("# %.15g .. %.15g%s%s", field->min, field->max, field->unit ? " " : "",
                            field->unit ? field->unit : "");

    if (is_number && (field->min < 0 || field->max > 0))
        check_note(field, line, range);
    else if (field->flags & CONF_REQUIRED)
        check_note(field, line, "# required");
    else if (!has_default)
        check_note(field, line, "# no default");
}

static void check_choices(const struct conf_field *field, const char *section)
{
    for (size_t i = 0; field->choices && field->choices[i]; i++) {
        CLEANUP(free_p) char *word = xasprintf("\"%s\"", field->choices[i]);

        if (!strstr(section, word))
            fail_msg("the example does not name %s of %s", word, field->key);
    }
}

static void check_section(struct fixture *f, const char *example, const struct conf_table *table)
{
    CLEANUP(free_p) char *section = section_of(example, table->name);
    CLEANUP(buf_done) struct buf group = BUF_INIT(FILE_MAX_BYTES);
    CLEANUP(free_p) char *said = NULL;
    CLEANUP(free_p) char *defaults = print_group(f, table, "", true);

    uncomment(section, table->name, &group);
    said = print_group(f, table, buf_text(&group), false);
    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *field = &table->fields[i];
        CLEANUP(free_p) char *default_line = line_of(defaults, field->key);
        CLEANUP(free_p) char *line = line_of(buf_text(&group), field->key);
        CLEANUP(free_p) char *file_key = xasprintf("%s_file", field->key);

        if (!line && field->type == CONF_SECRET)
            line = line_of(buf_text(&group), file_key);
        if (!line)
            fail_msg("%s: the example does not tell of %s", table->name, field->key);
        check_default(field, said, defaults);
        check_notes(field, line, default_line != NULL);
        check_choices(field, section);
    }
}

static void the_example_tells_the_truth_about_every_setting(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *example = read_example();
    const struct config *config = load_good(f, "");
    const struct conf_table *const tables[] = {
        &agent_table,   &mqtt_table,   &discovery_table,    &encode_table,
        &printer_table, &camera_table, &config->unit_table,
    };

    put(f, "mqtt-password", "x");
    put(f, "printer-password", "x");
    put(f, "camera-password", "x");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        check_section(f, example, tables[i]);
}

static void the_example_marks_what_can_be_set_at_run_time(void **state)
{
    CLEANUP(free_p) char *example = read_example();
    CLEANUP(free_p) char *section = section_of(example, "units");
    CLEANUP(buf_done) struct buf group = BUF_INIT(FILE_MAX_BYTES);
    const struct conf_table *table = &load_good(*state, "")->unit_table;

    uncomment(section, "units", &group);
    for (size_t i = 0; i < table->field_count; i++) {
        CLEANUP(free_p) char *line = line_of(buf_text(&group), table->fields[i].key);
        bool can_be_set = table->fields[i].flags & CONF_RELOAD;

        if (line && !strstr(line, "(set)") == can_be_set)
            fail_msg("%s can %sbe set at run time", table->fields[i].key, can_be_set ? "" : "not ");
    }
}

static void the_example_is_a_good_configuration(void **state)
{
    CLEANUP(free_p) char *example = read_example();
    const struct config *config = load_good(*state, example);

    assert_int_equal(config->unit_count, 1);
    assert_string_equal(config->units[0].printer, config->printers[0].id);
    assert_string_equal(config->units[0].cameras.items[0], config->cameras[0].id);
    assert_string_equal(printer_kinds[config->printers[0].kind], "duet");
}

/* Each "#   units = …" of the first half, with the devices that it names. */
static void the_other_setups_of_the_example_are_good_too(void **state)
{
    static const char devices[] = "printers = ( { id = \"mk4\"; url = \"http://x\"; } );\n"
                                  "cameras = ( { id = \"front\"; kind = \"pattern\"; }, { id = "
                                  "\"top\"; kind = \"pattern\"; } );";
    CLEANUP(free_p) char *example = read_example();
    const char *at = example, *end = strstr(example, "\n# == ");
    int setups = 0;

    for (; (at = strstr(at, "\n#   units = ")) && at < end; setups++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(FILE_MAX_BYTES);

        assert_int_equal(buf_printf(&text, "%s", devices), 0);
        for (; str_starts_with(at, "\n#   "); at += 1 + strcspn(at + 1, "\n"))
            assert_int_equal(buf_printf(&text, "\n%.*s", (int)strcspn(at + 2, "\n"), at + 2), 0);
        load_good(*state, buf_text(&text));
    }
    assert_int_equal(setups, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_unit_needs_no_more_than_a_printer_and_a_camera),
        TEST(settings_that_contradict_each_other_are_refused),
        TEST(settings_that_go_together_are_taken),
        TEST(all_that_a_unit_breaks_is_said_at_once),
        TEST(a_unit_must_name_what_is_there),
        TEST(lights_that_cannot_work_are_refused),
        TEST(a_camera_must_name_a_light_that_is_there),
        TEST(an_id_is_used_once),
        TEST(what_is_required_is_missed_by_name),
        TEST(an_unknown_name_is_said_with_what_may_be_meant),
        TEST(every_room_is_asked_about_its_settings),
        TEST(usb_cameras_are_checked_before_they_are_opened),
        TEST(a_file_that_cannot_be_read_has_one_problem),
        TEST(an_empty_file_gives_an_agent_of_defaults),
        TEST(media_lives_below_data_unless_said_otherwise),
        TEST(what_is_printed_reads_back_as_the_same),
        TEST(what_is_printed_keeps_the_secrets),
        TEST(a_setting_is_changed_from_bare_text),
        TEST(every_combination_of_triggers_is_reached_one_setting_at_a_time),
        TEST(what_needs_a_restart_is_not_changed),
        TEST(what_is_wrong_is_not_set),
        TEST(what_would_contradict_another_setting_changes_nothing),
        TEST(what_can_change_at_run_time_owns_no_memory),
        TEST(the_example_is_a_good_configuration),
        TEST(the_other_setups_of_the_example_are_good_too),
        TEST(home_assistant_is_told_unless_it_is_off),
        TEST(mistakes_about_home_assistant_are_told_at_once),
        TEST(the_example_tells_the_truth_about_every_setting),
        TEST(the_example_marks_what_can_be_set_at_run_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
