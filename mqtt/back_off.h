/* SPDX-License-Identifier: MIT */
/* back_off: how long to stay away after so many failures in a row. Full jitter: a hundred agents
 * that lost one broker must not come back in one second. */
#ifndef MQTT_BACK_OFF_H
#define MQTT_BACK_OFF_H

#include "agent/base/common.h"

enum { BACK_OFF_MIN_MS = 200 };

/* Anything from BACK_OFF_MIN_MS to twice as much for each failure, longest_ms at most. */
int64_t back_off_ms(int failures, int64_t longest_ms);

#endif
