/* SPDX-License-Identifier: MIT */
/* sim_api: the hand that a test lays on the simulator. Faults of the answers go to faults.c; what
 * happens to the machine itself is a row of machine_faults. Whatever is done is logged. */
#include "tests/sim/sim_api.h"

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/sim/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct sim *sim;
    struct http_exchange *exchange;
    struct query query;
};

/* --- answering --- */

static void answer_text(const struct call *call, int status, const char *type, const char *text,
                        size_t len)
{
    http_exchange_answer(
        call->exchange, &(struct http_answer){
                            .status = status, .content_type = type, .body = text, .body_len = len});
}

/* Takes tree. */
static void answer_tree(const struct call *call, int status, cJSON *tree)
{
    CLEANUP(free_p) char *text = json_print(tree);

    json_free(tree);
    answer_text(call, status, "application/json", text, strlen(text));
}

static void answer_ok(const struct call *call)
{
    cJSON *tree = json_object();

    json_add_bool(tree, "ok", true);
    answer_tree(call, 200, tree);
}

static void answer_error(const struct call *call, const char *message)
{
    cJSON *tree = json_object();

    json_add_bool(tree, "ok", false);
    json_add_string(tree, "error", message);
    answer_tree(call, 400, tree);
}

static void log_action(const struct call *call, const char *event)
{
    cJSON *line = oracle_line(call->sim->printer.machine.at_us, event);

    for (int i = 0; i < call->query.count; i++)
        json_add_string(line, call->query.params[i].name, call->query.params[i].value);
    oracle_add(call->sim->oracle, line);
}

/* --- faults of the machine --- */

static int64_t number(const struct call *call, const char *name, int64_t fallback)
{
    return query_get_int(&call->query, name, fallback);
}

static int64_t duration_us(const struct call *call)
{
    int64_t ms = number(call, "for_ms", 0);

    return ms > 0 ? ms * 1000 : MACHINE_NEVER_US;
}

static int64_t until_us(const struct call *call)
{
    int64_t us = duration_us(call);

    return us == MACHINE_NEVER_US ? us : call->sim->printer.machine.at_us + us;
}

static int ignore_pause(struct call *call, struct machine *m)
{
    m->ignore_pauses = (int)number(call, "count", 0);
    if (m->ignore_pauses == 0)
        m->ignore_pause_until_us = until_us(call);
    return 0;
}

static int ignore_resume(struct call *call, struct machine *m)
{
    m->ignore_resumes = (int)number(call, "count", 0);
    if (m->ignore_resumes == 0)
        m->ignore_resume_until_us = until_us(call);
    return 0;
}

static int slow_pause(struct call *call, struct machine *m)
{
    m->slow_pause_us = number(call, "ms", 5000) * 1000;
    return 0;
}

static int deferred_pause(struct call *call, struct machine *m)
{
    machine_enter_macro(m, number(call, "for_ms", 2000) * 1000);
    return 0;
}

static int user_pause(struct call *call, struct machine *m)
{
    (void)call;
    return machine_pause(m, BY_USER);
}

static int user_resume(struct call *call, struct machine *m)
{
    (void)call;
    return machine_resume(m, BY_USER);
}

static int cancel(struct call *call, struct machine *m)
{
    (void)call;
    return machine_cancel(m, BY_USER);
}

static int filament_runout(struct call *call, struct machine *m)
{
    (void)call;
    return machine_pause(m, BY_FILAMENT);
}

static int message_box(struct call *call, struct machine *m)
{
    const char *text = query_get(&call->query, "text");

    machine_open_box(m, "lapsed-sim", text ? text : "Please look at the printer",
                     (int)number(call, "mode", 2), duration_us(call));
    return 0;
}

static int reboot(struct call *call, struct machine *m)
{
    sessions_forget_all(&call->sim->printer.sessions);
    machine_reboot(m);
    return 0;
}

static int force_status(struct call *call, struct machine *m)
{
    const char *status = query_get(&call->query, "status");

    if (!status)
        return -EINVAL;
    machine_force_status(m, status, duration_us(call));
    return 0;
}

