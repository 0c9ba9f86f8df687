/* SPDX-License-Identifier: MIT */
/* status: the JSON of every status topic, made from what is there now. The keys are the contract:
 * always all of them, null when unknown; publish.c puts version, time, boot and sequence in front.
 * Pure looks; the caller frees. */
#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include "agent/config.h"
#include "agent/light/light.h"
#include "agent/unit/units.h"

cJSON *status_unit(const struct unit *unit) MUST_CHECK;
cJSON *status_printer(const struct printer *printer) MUST_CHECK;
cJSON *status_camera(const struct camera *camera) MUST_CHECK;
cJSON *status_light(const struct light *light) MUST_CHECK;

struct status_agent {
    const struct config *config;
    const struct units *units;
    int64_t started_at; /* wall ms */
    int64_t loop_lag_ms;
    int64_t disk_free_bytes; /* -1 unknown */
    int jobs_running, jobs_queued;
    int64_t power_bits; /* power.h */
    bool videos_wait;   /* for more voltage */
    int64_t refused_commands;
    const struct mqtt_link *link;
    const struct error *error; /* code 0 = none */
    int64_t error_since;
    bool ffmpeg_missing;
};
cJSON *status_info(const struct status_agent *agent) MUST_CHECK;
cJSON *status_agent(const struct status_agent *agent) MUST_CHECK;

#endif
