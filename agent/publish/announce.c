/* SPDX-License-Identifier: MIT */
/* announce: one round, settle(), compares what should stand at the broker with what does.
 *
 * Home Assistant loses components of a document that comes while it still works on the one before,
 * and refuses an entity whose old place was not cleared yet. So a round waits until nothing has
 * changed for delay_s, and does one thing: it clears, or it publishes; what is left over waits for
 * the next. Of a device whose components are fewer now, the first round publishes the removals and
 * the second the plain document.
 *
 * A document that somebody clears (Home Assistant does when a person deletes the device) is not
 * published again until Home Assistant or we start anew. */
#include "agent/publish/announce/inside.h"

#include "agent/base/clock.h"
#include "agent/base/hash.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    COPIES_MAX = 4096,
    BURST_MESSAGES = 1024, /* a document for each entity */
    BIRTH_MIN_MS = 1000,   /* after its birth Home Assistant is busy, and asked by everybody */
    BIRTH_MAX_MS = 10000,
};

static const struct json_limits limits = {.max_bytes = 64 * 1024, .max_depth = 8};

static uint64_t hash_of(const void *data, size_t len)
{
    return hash_bytes(HASH_INIT, data, len);
}

static bool is_off(const struct announcer *announcer)
{
    return announcer->settings->mode == DISCOVERY_OFF;
}

/* --- what the broker has --- */

struct copy *announce_find_copy(const struct announcer *announcer, const char *topic)
{
    struct copy *copy;

    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        if (strcmp(copy->topic, topic) == 0)
            return copy;
    }
    return NULL;
}

static void copy_free(struct announcer *announcer, struct copy *copy)
{
    list_remove(&copy->link);
    announcer->copy_count--;
    json_free(copy->components);
    free(copy);
}

/* NULL: there are too many. */
static struct copy *add_copy(struct announcer *announcer, const char *topic)
{
    size_t size = strlen(topic) + 1;
    struct copy *copy;

    if (announcer->copy_count == COPIES_MAX)
        return NULL;
    copy = xcalloc(1, sizeof(*copy) + size);
    memcpy(copy->topic, topic, size);
    list_append(&announcer->copies, &copy->link);
    announcer->copy_count++;
    return copy;
}

static void note_copy(struct announcer *announcer, const char *topic, const void *payload,
                      size_t len)
{
    struct copy *copy = announce_find_copy(announcer, topic);
    uint64_t hash = hash_of(payload, len);
    cJSON *document = NULL;
    struct error err;

    if (copy && copy->present && copy->hash == hash)
        return;
    if (!copy && !(copy = add_copy(announcer, topic)))
        return;
    copy->present = true;
    copy->hash = hash;
    json_free(TAKE(copy->components));
    if (json_parse(payload, len, &limits, &document, &err) < 0)
        return;
    copy->components = discovery_components(document);
    json_free(document);
}

static void forget_copies(struct announcer *announcer)
{
    struct copy *copy;

    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        copy->present = false;
    }
}

/* --- a round --- */

static bool is_wanted(const char *topic, void *user)
{
    const struct round *round = user;

    return !announce_keeps(round->announcer, topic) || announce_find_paper(round, topic);
}

/* What is there of an earlier configuration, form or life. */
static size_t clear_stale(struct round *round)
{
    struct announcer *announcer = round->announcer;
    struct copy *copy;
    size_t count = publish_clear_stale(announcer->config.publisher, is_wanted, round);

    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        if (announce_find_paper(round, copy->topic))
            continue;
        if (copy->present) {
            mqtt_forget_retained(announcer->config.mqtt, copy->topic);
            count++;
        }
        copy_free(announcer, copy);
    }
    return count;
}

static void publish_missing(struct round *round, const struct paper *paper)
{
    struct announcer *announcer = round->announcer;
    const struct copy *copy = announce_find_copy(announcer, paper->topic);
    const char *text = paper->removing ? paper->removing : paper->text;

    if (copy && copy->present && copy->hash == hash_of(paper->text, strlen(paper->text)))
        return;
    publish_config(announcer->config.publisher, paper->topic, text);
    note_copy(announcer, paper->topic, text, strlen(text));
    round->again |= paper->removing != NULL;
}

static void wait_until_settled(struct announcer *announcer)
{
    if (!is_off(announcer) && !announcer->stopped)
        timer_start(announcer->settle, announcer->settings->delay_s * 1000);
}

