/* SPDX-License-Identifier: MIT */
/* test_gphoto2_pass: the real gphoto2 with the virtual Nikon, and scripts in its place: whatever
 * name is asked, the picture is below the base directory and nothing that was there is lost. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_line.h"
#include "capture/camera/gphoto2_pass.h"
#include "tests/capture/program_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

enum { NAMES_MAX = 1024, MB = 1000 * 1000 };

#define SHOT " --capture-image-and-download"

struct fixture {
    struct program_rig *rig;
    struct gphoto2_device *device;
    char *program, *base;
    struct gphoto2_pass_config config;
    struct conf_strings allow;

    int done;
    int code, exit_code;
    bool timed_out;
    char text[512];
    char *output;
    char names[NAMES_MAX]; /* of what was kept, each followed by a blank */
    size_t kept;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (program_rig_setup((void **)&f->rig) < 0)
        return -1;
    f->program = path_join(f->rig->dir, "program");
    f->base = path_join(f->rig->dir, "base");
    f->config =
        (struct gphoto2_pass_config){.base_dir = f->base, .wait_ms = 20000, .timeout_ms = 20000};
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
    free(f->base);
    free(f->output);
    free(f);
    return rc;
}

static void use(struct fixture *f, const char *program)
{
    struct gphoto2_device_config config = {.program = program};

    f->device = gphoto2_device_new(f->rig->loop, &config);
}

static void use_script(struct fixture *f, const char *script)
{
    CLEANUP(free_p) char *text = xasprintf("#!/bin/sh\n%s\n", script);

    program_rig_put(f->program, text, strlen(text));
    assert_int_equal(chmod(f->program, 0700), 0);
    use(f, f->program);
}

static void on_done(const struct gphoto2_passed *passed, void *user)
{
    struct fixture *f = user;

    f->done++;
    f->code = passed->error->code;
    f->exit_code = passed->process ? passed->process->exit_code : -1;
    f->timed_out = passed->process && passed->process->timed_out;
    snprintf(f->text, sizeof(f->text), "%s", passed->error->text);
    replace_str(&f->output, passed->output);
    f->names[0] = '\0';
    f->kept = passed->kept->count;
    for (size_t i = 0; i < passed->kept->count; i++) {
        size_t len = strlen(f->names);

        snprintf(f->names + len, sizeof(f->names) - len, "%s ", passed->kept->items[i].name);
    }
}

static struct gphoto2_pass *start(struct fixture *f, const char *line)
{
    const struct gphoto2_rules rules = {.base_dir = f->base, .allow = &f->allow};
    CLEANUP(program_args_done) struct program_args words = {0};
    struct gphoto2_arguments arguments;
    struct error err = {0};

    assert_int_equal(gphoto2_line_split(line, &words, &err), 0);
    if (gphoto2_arguments_make((const char *const *)words.items, words.count, &rules, &arguments,
                               &err) < 0)
        fail_msg("%s: %s", line, err.text);
    return gphoto2_pass_start(f->device, &arguments, &f->config, on_done, f);
}

static void wait_for(struct fixture *f, int count)
{
    while (f->done < count && !f->rig->late)
        loop_run_once(f->rig->loop);
    assert_int_equal(f->done, count);
}

static void run_line(struct fixture *f, const char *line)
{
    assert_non_null(start(f, line));
    wait_for(f, f->done + 1);
}

static char *in_base(const struct fixture *f, const char *name)
{
    return path_join(f->base, name);
}

