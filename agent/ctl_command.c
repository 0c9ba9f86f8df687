/* SPDX-License-Identifier: MIT */
/* lapsectl <verb>: sends one command and waits for its answer.
 *
 * The command goes out only when its agent is known to be online, and with an expiry: what nobody
 * was there to answer shall not be done later, when the person has gone on. */
#include "agent/ctl_commands.h"
#include "agent/ctl_table.h"
#include "agent/ctl_task.h"
#include "agent/ctl_text.h"
#include "agent/verbs.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FINAL_TIMEOUT_MS = 60 * 1000, LONG_TIMEOUT_MS = 6 * 3600 * 1000 };

enum stage {
    STAGE_RESOLVING, /* which agent and unit is meant? */
    STAGE_SENT,
    STAGE_ACCEPTED,
    STAGE_BUILDING, /* done as far as the agent goes; its video is being made */
};

struct request {
    enum topic_scope scope;
    const struct verb *verb; /* NULL: a setting */
    const char *key, *value; /* of the setting */
    const char *target;      /* unit or camera as given; NULL = not given */
    char *label;             /* "mk4: snapshot" */
    char *agent;             /* the id, once sent */
    char *unit;              /* NULL when it is for none */
    char id[24];
    enum stage stage;
    int64_t videos_left;
    bool failed; /* a video */
};

/* --- the words --- */

static int usage(const char *text)
{
    fprintf(stderr, "lapsectl: usage: %s\n", text);
    return CTL_USAGE;
}

static int unknown(const char *what, const char *word)
{
    fprintf(stderr, "lapsectl: there is no %s '%s'\nTry 'lapsectl help'.\n", what, word);
    return CTL_USAGE;
}

static int parse_set(struct request *request, char **words, int count)
{
    if (count != 3 && count != 4)
        return usage("set [UNIT] KEY VALUE");
    request->scope = TOPIC_SCOPE_UNIT;
    request->target = count == 4 ? words[1] : NULL;
    request->key = words[count - 2];
    request->value = words[count - 1];
    return CTL_OK;
}

static int parse_verb(struct request *request, enum topic_scope scope, char **words, int count)
{
    enum verb_id id = verb_find(scope, words[0]);

    if (id == VERB_COUNT)
        return unknown(scope == TOPIC_SCOPE_CAMERA ? "camera command" : "command", words[0]);
    if (count > (scope == TOPIC_SCOPE_AGENT ? 1 : 2)) {
        fprintf(stderr, "lapsectl: unexpected argument '%s'\nTry 'lapsectl help %s'.\n",
                words[count - 1], words[0]);
        return CTL_USAGE;
    }
    request->scope = scope;
    request->verb = &verbs[id];
    request->target = count > 1 ? words[1] : NULL;
    return CTL_OK;
}

static int parse(struct request *request, char **words, int count)
{
    int rc;

    if (str_equal(words[0], "set"))
        rc = parse_set(request, words, count);
    else if (str_equal(words[0], "camera"))
        rc = count < 2 ? usage("camera snapshot [CAMERA]")
                       : parse_verb(request, TOPIC_SCOPE_CAMERA, words + 1, count - 1);
    else if (verb_find(TOPIC_SCOPE_UNIT, words[0]) != VERB_COUNT)
        rc = parse_verb(request, TOPIC_SCOPE_UNIT, words, count);
    else
        rc = parse_verb(request, TOPIC_SCOPE_AGENT, words, count);
    if (rc != CTL_OK)
        return rc;
    if (request->target && !str_is_id(request->target))
        return unknown("unit or camera", request->target);
    if (request->key && !str_is_id(request->key))
        return unknown("setting", request->key);
    return CTL_OK;
}

/* --- which agent, which unit --- */

static struct ctl_agent *give_up(struct ctl *ctl, int exit_code)
{
    ctl_exit(ctl, exit_code);
    return NULL;
}

static struct ctl_agent *agent_absent(struct ctl *ctl, const struct ctl_agent *agent)
{
    const char *id = ctl->options->agent;

