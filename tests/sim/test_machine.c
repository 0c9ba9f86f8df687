/* SPDX-License-Identifier: MIT */
/* test_machine: the firmware's rules, without a clock: the tests say what time it is. */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/sim/printer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000)

enum { EVENTS_MAX = 400, LAYERS = 10 };

struct seen {
    enum machine_event_kind kind;
    int64_t at_ms;
    char what[32];
    enum machine_by by;
    int layer, shown;
    bool again;
};

struct fixture {
    struct printer printer;
    struct seen seen[EVENTS_MAX];
    int count;
};

static void on_machine(const struct machine_event *event, void *user)
{
    struct fixture *f = user;
    struct seen *seen = &f->seen[f->count++];

    assert_true(f->count < EVENTS_MAX);
    *seen = (struct seen){.kind = event->kind,
                          .at_ms = event->at_us / 1000,
                          .by = event->by,
                          .layer = event->layer,
                          .shown = event->shown,
                          .again = event->again};
    snprintf(seen->what, sizeof(seen->what), "%s", event->what);
}

static void on_printer(const struct printer_event *event, void *user)
{
    (void)event;
    (void)user;
}

static struct machine_config usual(void)
{
    return (struct machine_config){
        .firmware = 35,
        .boot_us = 500 * MS,
        .heat_us = 500 * MS,
        .stop_us = 40 * MS,
        .pausing_us = 300 * MS,
        .resuming_us = 300 * MS,
        .cancelling_us = 300 * MS,
        .finishing_us = 200 * MS,
        .lookahead_us = 150 * MS,
        .move_mm_s = 200,
    };
}

static struct fixture *fixture_new(const struct machine_config *machine)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    const struct printer_config config = {
        .machine = *machine, .on_machine = on_machine, .on_event = on_printer, .user = f};

    printer_init(&f->printer, &config);
    return f;
}

static void fixture_free(struct fixture *f)
{
    printer_done(&f->printer);
    free(f);
}

static const struct machine_job JOB = {
    .name = "0:/gcodes/benchy.gcode", .layers = LAYERS, .layer_us = 1000 * MS};

/* A job of ten layers of 1 s, the first at 500 ms. */
static struct fixture *printing(const struct machine_config *machine)
{
    struct fixture *f = fixture_new(machine);

    assert_int_equal(machine_start_job(&f->printer.machine, &JOB), 0);
    return f;
}

static void at(struct fixture *f, int64_t ms)
{
    printer_advance(&f->printer, ms * MS);
}

static void put(struct fixture *f, const char *gcode)
{
    assert_int_equal(printer_put_gcode(&f->printer, gcode), 0);
    printer_advance(&f->printer, f->printer.machine.at_us);
}

static void assert_reply(struct fixture *f, const char *expected)
{
    CLEANUP(free_p) char *reply = printer_take_reply(&f->printer);

    assert_string_equal(reply, expected);
}

static void assert_reply_has(struct fixture *f, const char *part)
{
    CLEANUP(free_p) char *reply = printer_take_reply(&f->printer);

    assert_non_null(strstr(reply, part));
}

static void assert_status(const struct fixture *f, const char *status)
{
    assert_string_equal(machine_status(&f->printer.machine), status);
}

static int count_notes(const struct fixture *f, const char *what)
{
    int count = 0;

    for (int i = 0; i < f->count; i++)
        count += f->seen[i].kind == EVENT_NOTE && str_equal(f->seen[i].what, what);
    return count;
}

/* The times at which the layers were counted, as text: "1@500 2@1350". */
static char *layers_seen(const struct fixture *f)
{
    struct buf text = BUF_INIT(4096);
    size_t len;

    for (int i = 0; i < f->count; i++) {
        if (f->seen[i].kind == EVENT_LAYER)
            (void)!buf_printf(&text, "%d/%d@%lld%s ", f->seen[i].layer, f->seen[i].shown,
                              (long long)f->seen[i].at_ms, f->seen[i].again ? "!" : "");
    }
    (void)!buf_append(&text, "", 1);
    return (char *)buf_take(&text, &len);
}

/* --- time --- */

