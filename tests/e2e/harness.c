/* SPDX-License-Identifier: MIT */
/* harness: the tap is our own client (mqtt/client.h): it is tested by itself, comes back by itself
 * after the broker was killed, and shares the rig's loop. It does not subscribe to the pictures:
 * they are large, and a client's inbox is bounded; what it still lost would be said by rig_free().
 */
#include "tests/e2e/harness.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "mqtt/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGENT "pi01"
#define BELOW "timelapse/v1/" AGENT "/"

enum {
    TICK_MS = 10,
    PROGRAM_TIMEOUT_MS = 60000,
    HTTP_TIMEOUT_MS = 5000,
    TAP_MESSAGES = 2048,
    BODY_MAX_BYTES = 64 * 1024 * 1024,
};

struct rig {
    char dir[32];
    struct loop *loop;
    struct timer *tick;
    struct http *http;
    struct broker *broker;
    int mqtt_port, sim_port;
    struct child sim, agent;
    char *conf_path;
    struct mqtt_settings settings;
    struct mqtt_client *tap;
    bool tap_up, passed;
    struct rig_message *messages;
    size_t count, cap;
    unsigned commands;
};

static const struct json_limits limits = {BODY_MAX_BYTES, 32};

static char *rig_path(const struct rig *rig, const char *name)
{
    return path_join(rig->dir, name);
}

static void show_logs(const struct rig *rig)
{
    CLEANUP(free_p) char *agent = rig_path(rig, "lapsed.txt");
    CLEANUP(free_p) char *sim = rig_path(rig, "sim.txt");

    child_show_log("lapsed", agent);
    child_show_log("lapsed-sim", sim);
}

/* Nothing may be left running: the child programs go with us, the broker would not. */
static void check(const struct rig *rig, bool ok, const char *what)
{
    if (ok)
        return;
    show_logs(rig);
    fprintf(stderr, "rig: %s (all is left in %s)\n", what, rig->dir);
    if (rig->broker)
        broker_kill(rig->broker);
    exit(1);
}

/* --- waiting --- */

static void on_tick(void *user)
{
    (void)user; /* loop_run_once() returns, so that a deadline is looked at */
}

bool rig_wait(struct rig *rig, rig_predicate_fn predicate, void *user, int64_t deadline_ms)
{
    int64_t end_ms = clock_mono_ms() + deadline_ms;

    while (!predicate(rig, user)) {
        if (clock_mono_ms() > end_ms)
            return false;
        loop_run_once(rig->loop);
    }
    return true;
}

static bool never(struct rig *rig, void *user)
{
    (void)rig;
    (void)user;
    return false;
}

void rig_linger(struct rig *rig, int64_t ms)
{
    (void)!rig_wait(rig, never, NULL, ms);
}

/* --- the tap --- */

/* Killed between sending an event and hearing that it came, the agent sends it once more. */
static bool is_repeated(const struct rig *rig, const struct rig_message *row)
{
    const char *boot = json_get_string(row->json, "boot");
    int64_t seq, other;

    if (!boot || !json_get_int(row->json, "seq", &seq) || !json_get(row->json, "event_type"))
        return false;
    for (const struct rig_message *before = row - 1; before >= rig->messages; before--)
        if (str_equal(before->topic, row->topic) &&
            str_equal(json_get_string(before->json, "boot"), boot) &&
            json_get_int(before->json, "seq", &other) && other == seq)
            return true;
    return false;
}

static void note(struct rig *rig, const struct mqtt_message *message)
{
    bool below = str_starts_with(message->topic, BELOW);
    struct rig_message *row;
    struct error err;
    cJSON *json = NULL;

    if (rig->count == rig->cap) {
        rig->cap = MAX(rig->cap * 2, (size_t)256);
        rig->messages = xrealloc(rig->messages, rig->cap * sizeof(*rig->messages));
    }
    if (json_parse((const char *)message->payload, message->len, &limits, &json, &err) < 0)
        json = NULL;
    row = &rig->messages[rig->count++];
    *row = (struct rig_message){
        .topic = xstrdup(message->topic + (below ? strlen(BELOW) : 0)),
        .payload = xstrndup((const char *)message->payload, message->len),
        .len = message->len,
        .retained = message->retained,
        .at_mono_ms = clock_mono_ms(),
        .json = json,
        .correlation = message->correlation
                           ? xstrndup((const char *)message->correlation, message->correlation_len)
                           : NULL,
    };
    row->repeated = is_repeated(rig, row);
}

