/* SPDX-License-Identifier: MIT */
/* negotiation: four stages; the table of moves is negotiation_result(). */
#include "mqtt/negotiation.h"

enum { V5, PROBE_V4, CONFIRM_V5, SETTLED_V4 };

enum { BROKEN_LIMIT = 2, SETTLED_MS = 24 * 60 * 60 * 1000 };

void negotiation_init(struct negotiation *negotiation, int only)
{
    *negotiation = (struct negotiation){.only = only, .stage = V5};
}

int negotiation_protocol(struct negotiation *negotiation, int64_t now_ms)
{
    if (negotiation->only)
        return negotiation->only;
    if (negotiation->stage == SETTLED_V4 && now_ms >= negotiation->retry_v5_at_ms) {
        negotiation->stage = V5;
        negotiation->broken = BROKEN_LIMIT - 1;
    }
    return negotiation->stage == PROBE_V4 || negotiation->stage == SETTLED_V4 ? 4 : 5;
}

bool negotiation_is_probe(const struct negotiation *negotiation)
{
    return !negotiation->only && negotiation->stage == PROBE_V4;
}

static bool settle_v4(struct negotiation *negotiation, int64_t now_ms)
{
    negotiation->stage = SETTLED_V4;
    negotiation->retry_v5_at_ms = now_ms + SETTLED_MS;
    return true;
}

static bool back_to_v5(struct negotiation *negotiation)
{
    negotiation->stage = V5;
    negotiation->broken = 0;
    return false;
}

static bool v5_result(struct negotiation *negotiation, enum negotiation_outcome outcome,
                      int64_t now_ms)
{
    if (outcome == ATTEMPT_ACCEPTED)
        return back_to_v5(negotiation);
    if (outcome == ATTEMPT_VERSION_REFUSED)
        return settle_v4(negotiation, now_ms);
    if (outcome == ATTEMPT_BROKEN && ++negotiation->broken >= BROKEN_LIMIT)
        negotiation->stage = PROBE_V4;
    return false;
}

bool negotiation_result(struct negotiation *negotiation, enum negotiation_outcome outcome,
                        int64_t now_ms)
{
    if (negotiation->only || outcome == ATTEMPT_FAILED)
        return false;
    switch (negotiation->stage) {
    case PROBE_V4:
        if (outcome != ATTEMPT_ACCEPTED)
            return back_to_v5(negotiation);
        negotiation->stage = CONFIRM_V5;
        return true;
    case CONFIRM_V5:
        return outcome == ATTEMPT_ACCEPTED ? back_to_v5(negotiation)
                                           : settle_v4(negotiation, now_ms);
    case SETTLED_V4:
        return outcome == ATTEMPT_VERSION_REFUSED ? back_to_v5(negotiation) : false;
    default:
        return v5_result(negotiation, outcome, now_ms);
    }
}
