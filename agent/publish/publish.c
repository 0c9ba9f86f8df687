/* SPDX-License-Identifier: MIT */
/* publish: one entry per status topic and one timer for the earliest that is due. The stamp
 * ("boot", "seq") lets a consumer drop late documents; it is put in front as text, so that two
 * documents can be compared without it. */
#include "agent/publish/publish.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
    struct list link;
    enum topic_kind kind;
    char *id; /* NULL: the agent's own */
    char *topic;
    char *last_body;
    bool dirty;
    int64_t sent_at_ms, due_at_ms; /* monotonic */
};

struct publisher {
    struct publisher_config config;
    publish_build_fn build;
    void *user;
    struct list entries;
    struct timer *timer;
    char boot[9];
    int64_t seq;
    struct list topics; /* retained ones, ever */
};

struct topic_note {
    struct list link;
    char topic[];
};

/* --- the list of retained topics --- */

static struct topic_note *find_note(struct publisher *publisher, const char *topic)
{
    struct topic_note *note;

    LIST_FOR_EACH(&publisher->topics, note, struct topic_note, link)
    {
        if (strcmp(note->topic, topic) == 0)
            return note;
    }
    return NULL;
}

static void add_note(const char *topic, void *user)
{
    struct publisher *publisher = user;
    size_t size = strlen(topic) + 1;
    struct topic_note *note = xcalloc(1, sizeof(*note) + size);

    memcpy(note->topic, topic, size);
    list_append(&publisher->topics, &note->link);
}

static void remember_topic(struct publisher *publisher, const char *topic)
{
    if (find_note(publisher, topic))
        return;
    add_note(topic, publisher);
    journal_add_topic(publisher->config.journal, topic);
}

static void clear_note(struct publisher *publisher, struct topic_note *note)
{
    mqtt_forget_retained(publisher->config.mqtt, note->topic);
    journal_delete_topic(publisher->config.journal, note->topic);
    list_remove(&note->link);
    free(note);
}

size_t publish_clear_stale(struct publisher *publisher, publish_keep_fn keep, void *user)
{
    struct topic_note *note;
    size_t count = 0;

    LIST_FOR_EACH(&publisher->topics, note, struct topic_note, link)
    {
        if (keep(note->topic, user))
            continue;
        clear_note(publisher, note);
        count++;
    }
    return count;
}

static bool keep_none(const char *topic, void *user)
{
    (void)topic;
    (void)user;
    return false;
}

size_t publish_purge(struct publisher *publisher)
{
    return publish_clear_stale(publisher, keep_none, NULL);
}

/* --- documents --- */

static char *topic_of(const struct publisher *publisher, enum topic_kind kind, const char *id)
{
    return topic_build(publisher->config.prefix, publisher->config.agent, kind, id);
}