static void on_tap_message(const struct mqtt_message *message, void *user)
{
    note(user, message);
}

static void on_tap_up(void *user)
{
    struct rig *rig = user;

    rig->tap_up = true;
}

static void on_tap_down(const struct error *why, void *user)
{
    struct rig *rig = user;

    (void)why;
    rig->tap_up = false;
}

static bool tap_is_up(struct rig *rig, void *user)
{
    (void)user;
    return rig->tap_up;
}

static void tap_start(struct rig *rig, bool deaf_to_commands)
{
    static const struct mqtt_callbacks callbacks = {
        .on_up = on_tap_up, .on_down = on_tap_down, .on_message = on_tap_message};
    static const char *const filters[] = {
        "timelapse/v1/+/+",
        "timelapse/v1/+/unit/#",
        "timelapse/v1/+/camera/#",
        "timelapse/v1/+/light/#",
        "timelapse/v1/+/printer/#",
        "timelapse/v1/+/image/+/last/meta",
        "timelapse/v1/+/reply/#",
        "homeassistant/#",
    };
    struct mqtt_client_config config = {
        .settings = &rig->settings, .client_id = "rig", .inbox_max_messages = TAP_MESSAGES};
    struct error err;

    rig->settings = (struct mqtt_settings){
        .host = xstrdup("127.0.0.1"),
        .port = rig->mqtt_port,
        .prefix = xstrdup("timelapse"),
        .keepalive_s = 30,
        .max_events = 1000,
    };
    rig->tap = mqtt_client_new(rig->loop, &config, &callbacks, rig);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        mqtt_subscribe(rig->tap, filters[i], true);
    if (!deaf_to_commands)
        mqtt_subscribe(rig->tap, "timelapse/v1/+/cmd/#", true);
    check(rig, mqtt_client_start(rig->tap, &err) == 0, "the tap does not start");
    check(rig, rig_wait(rig, tap_is_up, NULL, RIG_DEADLINE_MS), "the tap does not connect");
}

static void tap_free(struct rig *rig)
{
    struct mqtt_link link = {0};

    if (rig->tap) {
        mqtt_client_link(rig->tap, &link);
        if (link.dropped_messages > 0)
            fprintf(stderr, "rig: the tap has lost %lld messages\n",
                    (long long)link.dropped_messages);
    }
    mqtt_client_free(rig->tap);
    free(rig->settings.host);
    free(rig->settings.prefix);
    for (size_t i = 0; i < rig->count; i++) {
        union {
            const cJSON *given;
            cJSON *owned;
        } json = {.given = rig->messages[i].json};

        json_free(json.owned);
        free_p(&rig->messages[i].topic);
        free_p(&rig->messages[i].payload);
        free_p(&rig->messages[i].correlation);
    }
    free(rig->messages);
}

/* --- what was said --- */

size_t rig_message_count(const struct rig *rig)
{
    return rig->count;
}

const struct rig_message *rig_message(const struct rig *rig, size_t index)
{
    return index < rig->count ? &rig->messages[index] : NULL;
}

const struct rig_message *rig_last(const struct rig *rig, const char *topic)
{
    for (size_t i = rig->count; i > 0; i--)
        if (str_equal(rig->messages[i - 1].topic, topic))
            return &rig->messages[i - 1];
    return NULL;
}

const cJSON *rig_look(const struct rig *rig, const char *topic, const char *path)
{
    const struct rig_message *message = rig_last(rig, topic);

    return message && message->json ? json_get(message->json, path) : NULL;
}

bool rig_says(const struct rig *rig, const char *topic, const char *text)
{
    const struct rig_message *message = rig_last(rig, topic);

    return message && str_equal(message->payload, text);
}

static bool is_event(const struct rig_message *message, const char *type)
{
    return !message->repeated && str_starts_with(message->topic, "unit/") &&
           str_ends_with(message->topic, "/event") &&
           str_equal(json_get_string(message->json, "event_type"), type);
}

size_t rig_event_count(const struct rig *rig, const char *type)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->count; i++)
        count += is_event(&rig->messages[i], type);
    return count;
}

const cJSON *rig_event(const struct rig *rig, const char *type, size_t index)
{
    for (size_t i = 0; i < rig->count; i++)
        if (is_event(&rig->messages[i], type) && index-- == 0)
            return rig->messages[i].json;
    return NULL;
}

/* --- commands --- */

