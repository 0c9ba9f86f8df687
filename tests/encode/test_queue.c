/* SPDX-License-Identifier: MIT */
#include "encode/queue.h"

#include "agent/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct loop *loop;
    struct encode_settings settings;
    struct encode_queue *queue;
    char turns[16]; /* whose turn came, in order */
};

struct customer {
    struct fixture *f;
    char name;
    struct encode_slot *slot;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    f->settings = (struct encode_settings){.max_encoders = 1, .max_queued = 8};
    f->queue = encode_queue_new(f->loop, &f->settings);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    encode_queue_free(f->queue);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_turn(void *user)
{
    struct customer *customer = user;

    customer->f->turns[strlen(customer->f->turns)] = customer->name;
}

static struct customer request(struct fixture *f, char name)
{
    return (struct customer){.f = f, .name = name};
}

static void on_wake(void *user)
{
    bool *woken = user;

    *woken = true;
}

/* Several rounds, each ended by a timer, so that an idle loop does not wait for ever. */
static void run(struct fixture *f)
{
    for (int round = 0; round < 5; round++) {
        bool woken = false;
        struct timer *timer = timer_new(f->loop, on_wake, &woken);

        timer_start(timer, 0);
        while (!woken)
            loop_run_once(f->loop);
        timer_free(timer);
    }
}

static void no_more_run_than_allowed_and_urgent_ones_go_first(void **state)
{
    struct fixture *f = *state;
    struct customer a = request(f, 'a'), b = request(f, 'b'), u = request(f, 'u');
    int running, waiting;

    a.slot = encode_slot_request(f->queue, false, on_turn, &a);
    assert_string_equal(f->turns, ""); /* never from inside the call */
    run(f);
    assert_string_equal(f->turns, "a");
    b.slot = encode_slot_request(f->queue, false, on_turn, &b);
    u.slot = encode_slot_request(f->queue, true, on_turn, &u);
    run(f);
    encode_queue_counts(f->queue, &running, &waiting);
    assert_int_equal(running, 1);
    assert_int_equal(waiting, 2);
    encode_slot_release(a.slot);
    run(f);
    assert_string_equal(f->turns, "au");
    encode_slot_release(u.slot);
    run(f);
    assert_string_equal(f->turns, "aub");
    encode_slot_release(b.slot);
}

static void a_slot_given_back_while_waiting_gets_no_turn(void **state)
{
    struct fixture *f = *state;
    struct customer a = request(f, 'a'), b = request(f, 'b');

    a.slot = encode_slot_request(f->queue, false, on_turn, &a);
    b.slot = encode_slot_request(f->queue, false, on_turn, &b);
    run(f);
    encode_slot_release(b.slot);
    encode_slot_release(a.slot);
    run(f);
    assert_string_equal(f->turns, "a");
}

static void a_missing_program_is_found_when_it_comes(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    f->settings.ffmpeg = xstrdup("/nonexistent/ffmpeg");
    assert_null(encode_queue_ffmpeg(f->queue, &err));
    assert_int_equal(err.code, -ENOENT);
    assert_non_null(strstr(err.text, "install"));
    replace_str(&f->settings.ffmpeg, "/bin/sh");
    assert_string_equal(encode_queue_ffmpeg(f->queue, NULL), "/bin/sh");
    free(f->settings.ffmpeg);
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(no_more_run_than_allowed_and_urgent_ones_go_first),
        QUEUE_TEST(a_slot_given_back_while_waiting_gets_no_turn),
        QUEUE_TEST(a_missing_program_is_found_when_it_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