/* body: an object as text; at: wall ms, 0 = now. */
static char *stamp(struct publisher *publisher, int64_t at, const char *body)
{
    char now[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(at ? at : clock_wall_ms(), now);
    return xasprintf("{\"v\":1,\"ts\":\"%s\",\"boot\":\"%s\",\"seq\":%lld%s%s", now,
                     publisher->boot, (long long)++publisher->seq, body[1] == '}' ? "" : ",",
                     body + 1);
}

static void send_retained(struct publisher *publisher, const char *topic, const char *json)
{
    remember_topic(publisher, topic);
    mqtt_publish_retained(publisher->config.mqtt, topic, MQTT_JSON, json, strlen(json));
}

static void send_entry(struct publisher *publisher, struct entry *entry)
{
    cJSON *document = publisher->build(entry->kind, entry->id, publisher->user);
    CLEANUP(free_p) char *body = document ? json_print(document) : NULL;
    CLEANUP(free_p) char *stamped = NULL;

    entry->dirty = false;
    entry->sent_at_ms = clock_mono_ms();
    json_free(document);
    if (!body || str_equal(body, entry->last_body))
        return;
    stamped = body[0] == '{' ? stamp(publisher, 0, body) : xstrdup(body);
    send_retained(publisher, entry->topic, stamped);
    free(entry->last_body);
    entry->last_body = TAKE(body);
}

static void schedule(struct publisher *publisher)
{
    struct entry *entry;
    int64_t earliest_ms = INT64_MAX;

    LIST_FOR_EACH(&publisher->entries, entry, struct entry, link)
    {
        if (entry->dirty)
            earliest_ms = MIN(earliest_ms, entry->due_at_ms);
    }
    if (earliest_ms < INT64_MAX)
        timer_start(publisher->timer, MAX(earliest_ms - clock_mono_ms(), 0));
}

static void entry_free(struct entry *entry)
{
    list_remove(&entry->link);
    free(entry->id);
    free(entry->topic);
    free(entry->last_body);
    free(entry);
}

void publish_withdraw(struct publisher *publisher, enum topic_kind kind, const char *id)
{
    CLEANUP(free_p) char *topic = topic_of(publisher, kind, id);
    struct topic_note *note = find_note(publisher, topic);
    struct entry *entry;

    LIST_FOR_EACH(&publisher->entries, entry, struct entry, link)
    {
        if (str_equal(entry->topic, topic))
            entry_free(entry);
    }
    if (note)
        clear_note(publisher, note);
}

static void send_due(struct publisher *publisher, int64_t until_ms)
{
    struct entry *entry;

    LIST_FOR_EACH(&publisher->entries, entry, struct entry, link)
    {
        if (entry->dirty && entry->due_at_ms <= until_ms)
            send_entry(publisher, entry);
    }
}

static void on_timer(void *user)
{
    struct publisher *publisher = user;

    send_due(publisher, clock_mono_ms());
    schedule(publisher);
}

void publish_flush(struct publisher *publisher)
{
    send_due(publisher, INT64_MAX);
}

static struct entry *find_entry(struct publisher *publisher, enum topic_kind kind, const char *id)
{
    struct entry *entry;

    LIST_FOR_EACH(&publisher->entries, entry, struct entry, link)
    {
        if (entry->kind == kind && str_equal(entry->id, id))
            return entry;
    }
    entry = xcalloc(1, sizeof(*entry));
    entry->kind = kind;
    replace_str(&entry->id, id);
    entry->topic = topic_of(publisher, kind, id);
    entry->sent_at_ms = INT64_MIN / 2;
    list_append(&publisher->entries, &entry->link);
    return entry;
}

void publish_touch(struct publisher *publisher, enum topic_kind kind, const char *id,
                   int64_t min_gap_ms)
{
    struct entry *entry = find_entry(publisher, kind, id);
    int64_t due_at_ms = MAX(entry->sent_at_ms + min_gap_ms, clock_mono_ms());

    if (entry->dirty && entry->due_at_ms <= due_at_ms)
        return;
    entry->dirty = true;
    entry->due_at_ms = due_at_ms;
    schedule(publisher);
}

void publish_text(struct publisher *publisher, enum topic_kind kind, const char *id,
                  const char *text)
{
    CLEANUP(free_p) char *topic = topic_of(publisher, kind, id);

    remember_topic(publisher, topic);
    mqtt_publish_retained(publisher->config.mqtt, topic, MQTT_TEXT, text, strlen(text));
}

void publish_document(struct publisher *publisher, enum topic_kind kind, const char *id, int64_t at,
                      const cJSON *json)
{
    CLEANUP(free_p) char *topic = topic_of(publisher, kind, id);
    CLEANUP(free_p) char *body = json_print(json);
    CLEANUP(free_p) char *stamped = stamp(publisher, at, body);

    send_retained(publisher, topic, stamped);
}

void publish_config(struct publisher *publisher, const char *topic, const char *json)
{
    remember_topic(publisher, topic);
    mqtt_publish_retained(publisher->config.mqtt, topic, MQTT_CONFIG, json, strlen(json));
}

void publish_picture(struct publisher *publisher, const char *camera, const uint8_t *jpeg,
                     size_t len)
{
    CLEANUP(free_p) char *topic = topic_of(publisher, TOPIC_IMAGE, camera);

    remember_topic(publisher, topic);
    mqtt_publish_retained(publisher->config.mqtt, topic, MQTT_JPEG, jpeg, len);
}

const char *const publish_unit_events[] = {"session_started",  "session_recovered",
                                           "session_paused",   "session_resumed",
                                           "session_finished", "session_discarded",
                                           "session_aborted",  "frame",
                                           "frame_missed",     "video_ready",
                                           "video_failed",     "video_none",
                                           "preview_ready",    NULL};
const char *const publish_agent_events[] = {
    "printer_attention", "unit_made", "unit_gone", "job_queued", "job_started", "job_paused",
    "job_done", "job_failed", "job_cancelled",
    /* of a unit that is gone */
    "video_ready", "video_none", "video_failed", "stopping", NULL};

/* For assert() only. */
__attribute__((unused)) static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && !str_equal(*words, word))
        words++;
    return *words != NULL;
}

void publish_event(struct publisher *publisher, const char *id, const char *type, const cJSON *data)
{
    CLEANUP(free_p) char *topic = topic_of(publisher, id ? TOPIC_UNIT_EVENT : TOPIC_EVENT, id);
    CLEANUP(free_p) char *body = NULL;
    CLEANUP(free_p) char *stamped = NULL;
    bool known = is_one_of(type, id ? publish_unit_events : publish_agent_events);
    cJSON *json = json_object();

    assert(known);
    (void)known;
    json_add_string(json, "event_type", type);
    if (id)
        json_add_string(json, "unit", id);
    for (const cJSON *member = json_first(data); member; member = json_next(member))
        json_add(json, json_key(member), json_copy(member));
    body = json_print(json);
    json_free(json);
    stamped = stamp(publisher, 0, body);
    mqtt_publish_event(publisher->config.mqtt, topic, stamped);
}

/* --- birth and death --- */

static void make_boot(char ret_boot[9])
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_us();
    snprintf(ret_boot, 9, "%08x", random);
}

struct publisher *publisher_new(const struct publisher_config *config, publish_build_fn build,
                                void *user)
{
    struct publisher *publisher = xcalloc(1, sizeof(*publisher));
    struct error err;

    publisher->config = *config;
    publisher->build = build;
    publisher->user = user;
    publisher->timer = timer_new(config->loop, on_timer, publisher);
    list_init(&publisher->entries);
    list_init(&publisher->topics);
    make_boot(publisher->boot);
    if (journal_each_topic(config->journal, add_note, publisher, &err) < 0)
        return publisher; /* then nothing stale can be cleared: no harm to a print */
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    struct entry *entry;
    struct topic_note *note;

    if (!publisher)
        return;
    LIST_FOR_EACH(&publisher->entries, entry, struct entry, link)
    {
        entry_free(entry);
    }
    LIST_FOR_EACH(&publisher->topics, note, struct topic_note, link)
    {
        list_remove(&note->link);
        free(note);
    }
    timer_free(publisher->timer);
    free(publisher);
}