static void layers_come_at_the_same_times_however_rarely_one_looks(void **state)
{
    const struct machine_config config = usual();
    struct fixture *often = printing(&config), *once = printing(&config);

    (void)state;
    for (int64_t ms = 0; ms <= 12000; ms += 7)
        at(often, ms);
    at(once, 12000);
    {
        CLEANUP(free_p) char *a = layers_seen(often);
        CLEANUP(free_p) char *b = layers_seen(once);

        assert_string_equal(a, b);
        assert_true(str_starts_with(a, "1/1@500 2/2@1350 3/3@2350 "));
    }
    fixture_free(often);
    fixture_free(once);
}

static void a_job_goes_through_its_states_and_ends_by_itself(void **state)
{
    static const char *const expected[] = {"processing", "busy", "idle"};
    static const int64_t times_ms[] = {0, 10500, 10700};
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);
    size_t found = 0;

    (void)state;
    at(f, 20000);
    for (int i = 0; i < f->count; i++) {
        if (f->seen[i].kind != EVENT_STATUS)
            continue;
        assert_true(found < ARRAY_LEN(expected));
        assert_string_equal(f->seen[i].what, expected[found]);
        assert_int_equal(f->seen[i].at_ms, times_ms[found++]);
    }
    assert_int_equal(found, ARRAY_LEN(expected));
    fixture_free(f);
}

static void the_layer_is_unknown_while_it_heats(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 499);
    assert_status(f, "processing");
    assert_int_equal(f->printer.machine.layer_shown, 0);
    at(f, 500);
    assert_int_equal(f->printer.machine.layer_shown, 1);
    fixture_free(f);
}

static void a_looping_job_starts_again_after_the_gap(void **state)
{
    struct machine_config config = usual();
    struct fixture *f;

    (void)state;
    config.loop = true;
    config.gap_us = 1000 * MS;
    f = printing(&config);
    at(f, 11499);
    assert_false(f->printer.machine.has_job);
    at(f, 11500);
    assert_true(f->printer.machine.has_job);
    assert_int_equal(f->printer.machine.job_serial, 2);
    fixture_free(f);
}

/* --- pausing and resuming --- */

static void m25_answers_when_it_is_paused_and_m24_when_it_prints(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    put(f, "M25");
    assert_status(f, "pausing");
    at(f, 1299);
    assert_reply(f, "");
    at(f, 1300);
    assert_status(f, "paused");
    assert_reply_has(f, "Printing paused at X");
    put(f, "M24");
    assert_status(f, "resuming");
    at(f, 1600);
    assert_status(f, "processing");
    assert_reply(f, "Printing resumed\n");
    fixture_free(f);
}

static void the_head_stands_shortly_after_m25_and_comes_back_with_m24(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);
    double at_stop[MACHINE_AXES], parked[MACHINE_AXES], back[MACHINE_AXES];

    (void)state;
    at(f, 1000);
    put(f, "M25");
    at(f, 1039);
    assert_false(machine_stands(&f->printer.machine));
    at(f, 1040);
    assert_true(machine_stands(&f->printer.machine));
    at(f, 1300);
    machine_head(&f->printer.machine, at_stop);
    put(f, "G90\nG1 X10 Y190 F12000\nM400");
    at(f, 5000);
    machine_head(&f->printer.machine, parked);
    assert_true(parked[0] == 10 && parked[1] == 190);
    put(f, "M24");
    at(f, 5300);
    machine_head(&f->printer.machine, back);
    assert_memory_equal(back, at_stop, sizeof(back));
    fixture_free(f);
}

static void m24_is_ignored_while_pausing_and_while_resuming(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    assert_int_equal(machine_pause(&f->printer.machine, BY_USER), 0);
    at(f, 1100);
    put(f, "M24");
    assert_reply(f, "\n");
    at(f, 5000);
    assert_status(f, "paused");
    assert_int_equal(machine_resume(&f->printer.machine, BY_USER), 0);
    put(f, "M24");
    assert_reply(f, "\n");
    assert_status(f, "resuming");
    assert_int_equal(count_notes(f, "m24_ignored"), 2);
    fixture_free(f);
}

