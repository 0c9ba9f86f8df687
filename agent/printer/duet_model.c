/* SPDX-License-Identifier: MIT */
/* duet_model: a query is a row: what to ask for and which function reads the answer. A reader gets
 * the "result", checks all it needs, and only then writes to the model, so that half an answer
 * never counts. Nulls are asked for (flag n) wherever they mean something: without it a null layer
 * would look like a field that this firmware does not have. */
#include "agent/printer/duet_model.h"

#include "agent/base/json.h"
#include "agent/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_DEPTH = 12, LAYER_MAX = 1000000, ELAPSED_BACK_S = 2, BLOCKING_BOX = 2 };

static const struct json_limits limits = {DUET_ANSWER_MAX_BYTES, ANSWER_DEPTH};

static int no_sense(struct error *err, const char *what)
{
    return error_set(err, -EPROTO, "%s is missing or of a wrong kind in the printer's answer",
                     what);
}

/* --- small readers --- */

/* A number or null (then absent); anything else makes no sense. */
static bool read_number(const cJSON *object, const char *name, double absent, double *ret_value)
{
    const cJSON *node = json_get(object, name);

    if (node && !json_is_null(node) && !json_is_number(node))
        return false;
    *ret_value = json_is_number(node) ? json_number(node) : absent;
    return isfinite(*ret_value) || isnan(absent);
}

static bool read_int(const cJSON *object, const char *name, int64_t absent, int64_t *ret_value)
{
    double value;

    if (!read_number(object, name, (double)absent, &value) || fabs(value) > 9e15)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

/* Cuts between characters, never within one. */
static void copy_text(char *ret_text, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(ret_text, text, len);
    ret_text[len] = '\0';
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* --- state --- */

struct status_row {
    const char *name;
    enum printer_state state;
};

static const struct status_row statuses[] = {
    {"starting", PRINTER_BUSY},       {"updating", PRINTER_BUSY},
    {"halted", PRINTER_ERROR},        {"off", PRINTER_ERROR},
    {"pausing", PRINTER_PAUSING},     {"resuming", PRINTER_RESUMING},
    {"paused", PRINTER_PAUSED},       {"cancelling", PRINTER_CANCELLING},
    {"simulating", PRINTER_PRINTING}, {"processing", PRINTER_PRINTING},
    {"changingTool", PRINTER_BUSY},   {"busy", PRINTER_BUSY},
    {"idle", PRINTER_IDLE},
};

static const struct status_row *find_status(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (str_equal(statuses[i].name, name))
            return &statuses[i];
    }
    return NULL;
}

static void forget_job(struct duet_model *model)
{
    struct printer_view *view = &model->view;

    view->job_file[0] = '\0';
    view->job_size_bytes = 0;
    view->job_position_bytes = view->job_elapsed_s = view->job_remaining_s = -1;
    view->job_progress_percent = (double)NAN;
    view->layer = -1;
    view->layers = 0;
    view->heating = view->in_macro = false;
    model->file_known = model->job_denied = model->acknowledge = false;
}

/* A dry run that is paused says "paused" only; it stays one until it is something else again. */
static bool still_simulating(const struct duet_model *model, const char *status)
{
    bool stopped = model->view.state == PRINTER_PAUSING || model->view.state == PRINTER_PAUSED ||
                   model->view.state == PRINTER_RESUMING;

    return str_equal(status, "simulating") || (stopped && model->view.simulating);
}

static int read_state(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                      struct error *err)
{
    const char *status = json_get_string(result, "status");
    const struct status_row *row = find_status(status);
    int64_t up_time_s;

    if (!row)
        return error_set(err, -EPROTO, "the printer's status '%.20s' is not known",
                         status ? status : "");
    if (!read_int(result, "upTime", -1, &up_time_s))
        return no_sense(err, "state.upTime");
    model->view.state = row->state;
    model->view.simulating = still_simulating(model, status);
    model->view.up_time_s = up_time_s;
    model->view.state_at_mono_us = at_mono_us;
    copy_text(model->view.native_state, sizeof(model->view.native_state), status);
    model->job_denied = false;
    model->has_job = row->state == PRINTER_PRINTING || row->state == PRINTER_PAUSING ||
                     row->state == PRINTER_PAUSED || row->state == PRINTER_RESUMING;
    if (!model->has_job)
        forget_job(model);
    return 0;
}

/* --- job --- */

struct job_part {
    int64_t layer, position_bytes, elapsed_s, remaining_s;
    bool none;
};

static double first_known(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i] >= 0)
            return values[i];
    }
    return -1;
}

