/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The fixture is a directory of the test's own. */
static int set_up(void **state)
{
    char *dir = xstrdup("/tmp/lapsed-path-XXXXXX");

    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    int rc = path_remove_tree(*state, NULL);

    free(*state);
    return rc;
}

static void write_text(const char *dir, const char *name, const char *text)
{
    assert_int_equal(path_write_durable(dir, name, text, strlen(text), NULL), 0);
}

static void expect_content(const char *dir, const char *name, const char *expected)
{
    CLEANUP(free_p) char *path = path_join(dir, name), *text = NULL;
    size_t len = 0;

    assert_int_equal(path_read_file(path, 1000, &text, &len, NULL), 0);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
}

static bool exists(const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = path_join(dir, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

static void make_dir(const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = path_join(dir, name);

    assert_int_equal(path_make_dirs(path, NULL), 0);
}

static void make_link(const char *target, const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = path_join(dir, name);

    assert_int_equal(symlink(target, path), 0);
}

static void a_join_has_one_slash(void **state)
{
    static const struct {
        const char *dir, *name, *joined;
    } cases[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p) char *joined = path_join(cases[i].dir, cases[i].name);
        assert_string_equal(joined, cases[i].joined);
    }
}

static void text_from_outside_becomes_a_harmless_name(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"benchy v2.gcode", "benchy_v2.gcode"},
        {"../../x", "x"},
        {"/etc/passwd", "etc-passwd"},
        {"..", "unnamed"},
        {".", "unnamed"},
        {"", "unnamed"},
        {"-rf", "rf"},
        {".hidden", "hidden"},
        {"a\nb\tc", "a-b-c"},
        {"Würfel 20mm.gcode", "W-rfel_20mm.gcode"},
        {"立方体.gcode", "gcode"},
        {"立方体", "unnamed"},
        {"a;rm -rf $HOME", "a-rm_-rf_-HOME"},
        {"\xff\xfe", "unnamed"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p) char *name = path_safe_name(cases[i].text);
        assert_string_equal(name, cases[i].name);
    }
}

static void a_safe_name_is_bounded_for_any_bytes(void **state)
{
    char text[4097];
    (void)state;

    for (int c = 1; c < 256; c++) {
        memset(text, c, sizeof(text) - 1);
        text[0] = 'a';
        text[sizeof(text) - 1] = '\0';
        CLEANUP(free_p) char *name = path_safe_name(text);
        assert_in_range(strlen(name), 1, PATH_SAFE_NAME_MAX);
        assert_null(strpbrk(name, "/\\ \n'\"$*?"));
        assert_true(str_is_utf8(name, strlen(name)));
    }
}

static void the_base_name_loses_directory_and_suffix(void **state)
{
    static const struct {
        const char *path, *suffix, *name;
    } cases[] = {
        {"/gcodes/a/benchy.gcode", ".gcode", "benchy"},
        {"benchy.gcode", NULL, "benchy.gcode"},
        {"a/benchy.gco", ".gcode", "benchy.gco"},
        {"a/b/", NULL, "b"},
        {"a/.gcode", ".gcode", ".gcode"},
        {"/", NULL, ""},
        {"", ".x", ""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p) char *name = path_base_name(cases[i].path, cases[i].suffix);
        assert_string_equal(name, cases[i].name);
    }
}

static void directories_are_made_with_their_parents_and_twice(void **state)
{
    CLEANUP(free_p) char *deep = path_join(*state, "a/b//c/");
    struct stat st;

    assert_int_equal(path_make_dirs(deep, NULL), 0);
    assert_int_equal(path_make_dirs(deep, NULL), 0);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0027, 0); /* nothing for others, and the group only reads */
}

static void a_file_in_the_way_of_a_directory_is_an_error(void **state)
{
    CLEANUP(free_p) char *file = path_join(*state, "file"), *below = path_join(*state, "file/x");
    struct error err = {0};

    write_text(*state, "file", "");
    assert_int_equal(path_make_dirs(file, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, file));
    assert_int_equal(path_make_dirs(below, &err), -ENOTDIR);
}

static void a_written_file_is_whole_and_replaces_the_old_one(void **state)
{
    write_text(*state, "f", "old");
    write_text(*state, "f", "new text");
    expect_content(*state, "f", "new text");
    assert_false(exists(*state, ".f.tmp"));
}

static void a_stale_or_planted_temporary_file_does_no_harm(void **state)
{
    CLEANUP(free_p) char *victim = path_join(*state, "victim");

    write_text(*state, "victim", "mine");
    make_link(victim, *state, ".f.tmp");
    write_text(*state, "f", "text");
    expect_content(*state, "f", "text");
    expect_content(*state, "victim", "mine");
    write_text(*state, ".g.tmp", "half a fi");
    write_text(*state, "g", "whole");
    expect_content(*state, "g", "whole");
    assert_false(exists(*state, ".g.tmp"));
}

