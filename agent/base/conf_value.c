/* SPDX-License-Identifier: MIT */
/* conf_value: one check per type, whatever the way in, so that a value which set/<key> accepts is
 * one that the file accepts, and what --print-config writes reads back as the same value. */
#include "agent/base/conf_value.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX_BYTES = 1024,
    WORDS_MAX = 256,
};

static void *place_of(const struct conf_field *field, void *values)
{
    return (char *)values + field->offset;
}

static const void *value_of(const struct conf_field *field, const void *values)
{
    return (const char *)values + field->offset;
}

/* --- lists of words --- */

void conf_strings_add(struct conf_strings *strings, const char *text, size_t len)
{
    strings->items = xrealloc(strings->items, (strings->count + 1) * sizeof(*strings->items));
    strings->items[strings->count++] = xstrndup(text, len);
}

void conf_strings_done(struct conf_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct conf_strings){0};
}

static void split_words(const char *text, struct conf_strings *ret_words)
{
    const char *at = text + strspn(text, " ");

    if (*at == '\0')
        return;
    for (;; at++) {
        size_t len = strcspn(at += strspn(at, " "), ","), trimmed = len;

        while (trimmed > 0 && at[trimmed - 1] == ' ')
            trimmed--;
        conf_strings_add(ret_words, at, trimmed);
        at += len;
        if (*at == '\0' || ret_words->count > WORDS_MAX)
            return;
    }
}

/* --- checks --- */

