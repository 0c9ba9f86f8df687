/* SPDX-License-Identifier: MIT */
/* Home Assistant's side of the agent: every document that it is told is without fault and speaks of
 * topics and keys that are really there; every button, switch, number and select acts. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/announced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void begin_print(struct rig *rig)
{
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    sim_do(rig, "/sim/command?do=start&layers=400&layer_ms=500");
    RIG_WAIT(rig, unit_event_count(rig, "mk4", "frame") > 1);
}

/* --- pressing --- */

/* Publishes what Home Assistant would. */
static void press(struct rig *rig, const struct discovery_check *check, const char *entity,
                  const char *payload)
{
    const cJSON *component = check_find_entity(check, entity);
    const char *topic = json_get_string(component, "command_topic");

    if (!topic)
        fail_msg("%s cannot be commanded", entity);
    assert_true(str_starts_with(topic, BELOW));
    rig_publish(rig, topic + strlen(BELOW),
                payload ? payload : json_get_string(component, "payload_press"));
}

static bool number_is(struct rig *rig, const char *key, double value)
{
    CLEANUP(free_p) char *path = xasprintf("settings.%s", key);
    const cJSON *now = rig_look(rig, "unit/mk4/status", path);

    return json_is_number(now) && json_number(now) > value - 1e-6 &&
           json_number(now) < value + 1e-6;
}

static bool switch_is(struct rig *rig, const char *key, bool value)
{
    CLEANUP(free_p) char *path = xasprintf("settings.%s", key);
    const struct rig_message *status = rig_last(rig, "unit/mk4/status");
    bool now;

    return status && json_get_bool(status->json, path, &now) && now == value;
}

/* As the agent's last event says it. */
static bool queued_build_is_done(struct rig *rig)
{
    return str_equal(json_string(rig_look(rig, "event", "event_type")), "job_done") &&
           str_equal(json_string(rig_look(rig, "event", "kind")), "build");
}

static void test_every_button_of_a_unit_acts(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    struct discovery_check *check;
    size_t frames;

    announced_await(rig);
    check = read_documents(rig);
    begin_print(rig);
    press(rig, check, "button.pi01_mk4_pause", NULL);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "paused"));
    rig_linger(rig, 100); /* what was under way */
    frames = unit_event_count(rig, "mk4", "frame");
    press(rig, check, "button.pi01_mk4_snapshot", NULL);
    RIG_WAIT(rig, unit_event_count(rig, "mk4", "frame") > frames);
    press(rig, check, "button.pi01_mk4_preview", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "preview_ready") == 1);
    press(rig, check, "button.pi01_mk4_resume", NULL);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "capturing"));
    press(rig, check, "button.pi01_mk4_restart", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "session_started") == 2);
    frames = unit_event_count(rig, "mk4", "frame");
    RIG_WAIT(rig, unit_event_count(rig, "mk4", "frame") > frames);
    press(rig, check, "button.pi01_mk4_finish", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 2);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    press(rig, check, "button.pi01_mk4_start", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "session_started") == 3);
    press(rig, check, "button.pi01_mk4_abort", NULL);
    RIG_WAIT(rig, rig_event_count(rig, "session_aborted") == 1);
    press(rig, check, "button.pi01_mk4_discard", NULL);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "standby"));
    press(rig, check, "button.pi01_mk4_build_again", NULL);
    RIG_WAIT(rig, queued_build_is_done(rig));
    check_free(check);
    rig_pass(rig);
}

static void test_every_switch_number_and_select_of_a_unit_acts(void **state)
{
    static const struct {
        const char *entity, *key, *payload;
        double value;
    } numbers[] = {
        {"number.pi01_mk4_interval", "interval_s", "7.5", 7.5},
        {"number.pi01_mk4_every_nth_layer", "every_nth_layer", "3", 3},
        {"number.pi01_mk4_fps", "fps", "30.0", 30},
        {"number.pi01_mk4_video_length", "target_length_s", "12", 12},
        {"number.pi01_mk4_hold_last_frame", "hold_last_s", "1.5", 1.5},
    };
    static const struct {
        const char *entity, *key;
        bool value;
    } switches[] = {
        {"switch.pi01_mk4_pause_for_frames", "pause", true},
        {"switch.pi01_mk4_park_for_frames", "park", true},
        {"switch.pi01_mk4_park_for_frames", "park", false},
        {"switch.pi01_mk4_pause_for_frames", "pause", false},
        {"switch.pi01_mk4_next_print_too", "restart", false},
        {"switch.pi01_mk4_armed", "armed", false},
        {"switch.pi01_mk4_armed", "armed", true},
    };
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    struct discovery_check *check;

    announced_await(rig);
    check = read_documents(rig);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        press(rig, check, numbers[i].entity, numbers[i].payload);
        RIG_WAIT(rig, number_is(rig, numbers[i].key, numbers[i].value));
    }
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        press(rig, check, switches[i].entity, switches[i].value ? "ON" : "OFF");
        RIG_WAIT(rig, switch_is(rig, switches[i].key, switches[i].value));
    }
    check_free(check);
    rig_pass(rig);
}

