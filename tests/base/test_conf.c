/* SPDX-License-Identifier: MIT */
#include "agent/base/conf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const kinds[] = {"http", "rtsp", "pattern", NULL};
static const char *const triggers[] = {"layer", "interval", "pause", NULL};

struct values {
    bool enabled;
    int64_t fps;
    double quality;
    char *title;
    char *id;
    char *dir;
    char *url;
    int kind;
    unsigned triggers;
    struct conf_strings args;
    struct conf_strings cameras;
    char *password;
    int64_t bytes;
};

#define FIELD(k, t, ...)                                                                           \
    {                                                                                              \
        .key = #k, .type = t, .offset = offsetof(struct values, k), __VA_ARGS__                    \
    }

static const struct conf_field fields[] = {
    FIELD(enabled, CONF_BOOL, .fallback = "true", .flags = CONF_RELOAD),
    FIELD(fps, CONF_INT, .fallback = "25", .min = 1, .max = 120, .unit = "/s",
          .flags = CONF_RELOAD),
    FIELD(quality, CONF_FLOAT, .fallback = "0.5", .max = 1, .flags = CONF_RELOAD),
    FIELD(title, CONF_STRING, .max = 40, .flags = CONF_RELOAD),
    FIELD(id, CONF_ID, .fallback = "x", .flags = CONF_RELOAD),
    FIELD(dir, CONF_PATH, .fallback = "/tmp"),
    FIELD(url, CONF_URL, .flags = CONF_RELOAD),
    FIELD(kind, CONF_ENUM, .fallback = "rtsp", .choices = kinds, .flags = CONF_RELOAD),
    FIELD(triggers, CONF_FLAGS, .fallback = "layer", .choices = triggers, .flags = CONF_RELOAD),
    FIELD(args, CONF_STRINGS, .flags = CONF_RELOAD),
    FIELD(cameras, CONF_IDS, .fallback = "front, top", .flags = CONF_RELOAD),
    FIELD(password, CONF_SECRET, .flags = 0),
    FIELD(bytes, CONF_INT, .flags = 0),
};

static const struct conf_table group = {"unit", fields, ARRAY_LEN(fields), "a group"};
static const struct conf_table list = {"units", fields, ARRAY_LEN(fields), "a list"};

static const struct conf_field required_fields[] = {
    FIELD(id, CONF_ID, .flags = CONF_REQUIRED),
    FIELD(password, CONF_SECRET, .flags = CONF_REQUIRED),
};
static const struct conf_table required = {"unit", required_fields, 2, "all required"};

