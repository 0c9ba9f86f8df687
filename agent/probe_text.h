/* SPDX-License-Identifier: MIT */
/* probe_text: what v4l2_probe() found, for people: lapsed --probe-cameras and lapsectl camera
 * probe. */
#ifndef AGENT_PROBE_TEXT_H
#define AGENT_PROBE_TEXT_H

#include "agent/base/json.h"

#include <stdio.h>

/* Each camera with its formats and controls, and a block that can be put into lapsed.conf. */
void probe_print(const cJSON *probe, FILE *out);

#endif
