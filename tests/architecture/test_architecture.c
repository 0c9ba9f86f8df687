/* SPDX-License-Identifier: MIT */
/* The tree keeps the rules of the house: direction, doors, banned calls, and a few more. The check
 * itself is tried on small trees that break them, so that its silence means something. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/architecture/check.h"
#include "tests/architecture/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LICENCE        "/* SPDX-License-Identifier: MIT */\n"
#define SCRIPT_LICENCE "# SPDX-License-Identifier: MIT\n"

static int set_up(void **state)
{
    char dir[] = "/tmp/lapsed-architecture-XXXXXX";

    if (!mkdtemp(dir))
        return -1;
    *state = xstrdup(dir);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(path_remove_tree(*state, NULL), 0);
    free(*state);
    return 0;
}

static void put(void **state, const char *path, const char *text)
{
    CLEANUP(free_p) char *full = path_join(*state, path);
    char *slash = strrchr(full, '/');

    *slash = '\0';
    assert_int_equal(path_make_dirs(full, NULL), 0);
    assert_int_equal(path_write_durable(full, slash + 1, text, strlen(text), NULL), 0);
}

static void expect(void **state, const char *expected)
{
    CLEANUP(free_p) char *said = NULL;
    size_t len, lines = 0, count;
    FILE *report = open_memstream(&said, &len);

    count = architecture_check(*state, report);
    assert_int_equal(fclose(report), 0);
    assert_string_equal(said, expected);
    for (const char *at = said; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(count, lines);
}

/* One C file and all that is wrong with it. */
static void expect_of(void **state, const char *path, const char *code, const char *expected)
{
    CLEANUP(free_p) char *text = xasprintf("%s%s", LICENCE, code);

    put(state, path, text);
    expect(state, expected);
}

/* --- this tree --- */

static void this_tree_keeps_the_rules(void **state)
{
    size_t count = architecture_check(SOURCE_DIR, stderr);

    (void)state;
    assert_int_equal(count, 0);
}

/* --- direction --- */

static void a_tree_that_keeps_the_rules_is_passed(void **state)
{
    put(state, "agent/base/str.c", LICENCE "#include \"agent/base/str.h\"\n#include <string.h>\n");
    put(state, "mqtt/a.c", LICENCE "#include \"mqtt/a.h\"\n#include \"agent/base/str.h\"\n");
    put(state, "agent/unit/unit.c", LICENCE "#include \"encode/video.h\"\n");
    put(state, "tests/e2e/a.c", LICENCE "#include \"tests/sim/b.h\"\n#include \"mqtt/a.h\"\n");
    put(state, "CMakeLists.txt", SCRIPT_LICENCE);
    put(state, "README.md", "# lapsed\n");
    expect(state, "");
}

static void the_ground_includes_nothing_above_it(void **state)
{
    expect_of(state, "agent/base/loop.h", "\n#include \"agent/config.h\"\n",
              "agent/base/loop.h:3: agent/base/ must not include agent/config.h\n");
}

static void the_ports_know_neither_each_other_nor_the_agent(void **state)
{
    put(state, "mqtt/a.c", LICENCE "#include \"agent/unit/unit.h\"\n#include \"capture/jpeg.h\"\n");
    put(state, "capture/b.c", LICENCE "#include \"encode/video.h\"\n");
    put(state, "encode/c.h", LICENCE "#include \"mqtt/client.h\"\n");
    expect(state, "capture/b.c:2: capture/ must not include encode/video.h\n"
                  "encode/c.h:2: encode/ must not include mqtt/client.h\n"
                  "mqtt/a.c:2: mqtt/ must not include agent/unit/unit.h\n"
                  "mqtt/a.c:3: mqtt/ must not include capture/jpeg.h\n");
}

static void nobody_includes_the_tests(void **state)
{
    expect_of(state, "agent/unit/unit.c", "#include \"tests/sim/printer.h\"\n",
              "agent/unit/unit.c:2: agent/ must not include tests/sim/printer.h\n");
}

static void an_include_names_its_file_from_the_top(void **state)
{
    expect_of(state, "mqtt/a.c", "#include \"b.h\"\n#include \"mqtt/../agent/unit/unit.h\"\n",
              "mqtt/a.c:2: \"b.h\" is not named from the top of the tree, as "
              "\"agent/base/str.h\"\n"
              "mqtt/a.c:3: \"mqtt/../agent/unit/unit.h\" is not named from the top of the tree, as "
              "\"agent/base/str.h\"\n");
}

static void an_include_is_seen_in_any_dress(void **state)
{
    expect_of(state, "mqtt/a.c",
              "  #  include\t\"agent/unit/unit.h\" /* x */\n"
              "/* one */ #include \"agent/app.h\"\n"
              "#if 0\n#include \"encode/video.h\"\n#endif\n"
              "#include <uv.h>",
              "mqtt/a.c:2: mqtt/ must not include agent/unit/unit.h\n"
              "mqtt/a.c:3: mqtt/ must not include agent/app.h\n"
              "mqtt/a.c:5: mqtt/ must not include encode/video.h\n"
              "mqtt/a.c:7: uv.h may be included only by agent/base/loop.c and others\n");
}

static void an_include_in_a_comment_or_a_text_is_none(void **state)
{
    expect_of(state, "mqtt/a.c",
              "// #include \"agent/unit/unit.h\"\n"
              "/*\n#include \"agent/unit/unit.h\"\n*/\n"
              "static const char *text = \"\\\n#include <uv.h>\\\n\";\n",
              "");
}

/* --- doors --- */

static void a_library_is_included_by_its_door_only(void **state)
{
    static const char includes[] = "#include <curl/curl.h>\n#include <libconfig.h>\n"
                                   "#include <cjson/cJSON.h>\n#include <mosquitto.h>\n"
                                   "#include <sqlite3.h>\n#include <turbojpeg.h>\n"
                                   "#include <jpeglib.h>\n#include <uv.h>\n";

    expect_of(state, "agent/unit/unit.c", includes,
              "agent/unit/unit.c:2: curl/curl.h may be included only by agent/base/http.c\n"
              "agent/unit/unit.c:3: libconfig.h may be included only by agent/base/conf.c\n"
              "agent/unit/unit.c:4: cjson/cJSON.h may be included only by agent/base/json.c\n"
              "agent/unit/unit.c:5: mosquitto.h may be included only by mqtt/\n"
              "agent/unit/unit.c:6: sqlite3.h may be included only by agent/journal/database.c\n"
              "agent/unit/unit.c:7: turbojpeg.h may be included only by capture/jpeg.c and others\n"
              "agent/unit/unit.c:8: jpeglib.h may be included only by capture/jpeg.c and others\n"
              "agent/unit/unit.c:9: uv.h may be included only by agent/base/loop.c and others\n");
}

static void the_doors_may_include_their_library(void **state)
{
    put(state, "agent/base/http.c", LICENCE "#include <curl/curl.h>\n");
    put(state, "agent/base/process.c", LICENCE "#include <uv.h>\n");
    put(state, "agent/journal/database.c", LICENCE "#include <sqlite3.h>\n");
    put(state, "mqtt/pump.c", LICENCE "#include <mosquitto.h>\n");
    put(state, "capture/jpeg.c", LICENCE "#include <turbojpeg.h>\n");
    put(state, "tests/sim/camera.c", LICENCE "#include <uv.h>\n#include <turbojpeg.h>\n");
    expect(state, "");
}

static void a_door_that_may_stand_anywhere_in_a_room_is_still_one(void **state)
{
    put(state, "mqtt/a.c", LICENCE "#include <mosquitto.h>\n#include <mosquitto.h>\n");
    put(state, "mqtt/b.c", LICENCE "#include <mosquitto.h>\n");
    put(state, "mqtt/b.h", LICENCE "#include <mosquitto.h>\n");
    expect(state, "mqtt/b.c:2: mosquitto.h is included by mqtt/a.c already\n"
                  "mqtt/b.h:2: mosquitto.h is included by mqtt/a.c already\n");
}

static void a_library_in_quotes_is_seen_too(void **state)
{
    expect_of(state, "agent/unit/unit.c", "#include \"uv.h\"\n",
              "agent/unit/unit.c:2: \"uv.h\" is not named from the top of the tree, as "
              "\"agent/base/str.h\"\n"
              "agent/unit/unit.c:2: uv.h may be included only by agent/base/loop.c and others\n");
}

static void what_drivers_share_stays_among_them(void **state)
{
    put(state, "capture/camera/http.c", LICENCE "#include \"capture/camera/driver.h\"\n");
    put(state, "agent/printer/duet.c", LICENCE "#include \"agent/printer/driver.h\"\n");
    put(state, "capture/frame_store.c", LICENCE "#include \"capture/camera/driver.h\"\n");
    put(state, "agent/unit/unit.c", LICENCE "#include \"agent/printer/driver.h\"\n");
    put(state, "agent/base/json.c", LICENCE "#include \"agent/base/conf_value.h\"\n");
    expect(state,
           "agent/base/json.c:2: agent/base/conf_value.h may be included only by "
           "agent/base/conf.c and others\n"
           "agent/unit/unit.c:2: agent/printer/driver.h may be included only by agent/printer/ and "
           "others\n"
           "capture/frame_store.c:2: capture/camera/driver.h may be included only by "
           "capture/camera/ and others\n");
}

/* --- banned calls --- */

static void every_banned_call_is_seen(void **state)
{
    static const char *const names[] = {
        "strcpy", "strcat", "sprintf", "strncpy", "gets",   "strtok",    "atoi",   "atof",
        "strtol", "system", "popen",   "sleep",   "usleep", "localtime", "gmtime", "alloca"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *code = xasprintf("int x = f(%s(y));\n", names[i]);
        CLEANUP(free_p) char *said = xasprintf("encode/a.c:2: %s() is banned\n", names[i]);

        expect_of(state, "encode/a.c", code, said);
    }
}

static void a_banned_call_is_seen_wherever_it_stands(void **state)
{
    expect_of(state, "capture/a.c",
              "f(\"//\"); strcpy (a, b);\n"
              "char q = '\"'; strcat\n(a, b);\n"
              "/* \" */ gets(a); /* ' */ atoi(a);\n"
              "#define X(y) system(y)\n",
              "capture/a.c:2: strcpy() is banned\n"
              "capture/a.c:3: strcat() is banned\n"
              "capture/a.c:5: gets() is banned\n"
              "capture/a.c:5: atoi() is banned\n"
              "capture/a.c:6: system() is banned\n");
}

static void what_only_looks_like_a_banned_call_is_passed(void **state)
{
    expect_of(state, "agent/a.c",
              "fgets(a); my_system(a); gets_all(a); localtime_r(a, b); strtoll(a, b, 10);\n"
              "/* strcpy(a, b) */ // sleep(1)\n"
              "\"sleep(\\\"1\\\") popen(x)\"; '('; driver->system(a); driver . sleep(b);\n"
              "int system; int atoi = 3;\n",
              "");
}

static void tests_may_call_what_they_like(void **state)
{
    expect_of(state, "tests/base/a.c", "system(x);\n", "");
}

/* --- licence, top level, paths --- */

static void the_licence_stands_first(void **state)
{
    put(state, "agent/a.c", "\n" LICENCE);
    put(state, "agent/b.h", "/* b: */\n");
    put(state, "agent/c.c", "");
    put(state, "agent/CMakeLists.txt", "add_library(x)\n");
    put(state, "agent/x.cmake", "#\n");
    put(state, "conf/a.sh", "#!/bin/sh\n" SCRIPT_LICENCE);
    put(state, "conf/b.sh", "#!/bin/sh\nset -e\n");
    put(state, ".ci/run", "#!/bin/sh");
    expect(state,
           ".ci/run:2: the licence must stand here: # SPDX-License-Identifier: MIT\n"
           "agent/CMakeLists.txt:1: the licence must stand here: # SPDX-License-Identifier: MIT\n"
           "agent/a.c:1: the licence must stand here: /* SPDX-License-Identifier: MIT */\n"
           "agent/b.h:1: the licence must stand here: /* SPDX-License-Identifier: MIT */\n"
           "agent/x.cmake:1: the licence must stand here: # SPDX-License-Identifier: MIT\n"
           "conf/b.sh:2: the licence must stand here: # SPDX-License-Identifier: MIT\n");
}

static void the_top_level_has_the_agreed_names_only(void **state)
{
    put(state, "src/a.c", "");
    put(state, "notes.txt", "");
    put(state, "mqtt.c", "");
    put(state, "build/dev/a.c", "system(1)");
    put(state, ".git/a.c", "system(1)");
    expect(state, "mqtt.c:1: does not belong at the top level\n"
                  "notes.txt:1: does not belong at the top level\n"
                  "src:1: does not belong at the top level\n");
}

/* The first character is escaped where this very file would be found. */
static void a_path_that_only_one_machine_has_is_seen(void **state)
{
    put(state, "README.md", "see\n`\x2fhome/ann/lapsed` and (\x2fwork/x)\n");
    put(state, "conf/a.conf", "\x2froot/x = \"\x2fUsers/bob\";");
    put(state, "tests/CMakeLists.txt", SCRIPT_LICENCE "set(X \"\x24{CMAKE_SOURCE_DIR}/../y\")\n");
    expect(state, "README.md:2: what only one machine has: \x2fhome/…\n"
                  "README.md:2: what only one machine has: \x2fwork/…\n"
                  "conf/a.conf:1: what only one machine has: \x2froot/…\n"
                  "conf/a.conf:1: what only one machine has: \x2fUsers/…\n"
                  "tests/CMakeLists.txt:2: what only one machine has: "
                  "\x24{CMAKE_SOURCE_DIR}/..…\n");
}

static void a_path_below_a_variable_or_a_host_is_passed(void **state)
{
    put(state, "conf/a.sh",
        "#!/bin/sh\n" SCRIPT_LICENCE "ls $d/work/x ${d}/home/y http://pi/root/z ../work/q\n");
    expect(state, "");
}

static void a_link_out_of_the_tree_is_not_followed(void **state)
{
    CLEANUP(free_p) char *link = path_join(*state, "tests");

    assert_int_equal(symlink("/", link), 0);
    expect(state, "tests:1: is neither a file nor a folder\n");
}

/* --- looking past comments and quotes --- */

static void code_keeps_its_places_without_comments_and_quotes(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", ""},
        {"a // b\nc", "a     \nc"},
        {"a /* b\n*/ c", "a     \n   c"},
        {"a /* b", "a     "},
        {"f(\"a\\\"b\") + '\\''", "f(      ) +     "},
        {"\"/*\" x \"*/\"", "     x     "},
        {"/* \" */ x", "        x"},
        {"a \"b\nc", "a   \nc"},
        {"a/b", "a/b"},
        {"\"\\", "  "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(free_p) char *code = source_code_only(cases[i].text);

        assert_string_equal(code, cases[i].code);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_tree_keeps_the_rules),
        TEST(a_tree_that_keeps_the_rules_is_passed),
        TEST(the_ground_includes_nothing_above_it),
        TEST(the_ports_know_neither_each_other_nor_the_agent),
        TEST(nobody_includes_the_tests),
        TEST(an_include_names_its_file_from_the_top),
        TEST(an_include_is_seen_in_any_dress),
        TEST(an_include_in_a_comment_or_a_text_is_none),
        TEST(a_library_is_included_by_its_door_only),
        TEST(the_doors_may_include_their_library),
        TEST(a_door_that_may_stand_anywhere_in_a_room_is_still_one),
        TEST(a_library_in_quotes_is_seen_too),
        TEST(what_drivers_share_stays_among_them),
        TEST(every_banned_call_is_seen),
        TEST(a_banned_call_is_seen_wherever_it_stands),
        TEST(what_only_looks_like_a_banned_call_is_passed),
        TEST(tests_may_call_what_they_like),
        TEST(the_licence_stands_first),
        TEST(the_top_level_has_the_agreed_names_only),
        TEST(a_path_that_only_one_machine_has_is_seen),
        TEST(a_path_below_a_variable_or_a_host_is_passed),
        TEST(a_link_out_of_the_tree_is_not_followed),
        cmocka_unit_test(code_keeps_its_places_without_comments_and_quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
