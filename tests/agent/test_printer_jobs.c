/* SPDX-License-Identifier: MIT */
/* The job tracker: stories of what a printer shows, line by line, and the events they must give. */
#include "agent/printer/job_tracker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SIZE 100000

enum what { PLAIN, OURS, DRY_RUN };

struct line {
    double at_s;
    enum printer_state state;
    enum what what;
    const char *file; /* NULL: none */
    int64_t position, elapsed;
    int layer;
    const char *events; /* "start", "found" (it ran already), "layer 3", "paused", "done" … */
};

static void append(char *text, size_t size, const char *word)
{
    size_t len = strlen(text);

    (void)!snprintf(text + len, size - len, "%s%s", len ? ", " : "", word);
}

static void describe(const struct job_events *events, char *ret_text, size_t size)
{
    char layer[32];

    ret_text[0] = '\0';
    for (size_t i = 0; i < events->count; i++) {
        const struct printer_event *event = &events->items[i];

        if (event->kind == PRINTER_EVENT_JOB_STARTED)
            append(ret_text, size, event->resumed_job ? "found" : "start");
        if (event->kind == PRINTER_EVENT_JOB_PAUSED)
            append(ret_text, size, "paused");
        if (event->kind == PRINTER_EVENT_JOB_ENDED)
            append(ret_text, size, printer_job_end_name(event->end));
        (void)!snprintf(layer, sizeof(layer), "layer %d", event->layer);
        if (event->kind == PRINTER_EVENT_LAYER)
            append(ret_text, size, layer);
    }
}

static struct printer_view make_view(const struct line *line)
{
    struct printer_view view = {.state = line->state,
                                .simulating = line->what == DRY_RUN,
                                .job_size_bytes = line->file ? SIZE : 0,
                                .job_position_bytes = line->position,
                                .job_elapsed_s = line->elapsed,
                                .layer = line->layer ? line->layer : -1};

    (void)!snprintf(view.job_file, sizeof(view.job_file), "%s", line->file ? line->file : "");
    view.state_at_mono_us = view.job_at_mono_us = (int64_t)((line->at_s + 1) * 1e6);
    return view;
}

static void tell(struct job_tracker *tracker, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct printer_view view = make_view(&lines[i]);
        struct job_events events;
        char text[200];

        job_tracker_feed(tracker, &view, lines[i].what == OURS, false, view.state_at_mono_us,
                         &events);
        describe(&events, text, sizeof(text));
        if (strcmp(text, lines[i].events) != 0)
            fail_msg("line %zu (%.1f s): '%s', wanted '%s'", i, lines[i].at_s, text,
                     lines[i].events);
    }
}

#define STORY(name, ...)                                                                           \
    static void name(void **test)                                                                  \
    {                                                                                              \
        static const struct line lines[] = {__VA_ARGS__};                                          \
        struct job_tracker tracker = {0};                                                          \
                                                                                                   \
        (void)test;                                                                                \
        tell(&tracker, lines, ARRAY_LEN(lines));                                                   \
    }

#define IDLE    PRINTER_IDLE, PLAIN, NULL, -1, -1, 0
#define RUN     PRINTER_PRINTING, PLAIN, "a.g"
#define DRY     PRINTER_PRINTING, DRY_RUN, "a.g"
#define PAUSED  PRINTER_PAUSED, PLAIN, "a.g"
#define HELD    PRINTER_PAUSED, OURS, "a.g"
#define PAUSING PRINTER_PAUSING, PLAIN, "a.g"

STORY(a_print_from_start_to_end, {0, IDLE, ""}, {1, RUN, 10, 0, 0, "start"},
      {2, RUN, 500, 1, 1, "layer 1"}, {3, RUN, 900, 2, 1, ""}, {4, RUN, 30000, 60, 2, "layer 2"},
      {5, RUN, 99990, 100, 2, ""}, {6, PRINTER_BUSY, PLAIN, NULL, -1, -1, 0, "done"}, {7, IDLE, ""})

STORY(a_job_that_starts_with_its_first_layer_shown, {0, IDLE, ""},
      {1, RUN, 500, 1, 1, "start, layer 1"})

