/* SPDX-License-Identifier: MIT */
/* unit_plan: what a start command asks for, checked as a whole by the rules of the configuration
 * file, with everything that is wrong told at once. Pure: nothing is made here.
 *
 * args: "unit" (its id), "like" (a unit of the configuration), "duetlapse" (a command line of
 * DuetLapse3), "settings" (any key of the table "units"); of the last three a later one beats an
 * earlier one. */
#ifndef AGENT_UNIT_PLAN_H
#define AGENT_UNIT_PLAN_H

#include "agent/config.h"
#include "agent/problems.h"
#include "mqtt/envelope.h"

enum { UNIT_PLAN_CAMERAS = 2 };

struct unit_plan {
    struct unit_settings settings; /* settings.id NULL: the caller chooses one */
    /* Devices by address, which must be made when they are not there yet: their ids tell the same
     * address by the same name. */
    bool has_printer;
    struct printer_settings printer;
    struct camera_settings cameras[UNIT_PLAN_CAMERAS];
    size_t camera_count;
    struct problems notes; /* what was left aside, for the answer */
};

struct plan_problems {
    struct problems list;
    enum ack_code code; /* of all of them; ACK_OK: none */
};

/* ret is to be released either way. */
void unit_plan_make(const struct config *config, const cJSON *args, struct unit_plan *ret,
                    struct plan_problems *problems);
void unit_plan_done(const struct config *config, struct unit_plan *plan);

/* Settings for one session of a unit of the configuration: what may change while it lives.
 * changed: a flat copy of its settings, which owns nothing. */
void unit_plan_override(const struct config *config, const cJSON *settings,
                        struct unit_settings *changed, struct plan_problems *problems);

#endif
