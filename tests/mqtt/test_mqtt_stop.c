/* SPDX-License-Identifier: MIT */
/* Nothing that a broker does may hold up the end of the program. */
#include "agent/base/mem.h"
#include "tests/mqtt/fake_broker.h"
#include "tests/mqtt/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define AVAILABILITY "t/v1/a/availability"

/* Hears everything and acknowledges no publish. */
static void script_deaf(struct fake_broker *fake, const struct packet *packet, void *user)
{
    (void)user;
    if (packet->type == 0x10)
        fake_answer(fake, packet);
}

static void stopping_waits_two_seconds_for_a_broker_that_does_not_answer(void **state)
{
    struct rig rig;
    struct fake_broker fake;
    struct peer agent;
    int64_t asked_at_ms;

    (void)state;
    rig_init(&rig);
    fake_init(&fake, rig.loop, script_deaf, NULL);
    peer_init(&agent, fake.port);
    peer_start(&agent, &rig, "lapsed-a", AVAILABILITY, 60);
    RIG_WAIT(&rig, agent.ups == 1);
    asked_at_ms = clock_mono_ms();
    peer_stop(&agent, &rig);
    assert_in_range(clock_mono_ms() - asked_at_ms, 1900, 4000);
    fake_done(&fake);
    rig_done(&rig);
}

/* With the queue of a listener full, connect() hangs: it is what a dropped SYN looks like. */
static int full_listener(int *ret_port, int ret_fds[4])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    for (int i = 0; i < 4; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(ret_fds[i], (struct sockaddr *)&address, sizeof(address)) < 0)
            assert_int_equal(errno, EINPROGRESS);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_pump_that_hangs_in_connect_holds_nobody_up(void **state)
{
    int port, fds[4], fd = full_listener(&port, fds);
    struct rig rig;
    struct peer agent;
    int64_t until_ms, asked_at_ms;

    (void)state;
    rig_init(&rig);
    peer_init(&agent, port);
    peer_start(&agent, &rig, "lapsed-a", AVAILABILITY, 60);
    until_ms = clock_mono_ms() + 300; /* by now it is in connect(), and nothing can tell us so */
    RIG_WAIT(&rig, clock_mono_ms() > until_ms);
    assert_int_equal(agent.downs, 0);
    asked_at_ms = clock_mono_ms();
    peer_stop(&agent, &rig);
    assert_in_range(clock_mono_ms() - asked_at_ms, 1500, 3500);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(fd);
    rig_done(&rig);
}

static void must_not_be_called(void *user)
{
    (void)user;
    fail_msg("a callback of a client that was freed");
}

static void a_client_freed_while_it_stops_calls_nobody_any_more(void **state)
{
    struct rig rig;
    struct fake_broker fake;
    struct peer agent;

    (void)state;
    rig_init(&rig);
    fake_init(&fake, rig.loop, script_deaf, NULL);
    peer_init(&agent, fake.port);
    peer_start(&agent, &rig, "lapsed-a", AVAILABILITY, 60);
    RIG_WAIT(&rig, agent.ups == 1);
    mqtt_client_stop(agent.client, must_not_be_called, NULL);
    mqtt_client_free(TAKE(agent.client));
    loop_run_once(rig.loop);
    loop_run_once(rig.loop);
    peer_done(&agent);
    fake_done(&fake);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_waits_two_seconds_for_a_broker_that_does_not_answer),
        cmocka_unit_test(a_pump_that_hangs_in_connect_holds_nobody_up),
        cmocka_unit_test(a_client_freed_while_it_stops_calls_nobody_any_more),
    };

    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