static void m25_is_refused_when_paused_and_without_a_job(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    put(f, "M25");
    at(f, 2000);
    assert_reply_has(f, "Printing paused");
    put(f, "M25");
    assert_reply(f, "Error: M25: Printing is already paused!\n");
    assert_int_equal(machine_cancel(&f->printer.machine, BY_SIM), 0);
    at(f, 3000);
    put(f, "M25");
    assert_reply(f, "Error: M25: Cannot pause print, because no file is being printed!\n");
    fixture_free(f);
}

static void a_pause_inside_a_macro_comes_late_and_blames_somebody_else(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    machine_enter_macro(&f->printer.machine, 2000 * MS);
    put(f, "M25");
    at(f, 2999);
    assert_status(f, "processing");
    assert_reply(f, "");
    at(f, 3000);
    assert_status(f, "pausing");
    assert_reply(f, "Error: M25: Printing is already paused!\n");
    at(f, 3300);
    assert_status(f, "paused");
    assert_int_equal(f->printer.machine.phase_by, BY_HTTP);
    fixture_free(f);
}

static void m24_starts_the_selected_file_when_nothing_is_paused(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    put(f, "M24");
    assert_reply(f, "Error: M24: Cannot print, because no file is selected!\n");
    machine_plan_job(&f->printer.machine, &JOB, MACHINE_NEVER_US);
    put(f, "M23 other.gcode");
    assert_reply(f, "File 0:/gcodes/other.gcode selected for printing\n");
    put(f, "M24");
    assert_status(f, "processing");
    assert_string_equal(f->printer.machine.job.name, "0:/gcodes/other.gcode");
    assert_int_equal(count_notes(f, "m24_started_file"), 1);
    fixture_free(f);
}

static void m0_cancels_only_a_paused_job(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    put(f, "M0");
    assert_reply(f, "Error: M0: Pause the print before attempting to cancel it\n");
    put(f, "M25\nM0");
    at(f, 1300);
    assert_status(f, "cancelling");
    at(f, 1600);
    assert_status(f, "idle");
    assert_false(f->printer.machine.has_job);
    fixture_free(f);
}

static void m226_by_http_is_refused_from_3_5_and_pauses_before(void **state)
{
    struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    put(f, "M226");
    assert_reply(f, "Error: M226: use M226 and M601 only within a file being printed\n");
    assert_status(f, "processing");
    fixture_free(f);
    config.firmware = 34;
    f = printing(&config);
    at(f, 1000);
    put(f, "M226");
    assert_status(f, "pausing");
    fixture_free(f);
}

static void swallowed_commands_are_answered_as_if_nothing_were(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    f->printer.machine.ignore_pauses = 1;
    f->printer.machine.ignore_resumes = 1;
    at(f, 1000);
    put(f, "M25");
    assert_status(f, "processing");
    put(f, "M25");
    at(f, 1300);
    assert_status(f, "paused");
    put(f, "M24");
    at(f, 2000);
    assert_status(f, "paused");
    put(f, "M24");
    at(f, 2300);
    assert_status(f, "processing");
    fixture_free(f);
}

/* --- layers and the file --- */

/* Paused when the comment of layer 2 (head there at 1500) was read, but not reached. */
static struct fixture *paused_after_layer_change(bool counts_changes)
{
    struct machine_config config = usual();
    struct fixture *f;

    config.counts_changes = counts_changes;
    f = printing(&config);
    at(f, 1400);
    assert_int_equal(f->printer.machine.layer_shown, 2);
    put(f, "M25");
    at(f, 2000);
    put(f, "M24");
    at(f, 2400);
    return f;
}

static void layer_change_comments_are_counted_twice_after_a_pause(void **state)
{
    struct fixture *f = paused_after_layer_change(true);

    (void)state;
    assert_int_equal(f->printer.machine.layer_shown, 3);
    assert_int_equal(f->printer.machine.layer_reached, 2);
    at(f, 30000);
    {
        CLEANUP(free_p) char *layers = layers_seen(f);

        assert_non_null(strstr(layers, "2/2@1350 2/3@2300! 3/4@"));
    }
    fixture_free(f);
}

static void numbered_comments_stay_right_after_a_pause(void **state)
{
    struct fixture *f = paused_after_layer_change(false);

    (void)state;
    assert_int_equal(f->printer.machine.layer_shown, 2);
    fixture_free(f);
}