static int check_range(const struct conf_field *field, double value, struct error *err)
{
    bool has_range = field->min < 0 || field->min > 0 || field->max < 0 || field->max > 0;

    if (!has_range || (value >= field->min && value <= field->max))
        return 0;
    return error_set(err, -ERANGE, "%.15g is out of range %.15g..%.15g%s%s", value, field->min,
                     field->max, field->unit ? " " : "", field->unit ? field->unit : "");
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_http_url(const char *text)
{
    size_t scheme_len = strncasecmp(text, "http://", 7) == 0    ? 7
                        : strncasecmp(text, "https://", 8) == 0 ? 8
                                                                : 0;

    return scheme_len > 0 && !strchr(text, ' ') && strcspn(text + scheme_len, "/?#") > 0;
}

static int check_text(const struct conf_field *field, const char *text, struct error *err)
{
    size_t max_bytes = field->max > 0 ? (size_t)field->max : TEXT_MAX_BYTES;

    if (strlen(text) > max_bytes)
        return error_set(err, -ERANGE, "is longer than %zu bytes", max_bytes);
    if (!str_is_utf8(text, strlen(text)))
        return error_set(err, -EINVAL, "is not valid UTF-8");
    return 0;
}

static int check_kind(const struct conf_field *field, const char *text, struct error *err)
{
    switch (field->type) {
    case CONF_ID:
    case CONF_IDS:
        if (!str_is_id(text))
            return error_set(err, -EINVAL,
                             "'%s' is not an id: a-z, 0-9, '_' and '-', at most %d, starting with "
                             "a letter or digit",
                             text, STR_ID_MAX);
        return 0;
    case CONF_PATH:
        if (text[0] != '/' || has_control(text))
            return error_set(err, -EINVAL, "'%s' is not an absolute path", text);
        return 0;
    case CONF_URL:
        if (!is_http_url(text) || has_control(text))
            return error_set(err, -EINVAL, "is not an http:// or https:// URL");
        return 0;
    default:
        return 0;
    }
}

static int find_choice(const struct conf_field *field, const char *word, struct error *err)
{
    CLEANUP(buf_done) struct buf known = BUF_INIT(256);
    int rc = 0;

    for (int i = 0; field->choices[i]; i++)
        if (str_equal(field->choices[i], word))
            return i;
    for (int i = 0; field->choices[i] && rc == 0; i++)
        rc = buf_printf(&known, "%s%s", i > 0 ? ", " : "", field->choices[i]);
    return error_set(err, -EINVAL, "'%s' is none of: %s", word, buf_text(&known));
}

/* --- storing --- */

int conf_value_set_bool(const struct conf_field *field, void *values, bool value)
{
    *(bool *)place_of(field, values) = value;
    return 0;
}

int conf_value_set_int(const struct conf_field *field, void *values, int64_t value,
                       struct error *err)
{
    int rc = check_range(field, (double)value, err);

    if (rc == 0)
        *(int64_t *)place_of(field, values) = value;
    return rc;
}

int conf_value_set_float(const struct conf_field *field, void *values, double value,
                         struct error *err)
{
    int rc = check_range(field, value, err);

    if (rc == 0)
        *(double *)place_of(field, values) = value;
    return rc;
}

static int set_string(const struct conf_field *field, void *values, const char *text,
                      struct error *err)
{
    char **slot = place_of(field, values);
    int rc = check_text(field, text, err);

    if (rc == 0)
        rc = check_kind(field, text, err);
    if (rc < 0)
        return rc;
    if (field->type == CONF_SECRET)
        free_secret(TAKE(*slot));
    replace_str(slot, text);
    return 0;
}

static int set_choice(const struct conf_field *field, void *values, const char *word,
                      struct error *err)
{
    int choice = find_choice(field, word, err);

    if (choice < 0)
        return choice;
    *(int *)place_of(field, values) = choice;
    return 0;
}

static int set_flags(const struct conf_field *field, void *values, const struct conf_strings *words,
                     struct error *err)
{
    unsigned flags = 0;

    for (size_t i = 0; i < words->count; i++) {
        int choice = find_choice(field, words->items[i], err);

        if (choice < 0)
            return choice;
        flags |= 1U << choice;
    }
    *(unsigned *)place_of(field, values) = flags;
    return 0;
}

static int check_word(const struct conf_field *field, const struct conf_strings *words, size_t at,
                      struct error *err)
{
    int rc = check_text(field, words->items[at], err);

    if (rc == 0)
        rc = check_kind(field, words->items[at], err);
    for (size_t i = 0; rc == 0 && field->type == CONF_IDS && i < at; i++)
        if (str_equal(words->items[i], words->items[at]))
            rc = error_set(err, -EINVAL, "'%s' is there twice", words->items[at]);
    return rc;
}

static int set_strings(const struct conf_field *field, void *values,
                       const struct conf_strings *words, struct error *err)
{
    struct conf_strings *slot = place_of(field, values);
    int rc = 0;

    for (size_t i = 0; i < words->count && rc == 0; i++)
        rc = check_word(field, words, i, err);
    if (rc < 0)
        return rc;
    conf_strings_done(slot);
    for (size_t i = 0; i < words->count; i++)
        conf_strings_add(slot, words->items[i], strlen(words->items[i]));
    return 0;
}

int conf_value_set_words(const struct conf_field *field, void *values,
                         const struct conf_strings *words, struct error *err)
{
    if (words->count > WORDS_MAX)
        return error_set(err, -ERANGE, "more than %d texts", WORDS_MAX);
    if (field->type == CONF_FLAGS)
        return set_flags(field, values, words, err);
    return set_strings(field, values, words, err);
}

/* --- from bare text --- */

static int bool_from_text(const struct conf_field *field, void *values, const char *text,
                          struct error *err)
{
    static const struct {
        const char *text;
        bool value;
    } spellings[] = {{"true", true},   {"on", true},   {"1", true},
                     {"false", false}, {"off", false}, {"0", false}};

    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (strcasecmp(text, spellings[i].text) == 0)
            return conf_value_set_bool(field, values, spellings[i].value);
    return error_set(err, -EINVAL, "'%s' is neither ON nor OFF, true nor false", text);
}

static int int_from_text(const struct conf_field *field, void *values, const char *text,
                         struct error *err)
{
    int64_t value;
    int rc = str_to_int(text, &value);

    if (rc < 0)
        return error_set(err, rc, "'%s' is not a whole number%s", text,
                         rc == -ERANGE ? " that can be used" : "");
    return conf_value_set_int(field, values, value, err);
}

static int float_from_text(const struct conf_field *field, void *values, const char *text,
                           struct error *err)
{
    double value;
    int rc = str_to_double(text, &value);

    if (rc < 0)
        return error_set(err, rc, "'%s' is not a number%s", text,
                         rc == -ERANGE ? " that can be used" : "");
    return conf_value_set_float(field, values, value, err);
}

static int words_from_text(const struct conf_field *field, void *values, const char *text,
                           struct error *err)
{
    CLEANUP(conf_strings_done) struct conf_strings words = {0};

    split_words(text, &words);
    return conf_value_set_words(field, values, &words, err);
}

int conf_value_set_text(const struct conf_field *field, void *values, const char *text,
                        struct error *err)
{
    switch (field->type) {
    case CONF_BOOL:
        return bool_from_text(field, values, text, err);
    case CONF_INT:
        return int_from_text(field, values, text, err);
    case CONF_FLOAT:
        return float_from_text(field, values, text, err);
    case CONF_ENUM:
        return set_choice(field, values, text, err);
    case CONF_FLAGS:
    case CONF_STRINGS:
    case CONF_IDS:
        return words_from_text(field, values, text, err);
    default:
        return set_string(field, values, text, err);
    }
}

const struct conf_field *conf_table_find(const struct conf_table *table, const char *key)
{
    for (size_t i = 0; i < table->field_count; i++)
        if (str_equal(table->fields[i].key, key))
            return &table->fields[i];
    return NULL;
}

const struct conf_field *conf_table_get(const struct conf_table *table, const char *key)
{
    const struct conf_field *field = conf_table_find(table, key);

    if (!field)
        abort();
    return field;
}

static int no_such_setting(const struct conf_table *table, const char *key, struct error *err)
{
    struct nearest nearest = nearest_init(key);

    for (size_t i = 0; i < table->field_count; i++)
        nearest_try(&nearest, table->fields[i].key);
    if (!nearest.best)
        return error_set(err, -ENOENT, "%s has no setting '%s'", table->name, key);
    return error_set(err, -ENOENT, "%s has no setting '%s'; did you mean '%s'?", table->name, key,
                     nearest.best);
}

int conf_init_text(const struct conf_table *table, void *values, const char *key, const char *text,
                   struct error *err)
{
    const struct conf_field *field = conf_table_find(table, key);
    int rc;

    if (!field)
        return no_such_setting(table, key, err);
    rc = conf_value_set_text(field, values, text, err);
    if (rc < 0)
        error_prefix(err, "%s", key);
    return rc;
}

int conf_set_text(const struct conf_table *table, void *values, const char *key, const char *text,
                  struct error *err)
{
    const struct conf_field *field = conf_table_find(table, key);

    if (field && !(field->flags & CONF_RELOAD))
        return error_set(err, -EPERM, "%s cannot be changed without a restart", key);
    return conf_init_text(table, values, key, text, err);
}

void conf_set_defaults(const struct conf_table *table, void *values)
{
    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *field = &table->fields[i];
        int rc = field->fallback ? conf_value_set_text(field, values, field->fallback, NULL) : 0;

        assert(rc == 0); /* a mistake in the table */
        (void)rc;
    }
}

