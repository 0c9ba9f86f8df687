/* SPDX-License-Identifier: MIT */
/* test_camera_program: a program that makes pictures may do what it likes; a shot ends once, in
 * time, with a whole picture of its own run or with a reason, and nothing is left behind. Real
 * children. */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/camera.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEADLINE_MS = 30000, WORDS_MAX = 8, WIDTH = 64, HEIGHT = 48 };

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char dir[64];
    char *shots_dir; /* where the runs make their directories */
    char *picture;   /* a good one */

    char *words[WORDS_MAX];
    struct camera_settings settings;
    struct camera *camera;

    int done;
    int result;
    char text[512];
    int64_t captured_at_us;
    size_t len;
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void put(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(WIDTH, HEIGHT, 1, &len);

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-test-program-XXXXXX");
    if (!mkdtemp(f->dir) || loop_new(&f->loop, NULL) < 0)
        return -1;
    f->shots_dir = path_join(f->dir, "shots");
    f->picture = path_join(f->dir, "good.jpg");
    put(f->picture, jpeg, len);
    f->len = len;
    if (mkdir(f->shots_dir, 0700) < 0 || setenv("RUNTIME_DIRECTORY", f->shots_dir, 1) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int rc = f->late ? -1 : 0;

    camera_free(f->camera);
    timer_free(f->deadline);
    loop_free(f->loop); /* waits for what is being taken away */
    if (count_entries(f->shots_dir) != 0) {
        print_error("a run left its directory behind\n");
        rc = -1;
    }
    if (path_remove_tree(f->dir, NULL) < 0)
        rc = -1;
    for (size_t i = 0; i < WORDS_MAX; i++)
        free(f->words[i]);
    free(f->shots_dir);
    free(f->picture);
    free(f);
    return rc;
}

static int kind_of(const char *name)
{
    int kind = 0;

    while (!str_equal(camera_kinds[kind], name))
        assert_non_null(camera_kinds[++kind]);
    return kind;
}

static void start_kind(struct fixture *f, const char *kind)
{
    static char id[] = "front";

    f->settings.id = id;
    f->settings.kind = kind_of(kind);
    f->settings.max_bytes = f->settings.max_bytes ? f->settings.max_bytes : 200000;
    f->settings.timeout_ms = f->settings.timeout_ms ? f->settings.timeout_ms : 10000;
    f->camera = camera_new(f->loop, NULL, &f->settings, NULL, f);
}

/* A command camera that runs this shell script, with $1 and $2. */
static void start(struct fixture *f, const char *script, const char *first, const char *second)
{
    const char *const words[] = {"/bin/sh", "-c", script, "sh", first, second};

    for (size_t i = 0; i < ARRAY_LEN(words) && words[i]; i++)
        f->words[f->settings.command.count++] = xstrdup(words[i]);
    f->settings.command.items = f->words;
    start_kind(f, "command");
}

static void on_done(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;

    f->done++;
    f->result = picture ? 0 : err->code;
    f->captured_at_us = picture ? picture->captured_at_mono_us : 0;
    snprintf(f->text, sizeof(f->text), "%s", picture ? "" : err->text);
    if (picture)
        assert_int_equal(picture->len, f->len);
}

static void wait_done(struct fixture *f, int count)
{
    while (f->done < count && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, count);
}

static void shoot(struct fixture *f)
{
    assert_non_null(camera_shoot(f->camera, 0, 0, on_done, f));
    wait_done(f, f->done + 1);
}

static void expect_picture(struct fixture *f)
{
    int64_t asked_us = clock_mono_us();

    shoot(f);
    assert_string_equal(f->text, "");
    assert_int_equal(f->result, 0);
    assert_true(f->captured_at_us >= asked_us);
}

static void expect_failure(struct fixture *f, int code, const char *text)
{
    shoot(f);
    assert_string_equal(f->text, text);
    assert_int_equal(f->result, code);
}

/* --- good ones --- */

static void picture_comes_from_the_file_that_the_program_was_told(void **state)
{
    struct fixture *f = *state;

    start(f, "cp \"$1\" \"$2\"", f->picture, "{output}");
    expect_picture(f);
    expect_picture(f);
}

static void picture_comes_from_stdout_when_no_file_is_named(void **state)
{
    struct fixture *f = *state;

    start(f, "cat \"$1\"", f->picture, NULL);
    expect_picture(f);
}

static void words_reach_the_program_as_they_are(void **state)
{
    static const char *const words = "{camera} is at {url}: $(id) 'x' {other} {output";
    static char url[] = "rtsp://a b/;echo";
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    CLEANUP(free_p) char *mark = path_join(f->dir, "mark");

    f->words[6] = xstrdup(mark);
    start(f, "mkdir \"$3\" && exit 3; cp \"$1\" \"$2\"", f->picture, "{output}");
    f->settings.command.count = 7;
    expect_picture(f);
}

/* --- bad ones --- */

static void exit_code_comes_with_the_last_words(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "echo opening >&2; echo 'device is lost' >&2; echo >&2; exit 7", "{output}", NULL);
    expect_failure(f, -EIO, "front: /bin/sh: exit code 7: opening device is lost");
}

