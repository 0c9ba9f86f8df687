/* SPDX-License-Identifier: MIT */
/* bench_parks: how long a print stands still for a frame, by the simulator's own log. Pausing,
 * moving and resuming take what the machine takes; the rest of the standstill is the dwell: from
 * "paused" to the resume command, less the moves. Of that the camera needs what passes from the
 * head's standing to the next picture; what remains is ours. */
#include "tests/bench/bench.h"
#include "tests/bench/series.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/harness.h"

#include <stdio.h>

enum { LAYER_MS = 800 };

struct standstill {
    double paused_at_ms; /* < 0: it is not paused */
    double moved_ms;
    double stood_at_ms;    /* the end of the last move */
    double pictured_at_ms; /* of the first picture since then; < 0 = none yet */
};

struct dwells {
    struct standstill still;
    struct series all_ms, camera_ms, ours_ms;
};

static void on_moved(struct standstill *still, const cJSON *line, double at_ms)
{
    /* the pause itself is told as done when it is paused: none of its time counts */
    double took_ms = MIN(json_number(json_get(line, "took_ms")), at_ms - still->paused_at_ms);

    if (took_ms <= 0)
        return;
    still->moved_ms += took_ms;
    still->stood_at_ms = at_ms;
    still->pictured_at_ms = -1;
}

static void on_resumed(struct dwells *dwells, double at_ms)
{
    struct standstill *still = &dwells->still;
    double all_ms = at_ms - still->paused_at_ms - still->moved_ms;

    if (still->pictured_at_ms >= 0) {
        series_add(&dwells->all_ms, all_ms);
        series_add(&dwells->camera_ms, still->pictured_at_ms - still->stood_at_ms);
        series_add(&dwells->ours_ms, all_ms - (still->pictured_at_ms - still->stood_at_ms));
    }
    still->paused_at_ms = -1;
}

static void look_at(const cJSON *line, struct dwells *dwells)
{
    const char *event = json_get_string(line, "event"), *code = json_get_string(line, "code");
    double at_ms = json_number(json_get(line, "t_ms"));
    struct standstill *still = &dwells->still;

    if (str_equal(event, "status") && str_equal(json_get_string(line, "status"), "paused"))
        *still =
            (struct standstill){.paused_at_ms = at_ms, .stood_at_ms = at_ms, .pictured_at_ms = -1};
    else if (still->paused_at_ms < 0)
        return;
    else if (str_equal(event, "gcode_done"))
        on_moved(still, line, at_ms);
    else if (str_equal(event, "frame") && still->pictured_at_ms < 0)
        still->pictured_at_ms = at_ms;
    else if (str_equal(event, "gcode") && str_equal(code, "M24"))
        on_resumed(dwells, at_ms);
}

static bool has_ended(struct rig *rig, void *user)
{
    (void)user;
    return rig_event_count(rig, "session_finished") > 0;
}

static size_t parked_frames(struct rig *rig)
{
    const cJSON *frame;
    size_t parked = 0;

    for (size_t i = 0; (frame = rig_event(rig, "frame", i)); i++) {
        bool yes = false;

        json_get_bool(frame, "parked", &yes);
        parked += yes;
    }
    return parked;
}

static void tell(struct rig *rig, int layers)
{
    CLEANUP(json_free_p) cJSON *log = rig_sim_log(rig);
    struct dwells dwells = {.still = {.paused_at_ms = -1}};

    for (const cJSON *line = json_first(log); line; line = json_next(line))
        look_at(line, &dwells);
    figure_series("dwell_ms", &dwells.all_ms);
    figure_series("dwell_camera_ms", &dwells.camera_ms);
    figure_series("dwell_ours_ms", &dwells.ours_ms);
    figure("parks_missed", layers - (double)parked_frames(rig));
    series_done(&dwells.all_ms);
    series_done(&dwells.camera_ms);
    series_done(&dwells.ours_ms);
}

int bench_parks(const struct bench_scale *scale)
{
    CLEANUP(free_p) char *layers = xasprintf("%d", scale->parks);
    CLEANUP(free_p) char *layer_ms = xasprintf("%d", LAYER_MS);
    const char *sim_args[] = {"--layers",
                              layers,
                              "--layer-ms",
                              layer_ms,
                              "--heat-ms",
                              "500",
                              "--pause-ms",
                              "150",
                              "--resume-ms",
                              "150",
                              "--move-mm-s",
                              "400",
                              "--camera-fps",
                              "30",
                              "--camera-size",
                              "1280x720",
                              "--start-delay-ms",
                              "1000",
                              NULL};
    struct rig *rig = rig_new(&(struct rig_options){
        .sim_args = sim_args,
        .unit = "pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0;"});
    bool ended = rig_wait(rig, has_ended, NULL, (int64_t)scale->parks * 5000 + 30000);

    if (ended) {
        tell(rig, scale->parks);
        rig_pass(rig);
    } else {
        fprintf(stderr, "bench: the parked print does not end\n");
    }
    rig_free(rig);
    return ended ? 0 : 1;
}