static int forget_sessions(struct call *call, struct machine *m)
{
    (void)m;
    sessions_forget_all(&call->sim->printer.sessions);
    return 0;
}

static int refuse(struct call *call, struct machine *m)
{
    (void)m;
    http_server_refuse(call->sim->server, number(call, "for_ms", 1000));
    return 0;
}

static const struct machine_fault {
    const char *name;
    int (*run)(struct call *call, struct machine *machine);
} machine_faults[] = {
    {"refuse", refuse},
    {"reboot", reboot},
    {"forget_sessions", forget_sessions},
    {"ignore_pause", ignore_pause},
    {"ignore_resume", ignore_resume},
    {"slow_pause", slow_pause},
    {"deferred_pause", deferred_pause},
    {"user_pause", user_pause},
    {"user_resume", user_resume},
    {"cancel", cancel},
    {"filament_runout", filament_runout},
    {"message_box", message_box},
    {"status", force_status},
};

static const struct machine_fault *find_machine_fault(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(machine_faults); i++) {
        if (str_equal(machine_faults[i].name, name))
            return &machine_faults[i];
    }
    return NULL;
}

/* --- faults of the answers --- */

static int scope_of(const struct call *call)
{
    const char *on = query_get(&call->query, "on");

    if (str_equal(on, "camera"))
        return FAULT_ON_CAMERA;
    if (str_equal(on, "camera1"))
        return FAULT_ON_VIEW;
    if (str_equal(on, "camera2"))
        return FAULT_ON_VIEW << 1;
    return str_equal(on, "both") ? FAULT_ON_BOTH : FAULT_ON_PRINTER;
}

static void add_answer_fault(struct call *call, enum fault_kind kind)
{
    struct sim *sim = call->sim;
    int scope = scope_of(call);

    if (kind == FAULT_401 && (scope & FAULT_ON_PRINTER))
        sessions_forget_all(&sim->printer.sessions);
    faults_add(&sim->faults, kind, scope, number(call, "for_ms", 0), (int)number(call, "count", 0),
               number(call, "ms", 100), sim->printer.machine.at_us);
}

static void clear_faults(struct sim *sim)
{
    struct machine *m = &sim->printer.machine;

    faults_clear(&sim->faults);
    m->ignore_pauses = m->ignore_resumes = 0;
    m->ignore_pause_until_us = m->ignore_resume_until_us = 0;
    m->slow_pause_us = 0;
    if (m->forced_status[0])
        machine_force_status(m, "", MACHINE_NEVER_US);
    if (m->box.open)
        machine_close_box(m);
}

static void answer_result(const struct call *call, int rc)
{
    if (rc < 0 && rc != -EINPROGRESS)
        answer_error(call, "not in this state");
    else
        answer_ok(call);
}

static void set_fault(struct call *call)
{
    const char *what = query_get(&call->query, "what");
    const struct machine_fault *fault = what ? find_machine_fault(what) : NULL;
    enum fault_kind kind;

    log_action(call, "fault");
    if (fault) {
        answer_result(call, fault->run(call, &call->sim->printer.machine));
    } else if (str_equal(what, "none")) {
        clear_faults(call->sim);
        answer_ok(call);
    } else if (what && fault_from_name(what, &kind)) {
        add_answer_fault(call, kind);
        answer_ok(call);
    } else {
        answer_error(call, "unknown fault");
    }
}

/* --- commands --- */

static int start_job(const struct call *call, struct machine *m)
{
    const char *name = query_get(&call->query, "job");
    struct machine_job job = m->last_job;

    if (name)
        snprintf(job.name, sizeof(job.name), "0:/gcodes/%s", name);
    job.layers = (int)MIN(MAX(number(call, "layers", job.layers), 1), UINT16_MAX);
    job.layer_us = MAX(number(call, "layer_ms", job.layer_us / 1000), 1) * 1000;
    job.simulated = number(call, "simulated", 0) != 0;
    return machine_start_job(m, &job);
}

