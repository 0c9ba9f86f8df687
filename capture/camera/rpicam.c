/* SPDX-License-Identifier: MIT */
/* rpicam: the camera of a Raspberry Pi through the program that its system has: rpicam-still, the
 * same by its older name libcamera-still, or raspistill of the old camera stack.
 *
 * A run opens the sensor, lets exposure and colours settle for settle_ms and takes one picture.
 * With a shutter and a gain that are given there is nothing to wait for: the picture is exposed at
 * once, which is also what the makers ask for with exposures of seconds. */
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "capture/camera/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { START_MS = 1000 }; /* what a Pi needs to open its camera, roughly */

const char *const rpicam_awb_choices[] = {"auto",   "incandescent", "tungsten", "fluorescent",
                                          "indoor", "daylight",     "cloudy",   NULL};

/* The words of raspistill for them. */
static const char *const raspistill_awb[] = {
    "auto", "incandescent", "tungsten", "fluorescent", "incandescent", "sun", "cloud"};

_Static_assert(ARRAY_LEN(raspistill_awb) + 1 == ARRAY_LEN(rpicam_awb_choices), "a word for each");

static const struct program_advice advice[] = {
    {"no cameras available", -ENODEV,
     "there is no camera; is its ribbon cable seated at both ends? rpicam-still --list-cameras "
     "shows what is there"},
    {"Camera is not detected", -ENODEV,
     "there is no camera; is its ribbon cable seated at both ends? vcgencmd get_camera shows what "
     "is there"},
    {"in use by another process", -EBUSY, "another program has the camera; end it"},
    {"failed to acquire camera", -EBUSY, "another program has the camera; end it"},
    {"ENOSPC", -EBUSY, "another program has the camera; end it"},
    {"frontend has timed out", -ETIMEDOUT,
     "the sensor does not answer; check its cable and the power supply"},
    {"Device timeout detected", -ETIMEDOUT,
     "the sensor does not answer; check its cable and the power supply"},
    {"unrecognised option", -EINVAL,
     "does not know an option that lapsed gives it; update it or take that setting out"},
    {"Invalid command line option", -EINVAL,
     "does not know an option that lapsed gives it; update it or take that setting out"},
    {"vchiq", -EACCES, "may not use the camera; put the user of lapsed into the group video"},
    {"Permission denied", -EACCES,
     "may not use the camera; put the user of lapsed into the group video"},
    {NULL, 0, NULL},
};

/* --- the command lines --- */

static bool is_fixed(const struct camera_settings *settings)
{
    return settings->shutter_us > 0 && settings->gain > 0;
}

static void add_number(struct program_args *args, const char *option, int64_t number)
{
    if (number <= 0)
        return;
    program_args_add(args, "%s", option);
    program_args_add(args, "%lld", (long long)number);
}

static void add_words(struct program_args *args, const char *const *words)
{
    for (; *words; words++)
        program_args_add(args, "%s", *words);
}

static void add_pair(struct program_args *args, const char *option, const char *value)
{
    add_words(args, (const char *const[]){option, value, NULL});
}

static void add_gain(struct program_args *args, const char *option, double gain)
{
    if (gain <= 0)
        return;
    program_args_add(args, "%s", option);
    program_args_add(args, "%g", gain);
}

/* The sensor is read out the other way round; on its side it cannot be. */
static bool rpicam_turns(const struct camera_settings *settings)
{
    return settings->rotation % 180 == 0;
}

/* options: for the angle and for each mirroring. */
static void add_turn(const struct camera_settings *settings, struct program_args *args,
                     const char *const *options)
{
    if (!rpicam_turns(settings))
        return;
    add_number(args, options[0], settings->rotation);
    if (settings->hflip)
        program_args_add(args, "%s", options[1]);
    if (settings->vflip)
        program_args_add(args, "%s", options[2]);
}

