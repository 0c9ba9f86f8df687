/* SPDX-License-Identifier: MIT */
/* request: a request lives in the pending list until finish(), the one place that answers it.
 *
 * It is carried out in parts: one, or one for each unit when a fleet asks all of them. A second
 * request with the id of one that is not answered yet waits for the first and gets its answer. */
#include "agent/requests/request.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECENT_MAX = 512,
    RECENT_MAX_AGE_MS = 15 * 60 * 1000,
    FLOOD_LOG_EVERY = 1000,
};

#define CLOCK_NOTE                                                                                 \
    "\"expires\" was ignored: the clock of this agent is not synchronised (agent.trust_clock "     \
    "overrides that)"

/* A bucket of tokens. */
struct bucket {
    double tokens;
    int64_t filled_at_ms;
};

/* A request that was answered: the same id gets the same answer. */
struct recent {
    struct list link;
    char id[ENVELOPE_ID_MAX + 1];
    uint64_t hash;
    int64_t at; /* wall ms */
    char *ack;  /* NULL: not answered yet */
};

struct part {
    struct request *request;
    struct call call;
    char *target;
    bool done;
    enum ack_code code;
    char *message;
    cJSON *result;
};

/* The id of a request on its way to the disk. */
struct mark {
    struct request *request; /* NULL: it was answered meanwhile */
};

struct request {
    struct list link;
    struct requests *requests;
    struct mark *mark; /* NULL: none on its way */
    const struct request_asker *asker;
    void *user;
    enum verb_id verb;
    enum topic_scope scope;
    char *target, *label;
    char id[ENVELOPE_ID_MAX + 1];
    uint64_t hash;
    cJSON *args;
    const char *note;
    bool accepted, started;
    bool remembered; /* its answer is to be kept in the recent ones */
    bool waits;      /* for the answer of another with the same id */
    bool many;       /* a part for each unit */
    struct part *parts;
    size_t part_count, parts_open;
};

struct requests {
    struct requests_config config;
    struct list pending;
    size_t pending_count;
    struct list recent; /* oldest first */
    size_t recent_count;
    struct bucket rate;
    struct bucket refusals; /* that may be said aloud */
    int64_t refused;
    int64_t floods;
    bool stopped;
};

/* --- how often --- */

static bool bucket_fill(struct bucket *bucket)
{
    int64_t now_ms = clock_mono_ms();

    bucket->tokens += (double)(now_ms - bucket->filled_at_ms) / REQUESTS_REFILL_MS;
    bucket->tokens = MIN(bucket->tokens, REQUESTS_BURST);
    bucket->filled_at_ms = now_ms;
    return bucket->tokens >= 1;
}

static bool bucket_take(struct bucket *bucket)
{
    if (!bucket_fill(bucket))
        return false;
    bucket->tokens -= 1;
    return true;
}

bool requests_ready(struct requests *requests)
{
    return bucket_fill(&requests->rate);
}

enum ack_code requests_admit(struct requests *requests, bool *ret_silently)
{
    *ret_silently = false;
    if (bucket_take(&requests->rate))
        return ACK_OK;
    *ret_silently = !bucket_take(&requests->refusals);
    if (*ret_silently)
        requests->refused++;
    if (requests->floods++ % FLOOD_LOG_EVERY == 0)
        log_warn("command.flood", "refused=%lld limit=\"%d at once, then one in %d ms\"",
                 (long long)requests->floods, REQUESTS_BURST, REQUESTS_REFILL_MS);
    return ACK_RATE_LIMITED;
}

/* --- the same id again --- */

static void recent_free(struct requests *requests, struct recent *recent)
{
    list_remove(&recent->link);
    requests->recent_count--;
    free(recent->ack);
    free(recent);
}

static void forget_old(struct requests *requests)
{
    int64_t oldest = clock_wall_ms() - RECENT_MAX_AGE_MS;
    struct recent *recent;

    LIST_FOR_EACH(&requests->recent, recent, struct recent, link)
    {
        if (requests->recent_count <= RECENT_MAX && recent->at >= oldest)
            break;
        recent_free(requests, recent);
    }
}

