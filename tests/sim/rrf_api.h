/* SPDX-License-Identifier: MIT */
/* rrf_api: the rr_* requests of a standalone Duet. */
#ifndef SIM_RRF_API_H
#define SIM_RRF_API_H

#include "tests/sim/faults.h"
#include "tests/sim/http_server.h"
#include "tests/sim/printer.h"

enum { RRF_RESPONDERS = 3, RRF_WAITING_MAX = 64 }; /* of a Duet 2: requests handled at once */

struct rrf_api {
    struct printer *printer;
    struct faults *faults;
    int64_t latency_ms;
    struct http_exchange *busy[RRF_RESPONDERS];
    struct http_exchange *waiting[RRF_WAITING_MAX];
    const struct http_request *waiting_requests[RRF_WAITING_MAX];
    int busy_count, waiting_count;
};

bool rrf_api_wants(const struct http_request *request);
/* The printer must be at now. Answers at once, later, or when a responder is free. */
void rrf_api_handle(struct rrf_api *api, struct http_exchange *exchange,
                    const struct http_request *request);
/* To be called for every exchange that is over. */
void rrf_api_over(struct rrf_api *api, const struct http_exchange *exchange);

#endif