/* --- copying --- */

static size_t size_of(const struct conf_field *field)
{
    switch (field->type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_INT:
        return sizeof(int64_t);
    case CONF_FLOAT:
        return sizeof(double);
    case CONF_ENUM:
        return sizeof(int);
    case CONF_FLAGS:
        return sizeof(unsigned);
    default:
        return 0; /* owns memory */
    }
}

static void copy_strings(struct conf_strings *to, const struct conf_strings *from)
{
    struct conf_strings copy = {0};

    for (size_t i = 0; i < from->count; i++)
        conf_strings_add(&copy, from->items[i], strlen(from->items[i]));
    conf_strings_done(to);
    *to = copy;
}

static void copy_field(const struct conf_field *field, void *values, const void *from)
{
    size_t size = size_of(field);

    if (size > 0)
        memcpy(place_of(field, values), value_of(field, from), size);
    else if (field->type == CONF_STRINGS || field->type == CONF_IDS)
        copy_strings(place_of(field, values), value_of(field, from));
    else
        replace_str(place_of(field, values), *(char *const *)value_of(field, from));
}

void conf_copy_value(const struct conf_table *table, void *values, const void *from,
                     const char *key)
{
    copy_field(conf_table_get(table, key), values, from);
}

void conf_copy_values(const struct conf_table *table, void *values, const void *from)
{
    for (size_t i = 0; i < table->field_count; i++)
        copy_field(&table->fields[i], values, from);
}

/* --- freeing --- */

void conf_value_done(const struct conf_field *field, void *values)
{
    char **text = place_of(field, values);

    switch (field->type) {
    case CONF_STRING:
    case CONF_ID:
    case CONF_PATH:
    case CONF_URL:
        free(TAKE(*text));
        break;
    case CONF_SECRET:
        free_secret(TAKE(*text));
        break;
    case CONF_STRINGS:
    case CONF_IDS:
        conf_strings_done(place_of(field, values));
        break;
    default:
        break;
    }
}

