/* SPDX-License-Identifier: MIT */
/* bench_triggers: a message asks for a frame, the agent's event says that it is safe on disk. Each
 * is asked for at a random moment of the camera's period, once without and once with encoders at
 * work. */
#include "tests/bench/bench.h"
#include "tests/bench/ear.h"
#include "tests/bench/series.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAMERA_FPS = 30, WARM_MS = 4000, GAP_MIN_MS = 20, GAP_SPREAD_MS = 67 };

static const char printer[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; ";
static const char trigger[] =
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"mqtt\";\n"
    "    trigger_topic = \"bench/trigger\"; fps = 25.0; ";

struct asker {
    struct ear *ear;
    struct timer *timer;
    int left;
    int64_t asked_at_us; /* 0 = nothing is awaited */
    unsigned random;
    struct series durable_ms, over_period_ms, age_ms;
};

static void on_ask(void *user)
{
    struct asker *asker = user;

    asker->asked_at_us = ear_say(asker->ear, "bench/trigger", "");
}

static void ask_later(struct asker *asker)
{
    if (asker->left-- <= 0)
        return;
    asker->random = asker->random * 1103515245u + 12345u;
    timer_start(asker->timer, GAP_MIN_MS + (int64_t)(asker->random >> 16) % GAP_SPREAD_MS);
}

static void on_heard(const char *topic, const cJSON *json, int64_t at_us, void *user)
{
    struct asker *asker = user;
    const char *type = json_get_string(json, "event_type");
    double took_ms = (double)(at_us - asker->asked_at_us) / 1000;

    if (!str_ends_with(topic, "/event") || asker->asked_at_us == 0)
        return;
    if (!str_equal(type, "frame") && !str_equal(type, "frame_missed"))
        return;
    asker->asked_at_us = 0;
    if (str_equal(type, "frame")) {
        series_add(&asker->durable_ms, took_ms);
        series_add(&asker->over_period_ms, took_ms - 1000.0 / CAMERA_FPS);
        series_add(&asker->age_ms, json_number(json_get(json, "age_ms")));
    }
    ask_later(asker);
}

static bool is_over(struct rig *rig, void *user)
{
    const struct asker *asker = user;

    (void)rig;
    return asker->left < 0 && asker->asked_at_us == 0;
}

static void tell(struct asker *asker, const char *kind, int asked)
{
    CLEANUP(free_p) char *durable = xasprintf("%s_durable_ms", kind);
    CLEANUP(free_p) char *over = xasprintf("%s_over_period_ms", kind);
    CLEANUP(free_p) char *age = xasprintf("%s_age_ms", kind);
    CLEANUP(free_p) char *lost = xasprintf("%s_lost", kind);

    figure_series(durable, &asker->durable_ms);
    figure_series(over, &asker->over_period_ms);
    figure_series(age, &asker->age_ms);
    figure(lost, asked - (double)asker->durable_ms.count);
}

/* camera, unit: further settings. */
static int measure(const char *kind, const char *camera, const char *unit, int count)
{
    static const char *const sim_args[] = {
        "--layers",      "1",        "--layer-ms",   "3600000", "--heat-ms", "0",
        "--camera-size", "1280x720", "--camera-fps", "30",      NULL};
    CLEANUP(free_p)
    char *text = xasprintf("%s%s } );\n%s%s } );\n", printer, camera, trigger, unit);
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim_args, .conf = text});
    struct asker asker = {.left = count, .random = 1};
    bool over;

    asker.ear = ear_new(rig, on_heard, &asker);
    asker.timer = timer_new(rig_loop(rig), on_ask, &asker);
    rig_linger(rig, WARM_MS);
    ask_later(&asker);
    over = rig_wait(rig, is_over, &asker, count * 2000L);
    if (over) {
        tell(&asker, kind, count);
        rig_pass(rig);
    } else {
        fprintf(stderr, "bench: a trigger got neither a frame nor frame_missed\n");
    }
    series_done(&asker.durable_ms);
    series_done(&asker.over_period_ms);
    series_done(&asker.age_ms);
    timer_free(asker.timer);
    ear_free(asker.ear);
    rig_free(rig);
    return over ? 0 : 1;
}

int bench_triggers(const struct bench_scale *scale)
{
    int rc = measure("quiet", "", "video = false;", scale->triggers);

    rc |= measure("turned", "rotation = 90;", "video = false;", scale->triggers);
    return rc | measure("encoding", "", "segment_frames = 20;", scale->triggers);
}
