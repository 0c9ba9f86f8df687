/* SPDX-License-Identifier: MIT */
/* sim_api: /sim/fault, /sim/command, /sim/state, /sim/log. Never spoilt by a fault. */
#ifndef SIM_SIM_API_H
#define SIM_SIM_API_H

#include "tests/sim/sim.h"

bool sim_api_wants(const struct http_request *request);
void sim_api_handle(struct sim *sim, struct http_exchange *exchange,
                    const struct http_request *request);

#endif
