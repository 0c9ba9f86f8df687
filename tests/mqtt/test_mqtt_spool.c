/* SPDX-License-Identifier: MIT */
/* The client with a spool, against a real broker: what is told after an outage and a kill. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define EVENT "t/v1/a/event"

struct fixture {
    struct rig rig;
    struct broker *broker;
    struct peer agent, ear;
    char dir[40];
    int port;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-outage-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->port = broker_free_port();
    f->broker = broker_new(f->port, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    peer_done(&f->agent);
    peer_done(&f->ear);
    rig_done(&f->rig);
    broker_free(f->broker);
    if (path_remove_tree(f->dir, NULL) < 0)
        perror(f->dir);
    free_p(&f);
    return 0;
}

static void start_agent(struct fixture *f)
{
    peer_init(&f->agent, f->port);
    f->agent.spool_dir = f->dir;
    peer_start(&f->agent, &f->rig, "lapsed-a", "t/v1/a/availability", 60);
}

static void start_ear(struct fixture *f)
{
    peer_init(&f->ear, f->port);
    f->ear.inbox_max_messages = NOTE_MAX;
    peer_start(&f->ear, &f->rig, "ear", NULL, 0);
    mqtt_subscribe(f->ear.client, EVENT, true);
    RIG_WAIT(&f->rig, f->ear.ups == 1);
}

/* As if: the workers of the one before have ended. */
static void new_process(struct fixture *f)
{
    rig_done(&f->rig);
    rig_init(&f->rig);
}

static void tell(struct fixture *f, int from, int to)
{
    for (int n = from; n < to; n++) {
        CLEANUP(free_p) char *json = xasprintf("{\"n\":%d}", n);

        mqtt_publish_event(f->agent.client, EVENT, json);
    }
}

static void expect_heard(struct fixture *f, int from, int to)
{
    RIG_WAIT(&f->rig, (int)f->ear.note_count >= to - from);
    assert_int_equal(f->ear.note_count, to - from);
    for (int n = from; n < to; n++) {
        CLEANUP(free_p) char *json = xasprintf("{\"n\":%d}", n);

        assert_string_equal(f->ear.notes[n - from].payload, json);
    }
}

static int64_t waiting(const struct fixture *f)
{
    struct mqtt_link link;

    mqtt_client_link(f->agent.client, &link);
    return link.waiting_events;
}

static int64_t spooled_bytes(const struct fixture *f)
{
    CLEANUP(free_p) char *path = path_join(f->dir, "00000001.spool");
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* In a process of its own: tells, waits until the disk has it, and is killed. */
static void tell_and_be_killed(struct fixture *f, int from, int to)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        rig_init(&f->rig);
        start_agent(f);
        tell(f, from, to);
        RIG_WAIT(&f->rig, spooled_bytes(f) > (to - from) * 20);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void events_of_an_outage_survive_a_kill_and_come_in_order(void **state)
{
    struct fixture *f = *state;

    tell_and_be_killed(f, 0, 200);
    rig_init(&f->rig);
    broker_start(f->broker);
    start_ear(f);
    start_agent(f);
    tell(f, 200, 300);
    expect_heard(f, 0, 300);
    RIG_WAIT(&f->rig, waiting(f) == 0);
}

static void what_was_told_is_not_told_again_by_the_next_run(void **state)
{
    struct fixture *f = *state;

    rig_init(&f->rig);
    broker_start(f->broker);
    start_agent(f);
    tell(f, 0, 100);
    RIG_WAIT(&f->rig, waiting(f) == 0);
    peer_stop(&f->agent, &f->rig);
    new_process(f);
    start_ear(f);
    start_agent(f);
    tell(f, 100, 101);
    expect_heard(f, 100, 101);
}

static void a_stop_without_a_broker_keeps_the_events(void **state)
{
    struct fixture *f = *state;

    rig_init(&f->rig);
    start_agent(f);
    tell(f, 0, 150);
    peer_stop(&f->agent, &f->rig);
    new_process(f);
    broker_start(f->broker);
    start_ear(f);
    start_agent(f);
    expect_heard(f, 0, 150);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    struct fixture *f = *state;
    struct mqtt_link link;

    rig_init(&f->rig);
    peer_init(&f->agent, f->port);
    f->agent.spool_dir = f->dir;
    f->agent.settings.max_events = 100;
    peer_start(&f->agent, &f->rig, "lapsed-a", NULL, 60);
    tell(f, 0, 350);
    mqtt_client_link(f->agent.client, &link);
    assert_int_equal(link.waiting_events, 100);
    assert_int_equal(link.dropped_events, 250);
    peer_stop(&f->agent, &f->rig);
    new_process(f);
    broker_start(f->broker);
    start_ear(f); /* before the agent, or it misses something */
    start_agent(f);
    expect_heard(f, 250, 350);
}

static void without_events_nothing_is_written(void **state)
{
    struct fixture *f = *state;

    rig_init(&f->rig);
    broker_start(f->broker);
    start_agent(f);
    for (int i = 0; i < 20; i++) {
        CLEANUP(free_p) char *text = xasprintf("{\"i\":%d}", i);

        mqtt_publish_retained(f->agent.client, "t/v1/a/status", MQTT_JSON, text, strlen(text));
        RIG_WAIT(&f->rig, f->agent.ups == 1);
        loop_run_once(f->rig.loop);
    }
    assert_int_equal(spooled_bytes(f), -1); /* not even made */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_of_an_outage_survive_a_kill_and_come_in_order),
        TEST(what_was_told_is_not_told_again_by_the_next_run),
        TEST(a_stop_without_a_broker_keeps_the_events),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(without_events_nothing_is_written),
    };

    return cmocka_run_group_tests_name("mqtt_spool", tests, NULL, NULL);
}
