/* SPDX-License-Identifier: MIT */
/* The life of a command: once and not twice, not too late, and what waits while the agent is away.
 */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/journal/journal.h"
#include "tests/e2e/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START "timelapse/v1/pi01/unit/garden/cmd/start"

static const char conf[] =
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; } );\n"
    "units = ( { id = \"garden\"; cameras = [ \"front\" ]; trigger = \"command\"; %unit } );\n";

static struct rig *begin(void **state, const char *agent, const char *mqtt)
{
    struct rig *rig = rig_new(&(struct rig_options){
        .conf = conf, .no_sim = true, .agent = agent, .mqtt = mqtt, .unit = "standby = true;"});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "standby"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static size_t count_topic(struct rig *rig, size_t from, const char *topic, const char *payload)
{
    const struct rig_message *message;
    size_t count = 0;

    for (size_t i = from; (message = rig_message(rig, i)); i++)
        count += str_equal(message->topic, topic) && str_equal(message->payload, payload);
    return count;
}

/* --- too late (C6) --- */

static void test_a_command_whose_time_is_over_is_refused(void **state)
{
    struct rig *rig = begin(state, "trust_clock = true;", NULL);

    assert_int_equal(
        code_of(command(rig, "unit/garden/cmd/start", "{\"expires\":\"2020-01-01T00:00:00Z\"}")),
        -32003);
    assert_int_equal(code_of(command(rig, "unit/garden/cmd/start", "{\"expires\":1577836800}")),
                     -32003);
    assert_true(rig_says(rig, "unit/garden/state", "standby"));
    assert_int_equal(
        code_of(command(rig, "unit/garden/cmd/start", "{\"expires\":\"2099-01-01T00:00:00Z\"}")),
        0);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    rig_pass(rig);
}

/* Whether this machine's clock is kept right is not ours to choose: either is tested as it is. */
static void test_expires_is_ignored_and_said_so_while_the_clock_is_not_synchronised(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    const cJSON *ack =
        command(rig, "unit/garden/cmd/start", "{\"expires\":\"2020-01-01T00:00:00Z\"}");

    if (clock_is_synchronised()) {
        assert_int_equal(code_of(ack), -32003);
        assert_null(json_get(ack, "note"));
    } else {
        assert_int_equal(code_of(ack), 0);
        assert_non_null(strstr(json_get_string(ack, "note"), "not synchronised"));
    }
    rig_pass(rig);
}

/* --- what waits at the broker (C7) --- */

static void test_a_command_sent_while_the_agent_is_off_is_done_once_when_it_is_back(void **state)
{
    static const char *const expiry[] = {"-D", "publish", "message-expiry-interval", "600", NULL};
    struct rig *rig = begin(state, NULL, "offline_queue_s = 3600;");
    size_t from;

    assert_int_equal((int)json_number(rig_look(rig, "info", "limits.offline_queue_s")), 3600);
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    pub(rig, START, "{\"id\":\"talk\"}", expiry);
    rig_agent_start(rig);
    RIG_WAIT(rig, final_ack(rig, from, "talk"));
    assert_int_equal(code_of(final_ack(rig, from, "talk")), 0);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    rig_agent_start(rig);
    rig_linger(rig, ASK_GAP_MS);
    assert_null(final_ack(rig, from, "talk"));
    rig_pass(rig);
}

/* More than may be asked at once: they wait for their turn, and keep their order. */
static void test_many_commands_that_waited_are_all_done_in_order(void **state)
{
    enum { SENT = 14 };
    static const char *const expiry[] = {"-D", "publish", "message-expiry-interval", "600", NULL};
    struct rig *rig = begin(state, NULL, "offline_queue_s = 3600;");
    CLEANUP(free_p) char *last = xasprintf("talk%d", SENT - 1);
    size_t from;
    int done = 0;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    for (int i = 0; i < SENT; i++) {
        CLEANUP(free_p) char *payload = xasprintf("{\"id\":\"talk%d\"}", i);

        pub(rig, i % 2 ? "timelapse/v1/pi01/unit/garden/cmd/standby" : START, payload, expiry);
    }
    rig_agent_start(rig);
    RIG_WAIT(rig, final_ack(rig, from, last));
    for (const struct rig_message *message; (message = rig_message(rig, from)); from++) {
        CLEANUP(free_p) char *id = xasprintf("talk%d", done);

        if (!str_equal(message->topic, "ack") ||
            !str_equal(json_get_string(message->json, "phase"), "final"))
            continue;
        assert_string_equal(json_get_string(message->json, "id"), id);
        assert_int_equal(code_of(message->json), 0);
        done++;
    }
    assert_int_equal(done, SENT);
    assert_true(rig_says(rig, "unit/garden/state", "standby"));
    rig_pass(rig);
}

static void test_a_command_too_old_for_its_expiry_is_not_done(void **state)
{
    static const char *const expiry[] = {"-D", "publish", "message-expiry-interval", "1", NULL};
    struct rig *rig = begin(state, "trust_clock = true;", "offline_queue_s = 3600;");
    size_t from;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    pub(rig, START, "{\"id\":\"broker\"}", expiry);
    pub(rig, START, "{\"id\":\"payload\",\"expires\":\"2020-01-01T00:00:00Z\"}", NULL);
    rig_linger(rig, 2500);
    rig_agent_start(rig);
    RIG_WAIT(rig, final_ack(rig, from, "payload"));
    assert_int_equal(code_of(final_ack(rig, from, "payload")), -32003);
    assert_null(final_ack(rig, from, "broker"));
    assert_true(rig_says(rig, "unit/garden/state", "standby"));
    rig_pass(rig);
}

static void test_with_an_offline_queue_a_command_needs_an_expiry(void **state)
{
    static const char *const expiry[] = {"-D", "publish", "message-expiry-interval", "60", NULL};
    struct rig *rig = begin(state, NULL, "offline_queue_s = 3600;");
    const cJSON *ack = command(rig, "unit/garden/cmd/start", "");
    size_t from;

    assert_int_equal(code_of(ack), -32003);
    assert_non_null(strstr(message_of(ack), "offline_queue_s"));
    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    from = rig_message_count(rig);
    pub(rig, START, "", expiry);
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    assert_int_equal(code_of(final_ack(rig, from, NULL)), 0);
    rig_pass(rig);
}

static void test_without_an_offline_queue_nothing_waits_for_a_stopped_agent(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    size_t from;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    pub(rig, START, "", NULL);
    rig_agent_start(rig);
    rig_linger(rig, ASK_GAP_MS);
    assert_null(final_ack(rig, from, NULL));
    assert_true(rig_says(rig, "unit/garden/state", "standby"));
    rig_pass(rig);
}

/* --- once (C4, C13) --- */

static void test_two_of_the_same_id_at_once_have_one_effect_and_two_answers(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    size_t from;
    bool dup = false;

    assert_int_equal(code_of(command(rig, "unit/garden/cmd/start", "")), 0);
    from = rig_message_count(rig);
    rig_publish(rig, "unit/garden/cmd/snapshot", "{\"id\":\"twin\"}");
    rig_publish(rig, "unit/garden/cmd/snapshot", "{\"id\":\"twin\"}");
    RIG_WAIT(rig, count_acks(rig, from, "twin", "final") == 2);
    assert_int_equal(rig_event_count(rig, "frame"), 1);
    assert_true(json_get_bool(rig_last(rig, "ack")->json, "dup", &dup) && dup);
    assert_int_equal(code_of(rig_last(rig, "ack")->json), 0);
    rig_pass(rig);
}

/* The id of the first has to be on the disk before it begins; the second does not get in front. */
static void test_commands_are_done_in_the_order_in_which_they_came(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);

