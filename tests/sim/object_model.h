/* SPDX-License-Identifier: MIT */
/* object_model: the printer as RepRapFirmware's object model, and rr_model's way of asking it. */
#ifndef SIM_OBJECT_MODEL_H
#define SIM_OBJECT_MODEL_H

#include "agent/base/json.h"
#include "tests/sim/printer.h"

/* Keys in the tree carry their class: '*' live (also a container that holds live fields), '+' only
 * when verbose, nothing else for the rest. */
enum { MODEL_LIVE = '*', MODEL_VERBOSE = '+' };

/* One top-level key (without its mark), or all of it with key NULL. NULL: no such key. */
cJSON *object_model_build(const struct printer *printer, const char *key) MUST_CHECK;

/* The body of the answer to rr_model?key=…&flags=…; the caller frees. */
char *object_model_query(const struct printer *printer, const char *key,
                         const char *flags) MUST_CHECK;

#endif
