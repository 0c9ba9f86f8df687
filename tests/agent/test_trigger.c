/* SPDX-License-Identifier: MIT */
/* The triggers through the face that the unit uses. The interval runs on the real clock: what is
 * checked holds however late a busy machine lets the timer fire. */
#include "agent/trigger/trigger.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { CAUSES_MAX = 64, DEADLINE_MS = 20000, STEP_MS = 100 };
enum { ONE_STEP_MS = STEP_MS - 1 }; /* as two clocks that tick in milliseconds may see it */

struct fixture {
    struct loop *loop;
    struct unit_settings settings;
    struct triggers *triggers;
    struct trigger_cause causes[CAUSES_MAX];
    int64_t fired_at_ms[CAUSES_MAX];
    int count;
    int64_t busy_ms; /* how long the listener keeps the loop busy, each time */
};

static void on_trigger(const struct trigger_cause *cause, void *user)
{
    struct fixture *f = user;
    int64_t now_ms = clock_mono_ms();

    assert_true(f->count < CAUSES_MAX);
    f->fired_at_ms[f->count] = now_ms;
    f->causes[f->count++] = *cause;
    while (clock_mono_ms() < now_ms + f->busy_ms)
        continue;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct error err;

    assert_int_equal(loop_new(&f->loop, &err), 0);
    f->settings.every_nth_layer = 1;
    f->settings.interval_s = STEP_MS / 1000.0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    triggers_close(f->triggers);
    loop_free(f->loop);
    free(f);
    return 0;
}

static struct fixture *open_triggers(void **state, unsigned which)
{
    struct fixture *f = *state;

    f->settings.trigger = which;
    f->triggers = triggers_open(f->loop, &f->settings, on_trigger, f);
    return f;
}

static void say(struct fixture *f, enum printer_event_kind kind, int layer, int64_t at_mono_us)
{
    triggers_on_printer(f->triggers, &(struct printer_event){
                                         .kind = kind, .layer = layer, .at_mono_us = at_mono_us});
}

static void say_layers(struct fixture *f, int first, int last)
{
    for (int layer = first; layer <= last; layer++)
        say(f, PRINTER_EVENT_LAYER, layer, layer * 1000);
}

static void say_everything_but(struct fixture *f, enum printer_event_kind kind)
{
    for (int other = PRINTER_EVENT_CHANGED; other <= PRINTER_EVENT_ATTENTION; other++)
        if (other != (int)kind)
            say(f, (enum printer_event_kind)other, 7, 1);
}

static void send(struct fixture *f, const char *payload)
{
    triggers_on_message(f->triggers, payload, strlen(payload), 5);
}

static void expect_layers(const struct fixture *f, int count, const int *layers)
{
    assert_int_equal(f->count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(f->causes[i].layer, layers[i]);
}

/* --- layer --- */

static void each_layer_takes_a_frame_newer_than_its_change(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    say_layers(f, 1, 3);
    expect_layers(f, 3, (const int[]){1, 2, 3});
    assert_string_equal(f->causes[2].name, "layer");
    assert_int_equal(f->causes[2].at_mono_us, 3000);
}

static void every_third_layer_begins_with_the_first(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    f->settings.every_nth_layer = 3;
    say_layers(f, 1, 8);
    expect_layers(f, 3, (const int[]){1, 4, 7});
}

static void layers_are_counted_also_when_their_numbers_go_down(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    f->settings.every_nth_layer = 2;
    say_layers(f, 1, 3);
    say_layers(f, 1, 3); /* the second object of a print one after another */
    expect_layers(f, 3, (const int[]){1, 3, 2});
}

static void the_count_begins_anew_with_the_next_print(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    f->settings.every_nth_layer = 5;
    say_layers(f, 1, 3);
    say(f, PRINTER_EVENT_JOB_STARTED, 0, 0);
    say_layers(f, 1, 3);
    expect_layers(f, 2, (const int[]){1, 1});
}

static void a_changed_every_nth_layer_counts_at_once(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    say_layers(f, 1, 2);
    f->settings.every_nth_layer = 10;
    say_layers(f, 3, 9);
    assert_int_equal(f->count, 2);
    say_layers(f, 10, 11);
    expect_layers(f, 3, (const int[]){1, 2, 11});
}

static void nothing_but_a_layer_is_a_layer(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER);

    say_everything_but(f, PRINTER_EVENT_LAYER);
    send(f, "12");
    assert_int_equal(f->count, 0);
}

/* --- pause --- */

