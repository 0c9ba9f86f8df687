/* SPDX-License-Identifier: MIT */
#include "mqtt/entities.h"

#define AGENT   .of = DISCOVERY_OF_AGENT
#define UNIT    .of = DISCOVERY_OF_UNIT
#define PRINTER .of = DISCOVERY_OF_PRINTER
#define CAMERA  .of = DISCOVERY_OF_CAMERA

#define SENSOR    .platform = "sensor"
#define BINARY    .platform = "binary_sensor"
#define BUTTON(verb) .platform = "button", .from = FROM_NOTHING, .command = (verb)
#define SET(kind, key) .platform = (kind), .setting = (key), .flags = ENTITY_CONFIG
#define TRIGGER   .platform = "device_automation", .from = FROM_EVENT

#define SINCE       .device_class = "timestamp"
#define MEASUREMENT .state_class = "measurement"
#define PERCENT     .unit = "%", MEASUREMENT
#define COUNT       .state_class = "total_increasing"
#define PROBLEM     .device_class = "problem", .flags = ENTITY_DIAGNOSTIC

/* clang-format off */
const struct entity entities[] = {
    /* --- the agent --- */
    {AGENT, "online", BINARY, .name = "Online", .from = FROM_AVAILABILITY,
     .device_class = "connectivity", .flags = ENTITY_DIAGNOSTIC},
    {AGENT, "problem", BINARY, .name = "Problem", .device_class = "problem",
     .value = "{{ 'ON' if value_json.error else 'OFF' }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_ERROR},
    {AGENT, "encoder", BINARY, .name = "Encoder missing", PROBLEM,
     .value = "{{ 'OFF' if value_json.ffmpeg else 'ON' }}"},
    {AGENT, "disk_free", SENSOR, .name = "Disk free", .device_class = "data_size", .unit = "GB",
     MEASUREMENT, .icon = "mdi:harddisk",
     .value = "{{ (value_json.disk.free_bytes / 1e9) | round(1) "
              "if value_json.disk.free_bytes is number else None }}"},
    {AGENT, "jobs_running", SENSOR, .name = "Jobs running", MEASUREMENT, .icon = "mdi:movie-cog",
     .value = "{{ value_json.jobs.running }}"},
    {AGENT, "jobs_queued", SENSOR, .name = "Jobs queued", MEASUREMENT, .icon = "mdi:movie-cog",
     .value = "{{ value_json.jobs.queued }}"},
    {AGENT, "load", SENSOR, .name = "Load", MEASUREMENT, .icon = "mdi:gauge",
     .value = "{{ value_json.load }}", .flags = ENTITY_DIAGNOSTIC},
    {AGENT, "memory", SENSOR, .name = "Memory", .device_class = "data_size", .unit = "KiB",
     MEASUREMENT, .value = "{{ value_json.memory.resident_kib }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_HIDDEN},
    {AGENT, "loop_lag", SENSOR, .name = "Loop lag", .device_class = "duration", .unit = "ms",
     MEASUREMENT, .value = "{{ value_json.loop_lag_ms }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_HIDDEN},
    {AGENT, "refused_commands", SENSOR, .name = "Refused commands", COUNT,
     .icon = "mdi:message-alert", .value = "{{ value_json.refused_commands }}",
     .flags = ENTITY_DIAGNOSTIC},
    {AGENT, "reconnects", SENSOR, .name = "Reconnects", COUNT, .icon = "mdi:lan-connect",
     .value = "{{ value_json.mqtt.reconnects }}", .flags = ENTITY_DIAGNOSTIC | ENTITY_HIDDEN},
    {AGENT, "started", SENSOR, .name = "Started", .from = FROM_INFO, SINCE,
     .value = "{{ value_json.started }}", .flags = ENTITY_DIAGNOSTIC},
    {AGENT, "shutdown", BUTTON("shutdown"), .name = "Shut down", .icon = "mdi:power",
     .flags = ENTITY_CONFIG | ENTITY_HIDDEN},
    {AGENT, "event", .platform = "event", .name = "Event", .from = FROM_EVENT,
     .icon = "mdi:bullhorn"},

    /* --- a unit --- */
    {UNIT, "state", SENSOR, .name = "State", .device_class = "enum", .icon = "mdi:movie-roll",
     .value = "{{ value_json.state }}", .flags = ENTITY_STATES},
    {UNIT, "armed", .platform = "switch", .name = "Armed", .setting = "armed",
     .icon = "mdi:record-rec", .value = "{{ 'ON' if value_json.settings.armed else 'OFF' }}"},
    {UNIT, "frames", SENSOR, .name = "Frames", .unit = "frames", COUNT, .icon = "mdi:filmstrip",
     .value = "{{ value_json.session.frames if value_json.session else 0 }}"},
    {UNIT, "missed", SENSOR, .name = "Missed frames", .unit = "frames", COUNT,
     .icon = "mdi:filmstrip-off", .flags = ENTITY_DIAGNOSTIC,
     .value = "{{ value_json.session.missed if value_json.session else 0 }}"},
    {UNIT, "video_length", SENSOR, .name = "Video so far", .device_class = "duration", .unit = "s",
     MEASUREMENT, .value = "{{ value_json.session.video_s if value_json.session else 0 }}"},
    {UNIT, "session", SENSOR, .name = "Session", .icon = "mdi:tag",
     .value = "{{ (value_json.session.job or value_json.session.id)[:250] "
              "if value_json.session else '' }}"},
    {UNIT, "layer", SENSOR, .name = "Layer", MEASUREMENT, .icon = "mdi:layers",
     .value = "{{ value_json.printer.layer }}", .flags = ENTITY_PRINTER},
    {UNIT, "progress", SENSOR, .name = "Progress", PERCENT, .icon = "mdi:progress-clock",
     .value = "{{ value_json.printer.progress }}", .flags = ENTITY_PRINTER},
    {UNIT, "building", BINARY, .name = "Building", .device_class = "running",
     .value = "{{ 'ON' if value_json.build.state == 'running' else 'OFF' }}"},
    {UNIT, "build_progress", SENSOR, .name = "Build progress", PERCENT, .icon = "mdi:movie-cog",
     .value = "{{ value_json.build.progress }}"},
    {UNIT, "problem", BINARY, .name = "Problem", .device_class = "problem",
     .value = "{{ 'ON' if value_json.error else 'OFF' }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_ERROR},
    {UNIT, "image_@", .platform = "image", .name = "Last picture @", .from = FROM_IMAGE,
     .flags = ENTITY_EACH},
    {UNIT, "last_frame_@", SENSOR, .name = "Last picture time @", .from = FROM_IMAGE_META, SINCE,
     .value = "{{ value_json.ts }}", .flags = ENTITY_EACH},
    {UNIT, "last_video", SENSOR, .name = "Last video", .from = FROM_VIDEO, SINCE,
     .icon = "mdi:movie-check", .value = "{{ value_json.ts }}", .flags = ENTITY_DATA},
    {UNIT, "start", BUTTON("start"), .name = "Start", .icon = "mdi:play"},
    {UNIT, "pause", BUTTON("pause"), .name = "Pause", .icon = "mdi:pause"},
    {UNIT, "resume", BUTTON("resume"), .name = "Resume", .icon = "mdi:play-pause"},
    {UNIT, "finish", BUTTON("finish"), .name = "Finish", .icon = "mdi:movie-check"},
    {UNIT, "snapshot", BUTTON("snapshot"), .name = "Snapshot", .icon = "mdi:camera"},
    {UNIT, "preview", BUTTON("preview"), .name = "Preview", .icon = "mdi:movie-open-play"},
    {UNIT, "rebuild", BUTTON("rebuild"), .name = "Build again", .icon = "mdi:movie-cog"},
    {UNIT, "restart", BUTTON("restart"), .name = "Restart", .icon = "mdi:restart",
     .flags = ENTITY_HIDDEN},
    {UNIT, "abort", BUTTON("abort"), .name = "Abort", .icon = "mdi:stop", .flags = ENTITY_HIDDEN},
    {UNIT, "standby", BUTTON("standby"), .name = "Discard", .icon = "mdi:delete",
     .flags = ENTITY_HIDDEN},
    {UNIT, "trigger", SET("select", "trigger"), .name = "Trigger", .icon = "mdi:camera-timer",
     .value = "{{ value_json.settings.trigger | reject('eq', 'command') | join(',') "
              "or 'command' }}"},
    {UNIT, "interval_s", SET("number", "interval_s"), .name = "Interval",
     .device_class = "duration", .step = 0.1, .value = "{{ value_json.settings.interval_s }}"},
    {UNIT, "every_nth_layer", SET("number", "every_nth_layer"), .name = "Every nth layer",
     .icon = "mdi:layers-triple", .step = 1, .value = "{{ value_json.settings.every_nth_layer }}"},
    {UNIT, "fps", SET("number", "fps"), .name = "FPS", .unit = "fps",
     .icon = "mdi:speedometer", .step = 0.1, .value = "{{ value_json.settings.fps }}"},
    {UNIT, "target_length_s", SET("number", "target_length_s"), .name = "Video length",
     .device_class = "duration", .step = 0.1, .value = "{{ value_json.settings.target_length_s }}"},
    {UNIT, "hold_last_s", SET("number", "hold_last_s"), .name = "Hold last frame",
     .device_class = "duration", .step = 0.1, .value = "{{ value_json.settings.hold_last_s }}"},
    {UNIT, "hold_still", .platform = "switch", .setting = "pause", .name = "Pause for frames",
     .icon = "mdi:pause-octagon", .value = "{{ 'ON' if value_json.settings.pause else 'OFF' }}",
     .flags = ENTITY_CONFIG | ENTITY_PRINTER},
    {UNIT, "park", .platform = "switch", .setting = "park", .name = "Park for frames",
     .icon = "mdi:parking", .value = "{{ 'ON' if value_json.settings.park else 'OFF' }}",
     .flags = ENTITY_CONFIG | ENTITY_PRINTER},
    {UNIT, "rearm", .platform = "switch", .setting = "restart", .name = "Next print too",
     .icon = "mdi:repeat", .value = "{{ 'ON' if value_json.settings.restart else 'OFF' }}",
     .flags = ENTITY_CONFIG | ENTITY_PRINTER},
    {UNIT, "event", .platform = "event", .name = "Event", .from = FROM_EVENT,
     .icon = "mdi:bullhorn",
     /* A frame is no news: thousands of them would bury the rest in the logbook. */
     .value = "{{ value if value_json.event_type != 'frame' else '' }}"},
    {UNIT, "session_started", TRIGGER},
    {UNIT, "session_finished", TRIGGER},
    {UNIT, "video_ready", TRIGGER},
    {UNIT, "video_failed", TRIGGER},
    {UNIT, "preview_ready", TRIGGER},
    {UNIT, "frame", TRIGGER},

    /* --- a printer --- */
    {PRINTER, "state", SENSOR, .name = "State", .device_class = "enum", .icon = "mdi:printer-3d",
     .value = "{{ value_json.state }}", .flags = ENTITY_STATES},
    {PRINTER, "connected", BINARY, .name = "Connected", .from = FROM_AVAILABILITY,
     .device_class = "connectivity", .flags = ENTITY_DIAGNOSTIC},
    {PRINTER, "job", SENSOR, .name = "Job", .icon = "mdi:file",
     .value = "{{ (value_json.job.file or '')[:250] }}"},
    {PRINTER, "progress", SENSOR, .name = "Progress", PERCENT, .icon = "mdi:progress-clock",
     .value = "{{ value_json.job.progress }}"},
    {PRINTER, "layer", SENSOR, .name = "Layer", MEASUREMENT, .icon = "mdi:layers",
     .value = "{{ value_json.job.layer }}"},
    {PRINTER, "layers", SENSOR, .name = "Layers", MEASUREMENT, .icon = "mdi:layers-triple",
     .value = "{{ value_json.job.layers }}"},
    {PRINTER, "elapsed", SENSOR, .name = "Elapsed", .device_class = "duration", .unit = "s",
     MEASUREMENT, .value = "{{ value_json.job.elapsed_s }}"},
    {PRINTER, "remaining", SENSOR, .name = "Remaining", .device_class = "duration", .unit = "s",
     MEASUREMENT, .value = "{{ value_json.job.remaining_s }}"},
    {PRINTER, "temperature_@", SENSOR, .name = "Temperature @", .device_class = "temperature",
     .unit = "°C", MEASUREMENT, .flags = ENTITY_EACH,
     .value = "{{ value_json.temperatures.@.current "
              "if value_json.temperatures.@ is defined else None }}"},
    {PRINTER, "target_@", SENSOR, .name = "Target @", .device_class = "temperature", .unit = "°C",
     MEASUREMENT, .flags = ENTITY_EACH | ENTITY_DIAGNOSTIC,
     .value = "{{ value_json.temperatures.@.target "
              "if value_json.temperatures.@ is defined else None }}"},
    {PRINTER, "held", BINARY, .name = "Held",
     .value = "{{ 'ON' if value_json.paused_by_us else 'OFF' }}", .flags = ENTITY_DIAGNOSTIC},
    {PRINTER, "message_box", BINARY, .name = "Message box", PROBLEM,
     .value = "{{ 'ON' if value_json.message_box else 'OFF' }}"},
    {PRINTER, "problem", BINARY, .name = "Problem", .device_class = "problem",
     .value = "{{ 'ON' if value_json.error else 'OFF' }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_ERROR},
    {PRINTER, "firmware", SENSOR, .name = "Firmware", .icon = "mdi:chip",
     .value = "{{ value_json.firmware or '' }}", .flags = ENTITY_DIAGNOSTIC},

    /* --- a camera --- */
    {CAMERA, "connected", BINARY, .name = "Connected", .device_class = "connectivity",
     .value = "{{ 'ON' if value_json.connected else 'OFF' }}", .flags = ENTITY_DIAGNOSTIC},
    {CAMERA, "problem", BINARY, .name = "Problem", .device_class = "problem",
     .value = "{{ 'ON' if value_json.error else 'OFF' }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_ERROR},
    {CAMERA, "snapshot", BUTTON("snapshot"), .name = "Snapshot", .icon = "mdi:camera"},
    {CAMERA, "camera", .platform = "camera", .name = "Picture", .from = FROM_IMAGE,
     .flags = ENTITY_HIDDEN},
    {CAMERA, "last_picture", SENSOR, .name = "Last picture time", .from = FROM_IMAGE_META, SINCE,
     .value = "{{ value_json.ts }}"},
    {CAMERA, "brightness", SENSOR, .name = "Brightness", MEASUREMENT, .icon = "mdi:brightness-6",
     .value = "{{ value_json.brightness }}"},
    {CAMERA, "pictures", SENSOR, .name = "Pictures", .unit = "pictures", COUNT,
     .icon = "mdi:image-multiple", .value = "{{ value_json.pictures }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_HIDDEN},
    {CAMERA, "failures", SENSOR, .name = "Failures", .unit = "pictures", COUNT,
     .icon = "mdi:image-broken", .value = "{{ value_json.failures }}", .flags = ENTITY_DIAGNOSTIC},
    {CAMERA, "latency", SENSOR, .name = "Latency", .device_class = "duration", .unit = "ms",
     MEASUREMENT, .value = "{{ value_json.latency_ms }}",
     .flags = ENTITY_DIAGNOSTIC | ENTITY_HIDDEN},
};
/* clang-format on */
const size_t entity_count = ARRAY_LEN(entities);