STORY(a_job_found_running_gives_no_layer_until_the_next, {0, RUN, 50000, 600, 57, "found"},
      {1, RUN, 50100, 601, 57, ""}, {2, RUN, 51000, 602, 58, "layer 58"})

STORY(a_job_found_before_its_first_layer, {0, RUN, 100, 5, 0, "found"},
      {1, RUN, 500, 6, 1, "layer 1"})

STORY(a_job_found_paused, {0, PAUSED, 50000, 600, 57, "found, paused"},
      {1, PAUSED, 50000, 601, 57, ""})

STORY(cancelled_by_way_of_a_pause, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {100, RUN, 50000, 100, 20, "layer 20"}, {100.2, PAUSING, 50000, 100, 20, ""},
      {100.4, PAUSED, 49900, 100, 20, "paused"},
      {101, PRINTER_CANCELLING, PLAIN, NULL, -1, -1, 0, "cancelled"}, {102, IDLE, ""})

STORY(cancelled_without_the_word_as_in_3_3, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {100, PAUSED, 99900, 100, 1, "paused"}, {101, IDLE, "cancelled"})

STORY(cancelled_between_two_looks, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {600, RUN, 50000, 600, 1, ""}, {601, IDLE, "cancelled"})

STORY(ended_unseen_right_after_our_resume, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {100, RUN, 98000, 99, 1, ""}, {101, HELD, 98100, 100, 1, ""}, {108, IDLE, "done"})

STORY(ended_unseen_right_after_a_persons_resume, {0, IDLE, ""},
      {1, RUN, 10, 0, 1, "start, layer 1"}, {100, PAUSED, 98000, 99, 1, "paused"},
      {101, PRINTER_RESUMING, PLAIN, "a.g", 98000, 100, 1, ""}, {106, IDLE, "done"})

STORY(cancelled_in_our_pause_far_from_the_end, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {100, RUN, 50000, 99, 1, ""}, {101, HELD, 50100, 100, 1, ""}, {105, IDLE, "cancelled"})

STORY(a_halted_printer_has_lost_its_job, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {2, PRINTER_ERROR, PLAIN, NULL, -1, -1, 0, "lost"})

STORY(our_own_pause_is_no_event, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {2, HELD, 20, 1, 1, ""}, {3, RUN, 30, 2, 1, ""}, {4, PAUSED, 40, 3, 1, "paused"})

STORY(the_same_file_again_is_another_job, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {2, RUN, 99500, 60, 1, ""}, {3, RUN, 500, 0, 1, "done, start, layer 1"})

STORY(another_file_ends_the_job_and_starts_one, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {200, RUN, 20000, 200, 1, ""},
      {201, PRINTER_PRINTING, PLAIN, "b.g", 20100, 201, 1, "lost, start, layer 1"})

STORY(the_end_while_nobody_looked, {0, RUN, 50000, 1000, 5, "found"}, {1, RUN, 50050, 1001, 5, ""},
      {4000, IDLE, "done"})

STORY(gone_too_early_while_nobody_looked, {0, RUN, 50000, 1000, 5, "found"},
      {1, RUN, 50050, 1001, 5, ""}, {60, IDLE, "lost"})

STORY(the_same_job_after_a_long_silence_goes_on, {0, RUN, 50000, 1000, 5, "found"},
      {600, RUN, 80000, 1600, 9, "layer 9"})

STORY(a_job_that_began_while_nobody_looked, {0, IDLE, ""}, {60, RUN, 5000, 50, 3, "found"},
      {61, RUN, 6000, 51, 4, "layer 4"})

STORY(a_dry_run_is_no_job, {0, IDLE, ""}, {1, DRY, 10, 0, 1, ""}, {2, DRY, 10, 0, 9, ""},
      {3, IDLE, ""})

STORY(one_object_after_the_other, {0, IDLE, ""}, {1, RUN, 10, 0, 1, "start, layer 1"},
      {2, RUN, 1000, 1, 2, "layer 2"}, {3, RUN, 2000, 2, 1, "layer 1"},
      {4, RUN, 3000, 3, 2, "layer 2"})

