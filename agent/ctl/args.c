/* SPDX-License-Identifier: MIT */
#include "agent/ctl/args.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/options.h"

#include <errno.h>
#include <string.h>

enum { USAGE_MAX_BYTES = 4096, OBJECT_MAX_BYTES = 16 * 1024, OBJECT_MAX_DEPTH = 16 };

/* --- a text to a value --- */

static int add_bool(cJSON *args, const struct verb_arg *arg, const char *text, struct error *err)
{
    static const char *const yes[] = {"true", "on", "yes", "1", ""};
    static const char *const no[] = {"false", "off", "no", "0"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_equal(text, yes[i])) {
            json_add_bool(args, arg->name, true);
            return 0;
        }
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (str_equal(text, no[i])) {
            json_add_bool(args, arg->name, false);
            return 0;
        }
    return error_set(err, -EINVAL, "%s: must be true or false, not '%s'", arg->name, text);
}

static int add_number(cJSON *args, const struct verb_arg *arg, const char *text, struct error *err)
{
    int64_t whole;
    double number;

    if (str_to_int(text, &whole) == 0)
        json_add_int(args, arg->name, whole);
    else if (str_to_double(text, &number) == 0)
        json_add_number(args, arg->name, number, 9);
    else
        return error_set(err, -EINVAL, "%s: must be a number, not '%s'", arg->name, text);
    return 0;
}

static void add_list(cJSON *args, const struct verb_arg *arg, const char *text)
{
    cJSON *list = json_add_array(args, arg->name);

    while (*text) {
        size_t len = strcspn(text, ",");
        CLEANUP(free_p) char *item = xstrndup(text, len);

        json_add_string(list, NULL, item);
        text += len + (text[len] == ',');
    }
}

static int add_object(cJSON *args, const struct verb_arg *arg, const char *text, struct error *err)
{
    static const struct json_limits limits = {OBJECT_MAX_BYTES, OBJECT_MAX_DEPTH};
    struct error why;
    cJSON *json;

    if (json_parse(text, strlen(text), &limits, &json, &why) < 0)
        return error_set(err, -EINVAL, "%s: must be a JSON object: %s", arg->name, why.text);
    json_add(args, arg->name, json);
    return 0;
}

int ctl_args_add(cJSON *args, const struct verb_arg *arg, const char *text, struct error *err)
{
    if (json_get(args, arg->name))
        return error_set(err, -EINVAL, "%s: is given twice", arg->name);
    switch (arg->type) {
    case ARG_BOOL:
        return add_bool(args, arg, text, err);
    case ARG_INT:
    case ARG_NUMBER:
        return add_number(args, arg, text, err);
    case ARG_STRINGS:
        add_list(args, arg, text);
        return 0;
    case ARG_OBJECT:
        return add_object(args, arg, text, err);
    case ARG_WORDS:
    case ARG_STRING:
    case ARG_ID:
    case ARG_SCALAR: /* the agent reads a text as it would read it in its file */
        break;
    }
    json_add_string(args, arg->name, text);
    return 0;
}

/* --- words --- */

static const struct verb_arg *find_arg(const struct verb *verb, const char *name, size_t len)
{
    const struct verb_arg *target = ctl_target_arg(verb);

    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (strlen(arg->name) == len && memcmp(arg->name, name, len) == 0)
            return arg;
    if (target && strlen(target->name) == len && memcmp(target->name, name, len) == 0)
        return target;
    return NULL;
}

/* "name=value" of a known name. */
static const struct verb_arg *named(const struct verb *verb, const char *word)
{
    size_t len = strcspn(word, "=");

    return word[len] == '=' ? find_arg(verb, word, len) : NULL;
}

static const struct verb_arg *first_missing(const struct verb *verb, const cJSON *args)
{
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (arg->required && !json_get(args, arg->name))
            return arg;
    return NULL;
}

static size_t count_missing(const struct verb *verb, const cJSON *args)
{
    size_t count = 0;

    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        count += arg->required && !json_get(args, arg->name);
    return count;
}

/* Takes the named words; the others move to the front. */
static int take_named(const struct verb *verb, char **words, int count, cJSON *args,
                      size_t *ret_left, struct error *err)
{
    size_t left = 0;

    for (int i = 0; i < count; i++) {
        const struct verb_arg *arg = named(verb, words[i]);

        if (!arg)
            words[left++] = words[i];
        else if (ctl_args_add(args, arg, words[i] + strlen(arg->name) + 1, err) < 0)
            return -EINVAL;
    }
    *ret_left = left;
    return 0;
}

