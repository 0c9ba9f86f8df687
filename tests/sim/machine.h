/* SPDX-License-Identifier: MIT */
/* machine: a printer without any I/O: job, layers, head, pausing and resuming.
 *
 * Time is what the caller says: machine_advance() plays every event that lies before now in its
 * order and at its exact time, so the result does not depend on how often it is called. All times
 * are µs since the machine was made. The rules are those of RepRapFirmware 3 (status order, M24
 * ignored while pausing, a pause inside a macro deferred, the file rewound at a pause). */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "agent/base/common.h"

#define MACHINE_AXES           3
#define MACHINE_BED_MM         200.0
#define MACHINE_LAYER_MM       0.2
#define MACHINE_MOVES_MAX      40 /* Duet 2's queue */
#define MACHINE_NEVER_US       INT64_MAX
#define MACHINE_NAME_MAX       5000 /* hostile ones of 4 kB fit */
#define MACHINE_BYTES_START    2000 /* of the file, before the first layer */
#define MACHINE_BYTES_LAYER    20000
#define MACHINE_BYTES_END      500
#define MACHINE_UPTIME_START_S 1000 /* so that a reboot makes upTime go down */

enum machine_phase {
    PHASE_STARTING,
    PHASE_IDLE,
    PHASE_HEATING, /* a job before its first layer */
    PHASE_PRINTING,
    PHASE_PAUSING,
    PHASE_PAUSED,
    PHASE_RESUMING,
    PHASE_CANCELLING,
    PHASE_FINISHING, /* stop.g after the end of a job; the job is gone */
    PHASE_HALTED,
};

enum machine_by { BY_NOBODY, BY_HTTP, BY_USER, BY_FILE, BY_FILAMENT, BY_SIM };

const char *machine_by_name(enum machine_by by);

struct machine_config {
    int firmware; /* 33, 34, 35 or 36 */
    int64_t boot_us;
    int64_t heat_us;
    int64_t stop_us;     /* from M25 until the head stands; part of pausing_us */
    int64_t pausing_us;  /* from M25 until the status is paused */
    int64_t resuming_us; /* from M24 until it prints again */
    int64_t cancelling_us;
    int64_t finishing_us; /* 0 below 3.5: no stop.g at the normal end */
    int64_t lookahead_us; /* the file is read so far ahead of the motion */
    double move_mm_s;     /* upper limit of G0 and G1 */
    bool counts_changes;  /* ";LAYER_CHANGE" comments: the counter goes up at each one read */
    int m226_every;       /* an M226 stands in the file before every so-many-th layer; 0 = none */
    bool loop;            /* start the job again after its end */
    int64_t gap_us;
};

struct machine_job {
    char name[MACHINE_NAME_MAX]; /* 0:/gcodes/benchy.gcode */
    int layers;
    int64_t layer_us;
    bool simulated; /* M37: no heating, status "simulating" */
};

enum machine_event_kind { EVENT_STATUS, EVENT_LAYER, EVENT_JOB, EVENT_NOTE };

struct machine_event {
    enum machine_event_kind kind;
    int64_t at_us;
    const char *what;   /* status name; job: started, done, cancelled, lost; note: its text */
    enum machine_by by; /* of a status: who caused it */
    int layer;          /* EVENT_LAYER: the layer of the file, from 1 … */
    int shown;          /* … and what the printer's counter says */
    bool again;         /* this comment was read before (the file was rewound) */
};

typedef void (*machine_event_fn)(const struct machine_event *event, void *user);

struct machine_move {
    double from[MACHINE_AXES], to[MACHINE_AXES];
    int64_t start_us, end_us;
};

struct machine_box { /* state.messageBox */
    bool open;
    char title[64], message[128];
    int mode; /* 2 and more block */
    int seq;
    int64_t until_us; /* closes by itself; MACHINE_NEVER_US = only by M292 */
};

struct machine { /* read freely, written only by machine.c */
    struct machine_config config;
    machine_event_fn on_event;
    void *user;
    int64_t at_us;
    int64_t booted_at_us;
    int64_t uptime_start_s;

    enum machine_phase phase;
    int64_t phase_until_us;
    int64_t stop_at_us;     /* while pausing: the head moves until here … */
    int64_t stop_motion_us; /* … and will then have done so much */
    char reported[16];      /* the status that was reported last */
    char forced_status[16]; /* a fault shows this instead; "" = none */
    int64_t forced_until_us;
    enum machine_by phase_by;