static void a_pause_in_the_middle_of_a_layer_counts_nothing_twice(void **state)
{
    struct machine_config config = usual();
    struct fixture *f;

    (void)state;
    config.counts_changes = true;
    f = printing(&config);
    at(f, 1000);
    put(f, "M25");
    at(f, 2000);
    put(f, "M24");
    at(f, 2400);
    assert_int_equal(f->printer.machine.layer_shown, 1);
    fixture_free(f);
}

static void the_file_position_rises_and_goes_back_at_a_pause(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);
    int64_t before, position;

    (void)state;
    at(f, 900);
    before = machine_file_position(&f->printer.machine);
    at(f, 1000);
    position = machine_file_position(&f->printer.machine);
    assert_true(position > before);
    put(f, "M25");
    assert_true(machine_file_position(&f->printer.machine) < position);
    at(f, 5000);
    position = machine_file_position(&f->printer.machine);
    put(f, "M24");
    at(f, 5300);
    assert_true(machine_file_position(&f->printer.machine) > position);
    fixture_free(f);
}

static void m226_in_the_file_pauses_at_the_layer_and_counts_it_once(void **state)
{
    struct machine_config config = usual();
    struct fixture *f;

    (void)state;
    config.m226_every = 2;
    config.counts_changes = true;
    f = printing(&config);
    at(f, 2499);
    assert_status(f, "processing");
    at(f, 2500);
    assert_status(f, "pausing");
    assert_int_equal(f->printer.machine.phase_by, BY_FILE);
    assert_int_equal(f->printer.machine.layer_shown, 3);
    at(f, 2800);
    assert_status(f, "paused");
    put(f, "M24");
    at(f, 3200);
    assert_status(f, "processing");
    assert_int_equal(f->printer.machine.layer_shown, 3);
    at(f, 5100);
    assert_status(f, "pausing");
    assert_int_equal(f->printer.machine.layer_shown, 5);
    fixture_free(f);
}

static void a_blocking_box_holds_the_job_until_it_is_answered(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    machine_open_box(&f->printer.machine, "title", "text", 2, MACHINE_NEVER_US);
    at(f, 60000);
    assert_status(f, "processing");
    assert_int_equal(f->printer.machine.layer_shown, 1);
    put(f, "M292 P0 S1");
    at(f, 61000);
    assert_int_equal(f->printer.machine.layer_shown, 2);
    fixture_free(f);
}

/* --- the channel --- */

static void commands_wait_for_the_one_before(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    put(f, "G1 X100 F6000\nM400\nM118 P3 S\"tl-7\"");
    assert_status(f, "busy");
    at(f, 999);
    assert_reply(f, "\n");
    at(f, 1000);
    assert_reply(f, "\ntl-7\n");
    assert_status(f, "idle");
    fixture_free(f);
}

static void every_command_counts_one_reply_even_an_empty_one(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    put(f, "G90\nG91\nM400");
    assert_int_equal(f->printer.seq_reply, 3);
    assert_reply(f, "\n\n\n");
    fixture_free(f);
}

static void what_does_not_fit_the_ring_is_refused_whole(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);
    char line[GCODE_LINE_MAX];

    (void)state;
    memset(line, ';', sizeof(line));
    line[251] = '\0';
    put(f, "G4 S10");
    assert_int_equal(printer_put_gcode(&f->printer, line), 0);
    assert_int_equal(printer_ring_free(&f->printer), 3);
    assert_int_equal(printer_put_gcode(&f->printer, "M25"), -ENOBUFS);
    assert_int_equal(printer_ring_free(&f->printer), 3);
    assert_int_equal(printer_put_gcode(&f->printer, "M0"), 0);
    fixture_free(f);
}

static void m121_brings_back_what_m120_kept(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    put(f, "G91\nM120\nG90\nM121");
    assert_true(f->printer.modal.relative);
    assert_reply_has(f, "");
    put(f, "M121");
    assert_reply_has(f, "Error: M121: ");
    fixture_free(f);
}

