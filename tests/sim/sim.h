/* SPDX-License-Identifier: MIT */
/* sim: the parts put together: one HTTP server in front of the printer, the camera and the
 * simulator's own requests; the clock that moves the printer; the oracle that hears all. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "tests/sim/camera.h"
#include "tests/sim/faults.h"
#include "tests/sim/http_server.h"
#include "tests/sim/options.h"
#include "tests/sim/oracle.h"
#include "tests/sim/printer.h"
#include "tests/sim/rrf_api.h"

struct sim_count {
    int64_t requests, bytes;
};

struct sim { /* its parts are for sim.c and sim_api.c */
    const struct options *options;
    uv_loop_t *loop;
    uv_timer_t tick;
    int64_t start_mono_us;
    struct printer printer;
    struct faults faults;
    struct rrf_api rrf;
    struct http_server *server;
    struct camera *camera;
    struct oracle *oracle;
    struct sim_count printer_count, camera_count;
    int64_t frames_served;
    int64_t gcodes, pauses, resumes;
};

/* loop must outlive the sim; options, too. */
int sim_open(uv_loop_t *loop, const struct options *options, struct sim *ret_sim,
             struct error *err) MUST_CHECK;
/* Starts closing; run the loop until it is empty, then sim_done(). */
void sim_close(struct sim *sim);
void sim_done(struct sim *sim);

/* Brings the printer up to now and returns it (µs since the start). */
int64_t sim_advance(struct sim *sim);

#endif