    if (agent && agent->announced)
        fprintf(stderr,
                "lapsectl: agent '%s' is offline; is lapsed running there? (systemctl status"
                " lapsed)\n",
                id);
    else
        fprintf(stderr, "lapsectl: no agent '%s' was ever seen on this broker below '%s'\n", id,
                ctl->options->mqtt.prefix);
    return give_up(ctl, CTL_NO_ANSWER);
}

static struct ctl_agent *choose_only_agent(struct ctl *ctl)
{
    struct ctl_agent *agent = NULL;
    size_t online = ctl_world_count_online(&ctl->world, &agent);
    CLEANUP(free_p) char *ids = ctl_world_agents(&ctl->world, online > 0);

    if (online == 1) {
        fprintf(stderr, "lapsectl: agent %s\n", agent->id);
        return agent;
    }
    if (online > 1) {
        fprintf(stderr, "lapsectl: several agents are online: %s; choose one with --agent\n", ids);
        return give_up(ctl, CTL_USAGE);
    }
    fprintf(stderr, "lapsectl: no agent is online on this broker below '%s'%s%s\n",
            ctl->options->mqtt.prefix, ids[0] ? "; offline: " : "", ids);
    return give_up(ctl, CTL_NO_ANSWER);
}

/* NULL: not known yet, or given up. */
static struct ctl_agent *choose_agent(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    const char *id = options->agent ? options->agent : options->default_agent;
    struct ctl_agent *agent = ctl_world_find(&ctl->world, id);

    if (agent && agent->online)
        return agent;
    if (!ctl->settled)
        return NULL;
    return options->agent ? agent_absent(ctl, agent) : choose_only_agent(ctl);
}

static void tell_choice(const cJSON *list, const char *what)
{
    fprintf(stderr, "lapsectl: this agent has several %ss; name one:", what);
    for (const cJSON *id = json_first(list); id; id = json_next(id)) {
        CLEANUP(free_p) char *clean = ctl_text_clean(json_string(id));

        fprintf(stderr, " %s", clean);
    }
    fputc('\n', stderr);
}

/* NULL: not known yet, or given up. */
static const char *choose_target(struct ctl *ctl, const struct ctl_agent *agent)
{
    const struct request *request = ctl->data;
    const char *what = request->scope == TOPIC_SCOPE_CAMERA ? "camera" : "unit";
    const cJSON *list =
        json_get(agent->info, request->scope == TOPIC_SCOPE_CAMERA ? "cameras" : "units");
    const char *only = json_string(json_first(list));

    if (request->target || request->scope == TOPIC_SCOPE_AGENT)
        return request->target ? request->target : "";
    if (!list && !ctl->settled)
        return NULL;
    if (json_size(list) == 1 && str_is_id(only))
        return only;
    if (json_size(list) > 1)
        tell_choice(list, what);
    else
        fprintf(stderr, "lapsectl: agent '%s' has no %s\n", agent->id, what);
    ctl_exit(ctl, CTL_USAGE);
    return NULL;
}

/* --- sending --- */

static void make_id(char *ret_id, size_t size)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0)
        abort();
    snprintf(ret_id, size, "ctl-%016llx", (unsigned long long)number);
}

static char *build_payload(const struct request *request)
{
    cJSON *json = json_object();
    char *text;

    json_add_string(json, "id", request->id);
    if (request->key)
        json_add_string(json, "value", request->value);
    text = json_print(json);
    json_free(json);
    return text;
}

static char *build_topic(const struct ctl *ctl, const char *agent, const char *target)
{
    const struct request *request = ctl->data;
    const char *prefix = ctl->options->mqtt.prefix;

    if (request->key)
        return topic_build_set(prefix, agent, target, request->key);
    return topic_build_cmd(prefix, agent, request->scope, target[0] ? target : NULL,
                           request->verb->name);
}

