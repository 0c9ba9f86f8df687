/* SPDX-License-Identifier: MIT */
/* test_loop: the promises of loop.h, above all those about freeing and about "never from inside".
 */
#include "agent/base/clock.h"
#include "agent/base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 5000, WORKERS = 7 };

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    int calls;
    int events;
    int pipe_fds[2];
    struct timer *timer;
    struct watch *watch;
    struct signal_watch *signal_watch;
    struct wake *wake;
    atomic_int ran;
    int64_t fired_at_us;
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;

    *f = (struct fixture){.pipe_fds = {-1, -1}};
    if (loop_new(&f->loop, NULL) < 0 || pipe(f->pipe_fds) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    timer_free(f->deadline);
    timer_free(f->timer);
    watch_free(f->watch);
    signal_watch_free(f->signal_watch);
    wake_free(f->wake);
    loop_free(f->loop);
    close(f->pipe_fds[0]);
    close(f->pipe_fds[1]);
    return 0;
}

static void run_until_calls(struct fixture *f, int calls)
{
    while (f->calls < calls && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->calls, calls);
}

static void run_for_ms(struct fixture *f, int64_t ms)
{
    f->late = false;
    timer_start(f->deadline, ms);
    while (!f->late)
        loop_run_once(f->loop);
}

static void block_for_ms(int64_t ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};

    nanosleep(&pause, NULL);
}

/* --- timer --- */

static void on_count(void *user)
{
    struct fixture *f = user;

    f->calls++;
    f->fired_at_us = clock_mono_us();
}

static void timer_of_delay_0_fires_later_but_not_inside_start(void **state)
{
    struct fixture *f = *state;

    f->timer = timer_new(f->loop, on_count, f);
    timer_start(f->timer, 0);
    assert_int_equal(f->calls, 0);
    assert_true(timer_active(f->timer));
    run_until_calls(f, 1);
    assert_false(timer_active(f->timer));
}

static void timer_counts_its_delay_from_now_not_from_the_rounds_begin(void **state)
{
    struct fixture *f = *state;
    int64_t started_us;

    run_for_ms(f, 1);
    f->late = false;
    timer_start(f->deadline, DEADLINE_MS);
    f->timer = timer_new(f->loop, on_count, f);
    block_for_ms(60);
    started_us = clock_mono_us();
    timer_start(f->timer, 50);
    run_until_calls(f, 1);
    /* libuv counts whole milliseconds, so one may be missing. */
    assert_true(f->fired_at_us - started_us >= 49000);
}

static void stopped_timer_does_not_fire(void **state)
{
    struct fixture *f = *state;

    f->timer = timer_new(f->loop, on_count, f);
    timer_start(f->timer, 10);
    timer_stop(f->timer);
    run_for_ms(f, 50);
    assert_int_equal(f->calls, 0);
}

static void on_count_to_three(void *user)
{
    struct fixture *f = user;

    if (++f->calls == 3)
        timer_stop(f->timer);
}

static void repeating_timer_repeats_until_stopped(void **state)
{
    struct fixture *f = *state;

    f->timer = timer_new(f->loop, on_count_to_three, f);
    timer_start_repeat(f->timer, 5);
    run_for_ms(f, 80);
    assert_int_equal(f->calls, 3);
}

static void on_fire_free_self(void *user)
{
    struct fixture *f = user;

    f->calls++;
    timer_free(f->timer);
    f->timer = NULL;
}

static void repeating_timer_may_free_itself(void **state)
{
    struct fixture *f = *state;

    f->timer = timer_new(f->loop, on_fire_free_self, f);
    timer_start_repeat(f->timer, 1);
    run_for_ms(f, 30);
    assert_int_equal(f->calls, 1);
}

static void timer_freed_by_another_due_in_the_same_round_does_not_fire(void **state)
{
    struct fixture *f = *state;
    struct timer *killer = timer_new(f->loop, on_fire_free_self, f);

    f->timer = timer_new(f->loop, on_count, f);
    timer_start(killer, 1);
    timer_start(f->timer, 1);
    block_for_ms(10);
    run_for_ms(f, 20);
    assert_int_equal(f->calls, 1);
    timer_free(killer);
}

/* --- loop --- */

