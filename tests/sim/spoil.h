/* SPDX-License-Identifier: MIT */
/* spoil: the general faults done to an answer, whoever gives it. */
#ifndef SIM_SPOIL_H
#define SIM_SPOIL_H

#include "tests/sim/faults.h"
#include "tests/sim/http_server.h"

/* Gives the answer, spoilt by the faults that hit this scope (one FAULT_ON_… bit) now. */
void spoil_and_answer(struct faults *faults, int scope, int64_t now_us,
                      struct http_exchange *exchange, const struct http_answer *answer);

#endif
