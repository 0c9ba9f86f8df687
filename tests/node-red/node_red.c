/* SPDX-License-Identifier: MIT */
#include "tests/node-red/node_red.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_DEADLINE_MS = 90000, HTTP_TIMEOUT_MS = 30000, BODY_MAX_BYTES = 4 * 1024 * 1024 };

struct node_red {
    struct rig *rig;
    struct http *http;
    struct child child;
    int port;
    char *log;
};

struct answer {
    bool done;
    int result, status; /* status 0: none came */
    char *body;
    size_t len;
};

static void on_answer(int result, const struct http_response *response, const struct error *err,
                      void *user)
{
    struct answer *answer = user;

    (void)err;
    answer->done = true;
    answer->result = result;
    if (result < 0)
        return;
    answer->status = response->status;
    answer->body = xstrndup(response->body ? response->body : "", response->body_len);
    answer->len = response->body_len;
}

static struct answer ask(struct node_red *red, const char *method, const char *path,
                         const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Accept: application/json",
                                          "Node-RED-Deployment-Type: full", NULL};
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d%s", red->port, path);
    struct http_request_config config = {
        .url = url,
        .method = method,
        .headers = headers,
        .body = body,
        .timeout_ms = HTTP_TIMEOUT_MS,
        .max_body_bytes = BODY_MAX_BYTES,
    };
    struct answer answer = {0};
    struct http_request *request;
    struct error err;

    if (http_start(red->http, &config, on_answer, &answer, &request, &err) < 0)
        fail_msg("%s", err.text);
    while (!answer.done)
        loop_run_once(rig_loop(red->rig));
    return answer;
}

/* --- the program --- */

static bool answers(struct node_red *red)
{
    struct answer answer = ask(red, "GET", "/flows", NULL);

    free(answer.body);
    return answer.status == 200;
}

static void wait_until_it_answers(struct node_red *red)
{
    int64_t end_ms = clock_mono_ms() + START_DEADLINE_MS;

    while (!answers(red)) {
        if (child_ended(&red->child) || clock_mono_ms() > end_ms) {
            child_show_log("node-red", red->log);
            fail_msg("Node-RED does not start");
        }
        rig_linger(red->rig, 50);
    }
}

static void set_number(const char *name, int value)
{
    CLEANUP(free_p) char *text = xasprintf("%d", value);

    setenv(name, text, 1);
}

struct node_red *node_red_new(struct rig *rig)
{
    struct node_red *red = xcalloc(1, sizeof(*red));
    CLEANUP(free_p) char *dir = path_join(rig_dir(rig), "node-red");
    CLEANUP(free_p) char *port = NULL;
    struct error err;

    red->rig = rig;
    red->http = http_new(rig_loop(rig));
    red->port = broker_free_port();
    red->log = path_join(rig_dir(rig), "node-red.txt");
    port = xasprintf("%d", red->port);
    if (path_make_dirs(dir, &err) < 0)
        fail_msg("%s", err.text);
    setenv("LAPSED_MQTT_HOST", "127.0.0.1", 1);
    set_number("LAPSED_MQTT_PORT", rig_mqtt_port(rig));
    setenv("HOME", dir, 1);
    child_start(&red->child,
                (const char *const[]){"node", NODE_RED_PROGRAM, "--settings", NODE_RED_SETTINGS,
                                      "--userDir", dir, "--port", port, NULL},
                red->log);
    wait_until_it_answers(red);
    return red;
}

void node_red_free(struct node_red *red)
{
    if (!red)
        return;
    child_signal(&red->child, SIGKILL);
    http_free(red->http);
    free(red->log);
    free(red);
}

/* --- the admin interface --- */

static void expect(struct node_red *red, const struct answer *answer, int status, const char *what)
{
    if (answer->status == status)
        return;
    child_show_log("node-red", red->log);
    fail_msg("%s: HTTP %d, result %d: %s", what, answer->status, answer->result,
             answer->body ? answer->body : "");
}

cJSON *node_red_get(struct node_red *red, const char *path)
{
    static const struct json_limits limits = {BODY_MAX_BYTES, 32};
    struct answer answer = ask(red, "GET", path, NULL);
    cJSON *json = NULL;
    struct error err;

    expect(red, &answer, 200, path);
    if (json_parse(answer.body, answer.len, &limits, &json, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    free(answer.body);
    return json;
}

void node_red_deploy(struct node_red *red, const cJSON *nodes)
{
    CLEANUP(free_p) char *body = json_print(nodes);
    struct answer answer = ask(red, "POST", "/flows", body);

    expect(red, &answer, 204, "POST /flows");
    free(answer.body);
}

void node_red_press(struct node_red *red, const char *node)
{
    CLEANUP(free_p) char *path = xasprintf("/inject/%s", node);
    struct answer answer = ask(red, "POST", path, NULL);

    expect(red, &answer, 200, path);
    free(answer.body);
}
