/* SPDX-License-Identifier: MIT */
#include "agent/unit/shot.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>

struct exposure {
    struct shot_run *run;
    struct shot *pending;
    struct shot_picture result;
    struct picture_waiter waiter;
};

struct shot_run {
    struct shot_plan plan;
    shot_done_fn done;
    void *user;
    struct printer_hold *hold;
    bool held, parked;
    struct error hold_error;
    size_t waiting;
    struct exposure *exposures; /* one per camera */
};

static void let_printer_go(struct shot_run *run)
{
    if (run->hold)
        printer_release(TAKE(run->hold));
}

static void run_free(struct shot_run *run)
{
    for (size_t i = 0; i < run->plan.camera_count; i++) {
        picture_waiter_done(&run->exposures[i].waiter);
        picture_unref(run->exposures[i].result.picture);
    }
    free(run->exposures);
    free(run);
}

static void finish(struct shot_run *run)
{
    struct shot_picture *pictures = xcalloc(run->plan.camera_count, sizeof(*pictures));
    struct shot_result result = {
        .pictures = pictures,
        .held = run->held,
        .parked = run->parked,
        .hold_error = run->hold_error.code < 0 ? &run->hold_error : NULL,
    };

    for (size_t i = 0; i < run->plan.camera_count; i++)
        pictures[i] = run->exposures[i].result;
    run->done(&result, run->user);
    free(pictures);
    run_free(run);
}

/* Somebody may have sent the printer on while the camera took its time. */
static void look_whether_it_stood(struct shot_run *run)
{
    if (run->held && !printer_paused_by_us(run->plan.printer))
        run->held = run->parked = false;
}

/* It came after the trigger, but shows what was long before: no frame. */
static void refuse_frozen(struct exposure *exposure)
{
    const struct shot_run *run = exposure->run;
    const struct camera *camera = run->plan.cameras[exposure - run->exposures];

    error_set(&exposure->result.error, -ESTALE,
              "%s: the same picture as before; is the camera frozen?", camera_id(camera));
}

static void count_down(void *user)
{
    struct exposure *exposure = user;
    struct shot_run *run = exposure->run;

    if (--run->waiting > 0)
        return;
    look_whether_it_stood(run);
    let_printer_go(run);
    finish(run);
}

static void on_picture(struct picture *picture, const struct error *err, void *user)
{
    struct exposure *exposure = user;
    struct shot_run *run = exposure->run;

    exposure->pending = NULL;
    if (!picture)
        exposure->result.error = *err;
    else if (picture->stale)
        refuse_frozen(exposure);
    else
        exposure->result.picture = picture_ref(picture);
    if (!run->plan.look || !exposure->result.picture || !picture_await(picture, &exposure->waiter))
        count_down(exposure);
}

static void expose(struct shot_run *run, int64_t not_before_mono_us)
{
    run->waiting = run->plan.camera_count;
    for (size_t i = 0; i < run->plan.camera_count; i++) {
        struct exposure *exposure = &run->exposures[i];

        exposure->pending =
            camera_shoot(run->plan.cameras[i], not_before_mono_us, 0, on_picture, exposure);
    }
}

static void on_held(int result, bool parked, int64_t held_at_mono_us, const struct error *err,
                    void *user)
{
    struct shot_run *run = user;

    if (result < 0) {
        run->hold_error = *err;
        run->hold_error.code = result;
        let_printer_go(run);
        expose(run, run->plan.trigger_at_mono_us);
        return;
    }
    run->held = true;
    run->parked = parked;
    expose(run, held_at_mono_us);
}

struct shot_run *shot_start(const struct shot_plan *plan, shot_done_fn done, void *user)
{
    struct shot_run *run = xcalloc(1, sizeof(*run));

    run->plan = *plan;
    run->done = done;
    run->user = user;
    run->exposures = xcalloc(plan->camera_count, sizeof(*run->exposures));
    for (size_t i = 0; i < plan->camera_count; i++) {
        run->exposures[i].run = run;
        picture_waiter_init(&run->exposures[i].waiter, count_down, &run->exposures[i]);
    }
    if (plan->printer)
        run->hold = printer_hold(plan->printer, &run->plan.hold, on_held, run);
    else
        expose(run, plan->trigger_at_mono_us);
    return run;
}

void shot_cancel(struct shot_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->plan.camera_count; i++)
        camera_cancel(run->exposures[i].pending);
    let_printer_go(run);
    run_free(run);
}
