/* SPDX-License-Identifier: MIT */
/* test_gphoto2_run: runs of the real gphoto2 with the virtual Nikon, and of scripts in its place;
 * one at a time, each in a directory of its own that is gone afterwards. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_room.h"
#include "capture/camera/gphoto2_run.h"
#include "tests/capture/program_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>

enum { RUNS = 10 };

struct fixture {
    struct program_rig *rig;
    struct gphoto2_device *device;
    char *program;
    struct gphoto2_run *runs[RUNS];
    size_t started;

    int done;
    int code, exit_code;
    char text[512];
    char *printed;
    char order[RUNS + 1]; /* the first letters that they printed */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (program_rig_setup((void **)&f->rig) < 0)
        return -1;
    f->program = path_join(f->rig->dir, "program");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *rig = f->rig;
    int rc;

    gphoto2_device_free(f->device);
    rc = program_rig_teardown(&rig);
    free(f->program);
    free(f->printed);
    free(f);
    return rc;
}

static void use(struct fixture *f, const char *program)
{
    struct gphoto2_device_config config = {.program = program, .port = "usb:001,001"};

    f->device = gphoto2_device_new(f->rig->loop, &config);
}

static void use_script(struct fixture *f, const char *script)
{
    CLEANUP(free_p) char *text = xasprintf("#!/bin/sh\n%s\n", script);

    program_rig_put(f->program, text, strlen(text));
    assert_int_equal(chmod(f->program, 0700), 0);
    use(f, f->program);
}

static void on_done(const struct gphoto2_outcome *outcome, void *user)
{
    struct fixture *f = user;
    const struct process_result *process = outcome->process;

    f->code = outcome->error->code;
    f->exit_code = process ? process->exit_code : -1;
    snprintf(f->text, sizeof(f->text), "%s", outcome->error->text);
    free(f->printed);
    f->printed = process ? xstrndup((const char *)process->stdout_data, process->stdout_len) : NULL;
    f->order[f->done++] = f->printed ? f->printed[0] : '-';
}

static struct gphoto2_run *start(struct fixture *f, const char *const *words)
{
    struct gphoto2_order order = {
        .words = words, .wait_ms = 20000, .timeout_ms = 20000, .stdout_max_bytes = 10000};
    struct gphoto2_run *run = NULL;

    assert_int_equal(gphoto2_run_start(f->device, &order, on_done, f, &run, NULL), 0);
    return run;
}

static void wait_for(struct fixture *f, int count)
{
    while (f->done < count && !f->rig->late)
        loop_run_once(f->rig->loop);
    assert_int_equal(f->done, count);
}

static void run_words(struct fixture *f, const char *const *words)
{
    assert_non_null(start(f, words));
    wait_for(f, f->done + 1);
}

/* --- the real one --- */

static void virtual_camera_is_asked(void **state)
{
    static const char *const words[] = {"--get-config", "capturetarget", NULL};
    struct fixture *f = *state;

    use(f, NIKON_GPHOTO2);
    run_words(f, words);
    assert_string_equal(f->text, "");
    assert_int_equal(f->exit_code, 0);
    assert_non_null(strstr(f->printed, "Current: Internal RAM"));
}

static void failure_is_explained(void **state)
{
    static const char *const words[] = {"--get-config", "nosuch", NULL};
    struct fixture *f = *state;

    use(f, NIKON_GPHOTO2);
    run_words(f, words);
    assert_int_equal(f->code, -EINVAL);
    assert_int_equal(f->exit_code, 1);
    assert_non_null(strstr(f->text, "the camera has no such setting"));
}

/* --- scripts in its place --- */

static void environment_is_made_of_nothing(void **state)
{
    static const char *const words[] = {NULL};
    struct fixture *f = *state;

    assert_int_equal(setenv("IOLIBS", "/evil", 1), 0);
    assert_int_equal(setenv("CAMLIBS", "/evil", 1), 0);
    assert_int_equal(unsetenv("TZ"), 0);
    use_script(f, "env | sed 's/=.*//' | sort | tr '\\n' ' '; ls -A \"$HOME\" | wc -l; pwd");
    run_words(f, words);
    assert_int_equal(unsetenv("IOLIBS"), 0);
    assert_int_equal(unsetenv("CAMLIBS"), 0);
    assert_true(str_starts_with(f->printed, "HOME LANG PATH PWD 0\n"));
    assert_non_null(strstr(f->printed, "/shots/lapsed-gphoto2-"));
}

static void questions_are_answered_by_nobody(void **state)
{
    static const char *const words[] = {NULL};
    struct fixture *f = *state;

    use_script(f, "printf 'Overwrite? [y|n] '; read answer && exit 5; echo none");
    run_words(f, words);
    assert_string_equal(f->printed, "Overwrite? [y|n] none\n");
}

static void words_reach_it_as_they_are(void **state)
{
    static const char *const words[] = {"a b", "$(x)", "", "*", NULL};
    struct fixture *f = *state;

    use_script(f, "for word; do printf '[%s]' \"$word\"; done");
    run_words(f, words);
    assert_string_equal(f->printed, "[--port][usb:001,001][a b][$(x)][][*]");
}

