/* SPDX-License-Identifier: MIT */
/* test_camera_gphoto2: the camera kind gphoto2, with the real program and the virtual Nikon, and
 * with scripts that do in its place what no virtual camera does: RAW files, hanging, gvfs. */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_run.h"
#include "tests/capture/program_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_picture(struct picture *picture, const struct error *err, void *user)
{
    struct program_rig *f = user;

    if (picture)
        f->len = picture->len; /* the rig expects that of its own */
    program_rig_done(picture, err, f);
}

static void shoot(struct program_rig *f)
{
    int done = f->done;

    assert_non_null(camera_shoot(f->camera, 0, 0, on_picture, f));
    while (f->done == done && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, done + 1);
}

static void expect_shot(struct program_rig *f)
{
    shoot(f);
    assert_string_equal(f->text, "");
    assert_int_equal(f->result, 0);
}

static void expect_no_shot(struct program_rig *f, int code, const char *words)
{
    shoot(f);
    if (!strstr(f->text, words))
        fail_msg("'%s' instead of '%s'", f->text, words);
    assert_int_equal(f->result, code);
}

static void add_config(struct program_rig *f, const char *pair)
{
    struct conf_strings *config = &f->settings.config;

    f->words[config->count] = xstrdup(pair);
    config->items = f->words;
    config->count++;
}

/* --- a script in front of the camera notes what it is told --- */

static void install(struct program_rig *f, const char *script)
{
    CLEANUP(free_p)
    char *text = xasprintf("#!/bin/sh\ndir=%s\npicture=%s\nnikon=%s\n%s\n", f->dir, f->picture,
                           NIKON_GPHOTO2, script);
    static char path[96];
    CLEANUP(free_p) char *joined = path_join(f->dir, "gphoto2");

    snprintf(path, sizeof(path), "%s", joined);
    program_rig_put(path, text, strlen(text));
    assert_int_equal(chmod(path, 0700), 0);
    f->settings.program = path;
}

static void start(struct program_rig *f, int warm)
{
    f->settings.warm = warm;
    program_rig_start(f, "gphoto2");
}

/* The real one; each start and each line is noted. */
static void install_noted(struct program_rig *f)
{
    install(f, "echo start >> $dir/heard\ntee -a $dir/heard | $nikon \"$@\"");
}

/* A gphoto2 --shell of a few lines. shot is what it does to photograph. */
static void install_fake(struct program_rig *f, const char *first, const char *shot)
{
    CLEANUP(free_p)
    char *script =
        xasprintf("echo start >> $dir/heard\n"
                  "%s\n"
                  "new() { echo \"New file is in location /store/DCIM/$1 on the camera\"; "
                  "cp $picture tmpfile$$; mv tmpfile$$ $2; echo \"Saving file as $2\"; }\n"
                  "number=0\n"
                  "printf 'gphoto2: {%%s} /> ' \"$PWD\"\n"
                  "while read -r line; do\n"
                  "  echo \"$line\"\n  echo \"$line\" >> $dir/heard\n"
                  "  number=$((number + 1))\n"
                  "  case $line in\n"
                  "  exit) exit 0 ;;\n"
                  "  capture*) %s ;;\n"
                  "  esac\n"
                  "  printf 'gphoto2: {%%s} /> ' \"$PWD\"\n"
                  "done\n",
                  first, shot);

    install(f, script);
}

static char *await_heard(struct program_rig *f, size_t len)
{
    CLEANUP(free_p) char *file = path_join(f->dir, "heard");
    char *heard = xstrdup("");

    while (strlen(heard) < len && !f->late) {
        program_rig_wait_a_little(f);
        free(TAKE(heard));
        if (path_read_file(file, 10000, &heard, NULL, NULL) < 0)
            heard = xstrdup("");
    }
    return heard;
}

static void expect_heard(struct program_rig *f, const char *lines)
{
    CLEANUP(free_p) char *heard = await_heard(f, strlen(lines));

    assert_string_equal(heard, lines);
}

static int setup(void **state)
{
    return program_rig_setup(state);
}

/* --- the virtual Nikon --- */

static void cold_camera_has_a_program_per_shot(void **state)
{
    struct program_rig *f = *state;

    install_noted(f);
    start(f, CAMERA_WARM_NEVER);
    expect_shot(f);
    expect_heard(f, "start\nget-config batterylevel\ncapture-image-and-download\n"
                    "delete /store_00010001/DCIM/100GPHOT/GPH_0099.JPG\nexit\n");
}