static void settle(void *user)
{
    struct announcer *announcer = user;
    struct round round = {.announcer = announcer};
    struct paper *paper;
    struct mqtt_link link;
    size_t cleared;

    mqtt_client_link(announcer->config.mqtt, &link);
    if (!link.up)
        return; /* what the broker has is unknown; the next link asks for a round */
    announce_list_papers(&round);
    cleared = clear_stale(&round);
    round.again = cleared > 0;
    LIST_FOR_EACH(&round.papers, paper, struct paper, link)
    {
        if (cleared == 0)
            publish_missing(&round, paper);
        announce_paper_free(paper);
    }
    if (round.again)
        wait_until_settled(announcer);
}

/* --- what happens --- */

void announce_changed(struct announcer *announcer)
{
    wait_until_settled(announcer);
}

void announce_printer(struct announcer *announcer, const struct printer *printer)
{
    if (!is_off(announcer) && announce_learn_heaters(announcer, printer))
        wait_until_settled(announcer);
}

void announce_on_down(struct announcer *announcer)
{
    forget_copies(announcer);
    timer_stop(announcer->settle);
    timer_stop(announcer->birth);
}

bool announce_keeps(const struct announcer *announcer, const char *topic)
{
    struct discovery_place place;

    return !is_off(announcer) && discovery_parse_topic(&announcer->home, topic, &place) == 0;
}

static void subscribe_copies(struct announcer *announcer)
{
    CLEANUP(free_p)
    char *filter =
        discovery_filter(&announcer->home, (enum discovery_form)announcer->settings->mode);

    mqtt_unsubscribe(announcer->config.mqtt, filter);
    mqtt_subscribe(announcer->config.mqtt, filter, true);
}

/* Home Assistant reads what is retained by itself; that the broker still has all of it is looked
 * at, for which it is asked for its copies anew. */
static void on_birth(void *user)
{
    struct announcer *announcer = user;

    forget_copies(announcer);
    subscribe_copies(announcer);
    wait_until_settled(announcer);
}

static void note_birth(struct announcer *announcer, const struct mqtt_message *message)
{
    static const char online[] = "online";
    uint32_t random = 0;

    if (message->retained || message->len != strlen(online) ||
        memcmp(message->payload, online, message->len) != 0)
        return;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_us();
    timer_start(announcer->birth, BIRTH_MIN_MS + random % (BIRTH_MAX_MS - BIRTH_MIN_MS + 1));
}

bool announce_on_message(struct announcer *announcer, const struct mqtt_message *message)
{
    if (is_off(announcer))
        return false;
    if (str_equal(message->topic, announcer->settings->birth_topic)) {
        note_birth(announcer, message);
        return true;
    }
    if (!announce_keeps(announcer, message->topic))
        return false;
    if (message->len > 0)
        note_copy(announcer, message->topic, message->payload, message->len);
    return true;
}

/* --- birth and death --- */

size_t announce_burst(const struct discovery_settings *settings)
{
    return settings->mode == DISCOVERY_COMPONENT ? BURST_MESSAGES : 0;
}

struct announcer *announcer_new(const struct announcer_config *config)
{
    struct announcer *announcer = xcalloc(1, sizeof(*announcer));

    announcer->config = *config;
    announcer->settings = &config->config->discovery;
    announcer->home = (struct discovery_home){
        .prefix = announcer->settings->prefix,
        .topics = config->config->mqtt.prefix,
        .agent = config->config->agent.id,
        .version = LAPSED_VERSION,
    };
    list_init(&announcer->copies);
    list_init(&announcer->heaters);
    for (int state = 0; state < SESSION_STATE_COUNT; state++)
        announcer->unit_states[state] = session_state_name((enum session_state)state);
    for (int state = 0; state <= PRINTER_ERROR; state++)
        announcer->printer_states[state] = printer_state_name((enum printer_state)state);
    announcer->settle = timer_new(config->loop, settle, announcer);
    announcer->birth = timer_new(config->loop, on_birth, announcer);
    if (!is_off(announcer)) {
        mqtt_subscribe(config->mqtt, announcer->settings->birth_topic, false);
        subscribe_copies(announcer);
    }
    return announcer;
}

void announcer_stop(struct announcer *announcer)
{
    announcer->stopped = true;
    timer_stop(announcer->settle);
}

void announcer_free(struct announcer *announcer)
{
    struct copy *copy;

    if (!announcer)
        return;
    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        copy_free(announcer, copy);
    }
    announce_forget_heaters(announcer);
    timer_free(announcer->settle);
    timer_free(announcer->birth);
    free(announcer);
}