struct fixture {
    char dir[64];
    char *file;
    struct conf *conf;
    struct values values;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-conf-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    f->file = path_join(f->dir, "lapsed.conf");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    conf_close(f->conf);
    conf_values_done(&group, &f->values);
    assert_int_equal(path_remove_tree(f->dir, NULL), 0);
    free(f->file);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, const char *name, const char *text, mode_t mode)
{
    CLEANUP(free_p) char *path = path_join(f->dir, name);

    assert_int_equal(path_write_durable(f->dir, name, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static struct conf *open_text(struct fixture *f, const char *text)
{
    write_file(f, "lapsed.conf", text, 0600);
    conf_close(f->conf);
    f->conf = conf_open(f->file);
    return f->conf;
}

/* Reads text as the group; what was read before is freed. */
static struct values *read_group(struct fixture *f, const char *text)
{
    open_text(f, text);
    conf_values_done(&group, &f->values);
    f->values = (struct values){0};
    conf_read_group(f->conf, &group, &f->values);
    return &f->values;
}

static void expect_no_problem(const struct fixture *f)
{
    for (size_t i = 0; i < conf_problem_count(f->conf); i++)
        print_error("%s\n", conf_problem_text(f->conf, i));
    assert_int_equal(conf_problem_count(f->conf), 0);
}

/* The only problem is "file<expected>", as in ":3: …". */
static void expect_problem(const struct fixture *f, const char *expected)
{
    CLEANUP(free_p) char *text = xasprintf("%s%s", f->file, expected);

    assert_int_equal(conf_problem_count(f->conf), 1);
    assert_string_equal(conf_problem_text(f->conf, 0), text);
}

static void expect_group_problem(struct fixture *f, const char *line, const char *expected)
{
    CLEANUP(free_p) char *text = xasprintf("unit = {\n%s\n};\n", line);
    CLEANUP(free_p) char *problem = xasprintf(":2: unit.%s", expected);

    read_group(f, text);
    expect_problem(f, problem);
}

static void an_absent_group_gives_the_defaults(void **state)
{
    const struct values *v = read_group(*state, "");

    expect_no_problem(*state);
    assert_true(v->enabled);
    assert_int_equal(v->fps, 25);
    assert_true(v->quality > 0.49 && v->quality < 0.51);
    assert_null(v->title);
    assert_string_equal(v->dir, "/tmp");
    assert_int_equal(v->kind, 1);
    assert_int_equal(v->triggers, 1);
    assert_int_equal(v->args.count, 0);
    assert_int_equal(v->cameras.count, 2);
    assert_string_equal(v->cameras.items[1], "top");
}

static void every_type_is_read(void **state)
{
    const struct values *v = read_group(
        *state, "unit = { enabled = false; fps = 30; quality = 1; title = \"a, \\\"b\\\"\";\n"
                "id = \"mk4\"; dir = \"/srv\"; url = \"HTTPS://cam/x\"; kind = \"pattern\";\n"
                "triggers = [\"pause\", \"layer\"]; args = (\"-a,b\", \"c\"); cameras = \"one\";\n"
                "password = \"pw\"; bytes = 5000000000L; };");

    expect_no_problem(*state);
    assert_false(v->enabled);
    assert_int_equal(v->fps, 30);
    assert_true(v->quality > 0.99);
    assert_string_equal(v->title, "a, \"b\"");
    assert_string_equal(v->id, "mk4");
    assert_string_equal(v->url, "HTTPS://cam/x");
    assert_int_equal(v->kind, 2);
    assert_int_equal(v->triggers, 1 | 4);
    assert_int_equal(v->args.count, 2);
    assert_string_equal(v->args.items[0], "-a,b");
    assert_int_equal(v->cameras.count, 1);
    assert_string_equal(v->password, "pw");
    assert_int_equal(v->bytes, 5000000000);
}

static void a_wrong_value_is_a_problem_at_its_line(void **state)
{
    static const struct {
        const char *line, *problem;
    } cases[] = {
        {"enabled = 1;", "enabled: must be true or false"},
        {"fps = 0;", "fps: 0 is out of range 1..120 /s"},
        {"fps = 121;", "fps: 121 is out of range 1..120 /s"},
        {"fps = 2.5;", "fps: must be a whole number"},
        {"fps = \"2\";", "fps: must be a whole number"},
        {"quality = 1.5;", "quality: 1.5 is out of range 0..1"},
        {"quality = 1e999;", "quality: must be a number"},
        {"title = 5;", "title: must be a text in quotes"},
        {"title = \"01234567890123456789012345678901234567890\";",
         "title: is longer than 40 bytes"},
        {"title = \"\\xff\";", "title: is not valid UTF-8"},
        {"dir = \"tmp\";", "dir: 'tmp' is not an absolute path"},
        {"url = \"ftp://x\";", "url: is not an http:// or https:// URL"},
        {"url = \"http://\";", "url: is not an http:// or https:// URL"},
        {"kind = \"usb\";", "kind: 'usb' is none of: http, rtsp, pattern"},
        {"triggers = [\"layer\", \"x\"];", "triggers: 'x' is none of: layer, interval, pause"},
        {"triggers = 5;", "triggers: must be a list of texts: [\"…\", \"…\"]"},
        {"args = ({a=1;});", "args: must be a list of texts: [\"…\", \"…\"]"},
        {"cameras = [\"a\", \"b\", \"a\"];", "cameras: 'a' is there twice"},
        {"id = { a = 1; };", "id: must be a text in quotes"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_group_problem(*state, cases[i].line, cases[i].problem);
}

static void a_wrong_value_leaves_the_default(void **state)
{
    const struct values *v = read_group(*state, "unit = { fps = 0; cameras = [\"A\"]; };");

    assert_int_equal(v->fps, 25);
    assert_int_equal(v->cameras.count, 2);
}

static void all_problems_are_collected_in_the_order_of_lines(void **state)
{
    struct fixture *f = *state;
    static const struct conf_table *const tables[] = {&group};

    read_group(f, "unit = {\n kind = 1;\n fps = 0;\n};\nnuit = 1;\n");
    conf_check_top(f->conf, tables, 1);
    conf_problem(f->conf, &group, 0, "kind", "the caller says %d", 7);
    conf_problem(f->conf, &group, 0, "absent", "at the group");
    assert_int_equal(conf_problem_count(f->conf), 5);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), ":1: unit.absent: at the group"));
    assert_non_null(strstr(conf_problem_text(f->conf, 1), ":2: unit.kind: must be a text"));
    assert_non_null(strstr(conf_problem_text(f->conf, 2), ":2: unit.kind: the caller says 7"));
    assert_non_null(strstr(conf_problem_text(f->conf, 3), ":3: unit.fps: 0 is out of range"));
    assert_non_null(
        strstr(conf_problem_text(f->conf, 4), ":5: unknown setting 'nuit'; did you mean 'unit'?"));
}

static void an_unknown_setting_names_the_nearest(void **state)
{
    struct fixture *f = *state;

    read_group(f, "unit = {\n tirggers = 1;\n};");
    expect_problem(f, ":2: unknown setting 'tirggers' in unit; did you mean 'triggers'?");
    read_group(f, "unit = {\n fsp = 1;\n};");
    expect_problem(f, ":2: unknown setting 'fsp' in unit; did you mean 'fps'?");
    read_group(f, "unit = {\n zzzzzz = 1;\n};");
    expect_problem(f, ":2: unknown setting 'zzzzzz' in unit");
    read_group(f, "unit = {\n title_file = \"x\";\n};"); /* only a secret has a file */
    expect_problem(f, ":2: unknown setting 'title_file' in unit");
}

static void a_missing_required_setting_is_a_problem(void **state)
{
    struct fixture *f = *state;

    open_text(f, "\nunit = { };");
    conf_read_group(f->conf, &required, &f->values);
    assert_int_equal(conf_problem_count(f->conf), 2);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), ":2: unit.id is missing"));
    open_text(f, "");
    conf_read_group(f->conf, &required, &f->values);
    assert_int_equal(conf_problem_count(f->conf), 2);
    assert_non_null(strstr(conf_problem_text(f->conf, 1), "lapsed.conf: unit.password is missing"));
}

