/* SPDX-License-Identifier: MIT */
/* hold: the holds of one printer: queues the requests of the units, and carries out what
 * hold_state decides: ledger, driver, timers, answers. printer.c owns one and feeds it. */
#ifndef AGENT_PRINTER_HOLD_H
#define AGENT_PRINTER_HOLD_H

#include "agent/printer/driver.h"
#include "agent/printer/hold_state.h"

struct holds;

struct holds_config {
    struct loop *loop;
    const struct printer_settings *settings;
    struct printer_ledger ledger;
    const struct printer_driver *driver;
    const struct printer_view *view; /* the printer's newest, always valid */
    void (*on_attention)(const char *text, void *user);
    /* The state has changed: pace, "paused by us", or all is over. */
    void (*on_change)(void *user);
    void *user;
};

/* config and open_pause (NULL = none) are copied, what they point to is borrowed. */
struct holds *holds_new(const struct holds_config *config,
                        const struct pause_record *open_pause) MUST_CHECK;
/* No callback comes any more, but for a write of the ledger that is under way and then ignored. */
void holds_free(struct holds *holds);
/* Before anything else. */
void holds_set_driver(struct holds *holds, void *driver_data);

struct printer_hold *holds_add(struct holds *holds, const struct hold_request *request,
                               printer_held_fn on_held, void *user) MUST_CHECK;
void holds_release(struct printer_hold *hold);

/* config->view is new. */
void holds_see(struct holds *holds);
void holds_rebooted(struct holds *holds);
void holds_command_done(struct holds *holds, enum printer_command command, int result,
                        const struct error *err);

/* Takes no new holds and lets go of those that are. */
void holds_close(struct holds *holds);

bool holds_idle(const struct holds *holds);
/* A pause of ours stands or may be coming. */
bool holds_ours(const struct holds *holds);
/* The pause was sent, and no resume. */
bool holds_stopping(const struct holds *holds);
/* Idle: nothing is asked for. */
enum printer_pace holds_pace(const struct holds *holds);

#endif
