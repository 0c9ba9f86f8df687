/* SPDX-License-Identifier: MIT */
/* rrf_api: requests become calls on the printer. The order of the checks is the firmware's: the
 * form of the request, then rr_connect, then the session, then the rest. */
#include "tests/sim/rrf_api.h"

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/sim/object_model.h"
#include "tests/sim/query.h"
#include "tests/sim/spoil.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX_BYTES = 1460, REQUEST_MAX_PARAMS = 5, REQUEST_MAX_HEADERS = 30 };

struct call {
    struct rrf_api *api;
    struct http_exchange *exchange;
    struct session_client client;
    struct query query;
};

/* --- answering --- */

static void answer(const struct call *call, struct http_answer what)
{
    what.delay_ms += call->api->latency_ms;
    spoil_and_answer(call->api->faults, FAULT_ON_PRINTER, call->api->printer->machine.at_us,
                     call->exchange, &what);
}

static void answer_text(const struct call *call, const char *content_type, const char *text)
{
    answer(call, (struct http_answer){.status = 200,
                                      .content_type = content_type,
                                      .body = text,
                                      .body_len = strlen(text)});
}

static void answer_json(const struct call *call, const char *text)
{
    answer_text(call, "application/json", text);
}

/* Takes text. */
static void answer_json_take(const struct call *call, char *text)
{
    answer_json(call, text);
    free(text);
}

static void refuse(const struct call *call, int status, const char *reason)
{
    CLEANUP(free_p) char *page = xasprintf("<html><body>%s</body></html>", reason);

    answer(call, (struct http_answer){.status = status,
                                      .reason = reason,
                                      .content_type = "text/html",
                                      .body = page,
                                      .body_len = strlen(page)});
}

/* --- sessions --- */

static void connect_session(struct call *call)
{
    struct printer *p = call->api->printer;
    const char *wants = query_get(&call->query, "sessionKey");
    uint32_t key;
    int rc = sessions_connect(&p->sessions, &call->client, query_get(&call->query, "password"),
                              str_equal(wants, "yes"), p->machine.at_us, &key);

    if (rc < 0)
        answer_json(call, rc == -EACCES ? "{\"err\":1}" : "{\"err\":2}");
    else if (p->sessions.keys)
        answer_json_take(call,
                         xasprintf("{\"err\":0,\"sessionTimeout\":%d,\"boardType\":"
                                   "\"duetwifi102\",\"apiLevel\":2,\"sessionKey\":%" PRIu32 "}",
                                   SESSIONS_TIMEOUT_MS, key));
    else
        answer_json_take(call, xasprintf("{\"err\":0,\"sessionTimeout\":%d,\"boardType\":"
                                         "\"duetwifi102\",\"apiLevel\":1}",
                                         SESSIONS_TIMEOUT_MS));
}

static void disconnect_session(struct call *call)
{
    bool known = sessions_disconnect(&call->api->printer->sessions, &call->client);

    answer_json(call, known ? "{\"err\":0}" : "{\"err\":1}");
}

/* --- model, G-code, reply --- */

static const char *param_or_empty(const struct call *call, const char *name)
{
    const char *value = query_get(&call->query, name);

    return value ? value : "";
}

static void query_model(struct call *call)
{
    answer_json_take(call, object_model_query(call->api->printer, param_or_empty(call, "key"),
                                              param_or_empty(call, "flags")));
}

static void take_gcode(struct call *call)
{
    struct printer *p = call->api->printer;
    int rc = printer_put_gcode(p, param_or_empty(call, "gcode"));
    size_t room = printer_ring_free(p);

    printer_advance(p, p->machine.at_us);
    if (rc < 0 && p->machine.config.firmware >= 34)
        answer_json(call, "{\"err\":1}");
    else
        answer_json_take(call, xasprintf("{\"buff\":%zu}", room));
}

static void give_reply(struct call *call)
{
    CLEANUP(free_p) char *text = printer_take_reply(call->api->printer);

    answer_text(call, "text/plain", text);
}

