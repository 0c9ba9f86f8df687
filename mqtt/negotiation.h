/* SPDX-License-Identifier: MIT */
/* negotiation: which version of MQTT the next connection speaks. Pure.
 *
 * A broker that knows only 3.1.1 may say so, or answer something unreadable, or just close; the
 * last two are also what a proxy does whose broker is starting. So after two such ends 3.1.1 is
 * tried, but only to see whether anybody is there; then MQTT 5 once more; only when that breaks
 * again is 3.1.1 settled on, for a day. */
#ifndef MQTT_NEGOTIATION_H
#define MQTT_NEGOTIATION_H

#include "agent/base/common.h"

enum negotiation_outcome {
    ATTEMPT_ACCEPTED,
    ATTEMPT_VERSION_REFUSED, /* the broker said that it does not know this version */
    ATTEMPT_BROKEN,          /* closed, or answered nonsense, before accepting */
    ATTEMPT_FAILED,          /* anything that says nothing about versions: no route, bad password */
};

struct negotiation {
    int only; /* 5 or 4 when the user chose, else 0 */
    int stage;
    int broken;
    int64_t retry_v5_at_ms; /* monotonic */
};

/* only: 5, 4 (3.1.1), or 0 for both. */
void negotiation_init(struct negotiation *negotiation, int only);
/* 5 or 4 for an attempt that starts now. */
int negotiation_protocol(struct negotiation *negotiation, int64_t now_ms);
/* The attempt is to be closed again as soon as it is accepted. */
bool negotiation_is_probe(const struct negotiation *negotiation);
/* True: try again at once, with what negotiation_protocol() says now. */
bool negotiation_result(struct negotiation *negotiation, enum negotiation_outcome outcome,
                        int64_t now_ms);

#endif
