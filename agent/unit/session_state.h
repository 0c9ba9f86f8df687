/* SPDX-License-Identifier: MIT */
/* session_state: the life of a unit's sessions as a pure function.
 *
 *   standby ──start──▶ waiting ──job started──▶ capturing ◀──pause/resume──▶ paused
 *      ▲                  ▲                         │ finish, restart, job ended │
 *      └──────────────────┴───────built──────── building ◀───────────────────────┘
 *
 * session_next() looks up what an event means in a state and says what must be done; unit.c does
 * it. Every (state, event) pair has its line in the test. */
#ifndef AGENT_SESSION_STATE_H
#define AGENT_SESSION_STATE_H

#include "agent/base/common.h"

enum session_state {
    SESSION_STANDBY, /* does nothing until "start" */
    SESSION_WAITING, /* armed: a job of the printer begins the session */
    SESSION_CAPTURING,
    SESSION_PAUSED,   /* session open, triggers ignored */
    SESSION_BUILDING, /* last frame and final video */
    SESSION_ERROR,    /* the session could not be opened; tried again */
    SESSION_STATE_COUNT,
};
const char *session_state_name(enum session_state state); /* "standby" … as in the contract */
/* SESSION_STATE_COUNT: no such name. */
enum session_state session_state_find(const char *name);

enum session_event {
    SESSION_CMD_START,
    SESSION_CMD_STANDBY,
    SESSION_CMD_PAUSE,
    SESSION_CMD_RESUME,
    SESSION_CMD_FINISH,
    SESSION_CMD_ABORT,
    SESSION_CMD_RESTART,
    SESSION_CMD_SNAPSHOT,
    SESSION_CMD_PREVIEW,
    SESSION_JOB_STARTED,
    SESSION_JOB_ENDED,
    SESSION_TRIGGER,
    SESSION_BUILT,       /* the build ended, well or not */
    SESSION_OPEN_FAILED, /* SESSION_DO_OPEN could not be done */
    SESSION_RETRY,       /* time to try again what failed */
    SESSION_EVENT_COUNT,
};
const char *session_event_name(enum session_event event);

/* What session_next() may look at besides the state. */
struct session_facts {
    bool waits_for_job; /* bound to a printer and not "dontwait" */
    bool has_printer;
    bool job_running;    /* now, on the printer */
    bool new_job;        /* a job began while the video of the one before was built */
    bool continuous;     /* setting "restart": the next print gets its own session */
    bool starts_standby; /* setting "standby": come back to standby, not to waiting */
    bool restart_asked;  /* the build under way was asked for by "restart" */
};

enum session_action {
    SESSION_DO_OPEN = 1 << 0,    /* begin a new session */
    SESSION_DO_FRAME = 1 << 1,   /* take a frame for the session */
    SESSION_DO_PICTURE = 1 << 2, /* take a picture for the image topic only */
    SESSION_DO_FINISH = 1 << 3,  /* last frame, final video, then SESSION_BUILT */
    SESSION_DO_DISCARD = 1 << 4, /* end it, delete its frames, no video */
    SESSION_DO_ABORT = 1 << 5,   /* end it, keep what is there, no video */
    SESSION_DO_PREVIEW = 1 << 6,
    SESSION_DO_NOTE_RESTART = 1 << 7, /* set facts.restart_asked */
    SESSION_DO_NOTE_JOB = 1 << 8,     /* set facts.new_job */
    SESSION_DO_RETRY_LATER = 1 << 9,  /* SESSION_RETRY comes in a while */
};

struct session_step {
    enum session_state next;
    unsigned actions;
    const char *refusal; /* a command that does not fit the state: why, and what would; else NULL */
};
struct session_step session_next(enum session_state state, enum session_event event,
                                 const struct session_facts *facts);

/* A unit begins in SESSION_STANDBY; unless its setting says to stay there it gets
 * SESSION_CMD_START. */

#endif
