/* SPDX-License-Identifier: MIT */
/* papers: every document that should stand at the broker now. */
#include "agent/publish/announce/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { TRIGGER_SETS_MAX = 1 << 5 };

struct paper *announce_find_paper(const struct round *round, const char *topic)
{
    struct paper *paper;

    LIST_FOR_EACH(&round->papers, paper, struct paper, link)
    {
        if (strcmp(paper->topic, topic) == 0)
            return paper;
    }
    return NULL;
}

void announce_paper_free(struct paper *paper)
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
    const struct copy *copy = announce_find_copy(round->announcer, topic);
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
                              .each = announce_heaters_of(announcer, printer),
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
void announce_list_papers(struct round *round)
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