static void send_command(struct ctl *ctl, const char *agent, const char *target)
{
    struct request *request = ctl->data;
    CLEANUP(free_p) char *topic = build_topic(ctl, agent, target);
    CLEANUP(free_p) char *payload = NULL;
    int64_t timeout_ms = ctl_timeout_ms(ctl->options);

    make_id(request->id, sizeof(request->id));
    payload = build_payload(request);
    request->agent = xstrdup(agent);
    request->unit = request->scope == TOPIC_SCOPE_UNIT ? xstrdup(target) : NULL;
    request->label = xasprintf("%s: %s%s", target[0] ? target : agent, request->key ? "set " : "",
                               request->key ? request->key : request->verb->name);
    request->stage = STAGE_SENT;
    ctl_set_deadline(ctl, timeout_ms);
    mqtt_publish_command(ctl->mqtt, topic, payload, NULL, (timeout_ms + 999) / 1000);
}

static void try_send(struct ctl *ctl)
{
    struct ctl_agent *agent = choose_agent(ctl);
    const char *target = agent ? choose_target(ctl, agent) : NULL;

    if (target)
        send_command(ctl, agent->id, target);
}

/* --- the answer --- */

static void print_member(const cJSON *member, bool first)
{
    CLEANUP(free_p) char *printed = NULL;
    CLEANUP(free_p) char *clean = NULL;
    CLEANUP(free_p) char *key = ctl_text_clean(json_key(member));

    printed = json_is_string(member) ? xstrdup(json_string(member)) : json_print(member);
    clean = ctl_text_clean(printed);
    printf("%s%s %s", first ? "  " : ", ", key, clean);
}

/* What the agent proves, with the agent's own names: "  camera front, frame 12, age_ms 120 …". */
static void print_members(const cJSON *object)
{
    bool first = true;

    for (const cJSON *member = json_first(object); member; member = json_next(member)) {
        if (json_is_null(member) || json_is_array(member) || json_is_object(member))
            continue;
        print_member(member, first);
        first = false;
    }
    if (!first)
        fputc('\n', stdout);
}

static void print_result(const cJSON *result)
{
    const cJSON *frames = json_get(result, "frames");

    print_members(result);
    for (const cJSON *frame = json_first(frames); frame; frame = json_next(frame))
        print_members(frame);
}

static void print_raw(const cJSON *json)
{
    CLEANUP(free_p) char *text = json_print(json);

    puts(text);
}

static void print_refusal(const struct request *request, const cJSON *ack)
{
    CLEANUP(free_p) char *name = ctl_text(ack, "error");
    CLEANUP(free_p) char *message = ctl_text(ack, "message");
    CLEANUP(free_p) char *code = ctl_text_int(ack, "code");

    fprintf(stderr, "lapsectl: %s %s: %s (%s): %s\n", request->label,
            request->stage == STAGE_SENT ? "refused" : "failed", name, code, message);
}

static int64_t count_cameras(const struct ctl *ctl, const struct request *request)
{
    struct ctl_agent *agent = ctl_world_find(&ctl->world, request->agent);
    struct ctl_thing *unit;

    LIST_FOR_EACH(&agent->things[CTL_UNITS], unit, struct ctl_thing, link)
    if (str_equal(unit->id, request->unit))
        return MAX((int64_t)json_size(json_get(unit->status, "cameras")), 1);
    return 1;
}

static bool makes_video(const struct ctl *ctl, const struct request *request, const cJSON *ack)
{
    return !ctl->options->no_wait && request->verb && (request->verb->flags & VERB_LONG) &&
           (json_get_string(ack, "result.job") ||
            str_equal(json_get_string(ack, "result.state"), "building"));
}

static void on_final(struct ctl *ctl, struct request *request, const cJSON *ack)
{
    bool ok = false;

    if (ctl->options->json)
        print_raw(ack);
    if (!json_get_bool(ack, "ok", &ok) || !ok) {
        if (!ctl->options->json)
            print_refusal(request, ack);
        ctl_exit(ctl, CTL_REFUSED);
        return;
    }
    if (!ctl->options->json) {
        printf("%s done\n", request->label);
        print_result(json_get(ack, "result"));
        fflush(stdout);
    }
    request->stage = STAGE_BUILDING;
    request->videos_left = makes_video(ctl, request, ack) ? count_cameras(ctl, request) : 0;
    if (request->videos_left == 0)
        ctl_exit(ctl, CTL_OK);
}

