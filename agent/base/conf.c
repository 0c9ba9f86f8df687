/* SPDX-License-Identifier: MIT */
/* conf: the door to libconfig, and the list of everything that is wrong with a file.
 *
 * libconfig 1.5 (Debian 12) has no switch against @include, cuts a whole number above 32 bits
 * without a word, and takes an unclosed comment for the end of the file. A small scanner of our own
 * looks for these three before libconfig reads the text; it knows only comments, quotes, names and
 * numbers. Problems are kept in the order of the lines, because that is how a person mends a file.
 */
#include "agent/base/conf.h"

#include "agent/base/conf_value.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 1024 * 1024,
    SECRET_FILE_MAX_BYTES = 64 * 1024,
    PROBLEMS_MAX = 200,
};

struct problem {
    unsigned line; /* 0: of the file as a whole */
    char *text;
};

struct conf {
    char *file;
    config_t config;
    bool parsed;
    bool others_may_read;
    struct problem problems[PROBLEMS_MAX];
    size_t problem_count;
};

/* A group of the file (or its absence) with the name that problems give it. */
struct section {
    struct conf *conf;
    const struct conf_table *table;
    char *name;              /* "mqtt", "cameras[1]" */
    config_setting_t *group; /* NULL: absent, or not a group */
    unsigned line;
};

/* --- problems --- */

static void problem_insert(struct conf *conf, unsigned line, char *text)
{
    size_t at = conf->problem_count;

    for (size_t i = 0; i < conf->problem_count; i++) {
        if (str_equal(conf->problems[i].text, text) || conf->problem_count == PROBLEMS_MAX) {
            free(text); /* a section may be read twice */
            return;
        }
    }
    for (; at > 0 && conf->problems[at - 1].line > line; at--)
        conf->problems[at] = conf->problems[at - 1];
    conf->problems[at] = (struct problem){.line = line, .text = text};
    conf->problem_count++;
}

static void problem_addv(struct conf *conf, unsigned line, const char *fmt, va_list args)
    PRINTF_LIKE(3, 0);

static void problem_addv(struct conf *conf, unsigned line, const char *fmt, va_list args)
{
    CLEANUP(free_p) char *message = xvasprintf(fmt, args);
    char *text = line > 0 ? xasprintf("%s:%u: %s", conf->file, line, message)
                          : xasprintf("%s: %s", conf->file, message);

    problem_insert(conf, line, text);
}

