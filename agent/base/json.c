/* SPDX-License-Identifier: MIT */
/* json: what cJSON lets through and we do not.
 *
 * cJSON takes any control character for white space or text, cuts a string at "\u0000", reads "01"
 * and 1e999, keeps both of two equal keys, and stops reading at the end of the first value. A
 * command that two readers may understand differently is refused as a whole. So one pass over the
 * bytes goes before cJSON (nesting, control characters, numbers) and one over the tree after it
 * (equal keys). The scan need not prove the grammar: cJSON still does that. */
#include "agent/base/json.h"

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the largest whole numbers that a double holds without gaps */
#define EXACT_INT_MAX   9007199254740992.0
#define PRINTED_EXACTLY INT64_C(1000000000000000) /* 15 digits */

/* --- parsing --- */

struct scan {
    const char *text;
    size_t len;
    size_t at;
    int depth;
    int max_depth;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char scan_peek(const struct scan *scan)
{
    return scan->at < scan->len ? scan->text[scan->at] : '\0';
}

static bool scan_digits(struct scan *scan)
{
    size_t start = scan->at;

    while (isdigit((unsigned char)scan_peek(scan)))
        scan->at++;
    return scan->at > start;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool scan_number(struct scan *scan)
{
    if (scan_peek(scan) == '-')
        scan->at++;
    if (scan_peek(scan) == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (scan_peek(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (scan_peek(scan) == 'e' || scan_peek(scan) == 'E') {
        scan->at++;
        if (scan_peek(scan) == '+' || scan_peek(scan) == '-')
            scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    return !isdigit((unsigned char)scan_peek(scan));
}

/* From the opening quote to behind the closing one. */
static bool scan_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->len; scan->at++) {
        char c = scan->text[scan->at];

        if (c == '"') {
            scan->at++;
            return true;
        }
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (scan->len - scan->at >= 6 && memcmp(scan->text + scan->at, "\\u0000", 6) == 0)
            return false;
        scan->at++;
    }
    return false;
}

/* One token. -EINVAL with scan->at near the mistake, -E2BIG. */
static int scan_token(struct scan *scan)
{
    char c = scan->text[scan->at];

    if (c == '"')
        return scan_string(scan) ? 0 : -EINVAL;
    if (c == '-' || isdigit((unsigned char)c))
        return scan_number(scan) ? 0 : -EINVAL;
    if ((c == '{' || c == '[') && ++scan->depth > scan->max_depth)
        return -E2BIG;
    if ((c == '}' || c == ']') && scan->depth-- == 0)
        return -EINVAL;
    if ((unsigned char)c < 0x20 && !is_space(c))
        return -EINVAL;
    scan->at++;
    return 0;
}

static int scan_text(struct scan *scan)
{
    int rc = 0;

    while (rc == 0 && scan->at < scan->len)
        rc = scan_token(scan);
    return rc;
}

/* The way from the root to where the tree walk stands, for its error text. */
struct walk {
    struct error *err;
    struct buf path;
};

static int by_key(const void *a, const void *b)
{
    const cJSON *const *left = a, *const *right = b;

    return strcmp((*left)->string, (*right)->string);
}

/* Sorting keeps an object of 10,000 keys from costing 50 million comparisons. */
static const char *find_duplicate(const cJSON *object)
{
    size_t count = json_size(object), i = 0;
    CLEANUP(free_p) const cJSON **members = NULL;

    if (count < 2)
        return NULL;
    members = xcalloc(count, sizeof(cJSON *));
    for (const cJSON *member = object->child; member && i < count; member = member->next)
        members[i++] = member;
    qsort(members, count, sizeof(cJSON *), by_key);
    for (i = 1; i < count; i++)
        if (by_key(&members[i - 1], &members[i]) == 0)
            return members[i]->string;
    return NULL;
}

static void walk_push(struct walk *walk, const char *key, size_t index)
{
    int rc = key ? buf_printf(&walk->path, "%s%s", walk->path.len ? "." : "", key)
                 : buf_printf(&walk->path, "[%zu]", index);

    (void)rc; /* a path too long to print is cut */
}

static int walk_check(struct walk *walk, const cJSON *json)
{
    const char *twice = json_is_object(json) ? find_duplicate(json) : NULL;
    size_t path_len = walk->path.len, index = 0;
    int rc = 0;

    if (twice) {
        walk_push(walk, twice, 0);
        return error_set(walk->err, -EEXIST, "not acceptable JSON: '%s' is there twice",
                         buf_text(&walk->path));
    }
    if (json_is_number(json) && !isfinite(json->valuedouble))
        return error_set(walk->err, -EINVAL, "not acceptable JSON: number '%s' is too large",
                         buf_text(&walk->path));
    for (const cJSON *child = json->child; rc == 0 && child; child = child->next) {
        walk_push(walk, child->string, index++);
        rc = walk_check(walk, child);
        walk->path.len = path_len;
    }
    return rc;
}

static int check_text(const char *text, size_t len, const struct json_limits *limits,
                      struct error *err)
{
    struct scan scan = {
        .text = text,
        .len = len,
        .max_depth = MIN(limits->max_depth, CJSON_NESTING_LIMIT),
    };
    int rc;

    if (len > limits->max_bytes)
        return error_set(err, -EMSGSIZE, "JSON of %zu bytes: at most %zu are accepted", len,
                         limits->max_bytes);
    if (!str_is_utf8(text, len))
        return error_set(err, -EINVAL, "not JSON: not valid UTF-8, or a NUL byte in it");
    rc = scan_text(&scan);
    if (rc == -E2BIG)
        return error_set(err, rc, "JSON nested too deep at byte %zu: at most %d levels", scan.at,
                         scan.max_depth);
    if (rc < 0)
        return error_set(err, rc, "not JSON at byte %zu", scan.at);
    return 0;
}

static bool is_blank(const char *from, const char *to)
{
    while (from < to && is_space(*from))
        from++;
    return from == to;
}

int json_parse(const char *text, size_t len, const struct json_limits *limits, cJSON **ret_json,
               struct error *err)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct walk walk = {.err = err, .path = BUF_INIT(200)};
    const char *end = text;
    int rc = check_text(text, len, limits, err);

    if (rc < 0)
        return rc;
    if (is_blank(text, text + len))
        return error_set(err, -EINVAL, "not JSON: empty");
    json = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!json)
        return error_set(err, -EINVAL, "not JSON at byte %zu", (size_t)(end - text));
    if (!is_blank(end, text + len))
        return error_set(err, -EINVAL, "not JSON at byte %zu: text after the value",
                         (size_t)(end - text));
    rc = walk_check(&walk, json);
    buf_done(&walk.path);
    if (rc < 0)
        return rc;
    *ret_json = TAKE(json);
    return 0;
}

/* --- the whole value --- */

static void *check_made(void *made)
{
    if (!made)
        abort(); /* out of memory, as everywhere */
    return made;
}

void json_free(cJSON *json)
{
    cJSON_Delete(json);
}

void json_free_p(cJSON **json)
{
    json_free(TAKE(*json));
}

cJSON *json_copy(const cJSON *json)
{
    return json ? check_made(cJSON_Duplicate(json, true)) : NULL;
}

char *json_print(const cJSON *json)
{
    return json ? check_made(cJSON_PrintUnformatted(json)) : xstrdup("null");
}

/* --- reading --- */

static const cJSON *member_of(const cJSON *json, const char *key, size_t key_len)
{
    if (!json_is_object(json))
        return NULL;
    for (const cJSON *member = json->child; member; member = member->next)
        if (strlen(member->string) == key_len && memcmp(member->string, key, key_len) == 0)
            return member;
    return NULL;
}

/* at: behind the '['. Returns behind the ']', NULL when it is not an index. */
static const char *read_index(const char *at, size_t *ret_index)
{
    size_t index = 0;

    if (!isdigit((unsigned char)*at))
        return NULL;
    for (; isdigit((unsigned char)*at) && index < SIZE_MAX / 16; at++)
        index = index * 10 + (size_t)(*at - '0');
    *ret_index = index;
    return *at == ']' ? at + 1 : NULL;
}

static const cJSON *element_of(const cJSON *json, size_t index)
{
    const cJSON *element = json_is_array(json) ? json->child : NULL;

    while (element && index-- > 0)
        element = element->next;
    return element;
}

const cJSON *json_get(const cJSON *json, const char *path)
{
    while (json && path && *path) {
        size_t len = strcspn(path, ".["), index = 0;

        if (*path == '[') {
            path = read_index(path + 1, &index);
            json = path ? element_of(json, index) : NULL;
        } else {
            json = member_of(json, path, len);
            path += len;
        }
        if (path && *path == '.')
            path++;
    }
    return path ? json : NULL;
}

const char *json_get_string(const cJSON *json, const char *path)
{
    return json_string(json_get(json, path));
}

bool json_get_number(const cJSON *json, const char *path, double *ret_value)
{
    const cJSON *found = json_get(json, path);

    if (!json_is_number(found))
        return false;
    *ret_value = found->valuedouble;
    return true;
}

bool json_get_int(const cJSON *json, const char *path, int64_t *ret_value)
{
    double value;

    if (!json_get_number(json, path, &value))
        return false;
    /* written so that NaN fails it too */
    if (!(fabs(value) <= EXACT_INT_MAX) || value != (double)(int64_t)value)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

bool json_get_bool(const cJSON *json, const char *path, bool *ret_value)
{
    const cJSON *found = json_get(json, path);

    if (!json_is_bool(found))
        return false;
    *ret_value = cJSON_IsTrue(found);
    return true;
}

bool json_is_object(const cJSON *json)
{
    return cJSON_IsObject(json);
}

bool json_is_array(const cJSON *json)
{
    return cJSON_IsArray(json);
}

bool json_is_string(const cJSON *json)
{
    return cJSON_IsString(json);
}

bool json_is_number(const cJSON *json)
{
    return cJSON_IsNumber(json);
}

bool json_is_bool(const cJSON *json)
{
    return cJSON_IsBool(json);
}

bool json_is_null(const cJSON *json)
{
    return cJSON_IsNull(json);
}

const char *json_string(const cJSON *json)
{
    return json_is_string(json) ? json->valuestring : NULL;
}

double json_number(const cJSON *json)
{
    return json_is_number(json) ? json->valuedouble : 0;
}

size_t json_size(const cJSON *array_or_object)
{
    size_t size = 0;

    for (const cJSON *child = json_first(array_or_object); child; child = child->next)
        size++;
    return size;
}

const cJSON *json_first(const cJSON *array_or_object)
{
    return array_or_object ? array_or_object->child : NULL;
}

const cJSON *json_next(const cJSON *element)
{
    return element ? element->next : NULL;
}

const char *json_key(const cJSON *member)
{
    return member ? member->string : NULL;
}

/* --- building --- */

cJSON *json_object(void)
{
    return check_made(cJSON_CreateObject());
}

cJSON *json_array(void)
{
    return check_made(cJSON_CreateArray());
}

void json_add(cJSON *parent, const char *key, cJSON *child)
{
    cJSON_bool added =
        key ? cJSON_AddItemToObject(parent, key, child) : cJSON_AddItemToArray(parent, child);

    assert(added);
    (void)added;
}

cJSON *json_add_object(cJSON *parent, const char *key)
{
    cJSON *child = json_object();

    json_add(parent, key, child);
    return child;
}

cJSON *json_add_array(cJSON *parent, const char *key)
{
    cJSON *child = json_array();

    json_add(parent, key, child);
    return child;
}

/* The text of a child's stderr or a name cut in the middle need not be UTF-8, but a JSON payload
 * must be: a broker may close the connection over it. Bytes that are none become '?'. */
static char *make_utf8(const char *text)
{
    char *copy = xstrdup(text);
    size_t len = strlen(copy), step;

    for (size_t at = 0; at < len; at += step) {
        for (step = 1; step <= MIN((size_t)4, len - at); step++)
            if (str_is_utf8(copy + at, step))
                break;
        if (step > MIN((size_t)4, len - at)) {
            copy[at] = '?';
            step = 1;
        }
    }
    return copy;
}

void json_add_string(cJSON *parent, const char *key, const char *text)
{
    CLEANUP(free_p) char *clean = NULL;

    if (!text) {
        json_add_null(parent, key);
        return;
    }
    if (!str_is_utf8(text, strlen(text)))
        text = clean = make_utf8(text);
    json_add(parent, key, check_made(cJSON_CreateString(text)));
}

/* cJSON prints 15 digits: a larger number goes in as text, and can only be printed. */
void json_add_int(cJSON *parent, const char *key, int64_t value)
{
    char text[24];

    if (value > -PRINTED_EXACTLY && value < PRINTED_EXACTLY) {
        json_add(parent, key, check_made(cJSON_CreateNumber((double)value)));
        return;
    }
    snprintf(text, sizeof(text), "%lld", (long long)value);
    json_add(parent, key, check_made(cJSON_CreateRaw(text)));
}

/* Rounding by 10^decimals would bring 42.299999999999997 back; the double nearest to the decimal
 * text is the one that cJSON prints short. */
static double round_decimals(double value, int decimals)
{
    char text[64];
    double rounded = value;

    if (fabs(value) >= 1e15)
        return value; /* no digits after the point are left, and the text would not fit */
    snprintf(text, sizeof(text), "%.*f", MAX(0, MIN(decimals, 15)), value);
    if (str_to_double(text, &rounded) < 0)
        return value;
    return rounded + 0.0; /* -0 would print as "-0" */
}

void json_add_number(cJSON *parent, const char *key, double value, int decimals)
{
    if (!isfinite(value)) {
        json_add_null(parent, key);
        return;
    }
    value = round_decimals(value, decimals);
    json_add(parent, key, check_made(cJSON_CreateNumber(value)));
}

void json_add_bool(cJSON *parent, const char *key, bool value)
{
    json_add(parent, key, check_made(cJSON_CreateBool(value)));
}

void json_add_null(cJSON *parent, const char *key)
{
    json_add(parent, key, check_made(cJSON_CreateNull()));
}

void json_add_time(cJSON *parent, const char *key, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_LEN];

    if (wall_ms == 0) {
        json_add_null(parent, key);
        return;
    }
    clock_format_rfc3339(wall_ms, text);
    json_add_string(parent, key, text);
}