static struct recent *find_recent(struct requests *requests, const char *id)
{
    struct recent *recent;

    forget_old(requests);
    LIST_FOR_EACH(&requests->recent, recent, struct recent, link)
    {
        if (id[0] && strcmp(recent->id, id) == 0)
            return recent;
    }
    return NULL;
}

static void add_recent(const char *id, uint64_t hash, const char *ack, int64_t at, void *user)
{
    struct requests *requests = user;
    struct recent *recent = xcalloc(1, sizeof(*recent));

    snprintf(recent->id, sizeof(recent->id), "%s", id);
    recent->hash = hash;
    recent->at = at;
    replace_str(&recent->ack, ack);
    list_append(&requests->recent, &recent->link);
    requests->recent_count++;
}

static void remember_answer(struct request *request, const char *ack)
{
    struct requests *requests = request->requests;
    struct recent *recent = request->remembered ? find_recent(requests, request->id) : NULL;

    if (!recent)
        return;
    replace_str(&recent->ack, ack);
    if (verbs[request->verb].flags & VERB_DURABLE_ID)
        journal_put_command(requests->config.journal, recent->id, recent->hash, ack, NULL, NULL);
}

/* --- answering --- */

static char *ack_text(const struct request *request, bool final,
                      const struct request_answer *answer)
{
    return ack_print(&(struct ack){
        .id = request->id,
        .agent = request->requests->config.agent,
        .unit = request->scope == TOPIC_SCOPE_UNIT && !request->many ? request->target : NULL,
        .camera = request->scope == TOPIC_SCOPE_CAMERA ? request->target : NULL,
        .cmd = request->label,
        .final = final,
        .code = answer->code,
        .message = answer->message,
        .result = answer->result,
        .note = answer->note,
    });
}

static void request_free(struct request *request)
{
    if (request->mark)
        request->mark->request = NULL;
    for (size_t i = 0; i < request->part_count; i++) {
        free(request->parts[i].target);
        free(request->parts[i].message);
        json_free(request->parts[i].result);
    }
    free(request->parts);
    json_free(request->args);
    free(request->target);
    free(request->label);
    free(request);
}

/* The asker hears it and the request is gone. */
static void deliver(struct request *request, const struct request_answer *answer)
{
    list_remove(&request->link);
    request->requests->pending_count--;
    request->asker->final(answer, request->user);
    request_free(request);
}

/* The answer of before once more, its time and all. */
static void repeat_answer(struct request *request, const char *ack)
{
    CLEANUP(free_p) char *again = xasprintf("%.*s,\"dup\":true}", (int)(strlen(ack) - 1), ack);
    struct request_answer answer = {.ack = again, .dup = true};
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct error err;
    int64_t code = ACK_INTERNAL;

    if (json_parse(ack, strlen(ack), &(struct json_limits){SIZE_MAX, 64}, &json, &err) == 0)
        (void)json_get_int(json, "code", &code);
    answer.code = (enum ack_code)code;
    answer.message = json_get_string(json, "message");
    answer.result = json_get(json, "result");
    answer.note = json_get_string(json, "note");
    deliver(request, &answer);
}

static void answer_those_that_wait(struct requests *requests, const char *id, const char *ack)
{
    struct request *request;

    LIST_FOR_EACH(&requests->pending, request, struct request, link)
    {
        if (request->waits && strcmp(request->id, id) == 0)
            repeat_answer(request, ack);
    }
}

/* The one final answer; the request is gone afterwards. */
static void finish(struct request *request, enum ack_code code, const char *message,
                   const cJSON *result)
{
    struct requests *requests = request->requests;
    struct request_answer answer = {
        .code = code, .message = message, .result = result, .note = request->note};
    CLEANUP(free_p) char *text = ack_text(request, true, &answer);
    char id[sizeof(request->id)];

    if (code != ACK_OK) {
        requests->refused++;
        log_info("command.refused", "verb=%s id=%s code=%s message=\"%s\"", request->label,
                 request->id, ack_code_name(code), message ? message : "");
    }
    answer.ack = text;
    snprintf(id, sizeof(id), "%s", request->remembered ? request->id : "");
    remember_answer(request, text);
    deliver(request, &answer);
    if (id[0])
        answer_those_that_wait(requests, id, text);
}

