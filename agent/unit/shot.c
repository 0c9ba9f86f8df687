/* SPDX-License-Identifier: MIT */
#include "agent/unit/shot.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>

/* When no camera of the unit answered the last time: one may be back. */
enum { HOPE_MS = 1000 };

struct part { /* of one camera */
    struct shot_run *run;
    const struct camera *camera;
    struct exposure *exposure; /* NULL: not in the plan, or its picture has come */
    int64_t patient_until_us;
    struct shot_result result;
    struct picture_waiter waiter;
};

struct shot_run {
    struct shot_plan plan;
    struct shot_events events;
    void *user;
    struct printer_hold *hold;
    bool held, parked;
    bool free; /* nobody is waited for any more */
    struct timer *patience;
    size_t waiting;
    bool hopeless;      /* no camera answered the last time */
    struct part *parts; /* one per camera */
};

static void let_printer_go(struct shot_run *run)
{
    if (run->hold)
        printer_release(TAKE(run->hold));
}

static void run_free(struct shot_run *run)
{
    for (size_t i = 0; i < run->plan.camera_count; i++) {
        picture_waiter_done(&run->parts[i].waiter);
        picture_unref(run->parts[i].result.picture);
    }
    timer_free(run->patience);
    free(run->parts);
    free(run);
}

/* --- who is waited for --- */

static int64_t patient_until_us(const struct shot_run *run)
{
    int64_t until_us = 0;

    for (size_t i = 0; i < run->plan.camera_count; i++)
        if (run->parts[i].exposure)
            until_us = MAX(until_us, run->parts[i].patient_until_us);
    return until_us;
}

static void look_who_is_waited_for(struct shot_run *run)
{
    int64_t left_us = patient_until_us(run) - clock_mono_us();

    if (run->free)
        return;
    if (left_us > 0) {
        timer_start(run->patience, (left_us + 999) / 1000);
        return;
    }
    run->free = true;
    let_printer_go(run);
    run->events.on_free(run->user);
}

static void on_patience(void *user)
{
    look_who_is_waited_for(user);
}

/* One that did not answer the last time is asked, too, but waited for only when all are like that.
 */
static void be_patient_with(struct part *part)
{
    int64_t patience_ms = part->run->hopeless ? HOPE_MS : exposure_patience_ms(part->exposure);

    part->patient_until_us = clock_mono_us() + patience_ms * 1000;
}

static void be_patient(struct shot_run *run)
{
    run->hopeless = true;
    for (size_t i = 0; i < run->plan.camera_count; i++)
        if (run->parts[i].exposure && exposure_patience_ms(run->parts[i].exposure) > 0)
            run->hopeless = false;
    for (size_t i = 0; i < run->plan.camera_count; i++)
        if (run->parts[i].exposure)
            be_patient_with(&run->parts[i]);
    look_who_is_waited_for(run);
}

/* Its light has come on, or never will. */
static void on_step(void *user)
{
    struct part *part = user;

    be_patient_with(part);
    look_who_is_waited_for(part->run);
}

/* --- pictures --- */

/* Somebody may have sent the printer on while the camera took its time. */
static bool stood(const struct shot_run *run)
{
    return run->held && run->hold && printer_paused_by_us(run->plan.printer);
}

/* It came after the trigger, but shows what was long before: no frame. */
static void refuse_stale(const struct camera *camera, struct error *err)
{
    error_set(err, -ESTALE, "%s: the same picture as before; is the camera frozen?",
              camera_id(camera));
}

/* The receiver is the last to be called: it may cancel the run. */
static void deliver(void *user)
{
    struct part *part = user;
    struct shot_run *run = part->run;
    const struct shot_events events = run->events;
    void *receiver = run->user;
    const struct shot_result result = part->result;
    bool last = --run->waiting == 0;

    part->result.picture = NULL;
    if (last)
        run_free(run);
    events.on_picture(&result, last, receiver);
    picture_unref(result.picture);
}

static void on_picture(struct picture *picture, const struct error *err, enum exposure_light light,
                       void *user)
{
    struct part *part = user;
    struct shot_run *run = part->run;
    struct shot_result *result = &part->result;

    result->held = stood(run);
    result->parked = result->held && run->parked;
    result->light = light;
    if (!picture)
        result->error = *err;
    else if (picture->stale)
        refuse_stale(part->camera, &result->error);
    else
        result->picture = picture_ref(picture);
    part->exposure = NULL;
    look_who_is_waited_for(run);
    if (!run->plan.look || !result->picture || !picture_await(picture, &part->waiter))
        deliver(part);
}

static void expose(struct shot_run *run, int64_t not_before_mono_us)
{
    for (size_t i = 0; i < run->plan.camera_count; i++)
        if (run->parts[i].exposure)
            exposure_go(run->parts[i].exposure, not_before_mono_us);
    be_patient(run);
}

static void on_held(int result, bool parked, int64_t held_at_mono_us, const struct error *err,
                    void *user)
{
    struct shot_run *run = user;

    if (result < 0) {
        let_printer_go(run);
        run->events.on_unheld(err, run->user);
        expose(run, run->plan.trigger_at_mono_us);
        return;
    }
    run->held = true;
    run->parked = parked;
    expose(run, held_at_mono_us);
}

/* --- life --- */

static const struct exposure_events exposure_events = {.on_step = on_step,
                                                       .on_picture = on_picture};

static void make_parts(struct shot_run *run, const struct shot_plan *plan)
{

    run->parts = xcalloc(plan->camera_count, sizeof(*run->parts));
    for (size_t i = 0; i < plan->camera_count; i++) {
        struct part *part = &run->parts[i];

        *part = (struct part){.run = run, .camera = plan->cameras[i], .result = {.camera = i}};
        picture_waiter_init(&part->waiter, deliver, part);
        if (!plan->cameras[i])
            continue;
        run->waiting++;
        part->exposure = exposure_new(plan->lights, plan->cameras[i], &exposure_events, part);
    }
}

struct shot_run *shot_start(const struct shot_plan *plan, const struct shot_events *events,
                            void *user)
{
    struct shot_run *run = xcalloc(1, sizeof(*run));

    run->plan = *plan;
    run->plan.cameras = NULL; /* the caller's */
    run->events = *events;
    run->user = user;
    run->patience = timer_new(plan->loop, on_patience, run);
    make_parts(run, plan);
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
    let_printer_go(run);
    for (size_t i = 0; i < run->plan.camera_count; i++)
        exposure_cancel(run->parts[i].exposure);
    run_free(run);
}

bool shot_awaits(const struct shot_run *run, size_t camera)
{
    return run->parts[camera].exposure != NULL;
}