static void add_rpicam_args(const struct camera_settings *settings, struct program_args *args)
{
    add_words(args,
              (const char *const[]){"--nopreview", "--encoding", "jpg", "--output", "-", NULL});
    if (is_fixed(settings) || settings->settle_ms == 0)
        program_args_add(args, "--immediate");
    else
        add_number(args, "--timeout", settings->settle_ms);
    add_number(args, "--camera", settings->sensor);
    add_number(args, "--width", settings->width);
    add_number(args, "--height", settings->height);
    if (settings->tuning_file)
        add_pair(args, "--tuning-file", settings->tuning_file);
    add_number(args, "--shutter", settings->shutter_us);
    add_gain(args, "--gain", settings->gain);
    add_pair(args, "--awb", rpicam_awb_choices[settings->awb]);
    add_turn(settings, args, (const char *const[]){"--rotation", "--hflip", "--vflip"});
}

static void add_raspistill_args(const struct camera_settings *settings, struct program_args *args)
{
    add_words(args, (const char *const[]){"-n", "-e", "jpg", "-o", "-", NULL});
    add_number(args, "-t", is_fixed(settings) ? 1 : MAX(settings->settle_ms, (int64_t)1));
    add_number(args, "-cs", settings->sensor);
    add_number(args, "-w", settings->width);
    add_number(args, "-h", settings->height);
    add_number(args, "-ss", settings->shutter_us);
    add_gain(args, "-ag", settings->gain);
    add_pair(args, "-awb", raspistill_awb[settings->awb]);
    add_turn(settings, args, (const char *const[]){"-rot", "-hf", "-vf"});
}

/* The program to run, by the name to call it. -ENOPKG. */
static int choose_program(const struct camera_settings *settings, const char **ret_name,
                          struct error *err)
{
    static const char *const names[] = {"rpicam-still", "libcamera-still", "raspistill"};

    *ret_name = settings->program;
    for (size_t i = 0; !*ret_name && i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *path = NULL;

        if (process_find_program(names[i], &path, NULL) == 0)
            *ret_name = names[i];
    }
    if (*ret_name)
        return 0;
    return error_set(err, -ENOPKG,
                     "none of rpicam-still, libcamera-still and raspistill is installed; install "
                     "rpicam-apps, or name the program in program");
}

static int make_args(const struct camera_settings *settings, const char *output,
                     struct program_args *ret_args, struct error *err)
{
    const char *name;
    int rc = choose_program(settings, &name, err);

    (void)output;
    if (rc < 0)
        return rc;
    program_args_add(ret_args, "%s", name);
    if (!str_ends_with(name, "raspistill"))
        add_rpicam_args(settings, ret_args);
    else if (!settings->tuning_file)
        add_raspistill_args(settings, ret_args);
    else
        return error_set(err, -ENOTSUP, "raspistill knows no tuning_file; take it out");
    return 0;
}

/* --- the driver --- */

static void rpicam_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    int64_t needed_ms = START_MS + settings->shutter_us / 1000;

    if (!is_fixed(settings))
        needed_ms += settings->settle_ms;
    if (needed_ms > program_patience_ms(settings))
        conf_problem(conf, &camera_table, index, "timeout_ms",
                     "the exposure needs about %lld ms; timeout_ms = %lld leaves %lld",
                     (long long)needed_ms, (long long)settings->timeout_ms,
                     (long long)program_patience_ms(settings));
}

static void *rpicam_open(struct camera_port *port, struct loop *loop, struct http *http,
                         const struct camera_settings *settings)
{
    static const struct program_kind kind = {.make_args = make_args, .advice = advice};

    (void)http;
    return program_new(port, loop, settings, &kind);
}

static const char *const rpicam_keys[] = {"program", "sensor", "settle_ms",   "shutter_us",
                                          "gain",    "awb",    "tuning_file", NULL};

const struct camera_driver camera_rpicam_driver = {
    .kind = "rpicam",
    .keys = rpicam_keys,
    .turns = rpicam_turns,
    .check = rpicam_check,
    .open = rpicam_open,
    .close = program_close,
    .request = program_request,
    .cancel = program_cancel,
};