/* --- carrying out --- */

static enum ack_code first_failure(const struct request *request, size_t *ret_failures)
{
    enum ack_code code = ACK_OK;

    *ret_failures = 0;
    for (size_t i = 0; i < request->part_count; i++) {
        if (request->parts[i].code == ACK_OK)
            continue;
        if (code == ACK_OK)
            code = request->parts[i].code;
        (*ret_failures)++;
    }
    return code;
}

static cJSON *results_of_units(const struct request *request)
{
    cJSON *result = json_object();
    cJSON *units = json_add_array(result, "units");

    for (size_t i = 0; i < request->part_count; i++) {
        const struct part *part = &request->parts[i];
        cJSON *unit = json_add_object(units, NULL);

        json_add_string(unit, "unit", part->target);
        json_add_bool(unit, "ok", part->code == ACK_OK);
        json_add_int(unit, "code", part->code);
        if (part->code != ACK_OK) {
            json_add_string(unit, "error", ack_code_name(part->code));
            json_add_string(unit, "message", part->message);
        }
        if (part->result)
            json_add(unit, "result", json_copy(part->result));
    }
    return result;
}

static void finish_many(struct request *request)
{
    CLEANUP(json_free_p) cJSON *result = results_of_units(request);
    CLEANUP(free_p) char *message = NULL;
    size_t failures;
    enum ack_code code = first_failure(request, &failures);

    if (code != ACK_OK)
        message = xasprintf("%zu of %zu units could not do it; result.units says why", failures,
                            request->part_count);
    finish(request, code, message, result);
}

static void part_done(struct request *request)
{
    if (--request->parts_open == 0)
        finish_many(request);
}

static void on_answer(enum ack_code code, const char *message, const cJSON *result, void *user)
{
    struct part *part = user;

    part->done = true;
    if (!part->request->many) {
        finish(part->request, code, message, result);
        return;
    }
    part->code = code;
    replace_str(&part->message, message);
    part->result = result ? json_copy(result) : NULL;
    part_done(part->request);
}

static void part_init(struct request *request, size_t index, const char *target)
{
    struct part *part = &request->parts[index];

    part->request = request;
    part->target = xstrdup(target);
    part->call = (struct call){
        .rooms = request->requests->config.rooms,
        .verb = request->verb,
        .target = part->target,
        .args = request->args,
        .answer = on_answer,
        .user = part,
    };
}

/* One more stays open until all have begun, or the first answer could end the request. */
static void start_many(struct request *request)
{
    const struct units *units = request->requests->config.rooms->units;

    request->part_count = units_count(units);
    request->parts = xcalloc(request->part_count, sizeof(*request->parts));
    for (size_t i = 0; i < request->part_count; i++)
        part_init(request, i, unit_id(units_at(units, i)));
    request->parts_open = request->part_count + 1;
    for (size_t i = 0; i < request->part_count; i++)
        call_start(&request->parts[i].call);
    part_done(request);
}

static void start(struct request *request)
{
    log_info("command.accepted", "verb=%s target=%s id=%s", request->label, request->target,
             request->id);
    if (request->many) {
        start_many(request);
        return;
    }
    request->part_count = 1;
    request->parts = xcalloc(1, sizeof(*request->parts));
    part_init(request, 0, request->target);
    call_start(&request->parts[0].call);
}

/* The oldest that may begin: those that change something keep their order, though an id may still
 * be on its way to the disk. */
static struct request *next_to_start(struct requests *requests)
{
    struct request *request;
    bool held = false;

    LIST_FOR_EACH(&requests->pending, request, struct request, link)
    {
        if (request->started || !request->accepted)
            continue;
        if (!held && !request->mark)
            return request;
        if (verbs[request->verb].flags & VERB_READ)
            return request;
        held = true;
    }
    return NULL;
}

static void start_all(struct requests *requests)
{
    struct request *request;

    while ((request = next_to_start(requests))) {
        request->started = true;
        start(request);
    }
}

