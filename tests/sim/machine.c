/* SPDX-License-Identifier: MIT */
/* machine: a discrete-event simulation.
 *
 * The job is one number, motion_us: how much print time the head has done. The file is read ahead
 * of it by lookahead_us, and what a reader of the object model sees (layer, filePosition) follows
 * the reading, while the head and the object follow the motion. From that alone the traps of the
 * real firmware come out by themselves: a pause rewinds the reading to the motion, so a
 * ";LAYER_CHANGE" between the two is read, and counted, again. */
#include "tests/sim/machine_look.h"

#include "agent/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- events --- */

static void report(const struct machine *m, enum machine_event_kind kind, const char *what)
{
    const struct machine_event event = {
        .kind = kind,
        .at_us = m->at_us,
        .what = what,
        .by = m->phase_by,
        .layer = m->layer_reached,
        .shown = m->layer_shown,
    };

    m->on_event(&event, m->user);
}

void machine_note(const struct machine *m, const char *what)
{
    report(m, EVENT_NOTE, what);
}

static void report_status(struct machine *m)
{
    const char *status = machine_status(m);

    if (str_equal(status, m->reported))
        return;
    snprintf(m->reported, sizeof(m->reported), "%s", status);
    report(m, EVENT_STATUS, m->reported);
}

static void enter(struct machine *m, enum machine_phase phase, enum machine_by by, int64_t for_us)
{
    m->phase = phase;
    m->phase_by = by;
    m->phase_until_us = for_us == MACHINE_NEVER_US ? MACHINE_NEVER_US : m->at_us + for_us;
}

/* --- reading the file --- */

static void read_comment(struct machine *m)
{
    bool again;

    m->comments_read++;
    again = m->comments_read <= m->layer_reached;
    m->layer_reached = MAX(m->layer_reached, m->comments_read);
    m->layer_shown = m->config.counts_changes ? m->layer_shown + 1 : m->comments_read;
    m->layer_began_at_us = m->at_us;
    m->on_event(&(struct machine_event){.kind = EVENT_LAYER,
                                        .at_us = m->at_us,
                                        .what = "layer",
                                        .layer = m->comments_read,
                                        .shown = m->layer_shown,
                                        .again = again},
                m->user);
}

static int64_t next_comment_us(const struct machine *m)
{
    if (m->comments_read >= m->job.layers)
        return MACHINE_NEVER_US;
    return m->comments_read * m->job.layer_us;
}

static void read_ahead(struct machine *m)
{
    if (m->phase != PHASE_PRINTING)
        return;
    m->reading = true;
    while (next_comment_us(m) <= machine_reading_us(m))
        read_comment(m);
}

/* Moves that are dropped from the queue will be read again: the file goes back to where the head
 * is going to stop. */
static void rewind_file(struct machine *m)
{
    int64_t comments = m->stop_motion_us / m->job.layer_us + 1;

    m->comments_read = (int)MIN(m->comments_read, comments);
}

/* The M226 stands behind the layer comment, so the comment itself is read before it pauses. */
static void find_barrier(struct machine *m)
{
    int64_t step_us = m->config.m226_every * m->job.layer_us;

    m->barrier_us = MACHINE_NEVER_US;
    if (step_us > 0)
        m->barrier_us = (m->motion_us / step_us + 1) * step_us;
    if (m->barrier_us >= machine_end_us(m))
        m->barrier_us = MACHINE_NEVER_US;
}

/* --- job --- */

/* The head stands where it is; moves that wait are dropped. */
static void stop_here(struct machine *m)
{
    double here_mm[MACHINE_AXES];

    machine_head(m, here_mm);
    memcpy(m->head_mm, here_mm, sizeof(m->head_mm));
    m->move_count = 0;
}

static void forget_job(struct machine *m, const char *how)
{
    stop_here(m);
    report(m, EVENT_JOB, how);
    m->has_job = false;
    m->reading = false;
    m->layer_shown = m->layer_reached = m->comments_read = 0;
    m->macro_until_us = 0;
    m->pause_deferred = false;
    m->seq_job++;
    if (m->config.loop && !str_equal(how, "lost"))
        machine_plan_job(m, &m->last_job, m->at_us + m->config.gap_us);
}

static void end_job(struct machine *m, const char *how)
{
    forget_job(m, how);
    if (str_equal(how, "done") && m->config.finishing_us > 0)
        enter(m, PHASE_FINISHING, BY_NOBODY, m->config.finishing_us);
    else
        enter(m, PHASE_IDLE, BY_NOBODY, MACHINE_NEVER_US);
}