static void expect_content(const struct fixture *f, const char *name, const char *content)
{
    CLEANUP(free_p) char *path = in_base(f, name);
    CLEANUP(free_p) char *data = NULL;
    struct error err = {0};

    if (path_read_file(path, MB, &data, NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(data, content);
}

static void put_into_base(const struct fixture *f, const char *name, const char *content)
{
    CLEANUP(free_p) char *path = in_base(f, name);

    assert_int_equal(path_make_dirs(f->base, NULL), 0);
    program_rig_put(path, content, strlen(content));
}

/* Its rooms go on a worker, behind the answer. */
static void expect_nothing_hidden(struct fixture *f)
{
    CLEANUP(free_p) char *command = xasprintf("%s/.", f->base);

    for (bool hidden = true; hidden && !f->rig->late;) {
        struct stat info;

        assert_int_equal(stat(command, &info), 0);
        /* one link for each directory in it */
        hidden = info.st_nlink > 2 + count_entries(f->base);
        if (hidden)
            loop_run_once(f->rig->loop);
    }
}

/* What gphoto2 says and does when it downloads; $1 of the shell function is the camera's name. */
#define SAVE                                                                                       \
    "n=0; save() { n=$((n + 1)); echo \"New file is in location $1 on the camera\"; "              \
    "echo \"Saving file as $n\"; printf %s \"$2\" >$n; }; "

/* --- the real one --- */

static void a_picture_of_the_virtual_camera_gets_the_name_that_was_asked_for(void **state)
{
    struct fixture *f = *state;

    use(f, NIKON_GPHOTO2);
    run_line(f, "--filename /var/panoptes/%Y/first.jpg" SHOT);
    assert_string_equal(f->text, "");
    assert_int_equal(f->exit_code, 0);
    assert_true(str_starts_with(f->names, "var/panoptes/20"));
    assert_true(str_ends_with(f->names, "/first.jpg "));
    assert_non_null(strstr(f->output, "New file is in location"));
    assert_non_null(strstr(f->output, "/first.jpg\n"));
    expect_nothing_hidden(f);
}

static void what_the_virtual_camera_says_comes_back(void **state)
{
    struct fixture *f = *state;

    use(f, NIKON_GPHOTO2);
    run_line(f, "--set-config capturetarget=0 --get-config /main/settings/capturetarget");
    assert_string_equal(f->text, "");
    assert_non_null(strstr(f->output, "Current: Internal RAM"));
    run_line(f, "--get-config nosuch");
    assert_int_equal(f->exit_code, 1);
    assert_non_null(strstr(f->text, "the camera has no such setting"));
}

/* --- names --- */

static void gphoto2_never_sees_the_name(void **state)
{
    struct fixture *f = *state;

    use_script(f, SAVE "save /capt0000.cr2 \"$*\"");
    run_line(f, "--filename ../../../x.cr2" SHOT " --port usb:001,002");
    assert_string_equal(f->text, "");
    assert_string_equal(f->names, "x.cr2 ");
    expect_content(f, "x.cr2", "--port usb:001,002 --filename=%n --capture-image-and-download");
}

static void a_file_that_is_there_is_refused_before_anything_is_exposed(void **state)
{
    struct fixture *f = *state;

    use_script(f, "touch ../../../exposed");
    put_into_base(f, "x.cr2", "old");
    run_line(f, "--filename x.cr2" SHOT);
    assert_int_equal(f->code, -EEXIST);
    assert_non_null(strstr(f->text, "x.cr2 is there already in "));
    expect_content(f, "x.cr2", "old");
    assert_int_equal(f->exit_code, -1);
}

static void a_name_that_was_taken_meanwhile_gets_a_number(void **state)
{
    struct fixture *f = *state;

    use_script(f, SAVE "printf old > ../../x.cr2; printf old > ../../x-1.cr2; save /a.cr2 new");
    run_line(f, "--filename x.cr2" SHOT);
    assert_string_equal(f->text, "");
    assert_string_equal(f->names, "x-2.cr2 ");
    expect_content(f, "x.cr2", "old");
    expect_content(f, "x-2.cr2", "new");
}

static void the_cameras_own_name_comes_again_after_each_shot_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;

    use_script(f, SAVE "save /capt0000.jpg new");
    run_line(f, SHOT);
    assert_string_equal(f->names, "capt0000.jpg ");
    run_line(f, SHOT);
    assert_string_equal(f->names, "capt0000-1.jpg ");
}

static void overwriting_is_done_when_it_is_allowed_and_asked(void **state)
{
    struct fixture *f = *state;
    char *items[] = {(char[]){"--force-overwrite"}};

    f->allow = (struct conf_strings){.items = items, .count = 1};
    use_script(f, SAVE "save /capt0000.jpg new");
    put_into_base(f, "x.jpg", "old");
    run_line(f, "--filename x.jpg --force-overwrite" SHOT);
    assert_string_equal(f->text, "");
    assert_string_equal(f->names, "x.jpg ");
    expect_content(f, "x.jpg", "new");
}

static void raw_and_jpeg_of_one_shot_keep_their_suffixes(void **state)
{
    struct fixture *f = *state;

    use_script(f, SAVE "save /store/capt0000.cr2 raw; save /store/capt0001.jpg jpeg");
    run_line(f, "--filename m31/x.cr2" SHOT);
    assert_string_equal(f->text, "");
    assert_string_equal(f->names, "m31/x.cr2 m31/x.jpg ");
    expect_content(f, "m31/x.cr2", "raw");
    expect_content(f, "m31/x.jpg", "jpeg");
    CLEANUP(free_p)
    char *said = xasprintf("New file is in location /store/capt0000.cr2 on the camera\nSaving file "
                           "as %s/m31/x.cr2\nNew file is in location /store/capt0001.jpg on the "
                           "camera\nSaving file as %s/m31/x.jpg\n",
                           f->base, f->base);
    assert_string_equal(f->output, said);
    run_line(f, "--filename %03n/%f.%C --filenumber 9" SHOT);
    assert_string_equal(f->names, "009/capt0000.cr2 010/capt0001.jpg ");
}

static void symbolic_links_lead_nowhere(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *link = in_base(f, "out"), *outside = path_join(f->rig->dir, "outside");

    assert_int_equal(mkdir(outside, 0700), 0);
    assert_int_equal(path_make_dirs(f->base, NULL), 0);
    assert_int_equal(symlink(outside, link), 0);
    use_script(f, SAVE "save /capt0000.cr2 new");
    run_line(f, "--filename out/x.cr2" SHOT);
    assert_int_equal(f->code, -ENOTDIR);
    assert_non_null(strstr(f->text, "base/out is no directory (symbolic links are not followed)"));
    run_line(f, "--filename out/%n.cr2" SHOT); /* known only afterwards: kept, and told */
    assert_int_equal(f->code, -ENOTDIR);
    assert_non_null(strstr(f->text, "; the picture is kept as "));
    assert_string_equal(f->names, "capt0000.cr2 ");
    run_line(f, "--filename out" SHOT);
    assert_int_equal(f->code, -EEXIST);
    assert_int_equal(count_entries(outside), 0);
}

static void what_a_camera_calls_a_picture_leads_nowhere(void **state)
{
    struct fixture *f = *state;

    use_script(f, SAVE "save '/store/../../../../etc/.x.jpg' 1; save '/a;b/$(c)' 2; "
                       "ln -s /etc/passwd 3; mkdir 4; printf 5 > thumb_7.jpg");
    run_line(f, SHOT);
    assert_string_equal(f->names, "x.jpg c- thumb_7.jpg ");
}

/* --- failures --- */

static void exit_code_0_without_a_picture_is_a_failure(void **state)
{
    struct fixture *f = *state;

    use_script(f,
               ": > 1; echo 'ERROR: Could not capture image.' >&2; echo '*** Error (-110: I/O in "
               "progress) ***' >&2");
    run_line(f, SHOT);
    assert_int_equal(f->exit_code, 0);
    assert_true(f->code < 0);
    assert_non_null(strstr(f->text, "ERROR: Could not capture image."));
    assert_int_equal(f->kept, 0);
}

static void what_came_before_the_time_was_over_is_kept_and_halves_are_not(void **state)
{
    struct fixture *f = *state;

    f->config.timeout_ms = 400;
    use_script(f, SAVE "save /a.jpg whole; echo waiting; printf half > tmpfileabcdef; "
                       "trap '' TERM; while :; do sleep 1; done");
    run_line(f, SHOT " --wait-event-and-download=2s --filename x.jpg");
    assert_int_equal(f->code, -ETIMEDOUT);
    assert_true(f->timed_out);
    assert_non_null(strstr(f->output, "waiting"));
    assert_string_equal(f->names, "x.jpg ");
    expect_content(f, "x.jpg", "whole");
    expect_nothing_hidden(f);
}

static void a_disk_that_is_full_is_told_before_and_after(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(f->base, 0700), 0);
    if (mount("none", f->base, "tmpfs", 0, "size=4m") < 0)
        fail_msg("no tmpfs: %s (root, or user namespaces, are needed)", strerror(errno));
    f->config.reserve_bytes = MB;
    use_script(f, SAVE "save /a.jpg ok; head -c 5000000 /dev/zero > tmpfile1 || exit 1");
    run_line(f, SHOT " --filename x.jpg");
    assert_int_equal(f->code, -ENOSPC);
    assert_string_equal(f->names, "x.jpg ");
    assert_non_null(strstr(f->text, "MB stay free (reserve_mb)"));
    f->config.reserve_bytes = 5 * MB;
    run_line(f, SHOT " --filename y.jpg");
    assert_int_equal(f->code, -ENOSPC);
    assert_int_equal(f->kept, 0);
    expect_nothing_hidden(f);
    assert_int_equal(umount2(f->base, MNT_DETACH), 0);
}

