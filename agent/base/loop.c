/* SPDX-License-Identifier: MIT */
/* loop: libuv behind five nouns.
 *
 * Each object embeds its libuv handle in a heap block of its own. _free closes the handle, after
 * which libuv calls none of its callbacks any more; the block itself goes in the close callback,
 * one round later. That is why an object may free itself from its own callback.
 *
 * The lag is measured without a timer, so that an idle loop sleeps: between two prepare steps lie
 * one wait for events and everything that was run because of them. libuv counts the waiting
 * (UV_METRICS_IDLE_TIME), the rest is the time that a new event would have had to wait.
 *
 * Creating a handle fails only by a mistake of ours (a regular file, a descriptor that is watched
 * already, no such signal) or when the kernel is out of memory or descriptors at the very start:
 * both abort, like any failed allocation. */
#include "agent/base/loop.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum {
    LAG_SLOT_S = 10,
    LAG_SLOTS = 7, /* one more than a minute holds: the newest is not yet full */
    CLOSE_ROUNDS = 16,
    WORKERS_MAX = 1024, /* libuv's */
};

struct lag_slot {
    uint64_t number; /* the uptime in units of LAG_SLOT_S */
    uint64_t worst_ns;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uint64_t measured_at_ns, measured_idle_ns;
    struct lag_slot lag[LAG_SLOTS];
    size_t works;
    bool once; /* in loop_run_once() */
};

static void check_uv(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "lapsed: %s: %s\n", what, uv_strerror(rc));
    abort();
}

static void on_closed_free(uv_handle_t *handle)
{
    free(handle->data);
}

/* data is the block to free once libuv has let go of the handle. */
static void close_handle(uv_handle_t *handle, void *data)
{
    handle->data = data;
    uv_close(handle, on_closed_free);
}

/* --- lag --- */

static uint64_t slot_number(uint64_t now_ns)
{
    return now_ns / 1000000000 / LAG_SLOT_S;
}

static void lag_rebase(struct loop *loop)
{
    loop->measured_at_ns = uv_hrtime();
    loop->measured_idle_ns = uv_metrics_idle_time(&loop->uv);
}

static void lag_measure(struct loop *loop)
{
    uint64_t since_ns = loop->measured_at_ns, idle_ns = loop->measured_idle_ns;
    uint64_t total_ns, waited_ns, number;
    struct lag_slot *slot;

    lag_rebase(loop);
    total_ns = loop->measured_at_ns - since_ns;
    waited_ns = loop->measured_idle_ns - idle_ns;
    number = slot_number(loop->measured_at_ns);
    slot = &loop->lag[number % LAG_SLOTS];
    if (slot->number != number)
        *slot = (struct lag_slot){.number = number};
    if (total_ns > waited_ns)
        slot->worst_ns = MAX(slot->worst_ns, total_ns - waited_ns);
}

static void on_prepare(uv_prepare_t *prepare)
{
    lag_measure(prepare->data);
}

int64_t loop_worst_lag_ms(const struct loop *loop)
{
    uint64_t number = slot_number(uv_hrtime()), worst_ns = 0;

    for (size_t i = 0; i < LAG_SLOTS; i++)
        if (loop->lag[i].number + LAG_SLOTS > number)
            worst_ns = MAX(worst_ns, loop->lag[i].worst_ns);
    return (int64_t)(worst_ns / 1000000);
}

/* --- loop --- */

int loop_new(struct loop **ret_loop, struct error *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    int rc = uv_loop_init(&loop->uv);

    if (rc < 0) {
        free(loop);
        return error_set(err, rc, "event loop: %s", uv_strerror(rc));
    }
    check_uv(uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME), "loop metrics");
    /* It also keeps the loop running while nothing else is there. */
    check_uv(uv_prepare_init(&loop->uv, &loop->prepare), "loop prepare");
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    int rc = UV_EBUSY;

    if (!loop)
        return;
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    while (loop->works > 0)
        uv_run(&loop->uv, UV_RUN_ONCE);
    for (int round = 0; round < CLOSE_ROUNDS && rc == UV_EBUSY; round++) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        rc = uv_loop_close(&loop->uv);
    }
    assert(rc == 0 && "an object of the loop was not freed");
    /* A forgotten object still points into the loop: a leak harms less than freeing it. */
    if (rc == 0)
        free(loop);
}

static void run(struct loop *loop, uv_run_mode mode)
{
    lag_rebase(loop);
    uv_run(&loop->uv, mode);
    lag_measure(loop);
}

void loop_run(struct loop *loop)
{
    run(loop, UV_RUN_DEFAULT);
}

void loop_run_once(struct loop *loop)
{
    loop->once = true;
    run(loop, UV_RUN_ONCE);
    loop->once = false;
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

/* --- timer --- */

struct timer {
    uv_timer_t uv;
    timer_fn on_fire;
    void *user;
};

static void on_timer(uv_timer_t *uv)
{
    struct timer *timer = uv->data;
    struct loop *loop = CONTAINER_OF(uv->loop, struct loop, uv);

    /* A timer that is due at the start of a round does not count as its event for libuv, which
     * would go on to wait for another one. */
    if (loop->once)
        loop_stop(loop);
    timer->on_fire(timer->user);
}

struct timer *timer_new(struct loop *loop, timer_fn on_fire, void *user)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));

    check_uv(uv_timer_init(&loop->uv, &timer->uv), "timer");
    timer->uv.data = timer;
    timer->on_fire = on_fire;
    timer->user = user;
    return timer;
}