/* Three estimates; the slicer's is the best that there is. */
static bool read_remaining(const cJSON *job, int64_t *ret_remaining_s)
{
    static const char *const names[] = {"timesLeft.slicer", "timesLeft.filament", "timesLeft.file"};
    double values[ARRAY_LEN(names)];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!read_number(job, names[i], -1, &values[i]))
            return false;
    }
    *ret_remaining_s = (int64_t)first_known(values, ARRAY_LEN(values));
    return true;
}

static int read_job_part(const cJSON *job, struct job_part *ret_part, struct error *err)
{
    struct job_part part = {0};

    if (!read_int(job, "layer", -1, &part.layer) || part.layer < -1 || part.layer > LAYER_MAX)
        return no_sense(err, "job.layer");
    if (!read_int(job, "filePosition", -1, &part.position_bytes))
        return no_sense(err, "job.filePosition");
    if (!read_int(job, "duration", -1, &part.elapsed_s))
        return no_sense(err, "job.duration");
    if (!read_remaining(job, &part.remaining_s))
        return no_sense(err, "job.timesLeft");
    part.none = !json_is_number(json_get(job, "duration"));
    *ret_part = part;
    return 0;
}

static void count_progress(struct printer_view *view)
{
    if (view->job_size_bytes > 0 && view->job_position_bytes >= 0)
        view->job_progress_percent = 100.0 *
                                     (double)MIN(view->job_position_bytes, view->job_size_bytes) /
                                     (double)view->job_size_bytes;
}

/* The first layer's comment makes the layer 1; 0 is none. */
static void take_job_part(struct duet_model *model, const struct job_part *part, int64_t at_mono_us)
{
    struct printer_view *view = &model->view;

    model->job_denied = part->none && model->has_job;
    if (part->none || !model->has_job)
        return;
    if (part->elapsed_s < view->job_elapsed_s - ELAPSED_BACK_S)
        forget_job(model);
    view->layer = part->layer > 0 ? (int)part->layer : -1;
    view->job_position_bytes = part->position_bytes;
    view->job_elapsed_s = part->elapsed_s;
    view->job_remaining_s = part->remaining_s;
    view->job_at_mono_us = at_mono_us;
    count_progress(view);
}

static int read_job(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                    struct error *err)
{
    struct job_part part = {0};
    int rc = read_job_part(result, &part, err);

    if (rc < 0)
        return rc;
    take_job_part(model, &part, at_mono_us);
    return 0;
}

static int read_file(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                     struct error *err)
{
    const char *name = json_get_string(result, "file.fileName");
    struct printer_view *view = &model->view;
    int64_t size_bytes, layers;
    struct job_part part = {0};
    int rc = read_job_part(result, &part, err);

    if (rc < 0)
        return rc;
    if (!read_int(result, "file.size", 0, &size_bytes) ||
        !read_int(result, "file.numLayers", 0, &layers))
        return no_sense(err, "job.file");
    take_job_part(model, &part, at_mono_us);
    if (!model->has_job || part.none || !name)
        return 0;
    copy_text(view->job_file, sizeof(view->job_file), base_name(name));
    view->job_size_bytes = MAX(size_bytes, 0);
    view->layers = layers > 0 && layers <= LAYER_MAX ? (int)layers : 0;
    count_progress(view);
    model->file_known = true;
    return 0;
}

/* --- the file's channel, message boxes, counters --- */

static void count_boxes(struct duet_model *model)
{
    model->view.message_box = model->box || model->acknowledge;
}

