/* SPDX-License-Identifier: MIT */
/* hold_state: the life of one pause of ours, as a pure machine: state × event → state + actions.
 *
 * It knows neither time nor printer: hold.c turns views, answers and timers into events and carries
 * the actions out. What it guarantees, whatever the order of events: a pause is sent only with the
 * intent on disk and the job just seen running; a resume only at the sight of "paused" and only for
 * a pause of ours; and whoever leaves for IDLE closes the ledger. */
#ifndef AGENT_PRINTER_HOLD_STATE_H
#define AGENT_PRINTER_HOLD_STATE_H

#include "agent/base/common.h"

enum hold_state {
    HOLD_IDLE,
    HOLD_OPENING,       /* the intent is being written */
    HOLD_CHECKING,      /* written; one fresh look before the pause */
    HOLD_ADOPT_OPENING, /* the same two for a pause that the job made itself */
    HOLD_ADOPT_CHECKING,
    HOLD_PAUSING,  /* the pause is sent and not answered */
    HOLD_ANSWERED, /* answered, but not seen paused yet */
    HOLD_PROVING,  /* seen paused, but not answered: whose pause it is stands in the answer */
    HOLD_PARKING,  /* ours; the head moves */
    HOLD_SETTLING,
    HOLD_HELD,
    HOLD_UNSURE,     /* nobody wants it any more, but our pause may still come */
    HOLD_DOUBT,      /* the pause is dealt with, how is to be seen */
    HOLD_RESUME_DUE, /* resume at the next sight of "paused" */
    HOLD_RESUME_SENT,
    HOLD_RESUME_WAIT,  /* sending it failed: not at once again */
    HOLD_LEAVING,      /* seen resuming: a pause from here on is a new one */
    HOLD_RUNNING_ONCE, /* seen running; once more and it is over */
    HOLD_RECOVERING,   /* an open record was found when we started */
    HOLD_STATE_COUNT
};

enum hold_event {
    HOLD_EV_WANT,
    HOLD_EV_WANT_ADOPT,
    HOLD_EV_UNWANT, /* the last hold was released, or its time is up */
    HOLD_EV_NEXT,   /* another hold's turn to be parked */
    HOLD_EV_WRITTEN,
    HOLD_EV_WRITE_FAILED,
    HOLD_EV_PAUSE_DONE,    /* the printer has dealt with it */
    HOLD_EV_PAUSE_REFUSED, /* certainly not carried out */
    HOLD_EV_PAUSE_LOST,    /* no telling whether it arrived */
    HOLD_EV_PARK_DONE,     /* also when it failed */
    HOLD_EV_RESUME_FAILED,
    HOLD_EV_FLUSHED, /* all that was ever sent to the printer is dealt with */
    HOLD_EV_TIMEOUT, /* the state's own */
    /* what a look at the printer shows */
    HOLD_EV_RUNNING,
    HOLD_EV_PAUSING,
    HOLD_EV_PAUSED,
    HOLD_EV_RESUMING,
    HOLD_EV_FORBIDDEN, /* it runs, but must not be paused now */
    HOLD_EV_GONE,      /* the job ended, or it is another one */
    HOLD_EV_FOREIGN,   /* the pause is evidently not ours */
    HOLD_EVENT_COUNT
};

enum hold_action {
    HOLD_DO_OPEN = 1 << 0,  /* write the ledger */
    HOLD_DO_CLOSE = 1 << 1, /* close the ledger */
    HOLD_DO_PAUSE = 1 << 2,
    HOLD_DO_RESUME = 1 << 3,
    HOLD_DO_FLUSH = 1 << 4,
    HOLD_DO_PARK = 1 << 5, /* for the holds whose turn it is; nothing to move is fine */
    HOLD_DO_SETTLE = 1 << 6,
    HOLD_DO_GRANT = 1 << 7,
    HOLD_DO_LOOK = 1 << 8, /* the newest view counts again when it is fresh */
    HOLD_DO_ATTENTION = 1 << 9,
};

struct hold_step {
    enum hold_state next;
    unsigned actions;
    int fail;   /* -errno for every hold that still waits; 0 = they go on waiting */
    bool moved; /* false: the event means nothing here; the state's timer goes on */
};

struct hold_step hold_next(enum hold_state state, enum hold_event event);

const char *hold_state_name(enum hold_state state);
const char *hold_event_name(enum hold_event event);

/* A pause of ours stands, or may stand, on the printer. */
bool hold_state_is_ours(enum hold_state state);

#endif