static void no_gphoto2_is_told(void **state)
{
    struct fixture *f = *state;

    use(f, "no-such-gphoto2");
    run_line(f, SHOT);
    assert_int_equal(f->code, -ENOENT);
    assert_non_null(strstr(f->text, "'no-such-gphoto2' is not installed"));
    expect_nothing_hidden(f);
}

/* --- several --- */

static void commands_have_the_camera_one_after_the_other(void **state)
{
    struct fixture *f = *state;

    /* mkdir fails while another has it */
    use_script(f, "mkdir ../../../one || exit 1; " SAVE "save /a.jpg 1; rmdir ../../../one");
    for (size_t i = 0; i < 4; i++)
        assert_non_null(start(f, SHOT));
    wait_for(f, 4);
    assert_string_equal(f->text, "");
    assert_int_equal(count_entries(f->base), 4);
}

static void a_turn_that_does_not_come_is_told(void **state)
{
    struct fixture *f = *state;
    struct gphoto2_pass *first;

    use_script(f, "touch ../../../running; echo; exec sleep 1000");
    first = start(f, SHOT);
    while (count_entries(f->rig->dir) < 5 && !f->rig->late)
        loop_run_once(f->rig->loop);
    f->config.wait_ms = 20;
    run_line(f, "--summary");
    assert_int_equal(f->code, -ETIME);
    gphoto2_pass_cancel(first);
    expect_nothing_hidden(f);
}

