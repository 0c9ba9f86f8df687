/* SPDX-License-Identifier: MIT */
/* model_query: rr_model's key and flags. The path is walked over the marked tree, then what it
 * leads to is copied without the fields that the flags leave out. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/sim/object_model.h"
#include "tests/sim/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 2600, KEY_MAX = 128, DEPTH_ALL = 99 };

struct query {
    bool live, nulls, verbose;
    int depth;
    int first; /* of an array */
};

static struct query parse_flags(const char *flags, bool has_key)
{
    struct query query = {.depth = has_key ? DEPTH_ALL : 1};

    while (*flags) {
        char letter = *flags++;
        int64_t number;
        const char *end = scan_int(flags, &number);

        query.live |= letter == 'f';
        query.nulls |= letter == 'n';
        query.verbose |= letter == 'v';
        if (!end)
            continue;
        if (letter == 'd')
            query.depth = (int)MIN(number, DEPTH_ALL);
        if (letter == 'a')
            query.first = (int)MIN(number, 10000);
        flags = end;
    }
    return query;
}

/* --- copying --- */

static cJSON *copy(const cJSON *node, const struct query *query, int depth);

static const char *bare_key(const char *key)
{
    return key + (key[0] == MODEL_LIVE || key[0] == MODEL_VERBOSE);
}

static bool is_wanted(const cJSON *member, const struct query *query)
{
    char mark = json_key(member)[0];

    if (json_is_null(member) && !query->nulls)
        return false;
    if (query->live)
        return mark == MODEL_LIVE;
    return mark != MODEL_VERBOSE || query->verbose;
}

static cJSON *copy_object(const cJSON *node, const struct query *query, int depth)
{
    cJSON *object = json_object();

    if (depth == 0)
        return object;
    for (const cJSON *member = json_first(node); member; member = json_next(member)) {
        if (is_wanted(member, query))
            json_add(object, bare_key(json_key(member)), copy(member, query, depth - 1));
    }
    return object;
}

static cJSON *copy_array(const cJSON *node, const struct query *query, int depth)
{
    cJSON *array = json_array();

    for (const cJSON *element = json_first(node); element; element = json_next(element))
        json_add(array, NULL, copy(element, query, depth));
    return array;
}

static cJSON *copy(const cJSON *node, const struct query *query, int depth)
{
    if (json_is_object(node))
        return copy_object(node, query, depth);
    if (json_is_array(node))
        return copy_array(node, query, depth);
    return json_copy(node);
}

/* --- walking --- */

static const cJSON *find_member(const cJSON *object, const char *name)
{
    if (!json_is_object(object))
        return NULL;
    for (const cJSON *member = json_first(object); member; member = json_next(member)) {
        if (str_equal(bare_key(json_key(member)), name))
            return member;
    }
    return NULL;
}

static const cJSON *find_element(const cJSON *array, int64_t index)
{
    const cJSON *element = json_is_array(array) ? json_first(array) : NULL;

    while (element && index-- > 0)
        element = json_next(element);
    return element;
}

static cJSON *walk(const cJSON *node, const char *path, const struct query *query);

static cJSON *walk_all(const cJSON *array, const char *path, const struct query *query)
{
    cJSON *results = json_array();

    for (const cJSON *element = json_first(array); element; element = json_next(element)) {
        cJSON *result = walk(element, path, query);

        if (result)
            json_add(results, NULL, result);
        else
            json_add_null(results, NULL);
    }
    return results;
}

static cJSON *walk_index(const cJSON *node, const char *path, const struct query *query)
{
    const char *end;
    int64_t index;

    if (path[0] == ']')
        return json_is_array(node) ? walk_all(node, path + 1, query) : NULL;
    end = scan_int(path, &index);
    if (!end || *end != ']')
        return NULL;
    return walk(find_element(node, index), end + 1, query);
}

/* NULL: it leads nowhere. */
static cJSON *walk(const cJSON *node, const char *path, const struct query *query)
{
    char name[KEY_MAX];
    size_t len;

    if (!node)
        return NULL;
    if (*path == '\0')
        return copy(node, query, query->depth);
    if (*path == '[')
        return walk_index(node, path + 1, query);
    path += *path == '.';
    len = strcspn(path, ".[");
    if (len == 0 || len >= sizeof(name))
        return NULL;
    memcpy(name, path, len);
    name[len] = '\0';
    return walk(find_member(node, name), path + len, query);
}

/* --- the answer --- */

static cJSON *find_result(const struct printer *printer, const char *key, const struct query *query)
{
    bool counts = key[0] == '#';
    char top[KEY_MAX];
    cJSON *tree, *result;

    key += counts;
    snprintf(top, sizeof(top), "%.*s", (int)strcspn(key, ".["), key);
    tree = object_model_build(printer, key[0] ? top : NULL);
    result = tree ? walk(tree, key + strlen(top), query) : NULL;
    json_free(tree);
    if (counts && json_is_array(result)) {
        cJSON *holder = json_array();

        json_add_int(holder, NULL, (int64_t)json_size(result));
        json_free(result);
        result = json_copy(json_first(holder));
        json_free(holder);
    }
    return result;
}

/* The firmware sends as much of an array as its buffers hold and tells where to go on. */
static cJSON *take_page(cJSON *array, int first, int64_t *ret_next)
{
    cJSON *page = json_array();
    const cJSON *element = json_first(array);
    size_t bytes = 0;
    int index = 0;

    *ret_next = 0;
    for (; element; element = json_next(element), index++) {
        CLEANUP(free_p) char *text = NULL;

        if (index < first)
            continue;
        if (bytes > PAGE_BYTES) {
            *ret_next = index;
            break;
        }
        text = json_print(element);
        bytes += strlen(text);
        json_add(page, NULL, json_copy(element));
    }
    json_free(array);
    return page;
}

char *object_model_query(const struct printer *printer, const char *key, const char *flags)
{
    struct query query = parse_flags(flags, key[0] != '\0');
    cJSON *answer = json_object(), *result = find_result(printer, key, &query);
    CLEANUP(free_p) char *text = NULL;
    int64_t next = -1;

    if (json_is_array(result))
        result = take_page(result, query.first, &next);
    json_add_string(answer, "key", key);
    json_add_string(answer, "flags", flags);
    if (result)
        json_add(answer, "result", result);
    else
        json_add_null(answer, "result");
    if (next >= 0)
        json_add_int(answer, "next", next);
    text = json_print(answer);
    json_free(answer);
    return xasprintf("%s\n", text);
}
