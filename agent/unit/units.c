/* SPDX-License-Identifier: MIT */
#include "agent/unit/units.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>

struct units {
    struct unit **items;
    size_t count;
};

struct units *units_new(void)
{
    return xcalloc(1, sizeof(struct units));
}

void units_clear(struct units *units)
{
    while (units->count > 0)
        unit_free(units->items[--units->count]);
}

void units_free(struct units *units)
{
    if (!units)
        return;
    units_clear(units);
    free(units->items);
    free(units);
}

void units_add(struct units *units, struct unit *unit)
{
    units->items = xrealloc(units->items, (units->count + 1) * sizeof(struct unit *));
    units->items[units->count++] = unit;
}

void units_remove(struct units *units, struct unit *unit)
{
    size_t at = 0;

    while (units->items[at] != unit)
        at++;
    for (units->count--; at < units->count; at++)
        units->items[at] = units->items[at + 1];
    unit_free(unit);
}

size_t units_count(const struct units *units)
{
    return units->count;
}

struct unit *units_at(const struct units *units, size_t index)
{
    return units->items[index];
}

struct unit *units_find(const struct units *units, const char *id)
{
    for (size_t i = 0; i < units->count; i++)
        if (str_equal(unit_id(units->items[i]), id))
            return units->items[i];
    return NULL;
}
