/* SPDX-License-Identifier: MIT */
/* check: walks the tree once; each rule looks at one file at a time. Reading the includes is crude
 * next to asking the compiler, but it sees the files of every configuration, also those that are
 * not built here. */
#include "tests/architecture/check.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/architecture/rules.h"
#include "tests/architecture/source.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX_BYTES = 8 * 1024 * 1024 };

struct check {
    const char *root;
    FILE *report;
    size_t violations;
    char **door_readers; /* the first of each door_rules[] that may have only one */
};

/* One file, its path relative to the root. */
struct file {
    struct check *check;
    const char *path;
    const char *text;
    const char *code; /* C only, else NULL */
};

static void violation(struct check *check, const char *path, unsigned line, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void violation(struct check *check, const char *path, unsigned line, const char *fmt, ...)
{
    va_list args;

    check->violations++;
    fprintf(check->report, "%s:%u: ", path, line);
    va_start(args, fmt);
    vfprintf(check->report, fmt, args);
    va_end(args);
    fputc('\n', check->report);
}

static bool is_in(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (str_equal(*names, name))
            return true;
    return false;
}

static bool is_c(const char *path)
{
    return str_ends_with(path, ".c") || str_ends_with(path, ".h");
}

static bool is_script(const struct file *file)
{
    return str_ends_with(file->path, ".sh") || str_ends_with(file->path, ".cmake") ||
           str_ends_with(file->path, "CMakeLists.txt") || str_starts_with(file->text, "#!");
}

/* --- includes --- */

static const struct room_rule *room_of(const char *path)
{
    for (size_t i = 0; i < room_rule_count; i++)
        if (rule_covers(room_rules[i].place, path))
            return &room_rules[i];
    return NULL;
}

static void check_direction(const struct file *file, const char *included, unsigned line)
{
    const struct room_rule *room = room_of(file->path);

    if (!room_of(included) || strstr(included, "../"))
        violation(file->check, file->path, line,
                  "\"%s\" is not named from the top of the tree, as \"agent/base/str.h\"",
                  included);
    else if (room && !rule_any_covers(room->may_include, included))
        violation(file->check, file->path, line, "%s must not include %s", room->place, included);
}

static void check_door(const struct file *file, size_t index, const char *included, unsigned line)
{
    const struct door_rule *door = &door_rules[index];
    char **reader = &file->check->door_readers[index];

    if (!rule_any_covers(door->readers, file->path))
        violation(file->check, file->path, line, "%s may be included only by %s%s", included,
                  door->readers[0], door->readers[1] ? " and others" : "");
    else if (door->one_reader && *reader && !str_equal(*reader, file->path))
        violation(file->check, file->path, line, "%s is included by %s already", included, *reader);
    else
        replace_str(reader, file->path);
}

static void check_doors(const struct file *file, const char *included, unsigned line)
{
    for (size_t i = 0; i < door_rule_count; i++)
        if (rule_covers(door_rules[i].header, included))
            check_door(file, i, included, line);
}

static void check_includes(const struct file *file)
{
    struct source_include include = {0};
    size_t offset = 0;

    while (source_next_include(file->text, file->code, offset, &include)) {
        unsigned line = source_line(file->text, include.offset);

        if (include.quoted)
            check_direction(file, include.path, line);
        check_doors(file, include.path, line);
        offset = include.offset + 1;
    }
}

/* --- calls --- */

static void check_calls(const struct file *file)
{
    struct source_word word = {0};

    if (!rule_any_covers(banned_in, file->path))
        return;
    while (source_next_call(file->code, word.offset + word.len, &word)) {
        CLEANUP(free_p) char *name = xstrndup(file->code + word.offset, word.len);

        if (is_in(banned_calls, name))
            violation(file->check, file->path, source_line(file->code, word.offset),
                      "%s() is banned", name);
    }
}

/* --- any text --- */

static void check_licence(const struct file *file)
{
    const char *wanted =
        file->code ? "/* SPDX-License-Identifier: MIT */\n" : "# SPDX-License-Identifier: MIT\n";
    bool has_interpreter = str_starts_with(file->text, "#!");
    const char *line = file->text;

    if (has_interpreter)
        line += MIN(strcspn(line, "\n") + 1, strlen(line));
    if (*file->text && !str_starts_with(line, wanted))
        violation(file->check, file->path, has_interpreter ? 2 : 1,
                  "the licence must stand here: %.*s", (int)strlen(wanted) - 1, wanted);
}

/* A path begins behind something that cannot belong to a path or an address. */
static bool begins_path(const char *text, const char *at)
{
    return at == text || !(isalnum((unsigned char)at[-1]) || strchr("._-/})$~*", at[-1]));
}

static void check_foreign_paths(const struct file *file)
{
    for (const char *const *path = foreign_paths; *path; path++)
        for (const char *at = file->text; (at = strstr(at, *path)); at++)
            if (begins_path(file->text, at))
                violation(file->check, file->path,
                          source_line(file->text, (size_t)(at - file->text)),
                          "what only one machine has: %s…", *path);
}

/* --- the walk --- */

static void check_text(struct check *check, const char *path, const char *text)
{
    CLEANUP(free_p) char *code = is_c(path) ? source_code_only(text) : NULL;
    struct file file = {.check = check, .path = path, .text = text, .code = code};

    if (code || is_script(&file))
        check_licence(&file);
    if (code) {
        check_includes(&file);
        check_calls(&file);
    }
    check_foreign_paths(&file);
}

static void check_file(struct check *check, const char *path)
{
    CLEANUP(free_p) char *full = path_join(check->root, path);
    CLEANUP(free_p) char *text = NULL;
    size_t len = 0;
    struct error err = {0};

    if (path_read_file(full, FILE_MAX_BYTES, &text, &len, &err) < 0)
        violation(check, path, 1, "%s", err.text);
    else if (!memchr(text, '\0', len)) /* else a picture or the like */
        check_text(check, path, text);
}

static int is_not_dots(const struct dirent *entry)
{
    return !str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void check_dir(struct check *check, const char *path);

static void check_entry(struct check *check, const char *path)
{
    CLEANUP(free_p) char *full = path_join(check->root, path);
    struct stat st;

    if (lstat(full, &st) < 0)
        return; /* an editor's file that was there a moment ago */
    if (S_ISDIR(st.st_mode))
        check_dir(check, path);
    else if (S_ISREG(st.st_mode))
        check_file(check, path);
    else
        violation(check, path, 1, "is neither a file nor a folder");
}

/* path "": the top level. */
static void check_dir(struct check *check, const char *path)
{
    CLEANUP(free_p) char *full = path_join(check->root, path);
    struct dirent **entries = NULL;
    int count = scandir(full, &entries, is_not_dots, by_name);

    if (count < 0)
        violation(check, *path ? path : ".", 1, "cannot be read");
    for (int i = 0; i < count; i++) {
        CLEANUP(free_p)
        char *entry = *path ? path_join(path, entries[i]->d_name) : xstrdup(entries[i]->d_name);

        if (!*path && is_in(ignored_names, entry))
            ;
        else if (!*path && !is_in(top_level_names, entry))
            violation(check, entry, 1, "does not belong at the top level");
        else
            check_entry(check, entry);
        free(entries[i]);
    }
    free(entries);
}

size_t architecture_check(const char *root, FILE *report)
{
    struct check check = {.root = root, .report = report};

    check.door_readers = xcalloc(door_rule_count, sizeof(*check.door_readers));
    check_dir(&check, "");
    for (size_t i = 0; i < door_rule_count; i++)
        free(check.door_readers[i]);
    free(check.door_readers);
    return check.violations;
}
