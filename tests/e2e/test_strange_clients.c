/* SPDX-License-Identifier: MIT */
/* What home automations really send: the wrong type, yesterday's command, two hands on one button.
 * Whatever can be meant is done, the rest is answered in words that say what to send. */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNAPSHOTS = 4 }; /* of each client; all together within the burst that is allowed */

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};

static int setup(void **state)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = quick, .unit = "min_frames = 1;"});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- types --- */

#define FORM "the payload must be empty, PRESS, ON, 1, true or a JSON object"

/* code 0: it is done. words: in the message of a refusal. */
static const struct habit {
    const char *topic, *payload;
    int code;
    const char *words;
} habits[] = {
    {"unit/mk4/cmd/snapshot", "1", 0, ""},    /* a number */
    {"unit/mk4/cmd/snapshot", "true", 0, ""}, /* a boolean */
    {"unit/mk4/cmd/snapshot", "on\n", 0, ""}, /* echo on | mosquitto_pub -s */
    {"unit/mk4/cmd/snapshot", "{}", 0, ""},
    {"unit/mk4/cmd/snapshot", "1763722021000", -32600, FORM}, /* Node-RED's inject as it comes */
    {"unit/mk4/cmd/snapshot", "\"PRESS\"", -32600, FORM},     /* a text through a JSON node */
    {"unit/mk4/cmd/snapshot", "false", -32600, FORM},
    {"unit/mk4/cmd/snapshot", "null", -32600, FORM},
    {"unit/mk4/cmd/snapshot", "OFF", -32700, FORM},
    {"unit/mk4/cmd/snapshot", "[object Object]", -32700, FORM}, /* JavaScript's text of an object */
    {"unit/mk4/cmd/snapshot", "{\"payload\":\"PRESS\"}", -32602, "there are id, args, expires"},
    {"unit/mk4/cmd/snapshot", "\xff\xd8\xff\xe0", -32700, "UTF-8"}, /* a picture */
    {"unit/mk4/set/fps", "10", 0, ""},
    {"unit/mk4/set/fps", "10.0", 0, ""},
    {"unit/mk4/set/fps", "{\"value\":10}", 0, ""},
    {"unit/mk4/set/fps", "{\"value\":\"10\"}", 0, ""},
    {"unit/mk4/set/fps", "\"10\"", -32602, "fps: '\"10\"' is not a number"},
    {"unit/mk4/set/fps", "10,5", -32602, "fps: '10,5' is not a number"},
    {"unit/mk4/set/fps", "10 fps", -32602, "fps: '10 fps' is not a number"},
    {"unit/mk4/set/fps", "true", -32602, "fps: 'true' is not a number"},
    {"unit/mk4/set/fps", "NaN", -32602, "fps: 'NaN' is not a number"},
    {"unit/mk4/set/fps", "undefined", -32602, "fps: 'undefined' is not a number"},
    {"unit/mk4/set/fps", "{\"payload\":10}", -32602, "there are id, value, expires"},
    {"unit/mk4/set/fps", "[10]", -32602, "fps: '[10]' is not a number"},
    {"unit/mk4/set/pause", "true", 0, ""},
    {"unit/mk4/set/pause", "ON", 0, ""},
    {"unit/mk4/set/pause", "1", 0, ""},
    {"unit/mk4/set/pause", "False", 0, ""},
    {"unit/mk4/set/pause", "maybe", -32602, "neither ON nor OFF"},
    {"unit/mk4/set/trigger", "layer", 0, ""},
    {"unit/mk4/set/trigger", "Layer", -32602, "none of: layer, interval"},
};

static void try_habit(struct rig *rig, const struct habit *habit)
{
    const cJSON *ack = command(rig, habit->topic, habit->payload);

    if (code_of(ack) != habit->code || !strstr(message_of(ack), habit->words))
        fail_msg("%s '%s': %d %s; expected %d with '%s'", habit->topic, habit->payload,
                 code_of(ack), message_of(ack), habit->code, habit->words);
}

static void test_a_payload_of_another_type_is_done_or_explained(void **state)
{
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(habits); i++)
        try_habit(rig, &habits[i]);
    rig_pass(rig);
}

/* --- two at once --- */

static bool is_done(struct rig *rig, const char *id)
{
    const cJSON *ack = final_ack(rig, 0, id);

    return ack && code_of(ack) == 0;
}