static void a_list_of_groups_is_read_by_item(void **state)
{
    struct fixture *f = *state;

    open_text(f, "units = (\n { fps = 1; },\n { fps = 2; id = \"Q\"; },\n 5 );");
    assert_int_equal(conf_list_size(f->conf, &list), 3);
    conf_read_item(f->conf, &list, 1, &f->values);
    assert_int_equal(f->values.fps, 2);
    assert_true(conf_is_set(f->conf, &list, 1, "id"));
    assert_false(conf_is_set(f->conf, &list, 0, "id"));
    expect_problem(f, ":3: units[1].id: 'Q' is not an id: a-z, 0-9, '_' and '-', at most 48, "
                      "starting with a letter or digit");
    conf_values_done(&list, &f->values);
    conf_read_item(f->conf, &list, 2, &f->values);
    assert_int_equal(conf_problem_count(f->conf), 2);
    assert_non_null(strstr(conf_problem_text(f->conf, 1), ":4: units[2] must be a group"));
    conf_problem(f->conf, &list, 0, "fps", "too slow");
    assert_non_null(strstr(conf_problem_text(f->conf, 0), ":2: units[0].fps: too slow"));
}

static void a_group_for_a_list_and_a_list_for_a_group_are_problems(void **state)
{
    struct fixture *f = *state;

    open_text(f, "\nunits = { };");
    assert_int_equal(conf_list_size(f->conf, &list), 0);
    assert_int_equal(conf_list_size(f->conf, &list), 0);
    expect_problem(f, ":2: units must be a list of groups: units = ( { … }, { … } );");
    open_text(f, "\nunit = ( { } );");
    conf_read_group(f->conf, &required, &f->values);
    expect_problem(f, ":2: unit must be a group: unit = { … };");
}

static void a_file_that_cannot_be_read_is_one_problem(void **state)
{
    struct fixture *f = *state;

    f->conf = conf_open(f->file);
    conf_read_group(f->conf, &required, &f->values);
    expect_problem(f, ": cannot read: No such file or directory");
    assert_int_equal(conf_list_size(f->conf, &list), 0);
}