static void problem_add(struct conf *conf, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void problem_add(struct conf *conf, unsigned line, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem_addv(conf, line, fmt, args);
    va_end(args);
}

size_t conf_problem_count(const struct conf *conf)
{
    return conf->problem_count;
}

const char *conf_problem_text(const struct conf *conf, size_t index)
{
    return conf->problems[index].text;
}

static unsigned line_of(const config_setting_t *setting)
{
    return config_setting_source_line(setting);
}

/* --- "did you mean" --- */

static void problem_unknown(struct conf *conf, const config_setting_t *setting, const char *where,
                            const struct nearest *nearest)
{
    problem_add(conf, line_of(setting), "unknown setting '%s'%s%s%s%s%s", nearest->word,
                where ? " in " : "", where ? where : "", nearest->best ? "; did you mean '" : "",
                nearest->best ? nearest->best : "", nearest->best ? "'?" : "");
}

/* --- opening --- */

struct source {
    struct conf *conf;
    const char *at;
    unsigned line;
};

/* Goes to the end of what `end` closes. False when the text ends before. */
static bool source_skip_to(struct source *source, const char *end, bool has_escapes)
{
    for (; *source->at; source->at++) {
        if (*source->at == '\n')
            source->line++;
        if (has_escapes && source->at[0] == '\\' && source->at[1])
            source->line += *++source->at == '\n';
        else if (str_starts_with(source->at, end)) {
            source->at += strlen(end);
            return true;
        }
    }
    return false;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_*.-+", c));
}

static void source_check_number(struct source *source, const char *word, size_t len)
{
    bool is_long = len > 0 && word[len - 1] == 'L';
    CLEANUP(free_p) char *digits = xstrndup(word, is_long ? len - 1 : len);
    int64_t value = 0;
    int rc = str_to_int(digits, &value);

    if (rc == -ERANGE)
        problem_add(source->conf, source->line, "number %s is too large", digits);
    else if (rc == 0 && !is_long && (value > INT32_MAX || value < INT32_MIN))
        problem_add(source->conf, source->line, "number %s needs an L behind it: %sL", digits,
                    digits);
}

static void source_word(struct source *source)
{
    const char *start = source->at;

    while (is_word_char(*source->at))
        source->at++;
    source_check_number(source, start, (size_t)(source->at - start));
}

static void source_step(struct source *source)
{
    unsigned line = source->line;

    if (*source->at == '#' || str_starts_with(source->at, "//")) {
        source->at += strcspn(source->at, "\n");
    } else if (str_starts_with(source->at, "/*")) {
        source->at += 2;
        if (!source_skip_to(source, "*/", false))
            problem_add(source->conf, line, "this comment is never closed");
    } else if (*source->at == '"') {
        source->at++;
        if (!source_skip_to(source, "\"", true))
            problem_add(source->conf, line, "this quoted text is never closed");
    } else if (is_word_char(*source->at)) {
        source_word(source);
    } else {
        if (*source->at == '@')
            problem_add(source->conf, line, "@include is not supported: keep one file");
        source->line += *source->at == '\n';
        source->at++;
    }
}

/* Whether libconfig may see the text. */
static bool source_check(struct conf *conf, const char *text)
{
    struct source source = {.conf = conf, .at = text, .line = 1};

    while (*source.at)
        source_step(&source);
    return conf->problem_count == 0;
}

static void check_mode(struct conf *conf)
{
    struct stat st;

    if (stat(conf->file, &st) < 0)
        return;
    conf->others_may_read = st.st_mode & S_IROTH;
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        problem_add(conf, 0, "others may write this file: chmod go-w it");
}

static void parse_text(struct conf *conf, const char *text)
{
    if (config_read_string(&conf->config, text))
        conf->parsed = true;
    else
        problem_add(conf, (unsigned)config_error_line(&conf->config), "%s",
                    config_error_text(&conf->config));
}

struct conf *conf_open(const char *file)
{
    struct conf *conf = xcalloc(1, sizeof(*conf));
    char *text = NULL;
    size_t len = 0;
    int rc;

    conf->file = xstrdup(file);
    config_init(&conf->config);
    rc = path_read_file(file, FILE_MAX_BYTES, &text, &len, NULL);
    if (rc < 0)
        problem_add(conf, 0, "cannot read: %s", strerror(-rc));
    else if (!str_is_utf8(text, len))
        problem_add(conf, 0, "is not a UTF-8 text file");
    else if (source_check(conf, text))
        parse_text(conf, text);
    if (rc == 0)
        check_mode(conf);
    free_secret(text); /* secrets may stand in it */
    return conf;
}

void conf_close(struct conf *conf)
{
    if (!conf)
        return;
    for (size_t i = 0; i < conf->problem_count; i++)
        free(conf->problems[i].text);
    config_destroy(&conf->config);
    free(conf->file);
    free(conf);
}

/* --- finding --- */

/* NULL also in a file that is broken: libconfig keeps what it read before the mistake. */
static config_setting_t *find_top(const struct conf *conf, const char *name)
{
    return conf->parsed ? config_setting_get_member(config_root_setting(&conf->config), name)
                        : NULL;
}

static config_setting_t *find_key(const struct section *section, const char *key)
{
    return section->group ? config_setting_get_member(section->group, key) : NULL;
}

/* Where else a secret may come from: "<key>_file" names a file, "<key>_credential" one that systemd
 * gives us. */
static const char *const secret_suffixes[] = {"_file", "_credential"};

static config_setting_t *find_secret_source(const struct section *section,
                                            const struct conf_field *field)
{
    for (size_t i = 0; field->type == CONF_SECRET && i < ARRAY_LEN(secret_suffixes); i++) {
        CLEANUP(free_p) char *key = xasprintf("%s%s", field->key, secret_suffixes[i]);
        config_setting_t *setting = find_key(section, key);

        if (setting)
            return setting;
    }
    return NULL;
}

static size_t count_secret_sources(const struct section *section, const struct conf_field *field)
{
    size_t count = find_key(section, field->key) != NULL;

    for (size_t i = 0; i < ARRAY_LEN(secret_suffixes); i++) {
        CLEANUP(free_p) char *key = xasprintf("%s%s", field->key, secret_suffixes[i]);

        count += find_key(section, key) != NULL;
    }
    return count;
}

static bool is_sequence(const config_setting_t *setting)
{
    return config_setting_is_list(setting) || config_setting_is_array(setting);
}

static void section_take(struct section *section, config_setting_t *setting)
{
    section->line = line_of(setting);
    if (config_setting_is_group(setting))
        section->group = setting;
}

static struct section section_group(struct conf *conf, const struct conf_table *table)
{
    config_setting_t *setting = find_top(conf, table->name);
    struct section section = {.conf = conf, .table = table, .name = xstrdup(table->name)};

    if (setting)
        section_take(&section, setting);
    return section;
}

static struct section section_item(struct conf *conf, const struct conf_table *table, size_t index)
{
    config_setting_t *setting = find_top(conf, table->name), *item;
    struct section section = {.conf = conf, .table = table};

    section.name = xasprintf("%s[%zu]", table->name, index);
    item =
        setting && is_sequence(setting) ? config_setting_get_elem(setting, (unsigned)index) : NULL;
    if (item)
        section_take(&section, item);
    return section;
}

/* Of the form that the file has. */
static struct section section_any(struct conf *conf, const struct conf_table *table, size_t index)
{
    const config_setting_t *setting = find_top(conf, table->name);

    return setting && is_sequence(setting) ? section_item(conf, table, index)
                                           : section_group(conf, table);
}

static void section_done(struct section *section)
{
    free(section->name);
}

/* --- reading one setting --- */

static bool is_number(const config_setting_t *setting)
{
    return config_setting_is_number(setting);
}

static bool is_text(const config_setting_t *setting)
{
    return config_setting_type(setting) == CONFIG_TYPE_STRING;
}

static int set_int(const struct conf_field *field, void *values, const config_setting_t *setting,
                   struct error *err)
{
    if (!is_number(setting) || config_setting_type(setting) == CONFIG_TYPE_FLOAT)
        return error_set(err, -EINVAL, "must be a whole number");
    return conf_value_set_int(field, values, config_setting_get_int64(setting), err);
}

static int set_float(const struct conf_field *field, void *values, const config_setting_t *setting,
                     struct error *err)
{
    double value = 0;

    if (is_number(setting))
        value = config_setting_type(setting) == CONFIG_TYPE_FLOAT
                    ? config_setting_get_float(setting)
                    : (double)config_setting_get_int64(setting);
    if (!is_number(setting) || !isfinite(value))
        return error_set(err, -EINVAL, "must be a number");
    return conf_value_set_float(field, values, value, err);
}

static int set_words(const struct conf_field *field, void *values, const config_setting_t *setting,
                     struct error *err)
{
    CLEANUP(conf_strings_done) struct conf_strings words = {0};
    int count = is_sequence(setting) ? config_setting_length(setting) : 0;

    if (!is_sequence(setting) && !is_text(setting))
        return error_set(err, -EINVAL, "must be a list of texts: [\"…\", \"…\"]");
    if (is_text(setting)) {
        const char *text = config_setting_get_string(setting);
        conf_strings_add(&words, text, strlen(text));
    }
    for (int i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);

        if (!is_text(element))
            return error_set(err, -EINVAL, "must be a list of texts: [\"…\", \"…\"]");
        conf_strings_add(&words, config_setting_get_string(element),
                         strlen(config_setting_get_string(element)));
    }
    return conf_value_set_words(field, values, &words, err);
}

