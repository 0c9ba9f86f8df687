/* SPDX-License-Identifier: MIT */
/* object_model: one function per top-level key writes the fields that clients are known to read,
 * named and classed as in recorded answers of a Duet 2 WiFi. What the simulator has no idea of is a
 * constant. */
#include "tests/sim/object_model.h"

#include "agent/base/clock.h"
#include "agent/base/str.h"

#include <math.h>
#include <stdio.h>

enum { FILE_INPUT = 2, INPUTS = 14 };

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static double room_or(const struct printer *p, double hot)
{
    return p->machine.has_job ? hot : 20.5;
}

static void add_range(cJSON *parent, const char *key, double current)
{
    cJSON *range = json_add_object(parent, key);

    json_add_number(range, "*current", current, 1);
    json_add_number(range, "min", current - 1, 1);
    json_add_number(range, "max", current + 1, 1);
}

static cJSON *build_boards(const struct printer *p)
{
    cJSON *boards = json_array(), *board = json_add_object(boards, NULL);
    char version[16];

    snprintf(version, sizeof(version), "%d.%d.0", p->machine.config.firmware / 10,
             p->machine.config.firmware % 10);
    json_add_string(board, "firmwareDate", "2025-01-16");
    json_add_string(board, "firmwareFileName", "Duet2CombinedFirmware.bin");
    json_add_string(board, "firmwareName", "RepRapFirmware for Duet 2 WiFi/Ethernet");
    json_add_string(board, "firmwareVersion", version);
    json_add_int(board, "*freeRam", 16796);
    json_add_string(board, "iapFileNameSD", "Duet2_SDiap32_WiFiEth.bin");
    json_add_int(board, "+maxHeaters", 10);
    json_add_int(board, "+maxMotors", 12);
    add_range(board, "*mcuTemp", 30.8);
    json_add_string(board, "name", "Duet 2 WiFi");
    json_add_string(board, "shortName", "2WiFi");
    json_add_string(board, "uniqueId", "LAPSED-SIM-0000-0000");
    add_range(board, "*vIn", 24.0);
    return boards;
}

static cJSON *build_directories(const struct printer *p)
{
    cJSON *dirs = json_object();

    (void)p;
    json_add_string(dirs, "+filaments", "0:/filaments/");
    json_add_string(dirs, "+firmware", "0:/firmware/");
    json_add_string(dirs, "+gCodes", "0:/gcodes/");
    json_add_string(dirs, "+macros", "0:/macros/");
    json_add_string(dirs, "+menu", "0:/menu/");
    json_add_string(dirs, "system", "0:/sys/");
    json_add_string(dirs, "+web", "0:/www/");
    return dirs;
}

static cJSON *build_fans(const struct printer *p)
{
    cJSON *fans = json_array(), *fan = json_add_object(fans, NULL);
    double value = p->machine.has_job ? 1.0 : 0.0;

    json_add_number(fan, "*actualValue", value, 2);
    json_add_number(fan, "blip", 0.1, 2);
    json_add_int(fan, "frequency", 250);
    json_add_number(fan, "max", 1.0, 2);
    json_add_number(fan, "min", 0.1, 2);
    json_add_string(fan, "name", "");
    json_add_number(fan, "*requestedValue", value, 2);
    json_add_int(fan, "*rpm", -1);
    json_add_object(fan, "thermostatic");
    return fans;
}

static void add_heater(cJSON *heaters, double target, double current, int sensor)
{
    cJSON *heater = json_add_object(heaters, NULL);

    json_add_number(heater, "*active", target, 1);
    json_add_number(heater, "*avgPwm", target > 0 ? 0.5 : 0, 3);
    json_add_number(heater, "*current", current, 2);
    json_add_number(heater, "max", 350, 1);
    json_add_number(heater, "min", -273.1, 1);
    json_add_int(heater, "sensor", sensor);
    json_add_number(heater, "*standby", 0, 1);
    json_add_string(heater, "*state", target > 0 ? "active" : "off");
}

/* Before the first layer the heaters are on their way. */
static double heat_part(const struct printer *p)
{
    const struct machine *m = &p->machine;

    if (m->phase != PHASE_HEATING || m->config.heat_us == 0)
        return 1;
    return (double)(m->at_us - m->job_started_at_us) / (double)m->config.heat_us;
}