/* The status lists the words that the option joins. */
static bool trigger_shows(struct rig *rig, const char *option)
{
    const cJSON *words = rig_look(rig, "unit/mk4/status", "settings.trigger");
    char *joined = xstrdup("");
    bool same;

    for (const cJSON *at = json_first(words); at; at = json_next(at)) {
        char *longer = xasprintf("%s%s%s", joined, *joined ? "," : "", json_string(at));

        free(joined);
        joined = longer;
    }
    same = str_equal(joined, option);
    free(joined);
    return same;
}

static void test_every_option_of_the_trigger_can_be_chosen(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_one_unit);
    struct discovery_check *check;
    const cJSON *options;

    announced_await(rig);
    check = read_documents(rig);
    options = json_get(check_find_entity(check, "select.pi01_mk4_trigger"), "options");
    assert_int_equal(json_size(options), 8); /* layer, interval and pause together, or command */
    for (const cJSON *at = json_first(options); at; at = json_next(at)) {
        press(rig, check, "select.pi01_mk4_trigger", json_string(at));
        RIG_WAIT(rig, trigger_shows(rig, json_string(at)));
    }
    check_free(check);
    rig_pass(rig);
}

static void test_a_camera_is_pressed_and_the_agent_shut_down(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_both_units);
    struct discovery_check *check;

    announced_await(rig);
    RIG_WAIT(rig, stands(rig, SIDE_DOC));
    check = read_documents(rig);
    press(rig, check, "button.pi01_camera_top_left_snapshot", NULL);
    RIG_WAIT(rig, rig_last(rig, "image/top-left/last/meta"));
    press(rig, check, "button.lapsed_pi01_shut_down", NULL);
    RIG_WAIT(rig, !rig_agent_running(rig));
    RIG_WAIT(rig, rig_says(rig, "availability", "offline"));
    check_free(check);
    rig_pass(rig);
}

/* --- the documents --- */

static void say_all(struct rig *rig, struct discovery_check *check)
{
    for (size_t i = 0; i < rig_message_count(rig); i++) {
        const struct rig_message *message = rig_message(rig, i);
        CLEANUP(free_p) char *topic = xasprintf(BELOW "%s", message->topic);

        check_said(check, topic, message->payload, message->retained);
    }
}

/* The life of a print, so that every topic and every key was said. */
static void live(struct rig *rig)
{
    begin_print(rig);
    assert_non_null(rig_command(rig, "unit/mk4/cmd/preview", NULL));
    assert_non_null(rig_command(rig, "unit/side/cmd/start", NULL));
    assert_non_null(rig_command(rig, "unit/side/cmd/snapshot", NULL));
    assert_non_null(rig_command(rig, "unit/side/cmd/finish", NULL));
    assert_non_null(rig_command(rig, "unit/mk4/cmd/finish", NULL));
    RIG_WAIT(rig, unit_event_count(rig, "mk4", "video_ready") > 0);
    RIG_WAIT(rig, unit_event_count(rig, "side", "session_finished") > 0);
    RIG_WAIT(rig, rig_last(rig, "image/top-left/last/meta"));
}

/* The tap does not listen to pictures, and nothing happens to the agent itself. */
static const char *const silent[] = {BELOW "image/+/last", BELOW "event", BELOW "unit/side/video",
                                     NULL};

static void check_everything(void **state, const char *group, const char *start, size_t at_least)
{
    struct rig *rig = announced_begin(state, group, announced_both_units);
    struct discovery_check *check;

    live(rig);
    RIG_WAIT(rig, documents_standing(rig, start) >= at_least);
    RIG_WAIT(rig, strstr(standing(rig, PRINTER_DOC), "temperature_bed") ||
                      stands(rig, "homeassistant/sensor/pi01/"
                                  "lapsed-printer_mk4-temperature_bed/config"));
    rig_linger(rig, 1500); /* no document may come twice */
    check = read_documents(rig);
    say_all(rig, check);
    check_templates(check, silent);
    assert_string_equal(check_faults(check), "");
    assert_true(check_entity_count(check) > 100);
    check_free(check);
    rig_pass(rig);
}

static void test_every_template_finds_its_key_in_the_device_form(void **state)
{
    check_everything(state, TELLING("device"), OWN, 6);
}

static void test_every_template_finds_its_key_in_the_component_form(void **state)
{
    check_everything(state, TELLING("component"), "homeassistant/sensor/pi01/", 30);
}

static void test_a_shared_printer_and_camera_are_there_once(void **state)
{
    struct rig *rig = announced_begin(state, TELLING("device"), announced_both_units);
    struct discovery_check *check;

    announced_await(rig);
    RIG_WAIT(rig, documents_standing(rig, OWN) == 6); /* agent, printer, 2 cameras, 2 units */
    check = read_documents(rig);
    assert_true(check_has_entity(check, "sensor.pi01_printer_mk4_temperature_tool0"));
    assert_true(check_has_entity(check, "image.pi01_side_last_picture_top_left"));
    check_free(check);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, announced_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_button_of_a_unit_acts),
        TEST(every_switch_number_and_select_of_a_unit_acts),
        TEST(every_option_of_the_trigger_can_be_chosen),
        TEST(a_camera_is_pressed_and_the_agent_shut_down),
        TEST(every_template_finds_its_key_in_the_device_form),
        TEST(every_template_finds_its_key_in_the_component_form),
        TEST(a_shared_printer_and_camera_are_there_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