static void begin_job(struct machine *m, const struct machine_job *job)
{
    stop_here(m);
    m->job = m->last_job = *job;
    m->job.layers = MAX(job->layers, 1);
    m->job.layer_us = MAX(job->layer_us, 1000);
    m->has_job = true;
    m->job_serial++;
    m->job_started_at_us = m->at_us;
    m->heating_ended_at_us = 0;
    m->paused_us = 0;
    m->motion_us = 0;
    m->reading = false;
    m->layer_shown = m->layer_reached = m->comments_read = 0;
    m->start_at_us = MACHINE_NEVER_US;
    m->seq_job++;
    find_barrier(m);
    enter(m, PHASE_HEATING, BY_NOBODY, job->simulated ? 0 : m->config.heat_us);
    report(m, EVENT_JOB, "started");
    report_status(m);
}

int machine_start_job(struct machine *m, const struct machine_job *job)
{
    if (m->has_job || m->phase == PHASE_HALTED || m->phase == PHASE_STARTING)
        return -EBUSY;
    begin_job(m, job);
    return 0;
}

void machine_plan_job(struct machine *m, const struct machine_job *job, int64_t at_us)
{
    m->last_job = *job;
    m->start_at_us = at_us;
}

void machine_select_file(struct machine *m, const char *name)
{
    snprintf(m->selected, sizeof(m->selected), "%s", name);
}

/* --- pausing and resuming --- */

static void begin_pause(struct machine *m, enum machine_by by)
{
    int64_t moving_us = m->phase == PHASE_PRINTING && by != BY_FILE ? m->config.stop_us : 0;

    m->pause_began_at_us = m->at_us;
    m->pause_deferred = false;
    m->stop_at_us = m->at_us + moving_us;
    m->stop_motion_us = MIN(m->motion_us + moving_us, machine_limit_us(m));
    rewind_file(m);
    enter(m, PHASE_PAUSING, by, MAX(m->config.pausing_us + m->slow_pause_us, moving_us));
    m->slow_pause_us = 0;
    report_status(m);
}

static bool swallow(int *count, int64_t until_us, int64_t now_us)
{
    if (now_us < until_us)
        return true;
    if (*count <= 0)
        return false;
    (*count)--;
    return true;
}

int machine_pause(struct machine *m, enum machine_by by)
{
    if (m->phase == PHASE_PAUSING || m->phase == PHASE_PAUSED || m->phase == PHASE_RESUMING)
        return -EALREADY;
    if (m->phase != PHASE_HEATING && m->phase != PHASE_PRINTING)
        return -ENOENT;
    if (by == BY_HTTP && swallow(&m->ignore_pauses, m->ignore_pause_until_us, m->at_us)) {
        machine_note(m, "pause_swallowed");
        return -EIO;
    }
    if (machine_in_macro(m)) {
        m->pause_deferred = true;
        m->deferred_by = by;
        return -EINPROGRESS;
    }
    begin_pause(m, by);
    return 0;
}

static void arrive_at_pause(struct machine *m)
{
    stop_here(m);
    memcpy(m->restore_mm, m->head_mm, sizeof(m->restore_mm));
    m->seq_state++;
    enter(m, PHASE_PAUSED, m->phase_by, MACHINE_NEVER_US);
}

int machine_resume(struct machine *m, enum machine_by by)
{
    if (m->phase == PHASE_PAUSING || m->phase == PHASE_RESUMING) {
        machine_note(m, "m24_ignored");
        return -EAGAIN;
    }
    if (m->phase != PHASE_PAUSED)
        return -EINVAL;
    if (by == BY_HTTP && swallow(&m->ignore_resumes, m->ignore_resume_until_us, m->at_us)) {
        machine_note(m, "resume_swallowed");
        return -EIO;
    }
    stop_here(m);
    memcpy(m->resume_from_mm, m->head_mm, sizeof(m->resume_from_mm));
    m->resume_began_at_us = m->at_us;
    enter(m, PHASE_RESUMING, by, m->config.resuming_us);
    report_status(m);
    return 0;
}

static void print_on(struct machine *m)
{
    memcpy(m->head_mm, m->restore_mm, sizeof(m->head_mm));
    m->paused_us += m->at_us - m->pause_began_at_us;
    if (m->heating_ended_at_us == 0) /* the pause cancelled the wait for the heaters */
        m->heating_ended_at_us = m->at_us;
    enter(m, PHASE_PRINTING, m->phase_by, MACHINE_NEVER_US);
    read_ahead(m);
}

int machine_cancel(struct machine *m, enum machine_by by)
{
    if (!m->has_job)
        return -ENOENT;
    stop_here(m);
    enter(m, PHASE_CANCELLING, by, m->config.cancelling_us);
    report_status(m);
    return 0;
}