static cJSON *build_heat(const struct printer *p)
{
    cJSON *heat = json_object(), *beds, *chambers, *heaters;
    double part = heat_part(p);
    bool on = p->machine.has_job;

    beds = json_add_array(heat, "bedHeaters");
    json_add_int(beds, NULL, 0);
    chambers = json_add_array(heat, "chamberHeaters");
    json_add_int(chambers, NULL, -1);
    json_add_number(heat, "coldExtrudeTemperature", 160, 1);
    json_add_number(heat, "coldRetractTemperature", 90, 1);
    heaters = json_add_array(heat, "*heaters");
    add_heater(heaters, on ? 60 : 0, room_or(p, 20.5 + 39.5 * part), 0);
    add_heater(heaters, on ? 210 : 0, room_or(p, 20.5 + 189.5 * part), 1);
    return heat;
}

static const char *input_state(const struct printer *p, int index)
{
    const struct machine *m = &p->machine;

    if (index == 0)
        return p->line[0] ? "executing" : "idle";
    if (index != FILE_INPUT || !m->has_job)
        return "idle";
    if (m->box.open && m->box.mode >= 2)
        return "awaitingAcknowledgement";
    return m->phase == PHASE_HEATING ? "waiting" : "executing";
}

static void add_input(const struct printer *p, cJSON *inputs, int index, const char *name)
{
    cJSON *input = json_add_object(inputs, NULL);
    bool file = index == FILE_INPUT;

    json_add_bool(input, "active", true);
    json_add_bool(input, "axesRelative", index == 0 && p->modal.relative);
    json_add_string(input, "compatibility", "RepRapFirmware");
    json_add_string(input, "distanceUnit", "mm");
    json_add_bool(input, "drivesRelative", true);
    json_add_number(input, "*feedRate", index == 0 ? p->modal.feed_mm_s : 50, 1);
    json_add_bool(input, "*inMacro", file && machine_in_macro(&p->machine));
    json_add_bool(input, "inverseTimeMode", false);
    json_add_int(input, "*lineNumber", file ? machine_file_position(&p->machine) / 40 : 0);
    json_add_bool(input, "macroRestartable", false);
    json_add_int(input, "motionSystem", 0);
    json_add_string(input, "name", name);
    json_add_int(input, "selectedPlane", 0);
    json_add_int(input, "stackDepth", index == 0 ? p->depth : 0);
    json_add_string(input, "*state", input_state(p, index));
    json_add_bool(input, "volumetric", false);
}

static cJSON *build_inputs(const struct printer *p)
{
    static const char *const names[INPUTS] = {"HTTP",    "Telnet",    "File", "USB", "Aux",
                                              "Trigger", "Queue",     "LCD",  NULL,  "Daemon",
                                              NULL,      "Autopause", NULL,   NULL};
    cJSON *inputs = json_array();

    for (int i = 0; i < INPUTS; i++) {
        if (names[i])
            add_input(p, inputs, i, names[i]);
        else
            json_add_null(inputs, NULL);
    }
    return inputs;
}

/* --- job --- */

static void add_number_or_null(cJSON *parent, const char *key, bool known, double value,
                               int decimals)
{
    if (known)
        json_add_number(parent, key, value, decimals);
    else
        json_add_null(parent, key);
}

static void add_job_file(const struct printer *p, cJSON *job)
{
    const struct machine *m = &p->machine;
    const struct machine_job *spec = &m->job;
    cJSON *file = json_add_object(job, "file"), *filament;
    bool known = m->has_job;

    if (m->config.firmware >= 36)
        json_add_object(file, "customInfo");
    filament = json_add_array(file, "filament");
    if (known)
        json_add_number(filament, NULL, 12.5 * spec->layers, 1);
    json_add_string(file, "fileName", known ? spec->name : NULL);
    json_add_string(file, "generatedBy", known ? "lapsed-sim" : NULL);
    json_add_number(file, "height", known ? spec->layers * MACHINE_LAYER_MM : 0, 2);
    json_add_string(file, "lastModified", known ? "2026-01-31T12:00:00" : NULL);
    json_add_number(file, "layerHeight", known ? MACHINE_LAYER_MM : 0, 2);
    json_add_int(file, "numLayers", known ? spec->layers : 0);
    add_number_or_null(file, "printTime", known, seconds(spec->layer_us) * spec->layers, 0);
    json_add_null(file, "simulatedTime");
    json_add_int(file, "size", known ? machine_file_size(spec) : 0);
    json_add_array(file, "thumbnails");
}

