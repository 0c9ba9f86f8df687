/* SPDX-License-Identifier: MIT */
/* harness: a rig for end-to-end tests: a real mosquitto, the simulated printer with its camera, the
 * real lapsed, and a tap that notes down everything that is said on the broker.
 *
 * All of it lives in one temporary directory and on ports of its own. The rig has a loop; every
 * waiting function runs it, so the tap goes on noting. What cannot be set up ends the program. */
#ifndef TESTS_E2E_HARNESS_H
#define TESTS_E2E_HARNESS_H

#include "agent/base/http.h"
#include "agent/base/json.h"
#include "agent/base/loop.h"
#include "tests/e2e/child.h"
#include "tests/mqtt/broker.h"

enum { RIG_DEADLINE_MS = 20000 };

struct rig_options {
    /* Further options of lapsed-sim, NULL-terminated; NULL = none. */
    const char *const *sim_args;
    /* Settings of the one unit "mk4", added to printer, cameras and trigger = "layer":
     * "fps = 5.0; pause = true;". Ignored when conf is set. */
    const char *unit;
    /* Everything behind the groups agent and mqtt instead: "%sim" stands for 127.0.0.1:port,
     * "%dir" for the rig's directory. */
    const char *conf;
    const char *agent;     /* settings added to the group agent; NULL = none */
    const char *mqtt;      /* settings added to the group mqtt; NULL = none */
    const char *broker;    /* lines for mosquitto.conf, "%dir" its directory; NULL = anybody may */
    bool deaf_to_commands; /* the tap does not hear "cmd/…": for floods of them */
    bool no_agent;         /* the test starts it itself */
    bool no_sim;
};

/* A message as the tap got it. */
struct rig_message {
    const char *topic;   /* without "timelapse/v1/pi01/" when it is below that */
    const char *payload; /* NUL-terminated */
    size_t len;
    bool retained;
    bool repeated; /* an event that was heard before: same boot, same seq */
    int64_t at_mono_ms;
    const cJSON *json;       /* NULL when it is none */
    const char *correlation; /* MQTT 5, as text; NULL = none */
};

struct rig;

/* Starts broker, simulator and agent, and waits until the agent is online. */
struct rig *rig_new(const struct rig_options *options) MUST_CHECK;
/* Ends everything and removes the directory. Without rig_pass() the logs are shown and the
 * directory stays. */
void rig_free(struct rig *rig);
/* The last line of every test. */
void rig_pass(struct rig *rig);

struct loop *rig_loop(struct rig *rig);
const char *rig_dir(const struct rig *rig);
int rig_mqtt_port(const struct rig *rig);
int rig_sim_port(const struct rig *rig);

/* --- waiting --- */
typedef bool (*rig_predicate_fn)(struct rig *rig, void *user);
/* Runs the loop until the predicate holds; false: it did not before the deadline. */
bool rig_wait(struct rig *rig, rig_predicate_fn predicate, void *user,
              int64_t deadline_ms) MUST_CHECK;
/* For what must not happen: runs the loop for so long. */
void rig_linger(struct rig *rig, int64_t ms);

/* Runs the loop until the expression holds; else fails the test, naming the expression. */
#define RIG_WAIT(rig, condition)                                                                   \
    do {                                                                                           \
        int64_t rig_deadline_ms_ = clock_mono_ms() + RIG_DEADLINE_MS;                              \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > rig_deadline_ms_)                                                \
                fail_msg("%d s passed without: %s", RIG_DEADLINE_MS / 1000, #condition);           \
            loop_run_once(rig_loop(rig));                                                          \
        }                                                                                          \
    } while (0)

/* --- what was said --- */
size_t rig_message_count(const struct rig *rig);
const struct rig_message *rig_message(const struct rig *rig, size_t index);
/* The last message on a topic ("unit/mk4/state"); NULL = none. Valid until the next message. */
const struct rig_message *rig_last(const struct rig *rig, const char *topic);
/* A member of the last JSON on a topic; NULL: no such topic or member. */
const cJSON *rig_look(const struct rig *rig, const char *topic, const char *path);
/* Whether the last message on a topic is this text. */
bool rig_says(const struct rig *rig, const char *topic, const char *text);

/* Events of any unit, by event_type, in order. */
size_t rig_event_count(const struct rig *rig, const char *type);
/* NULL: not so many. */
const cJSON *rig_event(const struct rig *rig, const char *type, size_t index);

/* --- commands --- */
/* Sends {"id", "args"/"value"} to a topic ("unit/mk4/cmd/snapshot") and waits for its final
 * acknowledgement, valid until the rig goes; NULL: none came in time. value: JSON for set/<key>,
 * NULL otherwise. */
const cJSON *rig_command(struct rig *rig, const char *topic, const char *value) MUST_CHECK;
/* As rig_command(), with {"id", "args"}; args: a JSON object. */
const cJSON *rig_ask(struct rig *rig, const char *topic, const char *args) MUST_CHECK;
/* Publishes as it is. */
void rig_publish(struct rig *rig, const char *topic, const char *payload);

/* --- the simulator --- */
/* GET of a path ("/sim/state"); the caller owns the JSON. NULL: no answer, or none that is JSON. */
cJSON *rig_sim_get(struct rig *rig, const char *path) MUST_CHECK;
/* "/sim/fault?what=…"; fails the program when the simulator does not know it. */
void rig_sim_fault(struct rig *rig, const char *query);
/* The oracle's lines so far, as an array; the caller owns it. */
cJSON *rig_sim_log(struct rig *rig) MUST_CHECK;

/* --- breaking things --- */
void rig_agent_start(struct rig *rig); /* waits until it is online */
void rig_agent_spawn(struct rig *rig); /* does not wait */
/* Waits for the end when it is SIGTERM, INT or KILL. Returns the status of waitpid(). */
int rig_agent_signal(struct rig *rig, int signum);
bool rig_agent_running(struct rig *rig);
pid_t rig_agent_pid(const struct rig *rig);
void rig_broker_kill(struct rig *rig);
void rig_broker_start(struct rig *rig); /* on the same port; waits until the tap is back */
void rig_sim_kill(struct rig *rig);

/* --- other programs --- */
struct rig_output {
    int exit_code;   /* -1: ended by a signal */
    char *out, *err; /* err: the last 4 KB */
};
/* Runs a program to its end, at most 60 s. Free with rig_output_done(). */
struct rig_output rig_run(struct rig *rig, const char *const *argv) MUST_CHECK;
void rig_output_done(struct rig_output *output);
/* lapsectl with --port and these words, NULL-terminated. */
struct rig_output rig_ctl(struct rig *rig, const char *const *words) MUST_CHECK;

#endif
