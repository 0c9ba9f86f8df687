/* SPDX-License-Identifier: MIT */
/* hold_requests: the holds that units have asked for, and whose turn it is. It knows nothing of the
 * printer's state; hold.c says when. */
#ifndef AGENT_PRINTER_HOLD_REQUESTS_H
#define AGENT_PRINTER_HOLD_REQUESTS_H

#include "agent/base/list.h"
#include "agent/printer/driver.h"

enum hold_phase {
    HOLD_PHASE_NEW,     /* not looked at yet */
    HOLD_PHASE_WAITING, /* may be held */
    HOLD_PHASE_GRANTED,
    HOLD_PHASE_OVER /* told that it is not, or not any more */
};

struct holds;

struct printer_hold {
    struct list link;
    struct holds *owner;
    struct hold_request request;
    enum hold_phase phase;
    bool turn; /* of those that are being parked now */
    int64_t asked_at_ms;
    printer_held_fn on_held;
    void *user;
};

struct hold_requests {
    struct list items;
    bool at_place; /* the head was sent to place */
    struct park_move place;
};

void hold_requests_init(struct hold_requests *requests);
/* Frees all of them, without a word. */
void hold_requests_done(struct hold_requests *requests);

void hold_requests_add(struct hold_requests *requests, struct printer_hold *hold);

struct printer_hold *hold_requests_find(const struct hold_requests *requests,
                                        enum hold_phase phase);
/* Somebody waits or is held. */
bool hold_requests_wanted(const struct hold_requests *requests);

void hold_request_fail(struct printer_hold *hold, const struct error *err);
void hold_requests_fail(struct hold_requests *requests, enum hold_phase phase,
                        const struct error *err);
/* Who was granted keeps the handle, but the printer goes on without them. */
void hold_requests_dispossess(struct hold_requests *requests);

/* Chooses who is served next. True: the head must be moved for them, to requests->place. */
bool hold_requests_turn(struct hold_requests *requests);
/* Of those whose turn it is. */
int64_t hold_requests_settle_ms(const struct hold_requests *requests);
/* Grants them; parked: the head provably stands at place. */
void hold_requests_grant(struct hold_requests *requests, bool parked, int64_t held_at_us);
/* While the printer is held: somebody waits who can be served now. */
bool hold_requests_more(const struct hold_requests *requests);

#endif