static double warm_up_s(const struct machine *m)
{
    int64_t end_us = m->heating_ended_at_us ? m->heating_ended_at_us : m->at_us;

    return seconds(end_us - m->job_started_at_us);
}

static double paused_s(const struct machine *m)
{
    bool pausing =
        m->phase == PHASE_PAUSING || m->phase == PHASE_PAUSED || m->phase == PHASE_RESUMING;

    return seconds(m->paused_us + (pausing ? m->at_us - m->pause_began_at_us : 0));
}

static void add_times_left(const struct machine *m, cJSON *job)
{
    cJSON *left = json_add_object(job, "*timesLeft");
    bool known = m->has_job && m->reading;
    double left_s = seconds(m->job.layer_us * m->job.layers - m->motion_us);

    add_number_or_null(left, "*filament", known, left_s, 0);
    add_number_or_null(left, "*file", known, left_s, 0);
    add_number_or_null(left, "*slicer", m->has_job, left_s, 0);
}

static cJSON *build_job(const struct printer *p)
{
    const struct machine *m = &p->machine;
    cJSON *job = json_object();

    if (m->has_job)
        json_add_int(json_add_object(job, "*build"), "*currentObject", -1);
    else
        json_add_null(job, "*build");
    add_number_or_null(job, "*duration", m->has_job,
                       floor(seconds(m->at_us - m->job_started_at_us)), 0);
    add_job_file(p, job);
    json_add_int(job, "*filePosition", machine_file_position(m));
    json_add_null(job, "lastDuration");
    json_add_string(job, "lastFileName", m->has_job || !m->job_serial ? NULL : m->last_job.name);
    json_add_null(job, "lastWarmUpDuration");
    add_number_or_null(job, "*layer", m->has_job && m->layer_shown > 0, m->layer_shown, 0);
    add_number_or_null(job, "*layerTime", m->has_job && m->layer_shown > 0,
                       seconds(m->at_us - m->layer_began_at_us), 1);
    add_number_or_null(job, "*pauseDuration", m->has_job, floor(paused_s(m)), 0);
    add_number_or_null(job, "*rawExtrusion", m->has_job, seconds(m->motion_us) * 3, 1);
    add_times_left(m, job);
    add_number_or_null(job, "*warmUpDuration", m->has_job, floor(warm_up_s(m)), 0);
    return job;
}

/* --- the rest --- */

static cJSON *build_limits(const struct printer *p)
{
    cJSON *limits = json_object();

    (void)p;
    json_add_int(limits, "+axes", 10);
    json_add_int(limits, "+heaters", 10);
    json_add_int(limits, "+restorePoints", 6);
    json_add_int(limits, "+tools", 50);
    json_add_int(limits, "+volumes", 2);
    return limits;
}

static void add_axis(cJSON *axes, char letter, double mm)
{
    const char text[2] = {letter, '\0'};
    cJSON *axis = json_add_object(axes, NULL);

    json_add_number(axis, "acceleration", 3000, 1);
    json_add_number(axis, "babystep", 0, 3);
    json_add_bool(axis, "homed", true);
    json_add_string(axis, "letter", text);
    json_add_number(axis, "*machinePosition", mm, 3);
    json_add_number(axis, "max", MACHINE_BED_MM, 2);
    json_add_number(axis, "min", 0, 2);
    json_add_number(axis, "speed", 20000, 1);
    json_add_number(axis, "stepsPerMm", 80, 2);
    json_add_number(axis, "*userPosition", mm, 3);
    json_add_bool(axis, "visible", true);
}