static void replies_stay_until_every_session_had_them(void **state)
{
    const struct session_client one = {.address = 1}, two = {.address = 2};
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    assert_true(sessions_authorise(&f->printer.sessions, &one, 0));
    assert_true(sessions_authorise(&f->printer.sessions, &two, 0));
    put(f, "M118 P3 S\"hello\"");
    assert_reply(f, "hello\n");
    assert_reply(f, "hello\n");
    assert_reply(f, "");
    fixture_free(f);
}

static void replies_that_one_session_took_go_after_8_s(void **state)
{
    const struct session_client one = {.address = 1}, two = {.address = 2};
    const struct machine_config config = usual();
    struct fixture *f = fixture_new(&config);

    (void)state;
    assert_true(sessions_authorise(&f->printer.sessions, &one, 0));
    assert_true(sessions_authorise(&f->printer.sessions, &two, 0));
    put(f, "M118 P3 S\"hello\"");
    assert_reply(f, "hello\n");
    at(f, 8001);
    assert_reply(f, "");
    fixture_free(f);
}

static void a_halted_machine_takes_hardly_anything(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);

    (void)state;
    at(f, 1000);
    put(f, "G4 S60\nM112");
    assert_status(f, "halted");
    assert_false(f->printer.machine.has_job);
    assert_reply_has(f, "Emergency Stop");
    put(f, "M25");
    assert_reply(f, "Error: M25: Machine is halted\n");
    put(f, "M999");
    at(f, 1600);
    assert_status(f, "idle");
    fixture_free(f);
}

static void a_reboot_loses_the_job_and_the_uptime(void **state)
{
    const struct machine_config config = usual();
    struct fixture *f = printing(&config);
    int64_t uptime_ms;

    (void)state;
    at(f, 5000);
    uptime_ms = machine_uptime_ms(&f->printer.machine);
    machine_reboot(&f->printer.machine);
    assert_status(f, "starting");
    assert_true(machine_uptime_ms(&f->printer.machine) < uptime_ms);
    at(f, 5500);
    assert_status(f, "idle");
    assert_false(f->printer.machine.has_job);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_come_at_the_same_times_however_rarely_one_looks),
        cmocka_unit_test(a_job_goes_through_its_states_and_ends_by_itself),
        cmocka_unit_test(the_layer_is_unknown_while_it_heats),
        cmocka_unit_test(a_looping_job_starts_again_after_the_gap),
        cmocka_unit_test(m25_answers_when_it_is_paused_and_m24_when_it_prints),
        cmocka_unit_test(the_head_stands_shortly_after_m25_and_comes_back_with_m24),
        cmocka_unit_test(m24_is_ignored_while_pausing_and_while_resuming),
        cmocka_unit_test(m25_is_refused_when_paused_and_without_a_job),
        cmocka_unit_test(a_pause_inside_a_macro_comes_late_and_blames_somebody_else),
        cmocka_unit_test(m24_starts_the_selected_file_when_nothing_is_paused),
        cmocka_unit_test(m0_cancels_only_a_paused_job),
        cmocka_unit_test(m226_by_http_is_refused_from_3_5_and_pauses_before),
        cmocka_unit_test(swallowed_commands_are_answered_as_if_nothing_were),
        cmocka_unit_test(layer_change_comments_are_counted_twice_after_a_pause),
        cmocka_unit_test(numbered_comments_stay_right_after_a_pause),
        cmocka_unit_test(a_pause_in_the_middle_of_a_layer_counts_nothing_twice),
        cmocka_unit_test(the_file_position_rises_and_goes_back_at_a_pause),
        cmocka_unit_test(m226_in_the_file_pauses_at_the_layer_and_counts_it_once),
        cmocka_unit_test(a_blocking_box_holds_the_job_until_it_is_answered),
        cmocka_unit_test(commands_wait_for_the_one_before),
        cmocka_unit_test(every_command_counts_one_reply_even_an_empty_one),
        cmocka_unit_test(what_does_not_fit_the_ring_is_refused_whole),
        cmocka_unit_test(m121_brings_back_what_m120_kept),
        cmocka_unit_test(replies_stay_until_every_session_had_them),
        cmocka_unit_test(replies_that_one_session_took_go_after_8_s),
        cmocka_unit_test(a_halted_machine_takes_hardly_anything),
        cmocka_unit_test(a_reboot_loses_the_job_and_the_uptime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
