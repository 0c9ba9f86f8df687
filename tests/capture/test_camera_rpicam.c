/* SPDX-License-Identifier: MIT */
/* test_camera_rpicam: the words that the camera programs of a Raspberry Pi are given, and what is
 * made of the words that they say. The programs are stubs with the messages and exit codes of the
 * real ones, which exist only for a Raspberry Pi. */
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
#include <string.h>
#include <sys/stat.h>

#define NO_CABLE "there is no camera; is its ribbon cable seated at both ends? "

/* A program of this name, the only one in PATH beside what its script needs; it notes its words. */
static void install(struct program_rig *f, const char *name, const char *script)
{
    CLEANUP(free_p) char *path = path_join(f->dir, name);
    CLEANUP(free_p) char *search = xasprintf("%s:/usr/bin:/bin", f->dir);
    CLEANUP(free_p)
    char *text = xasprintf("#!/bin/sh\nprintf '%%s' \"${0##*/} $*\" > %s/heard\n%s\n", f->dir,
                           script ? script : "");

    program_rig_put(path, text, strlen(text));
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(setenv("PATH", search, 1), 0);
}

static void install_good(struct program_rig *f, const char *name)
{
    CLEANUP(free_p) char *script = xasprintf("exec cat %s", f->picture);

    install(f, name, script);
}

static void start(struct program_rig *f)
{
    f->settings.settle_ms = f->settings.settle_ms ? f->settings.settle_ms : 1000;
    program_rig_start(f, "rpicam");
}

static void expect_words(struct program_rig *f, const char *words)
{
    CLEANUP(free_p) char *file = path_join(f->dir, "heard");
    CLEANUP(free_p) char *heard = NULL;

    expect_picture(f);
    assert_int_equal(path_read_file(file, 4000, &heard, NULL, NULL), 0);
    assert_string_equal(heard, words);
}

static void set_all(struct program_rig *f)
{
    f->settings.sensor = 1;
    f->settings.width = 64;
    f->settings.height = 48;
    f->settings.shutter_us = 3000000;
    f->settings.gain = 2.5;
    f->settings.awb = 5;
    f->settings.rotation = 180;
    f->settings.hflip = true;
    f->settings.vflip = true;
}

/* --- what they are told --- */

static void exposure_settles_when_it_is_automatic(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "rpicam-still");
    start(f);
    expect_words(f, "rpicam-still --nopreview --encoding jpg --output - --timeout 1000 --awb auto");
}

static void all_settings_reach_rpicam_still(void **state)
{
    static char tuning[] = "/x y/noir.json";
    struct program_rig *f = *state;

    install_good(f, "rpicam-still");
    set_all(f);
    f->settings.tuning_file = tuning;
    start(f);
    expect_words(f, "rpicam-still --nopreview --encoding jpg --output - --immediate --camera 1 "
                    "--width 64 --height 48 --tuning-file /x y/noir.json --shutter 3000000 "
                    "--gain 2.5 --awb daylight --rotation 180 --hflip --vflip");
}

/* The sensor cannot lie on its side: then all of the turning is ours. */
static void a_quarter_turn_is_not_asked_of_the_program(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "rpicam-still");
    f->len = 0;
    f->settings.rotation = 90;
    f->settings.hflip = true;
    start(f);
    expect_words(f, "rpicam-still --nopreview --encoding jpg --output - --timeout 1000 --awb auto");
    assert_int_equal(f->width, 48);
    assert_int_equal(f->height, 64);
}

static void older_name_takes_the_same_words(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "libcamera-still");
    start(f);
    expect_words(f,
                 "libcamera-still --nopreview --encoding jpg --output - --timeout 1000 --awb auto");
}

static void raspistill_is_told_in_its_own_words(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "raspistill");
    set_all(f);
    start(f);
    expect_words(f, "raspistill -n -e jpg -o - -t 1 -cs 1 -w 64 -h 48 -ss 3000000 -ag 2.5 "
                    "-awb sun -rot 180 -hf -vf");
}

static void newest_program_is_taken_unless_one_is_named(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "raspistill");
    install_good(f, "rpicam-still");
    install_good(f, "libcamera-still");
    start(f);
    expect_words(f, "rpicam-still --nopreview --encoding jpg --output - --timeout 1000 --awb auto");
    f->settings.program = f->words[0] = xstrdup("raspistill");
    expect_words(f, "raspistill -n -e jpg -o - -t 1000 -awb auto");
}

/* --- what they say --- */

static void missing_programs_are_told(void **state)
{
    struct program_rig *f = *state;

    install_good(f, "something-else");
    start(f);
    expect_failure(f, -ENOPKG,
                   "front: none of rpicam-still, libcamera-still and raspistill is installed; "
                   "install rpicam-apps, or name the program in program");
}