static void run_once_returns_after_a_timer_that_was_due_already(void **state)
{
    struct fixture *f = *state;
    int64_t before_ms = clock_mono_ms();

    f->timer = timer_new(f->loop, on_count, f);
    timer_start(f->timer, 0);
    loop_run_once(f->loop);
    assert_int_equal(f->calls, 1);
    assert_in_range(clock_mono_ms() - before_ms, 0, DEADLINE_MS / 2);
}

static void on_stop(void *user)
{
    struct fixture *f = user;

    f->calls++;
    loop_stop(f->loop);
}

static void loop_runs_until_stopped(void **state)
{
    struct fixture *f = *state;

    f->timer = timer_new(f->loop, on_stop, f);
    timer_start(f->timer, 20);
    loop_run(f->loop);
    assert_int_equal(f->calls, 1);
    assert_false(f->late);
}

static void on_block(void *user)
{
    struct fixture *f = user;

    f->calls++;
    block_for_ms(120);
}

static void lag_shows_a_blocking_callback_but_not_waiting(void **state)
{
    struct fixture *f = *state;

    run_for_ms(f, 200);
    assert_in_range(loop_worst_lag_ms(f->loop), 0, 100);
    block_for_ms(150); /* outside the loop: not its fault */
    run_for_ms(f, 10);
    assert_in_range(loop_worst_lag_ms(f->loop), 0, 100);
    f->timer = timer_new(f->loop, on_block, f);
    timer_start(f->timer, 1);
    run_for_ms(f, 200);
    assert_in_range(loop_worst_lag_ms(f->loop), 119, 1000);
}

static void idle_loop_sleeps(void **state)
{
    struct fixture *f = *state;
    struct rusage before, after;

    getrusage(RUSAGE_THREAD, &before);
    run_for_ms(f, 500);
    getrusage(RUSAGE_THREAD, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 10);
}

/* --- watch --- */

static void on_ready_note(int events, void *user)
{
    struct fixture *f = user;

    f->calls++;
    f->events = events;
}

static void watch_is_level_triggered(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(write(f->pipe_fds[1], "x", 1), 1);
    f->watch = watch_new(f->loop, f->pipe_fds[0], on_ready_note, f);
    watch_start(f->watch, WATCH_READ);
    run_until_calls(f, 3); /* nobody reads */
    assert_int_equal(f->events, WATCH_READ);
}

static void stopped_watch_is_silent_and_can_be_started_again(void **state)
{
    struct fixture *f = *state;

    f->watch = watch_new(f->loop, f->pipe_fds[1], on_ready_note, f);
    watch_start(f->watch, WATCH_WRITE);
    watch_stop(f->watch);
    run_for_ms(f, 20);
    assert_int_equal(f->calls, 0);
    f->late = false;
    timer_start(f->deadline, DEADLINE_MS);
    watch_start(f->watch, WATCH_WRITE);
    run_until_calls(f, 1);
    assert_int_equal(f->events, WATCH_WRITE);
}

static void error_of_a_descriptor_reports_all_asked_for_again_and_again(void **state)
{
    struct fixture *f = *state;

    close(f->pipe_fds[0]); /* a pipe without a reader has an error */
    f->pipe_fds[0] = -1;
    f->watch = watch_new(f->loop, f->pipe_fds[1], on_ready_note, f);
    watch_start(f->watch, WATCH_WRITE);
    run_until_calls(f, 3);
    assert_int_equal(f->events, WATCH_WRITE);
}

static void on_ready_free_self(int events, void *user)
{
    struct fixture *f = user;

    (void)events;
    f->calls++;
    watch_free(f->watch);
    f->watch = NULL;
}

static void watch_may_free_itself_and_its_descriptor_be_used_again(void **state)
{
    struct fixture *f = *state;

    f->watch = watch_new(f->loop, f->pipe_fds[1], on_ready_free_self, f);
    watch_start(f->watch, WATCH_WRITE);
    run_until_calls(f, 1);
    f->watch = watch_new(f->loop, f->pipe_fds[1], on_ready_free_self, f);
    watch_start(f->watch, WATCH_WRITE);
    run_until_calls(f, 2);
}

/* --- signal --- */

static void on_signal_free_self(int signum, void *user)
{
    struct fixture *f = user;

    f->calls++;
    f->events = signum;
    signal_watch_free(f->signal_watch);
    f->signal_watch = NULL;
}

static void signal_arrives_on_the_loop(void **state)
{
    struct fixture *f = *state;

    f->signal_watch = signal_watch_new(f->loop, SIGUSR1, on_signal_free_self, f);
    raise(SIGUSR1);
    assert_int_equal(f->calls, 0);
    run_until_calls(f, 1);
    assert_int_equal(f->events, SIGUSR1);
}