static int set_value(const struct conf_field *field, void *values, const config_setting_t *setting,
                     struct error *err)
{
    switch (field->type) {
    case CONF_BOOL:
        if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
            return error_set(err, -EINVAL, "must be true or false");
        return conf_value_set_bool(field, values, config_setting_get_bool(setting));
    case CONF_INT:
        return set_int(field, values, setting, err);
    case CONF_FLOAT:
        return set_float(field, values, setting, err);
    case CONF_FLAGS:
    case CONF_STRINGS:
    case CONF_IDS:
        return set_words(field, values, setting, err);
    default:
        if (!is_text(setting))
            return error_set(err, -EINVAL, "must be a text in quotes");
        return conf_value_set_text(field, values, config_setting_get_string(setting), err);
    }
}

/* Relative to the directory of the configuration file, wherever the daemon was started. */
static char *resolve_path(const struct conf *conf, const char *path)
{
    const char *slash = strrchr(conf->file, '/');

    if (path[0] == '/' || !slash)
        return xstrdup(path);
    return xasprintf("%.*s/%s", (int)(slash - conf->file), conf->file, path);
}

int conf_check_secret_file(const char *path, struct error *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return error_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return error_set(err, -EPERM, "%s belongs neither to root nor to us", path);
    if (st.st_mode & S_IRWXO)
        return error_set(err, -EPERM, "others may read %s: chmod o-rwx it", path);
    if (st.st_mode & S_IWGRP)
        return error_set(err, -EPERM, "others may write %s: chmod g-w it", path);
    return 0;
}

