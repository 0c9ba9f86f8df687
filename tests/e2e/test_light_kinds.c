/* SPDX-License-Identifier: MIT */
/* Lights at the printer, by a program, and on the broker without a word of their own. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/e2e/lamp.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 4 };

#define PATTERN  "cameras = ( { id = \"front\"; kind = \"pattern\"; light = \"lamp\"; } );\n"
#define SNAPSHOT "unit/mk4/cmd/snapshot"
#define ON_DEMAND                                                                                  \
    "units = ( { id = \"mk4\"; cameras = [ \"front\" ]; trigger = \"command\"; dontwait = true;\n" \
    "video = false; } );\n"
#define PRINTER                                                                                    \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"
#define AT_PRINTER(linger)                                                                         \
    "lights = ( { id = \"lamp\"; kind = \"gcode\"; printer = \"mk4\"; on = \"M42 P1 S1\";\n"       \
    "off = \"M42 P1 S0\"; linger_ms = " linger "; timeout_ms = 5000; } );\n"
#define BY_PROGRAM                                                                                 \
    "lights = ( { id = \"lamp\"; kind = \"command\"; linger_ms = 0; timeout_ms = 5000;\n"          \
    "on_command = [ \"%dir/switch.sh\", \"on\", \"$(no shell)\" ];\n"                              \
    "off_command = [ \"%dir/switch.sh\", \"off\" ]; } );\n"

static const char *const quick[] = {"--idle", "--pause-ms", "150", "--resume-ms",
                                    "150",    "--heat-ms",  "600", NULL};

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct rig *begin(void **state, const char *conf)
{
    struct rig *rig = rig_new(&(struct rig_options){
        .conf = conf, .no_sim = !strstr(conf, "%sim"), .sim_args = quick, .no_agent = true});

    *state = rig;
    return rig;
}

static void check_lit(const cJSON *frame, bool expected)
{
    bool lit = !expected;

    assert_true(json_get_bool(frame, "lit", &lit));
    assert_int_equal(lit, expected);
}

static void take_frame(struct rig *rig, bool lit)
{
    size_t before = rig_event_count(rig, "frame");

    assert_non_null(rig_command(rig, SNAPSHOT, NULL));
    RIG_WAIT(rig, rig_event_count(rig, "frame") > before);
    check_lit(rig_event(rig, "frame", before), lit);
}

static bool light_is(struct rig *rig, const char *state)
{
    const char *said = json_string(rig_look(rig, "light/lamp/status", "state"));

    return said && strcmp(said, state) == 0;
}

/* --- at the printer --- */

static size_t switched(const cJSON *log, const char *text)
{
    size_t count = 0;

    for (const cJSON *line = json_first(log); line; line = json_next(line)) {
        const char *code = json_get_string(line, "code");

        count += code && strcmp(json_get_string(line, "event"), "gcode") == 0 &&
                 strstr(code, text) != NULL;
    }
    return count;
}

static void test_gcode_lights_each_parked_layer(void **state)
{
    struct rig *rig = begin(
        state,
        PRINTER AT_PRINTER(
            "0") "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\";\n"
                 "light = \"lamp\"; } );\n"
                 "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
                 "trigger = \"layer\"; pause = true; park = true; park_x_mm = 10.0;\n"
                 "park_y_mm = 190.0; park_feed_mm_min = 36000.0; video = false; } );\n");
    CLEANUP(json_free_p) cJSON *log = NULL;

    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    sim_do(rig, "/sim/command?do=start&layers=4&layer_ms=800");
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    for (size_t i = 0; i <= LAYERS; i++)
        check_lit(rig_event(rig, "frame", i), true);
    RIG_WAIT(rig, light_is(rig, "off"));
    log = rig_sim_log(rig);
    assert_true(switched(log, "S1") >= 1);
    assert_int_equal(switched(log, "S1"), switched(log, "S0"));
    promise_printer_is_free(rig, 15000);
    rig_pass(rig);
}