static void warm_camera_is_opened_before_its_first_shot_and_stays_open(void **state)
{
    struct program_rig *f = *state;
    int64_t first_us, second_us;

    install_noted(f);
    add_config(f, "shutterspeed=1/60");
    add_config(f, "/main/capturesettings/f-number=f/8");
    f->settings.keep_on_camera = true;
    start(f, CAMERA_WARM_ALWAYS);
    expect_heard(f, "start\nget-config batterylevel\nset-config shutterspeed=1/60\n"
                    "set-config /main/capturesettings/f-number=f/8\n");
    first_us = clock_mono_us();
    expect_shot(f);
    assert_true(f->captured_at_us > first_us);
    second_us = clock_mono_us();
    expect_shot(f);
    assert_true(f->captured_at_us > second_us);
    expect_heard(f, "start\nget-config batterylevel\nset-config shutterspeed=1/60\n"
                    "set-config /main/capturesettings/f-number=f/8\n"
                    "capture-image-and-download\ncapture-image-and-download\n");
}

static void wrong_name_in_config_is_told(void **state)
{
    struct program_rig *f = *state;

    install(f, "exec $nikon \"$@\"");
    add_config(f, "isoauto=1");
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -EINVAL,
                   "front: config \"isoauto=1\": the camera has no such setting; gphoto2 "
                   "--list-config lists those that it has");
}

static void vanished_camera_is_told_and_found_again(void **state)
{
    struct program_rig *f = *state;
    CLEANUP(free_p) char *gone = path_join(f->dir, "gone");

    install(f, "[ -e $dir/gone ] && { echo '*** Error: No camera found. ***' >&2; exit 1; }\n"
               "exec $nikon \"$@\"");
    start(f, CAMERA_WARM_NEVER);
    program_rig_put(gone, "", 0);
    f->settings.timeout_ms = 1000;
    expect_no_shot(f, -ENODEV, "front: no camera; is it switched on");
    assert_int_equal(unlink(gone), 0);
    f->settings.timeout_ms = 10000;
    expect_shot(f);
}

static void broken_connection_ends_the_session_and_is_met_within_the_budget(void **state)
{
    struct program_rig *f = *state;

    /* An empty file of this name makes the virtual camera fail at every transfer. */
    install(f, "[ -e $dir/tried ] || : > 001,001\n: > $dir/tried\n"
               "exec $nikon --port usb:001,001 \"$@\"");
    start(f, CAMERA_WARM_NEVER);
    expect_shot(f);
    assert_string_equal(f->text, "");
}

/* --- what no virtual camera does --- */

static void hanging_camera_is_ended_reset_and_then_needs_somebody(void **state)
{
    struct program_rig *f = *state;

    install(f, "case \"$*\" in *--reset*) echo reset >> $dir/heard; exit 0 ;; esac\n"
               "echo start >> $dir/heard\nkill -STOP $$");
    f->settings.timeout_ms = 400;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -ETIMEDOUT, "front: the camera did not answer within 360 ms");
    f->settings.timeout_ms = 3500; /* the first is killed for good after 2 s */
    expect_no_shot(f, -ETIMEDOUT, "front: the camera did not answer within 3150 ms");
    f->settings.timeout_ms = 4000;
    expect_no_shot(f, -ETIMEDOUT,
                   "a USB reset did not help: switch the camera off and on, or take its battery "
                   "out");
    expect_heard(f, "start\nstart\nreset\nstart\n");
}

static void next_shot_after_a_hang_has_a_new_program(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "[ -e $dir/hung ] || { : > $dir/hung; exec sleep 1000; }",
                 "new A.JPG $number.JPG");
    f->settings.timeout_ms = 400;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -ETIMEDOUT, "did not answer");
    f->settings.timeout_ms = 10000;
    expect_shot(f);
}

static void claimed_camera_names_gvfs_and_the_way_out(void **state)
{
    struct program_rig *f = *state;

    install_fake(
        f, "",
        "echo \"*** Error ***\"; echo \"An error occurred in the io-library ('Could not "
        "claim the USB device'): Could not claim interface 0 (Device or resource busy).\"");
    f->settings.timeout_ms = 1500;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -EBUSY, "systemctl --user mask --now gvfs-gphoto2-volume-monitor");
}

static void question_is_answered_by_a_kill(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "", "printf 'File exists. Overwrite? [y|n] '; read -r answer");
    f->settings.timeout_ms = 600;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -ETIMEDOUT, "did not answer");
}

