/* SPDX-License-Identifier: MIT */
/* A lamp at a GPIO line, switched by the real agent; the kernel says what the wire does. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "tests/device/guest.h"
#include "tests/e2e/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

enum { LAMP = 4, LOW_LAMP = 5 };

#define CONF                                                                                       \
    "lights = ( { id = \"lamp\"; kind = \"gpio\"; line = 4; linger_ms = 3000; },\n"                \
    "           { id = \"low\"; kind = \"gpio\"; line = 5; linger_ms = 60000; active_low = true; " \
    "} );\n"                                                                                       \
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 160; height = 120;\n"               \
    "              light = \"lamp\"; },\n"                                                         \
    "            { id = \"side\"; kind = \"pattern\"; width = 160; height = 120;\n"                \
    "              light = \"low\"; } );\n"                                                        \
    "units = ( { id = \"front\"; cameras = [ \"front\" ]; trigger = \"command\";\n"                \
    "            dontwait = true; video = false; },\n"                                             \
    "          { id = \"side\"; cameras = [ \"side\" ]; trigger = \"command\";\n"                  \
    "            dontwait = true; video = false; } );\n"

static int setup(void **state)
{
    *state = rig_new(&(struct rig_options){.conf = CONF, .no_sim = true, .no_agent = true});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void expect_lit_frame(struct rig *rig)
{
    const cJSON *frame;
    bool lit = false;

    RIG_WAIT(rig, (frame = rig_event(rig, "frame", 0)) != NULL);
    assert_true(json_get_bool(frame, "lit", &lit) && lit);
}

static void the_line_is_high_around_a_frame(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(guest_line_state(LAMP), GUEST_LINE_FREE);
    rig_agent_start(rig);
    assert_int_equal(guest_line_state(LAMP), GUEST_LINE_LOW);
    rig_publish(rig, "unit/front/cmd/snapshot", "");
    RIG_WAIT(rig, guest_line_state(LAMP) == GUEST_LINE_HIGH);
    expect_lit_frame(rig);
    RIG_WAIT(rig, guest_line_state(LAMP) == GUEST_LINE_LOW);
    rig_agent_signal(rig, SIGTERM);
    assert_int_equal(guest_line_state(LAMP), GUEST_LINE_FREE);
    rig_pass(rig);
}

static void a_lamp_that_is_on_at_the_low_level_goes_off_after_a_kill(void **state)
{
    struct rig *rig = *state;

    rig_agent_start(rig);
    assert_int_equal(guest_line_state(LOW_LAMP), GUEST_LINE_HIGH);
    rig_publish(rig, "unit/side/cmd/snapshot", "");
    expect_lit_frame(rig);
    assert_int_equal(guest_line_state(LOW_LAMP), GUEST_LINE_LOW);
    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    assert_int_equal(guest_line_state(LOW_LAMP), GUEST_LINE_HIGH);
    rig_pass(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_line_is_high_around_a_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lamp_that_is_on_at_the_low_level_goes_off_after_a_kill,
                                        setup, teardown),
    };

    return cmocka_run_group_tests_name("light_gpio", tests, NULL, NULL);
}