static void test_gcode_off_is_sent_when_the_printer_is_back(void **state)
{
    struct rig *rig = begin(state, PRINTER AT_PRINTER("1500") PATTERN ON_DEMAND);
    CLEANUP(json_free_p) cJSON *log = NULL;

    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    take_frame(rig, true);
    rig_sim_fault(rig, "what=drop");
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "offline"));
    RIG_WAIT(rig, light_is(rig, "failed_to_go_off"));
    take_frame(rig, false);
    rig_sim_fault(rig, "what=none");
    RIG_WAIT(rig, light_is(rig, "off"));
    log = rig_sim_log(rig);
    assert_true(switched(log, "S0") >= 1);
    rig_pass(rig);
}

/* --- by a program --- */

static void write_switch(struct rig *rig, const char *more)
{
    CLEANUP(free_p) char *lines = xasprintf("printf '%%s,' \"$@\" >> %%dir/switched\n%s\n", more);

    script_write(rig, "switch.sh", lines);
}

static bool program_was_told(struct rig *rig, const char *what)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "switched");
    FILE *file = fopen(path, "re");
    char text[1024] = "";

    if (!file)
        return false;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return strcmp(text, what) == 0;
}

static void test_a_program_switches_it_without_a_shell(void **state)
{
    struct rig *rig = begin(state, BY_PROGRAM PATTERN ON_DEMAND);

    write_switch(rig, "");
    rig_agent_start(rig);
    take_frame(rig, true);
    RIG_WAIT(rig, program_was_told(rig, "on,$(no shell),off,"));
    RIG_WAIT(rig, light_is(rig, "off"));
    rig_pass(rig);
}

static void test_a_program_that_fails_says_why(void **state)
{
    struct rig *rig = begin(state, BY_PROGRAM PATTERN ON_DEMAND);
    const char *message;

    write_switch(rig, "[ $1 = off ] || { echo 'no such relay' >&2; exit 3; }");
    rig_agent_start(rig);
    take_frame(rig, false);
    RIG_WAIT(rig,
             (message = json_string(rig_look(rig, "light/lamp/status", "error.message"))) != NULL);
    assert_non_null(strstr(message, "switch.sh: exit code 3: no such relay"));
    RIG_WAIT(rig, light_is(rig, "off"));
    rig_pass(rig);
}

/* --- on the broker, with nothing but orders --- */

#define PLAIN                                                                                      \
    "lights = ( { id = \"lamp\"; kind = \"mqtt\"; topic = \"zigbee2mqtt/lamp/set\";\n"             \
    "linger_ms = 0; } );\n"

static void test_a_plug_that_says_nothing_is_on_when_the_broker_has_it(void **state)
{
    struct rig *rig = begin(state, PLAIN PATTERN ON_DEMAND);
    struct lamp *lamp = lamp_new(rig);

    rig_agent_start(rig);
    take_frame(rig, true);
    RIG_WAIT(rig, lamp_order_count(lamp) == 2 && !lamp_is_on(lamp));
    RIG_WAIT(rig, light_is(rig, "off"));
    lamp_free(lamp);
    rig_pass(rig);
}

static void test_a_topic_that_nobody_listens_to_is_told(void **state)
{
    struct rig *rig = begin(state, PLAIN PATTERN ON_DEMAND);
    struct lamp *lamp;
    const char *message;

    rig_agent_start(rig);
    take_frame(rig, false);
    RIG_WAIT(rig, light_is(rig, "failed_to_go_off"));
    message = json_string(rig_look(rig, "light/lamp/status", "error.message"));
    assert_string_equal(message, "nobody on the broker listens to zigbee2mqtt/lamp/set");
    lamp = lamp_new(rig); /* plugged in */
    RIG_WAIT(rig, light_is(rig, "off"));
    lamp_free(lamp);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gcode_lights_each_parked_layer),
        TEST(test_gcode_off_is_sent_when_the_printer_is_back),
        TEST(test_a_program_switches_it_without_a_shell),
        TEST(test_a_program_that_fails_says_why),
        TEST(test_a_plug_that_says_nothing_is_on_when_the_broker_has_it),
        TEST(test_a_topic_that_nobody_listens_to_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
