/* SPDX-License-Identifier: MIT */
/* sim: before anything is asked of the printer it is brought up to now, so an answer is never older
 * than its request. Between requests a timer runs to the machine's next event, so that the log and
 * the pictures are on time, too. */
#include "tests/sim/sim.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/str.h"
#include "tests/sim/sim_api.h"

#include <stdio.h>
#include <string.h>

enum { FLUSH_MS = 100 };

/* --- what the parts tell --- */

static void on_machine(const struct machine_event *event, void *user)
{
    static const char *const names[] = {"status", "layer", "job", "note"};
    struct sim *sim = user;
    cJSON *line = oracle_line(event->at_us, names[event->kind]);

    if (event->kind == EVENT_LAYER) {
        json_add_int(line, "layer", event->layer);
        json_add_int(line, "shown", event->shown);
        json_add_bool(line, "again", event->again);
    } else {
        json_add_string(line, event->kind == EVENT_STATUS ? "status" : "what", event->what);
        json_add_string(line, "by", machine_by_name(event->by));
    }
    if (event->kind == EVENT_STATUS || event->kind == EVENT_JOB) {
        json_add_string(line, "job", sim->printer.machine.job.name);
        json_add_int(line, "serial", sim->printer.machine.job_serial);
        json_add_int(line, "layer", event->layer);
    }
    oracle_add(sim->oracle, line);
}

static void count_gcode(struct sim *sim, const char *text)
{
    struct gcode code;

    sim->gcodes++;
    if (gcode_parse(text, &code) < 0 || code.letter != 'M')
        return;
    sim->pauses += code.number == 25;
    sim->resumes += code.number == 24;
}

static void on_printer(const struct printer_event *event, void *user)
{
    static const char *const names[] = {"gcode", "gcode_done", "reply", "m118"};
    struct sim *sim = user;
    cJSON *line = oracle_line(event->at_us, names[event->kind]);

    if (event->kind == PRINTER_GCODE_BEGUN)
        count_gcode(sim, event->text);
    if (event->kind != PRINTER_REPLY_TAKEN)
        json_add_string(line, "code", event->text);
    if (event->reply)
        json_add_string(line, "reply", event->reply);
    if (event->kind == PRINTER_GCODE_DONE)
        json_add_number(line, "took_ms", (double)(event->at_us - sim->printer.began_at_us) / 1000,
                        3);
    json_add_string(line, "status", machine_status(&sim->printer.machine));
    oracle_add(sim->oracle, line);
}

/* What was printed stays there until the next job begins. */
static double layers_on_bed(const struct machine *m)
{
    return m->job.layer_us > 0 ? (double)m->motion_us / (double)m->job.layer_us : 0;
}

static void look(struct scene *ret_scene, void *user)
{
    struct sim *sim = user;
    const struct machine *m = &sim->printer.machine;

    sim_advance(sim);
    *ret_scene = (struct scene){
        .bed_mm = MACHINE_BED_MM,
        .layers_done = layers_on_bed(m),
        .layers_total = m->job.layers,
        .layer = m->has_job ? m->layer_reached : 0,
        .paused = m->phase == PHASE_PAUSED,
        .standing = machine_stands(m),
        .job = (uint8_t)m->job_serial,
        .time_us = m->at_us,
    };
    machine_head(m, ret_scene->head_mm);
}

static void on_served(const struct marker *marker, bool stream, const char *spoilt, size_t bytes,
                      void *user)
{
    struct sim *sim = user;
    cJSON *line = oracle_line(sim->printer.machine.at_us, "frame");

    sim->frames_served++;
    json_add_bool(line, "stream", stream);
    json_add_int(line, "view", marker->view);
    json_add_int(line, "frame", marker->frame);
    json_add_int(line, "time_ms", marker->time_ms);
    json_add_int(line, "layer", marker->layer);
    json_add_number(line, "x_mm", marker->x_dmm / 10.0, 1);
    json_add_number(line, "y_mm", marker->y_dmm / 10.0, 1);
    json_add_bool(line, "paused", marker->paused);
    json_add_bool(line, "standing", marker->standing);
    json_add_int(line, "serial", marker->job);
    json_add_int(line, "bytes", (int64_t)bytes);
    if (spoilt)
        json_add_string(line, "spoilt", spoilt);
    oracle_add(sim->oracle, line);
}

/* --- time --- */

static void on_tick(uv_timer_t *timer);

static void schedule(struct sim *sim)
{
    int64_t next_us = printer_next_us(&sim->printer);
    int64_t wait_us = next_us - (clock_mono_us() - sim->start_mono_us);
    int64_t wait_ms = MIN(MAX(wait_us, 0) / 1000 + 1, FLUSH_MS);

    uv_timer_start(&sim->tick, on_tick, (uint64_t)wait_ms, 0);
}

int64_t sim_advance(struct sim *sim)
{
    int64_t now_us = clock_mono_us() - sim->start_mono_us;

    printer_advance(&sim->printer, now_us);
    return now_us;
}

static void on_tick(uv_timer_t *timer)
{
    struct sim *sim = timer->data;

    sim_advance(sim);
    oracle_flush(sim->oracle);
    schedule(sim);
}

/* --- requests --- */

static void handle(struct http_exchange *exchange, const struct http_request *request, void *user)
{
    struct sim *sim = user;

    sim_advance(sim);
    if (rrf_api_wants(request))
        rrf_api_handle(&sim->rrf, exchange, request);
    else if (camera_wants(request))
        camera_handle(sim->camera, exchange, request);
    else if (sim_api_wants(request))
        sim_api_handle(sim, exchange, request);
    else
        http_exchange_answer(exchange, &(struct http_answer){.status = 404});
    schedule(sim);
}