void rig_publish(struct rig *rig, const char *topic, const char *payload)
{
    CLEANUP(free_p) char *full = xasprintf(BELOW "%s", topic);

    mqtt_publish_command(rig->tap, full, payload, NULL, 0);
}

struct awaited_ack {
    size_t from; /* messages before this one are older than the command */
    char id[32];
    const cJSON *json;
};

static bool ack_came(struct rig *rig, void *user)
{
    struct awaited_ack *ack = user;

    for (; ack->from < rig->count && !ack->json; ack->from++) {
        const struct rig_message *message = &rig->messages[ack->from];

        if (str_equal(message->topic, "ack") &&
            str_equal(json_get_string(message->json, "id"), ack->id) &&
            str_equal(json_get_string(message->json, "phase"), "final"))
            ack->json = message->json;
    }
    return ack->json != NULL;
}

static const cJSON *ask(struct rig *rig, const char *topic, const char *member, const char *json)
{
    struct awaited_ack ack = {.from = rig->count};
    CLEANUP(free_p) char *payload = NULL;

    snprintf(ack.id, sizeof(ack.id), "rig-%d-%u", (int)getpid(), ++rig->commands);
    payload = json ? xasprintf("{\"id\":\"%s\",\"%s\":%s}", ack.id, member, json)
                   : xasprintf("{\"id\":\"%s\"}", ack.id);
    rig_publish(rig, topic, payload);
    return rig_wait(rig, ack_came, &ack, RIG_DEADLINE_MS) ? ack.json : NULL;
}

const cJSON *rig_command(struct rig *rig, const char *topic, const char *value)
{
    return ask(rig, topic, "value", value);
}

const cJSON *rig_ask(struct rig *rig, const char *topic, const char *args)
{
    return ask(rig, topic, "args", args);
}

/* --- the simulator --- */

struct fetched {
    bool done;
    char *body; /* NULL: no answer */
    size_t len;
};

static void on_fetched(int result, const struct http_response *response, const struct error *err,
                       void *user)
{
    struct fetched *fetched = user;

    fetched->done = true;
    if (result < 0) {
        fprintf(stderr, "rig: %s\n", err->text);
        return;
    }
    fetched->body = xstrndup(response->body ? response->body : "", response->body_len);
    fetched->len = response->body_len;
}

static bool fetch_is_done(struct rig *rig, void *user)
{
    (void)rig;
    return ((const struct fetched *)user)->done;
}

static struct fetched fetch(struct rig *rig, const char *path)
{
    CLEANUP(free_p) char *url = xasprintf("http://127.0.0.1:%d%s", rig->sim_port, path);
    struct http_request_config config = {
        .url = url,
        .timeout_ms = HTTP_TIMEOUT_MS,
        .max_body_bytes = BODY_MAX_BYTES,
        .fresh_connection = true,
    };
    struct fetched fetched = {0};
    struct http_request *request;
    struct error err;

    check(rig, http_start(rig->http, &config, on_fetched, &fetched, &request, &err) == 0, url);
    check(rig, rig_wait(rig, fetch_is_done, &fetched, HTTP_TIMEOUT_MS * 2), "HTTP without an end");
    return fetched;
}

cJSON *rig_sim_get(struct rig *rig, const char *path)
{
    struct fetched fetched = fetch(rig, path);
    cJSON *json = NULL;
    struct error err;

    if (fetched.body && json_parse(fetched.body, fetched.len, &limits, &json, &err) < 0)
        json = NULL;
    free(fetched.body);
    return json;
}

void rig_sim_fault(struct rig *rig, const char *query)
{
    CLEANUP(free_p) char *path = xasprintf("/sim/fault?%s", query);
    CLEANUP(json_free_p) cJSON *answer = rig_sim_get(rig, path);

    check(rig, answer && !json_get(answer, "error"), path);
}

cJSON *rig_sim_log(struct rig *rig)
{
    struct fetched fetched = fetch(rig, "/sim/log");
    cJSON *lines = json_array();
    char *rest = fetched.body, *line;
    struct error err;

    while (rest && (line = strsep(&rest, "\n"))) {
        cJSON *json;

        if (line[0] && json_parse(line, strlen(line), &limits, &json, &err) == 0)
            json_add(lines, NULL, json);
    }
    free(fetched.body);
    return lines;
}