static int read_inputs(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                       struct error *err)
{
    const char *state = json_get_string(result, "state");
    bool in_macro;

    (void)at_mono_us;
    if (json_is_null(result))
        return 0;
    if (!state || !json_get_bool(result, "inMacro", &in_macro))
        return no_sense(err, "inputs[2]");
    model->view.in_macro = in_macro && model->has_job;
    model->view.heating = model->has_job && str_equal(state, "waiting");
    model->acknowledge = str_equal(state, "awaitingAcknowledgement");
    count_boxes(model);
    return 0;
}

static int read_box(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                    struct error *err)
{
    int64_t mode = 0;

    (void)at_mono_us;
    if (json_is_object(result) && !json_get_int(result, "mode", &mode))
        return no_sense(err, "state.messageBox.mode");
    model->box = mode >= BLOCKING_BOX;
    count_boxes(model);
    return 0;
}

static int read_seqs(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                     struct error *err)
{
    int64_t reply, move;

    (void)at_mono_us;
    if (!json_get_int(result, "reply", &reply) || !read_int(result, "move", -1, &move))
        return no_sense(err, "seqs.reply");
    model->seq_reply = reply;
    model->seq_move = move;
    return 0;
}

/* --- axes --- */

static int axis_index(char letter)
{
    const char *place = letter ? strchr("XYZ", letter) : NULL;

    return place ? (int)(place - "XYZ") : -1;
}

/* What an axis does not tell stands as "not homed": then it is not moved. */
static void take_axis(struct duet_model *model, size_t number, const cJSON *axis)
{
    const char *letter = json_get_string(axis, "letter");
    int index = axis_index(letter ? letter[0] : '\0');
    struct printer_view *view = &model->view;
    bool homed = false;

    model->axis_letters[number] = letter ? letter[0] : '\0';
    if (index < 0)
        return;
    (void)json_get_bool(axis, "homed", &homed);
    view->homed[index] = homed && json_get_number(axis, "min", &view->min_mm[index]) &&
                         json_get_number(axis, "max", &view->max_mm[index]);
    (void)json_get_number(axis, "machinePosition", &view->position_mm[index]);
}

static int read_axes(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                     struct error *err)
{
    size_t number = 0;

    (void)at_mono_us;
    if (!json_is_array(result) && !json_is_null(result))
        return no_sense(err, "move.axes");
    for (const cJSON *axis = json_first(result); axis && number < DUET_AXES_MAX;
         axis = json_next(axis))
        take_axis(model, number++, axis);
    model->axes_known = true;
    model->axes_seq_move = model->seq_move;
    return 0;
}

static int read_position(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                         struct error *err)
{
    size_t number = 0;

    (void)at_mono_us;
    if (!json_is_array(result) && !json_is_null(result))
        return no_sense(err, "move.axes");
    for (const cJSON *axis = json_first(result); axis && number < DUET_AXES_MAX;
         axis = json_next(axis)) {
        int index = axis_index(model->axis_letters[number++]);

        if (index >= 0)
            (void)json_get_number(axis, "machinePosition", &model->view.position_mm[index]);
    }
    return 0;
}

/* --- heat --- */

static int heater_index(const cJSON *node)
{
    double value = json_is_number(node) ? json_number(node) : -1;

    return value >= 0 && value < 100 ? (int)value : -1;
}

/* Of a tool with several heaters the first counts. */
static size_t take_indices(const cJSON *array, int *ret_indices)
{
    size_t count = 0;

    for (const cJSON *node = json_first(array); node && count < PRINTER_HEATERS_MAX;
         node = json_next(node))
        ret_indices[count++] = heater_index(json_is_array(node) ? json_first(node) : node);
    return count;
}

static int read_beds(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                     struct error *err)
{
    (void)at_mono_us;
    (void)err;
    model->bed_count = take_indices(result, model->beds);
    return 0;
}

static int read_chambers(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                         struct error *err)
{
    (void)at_mono_us;
    (void)err;
    model->chamber_count = take_indices(result, model->chambers);
    return 0;
}

static int read_tools(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                      struct error *err)
{
    (void)at_mono_us;
    (void)err;
    model->tool_count = take_indices(result, model->tools);
    return 0;
}

