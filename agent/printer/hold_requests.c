/* SPDX-License-Identifier: MIT */
/* hold_requests: all that can be served at one place of the head are served together; who does not
 * care where it stands comes along. While somebody is held the head stays. A callback may release
 * any hold, so whoever calls one starts its search over. */
#include "agent/printer/hold_requests.h"

#include "agent/base/mem.h"

#include <math.h>
#include <stdlib.h>

static const double same_place_mm = 0.05;

void hold_requests_init(struct hold_requests *requests)
{
    *requests = (struct hold_requests){0};
    list_init(&requests->items);
}

void hold_requests_done(struct hold_requests *requests)
{
    struct printer_hold *hold;

    while ((hold = LIST_FIRST(&requests->items, struct printer_hold, link)) != NULL) {
        list_remove(&hold->link);
        free(hold);
    }
}

void hold_requests_add(struct hold_requests *requests, struct printer_hold *hold)
{
    list_append(&requests->items, &hold->link);
}

struct printer_hold *hold_requests_find(const struct hold_requests *requests, enum hold_phase phase)
{
    struct printer_hold *hold;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        if (hold->phase == phase)
            return hold;
    }
    return NULL;
}

bool hold_requests_wanted(const struct hold_requests *requests)
{
    return hold_requests_find(requests, HOLD_PHASE_WAITING) ||
           hold_requests_find(requests, HOLD_PHASE_GRANTED);
}

void hold_request_fail(struct printer_hold *hold, const struct error *err)
{
    hold->phase = HOLD_PHASE_OVER;
    hold->on_held(err->code, false, 0, err, hold->user);
}

void hold_requests_fail(struct hold_requests *requests, enum hold_phase phase,
                        const struct error *err)
{
    struct printer_hold *hold;

    while ((hold = hold_requests_find(requests, phase)) != NULL)
        hold_request_fail(hold, err);
}

void hold_requests_dispossess(struct hold_requests *requests)
{
    struct printer_hold *hold;

    while ((hold = hold_requests_find(requests, HOLD_PHASE_GRANTED)) != NULL)
        hold->phase = HOLD_PHASE_OVER;
}

/* --- turns --- */

static bool fits_here(const struct hold_requests *requests, const struct hold_request *request)
{
    const struct park_move *place = &requests->place;

    if (!request->move)
        return true;
    return requests->at_place && fabs(place->x_mm - request->x_mm) < same_place_mm &&
           fabs(place->y_mm - request->y_mm) < same_place_mm;
}

/* The first that cares decides; NULL = nobody does. */
static const struct hold_request *choose_move(const struct hold_requests *requests)
{
    const struct printer_hold *hold;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        if (hold->phase == HOLD_PHASE_WAITING && hold->request.move)
            return &hold->request;
    }
    return NULL;
}

static void mark_turns(struct hold_requests *requests)
{
    struct printer_hold *hold;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        hold->turn = hold->phase == HOLD_PHASE_WAITING && fits_here(requests, &hold->request);
    }
}

bool hold_requests_turn(struct hold_requests *requests)
{
    const struct hold_request *move = choose_move(requests);
    bool must_move =
        move && !fits_here(requests, move) && !hold_requests_find(requests, HOLD_PHASE_GRANTED);

    if (must_move) {
        requests->at_place = true;
        requests->place = (struct park_move){move->x_mm, move->y_mm, move->feed_mm_min};
    }
    mark_turns(requests);
    return must_move;
}

int64_t hold_requests_settle_ms(const struct hold_requests *requests)
{
    const struct printer_hold *hold;
    int64_t settle_ms = 0;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        if (hold->turn)
            settle_ms = MAX(settle_ms, hold->request.settle_ms);
    }
    return settle_ms;
}

static struct printer_hold *find_turn(const struct hold_requests *requests)
{
    struct printer_hold *hold;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        if (hold->turn && hold->phase == HOLD_PHASE_WAITING)
            return hold;
    }
    return NULL;
}

void hold_requests_grant(struct hold_requests *requests, bool parked, int64_t held_at_us)
{
    struct printer_hold *hold;

    while ((hold = find_turn(requests)) != NULL) {
        hold->turn = false;
        hold->phase = HOLD_PHASE_GRANTED;
        hold->on_held(0, hold->request.move && parked, held_at_us, NULL, hold->user);
    }
}

bool hold_requests_more(const struct hold_requests *requests)
{
    bool somebody_is_held = hold_requests_find(requests, HOLD_PHASE_GRANTED) != NULL;
    const struct printer_hold *hold;

    LIST_FOR_EACH(&requests->items, hold, struct printer_hold, link)
    {
        if (hold->phase == HOLD_PHASE_WAITING &&
            (!somebody_is_held || fits_here(requests, &hold->request)))
            return true;
    }
    return false;
}
