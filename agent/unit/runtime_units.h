/* SPDX-License-Identifier: MIT */
/* runtime_units: units that a command makes while the agent runs, and settings that stand for one
 * session of a unit of the configuration.
 *
 * Each is a row of the journal before anything of it is done, so it comes back after a restart or a
 * kill -9, and its session goes on. A unit made at run time goes when it was asked to finish or
 * abort, and, with restart = false, when its session has ended; always only after its video. Then
 * its retained topics are cleared and the devices that were made for it go, a printer only once it
 * was seen running. Loop thread only. */
#ifndef AGENT_RUNTIME_UNITS_H
#define AGENT_RUNTIME_UNITS_H

#include "agent/devices.h"
#include "agent/unit/units.h"

struct runtime_units;

struct runtime_units_config { /* borrowed */
    struct loop *loop;
    struct journal *journal;
    const struct config *config;
    struct units *units;
    struct devices *devices;
    /* Makes the unit, adds it to units and announces it. */
    struct unit *(*make)(struct unit_settings *settings, const struct unit_origin *origin,
                         void *user);
    /* A video of it is still to be made: then it stays. */
    bool (*is_busy)(const char *unit, void *user);
    /* It is in units no more. */
    void (*on_gone)(const struct unit_settings *settings, void *user);
    void *user;
};

struct runtime_units *runtime_units_new(const struct runtime_units_config *config) MUST_CHECK;
/* Makes what the journal has; those of the configuration are there. Blocks shortly. */
void runtime_units_restore(struct runtime_units *runtime);
/* The units go now, to come back; nothing is touched any more. */
void runtime_units_stop(struct runtime_units *runtime);
/* After units; NULL is fine. */
void runtime_units_free(struct runtime_units *runtime);

/* args as unit_plan.h says. The answer comes exactly once, perhaps from inside the call; all that
 * is wrong is in its message, and then nothing was done. */
void runtime_units_start(struct runtime_units *runtime, const cJSON *args, answer_fn answer,
                         void *user);
/* The answer for this user is not wanted any more. */
void runtime_units_forget(struct runtime_units *runtime, void *user);

/* Other settings for the next session, or the one that waits; answer: *ret_problems, to be freed.
 */
enum ack_code runtime_units_override(struct runtime_units *runtime, struct unit *unit,
                                     const cJSON *settings, char **ret_problems) MUST_CHECK;

/* Whether it was made at run time. */
bool runtime_units_has(const struct runtime_units *runtime, const struct unit *unit);
/* It goes as soon as no session of it is open. */
void runtime_units_end(struct runtime_units *runtime, struct unit *unit);

/* What the agent hears anyway. */
void runtime_units_on_jobs(struct runtime_units *runtime);
void runtime_units_on_event(struct runtime_units *runtime, const struct unit *unit,
                            const char *type);
void runtime_units_on_printer_gone(struct runtime_units *runtime, const char *printer);

/* Without an agent: the printers that units of the journal brought along by address. each takes
 * what *printer owns. */
typedef void (*runtime_printer_fn)(struct printer_settings *printer, void *user);
int runtime_units_each_printer(struct journal *journal, const struct config *config,
                               runtime_printer_fn each, void *user, struct error *err) MUST_CHECK;

#endif
