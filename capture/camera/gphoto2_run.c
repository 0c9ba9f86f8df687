/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_run.h"

#include "agent/base/mem.h"
#include "capture/camera/gphoto2_room.h"
#include "capture/camera/gphoto2_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 8, WORDS_MAX = 64 };

struct gphoto2_run {
    struct gphoto2_turn turn;
    struct loop *loop;
    struct gphoto2_order order; /* words and dir are owned copies */
    char *words[WORDS_MAX + 1];
    char *dir; /* NULL: the room's */
    struct gphoto2_room room;
    struct process *process;
    struct timer *wait_timer;
    gphoto2_done_fn done;
    void *user;
};

static void run_free(struct gphoto2_run *run)
{
    gphoto2_turn_end(&run->turn);
    gphoto2_room_leave(&run->room, run->loop);
    timer_free(run->wait_timer);
    for (size_t i = 0; run->words[i]; i++)
        free(run->words[i]);
    free(run->dir);
    free(run);
}

static void tell(struct gphoto2_run *run, const struct process_result *process,
                 const struct error *error)
{
    struct gphoto2_outcome outcome = {
        .process = process,
        .error = error,
        .dir = run->dir ? run->dir : run->room.files,
    };

    gphoto2_turn_end(&run->turn);
    run->done(&outcome, run->user);
    run_free(run);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct gphoto2_run *run = user;
    struct error err = {0};

    run->process = NULL;
    gphoto2_check_result(result, run->order.timeout_ms, &err);
    tell(run, result, &err);
}

static int start_child(struct gphoto2_run *run, struct error *err)
{
    const char *argv[GPHOTO2_PREFIX_MAX + WORDS_MAX + 1];
    const char *env[] = {run->room.home_setting, NULL};
    struct process_config config = {
        .argv = argv,
        .env = env,
        .dir = run->dir ? run->dir : run->room.files,
        .stdout_max_bytes = run->order.stdout_max_bytes,
        .timeout_ms = run->order.timeout_ms,
    };
    size_t count = 0;

    gphoto2_device_prefix(run->turn.device, argv);
    while (argv[count])
        count++;
    memcpy(argv + count, run->words, sizeof(run->words));
    return process_start(run->loop, &config, on_ended, run, &run->process, err);
}

static void on_turn(void *user)
{
    struct gphoto2_run *run = user;
    struct error err = {0};
    int rc = gphoto2_room_make(&run->room, &err);

    timer_stop(run->wait_timer);
    if (rc == 0)
        rc = start_child(run, &err);
    if (rc < 0)
        tell(run, NULL, &err);
}

static void on_waited(void *user)
{
    struct gphoto2_run *run = user;
    struct error err = {0};

    error_set(&err, -ETIME, "the camera was busy with something else for %lld ms",
              (long long)run->order.wait_ms);
    tell(run, NULL, &err);
}

static int copy_words(struct gphoto2_run *run, const char *const *words, struct error *err)
{
    for (size_t i = 0; words[i]; i++) {
        if (i == WORDS_MAX)
            return error_set(err, -E2BIG, "more than %d words for gphoto2", WORDS_MAX);
        run->words[i] = xstrdup(words[i]);
    }
    return 0;
}

int gphoto2_run_start(struct gphoto2_device *device, const struct gphoto2_order *order,
                      gphoto2_done_fn done, void *user, struct gphoto2_run **ret_run,
                      struct error *err)
{
    struct gphoto2_run *run;
    int rc;

    if (gphoto2_device_waiting(device) >= WAITING_MAX)
        return error_set(err, -EBUSY, "%d runs of gphoto2 wait for this camera already",
                         WAITING_MAX);
    run = xcalloc(1, sizeof(*run));
    run->loop = gphoto2_device_loop(device);
    run->order = *order;
    run->dir = order->dir ? xstrdup(order->dir) : NULL;
    run->done = done;
    run->user = user;
    gphoto2_turn_init(&run->turn, device, on_turn, NULL, run);
    rc = copy_words(run, order->words, err);
    if (rc < 0) {
        run_free(run);
        return rc;
    }
    run->wait_timer = timer_new(run->loop, on_waited, run);
    timer_start(run->wait_timer, order->wait_ms);
    gphoto2_turn_ask(&run->turn);
    *ret_run = run;
    return 0;
}

void gphoto2_run_free(struct gphoto2_run *run)
{
    if (!run)
        return;
    process_free(TAKE(run->process));
    run_free(run);
}
