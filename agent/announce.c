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
#include "agent/announce.h"

#include "agent/base/clock.h"
#include "agent/base/hash.h"
#include "agent/base/list.h"
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
    TRIGGER_SETS_MAX = 1 << 5,
};

/* A document as the broker has it. */
struct copy {
    struct list link;
    bool present; /* seen on this connection */
    uint64_t hash;
    cJSON *components; /* NULL: none known */
    char topic[];
};

/* The heaters of a printer, kept while it is off: that is no reason to remove their entities. */
struct heaters {
    struct list link;
    char *printer;
    struct conf_strings names;
};

struct announcer {
    struct announcer_config config;
    const struct discovery_settings *settings;
    struct discovery_home home;
    struct list copies;
    size_t copy_count;
    struct list heaters;
    struct timer *settle;
    struct timer *birth;
    bool stopped;
    const char *unit_states[SESSION_STATE_COUNT + 1];
    const char *printer_states[PRINTER_ERROR + 2];
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

static struct copy *find_copy(const struct announcer *announcer, const char *topic)
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
    struct copy *copy = find_copy(announcer, topic);
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

/* --- heaters --- */

static struct heaters *find_heaters(struct announcer *announcer, const char *printer)
{
    struct heaters *heaters;

    LIST_FOR_EACH(&announcer->heaters, heaters, struct heaters, link)
    {
        if (strcmp(heaters->printer, printer) == 0)
            return heaters;
    }
    heaters = xcalloc(1, sizeof(*heaters));
    heaters->printer = xstrdup(printer);
    list_append(&announcer->heaters, &heaters->link);
    return heaters;
}

static void clear_names(struct heaters *heaters)
{
    for (size_t i = 0; i < heaters->names.count; i++)
        free(heaters->names.items[i]);
    free(heaters->names.items);
    heaters->names = (struct conf_strings){0};
}

static void add_name(struct heaters *heaters, const char *name)
{
    struct conf_strings *names = &heaters->names;

    names->items = xrealloc(names->items, (names->count + 1) * sizeof(char *));
    names->items[names->count++] = xstrdup(name);
}

static void heaters_free(struct heaters *heaters)
{
    list_remove(&heaters->link);
    clear_names(heaters);
    free(heaters->printer);
    free(heaters);
}

static bool same_heaters(const struct heaters *heaters, const struct printer_view *view)
{
    if (heaters->names.count != view->heater_count)
        return false;
    for (size_t i = 0; i < view->heater_count; i++)
        if (!str_equal(heaters->names.items[i], view->heaters[i].name))
            return false;
    return true;
}

/* False: they are the same, or the printer has not told them. */
static bool learn_heaters(struct announcer *announcer, const struct printer *printer)
{
    const struct printer_view *view = printer_get_view(printer);
    struct heaters *heaters = find_heaters(announcer, printer_id(printer));

    if (view->heater_count == 0 || same_heaters(heaters, view))
        return false;
    clear_names(heaters);
    for (size_t i = 0; i < view->heater_count; i++)
        add_name(heaters, view->heaters[i].name);
    return true;
}

static void recall_component(struct heaters *heaters, const char *component)
{
    const char *name = discovery_heater_of(component);

    if (name && heaters->names.count < PRINTER_HEATERS_MAX)
        add_name(heaters, name);
}

/* A printer that was off since our start: as it was announced before. */
static void recall_heaters(struct announcer *announcer, struct heaters *heaters)
{
    struct discovery_place place;
    struct copy *copy;

    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        if (discovery_parse_topic(&announcer->home, copy->topic, &place) < 0 ||
            place.kind != DISCOVERY_OF_PRINTER || !str_equal(place.id, heaters->printer))
            continue;
        recall_component(heaters, place.component);
        for (const cJSON *at = json_first(copy->components); at; at = json_next(at))
            recall_component(heaters, json_key(at));
    }
}

static const struct conf_strings *heaters_of(struct announcer *announcer,
                                             const struct printer *printer)
{
    struct heaters *heaters;

    (void)learn_heaters(announcer, printer);
    heaters = find_heaters(announcer, printer_id(printer));
    if (heaters->names.count == 0)
        recall_heaters(announcer, heaters);
    return &heaters->names;
}

/* --- what should be there --- */

struct paper {
    struct list link;
    char *text;
    char *removing; /* the same with removals; NULL: nothing is to be removed */
    char topic[];
};

struct round {
    struct announcer *announcer;
    struct list papers;
    bool again; /* something is left over for the next */
};

static struct paper *find_paper(const struct round *round, const char *topic)
{
    struct paper *paper;

    LIST_FOR_EACH(&round->papers, paper, struct paper, link)
    {
        if (strcmp(paper->topic, topic) == 0)
            return paper;
    }
    return NULL;
}

static void paper_free(struct paper *paper)
{
    list_remove(&paper->link);
    free(paper->text);
    free(paper->removing);
    free(paper);
}

static struct paper *add_paper(struct round *round, const char *topic, const cJSON *document)
{
    size_t size = strlen(topic) + 1;
    struct paper *paper = xcalloc(1, sizeof(*paper) + size);

    memcpy(paper->topic, topic, size);
    paper->text = json_print(document);
    list_append(&round->papers, &paper->link);
    return paper;
}

static void take_component(const char *topic, const cJSON *document, void *user)
{
    (void)add_paper(user, topic, document);
}

