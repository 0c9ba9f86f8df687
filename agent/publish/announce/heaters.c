/* SPDX-License-Identifier: MIT */
/* heaters: what a printer has, as it says, or as it was announced before when it is off. */
#include "agent/publish/announce/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>
#include <string.h>

/* The heaters of a printer, kept while it is off: that is no reason to remove their entities. */
struct heaters {
    struct list link;
    char *printer;
    struct conf_strings names;
};

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

bool announce_learn_heaters(struct announcer *announcer, const struct printer *printer)
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

const struct conf_strings *announce_heaters_of(struct announcer *announcer,
                                               const struct printer *printer)
{
    struct heaters *heaters;

    (void)announce_learn_heaters(announcer, printer);
    heaters = find_heaters(announcer, printer_id(printer));
    if (heaters->names.count == 0)
        recall_heaters(announcer, heaters);
    return &heaters->names;
}

void announce_forget_heaters(struct announcer *announcer)
{
    struct heaters *heaters;

    LIST_FOR_EACH(&announcer->heaters, heaters, struct heaters, link)
    {
        heaters_free(heaters);
    }
}