static void a_failed_write_leaves_nothing_behind(void **state)
{
    struct error err = {0};

    make_dir(*state, "f/x");
    assert_true(path_write_durable(*state, "f", "x", 1, &err) < 0);
    assert_non_null(strstr(err.text, "/f: "));
    assert_false(exists(*state, ".f.tmp"));
    assert_int_equal(path_write_durable(*state, "a/b", "x", 1, &err), -EINVAL);
    assert_int_equal(path_write_durable(*state, "", "x", 1, &err), -EINVAL);
    assert_int_equal(path_write_durable("/nonexistent", "a", "x", 1, &err), -ENOENT);
}

static void a_file_is_read_up_to_its_maximum(void **state)
{
    CLEANUP(free_p) char *path = path_join(*state, "f"), *text = NULL;
    struct error err = {0};
    size_t len = 7;

    write_text(*state, "f", "12345");
    assert_int_equal(path_read_file(path, 4, &text, &len, &err), -EFBIG);
    assert_null(text);
    assert_int_equal(len, 7);
    assert_int_equal(path_read_file(path, 5, &text, &len, &err), 0);
    assert_string_equal(text, "12345");
    assert_int_equal(len, 5);
}

static void a_file_without_a_size_is_read(void **state)
{
    CLEANUP(free_p) char *text = NULL;
    (void)state;

    assert_int_equal(path_read_file("/proc/self/status", 65536, &text, NULL, NULL), 0);
    assert_true(str_starts_with(text, "Name:"));
}

static void an_empty_file_and_no_file_differ(void **state)
{
    CLEANUP(free_p) char *path = path_join(*state, "f"), *text = NULL;
    struct error err = {0};
    size_t len = 7;

    assert_int_equal(path_read_file(path, 10, &text, &len, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    write_text(*state, "f", "");
    assert_int_equal(path_read_file(path, 10, &text, &len, &err), 0);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    assert_int_equal(path_read_file(*state, 10, &text, &len, &err), -EISDIR);
}

static void a_tree_is_removed_without_following_links(void **state)
{
    CLEANUP(free_p) char *tree = path_join(*state, "tree"), *kept = path_join(*state, "kept");

    make_dir(*state, "kept");
    write_text(kept, "file", "precious");
    make_dir(tree, "a/b/c");
    write_text(tree, "f", "x");
    make_link(kept, tree, "to_dir");
    make_link("/nonexistent", tree, "dangling");
    make_link("..", tree, "a/up");
    assert_int_equal(path_remove_tree(tree, NULL), 0);
    assert_false(exists(*state, "tree"));
    expect_content(kept, "file", "precious");
    assert_int_equal(path_remove_tree(tree, NULL), 0);
}

static void a_link_to_a_tree_is_not_removed(void **state)
{
    CLEANUP(free_p) char *kept = path_join(*state, "kept"), *link = path_join(*state, "link");
    struct error err = {0};

    make_dir(*state, "kept");
    write_text(kept, "file", "precious");
    make_link("kept", *state, "link");
    assert_true(path_remove_tree(link, &err) < 0);
    assert_non_null(strstr(err.text, link));
    expect_content(kept, "file", "precious");
}

static void many_files_are_removed(void **state)
{
    CLEANUP(free_p) char *tree = path_join(*state, "tree");

    make_dir(*state, "tree");
    for (int i = 0; i < 2000; i++) {
        CLEANUP(free_p) char *path = xasprintf("%s/frame-%06d.jpg", tree, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(path_remove_tree(tree, NULL), 0);
    assert_false(exists(*state, "tree"));
}

static void free_bytes_are_asked_of_the_file_system(void **state)
{
    int64_t free_bytes = -1;
    struct error err = {0};

    assert_int_equal(path_free_bytes(*state, &free_bytes, &err), 0);
    assert_true(free_bytes > 0);
    assert_int_equal(path_free_bytes("/nonexistent", &free_bytes, &err), -ENOENT);
}

static void a_directory_is_synced_or_the_error_names_it(void **state)
{
    struct error err = {0};

    assert_int_equal(path_sync_dir(*state, &err), 0);
    assert_int_equal(path_sync_dir("/nonexistent", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_join_has_one_slash),
        CASE(text_from_outside_becomes_a_harmless_name),
        CASE(a_safe_name_is_bounded_for_any_bytes),
        CASE(the_base_name_loses_directory_and_suffix),
        CASE(directories_are_made_with_their_parents_and_twice),
        CASE(a_file_in_the_way_of_a_directory_is_an_error),
        CASE(a_written_file_is_whole_and_replaces_the_old_one),
        CASE(a_stale_or_planted_temporary_file_does_no_harm),
        CASE(a_failed_write_leaves_nothing_behind),
        CASE(a_file_is_read_up_to_its_maximum),
        CASE(a_file_without_a_size_is_read),
        CASE(an_empty_file_and_no_file_differ),
        CASE(a_tree_is_removed_without_following_links),
        CASE(a_link_to_a_tree_is_not_removed),
        CASE(many_files_are_removed),
        CASE(free_bytes_are_asked_of_the_file_system),
        CASE(a_directory_is_synced_or_the_error_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
