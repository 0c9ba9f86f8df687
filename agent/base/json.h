/* SPDX-License-Identifier: MIT */
/* json: the door to cJSON. cJSON * is used everywhere as a data type; its functions are called only
 * here. Parsing is strict: UTF-8, depth, size, no duplicate keys, nothing after the value. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "agent/base/error.h"

typedef struct cJSON cJSON;

struct json_limits {
    size_t max_bytes;
    int max_depth;
};

/* The caller owns *ret_json (json_free). -EINVAL (not JSON; err names the byte), -EMSGSIZE (too
 * large), -E2BIG (too deep), -EEXIST (duplicate key; err gives its path, as "args.fps"). */
int json_parse(const char *text, size_t len, const struct json_limits *limits, cJSON **ret_json,
               struct error *err) MUST_CHECK;
void json_free(cJSON *json);
void json_free_p(cJSON **json); /* for CLEANUP */
cJSON *json_copy(const cJSON *json) MUST_CHECK;

/* One line, no spaces; the caller frees. */
char *json_print(const cJSON *json) MUST_CHECK;

/* --- reading --- path: member names joined by dots, "[2]" for an element: "move.axes[0].letter".
 * NULL or false when it is not there or of another type; ret_ is then untouched. */
const cJSON *json_get(const cJSON *json, const char *path);
const char *json_get_string(const cJSON *json, const char *path);
bool json_get_number(const cJSON *json, const char *path, double *ret_value);
bool json_get_int(const cJSON *json, const char *path, int64_t *ret_value); /* whole numbers only */
bool json_get_bool(const cJSON *json, const char *path, bool *ret_value);
bool json_is_object(const cJSON *json); /* false for NULL, as all below */
bool json_is_array(const cJSON *json);
bool json_is_string(const cJSON *json);
bool json_is_number(const cJSON *json);
bool json_is_bool(const cJSON *json);
bool json_is_null(const cJSON *json);
const char *json_string(const cJSON *json);  /* its text, NULL when it is none */
double json_number(const cJSON *json);       /* 0 when it is none */
size_t json_size(const cJSON *array_or_object);
const cJSON *json_first(const cJSON *array_or_object); /* then json_next(); NULL at the end */
const cJSON *json_next(const cJSON *element);
const char *json_key(const cJSON *member);

/* --- building --- json_add_* put a member into an object (key) or, with key NULL, an element at the
 * end of an array. NULL text becomes null. json_add() takes ownership of child. */
cJSON *json_object(void) MUST_CHECK;
cJSON *json_array(void) MUST_CHECK;
void json_add(cJSON *parent, const char *key, cJSON *child);
cJSON *json_add_object(cJSON *parent, const char *key);
cJSON *json_add_array(cJSON *parent, const char *key);
void json_add_string(cJSON *parent, const char *key, const char *text);
void json_add_int(cJSON *parent, const char *key, int64_t value);
/* NaN and infinity become null; decimals: digits after the point that are kept. */
void json_add_number(cJSON *parent, const char *key, double value, int decimals);
void json_add_bool(cJSON *parent, const char *key, bool value);
void json_add_null(cJSON *parent, const char *key);
/* RFC 3339 of a wall-clock time in ms; 0 becomes null. */
void json_add_time(cJSON *parent, const char *key, int64_t wall_ms);

#endif