/* A disk that is full or broken is no reason not to obey. */
static void on_marked(int result, const struct error *err, void *user)
{
    struct mark *mark = user;
    struct request *request = mark->request;

    free(mark);
    if (result < 0)
        log_warn("command.id_not_kept", "error=\"%s\"", err->text);
    if (!request)
        return;
    request->mark = NULL;
    start_all(request->requests);
}

/* The id is on the disk before anything happens: when we are killed in between, whoever asks again
 * is told so, and nothing is done twice. */
static void put_mark(struct request *request)
{
    request->mark = xcalloc(1, sizeof(*request->mark));
    request->mark->request = request;
    journal_put_command(request->requests->config.journal, request->id, request->hash, NULL,
                        on_marked, request->mark);
}

static void accept(struct request *request)
{
    struct request_answer answer = {.code = ACK_OK, .note = request->note};
    CLEANUP(free_p) char *text = NULL;

    if (request->asker->accepted) {
        text = ack_text(request, false, &answer);
        request->asker->accepted(text, request->user);
    }
    if (request->id[0]) {
        add_recent(request->id, request->hash, NULL, clock_wall_ms(), request->requests);
        request->remembered = true;
    }
    if (request->remembered && (verbs[request->verb].flags & VERB_DURABLE_ID))
        put_mark(request);
    request->accepted = true;
    start_all(request->requests);
}

/* --- the checks before --- */

bool request_is_fleet(const struct conf_strings *fleet_verbs, enum verb_id verb)
{
    if (!(verbs[verb].flags & VERB_FLEET))
        return false;
    for (size_t i = 0; i < fleet_verbs->count; i++)
        if (str_equal(fleet_verbs->items[i], verbs[verb].method))
            return true;
    return fleet_verbs->count == 0;
}

static enum ack_code check_time(struct request *request, const struct request_asked *asked,
                                struct error *err)
{
    const struct requests_config *config = &request->requests->config;

    if (config->offline_queue && asked->expires_at == 0 && !asked->expires_at_broker &&
        !(verbs[request->verb].flags & VERB_READ)) {
        error_set(err, -1,
                  "offline_queue_s is set, so the broker may have kept this for hours: give it an "
                  "expiry (Message Expiry of MQTT 5, or \"expires\")");
        return ACK_EXPIRED;
    }
    if (asked->expires_at == 0)
        return ACK_OK;
    if (!config->trust_clock && !clock_is_synchronised()) {
        request->note = CLOCK_NOTE;
        return ACK_OK;
    }
    if (asked->expires_at >= clock_wall_ms())
        return ACK_OK;
    error_set(err, -1, "expires: the time is over");
    return ACK_EXPIRED;
}

static enum ack_code check_verb(struct request *request, const struct request_asked *asked,
                                struct error *err)
{
    if (request->verb == VERB_COUNT) {
        error_set(err, -1, "there is no command '%s' here; the info topic lists the methods",
                  request->label);
        return ACK_UNKNOWN_VERB;
    }
    if (asked->fleet && !request_is_fleet(&(const struct conf_strings){0}, request->verb)) {
        error_set(err, -1, "'%s' may not be asked of many agents at once; ask each by its name",
                  verbs[request->verb].method);
        return ACK_FORBIDDEN;
    }
    if (asked->fleet && !request_is_fleet(request->requests->config.fleet_verbs, request->verb)) {
        error_set(err, -1, "agent.fleet_verbs of this agent does not allow '%s'",
                  verbs[request->verb].method);
        return ACK_FORBIDDEN;
    }
    return verb_check_args(&verbs[request->verb], asked->args_path, request->args, err) < 0
               ? ACK_BAD_PARAMS
               : ACK_OK;
}

static enum ack_code check(struct request *request, const struct request_asked *asked,
                           struct error *err)
{
    struct requests *requests = request->requests;
    enum ack_code code = check_verb(request, asked, err);

    if (code == ACK_OK)
        code = check_time(request, asked, err);
    if (code != ACK_OK)
        return code;
    if (requests->stopped) {
        error_set(err, -1, "the agent is being stopped");
        return ACK_SHUTTING_DOWN;
    }
    if (requests->pending_count > REQUESTS_AT_ONCE) {
        error_set(err, -1, "too many commands wait for their end; try again later");
        return ACK_BUSY;
    }
    return ACK_OK;
}

