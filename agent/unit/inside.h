/* SPDX-License-Identifier: MIT */
/* inside: what the files of a unit share: unit.c decides and acts, telling.c says what happened,
 * pictures.c takes frames, videos.c builds, world.c hears triggers and the printer. */
#ifndef AGENT_UNIT_INSIDE_H
#define AGENT_UNIT_INSIDE_H

#include "agent/unit/unit.h"

struct unit_problem {
    struct error err; /* code 0: none */
    int64_t since;
};

struct unit {
    struct unit_config config;
    struct unit_callbacks callbacks;
    void *user;
    struct camera **cameras;
    const cJSON *overrides; /* settings that stand for one session only; NULL: none */
    struct triggers *triggers;
    struct timer *retry;
    struct timer *leaving; /* the session goes to the queue, not from inside its own calls */

    enum session_state state;
    int64_t state_since;
    struct session_facts facts;
    bool disarmed; /* after the session that is ending comes standby, whatever the settings say */
    struct session *session;
    bool unproven; /* the session was taken up after a restart; is its job still running? */
    struct trigger_cause last_cause;
    int64_t last_shot_at_mono_us; /* moment of the newest of which a picture came */

    struct shot_queue *shots;
    bool finish_wanted; /* as soon as shots and an interim build are through */
    const char *end;    /* why the session ends */
    int64_t ended_at_mono_us;
    struct unit_build build;             /* as the status shows it */
    struct job *final_job, *preview_job; /* NULL = none */
    struct error unbuilt;                /* why a final video of the session could not be made */
    struct error unpreviewed;            /* and an interim one */
    bool pause_wanted;                   /* the queue is to make the final video */

    struct unit_problem capture, video; /* the next frame says nothing about the encoder */
    char *ill_camera;                   /* whose frame was lost; NULL: capture is not of one */
};

/* --- unit.c --- */
/* The only place where the state changes. */
void unit_step(struct unit *unit, enum session_event event);
void unit_refresh_facts(struct unit *unit);
void unit_close_session(struct unit *unit, const char *event, bool discard);

/* --- telling.c --- */
void unit_changed(struct unit *unit);
/* Takes data over. */
void unit_emit(struct unit *unit, const char *type, cJSON *data);
void unit_set_problem(struct unit *unit, struct unit_problem *problem, const struct error *err);
void unit_clear_problem(struct unit *unit, struct unit_problem *problem);
extern const struct session_events unit_session_events;

/* --- pictures.c --- */
extern const struct shot_queue_events unit_shot_events;
void unit_snapshot(struct unit *unit, bool for_session, answer_fn answer, void *user);

/* --- videos.c --- */
void unit_begin_final(struct unit *unit);
/* Nobody wants them any more. */
void unit_cancel_builds(struct unit *unit);
/* The unit goes. */
void unit_leave_builds(struct unit *unit);
/* How far the build under way is, 0..1. */
void unit_show_progress(struct unit *unit, double progress);
void unit_preview(struct unit *unit, answer_fn answer, void *user);
/* Of the timer leaving. */
void unit_on_leaving(void *user);
/* The final video begins when nothing else of the session is under way. */
void unit_continue_finish(struct unit *unit);

/* --- world.c --- */
void unit_on_trigger(const struct trigger_cause *cause, void *user);

#endif
