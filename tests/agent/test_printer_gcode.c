/* SPDX-License-Identifier: MIT */
/* The operator's own G-code goes one request after another, and whoever left is not told. */
#include "agent/base/mem.h"
#include "agent/printer/gcode_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fake {
    struct gcode_queue queue;
    char sent[256]; /* all of it, "|" behind each */
};

static void fake_gcode(void *driver, const char *gcode)
{
    struct fake *fake = driver;
    size_t len = strlen(fake->sent);

    snprintf(fake->sent + len, sizeof(fake->sent) - len, "%s|", gcode);
}

static const struct printer_driver driver = {.kind = "fake", .gcode = fake_gcode};

static int set_up(void **state)
{
    struct fake *fake = xcalloc(1, sizeof(*fake));

    gcode_queue_init(&fake->queue, &driver);
    gcode_queue_set_driver(&fake->queue, fake);
    *state = fake;
    return 0;
}

static int tear_down(void **state)
{
    struct fake *fake = *state;

    gcode_queue_done(&fake->queue);
    free_p(&fake);
    return 0;
}

static void on_done(int result, const struct error *err, void *user)
{
    int *told = user;

    (void)err;
    *told = result;
}

enum { UNTOLD = 1 };

static struct printer_gcode *ask(struct fake *fake, const char *gcode, int *told)
{
    *told = UNTOLD;
    return gcode_queue_add(&fake->queue, gcode, on_done, told);
}

static void one_is_sent_when_the_one_before_is_done(void **state)
{
    struct fake *fake = *state;
    struct error err = {.code = -EAGAIN};
    int first, second;

    assert_non_null(ask(fake, "M42 S1", &first));
    assert_non_null(ask(fake, "M42 S0", &second));
    assert_string_equal(fake->sent, "M42 S1|");
    gcode_queue_answer(&fake->queue, -EAGAIN, &err);
    assert_int_equal(first, -EAGAIN);
    assert_string_equal(fake->sent, "M42 S1|M42 S0|");
    assert_int_equal(second, UNTOLD);
    gcode_queue_answer(&fake->queue, 0, &err);
    assert_int_equal(second, 0);
    gcode_queue_answer(&fake->queue, 0, &err); /* of nobody */
}

static void what_is_given_up_is_not_sent_and_what_was_sent_is_waited_for(void **state)
{
    struct fake *fake = *state;
    struct error err = {0};
    struct printer_gcode *sent, *waiting;
    int told_sent, told_waiting, told_last;

    sent = ask(fake, "on", &told_sent);
    waiting = ask(fake, "never", &told_waiting);
    assert_non_null(ask(fake, "off", &told_last));
    printer_gcode_cancel(sent);
    printer_gcode_cancel(waiting);
    assert_string_equal(fake->sent, "on|");
    gcode_queue_answer(&fake->queue, 0, &err);
    assert_string_equal(fake->sent, "on|off|");
    gcode_queue_answer(&fake->queue, 0, &err);
    assert_int_equal(told_sent, UNTOLD);
    assert_int_equal(told_waiting, UNTOLD);
    assert_int_equal(told_last, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_sent_when_the_one_before_is_done),
        TEST(what_is_given_up_is_not_sent_and_what_was_sent_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