static int run_command(const struct call *call, const char *name)
{
    struct machine *m = &call->sim->printer.machine;

    if (str_equal(name, "start"))
        return start_job(call, m);
    if (str_equal(name, "cancel"))
        return machine_cancel(m, BY_SIM);
    if (str_equal(name, "pause"))
        return machine_pause(m, BY_SIM);
    if (str_equal(name, "resume"))
        return machine_resume(m, BY_SIM);
    if (str_equal(name, "finish"))
        return machine_finish(m);
    return -ENOSYS;
}

static void command(struct call *call)
{
    int rc;

    log_action(call, "command");
    rc = run_command(call, query_get(&call->query, "do"));
    if (rc == -ENOSYS)
        answer_error(call, "unknown command");
    else
        answer_result(call, rc);
}

/* --- the truth --- */

static void add_head(const struct machine *m, cJSON *tree)
{
    double mm[MACHINE_AXES];
    cJSON *head = json_add_object(tree, "head");

    machine_head(m, mm);
    json_add_number(head, "x", mm[0], 2);
    json_add_number(head, "y", mm[1], 2);
    json_add_number(head, "z", mm[2], 2);
    json_add_bool(head, "stands", machine_stands(m));
}

static void add_pause(const struct machine *m, cJSON *tree)
{
    bool paused =
        m->phase == PHASE_PAUSING || m->phase == PHASE_PAUSED || m->phase == PHASE_RESUMING;

    if (paused) {
        json_add_number(tree, "paused_since_ms", (double)m->pause_began_at_us / 1000, 3);
        json_add_string(tree, "paused_by", machine_by_name(m->phase_by));
    } else {
        json_add_null(tree, "paused_since_ms");
        json_add_null(tree, "paused_by");
    }
}

static void add_count(cJSON *tree, const char *key, const struct sim_count *count)
{
    cJSON *object = json_add_object(tree, key);

    json_add_int(object, "requests", count->requests);
    json_add_int(object, "bytes", count->bytes);
}

static void tell_state(struct call *call)
{
    const struct sim *sim = call->sim;
    const struct machine *m = &sim->printer.machine;
    cJSON *tree = json_object();

    json_add_number(tree, "t_ms", (double)m->at_us / 1000, 3);
    json_add_string(tree, "status", machine_status(m));
    json_add_string(tree, "job", m->has_job ? m->job.name : NULL);
    json_add_int(tree, "job_serial", m->job_serial);
    json_add_int(tree, "layer", m->has_job ? m->layer_reached : 0);
    json_add_int(tree, "shown_layer", m->has_job ? m->layer_shown : 0);
    json_add_int(tree, "layers", m->has_job ? m->job.layers : 0);
    json_add_int(tree, "file_position", machine_file_position(m));
    add_head(m, tree);
    add_pause(m, tree);
    json_add_bool(tree, "message_box", m->box.open);
    json_add_int(tree, "sessions", sessions_count(&sim->printer.sessions));
    json_add_int(tree, "frames_served", sim->frames_served);
    json_add_int(tree, "gcodes", sim->gcodes);
    json_add_int(tree, "pauses", sim->pauses);
    json_add_int(tree, "resumes", sim->resumes);
    add_count(tree, "printer", &sim->printer_count);
    add_count(tree, "camera", &sim->camera_count);
    answer_tree(call, 200, tree);
}

static void give_log(struct call *call)
{
    size_t len;
    CLEANUP(free_p) char *text = oracle_read(call->sim->oracle, &len);

    answer_text(call, 200, "application/x-ndjson", text, len);
}

/* --- routes --- */

static const struct route {
    const char *path;
    void (*run)(struct call *call);
} routes[] = {
    {"/sim/fault", set_fault},
    {"/sim/command", command},
    {"/sim/state", tell_state},
    {"/sim/log", give_log},
};

bool sim_api_wants(const struct http_request *request)
{
    return str_starts_with(request->path, "/sim/");
}

void sim_api_handle(struct sim *sim, struct http_exchange *exchange,
                    const struct http_request *request)
{
    struct call call = {.sim = sim, .exchange = exchange};

    if (query_parse(request->query, false, &call.query) < 0) {
        answer_error(&call, "bad query");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_equal(routes[i].path, request->path)) {
            routes[i].run(&call);
            return;
        }
    }
    http_exchange_answer(exchange, &(struct http_answer){.status = 404});
}