void conf_values_done(const struct conf_table *table, void *values)
{
    for (size_t i = 0; i < table->field_count; i++)
        conf_value_done(&table->fields[i], values);
}

/* --- printing --- */

static void print_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fprintf(out, "\\x%02X", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

/* libconfig reads a whole number without L as 32 bits, silently cut. */
static void print_int(int64_t value, FILE *out)
{
    fprintf(out, "%lld%s", (long long)value, value > INT32_MAX || value < INT32_MIN ? "L" : "");
}

/* The shortest digits that read back as the same double, and always a float for libconfig. */
static void print_float(double value, FILE *out)
{
    CLEANUP(free_p) char *text = NULL;
    double back = 0;

    for (int digits = 15; digits <= 17; digits++) {
        free(text);
        text = xasprintf("%.*g", digits, value);
        if (str_to_double(text, &back) == 0 && memcmp(&back, &value, sizeof(value)) == 0)
            break;
    }
    fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_strings(const struct conf_strings *strings, FILE *out)
{
    fputc('[', out);
    for (size_t i = 0; i < strings->count; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_quoted(strings->items[i], out);
    }
    fputc(']', out);
}

static void print_flags(const struct conf_field *field, unsigned flags, FILE *out)
{
    const char *separator = "";

    fputc('[', out);
    for (unsigned i = 0; field->choices[i]; i++) {
        if (!(flags & 1U << i))
            continue;
        fprintf(out, "%s\"%s\"", separator, field->choices[i]);
        separator = ", ";
    }
    fputc(']', out);
}

static void print_value(const struct conf_field *field, const void *value, FILE *out)
{
    switch (field->type) {
    case CONF_BOOL:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case CONF_INT:
        print_int(*(const int64_t *)value, out);
        break;
    case CONF_FLOAT:
        print_float(*(const double *)value, out);
        break;
    case CONF_ENUM:
        print_quoted(field->choices[*(const int *)value], out);
        break;
    case CONF_FLAGS:
        print_flags(field, *(const unsigned *)value, out);
        break;
    case CONF_STRINGS:
    case CONF_IDS:
        print_strings(value, out);
        break;
    case CONF_SECRET:
        fputs("\"…\"", out);
        break;
    default:
        print_quoted(*(char *const *)value, out);
        break;
    }
}

static bool is_null_text(const struct conf_field *field, const void *value)
{
    switch (field->type) {
    case CONF_STRING:
    case CONF_ID:
    case CONF_PATH:
    case CONF_URL:
    case CONF_SECRET:
        return *(char *const *)value == NULL;
    default:
        return false;
    }
}

static void print_field(const struct conf_field *field, const void *value, FILE *out)
{
    if (is_null_text(field, value))
        return; /* libconfig has no null: absent is the way to say it */
    fprintf(out, "    %s = ", field->key);
    print_value(field, value, out);
    fprintf(out, ";%s%s\n", field->unit ? " # " : "", field->unit ? field->unit : "");
}

void conf_print(const struct conf_table *table, const void *values, bool item, FILE *out)
{
    if (item)
        fputs("{\n", out);
    else
        fprintf(out, "%s = {\n", table->name);
    for (size_t i = 0; i < table->field_count; i++)
        print_field(&table->fields[i], value_of(&table->fields[i], values), out);
    fputs(item ? "}" : "};\n", out);
}

/* --- comparing --- */

static size_t plain_size(enum conf_type type)
{
    switch (type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_INT:
        return sizeof(int64_t);
    case CONF_FLOAT:
        return sizeof(double);
    case CONF_ENUM:
        return sizeof(int);
    case CONF_FLAGS:
        return sizeof(unsigned);
    default:
        return 0; /* it owns memory */
    }
}

static bool strings_equal(const struct conf_strings *a, const struct conf_strings *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = str_equal(a->items[i], b->items[i]);
    return same;
}

bool conf_field_equal(const struct conf_field *field, const void *a, const void *b)
{
    const void *left = value_of(field, a), *right = value_of(field, b);
    size_t size = plain_size(field->type);

    if (size > 0)
        return memcmp(left, right, size) == 0;
    if (field->type == CONF_STRINGS || field->type == CONF_IDS)
        return strings_equal(left, right);
    return str_equal(*(char *const *)left, *(char *const *)right);
}

void conf_field_copy(const struct conf_field *field, void *to, const void *from)
{
    size_t size = plain_size(field->type);

    assert(size > 0);
    memcpy(place_of(field, to), value_of(field, from), size);
}