    bool has_job;
    struct machine_job job;
    struct machine_job last_job; /* what do=start and --loop start again */
    char selected[128];          /* by M23; "" = none */
    int job_serial;
    int64_t start_at_us; /* of a job that is planned */
    int64_t job_started_at_us, heating_ended_at_us, pause_began_at_us, paused_us;
    int64_t motion_us; /* print time that the head has done */
    bool reading;      /* the file is being read */
    int comments_read; /* layer comments before the reading position … */
    int layer_reached; /* … and the most there ever were: the layer, as the file has it */
    int layer_shown;   /* job.layer; 0 = null */
    int64_t layer_began_at_us;
    int64_t barrier_us; /* motion stops here for the next M226 of the file */

    double head_mm[MACHINE_AXES];    /* where it stands when it does not print */
    double restore_mm[MACHINE_AXES]; /* restore point 1 */
    double resume_from_mm[MACHINE_AXES];
    int64_t resume_began_at_us;
    struct machine_move moves[MACHINE_MOVES_MAX];
    int move_count;

    struct machine_box box;
    char display[128];      /* M117 */
    int64_t macro_until_us; /* the job is inside a macro until then; 0 = it is not */
    bool pause_deferred;
    enum machine_by deferred_by;
    int64_t slow_pause_us;                                 /* added to the next pause */
    int ignore_pauses, ignore_resumes;                     /* so many are swallowed … */
    int64_t ignore_pause_until_us, ignore_resume_until_us; /* … or all until then */
    unsigned seq_state, seq_job, seq_move, seq_inputs, seq_volume;
};

void machine_init(struct machine *machine, const struct machine_config *config,
                  machine_event_fn on_event, void *user);

/* Plays everything up to now_us; a now_us in the past changes nothing. */
void machine_advance(struct machine *machine, int64_t now_us);
/* When the next event of the machine itself comes; MACHINE_NEVER_US. */
int64_t machine_next_us(const struct machine *machine);

const char *machine_status(const struct machine *machine);
void machine_head(const struct machine *machine, double ret_mm[MACHINE_AXES]);
int64_t machine_file_position(const struct machine *machine);
int64_t machine_file_size(const struct machine_job *job);
int64_t machine_uptime_ms(const struct machine *machine);
bool machine_in_macro(const struct machine *machine);
bool machine_moves_pending(const struct machine *machine);
/* The head stands, neither the job nor a G1 moves it. */
bool machine_stands(const struct machine *machine);

/* -EBUSY: there is a job, or the machine is starting or halted. */
int machine_start_job(struct machine *machine, const struct machine_job *job) MUST_CHECK;
void machine_plan_job(struct machine *machine, const struct machine_job *job, int64_t at_us);
void machine_select_file(struct machine *machine, const char *name);

/* 0: pausing. -EALREADY: pausing, paused, resuming … already. -ENOENT: no job. -EINPROGRESS: the
 * job is inside a macro, the pause comes when that ends. -EIO: a fault swallows it. */
int machine_pause(struct machine *machine, enum machine_by by) MUST_CHECK;
/* 0: resuming. -EAGAIN: pausing or resuming, ignored. -EINVAL: not paused. -EIO: a fault. */
int machine_resume(struct machine *machine, enum machine_by by) MUST_CHECK;
/* Ends the job by way of "cancelling". -ENOENT: no job. */
int machine_cancel(struct machine *machine, enum machine_by by) MUST_CHECK;
/* The job's end, now, as if the file were through. -ENOENT. */
int machine_finish(struct machine *machine) MUST_CHECK;
void machine_halt(struct machine *machine);
void machine_reboot(struct machine *machine);

/* Appends a move from where the last one ends; targets are clamped to the bed, as RRF does on a 3D
 * printer. -ENOSPC: the queue is full. */
int machine_move(struct machine *machine, const double target_mm[MACHINE_AXES],
                 double mm_s) MUST_CHECK;
/* Where the last queued move ends. */
void machine_target(const struct machine *machine, double ret_mm[MACHINE_AXES]);

void machine_enter_macro(struct machine *machine, int64_t for_us);
void machine_open_box(struct machine *machine, const char *title, const char *message, int mode,
                      int64_t for_us);
void machine_close_box(struct machine *machine);
void machine_set_display(struct machine *machine, const char *text);
void machine_force_status(struct machine *machine, const char *status, int64_t for_us);
/* Something that a test should see in the log. */
void machine_note(const struct machine *machine, const char *what);

#endif