static void a_syntax_error_tells_its_line(void **state)
{
    struct fixture *f = *state;

    read_group(f, "unit = {\n fps = ;\n};");
    expect_problem(f, ":2: syntax error");
    read_group(f, "unit = {\n fps = 1;\n fps = 2;\n};");
    expect_problem(f, ":3: duplicate setting name");
    assert_int_equal(f->values.fps, 25);
    read_group(f, "/* x\n");
    expect_problem(f, ":1: this comment is never closed");
    read_group(f, "\nunit = { title = \"x\n};\n");
    expect_problem(f, ":2: this quoted text is never closed");
}

static void include_is_refused_outside_of_texts_and_comments(void **state)
{
    struct fixture *f = *state;

    write_file(f, "other.conf", "unit = { fps = 3; };", 0600);
    read_group(f, "# @include\n/* \n @include */ // @\n@include \"other.conf\"\n");
    expect_problem(f, ":4: @include is not supported: keep one file");
    assert_int_equal(f->values.fps, 25);
    read_group(f, "# @include\nunit = { title = \"\\\"@\\\\\"; }; // \"@\n");
    expect_no_problem(f);
    assert_string_equal(f->values.title, "\"@\\");
}

static void a_number_that_libconfig_would_cut_is_refused(void **state)
{
    struct fixture *f = *state;

    read_group(f, "unit = {\n bytes = 5000000000;\n};");
    expect_problem(f, ":2: number 5000000000 needs an L behind it: 5000000000L");
    read_group(f, "unit = {\n bytes = -99999999999999999999L;\n};");
    expect_problem(f, ":2: number -99999999999999999999 is too large");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    struct fixture *f = *state;

    write_file(f, "lapsed.conf", "", 0664);
    f->conf = conf_open(f->file);
    expect_problem(f, ": others may write this file: chmod go-w it");
}

static void a_secret_comes_from_the_first_line_of_a_file_beside_the_config(void **state)
{
    struct fixture *f = *state;

    write_file(f, "pw", "se cret\r\nnot this\n", 0640);
    read_group(f, "unit = { password_file = \"pw\"; };");
    expect_no_problem(f);
    assert_string_equal(f->values.password, "se cret");
    assert_true(conf_is_set(f->conf, &group, 0, "password"));
}

static void a_careless_secret_file_is_a_problem(void **state)
{
    struct fixture *f = *state;
    static const char *const text = "unit = { password_file = \"pw\"; };";

    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), ":1: unit.password_file: cannot read /"));
    write_file(f, "pw", "secret\n", 0644);
    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "password_file: others may read /"));
    assert_null(f->values.password);
    write_file(f, "pw", "secret\n", 0660);
    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "password_file: others may write /"));
    write_file(f, "pw", "\n", 0600);
    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "the first line of /"));
    read_group(f, "unit = { password = \"a\"; password_file = \"pw\"; };");
    assert_int_equal(conf_problem_count(f->conf), 1);
    assert_non_null(strstr(conf_problem_text(f->conf, 0),
                           "password, password_file and password_credential stand here: keep one"));
}

static void a_secret_comes_from_a_credential_of_systemd(void **state)
{
    struct fixture *f = *state;
    static const char *const text = "unit = { password_credential = \"unit-password\"; };";

    unsetenv("CREDENTIALS_DIRECTORY");
    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0),
                           ":1: unit.password_credential: systemd gave us no credentials: the "
                           "service needs LoadCredential=unit-password:PATH"));
    setenv("CREDENTIALS_DIRECTORY", f->dir, 1);
    read_group(f, text);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "cannot read /"));
    write_file(f, "unit-password", "from systemd\n", 0400);
    read_group(f, text);
    expect_no_problem(f);
    assert_string_equal(f->values.password, "from systemd");
    read_group(f, "unit = { password_credential = \"../pw\"; };");
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "'../pw' is no name of a credential"));
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_secret_in_a_configuration_that_others_may_read_is_a_problem(void **state)
{
    struct fixture *f = *state;

    read_group(f, "unit = {\n password = \"x\"; };");
    expect_no_problem(f);
    write_file(f, "lapsed.conf", "unit = {\n password = \"x\"; };", 0644);
    conf_close(f->conf);
    f->conf = conf_open(f->file);
    conf_values_done(&group, &f->values);
    memset(&f->values, 0, sizeof(f->values));
    conf_read_group(f->conf, &group, &f->values);
    assert_int_equal(conf_problem_count(f->conf), 1);
    assert_non_null(strstr(conf_problem_text(f->conf, 0), ":2: unit.password: "));
    assert_non_null(strstr(conf_problem_text(f->conf, 0), "chmod o-r it, or use password_file"));
    assert_null(f->values.password);
}