int machine_finish(struct machine *m)
{
    if (!m->has_job)
        return -ENOENT;
    end_job(m, "done");
    report_status(m);
    return 0;
}

void machine_halt(struct machine *m)
{
    stop_here(m);
    m->start_at_us = MACHINE_NEVER_US;
    enter(m, PHASE_HALTED, BY_HTTP, MACHINE_NEVER_US);
    if (m->has_job)
        forget_job(m, "lost");
    report_status(m);
}

static void forget_faults(struct machine *m)
{
    m->forced_status[0] = '\0';
    m->box.open = false;
    m->display[0] = '\0';
    m->slow_pause_us = 0;
    m->ignore_pauses = m->ignore_resumes = 0;
    m->ignore_pause_until_us = m->ignore_resume_until_us = 0;
}

void machine_reboot(struct machine *m)
{
    stop_here(m);
    m->selected[0] = '\0';
    m->uptime_start_s = 0;
    m->booted_at_us = m->at_us;
    if (m->has_job)
        forget_job(m, "lost");
    forget_faults(m);
    m->seq_state = m->seq_move = m->seq_inputs = m->seq_volume = 0;
    m->seq_job = 1;
    enter(m, PHASE_STARTING, BY_SIM, m->config.boot_us);
    machine_note(m, "reboot");
    report_status(m);
}

/* --- moves --- */

void machine_target(const struct machine *m, double ret_mm[MACHINE_AXES])
{
    if (m->move_count > 0)
        memcpy(ret_mm, m->moves[m->move_count - 1].to, sizeof(m->head_mm));
    else
        machine_head(m, ret_mm);
}

static double distance_mm(const double a[MACHINE_AXES], const double b[MACHINE_AXES])
{
    return sqrt(pow(a[0] - b[0], 2) + pow(a[1] - b[1], 2) + pow(a[2] - b[2], 2));
}

int machine_move(struct machine *m, const double target_mm[MACHINE_AXES], double mm_s)
{
    struct machine_move *move = &m->moves[m->move_count];
    double speed = MAX(MIN(mm_s, m->config.move_mm_s), 0.1);

    if (m->move_count == MACHINE_MOVES_MAX)
        return -ENOSPC;
    if (machine_motion_runs(m) || m->phase == PHASE_RESUMING) {
        machine_note(m, "move_while_printing");
        return 0;
    }
    machine_target(m, move->from);
    for (int axis = 0; axis < MACHINE_AXES; axis++)
        move->to[axis] = MIN(MAX(target_mm[axis], 0), MACHINE_BED_MM);
    move->start_us = m->move_count > 0 ? m->moves[m->move_count - 1].end_us : m->at_us;
    move->end_us = move->start_us + (int64_t)(1e6 * distance_mm(move->from, move->to) / speed);
    m->move_count++;
    report_status(m);
    return 0;
}

static void finish_move(struct machine *m)
{
    memcpy(m->head_mm, m->moves[0].to, sizeof(m->head_mm));
    m->move_count--;
    memmove(m->moves, m->moves + 1, sizeof(m->moves[0]) * (size_t)m->move_count);
}

/* --- macro, box, display, forced status --- */

void machine_enter_macro(struct machine *m, int64_t for_us)
{
    m->macro_until_us = m->at_us + for_us;
    machine_note(m, "macro_entered");
}

static void leave_macro(struct machine *m)
{
    m->macro_until_us = 0;
    machine_note(m, "macro_left");
    if (m->pause_deferred && (m->phase == PHASE_PRINTING || m->phase == PHASE_HEATING))
        begin_pause(m, m->deferred_by);
}

void machine_open_box(struct machine *m, const char *title, const char *message, int mode,
                      int64_t for_us)
{
    snprintf(m->box.title, sizeof(m->box.title), "%s", title);
    snprintf(m->box.message, sizeof(m->box.message), "%s", message);
    m->box.open = true;
    m->box.mode = mode;
    m->box.seq++;
    m->box.until_us = for_us == MACHINE_NEVER_US ? MACHINE_NEVER_US : m->at_us + for_us;
    m->seq_state++;
    machine_note(m, "message_box_opened");
}

void machine_close_box(struct machine *m)
{
    m->box.open = false;
    m->seq_state++;
    machine_note(m, "message_box_closed");
    read_ahead(m);
}

void machine_set_display(struct machine *m, const char *text)
{
    snprintf(m->display, sizeof(m->display), "%s", text);
    m->seq_state++;
}

