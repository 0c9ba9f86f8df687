/* SPDX-License-Identifier: MIT */
#include "agent/ctl/print.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/table.h"
#include "agent/ctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(const cJSON *json)
{
    return !json_is_null(json) && !json_is_array(json) && !json_is_object(json);
}

static char *value_text(const cJSON *value);

/* "a, b": of a list of plain values; NULL: it is another list. */
static char *list_text(const cJSON *list)
{
    char *text = xstrdup("");

    for (const cJSON *item = json_first(list); item; item = json_next(item)) {
        CLEANUP(free_p) char *value = is_plain(item) ? value_text(item) : NULL;
        char *longer = value ? xasprintf("%s%s%s", text, text[0] ? ", " : "", value) : NULL;

        free(text);
        text = longer;
        if (!text)
            return NULL;
    }
    return text;
}

/* The caller frees. */
static char *value_text(const cJSON *value)
{
    CLEANUP(free_p)
    char *printed = json_is_string(value) ? xstrdup(json_string(value)) : json_print(value);

    return ctl_text_clean(printed);
}

/* The stamp that is on every document says nothing to a person. */
static bool is_stamp(const cJSON *member)
{
    static const char *const stamps[] = {"v", "ts", "boot", "seq", "event_type"};

    for (size_t i = 0; i < ARRAY_LEN(stamps); i++)
        if (str_equal(json_key(member), stamps[i]))
            return true;
    return false;
}

char *ctl_members_text(const cJSON *object)
{
    char *text = NULL;

    for (const cJSON *member = json_first(object); member; member = json_next(member)) {
        CLEANUP(free_p) char *key = ctl_text_clean(json_key(member));
        CLEANUP(free_p) char *value = NULL;
        char *longer;

        if (!is_plain(member) || is_stamp(member))
            continue;
        value = value_text(member);
        longer = xasprintf("%s%s%s %s", text ? text : "", text ? ", " : "", key, value);
        free(text);
        text = longer;
    }
    return text;
}

void ctl_print_members(const cJSON *object)
{
    CLEANUP(free_p) char *text = ctl_members_text(object);

    if (text)
        printf("  %s\n", text);
}

static void print_lines(const char *text)
{
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        CLEANUP(free_p) char *line = xstrndup(text, len);
        CLEANUP(free_p) char *clean = ctl_text_clean(line);

        puts(clean);
        text += len + (text[len] == '\n');
    }
}

static bool is_of_program(const cJSON *result)
{
    return json_is_string(json_get(result, "output"));
}

void ctl_print_output(const cJSON *result)
{
    if (!is_of_program(result))
        return;
    print_lines(json_get_string(result, "output"));
    print_lines(json_get_string(result, "error"));
}

void ctl_print_result(const cJSON *result)
{
    if (!is_of_program(result))
        ctl_print_members(result);
    for (const cJSON *member = json_first(result); member; member = json_next(member))
        if (json_is_array(member))
            for (const cJSON *item = json_first(member); item; item = json_next(item))
                ctl_print_members(item);
}

/* --- a list --- */

static void add_cell(struct ctl_table *table, const cJSON *value)
{
    char *text = json_is_array(value) ? list_text(value) : NULL;

    if (!text)
        text = value && !json_is_null(value) ? value_text(value) : xstrdup("-");

    ctl_table_cell(table, text, ctl_colour_of_state(text));
}

static bool is_column(const cJSON *member)
{
    return !json_is_array(member) && !json_is_object(member);
}

/* The first item says which columns there are. */
static void add_titles(struct ctl_table *table, const cJSON *item)
{
    size_t columns = 0;

    ctl_table_row(table);
    for (const cJSON *member = json_first(item); member; member = json_next(member))
        if (is_column(member) && columns++ < CTL_TABLE_COLUMNS)
            ctl_table_cell(table, ctl_text_clean(json_key(member)), CTL_BOLD);
}

static void add_row(struct ctl_table *table, const cJSON *titles, const cJSON *item)
{
    size_t columns = 0;

    ctl_table_row(table);
    for (const cJSON *title = json_first(titles); title; title = json_next(title)) {
        const cJSON *value = json_first(item);

        if (!is_column(title) || columns++ >= CTL_TABLE_COLUMNS)
            continue;
        while (value && !str_equal(json_key(value), json_key(title)))
            value = json_next(value);
        add_cell(table, value);
    }
}

static void print_list(const cJSON *list, bool colours)
{
    const cJSON *first = json_first(list);
    struct ctl_table *table;

    if (!json_is_object(first)) {
        for (const cJSON *item = first; item; item = json_next(item)) {
            CLEANUP(free_p) char *text = value_text(item);

            puts(text);
        }
        return;
    }
    table = ctl_table_new();
    add_titles(table, first);
    for (const cJSON *item = first; item; item = json_next(item))
        add_row(table, first, item);
    ctl_table_print(table, colours, stdout);
    ctl_table_free(table);
}

/* --- an object --- */

enum { PATH_DEPTH_MAX = 4 };

/* "printer.state  printing": members of members, down to what is plain. */
static void add_lines(struct ctl_table *table, const char *path, const cJSON *object, int depth)
{
    for (const cJSON *member = json_first(object); member; member = json_next(member)) {
        CLEANUP(free_p) char *key = ctl_text_clean(json_key(member));
        CLEANUP(free_p) char *name = xasprintf("%s%s%s", path, path[0] ? "." : "", key);

        if (json_is_object(member) && depth < PATH_DEPTH_MAX) {
            add_lines(table, name, member, depth + 1);
            continue;
        }
        if (json_is_object(json_first(member))) /* a table of its own, below */
            continue;
        ctl_table_row(table);
        ctl_table_cell(table, TAKE(name), CTL_BOLD);
        add_cell(table, member);
    }
}

void ctl_print_document(const cJSON *result, bool colours)
{
    const cJSON *items = json_get(result, "items");
    struct ctl_table *table;

    if (json_is_array(items) || json_is_array(result)) {
        print_list(items ? items : result, colours);
        return;
    }
    table = ctl_table_new();
    add_lines(table, "", result, 0);
    ctl_table_print(table, colours, stdout);
    ctl_table_free(table);
    for (const cJSON *member = json_first(result); member; member = json_next(member))
        if (json_is_array(member) && json_is_object(json_first(member))) {
            CLEANUP(free_p) char *key = ctl_text_clean(json_key(member));

            printf("\n%s%s%s\n", ctl_colour_on(CTL_BOLD, colours), key,
                   ctl_colour_off(CTL_BOLD, colours));
            print_list(member, colours);
        }
}