static void add_device_form(struct round *round, const struct discovery_device *device)
{
    const struct discovery_home *home = &round->announcer->home;
    CLEANUP(free_p) char *topic = discovery_topic(home, device);
    CLEANUP(json_free_p) cJSON *document = discovery_document(home, device, NULL);
    struct paper *paper = add_paper(round, topic, document);
    const struct copy *copy = find_copy(round->announcer, topic);
    CLEANUP(json_free_p) cJSON *removing = NULL;

    if (!copy || !copy->components)
        return;
    removing = discovery_document(home, device, copy->components);
    paper->removing = json_print(removing);
    if (str_equal(paper->removing, paper->text))
        free(TAKE(paper->removing));
}

static void add_device(struct round *round, const struct discovery_device *device)
{
    if (round->announcer->settings->mode == DISCOVERY_DEVICE)
        add_device_form(round, device);
    else
        discovery_write(&round->announcer->home, device, DISCOVERY_COMPONENT, take_component,
                        round);
}

static void add_printers(struct round *round)
{
    struct announcer *announcer = round->announcer;
    const struct devices *devices = announcer->config.devices;

    for (size_t i = 0; i < devices_printer_count(devices); i++) {
        const struct printer *printer = devices_printer(devices, i);

        add_device(round, &(struct discovery_device){
                              .kind = DISCOVERY_OF_PRINTER,
                              .id = printer_id(printer),
                              .model = printer_kind(printer),
                              .each = heaters_of(announcer, printer),
                              .states = announcer->printer_states,
                          });
    }
}

static void add_cameras(struct round *round)
{
    const struct devices *devices = round->announcer->config.devices;

    for (size_t i = 0; i < devices_camera_count(devices); i++) {
        const struct camera *camera = devices_camera(devices, i);

        add_device(round, &(struct discovery_device){.kind = DISCOVERY_OF_CAMERA,
                                                     .id = camera_id(camera),
                                                     .model = camera_kind(camera)});
    }
}

/* The triggers that a unit can have together, as the select shows them: "layer,interval". */
struct trigger_sets {
    char *items[TRIGGER_SETS_MAX];
    size_t count;
};

static char *trigger_words(unsigned set)
{
    char *text = NULL;

    for (unsigned i = 0; unit_triggers[i]; i++) {
        char *longer;

        if (!(set & 1u << i))
            continue;
        longer = xasprintf("%s%s%s", text ? text : "", text ? "," : "", unit_triggers[i]);
        free(text);
        text = longer;
    }
    return text;
}

static void list_triggers(const struct unit_settings *settings, struct trigger_sets *ret_sets)
{
    unsigned possible = UNIT_TRIGGER_INTERVAL;

    if (settings->printer)
        possible |= UNIT_TRIGGER_LAYER | UNIT_TRIGGER_PAUSE;
    if (settings->trigger_topic)
        possible |= UNIT_TRIGGER_MQTT;
    *ret_sets = (struct trigger_sets){0};
    for (unsigned set = 1; set < UNIT_TRIGGER_COMMAND; set++)
        if ((set & ~possible) == 0)
            ret_sets->items[ret_sets->count++] = trigger_words(set);
    ret_sets->items[ret_sets->count++] = trigger_words(UNIT_TRIGGER_COMMAND);
}

static void add_unit(struct round *round, const struct unit *unit)
{
    const struct announcer *announcer = round->announcer;
    const struct unit_settings *settings = unit_get_settings(unit);
    struct trigger_sets sets;

    list_triggers(settings, &sets);
    add_device(round, &(struct discovery_device){
                          .kind = DISCOVERY_OF_UNIT,
                          .id = unit_id(unit),
                          .has_printer = unit_printer(unit) != NULL,
                          .each = &settings->cameras,
                          .states = announcer->unit_states,
                          .events = publish_unit_events,
                          .triggers = (const char *const *)sets.items,
                          .settings = &announcer->config.config->unit_table,
                      });
    for (size_t i = 0; i < sets.count; i++)
        free(sets.items[i]);
}

/* The agent first: the others name it as the device that they hang on. */
static void list_papers(struct round *round)
{
    const struct units *units = round->announcer->config.units;

    list_init(&round->papers);
    add_device(round, &(struct discovery_device){.kind = DISCOVERY_OF_AGENT,
                                                 .events = publish_agent_events});
    add_printers(round);
    add_cameras(round);
    for (size_t i = 0; i < units_count(units); i++)
        add_unit(round, units_at(units, i));
}

/* --- a round --- */

static bool is_wanted(const char *topic, void *user)
{
    const struct round *round = user;

    return !announce_keeps(round->announcer, topic) || find_paper(round, topic);
}

/* What is there of an earlier configuration, form or life. */
static size_t clear_stale(struct round *round)
{
    struct announcer *announcer = round->announcer;
    struct copy *copy;
    size_t count = publish_clear_stale(announcer->config.publisher, is_wanted, round);

    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        if (find_paper(round, copy->topic))
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
    const struct copy *copy = find_copy(announcer, paper->topic);
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
    list_papers(&round);
    cleared = clear_stale(&round);
    round.again = cleared > 0;
    LIST_FOR_EACH(&round.papers, paper, struct paper, link)
    {
        if (cleared == 0)
            publish_missing(&round, paper);
        paper_free(paper);
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
    if (!is_off(announcer) && learn_heaters(announcer, printer))
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
    struct heaters *heaters;

    if (!announcer)
        return;
    LIST_FOR_EACH(&announcer->copies, copy, struct copy, link)
    {
        copy_free(announcer, copy);
    }
    LIST_FOR_EACH(&announcer->heaters, heaters, struct heaters, link)
    {
        heaters_free(heaters);
    }
    timer_free(announcer->settle);
    timer_free(announcer->birth);
    free(announcer);
}