void machine_force_status(struct machine *m, const char *status, int64_t for_us)
{
    snprintf(m->forced_status, sizeof(m->forced_status), "%s", status);
    m->forced_until_us = for_us == MACHINE_NEVER_US ? MACHINE_NEVER_US : m->at_us + for_us;
    report_status(m);
}

/* --- time --- */

static int64_t next_motion_us(const struct machine *m)
{
    int64_t limit = machine_limit_us(m), comment = next_comment_us(m), next;

    if (m->phase != PHASE_PRINTING || !machine_motion_runs(m))
        return MACHINE_NEVER_US;
    next = m->at_us + (limit - m->motion_us);
    if (comment <= limit)
        next = MIN(next, m->at_us + MAX(comment - m->config.lookahead_us - m->motion_us, 0));
    return next;
}

int64_t machine_next_us(const struct machine *m)
{
    int64_t next = MIN(m->phase_until_us, next_motion_us(m));

    if (m->phase == PHASE_PAUSING && m->at_us < m->stop_at_us)
        next = MIN(next, m->stop_at_us);
    if (m->macro_until_us > 0)
        next = MIN(next, m->macro_until_us);
    if (m->box.open)
        next = MIN(next, m->box.until_us);
    if (m->forced_status[0])
        next = MIN(next, m->forced_until_us);
    if (m->move_count > 0)
        next = MIN(next, m->moves[0].end_us);
    if (m->phase == PHASE_IDLE)
        next = MIN(next, m->start_at_us);
    return MAX(next, m->at_us);
}

static void move_time(struct machine *m, int64_t to_us)
{
    if (machine_motion_runs(m))
        m->motion_us = MIN(m->motion_us + (to_us - m->at_us), machine_limit_us(m));
    m->at_us = to_us;
}

static void end_phase(struct machine *m)
{
    switch (m->phase) {
    case PHASE_STARTING:
    case PHASE_FINISHING:
        enter(m, PHASE_IDLE, BY_NOBODY, MACHINE_NEVER_US);
        break;
    case PHASE_HEATING:
        m->heating_ended_at_us = m->at_us;
        enter(m, PHASE_PRINTING, BY_NOBODY, MACHINE_NEVER_US);
        break;
    case PHASE_PAUSING:
        arrive_at_pause(m);
        break;
    case PHASE_RESUMING:
        print_on(m);
        break;
    case PHASE_CANCELLING:
        end_job(m, "cancelled");
        break;
    case PHASE_IDLE:
    case PHASE_PRINTING:
    case PHASE_PAUSED:
    case PHASE_HALTED:
        m->phase_until_us = MACHINE_NEVER_US;
        break;
    }
}

/* The head has come to the end of the file, or to an M226 in it. */
static void reach_limit(struct machine *m)
{
    if (m->motion_us >= machine_end_us(m)) {
        m->phase_by = BY_NOBODY;
        end_job(m, "done");
        return;
    }
    begin_pause(m, BY_FILE);
    find_barrier(m);
}

static void fire_due_side_events(struct machine *m)
{
    if (m->macro_until_us > 0 && m->macro_until_us <= m->at_us)
        leave_macro(m);
    if (m->box.open && m->box.until_us <= m->at_us)
        machine_close_box(m);
    if (m->forced_status[0] && m->forced_until_us <= m->at_us)
        m->forced_status[0] = '\0';
    if (m->move_count > 0 && m->moves[0].end_us <= m->at_us)
        finish_move(m);
}

static void fire_due(struct machine *m)
{
    fire_due_side_events(m);
    read_ahead(m);
    if (m->phase_until_us <= m->at_us)
        end_phase(m);
    else if (m->phase == PHASE_PRINTING && m->motion_us >= machine_limit_us(m))
        reach_limit(m);
    if (m->phase == PHASE_IDLE && m->start_at_us <= m->at_us)
        begin_job(m, &m->last_job);
    report_status(m);
}

void machine_advance(struct machine *m, int64_t now_us)
{
    while (machine_next_us(m) <= now_us) {
        move_time(m, machine_next_us(m));
        fire_due(m);
    }
    if (now_us > m->at_us)
        move_time(m, now_us);
}

void machine_init(struct machine *m, const struct machine_config *config, machine_event_fn on_event,
                  void *user)
{
    *m = (struct machine){
        .config = *config,
        .on_event = on_event,
        .user = user,
        .phase = PHASE_IDLE,
        .phase_until_us = MACHINE_NEVER_US,
        .start_at_us = MACHINE_NEVER_US,
        .uptime_start_s = MACHINE_UPTIME_START_S,
        .seq_state = 1,
        .seq_job = 1,
        .reported = "idle",
    };
}
