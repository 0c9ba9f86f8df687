/* SPDX-License-Identifier: MIT */
/* test_camera_program: a program that makes pictures may do what it likes; a shot ends once, in
 * time, with a whole picture of its own run or with a reason, and nothing is left behind. Real
 * children. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/capture/program_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

/* A command camera that runs this shell script, with $1 and $2. */
static void start(struct program_rig *f, const char *script, const char *first, const char *second)
{
    const char *const words[] = {"/bin/sh", "-c", script, "sh", first, second};

    for (size_t i = 0; i < ARRAY_LEN(words) && words[i]; i++)
        f->words[f->settings.command.count++] = xstrdup(words[i]);
    f->settings.command.items = f->words;
    program_rig_start(f, "command");
}

/* --- good ones --- */

static void picture_comes_from_the_file_that_the_program_was_told(void **state)
{
    struct program_rig *f = *state;

    start(f, "cp \"$1\" \"$2\"", f->picture, "{output}");
    expect_picture(f);
    expect_picture(f);
}

static void picture_comes_from_stdout_when_no_file_is_named(void **state)
{
    struct program_rig *f = *state;

    start(f, "cat \"$1\"", f->picture, NULL);
    expect_picture(f);
}

static void words_reach_the_program_as_they_are(void **state)
{
    static const char *const words = "{camera} is at {url}: $(id) 'x' {other} {output";
    static char url[] = "rtsp://a b/;echo";
    struct program_rig *f = *state;
    CLEANUP(free_p) char *heard_file = path_join(f->dir, "heard");
    CLEANUP(free_p) char *heard = NULL;
    CLEANUP(free_p)
    char *script = xasprintf("cat %s; printf %%s \"$1\" > %s", f->picture, heard_file);

    f->settings.url = url;
    start(f, script, words, NULL);
    expect_picture(f);
    assert_int_equal(path_read_file(heard_file, 1000, &heard, NULL, NULL), 0);
    assert_string_equal(heard, "front is at rtsp://a b/;echo: $(id) 'x' {other} {output");
}

static void program_that_fails_once_is_asked_again(void **state)
{
    struct program_rig *f = *state;
    CLEANUP(free_p) char *mark = path_join(f->dir, "mark");

    f->words[6] = xstrdup(mark);
    start(f, "mkdir \"$3\" && exit 3; cp \"$1\" \"$2\"", f->picture, "{output}");
    f->settings.command.count = 7;
    expect_picture(f);
}

/* --- bad ones --- */

static void exit_code_comes_with_the_last_words(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "echo opening >&2; echo 'device is lost' >&2; echo >&2; exit 7", "{output}", NULL);
    expect_failure(f, -EIO, "front: /bin/sh: exit code 7: opening device is lost");
}

static void picture_of_a_program_that_failed_is_not_believed_in(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "cp \"$1\" \"$2\"; exit 1", f->picture, "{output}");
    expect_failure(f, -EIO, "front: /bin/sh: exit code 1");
}

static void crash_is_told(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "kill -SEGV $$", "{output}", NULL);
    expect_failure(f, -EIO, "front: /bin/sh: killed by signal 11");
}

static void success_without_a_picture_is_told(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "exit 0", "{output}", NULL);
    expect_failure(f, -ENOENT, "front: /bin/sh: ended well, but wrote nothing to {output}");
}

static void silence_on_stdout_is_told(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "exit 0", NULL, NULL);
    expect_failure(f, -ENOENT, "front: /bin/sh: ended well, but printed no picture");
}

static void link_to_another_file_is_not_followed(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "ln -s \"$1\" \"$2\"", f->picture, "{output}");
    expect_failure(f, -EBADMSG, "front: /bin/sh: made something else than a file of {output}");
}

static void something_else_than_a_picture_is_refused(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "echo '<html>' > \"$1\"", "{output}", NULL);
    program_rig_shoot(f);
    assert_int_equal(f->result, -EBADMSG);
}

static void too_large_file_is_refused(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f, "head -c 300000 /dev/zero > \"$1\"", "{output}", NULL);
    expect_failure(f, -EFBIG,
                   "front: /bin/sh: made a picture of 300000 bytes; max_bytes is 200000");
}

static void endless_stdout_is_cut_off(void **state)
{
    struct program_rig *f = *state;

    start(f, "exec cat /dev/zero", NULL, NULL);
    f->settings.timeout_ms = 1000;
    program_rig_shoot(f);
    assert_int_equal(f->result, -EFBIG);
}

