/* SPDX-License-Identifier: MIT */
/* loop: the event loop and its five nouns: timer, watch, signal, work, wake.
 *
 * A facade over libuv: handles are opaque, and _free is synchronous for the caller: when it returns,
 * no callback of that object will run any more (the memory goes later, in libuv's close callback).
 * NULL is fine for every _free. All of it belongs to the loop thread but wake_send() and the run
 * function of a work. Nothing that blocks may run on the loop thread. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "agent/base/error.h"

struct loop;

int loop_new(struct loop **ret_loop, struct error *err) MUST_CHECK;
/* Every object on the loop must have been freed before; waits for works that still run (their done
 * functions run too). */
void loop_free(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
/* Runs what is ready and waits for at most one round of events, for tests: "wait until" loops. */
void loop_run_once(struct loop *loop);
void loop_stop(struct loop *loop);

/* The longest that an event waited for the loop in the last minute; the loop measures itself. */
int64_t loop_worst_lag_ms(const struct loop *loop);

/* --- timer: once or repeating, on the monotonic clock --- */
struct timer;
typedef void (*timer_fn)(void *user);

struct timer *timer_new(struct loop *loop, timer_fn on_fire, void *user) MUST_CHECK;
void timer_free(struct timer *timer);
/* (Re)starts it; delay 0 = as soon as the loop comes round, never from inside this call. */
void timer_start(struct timer *timer, int64_t delay_ms);
void timer_start_repeat(struct timer *timer, int64_t period_ms);
void timer_stop(struct timer *timer);
bool timer_active(const struct timer *timer);

/* --- watch: a file descriptor becomes readable or writable (level triggered) --- */
struct watch;
enum watch_events { WATCH_READ = 1, WATCH_WRITE = 2 };
/* events: what is ready; on an error of the descriptor all that was asked for. */
typedef void (*watch_fn)(int events, void *user);

struct watch *watch_new(struct loop *loop, int fd, watch_fn on_ready, void *user) MUST_CHECK;
void watch_free(struct watch *watch); /* does not close fd; free it before closing fd */
void watch_start(struct watch *watch, int events);
void watch_stop(struct watch *watch);

/* --- signal --- */
struct signal_watch;
typedef void (*signal_fn)(int signum, void *user);

struct signal_watch *signal_watch_new(struct loop *loop, int signum, signal_fn on_signal,
                                      void *user) MUST_CHECK;
void signal_watch_free(struct signal_watch *watch);

/* --- work: run() on a worker thread, then done() on the loop thread --- */
/* So many works may run at once, up to 1024 (libuv's 4 when never said). Counts only before the
 * first loop_work() of the process. */
void loop_set_workers(size_t count);
typedef void (*work_fn)(void *user);

/* done always comes, exactly once, also during loop_free(); user must live until then. */
void loop_work(struct loop *loop, work_fn run, work_fn done, void *user);

/* --- wake: another thread calls the loop --- */
struct wake;
typedef void (*wake_fn)(void *user);

struct wake *wake_new(struct loop *loop, wake_fn on_wake, void *user) MUST_CHECK;
void wake_free(struct wake *wake); /* no other thread may call wake_send() any more */
void wake_send(struct wake *wake); /* any thread; several sends may become one call */

#endif