static cJSON *build_move(const struct printer *p)
{
    double mm[MACHINE_AXES];
    bool stands = machine_stands(&p->machine);
    cJSON *move = json_object(), *axes = json_add_array(move, "*axes"), *current, *extruders,
          *extruder;

    machine_head(&p->machine, mm);
    for (int axis = 0; axis < MACHINE_AXES; axis++)
        add_axis(axes, "XYZ"[axis], mm[axis]);
    current = json_add_object(move, "*currentMove");
    json_add_number(current, "*acceleration", stands ? 0 : 1000, 1);
    json_add_number(current, "*requestedSpeed", stands ? 0 : 50, 1);
    json_add_number(current, "*topSpeed", stands ? 0 : 50, 1);
    extruders = json_add_array(move, "*extruders");
    extruder = json_add_object(extruders, NULL);
    json_add_string(extruder, "filament", "PLA");
    json_add_number(extruder, "*position", seconds(p->machine.motion_us) * 3, 1);
    json_add_number(extruder, "*rawPosition", seconds(p->machine.motion_us) * 3, 1);
    json_add_bool(move, "limitAxes", true);
    json_add_bool(move, "noMovesBeforeHoming", true);
    json_add_number(move, "speedFactor", 1, 2);
    json_add_int(move, "workplaceNumber", 0);
    return move;
}

static cJSON *build_network(const struct printer *p)
{
    cJSON *network = json_object(), *interface;

    (void)p;
    json_add_string(network, "corsSite", "");
    json_add_string(network, "hostname", "lapsed-sim");
    interface = json_add_object(json_add_array(network, "interfaces"), NULL);
    json_add_string(interface, "actualIP", "127.0.0.1");
    json_add_string(interface, "firmwareVersion", "2.2.1");
    json_add_string(interface, "state", "active");
    json_add_string(interface, "type", "wifi");
    json_add_string(network, "name", "lapsed-sim");
    return network;
}

static cJSON *build_sensors(const struct printer *p)
{
    cJSON *sensors = json_object(), *analog = json_add_array(sensors, "*analog"), *endstops;

    json_add_number(json_add_object(analog, NULL), "*lastReading", room_or(p, 60), 2);
    json_add_number(json_add_object(analog, NULL), "*lastReading", room_or(p, 210), 2);
    endstops = json_add_array(sensors, "*endstops");
    for (int axis = 0; axis < MACHINE_AXES; axis++)
        json_add_bool(json_add_object(endstops, NULL), "*triggered", false);
    json_add_array(sensors, "*filamentMonitors");
    json_add_array(sensors, "*gpIn");
    json_add_array(sensors, "*probes");
    return sensors;
}

static cJSON *build_seqs(const struct printer *p)
{
    const struct machine *m = &p->machine;
    cJSON *seqs = json_object(), *volumes;

    json_add_int(seqs, "*boards", 172);
    json_add_int(seqs, "*directories", 0);
    json_add_int(seqs, "*fans", 6);
    json_add_int(seqs, "*global", 9);
    json_add_int(seqs, "*heat", 14);
    json_add_int(seqs, "*inputs", m->seq_inputs & 0xffff);
    json_add_int(seqs, "*job", m->seq_job & 0xffff);
    json_add_int(seqs, "*ledStrips", 0);
    json_add_int(seqs, "*move", m->seq_move & 0xffff);
    json_add_int(seqs, "*network", 9);
    json_add_int(seqs, "*reply", p->seq_reply & 0xffff);
    json_add_int(seqs, "*sensors", 58);
    json_add_int(seqs, "*spindles", 0);
    json_add_int(seqs, "*state", m->seq_state & 0xffff);
    json_add_int(seqs, "*tools", 21);
    volumes = json_add_array(seqs, "*volChanges");
    json_add_int(volumes, NULL, m->seq_volume & 0xffff);
    json_add_int(volumes, NULL, 0);
    json_add_int(seqs, "*volumes", 1);
    return seqs;
}

static cJSON *build_global(const struct printer *p)
{
    (void)p;
    return json_object();
}

static cJSON *build_nothing(const struct printer *p)
{
    (void)p;
    return json_array();
}

static void add_box(const struct machine *m, cJSON *state)
{
    cJSON *box;

    if (!m->box.open) {
        json_add_null(state, "messageBox");
        return;
    }
    box = json_add_object(state, "messageBox");
    json_add_int(box, "axisControls", 0);
    if (m->config.firmware >= 35) {
        json_add_bool(box, "cancelButton", m->box.mode == 3);
        json_add_null(box, "choices");
        json_add_null(box, "default");
        json_add_null(box, "max");
        json_add_null(box, "min");
    }
    json_add_string(box, "message", m->box.message);
    json_add_int(box, "mode", m->box.mode);
    json_add_int(box, "seq", m->box.seq);
    json_add_int(box, "timeout", 0);
    json_add_string(box, "title", m->box.title);
}