/* --- work --- */

static void work_run(void *user)
{
    struct fixture *f = user;

    block_for_ms(20);
    atomic_fetch_add(&f->ran, 1);
}

static void work_until_pipe_closes(void *user)
{
    struct fixture *f = user;
    char byte;

    atomic_fetch_add(&f->ran, 1);
    (void)!read(f->pipe_fds[0], &byte, 1);
}

static void on_nothing(void *user)
{
    (void)user;
}

/* Must be the first that has work. */
static void as_many_works_run_at_once_as_there_are_workers(void **state)
{
    struct fixture *f = *state;

    loop_set_workers(WORKERS);
    f->timer = timer_new(f->loop, on_nothing, f);
    timer_start_repeat(f->timer, 5);
    for (int i = 0; i < WORKERS; i++)
        loop_work(f->loop, work_until_pipe_closes, on_count, f);
    while (atomic_load(&f->ran) < WORKERS && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(atomic_load(&f->ran), WORKERS);
    close(f->pipe_fds[1]);
    f->pipe_fds[1] = -1;
    run_until_calls(f, WORKERS);
}

static void work_runs_elsewhere_then_done_on_the_loop(void **state)
{
    struct fixture *f = *state;

    loop_work(f->loop, work_run, on_count, f);
    assert_int_equal(f->calls, 0);
    run_until_calls(f, 1);
    assert_int_equal(atomic_load(&f->ran), 1);
}

static void on_worked_more(void *user)
{
    struct fixture *f = user;

    f->calls++;
    loop_work(f->loop, work_run, on_count, f);
}

static void loop_free_waits_for_works_and_those_that_they_start(void **state)
{
    struct fixture *f = *state;
    struct fixture own = {0};

    assert_int_equal(loop_new(&own.loop, NULL), 0);
    for (int i = 0; i < 8; i++)
        loop_work(own.loop, work_run, on_worked_more, &own);
    loop_free(own.loop);
    assert_int_equal(own.calls, 16);
    assert_int_equal(atomic_load(&own.ran), 16);
    assert_int_equal(f->calls, 0);
}

/* --- wake --- */

static void *send_thread(void *user)
{
    struct fixture *f = user;

    wake_send(f->wake);
    return NULL;
}

static void wake_reaches_the_loop_from_another_thread(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    f->wake = wake_new(f->loop, on_count, f);
    assert_int_equal(pthread_create(&thread, NULL, send_thread, f), 0);
    run_until_calls(f, 1);
    pthread_join(thread, NULL);
}

static void wake_freed_with_a_send_pending_does_not_call(void **state)
{
    struct fixture *f = *state;

    f->wake = wake_new(f->loop, on_count, f);
    wake_send(f->wake);
    wake_free(f->wake);
    f->wake = NULL;
    run_for_ms(f, 20);
    assert_int_equal(f->calls, 0);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    timer_free(NULL);
    watch_free(NULL);
    signal_watch_free(NULL);
    wake_free(NULL);
    loop_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_many_works_run_at_once_as_there_are_workers),
        TEST(timer_of_delay_0_fires_later_but_not_inside_start),
        TEST(timer_counts_its_delay_from_now_not_from_the_rounds_begin),
        TEST(stopped_timer_does_not_fire),
        TEST(repeating_timer_repeats_until_stopped),
        TEST(repeating_timer_may_free_itself),
        TEST(timer_freed_by_another_due_in_the_same_round_does_not_fire),
        TEST(run_once_returns_after_a_timer_that_was_due_already),
        TEST(loop_runs_until_stopped),
        TEST(lag_shows_a_blocking_callback_but_not_waiting),
        TEST(idle_loop_sleeps),
        TEST(watch_is_level_triggered),
        TEST(stopped_watch_is_silent_and_can_be_started_again),
        TEST(error_of_a_descriptor_reports_all_asked_for_again_and_again),
        TEST(watch_may_free_itself_and_its_descriptor_be_used_again),
        TEST(signal_arrives_on_the_loop),
        TEST(work_runs_elsewhere_then_done_on_the_loop),
        TEST(loop_free_waits_for_works_and_those_that_they_start),
        TEST(wake_reaches_the_loop_from_another_thread),
        TEST(wake_freed_with_a_send_pending_does_not_call),
        TEST(freeing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