static int take_in_order(const struct verb *verb, char **words, size_t count, cJSON *args,
                         struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct verb_arg *arg = first_missing(verb, args);

        if (!arg)
            return error_set(err, -EINVAL, "unexpected argument '%s'", words[i]);
        if (ctl_args_add(args, arg, words[i], err) < 0)
            return -EINVAL;
    }
    return 0;
}

/* The argument that takes what is left, as it is: the words of another program. */
static const struct verb_arg *words_arg(const struct verb *verb)
{
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (arg->type == ARG_WORDS)
            return arg;
    return NULL;
}

static int take_rest(const struct verb_arg *arg, char **words, size_t count, cJSON *args,
                     struct error *err)
{
    cJSON *list;

    if (count == 0)
        return 0;
    if (json_get(args, arg->name))
        return error_set(err, -EINVAL, "%s: is given twice", arg->name);
    list = json_add_array(args, arg->name);
    for (size_t i = 0; i < count; i++)
        json_add_string(list, NULL, words[i]);
    return 0;
}

/* The unit or camera is no member of the row's arguments, so they are checked without it. */
static int check_row(const struct verb *verb, const cJSON *args, struct error *err)
{
    const struct verb_arg *target = ctl_target_arg(verb);
    cJSON *row = json_object();
    int rc;

    for (const cJSON *member = json_first(args); member; member = json_next(member))
        if (!target || !str_equal(json_key(member), target->name))
            json_add(row, json_key(member), json_copy(member));
    rc = verb_check_args(verb, "args", row, err);
    json_free(row);
    return rc;
}

int ctl_args_take_words(const struct verb *verb, char **words, int count, cJSON *args,
                        const char **ret_target, struct error *err)
{
    const struct verb_arg *target = ctl_target_arg(verb), *rest = words_arg(verb);
    const char *given = NULL;
    size_t left = (size_t)count, at = 0;
    int rc;

    if (!rest && take_named(verb, words, count, args, &left, err) < 0)
        return -EINVAL;
    if (target)
        given = json_get_string(args, target->name);
    if (target && !given &&
        (rest ? left > 0 && str_is_id(words[0]) : left == count_missing(verb, args) + 1))
        given = words[at++];
    rc = rest ? take_rest(rest, words + at, left - at, args, err)
              : take_in_order(verb, words + at, left - at, args, err);
    if (rc < 0 || check_row(verb, args, err) < 0)
        return -EINVAL;
    if (given && !str_is_id(given))
        return error_set(err, -EINVAL, "there is no %s '%s'", target ? target->name : "", given);
    *ret_target = given;
    return 0;
}

/* --- what it looks like --- */

const char *ctl_args_value_name(const struct verb_arg *arg)
{
    static const char *const names[] = {
        [ARG_STRING] = "TEXT", [ARG_ID] = "ID",         [ARG_INT] = "N",
        [ARG_NUMBER] = "N",    [ARG_BOOL] = "BOOL",     [ARG_SCALAR] = "VALUE",
        [ARG_STRINGS] = "A,B", [ARG_OBJECT] = "{JSON}", [ARG_WORDS] = "TEXT"};

    return names[arg->type];
}

static char *upper(const char *text)
{
    char *copy = xstrdup(text);

    for (char *at = copy; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    return copy;
}

static int add_usage(struct buf *buf, const struct verb_arg *arg)
{
    CLEANUP(free_p) char *name = upper(arg->name);

    if (arg->type == ARG_WORDS)
        return buf_printf(buf, "%s[-- WORD...]", buf->len > 0 ? " " : "");
    if (arg->required)
        return buf_printf(buf, "%s%s", buf->len > 0 ? " " : "", name);
    return buf_printf(buf, "%s[--%s %s]", buf->len > 0 ? " " : "", arg->name,
                      ctl_args_value_name(arg));
}

char *ctl_args_usage(const struct verb *verb)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(USAGE_MAX_BYTES);
    const struct verb_arg *target = ctl_target_arg(verb);
    CLEANUP(free_p) char *name = target ? upper(target->name) : NULL;
    int rc = target ? buf_printf(&buf, "[%s]", name) : 0;

    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (rc == 0 && arg->required)
            rc = add_usage(&buf, arg);
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (rc == 0 && !arg->required)
            rc = add_usage(&buf, arg);
    return xstrdup(buf_text(&buf));
}
