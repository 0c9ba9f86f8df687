/* SPDX-License-Identifier: MIT */
#include "agent/reload.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reload {
    struct config *old;
    const struct config *fresh;
    struct units *units;
    cJSON *changed, *needs_restart; /* arrays */
};

static void note(cJSON *list, const char *place, const char *key)
{
    CLEANUP(free_p) char *path = xasprintf("%s%s%s", place, key ? "." : "", key ? key : "");

    json_add_string(list, NULL, path);
}

/* Notes each field that differs: under applied when it may change at run time. */
static void compare(const struct reload *reload, const struct conf_table *table, const char *place,
                    const void *old, const void *fresh, cJSON *applied)
{
    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *field = &table->fields[i];
        bool now = applied && (field->flags & CONF_RELOAD);

        if (!conf_field_equal(field, old, fresh))
            note(now ? applied : reload->needs_restart, place, field->key);
    }
}

/* --- lists --- */

struct items { /* of a list of settings */
    const struct conf_table *table;
    const void *values;
    size_t count, size, id_offset;
};

static const void *item_at(const struct items *items, size_t index)
{
    return (const char *)items->values + index * items->size;
}

static const char *item_id(const struct items *items, size_t index)
{
    const char *place = (const char *)item_at(items, index) + items->id_offset;

    return *(char *const *)(const void *)place;
}

static const void *find_item(const struct items *items, const char *id)
{
    for (size_t i = 0; i < items->count; i++)
        if (str_equal(item_id(items, i), id))
            return item_at(items, i);
    return NULL;
}

static void compare_items(const struct reload *reload, const struct items *old,
                          const struct items *fresh, cJSON *applied)
{
    for (size_t i = 0; i < fresh->count; i++) {
        const void *before = find_item(old, item_id(fresh, i));
        CLEANUP(free_p)
        char *place =
            xasprintf("%s.%s%s", fresh->table->name, item_id(fresh, i), before ? "" : " (added)");

        if (before)
            compare(reload, fresh->table, place, before, item_at(fresh, i), applied);
        else
            note(reload->needs_restart, place, NULL);
    }
    for (size_t i = 0; i < old->count; i++) {
        CLEANUP(free_p)
        char *place = xasprintf("%s.%s (removed)", old->table->name, item_id(old, i));

        if (!find_item(fresh, item_id(old, i)))
            note(reload->needs_restart, place, NULL);
    }
}

static struct items printers_of(const struct config *config)
{
    return (struct items){&printer_table, config->printers, config->printer_count,
                          sizeof(*config->printers), offsetof(struct printer_settings, id)};
}

static struct items cameras_of(const struct config *config)
{
    return (struct items){&camera_table, config->cameras, config->camera_count,
                          sizeof(*config->cameras), offsetof(struct camera_settings, id)};
}

static struct items units_of(const struct config *config)
{
    return (struct items){&config->unit_table, config->units, config->unit_count,
                          sizeof(*config->units), offsetof(struct unit_settings, id)};
}

/* --- all of it --- */

static void compare_all(const struct reload *reload)
{
    const struct config *old = reload->old, *fresh = reload->fresh;
    struct items before = printers_of(old), after = printers_of(fresh);

    compare(reload, &agent_table, "agent", &old->agent, &fresh->agent, reload->changed);
    compare(reload, &mqtt_table, "mqtt", &old->mqtt, &fresh->mqtt, NULL);
    compare(reload, &discovery_table, "home_assistant", &old->discovery, &fresh->discovery, NULL);
    compare(reload, &encode_table, "encode", &old->encode, &fresh->encode, NULL);
    compare_items(reload, &before, &after, NULL);
    before = cameras_of(old);
    after = cameras_of(fresh);
    compare_items(reload, &before, &after, reload->changed);
    before = units_of(old);
    after = units_of(fresh);
    compare_items(reload, &before, &after, reload->changed);
}

/* Cameras look at these settings whenever they need them. */
static void apply_cameras(const struct reload *reload)
{
    for (size_t i = 0; i < reload->old->camera_count; i++) {
        struct camera_settings *settings = &reload->old->cameras[i];
        const struct items fresh = cameras_of(reload->fresh);
        const void *after = find_item(&fresh, settings->id);

        for (size_t k = 0; after && k < camera_table.field_count; k++)
            if (camera_table.fields[k].flags & CONF_RELOAD)
                conf_field_copy(&camera_table.fields[k], settings, after);
    }
}

/* A unit may refuse what only together with a setting that waits for the restart makes sense. */
static int apply_units(const struct reload *reload, struct error *err)
{
    for (size_t i = 0; i < reload->fresh->unit_count; i++) {
        const struct unit_settings *settings = &reload->fresh->units[i];
        struct unit *unit = units_find(reload->units, settings->id);

        if (unit && unit_reload(unit, settings, err) < 0)
            return error_prefix(err, "unit '%s' can change only with a restart", settings->id);
    }
    return 0;
}

static void apply_log_level(const struct reload *reload)
{
    int level = reload->fresh->agent.log_level;

    if (level == reload->old->agent.log_level)
        return;
    reload->old->agent.log_level = level;
    log_set_level((enum log_level)level);
}

static enum ack_code refuse(const char *file, const char *problems, cJSON *result,
                            struct error *err)
{
    cJSON *list = json_add_array(result, "problems");
    size_t count = 0;

    while (*problems) {
        size_t len = strcspn(problems, "\n");
        CLEANUP(free_p) char *line = xstrndup(problems, len);

        json_add_string(list, NULL, line);
        problems += len + (problems[len] != '\0');
        count++;
    }
    error_set(err, -EINVAL, "%s has %zu problem%s, nothing was changed: %s", file, count,
              count == 1 ? "" : "s",
              json_string(json_first(list)) ? json_string(json_first(list)) : "");
    return ACK_BAD_PARAMS;
}

enum ack_code reload_config(struct config *config, struct units *units, cJSON *result,
                            struct error *err)
{
    char *problems = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&problems, &len);
    struct config *fresh;
    struct reload reload;
    enum ack_code code = ACK_OK;

    if (!stream) {
        error_set(err, -errno, "cannot read the configuration: %s", strerrordesc_np(errno));
        return ACK_INTERNAL;
    }
    fresh = config_load(config->file, stream);
    fclose(stream);
    if (fresh) {
        reload = (struct reload){.old = config,
                                 .fresh = fresh,
                                 .units = units,
                                 .changed = json_add_array(result, "changed"),
                                 .needs_restart = json_add_array(result, "needs_restart")};
        compare_all(&reload);
        apply_log_level(&reload);
        apply_cameras(&reload);
        if (apply_units(&reload, err) < 0)
            code = ACK_WRONG_STATE;
    } else {
        code = refuse(config->file, problems, result, err);
    }
    config_free(fresh);
    free(problems);
    return code;
}