/* Another client, with a connection of its own. */
static void start_other(struct rig *rig, struct child *other, const char *topic,
                        const char *payload)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    CLEANUP(free_p) char *full = xasprintf("timelapse/v1/pi01/%s", topic);
    CLEANUP(free_p) char *log = path_join(rig_dir(rig), "other.txt");
    const char *argv[] = {
        "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", full, "-m", payload, NULL};

    child_start(other, argv, log);
}

static void await_end(struct rig *rig, struct child *other)
{
    RIG_WAIT(rig, child_ended(other));
    assert_int_equal(other->status, 0);
}

/* Two people press one button: each gets an answer of their own, and a picture. */
static void test_two_clients_at_once_are_both_answered(void **state)
{
    struct rig *rig = *state;
    struct child others[SNAPSHOTS] = {0};

    for (int i = 0; i < SNAPSHOTS; i++) {
        CLEANUP(free_p) char *payload = xasprintf("{\"id\":\"other-%d\"}", i);
        CLEANUP(free_p) char *mine = xasprintf("{\"id\":\"mine-%d\"}", i);

        start_other(rig, &others[i], "unit/mk4/cmd/snapshot", payload);
        rig_publish(rig, "unit/mk4/cmd/snapshot", mine);
    }
    for (int i = 0; i < SNAPSHOTS; i++) {
        CLEANUP(free_p) char *other = xasprintf("other-%d", i);
        CLEANUP(free_p) char *mine = xasprintf("mine-%d", i);

        await_end(rig, &others[i]);
        RIG_WAIT(rig, is_done(rig, other) && is_done(rig, mine));
        assert_int_equal(count_acks(rig, 0, other, "final"), 1);
        assert_int_equal(count_acks(rig, 0, mine, "final"), 1);
    }
    rig_pass(rig);
}

/* One ends what the other still wants to go on: both are answered, and the session has one end. */
static void test_contrary_commands_at_once_have_one_outcome(void **state)
{
    struct rig *rig = *state;
    struct child other = {0};

    sim_do(rig, "start&layers=200&layer_ms=400");
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    start_other(rig, &other, "unit/mk4/cmd/finish", "{\"id\":\"end\"}");
    rig_publish(rig, "unit/mk4/cmd/pause", "{\"id\":\"rest\"}");
    await_end(rig, &other);
    RIG_WAIT(rig, final_ack(rig, 0, "end") && final_ack(rig, 0, "rest"));
    assert_true(is_done(rig, "end"));
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_int_equal(rig_event_count(rig, "video_ready"), 1);
    assert_int_equal(count_acks(rig, 0, "end", "final"), 1);
    assert_int_equal(count_acks(rig, 0, "rest", "final"), 1);
    rig_pass(rig);
}

/* --- what somebody left behind --- */

static size_t acks(struct rig *rig)
{
    size_t count = 0;

    for (size_t i = 0; i < rig_message_count(rig); i++)
        count += str_equal(rig_message(rig, i)->topic, "ack");
    return count;
}

static void publish_retained(struct rig *rig, const char *payload)
{
    static const char *const options[] = {"-r", NULL};

    pub(rig, "timelapse/v1/pi01/unit/mk4/cmd/standby", payload, options);
}

/* "Retain" was ticked in some flow: refused at once with the way out, silent from then on, whatever
 * restarts; and the clearing itself is no command. */
static void test_a_retained_command_says_how_to_be_rid_of_it(void **state)
{
    struct rig *rig = *state;
    size_t from = rig_message_count(rig), before;

    publish_retained(rig, "PRESS");
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    assert_int_equal(code_of(final_ack(rig, from, NULL)), -32005);
    assert_non_null(strstr(message_of(final_ack(rig, from, NULL)), "empty retained"));
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    before = acks(rig);
    rig_agent_start(rig);
    publish_retained(rig, "");
    /* the answer to this one comes after any to those */
    assert_non_null(rig_command(rig, "cmd/ping", NULL));
    assert_int_equal(acks(rig), before + 2);
    assert_true(rig_says(rig, "unit/mk4/state", "waiting"));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_payload_of_another_type_is_done_or_explained),
        TEST(test_two_clients_at_once_are_both_answered),
        TEST(test_contrary_commands_at_once_have_one_outcome),
        TEST(test_a_retained_command_says_how_to_be_rid_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