/* --- files --- */

static const char *const other_files[] = {"benchy.gcode", "cube.gcode"};

static void add_file(cJSON *files, const char *name, int64_t size)
{
    cJSON *file = json_add_object(files, NULL);

    json_add_string(file, "type", "f");
    json_add_string(file, "name", name);
    json_add_int(file, "size", size);
    json_add_string(file, "date", "2026-01-31T12:00:00");
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void add_jobs(const struct printer *p, cJSON *files)
{
    const struct machine_job *job = &p->machine.last_job;

    if (job->name[0])
        add_file(files, base_name(job->name), machine_file_size(job));
    for (size_t i = 0; i < ARRAY_LEN(other_files); i++) {
        if (!str_equal(other_files[i], base_name(job->name)))
            add_file(files, other_files[i], 123456);
    }
}

static void answer_tree(struct call *call, cJSON *tree)
{
    answer_json_take(call, json_print(tree));
    json_free(tree);
}

static void list_files(struct call *call)
{
    const char *dir = param_or_empty(call, "dir");
    bool is_jobs = str_starts_with(dir, "0:/gcodes");
    cJSON *tree = json_object(), *files;

    json_add_string(tree, "dir", dir);
    json_add_int(tree, "first", query_get_int(&call->query, "first", 0));
    if (!str_starts_with(dir, "0:/")) {
        json_add_int(tree, "err", 1);
    } else if (!is_jobs && !str_equal(dir, "0:/")) {
        json_add_int(tree, "err", 2);
    } else {
        files = json_add_array(tree, "files");
        if (is_jobs)
            add_jobs(call->api->printer, files);
        json_add_int(tree, "next", 0);
    }
    answer_tree(call, tree);
}

static void tell_file(struct call *call)
{
    const struct machine *m = &call->api->printer->machine;
    const char *name = query_get(&call->query, "name");
    const struct machine_job *job = &m->last_job;
    cJSON *tree = json_object();

    if (name ? !str_equal(base_name(name), base_name(job->name)) : !m->has_job) {
        json_add_int(tree, "err", 1);
        answer_tree(call, tree);
        return;
    }
    json_add_int(tree, "err", 0);
    if (!name)
        json_add_string(tree, "fileName", job->name);
    json_add_int(tree, "size", machine_file_size(job));
    json_add_string(tree, "lastModified", "2026-01-31T12:00:00");
    json_add_number(tree, "height", job->layers * MACHINE_LAYER_MM, 2);
    json_add_number(tree, "layerHeight", MACHINE_LAYER_MM, 2);
    json_add_int(tree, "numLayers", job->layers);
    json_add_int(tree, "printTime", job->layers * job->layer_us / 1000000);
    json_add_string(tree, "generatedBy", "lapsed-sim");
    answer_tree(call, tree);
}

static void give_thumbnail(struct call *call)
{
    cJSON *tree = json_object();

    json_add_string(tree, "fileName", param_or_empty(call, "name"));
    json_add_int(tree, "offset", query_get_int(&call->query, "offset", 0));
    json_add_int(tree, "err", 1);
    answer_tree(call, tree);
}

/* --- the legacy status --- */

static char status_letter(const char *status)
{
    static const char *const names[] = {"starting",   "updating",   "halted",       "off",
                                        "pausing",    "resuming",   "paused",       "cancelling",
                                        "simulating", "processing", "changingTool", "busy"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_equal(names[i], status))
            return "CFHODRSAMPTB"[i];
    }
    return 'I';
}

static void tell_legacy_status(struct call *call)
{
    const struct machine *m = &call->api->printer->machine;
    double mm[MACHINE_AXES];

    machine_head(m, mm);
    answer_json_take(call,
                     xasprintf("{\"status\":\"%c\",\"coords\":{\"axesHomed\":[1,1,1],\"xyz\":[%.3f,"
                               "%.3f,%.3f]},\"currentTool\":0,\"seq\":%u,\"currentLayer\":%d}",
                               status_letter(machine_status(m)), mm[0], mm[1], mm[2],
                               call->api->printer->seq_reply, m->layer_shown));
}

