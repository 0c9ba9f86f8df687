/* SPDX-License-Identifier: MIT */
/* announced: a rig whose agent tells Home Assistant of itself, and what stands at the broker of it.
 */
#ifndef TESTS_E2E_ANNOUNCED_H
#define TESTS_E2E_ANNOUNCED_H

#include "tests/e2e/steps.h"
#include "tests/mqtt/discovery_check.h"

#define BELOW       "timelapse/v1/pi01/"
#define OWN         "homeassistant/device/pi01/"
#define AGENT_DOC   OWN "lapsed/config"
#define UNIT_DOC    OWN "lapsed_mk4/config"
#define SIDE_DOC    OWN "lapsed_side/config"
#define PRINTER_DOC OWN "lapsed-printer_mk4/config"

/* The group "home_assistant". */
#define TELLING(mode) "home_assistant = { mode = \"" mode "\"; delay_s = 1; };\n"
/* The rest: a unit "mk4" with printer "mk4" and camera "front"; a second one, "side", that shares
 * both and has a camera "top-left" besides; the same without the printer. */
extern const char announced_one_unit[], announced_both_units[], announced_side_alone[];

/* The rig is in *state, too. */
struct rig *announced_begin(void **state, const char *group, const char *rest);
int announced_teardown(void **state);
/* Ends the agent in good order and starts it with another configuration. */
void announced_restart(struct rig *rig, const char *group, const char *rest);
/* Agent, unit and printer, with its heaters, in the device form; and no more comes. */
void announced_await(struct rig *rig);

/* The last document on a topic; "" = none. */
const char *standing(struct rig *rig, const char *topic);
bool stands(struct rig *rig, const char *topic);
/* How many stand on topics that begin so. */
size_t documents_standing(struct rig *rig, const char *start);
/* Messages on topics of documents since that many messages. */
size_t documents_since(struct rig *rig, size_t from);
/* Reads all that stand, which must be without fault. The caller frees. */
struct discovery_check *read_documents(struct rig *rig) MUST_CHECK;

#endif