static void picture_of_a_program_that_failed_is_not_believed_in(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "cp \"$1\" \"$2\"; exit 1", f->picture, "{output}");
    expect_failure(f, -EIO, "front: /bin/sh: exit code 1");
}

static void crash_is_told(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "kill -SEGV $$", "{output}", NULL);
    expect_failure(f, -EIO, "front: /bin/sh: killed by signal 11");
}

static void success_without_a_picture_is_told(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "exit 0", "{output}", NULL);
    expect_failure(f, -ENOENT, "front: /bin/sh: ended well, but wrote nothing to {output}");
}

static void silence_on_stdout_is_told(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "exit 0", NULL, NULL);
    expect_failure(f, -ENOENT, "front: /bin/sh: ended well, but printed no picture");
}

static void link_to_another_file_is_not_followed(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "ln -s \"$1\" \"$2\"", f->picture, "{output}");
    expect_failure(f, -EBADMSG, "front: /bin/sh: made something else than a file of {output}");
}

static void something_else_than_a_picture_is_refused(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 400;
    start(f, "echo '<html>' > \"$1\"", "{output}", NULL);
    shoot(f);
    assert_int_equal(f->result, -EBADMSG);
}

static void too_large_file_is_refused(void **state)
{
    struct fixture *f = *state;

    f->settings.timeout_ms = 600;
    start(f, "head -c 300000 /dev/zero > \"$1\"", "{output}", NULL);
    expect_failure(f, -EFBIG,
                   "front: /bin/sh: made a picture of 300000 bytes; max_bytes is 200000");
}

static void endless_stdout_is_cut_off(void **state)
{
    struct fixture *f = *state;

    start(f, "exec cat /dev/zero", NULL, NULL);
    f->settings.timeout_ms = 1000;
    shoot(f);
    assert_int_equal(f->result, -EFBIG);
}

static void missing_program_is_told_at_once(void **state)
{
    struct fixture *f = *state;

    f->words[0] = xstrdup("no-such-program");
    f->settings.command = (struct conf_strings){f->words, 1};
    start_kind(f, "command");
    expect_failure(f, -ENOPKG,
                   "front: program 'no-such-program' is not installed (not found in PATH)");
}

static void hanging_program_is_killed_in_time_and_the_next_shot_works(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;

    start(f, "exec cat < /dev/zero > /dev/null", "{output}", NULL);
    camera_shoot(f->camera, 0, 0, on_done, f);
    while (count_entries(f->shots_dir) == 0 && !f->late)
        loop_run_once(f->loop);
    camera_free(f->camera);
    f->camera = NULL;
    assert_int_equal(f->done, 0);
}

static void cancelled_shot_ends_its_program(void **state)
{
    struct fixture *f = *state;
    struct shot *shot;

    start(f, "exec cat < /dev/zero > /dev/null", "{output}", NULL);
    shot = camera_shoot(f->camera, 0, 0, on_done, f);
    while (count_entries(f->shots_dir) == 0 && !f->late)
        loop_run_once(f->loop);
    camera_cancel(shot);
    while (count_entries(f->shots_dir) > 0 && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, 0);
}

/* --- settings --- */

/* The problems of this camera, one per line, without the file's name. */
static void problems_of(struct fixture *f, const char *item, struct buf *ret)
{
    CLEANUP(free_p) char *file = path_join(f->dir, "cameras.conf");
    CLEANUP(free_p) char *text = xasprintf("cameras = ( { id = \"c\"; %s } );\n", item);
    struct camera_settings settings = {0};
    struct conf *conf;

    put(file, text, strlen(text));
    conf = conf_open(file);
    conf_read_item(conf, &camera_table, 0, &settings);
    camera_settings_check(&settings, conf, 0);
    buf_clear(ret);
    for (size_t i = 0; i < conf_problem_count(conf); i++)
        assert_int_equal(buf_printf(ret, "%s\n", strstr(conf_problem_text(conf, i), "cameras[0]")),
                         0);
    conf_values_done(&camera_table, &settings);
    conf_close(conf);
}

static void expect_problem(struct fixture *f, const char *item, const char *words)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(10000);

    problems_of(f, item, &problems);
    if (!words)
        assert_string_equal(buf_text(&problems), "");
    else if (!strstr(buf_text(&problems), words))
        fail_msg("%s: '%s' instead of '%s'", item, buf_text(&problems), words);
}

static void mistakes_in_the_settings_are_named(void **state)
{
    struct fixture *f = *state;

    expect_problem(f, "kind = \"command\"; command = [ \"fswebcam\", \"{output}\" ];", NULL);
    expect_problem(f, "kind = \"command\"; command = \"shoot\"; url = \"usb:1\";", NULL);
    expect_problem(f, "kind = \"command\";", "command is required");
    expect_problem(f, "kind = \"command\"; command = [ \"\" ];", "command is required");
    expect_problem(f, "kind = \"command\"; command = [ \"a\", \"-i{url}\" ];",
                   "{url} needs the setting url");
    expect_problem(f, "kind = \"pattern\"; command = \"a\";",
                   "command is not for kind = \"pattern\": only for command; take it out");
    expect_problem(f, "kind = \"command\"; command = \"a\"; user = \"u\";",
                   "user is not for kind = \"command\": only for http, mjpeg; take it out");
}

#define program_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