static void set_name(struct printer_heater *heater, const char *what, int number)
{
    char name[64];

    (void)!snprintf(name, sizeof(name), "%s%d", what, number);
    copy_text(heater->name, sizeof(heater->name), name);
}

/* The first bed is "bed", the next "bed1"; tools are always numbered. */
static bool name_heater(const char *what, const int *indices, size_t count, int number,
                        struct printer_heater *ret_heater)
{
    for (size_t i = 0; i < count; i++) {
        if (indices[i] != number)
            continue;
        if (i == 0 && !str_equal(what, "tool"))
            copy_text(ret_heater->name, sizeof(ret_heater->name), what);
        else
            set_name(ret_heater, what, (int)i);
        return true;
    }
    return false;
}

static void take_heater(const struct duet_model *model, const cJSON *node, int number,
                        struct printer_heater *ret_heater)
{
    const char *state = json_get_string(node, "state");

    if (!name_heater("bed", model->beds, model->bed_count, number, ret_heater) &&
        !name_heater("chamber", model->chambers, model->chamber_count, number, ret_heater) &&
        !name_heater("tool", model->tools, model->tool_count, number, ret_heater))
        set_name(ret_heater, "heater", number);
    ret_heater->current = ret_heater->target = (double)NAN;
    (void)json_get_number(node, "current", &ret_heater->current);
    if (!str_equal(state, "off"))
        (void)json_get_number(node, str_equal(state, "standby") ? "standby" : "active",
                              &ret_heater->target);
}

static int read_heat(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                     struct error *err)
{
    const cJSON *heaters = json_get(result, "heaters");
    struct printer_view *view = &model->view;
    int number = 0;

    (void)at_mono_us;
    if (!json_is_array(heaters) && !json_is_null(result))
        return no_sense(err, "heat.heaters");
    view->heater_count = 0;
    for (const cJSON *node = json_first(heaters); node; node = json_next(node), number++) {
        if (json_is_object(node) && view->heater_count < PRINTER_HEATERS_MAX)
            take_heater(model, node, number, &view->heaters[view->heater_count++]);
    }
    return 0;
}

static int read_firmware(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                         struct error *err)
{
    char name[sizeof(model->view.firmware) - 16];

    (void)at_mono_us;
    if (json_is_null(result))
        return 0;
    if (!json_is_string(result))
        return no_sense(err, "boards[0].firmwareVersion");
    copy_text(name, sizeof(name), json_string(result));
    (void)!snprintf(model->view.firmware, sizeof(model->view.firmware), "RepRapFirmware %s", name);
    return 0;
}

/* --- the table --- */

struct query_row {
    const char *key, *target;
    bool may_be_null; /* this firmware or this machine has none: no reason to give up on it */
    int (*read)(struct duet_model *model, const cJSON *result, int64_t at_mono_us,
                struct error *err);
};

#define TARGET(key, flags) "/rr_model?key=" key "&flags=" flags

/* inputs[2] is the File channel in all of RepRapFirmware 3. */
static const struct query_row queries[DUET_QUERY_COUNT] = {
    [DUET_STATE] = {"state", TARGET("state", "fn"), false, read_state},
    [DUET_JOB] = {"job", TARGET("job", "fn"), false, read_job},
    [DUET_FILE] = {"job", TARGET("job", "d99vn"), false, read_file},
    [DUET_INPUTS] = {"inputs[2]", TARGET("inputs%5B2%5D", "fn"), true, read_inputs},
    [DUET_BOX] = {"state.messageBox", TARGET("state.messageBox", "vn"), true, read_box},
    [DUET_SEQS] = {"seqs", TARGET("seqs", "f"), false, read_seqs},
    [DUET_AXES] = {"move.axes", TARGET("move.axes", "d99vn"), true, read_axes},
    [DUET_POSITION] = {"move.axes", TARGET("move.axes", "f"), true, read_position},
    [DUET_HEAT] = {"heat", TARGET("heat", "fn"), true, read_heat},
    [DUET_FIRMWARE] = {"boards[0].firmwareVersion", TARGET("boards%5B0%5D.firmwareVersion", "vn"),
                       true, read_firmware},
    [DUET_BEDS] = {"heat.bedHeaters", TARGET("heat.bedHeaters", "vn"), true, read_beds},
    [DUET_CHAMBERS] = {"heat.chamberHeaters", TARGET("heat.chamberHeaters", "vn"), true,
                       read_chambers},
    [DUET_TOOLS] = {"tools[].heaters", TARGET("tools%5B%5D.heaters", "vn"), true, read_tools},
};

