/* SPDX-License-Identifier: MIT */
/* Many agents lose their broker at once, while they have something to say: everything arrives, in
 * order, and they do not say more than needed. How fast is for tests/bench. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/fleet/swarm.h"
#include "tests/fleet/witness.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AGENTS = 20,
    TALK_MS = 200,       /* each of them */
    WINDOW = 10,         /* what may be in flight of each when the link breaks */
    DEADLINE_MS = 90000, /* a back-off is at most 60 s */
};

struct storm {
    struct rig rig;
    struct broker *broker;
    struct swarm *swarm;
    struct witness *witness;
    char dir[32];
};

#define STORM_WAIT(storm, condition)                                                               \
    do {                                                                                           \
        int64_t end_ms_ = clock_mono_ms() + DEADLINE_MS;                                           \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > end_ms_)                                                         \
                fail_msg("%d s passed without: %s", DEADLINE_MS / 1000, #condition);               \
            loop_run_once((storm)->rig.loop);                                                      \
        }                                                                                          \
    } while (0)

static bool exists(const struct storm *storm, const char *name)
{
    CLEANUP(free_p) char *path = path_join(broker_dir(storm->broker), name);

    return access(path, F_OK) == 0;
}

static int setup(void **state)
{
    struct storm *storm = xcalloc(1, sizeof(*storm));
    CLEANUP(free_p) char *log = NULL;
    int port = broker_free_port();

    *state = storm;
    snprintf(storm->dir, sizeof(storm->dir), "/tmp/lapsed-storm-XXXXXX");
    assert_non_null(mkdtemp(storm->dir));
    log = path_join(storm->dir, "heard.txt");
    rig_init(&storm->rig);
    storm->broker = broker_new(port, WITNESS_BROKER);
    broker_start(storm->broker);
    storm->witness = witness_new(port, AGENTS, log);
    STORM_WAIT(storm, witness_listens(storm->witness));
    broker_signal(storm->broker, SIGUSR1); /* keeps the witness's session on disk */
    STORM_WAIT(storm, exists(storm, "mosquitto.db"));
    storm->swarm = swarm_new(storm->rig.loop, port, AGENTS, storm->dir);
    STORM_WAIT(storm, swarm_up(storm->swarm) == AGENTS);
    return 0;
}

static int teardown(void **state)
{
    struct storm *storm = *state;
    struct error err;

    swarm_free(storm->swarm);
    witness_free(storm->witness);
    broker_free(storm->broker);
    rig_done(&storm->rig);
    if (path_remove_tree(storm->dir, &err) < 0)
        fprintf(stderr, "%s\n", err.text);
    free(storm);
    return 0;
}

static bool all_heard(struct storm *storm)
{
    for (size_t i = 0; i < AGENTS; i++)
        if (witness_heard(storm->witness, i) < swarm_said(storm->swarm, i))
            return false;
    return true;
}

/* Each says so many more. */
static void talk_on(struct storm *storm, int64_t events)
{
    int64_t wanted = swarm_said_least(storm->swarm) + events;

    swarm_talk(storm->swarm, TALK_MS);
    STORM_WAIT(storm, swarm_said_least(storm->swarm) >= wanted);
}

/* While they talk: killed, away for so many events of each, back. */
static void lose_the_broker(struct storm *storm, int64_t events)
{
    broker_kill(storm->broker);
    talk_on(storm, events);
    STORM_WAIT(storm, swarm_up(storm->swarm) == 0);
    broker_start(storm->broker);
    STORM_WAIT(storm, swarm_up(storm->swarm) == AGENTS);
}

static void test_no_event_is_lost_nor_out_of_order_when_the_broker_is_killed(void **state)
{
    struct storm *storm = *state;

    talk_on(storm, 10);
    lose_the_broker(storm, 10);
    lose_the_broker(storm, 3);
    talk_on(storm, 3);
    swarm_talk(storm->swarm, 0);
    STORM_WAIT(storm, all_heard(storm));
    assert_int_equal(witness_jumped(storm->witness), 0);
    assert_true(witness_twice(storm->witness) <= 2 * AGENTS * WINDOW);
    assert_int_equal(swarm_dropped(storm->swarm), 0);
}

/* Retained messages that the broker says it got from a client. */
static size_t retained_received(const char *log, const char *client)
{
    CLEANUP(free_p) char *start = xasprintf(": Received PUBLISH from %s (d0, q1, r1,", client);
    size_t count = 0;

    while ((log = strstr(log, start))) {
        log += strlen(start);
        count++;
    }
    return count;
}

static char *broker_log(struct storm *storm)
{
    CLEANUP(free_p) char *path = path_join(broker_dir(storm->broker), "mosquitto.log");
    char *text = NULL;
    struct error err;

    if (path_read_file(path, 64 << 20, &text, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return text;
}

static bool each_said_its_state(struct storm *storm, size_t times)
{
    CLEANUP(free_p) char *log = broker_log(storm);

    for (size_t i = 0; i < AGENTS; i++) {
        CLEANUP(free_p) char *client = xasprintf("lapsed-a%03zu", i);

        if (retained_received(log, client) < times * SWARM_RETAINED)
            return false;
    }
    return true;
}

/* The events come behind the retained topics, so whoever was heard has said its state. */
static void test_a_new_connection_says_each_retained_topic_once(void **state)
{
    struct storm *storm = *state;
    CLEANUP(free_p) char *log = NULL;

    STORM_WAIT(storm, each_said_its_state(storm, 1));
    lose_the_broker(storm, 2);
    swarm_talk(storm->swarm, 0);
    STORM_WAIT(storm, all_heard(storm));
    log = broker_log(storm);
    for (size_t i = 0; i < AGENTS; i++) {
        CLEANUP(free_p) char *client = xasprintf("lapsed-a%03zu", i);

        assert_int_equal(retained_received(log, client), 2 * SWARM_RETAINED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_no_event_is_lost_nor_out_of_order_when_the_broker_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_connection_says_each_retained_topic_once, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