static void raspistill_with_a_tuning_file_is_told(void **state)
{
    static char tuning[] = "/noir.json";
    struct program_rig *f = *state;

    install_good(f, "raspistill");
    f->settings.tuning_file = tuning;
    f->settings.timeout_ms = 1000;
    start(f);
    expect_failure(f, -ENOTSUP, "front: raspistill knows no tuning_file; take it out");
}

struct complaint {
    const char *name, *script;
    int code;
    const char *text;
};

static const struct complaint complaints[] = {
    {"rpicam-still", "echo 'ERROR: *** no cameras available ***' >&2; exit 255", -ENODEV,
     "front: rpicam-still: " NO_CABLE "rpicam-still --list-cameras shows what is there "
     "(ERROR: *** no cameras available ***)"},
    {"rpicam-still", "echo \"ERROR: *** unrecognised option '--awb' ***\" >&2; exit 255", -EINVAL,
     "front: rpicam-still: does not know an option that lapsed gives it; update it or take that "
     "setting out (ERROR: *** unrecognised option '--awb' ***)"},
    {"libcamera-still",
     "echo 'ERROR: *** failed to acquire camera /base/soc/i2c0mux/i2c@1/imx219@10 ***' >&2\n"
     "exit 255",
     -EBUSY,
     "front: libcamera-still: another program has the camera; end it (ERROR: *** failed to acquire "
     "camera /base/soc/i2c0mux/i2c@1/imx219@10 ***)"},
    {"raspistill",
     "echo 'mmal: Camera is not detected. Please check carefully the camera module is installed "
     "correctly.' >&2; exit 70",
     -ENODEV,
     "front: raspistill: " NO_CABLE "vcgencmd get_camera shows what is there (mmal: Camera is not "
     "detected. Please check carefully the camera module is installed correctly.)"},
    {"raspistill", "echo '* failed to open vchiq instance' >&2; exit 255", -EACCES,
     "front: raspistill: may not use the camera; put the user of lapsed into the group video "
     "(* failed to open vchiq instance)"},
    {"rpicam-still", "kill -SEGV $$", -EIO, "front: rpicam-still: killed by signal 11"},
};

static void complaints_are_told_with_what_to_do(void **state)
{
    struct program_rig *f = *state;

    f->settings.timeout_ms = 1000;
    start(f);
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        const struct complaint *complaint = &complaints[i];
        CLEANUP(free_p) char *path = path_join(f->dir, complaint->name);

        install(f, complaint->name, complaint->script);
        f->settings.program = path;
        program_rig_shoot(f);
        f->settings.program = NULL;
        assert_int_equal(f->result, complaint->code);
        assert_non_null(strstr(f->text, strchr(complaint->text + 7, ':')));
    }
}

static void hanging_sensor_is_told_by_the_last_words(void **state)
{
    struct program_rig *f = *state;

    install(f, "rpicam-still",
            "echo 'ERROR RPI pipeline_base.cpp:1367 Camera frontend has timed out!' >&2\n"
            "exec cat < /dev/zero > /dev/null");
    f->settings.timeout_ms = 2000;
    start(f);
    program_rig_shoot(f);
    assert_non_null(strstr(f->text, "the sensor does not answer; check its cable"));
    assert_int_equal(f->result, -ETIMEDOUT);
    install_good(f, "rpicam-still");
    expect_picture(f);
}

static void mistakes_in_the_settings_are_named(void **state)
{
    struct program_rig *f = *state;

    expect_problem(f, "kind = \"rpicam\";", NULL);
    expect_problem(f,
                   "kind = \"rpicam\"; shutter_us = 3000000; gain = 4.0; awb = \"cloudy\"; "
                   "hflip = true; rotation = 180; program = \"raspistill\";",
                   NULL);
    expect_problem(f, "kind = \"rpicam\"; shutter_us = 3000000;",
                   "the exposure needs about 5000 ms; timeout_ms = 5000 leaves 4500");
    expect_problem(f, "kind = \"rpicam\"; rotation = 45;", "by 0, 90, 180 or 270 degrees");
    expect_problem(f, "kind = \"http\"; url = \"http://x/\"; shutter_us = 5;",
                   "shutter_us is not for kind = \"http\": only for rpicam; take it out");
}

#define rpicam_test(name)                                                                          \
    cmocka_unit_test_setup_teardown(name, program_rig_setup, program_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rpicam_test(exposure_settles_when_it_is_automatic),
        rpicam_test(all_settings_reach_rpicam_still),
        rpicam_test(a_quarter_turn_is_not_asked_of_the_program),
        rpicam_test(older_name_takes_the_same_words),
        rpicam_test(raspistill_is_told_in_its_own_words),
        rpicam_test(newest_program_is_taken_unless_one_is_named),
        rpicam_test(missing_programs_are_told),
        rpicam_test(raspistill_with_a_tuning_file_is_told),
        rpicam_test(complaints_are_told_with_what_to_do),
        rpicam_test(hanging_sensor_is_told_by_the_last_words),
        rpicam_test(mistakes_in_the_settings_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