static void raw_only_is_told_with_the_way_out(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "", "new A.NEF $number.NEF");
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -EINVAL, "front: the camera makes RAW files only; set it to RAW and JPEG");
}

static struct raw *raw;

static void on_picture_with_raw(struct picture *picture, const struct error *err, void *user)
{
    raw = picture ? raw_ref(picture->raw) : NULL;
    on_picture(picture, err, user);
}

/* Takes a picture and waits until it is known whether there is a RAW. */
static void shoot_raw(struct program_rig *f)
{
    assert_non_null(camera_shoot(f->camera, 0, 0, on_picture_with_raw, f));
    while (f->done == 0 && !f->late)
        loop_run_once(f->loop);
    assert_string_equal(f->text, "");
    while (!raw->settled && !f->late)
        loop_run_once(f->loop);
    assert_true(raw->settled);
}

static void raw_comes_beside_the_jpeg(void **state)
{
    struct program_rig *f = *state;
    char text[8] = "";

    install_fake(f, "", "new A.JPG $number.JPG; printf 'RAW' > tmpfileX; mv tmpfileX $number.NEF");
    start(f, CAMERA_WARM_NEVER);
    shoot_raw(f);
    assert_string_equal(raw->suffix, "nef");
    assert_int_equal(pread(raw->fd, text, sizeof(text), 0), 3);
    assert_string_equal(text, "RAW");
    raw_unref(raw);
}

static void without_a_raw_nothing_is_waited_for(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "", "new A.JPG $number.JPG");
    start(f, CAMERA_WARM_NEVER);
    shoot_raw(f);
    assert_int_equal(raw->fd, -1);
    raw_unref(raw);
}

static void only_our_files_are_deleted_from_the_camera(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "", "new A.NEF $number.NEF; new A.JPG $number.JPG; new HAND.JPG x$number.JPG");
    start(f, CAMERA_WARM_NEVER);
    expect_shot(f);
    expect_heard(f, "start\nget-config batterylevel\ncapture-image-and-download\n"
                    "delete /store/DCIM/A.JPG\ndelete /store/DCIM/A.NEF\nexit\n");
}

static void kept_session_that_fails_again_and_again_is_not_kept(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "",
                 "if [ $number = 2 ]; then new A.JPG $number.JPG; else echo '*** Error ***'; fi");
    f->settings.keep_on_camera = true;
    start(f, CAMERA_WARM_ALWAYS);
    for (int i = 0; i < 6; i++)
        expect_shot(f); /* by a second try in a new session when need be */
    expect_heard(f, "start\nget-config batterylevel\ncapture-image-and-download\n"
                    "capture-image-and-download\nexit\n"
                    "start\nget-config batterylevel\ncapture-image-and-download\n"
                    "capture-image-and-download\nexit\n"
                    "start\nget-config batterylevel\ncapture-image-and-download\n"
                    "capture-image-and-download\nexit\n"
                    "start\nget-config batterylevel\ncapture-image-and-download\nexit\n"
                    "start\nget-config batterylevel\ncapture-image-and-download\nexit\n"
                    "start\nget-config batterylevel\ncapture-image-and-download\nexit\n");
}

static void endless_talk_ends_the_session(void **state)
{
    struct program_rig *f = *state;

    install_fake(f, "", "yes");
    f->settings.timeout_ms = 3000;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -EIO, "front: gphoto2: ");
}

static void missing_program_is_told(void **state)
{
    static char program[] = "no-such-gphoto2";
    struct program_rig *f = *state;

    f->settings.program = program;
    start(f, CAMERA_WARM_NEVER);
    expect_no_shot(f, -ENOPKG, "'no-such-gphoto2' is not installed");
}

/* --- others who want the camera --- */

static void on_run(const struct gphoto2_outcome *outcome, void *user)
{
    struct program_rig *f = user;

    assert_int_equal(outcome->error->code, 0);
    f->done++;
}