static void runs_have_the_camera_one_after_the_other(void **state)
{
    static const char *const words[][2] = {{"a", NULL}, {"b", NULL}, {"c", NULL}};
    struct fixture *f = *state;

    /* mkdir fails while another has it */
    use_script(f, "mkdir ../../../one || exit 1; echo $3; rmdir ../../../one");
    for (size_t i = 0; i < 3; i++)
        assert_non_null(start(f, words[i]));
    wait_for(f, 3);
    assert_string_equal(f->order, "abc");
    assert_string_equal(f->text, "");
}

static void too_many_that_wait_are_refused(void **state)
{
    static const char *const words[] = {NULL};
    struct fixture *f = *state;
    struct gphoto2_run *runs[9], *none;
    struct gphoto2_order order = {.words = words, .wait_ms = 20000, .timeout_ms = 20000};

    use_script(f, "exec sleep 1000");
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        runs[i] = start(f, words);
    assert_int_equal(gphoto2_run_start(f->device, &order, on_done, f, &none, NULL), -EBUSY);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        gphoto2_run_free(runs[i]);
    assert_int_equal(f->done, 0);
}

static void hanging_run_is_ended_at_its_deadline(void **state)
{
    static const char *const words[] = {NULL};
    struct gphoto2_order order = {.words = words, .wait_ms = 20000, .timeout_ms = 50};
    struct fixture *f = *state;
    struct gphoto2_run *run;

    use_script(f, "kill -STOP $$");
    assert_int_equal(gphoto2_run_start(f->device, &order, on_done, f, &run, NULL), 0);
    wait_for(f, 1);
    assert_int_equal(f->code, -ETIMEDOUT);
    assert_string_equal(f->text, "gphoto2 did not end within 50 ms");
}

static void turn_that_does_not_come_is_told(void **state)
{
    static const char *const words[] = {NULL};
    struct gphoto2_order order = {.words = words, .wait_ms = 20, .timeout_ms = 20000};
    struct fixture *f = *state;
    struct gphoto2_run *first, *run;

    use_script(f, "exec sleep 1000");
    first = start(f, words);
    assert_int_equal(gphoto2_run_start(f->device, &order, on_done, f, &run, NULL), 0);
    wait_for(f, 1);
    assert_int_equal(f->code, -ETIME);
    gphoto2_run_free(first);
}

static void freed_run_gives_the_camera_back(void **state)
{
    static const char *const slow[] = {"slow", NULL}, *const quick[] = {"quick", NULL};
    struct fixture *f = *state;
    struct gphoto2_run *run;

    use_script(f, "[ $3 = slow ] || { echo q; exit; }; : > ../../../running; exec sleep 1000");
    run = start(f, slow);
    while (count_entries(f->rig->dir) < 4 && !f->rig->late)
        program_rig_wait_a_little(f->rig);
    gphoto2_run_free(run);
    run_words(f, quick);
    assert_string_equal(f->printed, "q\n");
}

static void missing_program_is_told(void **state)
{
    static const char *const words[] = {NULL};
    struct fixture *f = *state;

    use(f, "no-such-gphoto2");
    run_words(f, words);
    assert_int_equal(f->code, -ENOENT);
    assert_non_null(strstr(f->text, "'no-such-gphoto2' is not installed"));
}

static void make_old_room(struct fixture *f, const char *name)
{
    CLEANUP(free_p) char *dir = path_join(f->rig->shots_dir, name);
    CLEANUP(free_p) char *file = path_join(dir, "x.nef");
    struct utimbuf old = {1000, 1000};

    assert_int_equal(mkdir(dir, 0700), 0);
    program_rig_put(file, "raw", 3);
    assert_int_equal(utime(dir, &old), 0);
}

static void what_a_crash_left_is_taken_away_but_not_what_lives(void **state)
{
    struct fixture *f = *state;
    struct gphoto2_room room;
    struct utimbuf old = {1000, 1000};

    assert_int_equal(gphoto2_room_make(&room, NULL), 0);
    assert_int_equal(utime(room.dir, &old), 0);
    make_old_room(f, "lapsed-gphoto2-old");
    make_old_room(f, "of-somebody-else");
    gphoto2_room_clean_up(f->rig->loop);
    while (count_entries(f->rig->shots_dir) > 2 && !f->rig->late)
        program_rig_wait_a_little(f->rig);
    assert_int_equal(count_entries(room.dir), 2);
    gphoto2_room_leave(&room, f->rig->loop);
    CLEANUP(free_p) char *other = path_join(f->rig->shots_dir, "of-somebody-else");
    assert_int_equal(path_remove_tree(other, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(virtual_camera_is_asked),
        TEST(failure_is_explained),
        TEST(environment_is_made_of_nothing),
        TEST(questions_are_answered_by_nobody),
        TEST(words_reach_it_as_they_are),
        TEST(runs_have_the_camera_one_after_the_other),
        TEST(too_many_that_wait_are_refused),
        TEST(hanging_run_is_ended_at_its_deadline),
        TEST(turn_that_does_not_come_is_told),
        TEST(freed_run_gives_the_camera_back),
        TEST(missing_program_is_told),
        TEST(what_a_crash_left_is_taken_away_but_not_what_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
