/* SPDX-License-Identifier: MIT */
/* The manual pages, as a reader gets them: nothing that a user may write or meet is left out. */
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "agent/config.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"
#include "agent/lapsed_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX_BYTES = 1024 * 1024, TIMEOUT_MS = 60000 };

struct run {
    struct loop *loop;
    int exit_code;
    char *out;
};

static void on_done(const struct process_result *result, void *user)
{
    struct run *run = user;

    run->exit_code = result->exit_code;
    run->out = xstrndup((const char *)result->stdout_data, result->stdout_len);
    loop_stop(run->loop);
}

/* The output; the caller frees. */
static char *run_program(const char *const *argv, int exit_code)
{
    struct process_config config = {
        .argv = argv, .stdout_max_bytes = PAGE_MAX_BYTES, .timeout_ms = TIMEOUT_MS};
    struct process *process;
    struct run run = {0};
    struct error err;

    assert_int_equal(loop_new(&run.loop, &err), 0);
    if (process_start(run.loop, &config, on_done, &run, &process, &err) < 0)
        fail_msg("%s; sh conf/install-packages.sh test", err.text);
    loop_run(run.loop);
    loop_free(run.loop);
    if (run.exit_code != exit_code)
        fail_msg("%s: exit code %d\n%s", argv[0], run.exit_code, run.out);
    return run.out;
}

/* mandoc makes letters bold by writing them twice: "x\bx". */
static void strip_bold(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++)
        if (*from == '\b' && to > text)
            to--;
        else
            *to++ = *from;
    *to = '\0';
}

static char *render(const char *page)
{
    CLEANUP(free_p) char *file = xasprintf(MANUAL_DIR "/%s", page);
    const char *argv[] = {"mandoc", "-T", "ascii", "-O", "width=200", file, NULL};
    char *text = run_program(argv, 0);

    strip_bold(text);
    return text;
}

static void expect(const char *page, const char *part)
{
    if (!strstr(page, part))
        fail_msg("'%s' is missing in the page:\n%.2000s", part, page);
}

static void test_pages_have_no_mistake_of_form(void **state)
{
    static const char *const pages[] = {"lapsed.8", "lapsectl.1", "lapsed.conf.5"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        char *file = xasprintf(MANUAL_DIR "/%s", pages[i]);
        const char *argv[] = {"mandoc", "-T", "lint", "-W", "warning", file, NULL};
        char *problems = run_program(argv, 0);

        assert_string_equal(problems, "");
        free(problems);
        free(file);
    }
}

static void test_lapsed_conf_has_every_setting_with_range_and_default(void **state)
{
    struct config *config = config_blank();
    struct config_room rooms[CONFIG_ROOM_MAX];
    char *page = render("lapsed.conf.5");

    (void)state;
    config_rooms(config, rooms);
    for (const struct config_room *room = rooms; room->table; room++)
        for (size_t i = 0; i < room->table->field_count; i++) {
            char *line = xasprintf("\n     %s", room->table->fields[i].key);

            expect(page, line);
            free(line);
        }
    expect(page, "A number, 60 to 60000 mm/min; default 9000 mm/min.");
    expect(page, "password_file names a file");
    expect(page, "May change while the agent runs.");
    free(page);
    config_free(config);
}

static void test_lapsectl_has_every_command_argument_option_and_exit_code(void **state)
{
    char *page = render("lapsectl.1");

    (void)state;
    for (int i = 0; i < VERB_COUNT; i++) {
        char *words = ctl_verb_words(&verbs[i]);
        char *method = xasprintf("JSON-RPC: %s\n", verbs[i].method);

        expect(page, words);
        expect(page, method);
        for (const struct verb_arg *arg = verbs[i].args; arg && arg->name; arg++)
            expect(page, arg->name);
        free(method);
        free(words);
    }
    for (size_t i = 0; i < ctl_own_command_count; i++)
        if (!(ctl_own_commands[i].flags & CTL_HIDDEN))
            expect(page, ctl_own_commands[i].name);
    for (size_t i = 0; i < ctl_option_count; i++) {
        char *option = xasprintf("-%c, --%s", ctl_option_rows[i].letter, ctl_option_rows[i].name);

        expect(page, option);
        free(option);
    }
    for (size_t i = 0; i < ctl_exit_count; i++) {
        char *code = xasprintf("\n     %d ", ctl_exits[i].code);

        expect(page, code);
        free(code);
    }
    free(page);
}

static void test_lapsed_has_every_option_and_exit_code(void **state)
{
    char *page = render("lapsed.8");

    (void)state;
    for (size_t i = 0; i < lapsed_option_count; i++) {
        char *option = xasprintf("--%s", lapsed_option_rows[i].name);

        expect(page, option);
        free(option);
    }
    for (size_t i = 0; i < lapsed_exit_count; i++) {
        char *code = xasprintf("\n     %d ", lapsed_exits[i].code);

        expect(page, code);
        free(code);
    }
    free(page);
}

static void test_help_of_lapsed_has_every_option_and_exit_code(void **state)
{
    const char *argv[] = {LAPSED_PROGRAM, "--help", NULL};
    char *help = run_program(argv, 0);

    (void)state;
    for (size_t i = 0; i < lapsed_option_count; i++)
        expect(help, lapsed_option_rows[i].name);
    for (size_t i = 0; i < lapsed_exit_count; i++)
        expect(help, lapsed_exits[i].help);
    free(help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_have_no_mistake_of_form),
        cmocka_unit_test(test_lapsed_conf_has_every_setting_with_range_and_default),
        cmocka_unit_test(test_lapsectl_has_every_command_argument_option_and_exit_code),
        cmocka_unit_test(test_lapsed_has_every_option_and_exit_code),
        cmocka_unit_test(test_help_of_lapsed_has_every_option_and_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
