/* SPDX-License-Identifier: MIT */
#include "agent/base/trim.h"

#include "agent/base/common.h"
#include "agent/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long resident_file_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[128];
    long kib = -1;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "RssFile:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    fclose(file);
    return kib;
}

static void test_code_and_relocations_survive_it(void **state)
{
    char text[32];

    (void)state;
    for (int round = 0; round < 100; round++) {
        CLEANUP(free_p) char *copy = NULL;

        trim_pages();
        snprintf(text, sizeof(text), "%d %.1f", round, round / 2.0);
        copy = xstrdup(text);
        assert_string_equal(copy, text);
    }
}

/* A library of some size that nobody else here has touched. */
static void test_pages_that_were_only_looked_at_go(void **state)
{
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW);
    const char *(*version)(void);
    long before_kib, after_kib;

    (void)state;
    if (!library)
        skip();
    *(void **)&version = dlsym(library, "sqlite3_libversion");
    assert_non_null(version());
    before_kib = resident_file_kib();
    trim_pages();
    after_kib = resident_file_kib();
    assert_true(after_kib < before_kib);
    assert_non_null(version());
    dlclose(library);
}

static void test_blocks_in_use_keep_their_content(void **state)
{
    enum { COUNT = 64, BYTES = 100000 };
    char *blocks[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = xmalloc(BYTES);
        memset(blocks[i], i, BYTES);
    }
    trim_pages();
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(blocks[i][0], i);
        assert_int_equal(blocks[i][BYTES - 1], i);
        free(blocks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_and_relocations_survive_it),
        cmocka_unit_test(test_pages_that_were_only_looked_at_go),
        cmocka_unit_test(test_blocks_in_use_keep_their_content),
    };

    trim_allocator();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