    for (int i = 0; i < 4; i++) {
        CLEANUP(free_p) char *start = xasprintf("{\"id\":\"start%d\"}", i);
        CLEANUP(free_p) char *pause = xasprintf("{\"id\":\"pause%d\"}", i);
        CLEANUP(free_p) char *standby = xasprintf("{\"id\":\"standby%d\"}", i);
        size_t from = rig_message_count(rig);

        rig_publish(rig, "unit/garden/cmd/start", start);
        rig_publish(rig, "unit/garden/cmd/pause", pause);
        rig_publish(rig, "unit/garden/cmd/standby", standby);
        RIG_WAIT(rig, count_acks(rig, from, NULL, "final") == 3);
        for (size_t at = from; at < rig_message_count(rig); at++)
            if (str_equal(rig_message(rig, at)->topic, "ack"))
                assert_int_equal(code_of(rig_message(rig, at)->json), 0);
        rig_linger(rig, 3 * ASK_GAP_MS);
    }
    rig_pass(rig);
}

/* Killed at another moment each time: whatever was done, the same id does not do it again, and
 * whoever asks again is answered. */
static void test_a_kill_never_makes_one_id_act_twice(void **state)
{
    enum { KILLS = 20, STEP_MS = 2 };
    struct rig *rig = begin(state, NULL, NULL);

    for (int i = 0; i < KILLS; i++) {
        CLEANUP(free_p) char *id = xasprintf("kill%d", i);
        CLEANUP(free_p) char *payload = xasprintf("{\"id\":\"%s\"}", id);
        size_t first = rig_message_count(rig), second;
        bool acted;

        rig_publish(rig, "unit/garden/cmd/start", payload);
        rig_linger(rig, i * STEP_MS);
        rig_agent_signal(rig, SIGKILL);
        rig_agent_start(rig);
        (void)command(rig, "unit/garden/cmd/standby", "");
        RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "standby"));
        second = rig_message_count(rig);
        acted = count_topic(rig, first, "unit/garden/state", "capturing") > 0;
        rig_publish(rig, "unit/garden/cmd/start", payload);
        RIG_WAIT(rig, final_ack(rig, second, id));
        rig_linger(rig, ASK_GAP_MS);
        assert_true(!acted || count_topic(rig, second, "unit/garden/state", "capturing") == 0);
        (void)command(rig, "unit/garden/cmd/standby", "");
        RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "standby"));
    }
    rig_pass(rig);
}