/* true: it was asked before, and is answered, or waits for the answer of the first. */
static bool is_repeated(struct request *request)
{
    struct recent *recent = find_recent(request->requests, request->id);

    if (!recent)
        return false;
    if (recent->hash != request->hash)
        finish(request, ACK_ID_REUSED, "this id was used for another command; choose a new one",
               NULL);
    else if (recent->ack)
        repeat_answer(request, recent->ack);
    else
        request->waits = true;
    return true;
}

static struct request *request_new(struct requests *requests, const struct request_asked *asked,
                                   const struct request_asker *asker, void *user)
{
    struct request *request = xcalloc(1, sizeof(*request));

    request->requests = requests;
    request->asker = asker;
    request->user = user;
    request->verb = asked->verb;
    request->scope = asked->scope;
    request->target = xstrdup(asked->target);
    request->label = xstrdup(asked->label);
    snprintf(request->id, sizeof(request->id), "%s", asked->id);
    request->hash = asked->hash;
    request->args = asked->args;
    request->many = asked->fleet && asked->scope == TOPIC_SCOPE_UNIT && !asked->target[0];
    list_append(&requests->pending, &request->link);
    requests->pending_count++;
    return request;
}

void request_start(struct requests *requests, const struct request_asked *asked,
                   const struct request_asker *asker, void *user)
{
    struct request *request = request_new(requests, asked, asker, user);
    struct error err = {0};
    enum ack_code code = check(request, asked, &err);

    if (code != ACK_OK)
        finish(request, code, err.text, NULL);
    else if (!is_repeated(request))
        accept(request);
}

void request_refuse(struct requests *requests, const struct request_asked *asked,
                    enum ack_code code, const char *message, const struct request_asker *asker,
                    void *user)
{
    finish(request_new(requests, asked, asker, user), code, message, NULL);
}

int64_t requests_refused(const struct requests *requests)
{
    return requests->refused;
}

/* --- birth and death --- */

struct requests *requests_new(const struct requests_config *config)
{
    struct requests *requests = xcalloc(1, sizeof(*requests));
    struct bucket full = {.tokens = REQUESTS_BURST, .filled_at_ms = clock_mono_ms()};
    struct error err = {0};

    requests->config = *config;
    requests->rate = full;
    requests->refusals = full;
    list_init(&requests->pending);
    list_init(&requests->recent);
    if (journal_each_command(config->journal, RECENT_MAX, RECENT_MAX_AGE_MS, add_recent, requests,
                             &err) < 0)
        log_warn("command.memory_lost", "error=\"%s\"", err.text);
    return requests;
}

/* Nobody knows how far it came. */
void requests_answer_interrupted(struct requests *requests)
{
    const struct requests_config *config = &requests->config;
    struct recent *recent;

    LIST_FOR_EACH(&requests->recent, recent, struct recent, link)
    {
        if (recent->ack)
            continue;
        recent->ack = ack_print(&(struct ack){
            .id = recent->id,
            .agent = config->agent,
            .final = true,
            .code = ACK_SHUTTING_DOWN,
            .message = "the agent ended while it did this: look at the state, and ask again with "
                       "a new id if it was not done",
        });
        journal_put_command(config->journal, recent->id, recent->hash, recent->ack, NULL, NULL);
        config->tell(recent->ack, config->user);
    }
}

/* Those that wait for another's answer go with it. */
void requests_stop(struct requests *requests)
{
    struct request *request;

    requests->stopped = true;
    while ((request = LIST_FIRST(&requests->pending, struct request, link))) {
        for (size_t i = 0; i < request->part_count; i++)
            if (!request->parts[i].done)
                call_cancel(&request->parts[i].call);
        finish(request, ACK_SHUTTING_DOWN, "the agent is being stopped", NULL);
    }
}

void requests_free(struct requests *requests)
{
    struct recent *recent;

    if (!requests)
        return;
    requests_stop(requests);
    LIST_FOR_EACH(&requests->recent, recent, struct recent, link)
    {
        recent_free(requests, recent);
    }
    free(requests);
}