void duet_model_init(struct duet_model *model)
{
    *model = (struct duet_model){.seq_reply = -1, .seq_move = -1, .axes_seq_move = -1};
    model->view.state = PRINTER_OFFLINE;
    model->view.up_time_s = -1;
    for (int i = 0; i < 3; i++)
        model->view.position_mm[i] = model->view.min_mm[i] = model->view.max_mm[i] = (double)NAN;
    forget_job(model);
}

const char *duet_query_target(enum duet_query query)
{
    return queries[query].target;
}

int duet_model_read(struct duet_model *model, enum duet_query query, const char *body, size_t len,
                    int64_t at_mono_us, struct error *err)
{
    const struct query_row *row = &queries[query];
    CLEANUP(json_free_p) cJSON *json = NULL;
    const cJSON *result;
    struct error why;

    if (json_parse(body, len, &limits, &json, &why) < 0)
        return error_set(err, -EPROTO, "the printer's answer is no JSON of ours: %s", why.text);
    if (!str_equal(json_get_string(json, "key"), row->key))
        return error_set(err, -EPROTO, "the printer answered something else than '%s'", row->key);
    result = json_get(json, "result");
    if (!result || (json_is_null(result) && !row->may_be_null))
        return error_set(err, -EPROTO, "the printer knows no '%s' (RepRapFirmware before 3.3?)",
                         row->key);
    return row->read(model, result, at_mono_us, err);
}

/* The slack is for the printer's clock, and for answers that took their time. */
bool duet_restarted(int64_t up_time_before_s, int64_t up_time_s, int64_t gap_s)
{
    if (up_time_before_s < 0 || up_time_s < 0)
        return false;
    return up_time_s < up_time_before_s || up_time_s + 10 + gap_s / 50 < up_time_before_s + gap_s;
}

/* --- rr_connect, rr_gcode --- */

static int refuse_connect(int64_t code, struct error *err)
{
    if (code == 1)
        return error_set(err, -EACCES, "the printer refuses the password");
    if (code == 2)
        return error_set(err, -EUSERS, "the printer has no free session (8 clients are connected)");
    return error_set(err, -EPROTO, "the printer refuses to connect: err %d", (int)code);
}

int duet_parse_connect(const char *body, size_t len, struct duet_session *ret_session,
                       struct error *err)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct duet_session session = {.timeout_ms = 8000};
    bool emulated = false;
    double key = 0;
    int64_t code;

    if (json_parse(body, len, &limits, &json, NULL) < 0 || !json_get_int(json, "err", &code))
        return error_set(err, -EPROTO, "the answer to rr_connect is none of a Duet");
    if (json_get_bool(json, "isEmulated", &emulated) && emulated)
        return error_set(err, -ENOTSUP,
                         "this Duet runs with an SBC: kind duet-sbc is not available yet");
    if (code != 0)
        return refuse_connect(code, err);
    (void)json_get_int(json, "sessionTimeout", &session.timeout_ms);
    session.has_key = json_get_number(json, "sessionKey", &key) && key >= 1 && key <= UINT32_MAX;
    session.key = session.has_key ? (uint32_t)key : 0;
    session.timeout_ms = MAX(1000, MIN(session.timeout_ms, 60000));
    *ret_session = session;
    return 0;
}

int duet_parse_gcode(const char *body, size_t len, struct error *err)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    int64_t code = 0;

    if (json_parse(body, len, &limits, &json, NULL) < 0 || !json_is_object(json))
        return error_set(err, -EPROTO, "the answer to rr_gcode is none of a Duet");
    (void)json_get_int(json, "err", &code);
    if (code != 0)
        return error_set(err, -EAGAIN, "the printer's command buffer is full");
    return 0;
}