static bool sim_has_port(struct rig *rig, void *user)
{
    CLEANUP(free_p) char *path = rig_path(rig, "sim.port");
    CLEANUP(free_p) char *text = NULL;
    struct error err;
    int64_t port;

    (void)user;
    check(rig, !child_ended(&rig->sim), "lapsed-sim has ended at its start");
    if (path_read_file(path, 64, &text, NULL, &err) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    if (str_to_int(text, &port) < 0)
        return false;
    rig->sim_port = (int)port;
    return true;
}

static void sim_start(struct rig *rig, const char *const *args)
{
    CLEANUP(free_p) char *port_file = rig_path(rig, "sim.port");
    CLEANUP(free_p) char *oracle = rig_path(rig, "oracle.jsonl");
    CLEANUP(free_p) char *log = rig_path(rig, "sim.txt");
    const char *argv[64] = {SIM_PROGRAM, "--listen", "127.0.0.1:0", "--port-file",
                            port_file,   "--log",    oracle};
    size_t count = 7;

    for (size_t i = 0; args && args[i]; i++) {
        check(rig, count + 1 < ARRAY_LEN(argv), "too many options for lapsed-sim");
        argv[count++] = args[i];
    }
    child_start(&rig->sim, argv, log);
    check(rig, rig_wait(rig, sim_has_port, NULL, RIG_DEADLINE_MS), "lapsed-sim tells no port");
}

void rig_sim_kill(struct rig *rig)
{
    child_signal(&rig->sim, SIGKILL);
}

/* --- the agent --- */

static const char default_conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; } );\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "%unit } );\n";

/* Writes template with the words behind % replaced. */
static void write_template(FILE *file, const char *template, const struct rig *rig,
                           const char *unit)
{
    for (const char *at = template; *at;) {
        if (str_starts_with(at, "%sim")) {
            fprintf(file, "127.0.0.1:%d", rig->sim_port);
            at += strlen("%sim");
        } else if (str_starts_with(at, "%dir")) {
            fputs(rig->dir, file);
            at += strlen("%dir");
        } else if (str_starts_with(at, "%unit")) {
            fputs(unit ? unit : "", file);
            at += strlen("%unit");
        } else {
            fputc(*at++, file);
        }
    }
}

static void write_conf(struct rig *rig, const struct rig_options *options)
{
    FILE *file;

    rig->conf_path = rig_path(rig, "lapsed.conf");
    file = fopen(rig->conf_path, "we");
    check(rig, file != NULL, rig->conf_path);
    fprintf(file,
            "agent = { id = \"" AGENT "\"; data_dir = \"%s/data\"; reserve_mb = 50.0; %s };\n",
            rig->dir, options->agent ? options->agent : "");
    fprintf(file, "mqtt = { host = \"127.0.0.1\"; port = %d; %s };\n", rig->mqtt_port,
            options->mqtt ? options->mqtt : "");
    write_template(file, options->conf ? options->conf : default_conf, rig, options->unit);
    check(rig, fclose(file) == 0 && chmod(rig->conf_path, 0600) == 0, rig->conf_path);
}

void rig_agent_spawn(struct rig *rig)
{
    CLEANUP(free_p) char *log = rig_path(rig, "lapsed.txt");
    const char *argv[] = {LAPSED_PROGRAM, "--verbose", "--config", rig->conf_path, NULL};

    child_start(&rig->agent, argv, log);
}

static bool agent_is_online(struct rig *rig, void *user)
{
    const size_t *from = user;

    check(rig, !child_ended(&rig->agent), "lapsed has ended at its start");
    for (size_t i = *from; i < rig->count; i++)
        if (str_equal(rig->messages[i].topic, "availability") &&
            str_equal(rig->messages[i].payload, "online"))
            return true;
    return false;
}

void rig_agent_start(struct rig *rig)
{
    size_t from = rig->count;

    rig_agent_spawn(rig);
    check(rig, rig_wait(rig, agent_is_online, &from, RIG_DEADLINE_MS),
          "lapsed does not come online");
}

static bool agent_has_ended(struct rig *rig, void *user)
{
    (void)user;
    return child_ended(&rig->agent);
}

int rig_agent_signal(struct rig *rig, int signum)
{
    child_signal(&rig->agent, signum);
    if (signum == SIGTERM || signum == SIGINT)
        check(rig, rig_wait(rig, agent_has_ended, NULL, RIG_DEADLINE_MS), "lapsed does not stop");
    return rig->agent.status;
}

bool rig_agent_running(struct rig *rig)
{
    return !child_ended(&rig->agent);
}

pid_t rig_agent_pid(const struct rig *rig)
{
    return rig->agent.pid;
}