static char *print(const struct conf_table *table, const struct values *values, bool item)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    conf_print(table, values, item, out);
    fclose(out);
    return text;
}

static void set_all(struct values *v)
{
    static const struct conf_strings none = {0};

    v->title = xstrdup("q\"b\\n\n\t\x01\x7f é@");
    v->id = xstrdup("a-b_1");
    v->dir = xstrdup("/a b");
    v->url = xstrdup("http://h/?a=\"");
    v->fps = 120;
    v->quality = 0.1 + 0.2;
    v->kind = 2;
    v->triggers = 6;
    v->args.count = 2;
    v->args.items = xcalloc(2, sizeof(char *));
    v->args.items[0] = xstrdup("x,y");
    v->args.items[1] = xstrdup("");
    v->cameras = none;
    v->bytes = INT64_MIN;
}

static void expect_same(const struct values *a, const struct values *b)
{
    assert_int_equal(a->enabled, b->enabled);
    assert_int_equal(a->fps, b->fps);
    assert_memory_equal(&a->quality, &b->quality, sizeof(a->quality));
    assert_string_equal(a->title, b->title);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->dir, b->dir);
    assert_string_equal(a->url, b->url);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->triggers, b->triggers);
    assert_int_equal(a->args.count, b->args.count);
    assert_string_equal(a->args.items[0], b->args.items[0]);
    assert_string_equal(a->args.items[1], b->args.items[1]);
    assert_int_equal(a->cameras.count, b->cameras.count);
    assert_int_equal(a->bytes, b->bytes);
    assert_null(b->password);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    struct fixture *f = *state;
    struct values written = {0};
    CLEANUP(free_p) char *text = NULL, *item = NULL, *items = NULL;

    set_all(&written);
    text = print(&group, &written, false);
    read_group(f, text);
    expect_no_problem(f);
    expect_same(&written, &f->values);

    item = print(&list, &written, true);
    items = xasprintf("units = (\n%s,\n%s);\n", item, item);
    open_text(f, items);
    assert_int_equal(conf_list_size(f->conf, &list), 2);
    conf_values_done(&group, &f->values);
    conf_read_item(f->conf, &list, 1, &f->values);
    expect_no_problem(f);
    expect_same(&written, &f->values);
    conf_values_done(&group, &written);
}

static void a_whole_float_reads_back_as_the_same_number(void **state)
{
    struct values written = {.fps = 1, .quality = 1};
    CLEANUP(free_p) char *text = print(&group, &written, false);

    assert_non_null(strstr(text, "quality = 1.0;"));
    read_group(*state, text);
    expect_no_problem(*state);
    assert_memory_equal(&written.quality, &((struct fixture *)*state)->values.quality,
                        sizeof(double));
}

static void a_secret_is_never_printed(void **state)
{
    const struct values *v = read_group(*state, "unit = { password = \"hunter2\"; };");
    CLEANUP(free_p) char *text = print(&group, v, false);

    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "password = \"…\";"));
}

static void one_field_is_set_from_bare_text(void **state)
{
    struct fixture *f = *state;
    struct values *v = read_group(f, "");

    assert_int_equal(conf_set_text(&group, v, "enabled", "OFF", NULL), 0);
    assert_false(v->enabled);
    assert_int_equal(conf_set_text(&group, v, "enabled", "1", NULL), 0);
    assert_true(v->enabled);
    assert_int_equal(conf_set_text(&group, v, "fps", "10", NULL), 0);
    assert_int_equal(v->fps, 10);
    assert_int_equal(conf_set_text(&group, v, "triggers", "interval,  pause", NULL), 0);
    assert_int_equal(v->triggers, 6);
    assert_int_equal(conf_set_text(&group, v, "triggers", "", NULL), 0);
    assert_int_equal(v->triggers, 0);
    assert_int_equal(conf_set_text(&group, v, "cameras", "a,b ,c", NULL), 0);
    assert_int_equal(v->cameras.count, 3);
    assert_string_equal(v->cameras.items[1], "b");
}