static void on_accepted(struct ctl *ctl, struct request *request, const cJSON *ack)
{
    bool is_long = request->verb && (request->verb->flags & VERB_LONG);
    int64_t limit_ms = is_long ? LONG_TIMEOUT_MS : FINAL_TIMEOUT_MS;

    request->stage = STAGE_ACCEPTED;
    if (ctl->options->json)
        print_raw(ack);
    else
        printf("%s accepted\n", request->label);
    fflush(stdout);
    ctl_set_deadline(ctl, ctl->options->timeout_ms > 0 ? ctl->options->timeout_ms : limit_ms);
}

static void on_ack(struct ctl *ctl, struct request *request, const cJSON *ack)
{
    if (!str_equal(json_get_string(ack, "id"), request->id) || request->stage == STAGE_BUILDING)
        return;
    if (str_equal(json_get_string(ack, "phase"), "final"))
        on_final(ctl, request, ack);
    else
        on_accepted(ctl, request, ack);
}

/* --- the video that it makes --- */

static bool is_our_video(const struct request *request, const cJSON *event)
{
    const char *kind = str_equal(request->verb->name, "preview") ? "preview" : "final";
    const char *type = json_get_string(event, "event_type");

    return str_equal(json_get_string(event, "kind"), kind) &&
           (str_equal(type, "video_ready") || str_equal(type, "preview_ready") ||
            str_equal(type, "video_failed") || str_equal(type, "video_none"));
}

static void on_video(struct ctl *ctl, struct request *request, const cJSON *event)
{
    CLEANUP(free_p) char *type = ctl_text(event, "event_type");

    if (json_get(event, "error"))
        request->failed = true;
    if (ctl->options->json) {
        print_raw(event);
    } else {
        printf("%s: %s\n", request->unit, type);
        print_members(event);
    }
    fflush(stdout);
    if (--request->videos_left == 0)
        ctl_exit(ctl, request->failed ? CTL_REFUSED : CTL_OK);
}

/* --- the task --- */

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    struct request *request = ctl->data;

    if (request->stage == STAGE_RESOLVING) {
        if (news->kind == TOPIC_AVAILABILITY || news->kind == TOPIC_INFO)
            try_send(ctl);
        return;
    }
    if (!str_equal(news->agent->id, request->agent))
        return;
    if (news->kind == TOPIC_ACK)
        on_ack(ctl, request, news->json);
    else if (news->kind == TOPIC_UNIT_EVENT && request->stage == STAGE_BUILDING &&
             str_equal(news->id, request->unit) && is_our_video(request, news->json))
        on_video(ctl, request, news->json);
    else if (news->kind == TOPIC_AVAILABILITY && news->agent->announced && !news->agent->online) {
        fprintf(stderr, "lapsectl: agent '%s' went offline before its answer\n", request->agent);
        ctl_exit(ctl, CTL_NO_ANSWER);
    }
}

static void on_settled(struct ctl *ctl)
{
    const struct request *request = ctl->data;

    if (request->stage == STAGE_RESOLVING)
        try_send(ctl);
}

static void on_deadline(struct ctl *ctl)
{
    const struct request *request = ctl->data;

    if (request->stage == STAGE_SENT)
        fprintf(stderr,
                "lapsectl: %s: no answer, although agent '%s' is online; is it overloaded (lapsectl"
                " status), or does the broker's ACL forbid this user to command it?\n",
                request->label, request->agent);
    else
        fprintf(stderr, "lapsectl: %s: accepted, but not done in time (--timeout)\n",
                request->label);
    ctl_exit(ctl, CTL_NO_ANSWER);
}

int ctl_command(const struct ctl_options *options, char **words, int word_count)
{
    static const char *const filters[] = {"availability", "info",          "ack",
                                          "unit/+/event", "unit/+/status", NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline};
    struct request request = {0};
    int exit_code = parse(&request, words, word_count);

    if (exit_code == CTL_OK)
        exit_code = ctl_run(options, &task, &request);
    free(request.label);
    free(request.agent);
    free(request.unit);
    return exit_code;
}