static void a_pause_of_the_job_takes_a_frame(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_PAUSE);

    say(f, PRINTER_EVENT_JOB_PAUSED, 4, 4000);
    expect_layers(f, 1, (const int[]){-1});
    assert_string_equal(f->causes[0].name, "pause");
    assert_int_equal(f->causes[0].at_mono_us, 4000);
}

static void nothing_but_a_pause_is_a_pause(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_PAUSE);

    say_everything_but(f, PRINTER_EVENT_JOB_PAUSED);
    send(f, "1");
    assert_int_equal(f->count, 0);
}

/* --- mqtt --- */

static void a_message_that_is_a_whole_number_is_the_layer(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_MQTT);

    send(f, "0");
    send(f, "12");
    send(f, "2147483647");
    expect_layers(f, 3, (const int[]){0, 12, 2147483647});
    assert_string_equal(f->causes[1].name, "mqtt");
    assert_int_equal(f->causes[1].at_mono_us, 5);
}

static void any_other_message_takes_a_frame_of_no_layer(void **state)
{
    static const char *const payloads[] = {
        "", "PRESS", "-1", "1.5", "12 ", "2147483648", "00000000000000012", "0000000000000001x",
    };
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_MQTT);

    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        send(f, payloads[i]);
        assert_int_equal(f->count, i + 1);
        if (f->causes[i].layer != -1)
            fail_msg("'%s' became layer %d", payloads[i], f->causes[i].layer);
    }
}

static void bytes_behind_the_message_are_not_read(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_MQTT);
    char *payload = xmemdup("42", 2); /* no NUL: the address sanitizer watches */

    triggers_on_message(f->triggers, payload, 2, 0);
    triggers_on_message(f->triggers, NULL, 0, 0);
    triggers_on_message(f->triggers, "4\0002", 3, 0);
    free(payload);
    expect_layers(f, 3, (const int[]){42, -1, -1});
}

static void the_printer_sends_no_message(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_MQTT);

    for (int kind = PRINTER_EVENT_CHANGED; kind <= PRINTER_EVENT_ATTENTION; kind++)
        say(f, (enum printer_event_kind)kind, 1, 1);
    assert_int_equal(f->count, 0);
}

/* --- interval --- */

static void wait_for_count(struct fixture *f, int count)
{
    int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

    while (f->count < count && clock_mono_ms() < deadline_ms)
        loop_run_once(f->loop);
    assert_true(f->count >= count);
}

static void set_flag(void *user)
{
    *(bool *)user = true;
}

static void let_pass(struct fixture *f, int64_t ms)
{
    bool passed = false;
    struct timer *timer = timer_new(f->loop, set_flag, &passed);

    timer_start(timer, ms);
    while (!passed)
        loop_run_once(f->loop);
    timer_free(timer);
}

static void no_interval_before_frames_begin_nor_after(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);
    int count;

    let_pass(f, 3 * STEP_MS);
    assert_int_equal(f->count, 0);
    triggers_set_active(f->triggers, true);
    wait_for_count(f, 1);
    triggers_set_active(f->triggers, false);
    count = f->count;
    let_pass(f, 3 * STEP_MS);
    assert_int_equal(f->count, count);
}

static void the_first_interval_is_a_whole_one(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);
    int64_t began_ms = clock_mono_ms();

    triggers_set_active(f->triggers, true);
    wait_for_count(f, 1);
    assert_true(f->fired_at_ms[0] >= began_ms + ONE_STEP_MS);
    assert_string_equal(f->causes[0].name, "interval");
    assert_int_equal(f->causes[0].layer, -1);
    assert_true(f->causes[0].at_mono_us >= (began_ms + ONE_STEP_MS) * 1000);
    assert_true(f->causes[0].at_mono_us <= clock_mono_us());
}

static void a_pause_of_the_session_begins_the_grid_anew(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);
    int64_t resumed_ms;

    triggers_set_active(f->triggers, true);
    let_pass(f, STEP_MS / 2);
    triggers_set_active(f->triggers, false);
    f->count = 0;
    resumed_ms = clock_mono_ms();
    triggers_set_active(f->triggers, true);
    wait_for_count(f, 1);
    assert_true(f->fired_at_ms[0] >= resumed_ms + ONE_STEP_MS);
}

static void told_twice_that_frames_begin_it_keeps_its_grid(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);

    triggers_set_active(f->triggers, true);
    for (int i = 0; i < 4 * DEADLINE_MS / STEP_MS && f->count == 0; i++) {
        let_pass(f, STEP_MS / 4);
        triggers_set_active(f->triggers, true);
    }
    assert_true(f->count > 0);
}