static int set_secret_from_file(const struct conf_field *field, void *values, const char *path,
                                struct error *err)
{
    char *text = NULL;
    int rc = conf_check_secret_file(path, err);

    if (rc == 0)
        rc = path_read_file(path, SECRET_FILE_MAX_BYTES, &text, NULL, err);
    if (rc < 0)
        return rc;
    text[strcspn(text, "\r\n")] = '\0';
    if (text[0] == '\0')
        rc = error_set(err, -EINVAL, "the first line of %s is empty", path);
    else
        rc = conf_value_set_text(field, values, text, err);
    free_secret(text);
    return rc;
}

/* systemd.exec(5), "Credentials": a directory of ours only. */
static char *credential_path(const char *name, struct error *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    CLEANUP(free_p) char *safe = path_safe_name(name);

    if (!str_equal(safe, name)) {
        error_set(err, -EINVAL, "'%s' is no name of a credential", name);
        return NULL;
    }
    if (!dir || !*dir) {
        error_set(err, -ENOENT,
                  "systemd gave us no credentials: the service needs LoadCredential=%s:PATH", name);
        return NULL;
    }
    return path_join(dir, name);
}

/* From the file or the credential that source names. */
static int set_secret(const struct section *section, const struct conf_field *field, void *values,
                      const config_setting_t *source, struct error *err)
{
    CLEANUP(free_p) char *path = NULL;
    const char *text;

    if (count_secret_sources(section, field) > 1)
        return error_set(err, -EINVAL, "%s, %s_file and %s_credential stand here: keep one",
                         field->key, field->key, field->key);
    if (!is_text(source))
        return error_set(err, -EINVAL, "must be a text in quotes");
    text = config_setting_get_string(source);
    path = str_ends_with(config_setting_name(source), "_credential")
               ? credential_path(text, err)
               : resolve_path(section->conf, text);
    return path ? set_secret_from_file(field, values, path, err) : err->code;
}

/* One that stands in the configuration itself. */
static int set_inline_secret(const struct section *section, const struct conf_field *field,
                             void *values, const config_setting_t *setting, struct error *err)
{
    if (section->conf->others_may_read)
        return error_set(err, -EPERM,
                         "a secret stands here and others may read this file: chmod o-r it, or use "
                         "%s_file",
                         field->key);
    return set_value(field, values, setting, err);
}

/* --- reading a section --- */

static void set_fallback(struct section *section, const struct conf_field *field, void *values)
{
    struct error err = {0};

    /* a mistake in the table, which its first test then shows */
    if (field->fallback && conf_value_set_text(field, values, field->fallback, &err) < 0)
        problem_add(section->conf, section->line, "%s.%s: the built-in default: %s", section->name,
                    field->key, err.text);
}

/* A section of the wrong type, or in a file that is broken, has its problem already. */
static bool section_is_readable(const struct section *section)
{
    return section->conf->parsed && (section->group || section->line == 0);
}