static const struct conf_field *field_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_equal(fields[i].key, key))
            return &fields[i];
    fail_msg("no field %s", key);
    return NULL;
}

/* As reload compares a file with what is in force. */
static void values_are_compared_and_copied_field_by_field(void **state)
{
    static const char *const changed[] = {"enabled", "fps", "quality", "kind", "triggers"};
    struct fixture *f = *state;
    struct values other = {0};

    read_group(f, "unit = { };\n");
    conf_read_group(f->conf, &group, &other);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_true(conf_field_equal(&fields[i], &f->values, &other));
    conf_values_done(&group, &other);
    other = (struct values){.fps = 7, .triggers = 0, .title = xstrdup("other")};
    assert_false(conf_field_equal(field_of("title"), &f->values, &other));
    assert_false(conf_field_equal(field_of("cameras"), &f->values, &other));
    for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
        const struct conf_field *field = field_of(changed[i]);

        assert_false(conf_field_equal(field, &f->values, &other));
        conf_field_copy(field, &f->values, &other);
        assert_true(conf_field_equal(field, &f->values, &other));
    }
    assert_int_equal(f->values.fps, 7);
    conf_values_done(&group, &other);
}

static void a_refused_bare_text_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct values *v = read_group(f, "");
    struct error err = {0};

    assert_int_equal(conf_set_text(&group, v, "fsp", "1", &err), -ENOENT);
    assert_int_equal(conf_set_text(&group, v, "dir", "/", &err), -EPERM);
    assert_int_equal(conf_set_text(&group, v, "fps", "x", &err), -EINVAL);
    assert_int_equal(conf_set_text(&group, v, "fps", "5 ", &err), -EINVAL);
    assert_int_equal(conf_set_text(&group, v, "fps", "0", &err), -ERANGE);
    assert_string_equal(err.text, "fps: 0 is out of range 1..120 /s");
    assert_int_equal(v->fps, 25);
    assert_int_equal(conf_set_text(&group, v, "quality", "nan", &err), -EINVAL);
    assert_int_equal(conf_set_text(&group, v, "enabled", "yes", &err), -EINVAL);
    assert_int_equal(conf_set_text(&group, v, "triggers", "layer,x", &err), -EINVAL);
    assert_int_equal(v->triggers, 1);
    assert_int_equal(conf_set_text(&group, v, "cameras", "a,,b", &err), -EINVAL);
    assert_int_equal(v->cameras.count, 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_absent_group_gives_the_defaults),
        CASE(every_type_is_read),
        CASE(a_wrong_value_is_a_problem_at_its_line),
        CASE(a_wrong_value_leaves_the_default),
        CASE(all_problems_are_collected_in_the_order_of_lines),
        CASE(an_unknown_setting_names_the_nearest),
        CASE(a_missing_required_setting_is_a_problem),
        CASE(a_list_of_groups_is_read_by_item),
        CASE(a_group_for_a_list_and_a_list_for_a_group_are_problems),
        CASE(a_file_that_cannot_be_read_is_one_problem),
        CASE(a_syntax_error_tells_its_line),
        CASE(include_is_refused_outside_of_texts_and_comments),
        CASE(a_number_that_libconfig_would_cut_is_refused),
        CASE(a_file_that_others_may_write_is_refused),
        CASE(a_secret_comes_from_the_first_line_of_a_file_beside_the_config),
        CASE(a_careless_secret_file_is_a_problem),
        CASE(a_secret_comes_from_a_credential_of_systemd),
        CASE(a_secret_in_a_configuration_that_others_may_read_is_a_problem),
        CASE(what_is_printed_reads_back_the_same),
        CASE(a_whole_float_reads_back_as_the_same_number),
        CASE(a_secret_is_never_printed),
        CASE(one_field_is_set_from_bare_text),
        CASE(values_are_compared_and_copied_field_by_field),
        CASE(a_refused_bare_text_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