/* Frames that take 60 % of the step: were the next one counted from the end of the last, it would
 * come at 160 %, 320 % …; most of these are far from the grid. */
static void slow_frames_do_not_shift_the_next_ones(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);
    int64_t began_ms = clock_mono_ms();
    int on_grid = 0, count = 10;

    f->busy_ms = STEP_MS * 6 / 10;
    triggers_set_active(f->triggers, true);
    wait_for_count(f, count);
    for (int i = 0; i < count; i++)
        on_grid += (f->fired_at_ms[i] - began_ms) % STEP_MS < STEP_MS / 4;
    if (on_grid <= count / 2)
        fail_msg("only %d of %d on the grid", on_grid, count);
}

static void a_loop_that_was_stuck_catches_up_with_one_frame(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_INTERVAL);
    int64_t began_ms, ended_ms;

    began_ms = clock_mono_ms();
    triggers_set_active(f->triggers, true);
    ended_ms = clock_mono_ms();
    f->busy_ms = 5 * STEP_MS / 2;
    wait_for_count(f, 4);
    for (int i = 1; i < f->count; i++) /* never two in one step of the grid */
        assert_true((f->fired_at_ms[i] - began_ms) / STEP_MS >
                    (f->fired_at_ms[i - 1] - ended_ms) / STEP_MS);
}

/* --- together --- */

static void a_unit_listens_to_what_it_asked_for_only(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_LAYER | UNIT_TRIGGER_MQTT);

    triggers_set_active(f->triggers, true);
    say_layers(f, 1, 1);
    say(f, PRINTER_EVENT_JOB_PAUSED, 1, 1);
    send(f, "2");
    let_pass(f, 2 * STEP_MS);
    expect_layers(f, 2, (const int[]){1, 2});
}

static void trigger_command_listens_to_nothing(void **state)
{
    struct fixture *f = open_triggers(state, UNIT_TRIGGER_COMMAND);

    triggers_set_active(f->triggers, true);
    for (int kind = PRINTER_EVENT_CHANGED; kind <= PRINTER_EVENT_ATTENTION; kind++)
        say(f, (enum printer_event_kind)kind, 1, 1);
    send(f, "2");
    let_pass(f, 2 * STEP_MS);
    assert_int_equal(f->count, 0);
}

/* The driver of a trigger is found by its bit, its word in the file by its place. */
static void drivers_have_the_words_of_the_configuration(void **state)
{
    static const struct trigger_driver *const drivers[] = {
        &trigger_layer_driver, &trigger_interval_driver, &trigger_pause_driver,
        &trigger_mqtt_driver};
    unsigned seen = UNIT_TRIGGER_COMMAND;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        int place = 0;

        while (unit_triggers[place] && !str_equal(unit_triggers[place], drivers[i]->name))
            place++;
        assert_int_equal(drivers[i]->bit, 1u << place);
        seen |= drivers[i]->bit;
    }
    for (unsigned place = 0; unit_triggers[place]; place++)
        assert_true(seen & 1u << place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_layer_takes_a_frame_newer_than_its_change),
        TEST(every_third_layer_begins_with_the_first),
        TEST(layers_are_counted_also_when_their_numbers_go_down),
        TEST(the_count_begins_anew_with_the_next_print),
        TEST(a_changed_every_nth_layer_counts_at_once),
        TEST(nothing_but_a_layer_is_a_layer),
        TEST(a_pause_of_the_job_takes_a_frame),
        TEST(nothing_but_a_pause_is_a_pause),
        TEST(a_message_that_is_a_whole_number_is_the_layer),
        TEST(any_other_message_takes_a_frame_of_no_layer),
        TEST(bytes_behind_the_message_are_not_read),
        TEST(the_printer_sends_no_message),
        TEST(no_interval_before_frames_begin_nor_after),
        TEST(the_first_interval_is_a_whole_one),
        TEST(a_pause_of_the_session_begins_the_grid_anew),
        TEST(told_twice_that_frames_begin_it_keeps_its_grid),
        TEST(slow_frames_do_not_shift_the_next_ones),
        TEST(a_loop_that_was_stuck_catches_up_with_one_frame),
        TEST(a_unit_listens_to_what_it_asked_for_only),
        TEST(trigger_command_listens_to_nothing),
        TEST(drivers_have_the_words_of_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