static void read_field(struct section *section, const struct conf_field *field, void *values)
{
    const config_setting_t *setting = find_key(section, field->key);
    const config_setting_t *source = find_secret_source(section, field);
    const config_setting_t *used = source ? source : setting;
    struct error err = {0};
    int rc = 0;

    set_fallback(section, field, values);
    if (source)
        rc = set_secret(section, field, values, source, &err);
    else if (setting && field->type == CONF_SECRET)
        rc = set_inline_secret(section, field, values, setting, &err);
    else if (setting)
        rc = set_value(field, values, setting, &err);
    else if ((field->flags & CONF_REQUIRED) && section_is_readable(section))
        problem_add(section->conf, section->line, "%s.%s is missing", section->name, field->key);
    if (rc < 0)
        problem_add(section->conf, line_of(used), "%s.%s: %s", section->name,
                    config_setting_name(used), err.text);
}

static bool is_known(const struct conf_table *table, const char *key, struct nearest *nearest)
{
    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *field = &table->fields[i];
        size_t len = strlen(field->key);

        if (str_equal(field->key, key))
            return true;
        for (size_t s = 0; field->type == CONF_SECRET && s < ARRAY_LEN(secret_suffixes); s++)
            if (str_starts_with(key, field->key) && str_equal(key + len, secret_suffixes[s]))
                return true;
        nearest_try(nearest, field->key);
    }
    return false;
}

static void check_keys(struct section *section)
{
    int count = section->group ? config_setting_length(section->group) : 0;

    for (int i = 0; i < count; i++) {
        const config_setting_t *setting = config_setting_get_elem(section->group, (unsigned)i);
        struct nearest nearest = nearest_init(config_setting_name(setting));

        if (!is_known(section->table, nearest.word, &nearest))
            problem_unknown(section->conf, setting, section->name, &nearest);
    }
}

static void read_section(struct section *section, void *values)
{
    for (size_t i = 0; i < section->table->field_count; i++)
        read_field(section, &section->table->fields[i], values);
    check_keys(section);
}

void conf_read_group(struct conf *conf, const struct conf_table *table, void *values)
{
    CLEANUP(section_done) struct section section = section_group(conf, table);

    if (section.line > 0 && !section.group)
        problem_add(conf, section.line, "%s must be a group: %s = { … };", table->name,
                    table->name);
    read_section(&section, values);
}

size_t conf_list_size(struct conf *conf, const struct conf_table *table)
{
    const config_setting_t *setting = find_top(conf, table->name);

    if (!setting)
        return 0;
    if (is_sequence(setting))
        return (size_t)config_setting_length(setting);
    problem_add(conf, line_of(setting), "%s must be a list of groups: %s = ( { … }, { … } );",
                table->name, table->name);
    return 0;
}

void conf_read_item(struct conf *conf, const struct conf_table *table, size_t index, void *values)
{
    CLEANUP(section_done) struct section section = section_item(conf, table, index);

    if (section.line > 0 && !section.group)
        problem_add(conf, section.line, "%s must be a group: { … }", section.name);
    read_section(&section, values);
}

void conf_check_top(struct conf *conf, const struct conf_table *const *tables, size_t count)
{
    const config_setting_t *root = config_root_setting(&conf->config);

    for (int i = 0; conf->parsed && i < config_setting_length(root); i++) {
        const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);
        struct nearest nearest = nearest_init(config_setting_name(setting));
        bool known = false;

        for (size_t t = 0; t < count; t++) {
            known = known || str_equal(tables[t]->name, nearest.word);
            nearest_try(&nearest, tables[t]->name);
        }
        if (!known)
            problem_unknown(conf, setting, NULL, &nearest);
    }
}

/* --- what the caller adds --- */

void conf_problem(struct conf *conf, const struct conf_table *table, size_t index, const char *key,
                  const char *fmt, ...)
{
    CLEANUP(section_done) struct section section = section_any(conf, table, index);
    const config_setting_t *setting = key ? find_key(&section, key) : NULL;
    CLEANUP(free_p) char *message = NULL;
    va_list args;

    va_start(args, fmt);
    message = xvasprintf(fmt, args);
    va_end(args);
    problem_add(conf, setting ? line_of(setting) : section.line, "%s%s%s: %s", section.name,
                key ? "." : "", key ? key : "", message);
}

bool conf_is_set(struct conf *conf, const struct conf_table *table, size_t index, const char *key)
{
    CLEANUP(section_done) struct section section = section_any(conf, table, index);
    const struct conf_field *field = conf_table_find(table, key);

    return find_key(&section, key) || (field && find_secret_source(&section, field));
}