static void run_of_a_user_comes_between_two_shots(void **state)
{
    static const char *const words[] = {"--summary", NULL};
    const struct gphoto2_order order = {
        .words = words, .wait_ms = 9000, .timeout_ms = 9000, .stdout_max_bytes = 100};
    struct program_rig *f = *state;
    struct gphoto2_run *run;

    install(f, "case \"$*\" in *--summary*) echo run >> $dir/heard; exit 0 ;; esac\n"
               "echo start >> $dir/heard\nexec $nikon \"$@\"");
    start(f, CAMERA_WARM_ALWAYS);
    expect_shot(f);
    assert_int_equal(gphoto2_run_start(camera_gphoto2(f->camera), &order, on_run, f, &run, NULL),
                     0);
    while (f->done < 2 && !f->late)
        loop_run_once(f->loop);
    expect_heard(f, "start\nrun\nstart\n");
    expect_shot(f);
    expect_heard(f, "start\nrun\nstart\n");
}

static void two_cameras_do_not_wait_for_each_other(void **state)
{
    static char port[] = "usb:001,002", id[] = "side";
    struct program_rig *f = *state;
    struct camera_settings other;
    struct camera *side;

    /* Each waits until the other photographs, too. */
    install_fake(f, "name=$2",
                 ": > $dir/$name; until [ -e $dir/usb:001,001 ] && [ -e "
                 "$dir/usb:001,002 ]; do read -r x < $picture; done; "
                 "new A.JPG $number.JPG");
    f->settings.port = port;
    other = f->settings;
    start(f, CAMERA_WARM_NEVER);
    other.kind = f->settings.kind;
    other.max_bytes = f->settings.max_bytes;
    other.timeout_ms = f->settings.timeout_ms;
    other.id = id;
    static char first[] = "usb:001,001";
    other.port = first;
    side = camera_new(f->loop, NULL, &other, NULL, f);
    assert_non_null(camera_shoot(side, 0, 0, on_picture, f));
    assert_non_null(camera_shoot(f->camera, 0, 0, on_picture, f));
    while (f->done < 2 && !f->late)
        loop_run_once(f->loop);
    assert_string_equal(f->text, "");
    assert_int_equal(f->done, 2);
    camera_free(side);
}

/* --- settings --- */

static void settings_are_checked(void **state)
{
    struct program_rig *f = *state;

    expect_problem(f,
                   "kind = \"gphoto2\"; timeout_ms = 15000; model = \"Nikon DSC D750\"; "
                   "config = [\"iso=200\", \"shutterspeed=1/60\"]",
                   NULL);
    expect_problem(f, "kind = \"gphoto2\"", "such a camera needs 6000 ms");
    expect_problem(f, "kind = \"gphoto2\"; timeout_ms = 15000; config = [\"shutterspeed=30\"]",
                   "needs 36000 ms with its exposure; timeout_ms = 75000 is a good start");
    expect_problem(f, "kind = \"gphoto2\"; timeout_ms = 15000; port = \"disk:/etc\"",
                   "'disk:/etc' is not a port of a camera");
    expect_problem(f, "kind = \"gphoto2\"; timeout_ms = 15000; port = \"ptpip:10.0.0.9\"",
                   "not a port of a camera");
    expect_problem(f, "kind = \"gphoto2\"; timeout_ms = 15000; config = [\"opcode=0x1001\"]",
                   "'opcode' is not among the settings that may be set");
    expect_problem(f, "kind = \"gphoto2\"; timeout_ms = 15000; hook = \"/bin/sh\"", "cameras[0]");
    expect_problem(f, "kind = \"http\"; url = \"http://x/\"; model = \"Nikon\"",
                   "model is not for kind = \"http\": only for gphoto2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, program_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cold_camera_has_a_program_per_shot),
        TEST(warm_camera_is_opened_before_its_first_shot_and_stays_open),
        TEST(wrong_name_in_config_is_told),
        TEST(vanished_camera_is_told_and_found_again),
        TEST(broken_connection_ends_the_session_and_is_met_within_the_budget),
        TEST(hanging_camera_is_ended_reset_and_then_needs_somebody),
        TEST(next_shot_after_a_hang_has_a_new_program),
        TEST(claimed_camera_names_gvfs_and_the_way_out),
        TEST(question_is_answered_by_a_kill),
        TEST(raw_only_is_told_with_the_way_out),
        TEST(raw_comes_beside_the_jpeg),
        TEST(without_a_raw_nothing_is_waited_for),
        TEST(only_our_files_are_deleted_from_the_camera),
        TEST(kept_session_that_fails_again_and_again_is_not_kept),
        TEST(endless_talk_ends_the_session),
        TEST(missing_program_is_told),
        TEST(run_of_a_user_comes_between_two_shots),
        TEST(two_cameras_do_not_wait_for_each_other),
        TEST(settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
