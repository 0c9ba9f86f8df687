/* SPDX-License-Identifier: MIT */
/* light_state: what a lamp of ours is doing and what follows from what happens. Pure.
 *
 *   off ─▶ noting ─▶ going on ─▶ settling ─▶ on ─▶ lingering ─▶ going off ─▶ off
 *
 * "Noting" writes to disk that the lamp will be on, so that the next life of the agent switches it
 * off when this one is killed. "Owing" is an off that did not get through: it is tried until it
 * does. A lamp that was on before, by whomever, is only "borrowed": it is not switched at all. */
#ifndef AGENT_LIGHT_STATE_H
#define AGENT_LIGHT_STATE_H

enum light_phase {
    LIGHT_OFF,
    LIGHT_BORROWED,  /* somebody else's light is on */
    LIGHT_NOTING,    /* the note is on its way to the disk */
    LIGHT_ABANDONED, /* so it is, but nobody wants the light any more */
    LIGHT_GOING_ON,  /* asked, not confirmed */
    LIGHT_DARK,      /* wanted, but it did not come on; perhaps it is on all the same */
    LIGHT_SETTLING,  /* on; lamp and camera get used to it */
    LIGHT_ON,
    LIGHT_LINGERING, /* on, unused */
    LIGHT_GOING_OFF,
    LIGHT_OWING, /* still to be switched off: the last try failed */
    LIGHT_PHASE_COUNT,
};
const char *light_phase_name(enum light_phase phase);

enum light_event {
    LIGHT_EV_FOUND,       /* an earlier life of the agent left it on */
    LIGHT_EV_USER_CAME,   /* one more wants it */
    LIGHT_EV_BORROW,      /* the same, and it is on already */
    LIGHT_EV_LAST_LEFT,   /* nobody wants it any more */
    LIGHT_EV_TURN_OFF,    /* a person wants it off, whoever switched it on */
    LIGHT_EV_NOTED,       /* the note is on disk */
    LIGHT_EV_NOTE_FAILED, /* it could not be written */
    LIGHT_EV_IS_ON,       /* confirmed, or seen */
    LIGHT_EV_IS_OFF,
    LIGHT_EV_FAILED,    /* it could not be switched */
    LIGHT_EV_TIMER,     /* the phase has lasted long enough */
    LIGHT_EV_REACHABLE, /* broker or printer are back */
    LIGHT_EVENT_COUNT,
};

enum light_action {
    LIGHT_ACT_NOTE = 1 << 0,
    LIGHT_ACT_FORGET = 1 << 1, /* the note */
    LIGHT_ACT_SWITCH_ON = 1 << 2,
    LIGHT_ACT_SWITCH_OFF = 1 << 3,
    LIGHT_ACT_TELL_LIT = 1 << 4,  /* those who wait */
    LIGHT_ACT_TELL_DARK = 1 << 5, /* … that they need not wait */
    /* The phase's timer; a new phase without one of these has none. */
    LIGHT_ACT_KEEP_TIMER = 1 << 6,
    LIGHT_ACT_AWAIT_ANSWER = 1 << 7,
    LIGHT_ACT_AWAIT_SETTLED = 1 << 8,
    LIGHT_ACT_AWAIT_LINGERED = 1 << 9,
    LIGHT_ACT_AWAIT_RETRY = 1 << 10,
};

struct light_step {
    enum light_phase next;
    unsigned actions; /* enum light_action */
};

/* What does not matter in a phase leads back to it, without an action. */
struct light_step light_next(enum light_phase phase, enum light_event event);

#endif