static const char *kind_of(const struct http_request *request)
{
    if (rrf_api_wants(request))
        return "printer";
    if (camera_wants(request))
        return "camera";
    return sim_api_wants(request) ? "sim" : "unknown";
}

static void count_request(struct sim *sim, const struct http_request *request, size_t bytes)
{
    struct sim_count *count = rrf_api_wants(request)  ? &sim->printer_count
                              : camera_wants(request) ? &sim->camera_count
                                                      : NULL;

    if (!count)
        return;
    count->requests++;
    count->bytes += (int64_t)bytes;
}

static void log_request(struct sim *sim, const struct http_request *request, int status,
                        size_t bytes)
{
    cJSON *line = oracle_line(sim->printer.machine.at_us, "request");

    json_add_string(line, "kind", kind_of(request));
    json_add_string(line, "method", request->method);
    json_add_string(line, "path", request->path);
    json_add_string(line, "query", request->query);
    json_add_int(line, "status", status);
    json_add_int(line, "bytes", (int64_t)bytes);
    oracle_add(sim->oracle, line);
}

static void on_over(struct http_exchange *exchange, const struct http_request *request, int status,
                    size_t bytes, void *user)
{
    struct sim *sim = user;

    count_request(sim, request, bytes);
    if (!sim_api_wants(request))
        log_request(sim, request, status, bytes);
    rrf_api_over(&sim->rrf, exchange);
}

/* --- life --- */

static struct machine_config machine_config_of(const struct options *o)
{
    return (struct machine_config){
        .firmware = o->firmware_number,
        .boot_us = 500000,
        .heat_us = o->heat_ms * 1000,
        .stop_us = MIN(o->stop_ms, o->pause_ms) * 1000,
        .pausing_us = o->pause_ms * 1000,
        .resuming_us = o->resume_ms * 1000,
        .cancelling_us = 300000,
        .finishing_us = o->firmware_number >= 35 ? 200000 : 0,
        .lookahead_us = o->lookahead_ms * 1000,
        .move_mm_s = (double)o->move_mm_s,
        .counts_changes = str_equal(o->layer_comment, "change"),
        .m226_every = (int)o->m226_every,
        .loop = o->loop,
        .gap_us = o->gap_ms * 1000,
    };
}

static void plan_first_job(struct sim *sim)
{
    const struct options *o = sim->options;
    struct machine_job job = {.layers = (int)o->layers, .layer_us = o->layer_ms * 1000};

    snprintf(job.name, sizeof(job.name), "0:/gcodes/%s", o->job);
    machine_plan_job(&sim->printer.machine, &job,
                     o->idle ? MACHINE_NEVER_US : o->start_delay_ms * 1000);
}

static void open_printer(struct sim *sim)
{
    const struct options *o = sim->options;
    const struct printer_config config = {
        .machine = machine_config_of(o),
        .password = o->password,
        .seed = (uint64_t)o->seed,
        .wall_at_start_ms = clock_wall_ms(),
        .on_machine = on_machine,
        .on_event = on_printer,
        .user = sim,
    };

    printer_init(&sim->printer, &config);
    plan_first_job(sim);
    sim->rrf = (struct rrf_api){
        .printer = &sim->printer, .faults = &sim->faults, .latency_ms = o->latency_ms};
}

static void open_camera(struct sim *sim)
{
    const struct options *o = sim->options;
    const struct camera_config config = {
        .sensor = {.width = o->width,
                   .height = o->height,
                   .noise = (int)o->noise,
                   .quality = (int)o->quality,
                   .seed = (uint64_t)o->seed},
        .fps = (int)o->camera_fps,
        .look = look,
        .on_served = on_served,
        .user = sim,
    };

    sim->camera = camera_new(sim->loop, &config, &sim->faults);
}

static void log_start(struct sim *sim)
{
    cJSON *line = oracle_line(0, "start");

    json_add_int(line, "wall_ms", sim->printer.config.wall_at_start_ms);
    json_add_int(line, "mono_ms", sim->start_mono_us / 1000);
    json_add_string(line, "firmware", sim->options->firmware);
    json_add_int(line, "layers", sim->options->layers);
    json_add_int(line, "layer_ms", sim->options->layer_ms);
    oracle_add(sim->oracle, line);
}

int sim_open(uv_loop_t *loop, const struct options *options, struct sim *ret_sim, struct error *err)
{
    struct sim *sim = ret_sim;
    int rc;

    *sim = (struct sim){.options = options, .loop = loop};
    rc = oracle_open(options->log, &sim->oracle, err);
    if (rc < 0)
        return rc;
    rc = http_server_open(loop, options->host, options->port, handle, on_over, sim, &sim->server,
                          err);
    if (rc < 0) {
        oracle_close(sim->oracle);
        return rc;
    }
    sim->start_mono_us = clock_mono_us();
    open_printer(sim);
    open_camera(sim);
    log_start(sim);
    uv_timer_init(loop, &sim->tick);
    sim->tick.data = sim;
    schedule(sim);
    return 0;
}

void sim_close(struct sim *sim)
{
    camera_close(sim->camera);
    http_server_close(sim->server);
    uv_close((uv_handle_t *)&sim->tick, NULL);
}

void sim_done(struct sim *sim)
{
    printer_done(&sim->printer);
    oracle_close(sim->oracle);
}