static void add_restore_points(const struct machine *m, cJSON *state)
{
    cJSON *points = json_add_array(state, "restorePoints");

    for (int i = 0; i < 2; i++) {
        cJSON *point = json_add_object(points, NULL), *coords = json_add_array(point, "coords");

        for (int axis = 0; axis < MACHINE_AXES; axis++)
            json_add_number(coords, NULL, i == 1 ? m->restore_mm[axis] : 0, 3);
        json_add_number(point, "feedRate", 50, 1);
        json_add_int(point, "toolNumber", i == 1 ? 0 : -1);
    }
}

static void add_time(const struct printer *p, cJSON *state)
{
    char text[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(p->config.wall_at_start_ms + p->machine.at_us / 1000, text);
    text[19] = '\0'; /* the firmware knows neither fractions nor zones */
    json_add_string(state, "*time", text);
}

static cJSON *build_state(const struct printer *p)
{
    const struct machine *m = &p->machine;
    cJSON *state = json_object();

    json_add_bool(state, "atxPower", true);
    json_add_null(state, "beep");
    json_add_int(state, "*currentTool", 0);
    json_add_string(state, "displayMessage", m->display);
    json_add_array(state, "*gpOut");
    json_add_null(state, "*laserPwm");
    json_add_null(state, "logFile");
    json_add_string(state, "logLevel", "off");
    json_add_string(state, "machineMode", "FFF");
    json_add_bool(state, "macroRestarted", false);
    add_box(m, state);
    json_add_int(state, "*msUpTime", machine_uptime_ms(m) % 1000);
    json_add_int(state, "nextTool", 0);
    json_add_int(state, "previousTool", -1);
    add_restore_points(m, state);
    json_add_null(state, "startupError");
    json_add_string(state, "*status", machine_status(m));
    add_time(p, state);
    json_add_int(state, "*upTime", machine_uptime_ms(m) / 1000);
    return state;
}

static void add_numbers(cJSON *parent, const char *key, double value)
{
    json_add_number(json_add_array(parent, key), NULL, value, 1);
}

static cJSON *build_tools(const struct printer *p)
{
    cJSON *tools = json_array(), *tool = json_add_object(tools, NULL);

    add_numbers(tool, "*active", p->machine.has_job ? 210 : 0);
    add_numbers(tool, "extruders", 0);
    add_numbers(tool, "fans", 0);
    add_numbers(tool, "heaters", 1);
    json_add_bool(tool, "*isRetracted", false);
    json_add_string(tool, "name", "");
    json_add_int(tool, "number", 0);
    add_numbers(tool, "*standby", 0);
    json_add_string(tool, "*state", "active");
    return tools;
}

static cJSON *build_volumes(const struct printer *p)
{
    cJSON *volumes = json_array(), *volume = json_add_object(volumes, NULL);

    (void)p;
    json_add_int(volume, "capacity", INT64_C(31914983424));
    json_add_int(volume, "freeSpace", INT64_C(30374756352));
    json_add_bool(volume, "mounted", true);
    json_add_bool(volume, "openFiles", true);
    json_add_int(volume, "partitionSize", INT64_C(31902400512));
    json_add_string(volume, "+path", "0:/");
    json_add_int(volume, "speed", 20000000);
    return volumes;
}

static const struct top_key {
    const char *key; /* with its mark */
    cJSON *(*build)(const struct printer *printer);
} top_keys[] = {
    {"*boards", build_boards},  {"directories", build_directories},
    {"*fans", build_fans},      {"global", build_global},
    {"*heat", build_heat},      {"*inputs", build_inputs},
    {"*job", build_job},        {"ledStrips", build_nothing},
    {"limits", build_limits},   {"*move", build_move},
    {"network", build_network}, {"*sensors", build_sensors},
    {"*seqs", build_seqs},      {"*spindles", build_nothing},
    {"*state", build_state},    {"*tools", build_tools},
    {"volumes", build_volumes},
};

cJSON *object_model_build(const struct printer *p, const char *key)
{
    cJSON *all = key ? NULL : json_object();

    for (size_t i = 0; i < ARRAY_LEN(top_keys); i++) {
        const char *name = top_keys[i].key + (top_keys[i].key[0] == MODEL_LIVE);

        if (!key)
            json_add(all, top_keys[i].key, top_keys[i].build(p));
        else if (str_equal(name, key))
            return top_keys[i].build(p);
    }
    return all;
}
