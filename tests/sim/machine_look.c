/* SPDX-License-Identifier: MIT */
/* machine_look: the questions; nothing here changes the machine. */
#include "tests/sim/machine_look.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

const char *machine_by_name(enum machine_by by)
{
    switch (by) {
    case BY_HTTP:
        return "http";
    case BY_USER:
        return "user";
    case BY_FILE:
        return "file";
    case BY_FILAMENT:
        return "filament";
    case BY_SIM:
        return "sim";
    case BY_NOBODY:
        break;
    }
    return "machine";
}

static bool box_blocks(const struct machine *m)
{
    return m->box.open && m->box.mode >= 2;
}

bool machine_in_macro(const struct machine *m)
{
    return m->macro_until_us > 0;
}

bool machine_motion_runs(const struct machine *m)
{
    if (m->phase == PHASE_PRINTING)
        return !box_blocks(m);
    return m->phase == PHASE_PAUSING && m->at_us < m->stop_at_us;
}

static const char *busy_or_idle(const struct machine *m)
{
    return m->move_count > 0 ? "busy" : "idle";
}

static const char *phase_status(const struct machine *m)
{
    switch (m->phase) {
    case PHASE_STARTING:
        return "starting";
    case PHASE_HALTED:
        return "halted";
    case PHASE_PAUSING:
        return "pausing";
    case PHASE_PAUSED:
        return "paused";
    case PHASE_RESUMING:
        return "resuming";
    case PHASE_CANCELLING:
        return m->config.firmware >= 34 ? "cancelling" : "busy";
    case PHASE_HEATING:
    case PHASE_PRINTING:
        return m->job.simulated ? "simulating" : "processing";
    case PHASE_FINISHING:
        return "busy";
    case PHASE_IDLE:
        break;
    }
    return busy_or_idle(m);
}

const char *machine_status(const struct machine *m)
{
    return m->forced_status[0] ? m->forced_status : phase_status(m);
}

int64_t machine_end_us(const struct machine *m)
{
    return m->job.layer_us * m->job.layers;
}

/* How far the file may be read: to its end or to the next M226. */
int64_t machine_limit_us(const struct machine *m)
{
    return MIN(machine_end_us(m), m->barrier_us);
}

int64_t machine_reading_us(const struct machine *m)
{
    if (m->phase == PHASE_PRINTING)
        return MIN(m->motion_us + m->config.lookahead_us, machine_limit_us(m));
    return m->phase == PHASE_PAUSING ? m->stop_motion_us : m->motion_us;
}

int64_t machine_file_size(const struct machine_job *job)
{
    return MACHINE_BYTES_START + (int64_t)MACHINE_BYTES_LAYER * job->layers + MACHINE_BYTES_END;
}

int64_t machine_file_position(const struct machine *m)
{
    double layers_read;

    if (!m->has_job)
        return 0;
    if (!m->reading)
        return MACHINE_BYTES_START / 2;
    layers_read = (double)machine_reading_us(m) / (double)m->job.layer_us;
    return MACHINE_BYTES_START + (int64_t)(layers_read * MACHINE_BYTES_LAYER);
}

int64_t machine_uptime_ms(const struct machine *m)
{
    return m->uptime_start_s * 1000 + (m->at_us - m->booted_at_us) / 1000;
}

/* Where the head is after so much print time: three rounds of a breathing circle per layer. */
static void path_at(const struct machine *m, int64_t motion_us, double ret_mm[MACHINE_AXES])
{
    double layers_done = (double)motion_us / (double)m->job.layer_us;
    double layer = MIN(floor(layers_done), m->job.layers - 1.0);
    double round = 2 * PI * 3 * (layers_done - layer);
    double radius = 30 + 15 * sin(2.3 * round + layer);

    ret_mm[0] = MACHINE_BED_MM / 2 + radius * cos(round);
    ret_mm[1] = MACHINE_BED_MM / 2 + radius * sin(round);
    ret_mm[2] = MACHINE_LAYER_MM * (layer + 1);
}

static void between(const double from[MACHINE_AXES], const double to[MACHINE_AXES], double part,
                    double ret_mm[MACHINE_AXES])
{
    for (int axis = 0; axis < MACHINE_AXES; axis++)
        ret_mm[axis] = from[axis] + (to[axis] - from[axis]) * part;
}

static double part_done(int64_t start_us, int64_t end, int64_t now_us)
{
    if (now_us >= end)
        return 1;
    return (double)(now_us - start_us) / (double)(end - start_us);
}

void machine_head(const struct machine *m, double ret_mm[MACHINE_AXES])
{
    const struct machine_move *move = m->moves;

    if (m->phase == PHASE_PRINTING || (m->phase == PHASE_PAUSING && m->reading))
        path_at(m, m->motion_us, ret_mm);
    else if (m->phase == PHASE_RESUMING)
        between(m->resume_from_mm, m->restore_mm,
                part_done(m->resume_began_at_us, m->phase_until_us, m->at_us), ret_mm);
    else if (m->move_count > 0)
        between(move->from, move->to, part_done(move->start_us, move->end_us, m->at_us), ret_mm);
    else
        memcpy(ret_mm, m->head_mm, sizeof(m->head_mm));
}

bool machine_moves_pending(const struct machine *m)
{
    return m->move_count > 0;
}

bool machine_stands(const struct machine *m)
{
    return m->move_count == 0 && !machine_motion_runs(m) && m->phase != PHASE_RESUMING;
}