void timer_free(struct timer *timer)
{
    if (timer)
        close_handle((uv_handle_t *)&timer->uv, timer);
}

static void start(struct timer *timer, int64_t delay_ms, int64_t period_ms)
{
    /* libuv counts from the time at which this round began, which a long callback makes old. */
    uv_update_time(timer->uv.loop);
    uv_timer_start(&timer->uv, on_timer, (uint64_t)MAX(delay_ms, 0), (uint64_t)period_ms);
}

void timer_start(struct timer *timer, int64_t delay_ms)
{
    start(timer, delay_ms, 0);
}

void timer_start_repeat(struct timer *timer, int64_t period_ms)
{
    /* libuv takes a period of 0 for "once". */
    start(timer, MAX(period_ms, 1), MAX(period_ms, 1));
}

void timer_stop(struct timer *timer)
{
    uv_timer_stop(&timer->uv);
}

bool timer_active(const struct timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->uv);
}

/* --- watch --- */

struct watch {
    uv_poll_t uv;
    int asked;
    watch_fn on_ready;
    void *user;
};

static int to_uv_events(int events)
{
    return (events & WATCH_READ ? UV_READABLE : 0) | (events & WATCH_WRITE ? UV_WRITABLE : 0);
}

static void on_poll(uv_poll_t *uv, int status, int uv_events)
{
    struct watch *watch = uv->data;
    int events =
        (uv_events & UV_READABLE ? WATCH_READ : 0) | (uv_events & UV_WRITABLE ? WATCH_WRITE : 0);

    if (status < 0) {
        /* libuv has stopped it; started again it stays level triggered on errors, too. */
        events = watch->asked;
        watch_start(watch, watch->asked);
    }
    watch->on_ready(events, watch->user);
}

struct watch *watch_new(struct loop *loop, int fd, watch_fn on_ready, void *user)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));

    check_uv(uv_poll_init(&loop->uv, &watch->uv, fd), "watching a descriptor");
    watch->uv.data = watch;
    watch->on_ready = on_ready;
    watch->user = user;
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch)
        close_handle((uv_handle_t *)&watch->uv, watch);
}

void watch_start(struct watch *watch, int events)
{
    watch->asked = events;
    check_uv(uv_poll_start(&watch->uv, to_uv_events(events), on_poll), "watching a descriptor");
}

void watch_stop(struct watch *watch)
{
    watch->asked = 0;
    uv_poll_stop(&watch->uv);
}

/* --- signal --- */

struct signal_watch {
    uv_signal_t uv;
    signal_fn on_signal;
    void *user;
};

static void on_uv_signal(uv_signal_t *uv, int signum)
{
    struct signal_watch *watch = uv->data;

    watch->on_signal(signum, watch->user);
}

struct signal_watch *signal_watch_new(struct loop *loop, int signum, signal_fn on_signal,
                                      void *user)
{
    struct signal_watch *watch = xcalloc(1, sizeof(*watch));

    check_uv(uv_signal_init(&loop->uv, &watch->uv), "signal");
    watch->uv.data = watch;
    watch->on_signal = on_signal;
    watch->user = user;
    check_uv(uv_signal_start(&watch->uv, on_uv_signal, signum), "signal");
    return watch;
}

void signal_watch_free(struct signal_watch *watch)
{
    if (watch)
        close_handle((uv_handle_t *)&watch->uv, watch);
}

/* --- work --- */

struct work {
    uv_work_t uv;
    struct loop *loop;
    work_fn run, done;
    void *user;
};

static void on_work(uv_work_t *uv)
{
    struct work *work = uv->data;

    work->run(work->user);
}

/* libuv has no other way: docs.libuv.org, threadpool. Our children never see our environment. */
void loop_set_workers(size_t count)
{
    char text[8];

    snprintf(text, sizeof(text), "%zu", MIN(count, (size_t)WORKERS_MAX));
    check_uv(uv_os_setenv("UV_THREADPOOL_SIZE", text), "workers");
}

static void on_worked(uv_work_t *uv, int status)
{
    struct work *work = uv->data;

    (void)status; /* never cancelled */
    work->loop->works--;
    work->done(work->user);
    free(work);
}

void loop_work(struct loop *loop, work_fn run_fn, work_fn done, void *user)
{
    struct work *work = xcalloc(1, sizeof(*work));

    work->uv.data = work;
    work->loop = loop;
    work->run = run_fn;
    work->done = done;
    work->user = user;
    loop->works++;
    check_uv(uv_queue_work(&loop->uv, &work->uv, on_work, on_worked), "work");
}

/* --- wake --- */

struct wake {
    uv_async_t uv;
    wake_fn on_wake;
    void *user;
};

static void on_async(uv_async_t *uv)
{
    struct wake *wake = uv->data;

    wake->on_wake(wake->user);
}

struct wake *wake_new(struct loop *loop, wake_fn on_wake, void *user)
{
    struct wake *wake = xcalloc(1, sizeof(*wake));

    check_uv(uv_async_init(&loop->uv, &wake->uv, on_async), "wake");
    wake->uv.data = wake;
    wake->on_wake = on_wake;
    wake->user = user;
    return wake;
}

void wake_free(struct wake *wake)
{
    if (wake)
        close_handle((uv_handle_t *)&wake->uv, wake);
}

void wake_send(struct wake *wake)
{
    uv_async_send(&wake->uv);
}