static void missing_program_is_told_at_once(void **state)
{
    struct program_rig *f = *state;

    f->words[0] = xstrdup("no-such-program");
    f->settings.command = (struct conf_strings){f->words, 1};
    program_rig_start(f, "command");
    expect_failure(f, -ENOPKG,
                   "front: program 'no-such-program' is not installed (not found in PATH)");
}

static void hanging_program_is_killed_in_time_and_the_next_shot_works(void **state)
{
    struct program_rig *f = *state;
    CLEANUP(free_p) char *mark = path_join(f->dir, "mark");

    f->words[6] = xstrdup(mark);
    f->settings.timeout_ms = 1000;
    start(f, "mkdir \"$3\" && exec cat < /dev/zero > /dev/null; cp \"$1\" \"$2\"", f->picture,
          "{output}");
    f->settings.command.count = 7;
    expect_failure(f, -ETIMEDOUT, "front: /bin/sh: did not end within 900 ms");
    f->settings.timeout_ms = 10000;
    expect_picture(f);
}

static void program_that_ignores_the_end_never_runs_twice(void **state)
{
    static const char script[] = "mkdir \"$3\" || echo twice > \"$3/twice\"\n"
                                 "trap '' TERM; cat < /dev/zero > /dev/null; rmdir \"$3\"";
    struct program_rig *f = *state;
    CLEANUP(free_p) char *mark = path_join(f->dir, "mark");

    f->words[6] = xstrdup(mark);
    f->settings.timeout_ms = 1000;
    start(f, script, f->picture, "{output}");
    f->settings.command.count = 7;
    for (int i = 0; i < 2; i++)
        expect_failure(f, -ETIMEDOUT, "front: /bin/sh: did not end within 900 ms");
    assert_int_equal(count_entries(mark), 0);
}

static void camera_may_be_freed_while_its_program_runs(void **state)
{
    struct program_rig *f = *state;

    start(f, "exec cat < /dev/zero > /dev/null", "{output}", NULL);
    camera_shoot(f->camera, 0, 0, program_rig_done, f);
    while (count_entries(f->shots_dir) == 0 && !f->late)
        loop_run_once(f->loop);
    camera_free(f->camera);
    f->camera = NULL;
    assert_int_equal(f->done, 0);
}

static void cancelled_shot_ends_its_program(void **state)
{
    struct program_rig *f = *state;
    struct shot *shot;

    start(f, "exec cat < /dev/zero > /dev/null", "{output}", NULL);
    shot = camera_shoot(f->camera, 0, 0, program_rig_done, f);
    while (count_entries(f->shots_dir) == 0 && !f->late)
        loop_run_once(f->loop);
    camera_cancel(shot);
    while (count_entries(f->shots_dir) > 0 && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, 0);
}

/* --- settings --- */

static void mistakes_in_the_settings_are_named(void **state)
{
    struct program_rig *f = *state;

    expect_problem(f, "kind = \"command\"; command = [ \"fswebcam\", \"{output}\" ];", NULL);
    expect_problem(f, "kind = \"command\"; command = \"shoot\"; url = \"usb:1\";", NULL);
    expect_problem(f, "kind = \"command\";", "command is required");
    expect_problem(f, "kind = \"command\"; command = [ \"\" ];", "command is required");
    expect_problem(f, "kind = \"command\"; command = [ \"a\", \"-i{url}\" ];",
                   "{url} needs the setting url");
    expect_problem(f, "kind = \"pattern\"; command = \"a\";",
                   "command is not for kind = \"pattern\": only for command; take it out");
    expect_problem(f, "kind = \"command\"; command = \"a\"; user = \"u\";",
                   "user is not for kind = \"command\": only for http, mjpeg, stream; take it out");
}

#define program_test(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, program_rig_setup, program_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(picture_comes_from_the_file_that_the_program_was_told),
        program_test(picture_comes_from_stdout_when_no_file_is_named),
        program_test(words_reach_the_program_as_they_are),
        program_test(program_that_fails_once_is_asked_again),
        program_test(exit_code_comes_with_the_last_words),
        program_test(picture_of_a_program_that_failed_is_not_believed_in),
        program_test(crash_is_told),
        program_test(success_without_a_picture_is_told),
        program_test(silence_on_stdout_is_told),
        program_test(link_to_another_file_is_not_followed),
        program_test(something_else_than_a_picture_is_refused),
        program_test(too_large_file_is_refused),
        program_test(endless_stdout_is_cut_off),
        program_test(missing_program_is_told_at_once),
        program_test(hanging_program_is_killed_in_time_and_the_next_shot_works),
        program_test(program_that_ignores_the_end_never_runs_twice),
        program_test(camera_may_be_freed_while_its_program_runs),
        program_test(cancelled_shot_ends_its_program),
        program_test(mistakes_in_the_settings_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