STORY(a_pause_at_a_layer_change_does_not_trigger_itself, {0, IDLE, ""},
      {1, RUN, 10, 0, 1, "start, layer 1"}, {2, RUN, 5000, 1, 2, "layer 2"},
      {2.5, HELD, 3000, 1, 2, ""}, {3, RUN, 5100, 2, 3, ""}, {4, RUN, 9000, 3, 4, "layer 3"})

static void a_reboot_loses_the_job(void **test)
{
    static const struct line before[] = {{0, IDLE, ""}, {1, RUN, 99999, 100, 3, "start, layer 3"}};
    static const struct line after[] = {{2, IDLE, ""}, {3, RUN, 10, 0, 1, "start, layer 1"}};
    struct job_tracker tracker = {0};
    struct job_events events;
    char text[200];

    (void)test;
    tell(&tracker, before, ARRAY_LEN(before));
    job_tracker_reboot(&tracker, 2000000, &events);
    describe(&events, text, sizeof(text));
    assert_string_equal(text, "lost");
    assert_false(tracker.finished);
    tell(&tracker, after, ARRAY_LEN(after));
}

static void finished_lasts_until_the_next_job(void **test)
{
    static const struct line first[] = {
        {0, IDLE, ""}, {1, RUN, 99999, 100, 3, "start, layer 3"}, {2, IDLE, "done"}, {9, IDLE, ""}};
    static const struct line second[] = {{10, RUN, 10, 0, 1, "start, layer 1"}};
    struct job_tracker tracker = {0};

    (void)test;
    tell(&tracker, first, ARRAY_LEN(first));
    assert_true(tracker.finished);
    tell(&tracker, second, ARRAY_LEN(second));
    assert_false(tracker.finished);
}

static void an_old_job_part_says_nothing_new(void **test)
{
    struct line line = {0, RUN, 10, 0, 1, ""};
    struct printer_view view = make_view(&line);
    struct job_tracker tracker = {0};
    struct job_events events;

    (void)test;
    job_tracker_feed(&tracker, &view, false, false, 1000000, &events);
    view.layer = 9; /* cannot be: the job was not read since */
    view.state_at_mono_us += 250000;
    job_tracker_feed(&tracker, &view, false, false, 1250000, &events);
    assert_int_equal(events.count, 0);
    assert_int_equal(job_tracker_layer(&tracker), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_print_from_start_to_end),
        cmocka_unit_test(a_job_that_starts_with_its_first_layer_shown),
        cmocka_unit_test(a_job_found_running_gives_no_layer_until_the_next),
        cmocka_unit_test(a_job_found_before_its_first_layer),
        cmocka_unit_test(a_job_found_paused),
        cmocka_unit_test(cancelled_by_way_of_a_pause),
        cmocka_unit_test(cancelled_without_the_word_as_in_3_3),
        cmocka_unit_test(cancelled_between_two_looks),
        cmocka_unit_test(ended_unseen_right_after_our_resume),
        cmocka_unit_test(ended_unseen_right_after_a_persons_resume),
        cmocka_unit_test(cancelled_in_our_pause_far_from_the_end),
        cmocka_unit_test(a_halted_printer_has_lost_its_job),
        cmocka_unit_test(our_own_pause_is_no_event),
        cmocka_unit_test(the_same_file_again_is_another_job),
        cmocka_unit_test(another_file_ends_the_job_and_starts_one),
        cmocka_unit_test(the_end_while_nobody_looked),
        cmocka_unit_test(gone_too_early_while_nobody_looked),
        cmocka_unit_test(the_same_job_after_a_long_silence_goes_on),
        cmocka_unit_test(a_job_that_began_while_nobody_looked),
        cmocka_unit_test(a_dry_run_is_no_job),
        cmocka_unit_test(one_object_after_the_other),
        cmocka_unit_test(a_pause_at_a_layer_change_does_not_trigger_itself),
        cmocka_unit_test(a_reboot_loses_the_job),
        cmocka_unit_test(finished_lasts_until_the_next_job),
        cmocka_unit_test(an_old_job_part_says_nothing_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