static void on_written(int result, const struct error *err, void *user)
{
    bool *written = user;

    (void)err;
    assert_int_equal(result, 0);
    *written = true;
}

/* As an agent leaves it that is killed between the id and the answer. */
static void leave_unanswered(struct rig *rig, const char *id)
{
    CLEANUP(free_p) char *dir = xasprintf("%s/data", rig_dir(rig));
    bool damaged, written = false;
    struct journal *journal;
    struct error err;

    assert_int_equal(journal_open(rig_loop(rig), dir, &journal, &damaged, &err), 0);
    journal_put_command(journal, id, 1, NULL, on_written, &written);
    RIG_WAIT(rig, written);
    journal_close(journal);
}

static void test_what_an_agent_was_killed_in_is_answered_when_it_is_back(void **state)
{
    struct rig *rig = begin(state, NULL, NULL);
    size_t from;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    leave_unanswered(rig, "cut");
    from = rig_message_count(rig);
    rig_agent_start(rig);
    RIG_WAIT(rig, final_ack(rig, from, "cut"));
    assert_int_equal(code_of(final_ack(rig, from, "cut")), -32013);
    assert_non_null(strstr(message_of(final_ack(rig, from, "cut")), "new id"));
    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    from = rig_message_count(rig);
    rig_agent_start(rig);
    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    assert_null(final_ack(rig, from, "cut"));
    rig_pass(rig);
}

/* --- too many (C8) --- */

static void test_the_first_of_too_many_are_told_so_and_the_rest_are_counted(void **state)
{
    enum { SENT = 60 };
    struct rig *rig = begin(state, NULL, NULL);
    size_t from = rig_message_count(rig), told = 0, done = 0;
    const struct rig_message *message;

    for (int i = 0; i < SENT; i++)
        rig_publish(rig, "cmd/ping", "");
    rig_linger(rig, 2 * ASK_GAP_MS);
    for (size_t i = from; (message = rig_message(rig, i)); i++) {
        if (!str_equal(message->topic, "ack") ||
            !str_equal(json_get_string(message->json, "phase"), "final"))
            continue;
        told += code_of(message->json) == -32012;
        done += code_of(message->json) == 0;
    }
    assert_in_range(done, 10, 20);
    assert_in_range(told, 1, 20);
    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    rig_pass(rig);
}

/* --- MQTT 3.1.1 --- */

static void test_what_an_old_broker_cannot_promise_is_said(void **state)
{
    struct rig *rig = begin(state, NULL, "protocol = \"3.1.1\";");

    RIG_WAIT(rig, rig_look(rig, "info", "limits.retained_commands"));
    RIG_WAIT(rig, strstr(json_string(rig_look(rig, "info", "limits.retained_commands")),
                         "cannot be told apart"));
    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    rig_pass(rig);
}

/* On 3.1.1 the broker delivers what it has retained when we subscribe: at each start. */
static void test_a_retained_command_is_refused_on_an_old_broker_too(void **state)
{
    struct rig *rig = begin(state, NULL, "protocol = \"3.1.1\";");
    size_t from;

    assert_int_equal(rig_agent_signal(rig, SIGTERM), 0);
    pub(rig, START, "PRESS", (const char *const[]){"-r", NULL});
    from = rig_message_count(rig);
    rig_agent_start(rig);
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    assert_int_equal(code_of(final_ack(rig, from, NULL)), -32005);
    assert_true(rig_says(rig, "unit/garden/state", "standby"));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_command_whose_time_is_over_is_refused),
        TEST(test_expires_is_ignored_and_said_so_while_the_clock_is_not_synchronised),
        TEST(test_a_command_sent_while_the_agent_is_off_is_done_once_when_it_is_back),
        TEST(test_many_commands_that_waited_are_all_done_in_order),
        TEST(test_a_command_too_old_for_its_expiry_is_not_done),
        TEST(test_with_an_offline_queue_a_command_needs_an_expiry),
        TEST(test_without_an_offline_queue_nothing_waits_for_a_stopped_agent),
        TEST(test_two_of_the_same_id_at_once_have_one_effect_and_two_answers),
        TEST(test_commands_are_done_in_the_order_in_which_they_came),
        TEST(test_a_kill_never_makes_one_id_act_twice),
        TEST(test_what_an_agent_was_killed_in_is_answered_when_it_is_back),
        TEST(test_the_first_of_too_many_are_told_so_and_the_rest_are_counted),
        TEST(test_what_an_old_broker_cannot_promise_is_said),
        TEST(test_a_retained_command_is_refused_on_an_old_broker_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