/* --- routes --- */

static const struct route {
    const char *path;
    void (*run)(struct call *call);
} routes[] = {
    {"/rr_disconnect", disconnect_session},
    {"/rr_model", query_model},
    {"/rr_gcode", take_gcode},
    {"/rr_reply", give_reply},
    {"/rr_filelist", list_files},
    {"/rr_fileinfo", tell_file},
    {"/rr_thumbnail", give_thumbnail},
    {"/rr_status", tell_legacy_status},
};

static void run_route(struct call *call, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_equal(routes[i].path, path)) {
            routes[i].run(call);
            return;
        }
    }
    refuse(call, 500, "Unknown request");
}

static struct session_client client_of(const struct http_request *request)
{
    int64_t key = 0;

    if (str_to_int(request->session_key, &key) < 0)
        key = 0;
    return (struct session_client){
        .has_key = request->session_key[0] != '\0',
        .key = (uint32_t)key,
        .address = request->address,
    };
}

static void process(struct rrf_api *api, struct http_exchange *exchange,
                    const struct http_request *request)
{
    struct call call = {.api = api, .exchange = exchange, .client = client_of(request)};
    struct printer *p = api->printer;
    int rc = query_parse(request->query, true, &call.query);

    if (rc == -EILSEQ)
        refuse(&call, 500, "bad escape");
    else if (rc < 0 || call.query.count > REQUEST_MAX_PARAMS)
        refuse(&call, 500, "too many parameters");
    else if (request->head_bytes > REQUEST_MAX_BYTES || request->header_count > REQUEST_MAX_HEADERS)
        refuse(&call, 500, "request too long");
    else if (str_equal(request->path, "/rr_connect") && query_get(&call.query, "password"))
        connect_session(&call);
    else if (!sessions_authorise(&p->sessions, &call.client, p->machine.at_us))
        refuse(&call, 401, "Not authorized");
    else
        run_route(&call, request->path);
}

/* --- responders --- */

bool rrf_api_wants(const struct http_request *request)
{
    return str_starts_with(request->path, "/rr_");
}

static void begin(struct rrf_api *api, struct http_exchange *exchange,
                  const struct http_request *request)
{
    api->busy[api->busy_count++] = exchange;
    process(api, exchange, request);
}

void rrf_api_handle(struct rrf_api *api, struct http_exchange *exchange,
                    const struct http_request *request)
{
    if (api->busy_count < RRF_RESPONDERS) {
        begin(api, exchange, request);
    } else if (api->waiting_count < RRF_WAITING_MAX) {
        api->waiting[api->waiting_count] = exchange;
        api->waiting_requests[api->waiting_count++] = request;
    } else {
        http_exchange_answer(exchange, &(struct http_answer){.manner = HTTP_DROP});
    }
}

static void stop_waiting(struct rrf_api *api, int index)
{
    api->waiting_count--;
    for (int i = index; i < api->waiting_count; i++) {
        api->waiting[i] = api->waiting[i + 1];
        api->waiting_requests[i] = api->waiting_requests[i + 1];
    }
}

static bool free_responder(struct rrf_api *api, const struct http_exchange *exchange)
{
    for (int i = 0; i < api->busy_count; i++) {
        if (api->busy[i] == exchange) {
            api->busy[i] = api->busy[--api->busy_count];
            return true;
        }
    }
    return false;
}

void rrf_api_over(struct rrf_api *api, const struct http_exchange *exchange)
{
    for (int i = 0; i < api->waiting_count; i++) {
        if (api->waiting[i] == exchange)
            stop_waiting(api, i--);
    }
    if (free_responder(api, exchange) && api->waiting_count > 0) {
        struct http_exchange *next = api->waiting[0];
        const struct http_request *request = api->waiting_requests[0];

        stop_waiting(api, 0);
        begin(api, next, request);
    }
}