/* --- the broker --- */

static bool tap_is_down(struct rig *rig, void *user)
{
    (void)user;
    return !rig->tap_up;
}

void rig_broker_kill(struct rig *rig)
{
    broker_kill(rig->broker);
    check(rig, rig_wait(rig, tap_is_down, NULL, RIG_DEADLINE_MS), "the tap did not notice");
}

void rig_broker_start(struct rig *rig)
{
    broker_start(rig->broker);
    check(rig, rig_wait(rig, tap_is_up, NULL, 3 * RIG_DEADLINE_MS), "the tap does not come back");
}

/* --- other programs --- */

struct running {
    bool done;
    struct rig_output output;
};

static void on_program_done(const struct process_result *result, void *user)
{
    struct running *running = user;

    running->done = true;
    running->output.exit_code = result->exit_code;
    running->output.out = result->stdout_data
                              ? xstrndup((const char *)result->stdout_data, result->stdout_len)
                              : xstrdup("");
    running->output.err = xstrdup(result->stderr_tail);
}

static bool program_is_done(struct rig *rig, void *user)
{
    (void)rig;
    return ((const struct running *)user)->done;
}

struct rig_output rig_run(struct rig *rig, const char *const *argv)
{
    struct process_config config = {
        .argv = argv, .stdout_max_bytes = BODY_MAX_BYTES, .timeout_ms = PROGRAM_TIMEOUT_MS};
    struct running running = {0};
    struct process *process;
    struct error err;

    check(rig, process_start(rig->loop, &config, on_program_done, &running, &process, &err) == 0,
          argv[0]);
    check(rig, rig_wait(rig, program_is_done, &running, 2 * PROGRAM_TIMEOUT_MS), argv[0]);
    return running.output;
}

void rig_output_done(struct rig_output *output)
{
    free(output->out);
    free(output->err);
    *output = (struct rig_output){0};
}

struct rig_output rig_ctl(struct rig *rig, const char *const *words)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig->mqtt_port);
    const char *argv[32] = {CTL_PROGRAM, "--host", "127.0.0.1", "--port", port};
    size_t count = 5;

    while (*words && count + 1 < ARRAY_LEN(argv))
        argv[count++] = *words++;
    return rig_run(rig, argv);
}

/* --- birth and death --- */

struct rig *rig_new(const struct rig_options *options)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));
    struct error err;

    snprintf(rig->dir, sizeof(rig->dir), "/tmp/lapsed-e2e-XXXXXX");
    check(rig, mkdtemp(rig->dir) != NULL, "mkdtemp");
    check(rig, loop_new(&rig->loop, &err) == 0, "loop");
    rig->tick = timer_new(rig->loop, on_tick, NULL);
    timer_start_repeat(rig->tick, TICK_MS);
    rig->http = http_new(rig->loop);
    rig->mqtt_port = broker_free_port();
    rig->broker = broker_new(rig->mqtt_port, options->broker);
    broker_start(rig->broker);
    tap_start(rig, options->deaf_to_commands);
    if (!options->no_sim)
        sim_start(rig, options->sim_args);
    write_conf(rig, options);
    if (!options->no_agent)
        rig_agent_start(rig);
    return rig;
}

void rig_pass(struct rig *rig)
{
    rig->passed = true;
}

void rig_free(struct rig *rig)
{
    struct error err;

    if (!rig)
        return;
    child_signal(&rig->agent, SIGTERM);
    if (!rig_wait(rig, agent_has_ended, NULL, RIG_DEADLINE_MS))
        child_signal(&rig->agent, SIGKILL);
    child_signal(&rig->sim, SIGKILL);
    if (!rig->passed)
        show_logs(rig);
    tap_free(rig);
    http_free(rig->http);
    timer_free(rig->tick);
    loop_free(rig->loop);
    broker_free(rig->broker);
    if (rig->passed && path_remove_tree(rig->dir, &err) < 0)
        fprintf(stderr, "rig: %s\n", err.text);
    else if (!rig->passed)
        fprintf(stderr, "rig: all is left in %s\n", rig->dir);
    free(rig->conf_path);
    free(rig);
}

struct loop *rig_loop(struct rig *rig)
{
    return rig->loop;
}

const char *rig_dir(const struct rig *rig)
{
    return rig->dir;
}

int rig_mqtt_port(const struct rig *rig)
{
    return rig->mqtt_port;
}

int rig_sim_port(const struct rig *rig)
{
    return rig->sim_port;
}