static void a_cancelled_command_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct gphoto2_pass *running, *preparing;

    use_script(f, "touch ../../../running; echo; exec sleep 1000");
    running = start(f, SHOT);
    while (count_entries(f->rig->dir) < 5 && !f->rig->late)
        loop_run_once(f->rig->loop);
    preparing = start(f, SHOT);
    gphoto2_pass_cancel(preparing);
    gphoto2_pass_cancel(running);
    expect_nothing_hidden(f);
    assert_int_equal(f->done, 0);
    gphoto2_pass_cancel(NULL);
}

static void what_a_crash_left_is_taken_away(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *old = in_base(f, ".lapsed-gphoto2-old");
    struct utimbuf long_ago = {1000, 1000};

    assert_int_equal(path_make_dirs(old, NULL), 0);
    assert_int_equal(utime(old, &long_ago), 0);
    use_script(f, SAVE "save /a.jpg 1");
    run_line(f, SHOT);
    assert_string_equal(f->text, "");
    assert_int_equal(access(old, F_OK), -1);
    expect_nothing_hidden(f);
}

/* Whoever is not root gets namespaces of their own, to mount a small disk. */
static void get_namespaces(void)
{
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;

    if (unshare(flags) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        perror("mount");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_picture_of_the_virtual_camera_gets_the_name_that_was_asked_for),
        TEST(what_the_virtual_camera_says_comes_back),
        TEST(gphoto2_never_sees_the_name),
        TEST(a_file_that_is_there_is_refused_before_anything_is_exposed),
        TEST(a_name_that_was_taken_meanwhile_gets_a_number),
        TEST(the_cameras_own_name_comes_again_after_each_shot_and_nothing_is_lost),
        TEST(overwriting_is_done_when_it_is_allowed_and_asked),
        TEST(raw_and_jpeg_of_one_shot_keep_their_suffixes),
        TEST(symbolic_links_lead_nowhere),
        TEST(what_a_camera_calls_a_picture_leads_nowhere),
        TEST(exit_code_0_without_a_picture_is_a_failure),
        TEST(what_came_before_the_time_was_over_is_kept_and_halves_are_not),
        TEST(a_disk_that_is_full_is_told_before_and_after),
        TEST(no_gphoto2_is_told),
        TEST(commands_have_the_camera_one_after_the_other),
        TEST(a_turn_that_does_not_come_is_told),
        TEST(a_cancelled_command_leaves_nothing),
        TEST(what_a_crash_left_is_taken_away),
    };

    get_namespaces();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
