/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_arguments.h"

#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_config.h"
#include "capture/camera/gphoto2_line.h"
#include "capture/camera/gphoto2_name.h"
#include "capture/camera/gphoto2_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAMES_MAX = 1000,
    EVENTS_MAX = 1000,
    FILE_NUMBER_MAX = 999999,
    CAMERA_PATH_MAX = 256,
    RANGE_MAX = 64,
    OPTION_NAME_MAX = 64,
};

static const char add_setting[] = "--set-config ";

struct filter {
    const struct gphoto2_rules *rules;
    struct gphoto2_arguments made;
    int64_t frames, interval_s, bulb_s, shutter_ms;
    int64_t captures; /* how many options take pictures */
    bool takes_frames, takes_interval, quiet;
};

enum { PASS_ON = 0, KEEP_OURS = 1 };

/* PASS_ON: gphoto2 gets it; KEEP_OURS: it does not; -EINVAL, -EPERM: err continues "--name: ". */
typedef int (*check_fn)(struct filter *filter, const char *value, struct error *err);

enum access { ALLOWED, BY_CONFIG, NEVER };

struct option {
    const char *name;
    char letter; /* 0 = none */
    enum access access;
    check_fn check;         /* of its value; NULL = it has none */
    bool value_is_optional; /* as popt has it; we want it always */
    bool downloads, captures;
    bool may_get_none; /* though it downloads */
    const char *why;   /* not ALLOWED */
};

/* --- values --- */

static int read_number(const char *value, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
    int64_t number;

    if (str_to_int(value, &number) < 0 || number < min || number > max)
        return error_set(err, -EINVAL, "must be a number from %lld to %lld", (long long)min,
                         (long long)max);
    *ret = number;
    return PASS_ON;
}

static int check_filename(struct filter *filter, const char *value, struct error *err)
{
    char *name;
    int rc = gphoto2_name_confine(value, filter->rules->base_dir, &name, err);

    if (rc < 0)
        return rc;
    free(filter->made.filename);
    filter->made.filename = name;
    return KEEP_OURS;
}

static int check_file_number(struct filter *filter, const char *value, struct error *err)
{
    int rc = read_number(value, 0, FILE_NUMBER_MAX, &filter->made.first_number, err);

    return rc < 0 ? rc : KEEP_OURS;
}

static int check_port(struct filter *filter, const char *value, struct error *err)
{
    const char *port = filter->rules->port;

    if (port && !str_equal(port, value))
        return error_set(err, -EPERM,
                         "the configuration says that this camera is at %s; leave it "
                         "out",
                         port);
    if (!port && gphoto2_port_check(value, NULL) < 0)
        return error_set(err, -EPERM, "only usb:BUS,DEVICE, as --auto-detect shows it");
    if (!port)
        replace_str(&filter->made.port, value);
    return KEEP_OURS;
}

static int check_config_name(struct filter *filter, const char *value, struct error *err)
{
    (void)filter;
    return gphoto2_config_check_name(value, err);
}

static bool is_added(const struct conf_strings *allow, const char *front, const char *what)
{
    for (size_t i = 0; allow && i < allow->count; i++)
        if (str_starts_with(allow->items[i], front) &&
            str_equal(allow->items[i] + strlen(front), what))
            return true;
    return false;
}

static bool is_among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (str_equal(*words, word))
            return true;
    return false;
}

/* The shutter and the lens, which POCS moves by hand. */
static bool is_movable(const char *name)
{
    static const char *const movable[] = {
        "eosremoterelease", "bulb", "autofocusdrive", "manualfocusdrive", "cancelautofocus", NULL};

    return is_among(gphoto2_config_leaf(name), movable);
}

/* NULL, or why it is never set, whatever the configuration says. */
static const char *never_set(const char *name)
{
    static const struct {
        const char *name, *why;
    } never[] = {
        {"opcode", "it sends raw commands to the camera"},
        {"actions", "it stands for all that the camera can be made to do"},
        {"controlmode", "it decides whether the camera still obeys its owner"},
        {"uilock", "it locks the camera's buttons"},
        {"format", "it erases the card"},
        {"formatcard", "it erases the card"},
        {"datetime", "the times of the owner's pictures hang on it"},
        {"datetimeutc", "the times of the owner's pictures hang on it"},
        {"syncdatetime", "the times of the owner's pictures hang on it"},
        {"syncdatetimeutc", "the times of the owner's pictures hang on it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (str_equal(never[i].name, gphoto2_config_leaf(name)))
            return never[i].why;
    return NULL;
}

static int refuse_setting(const char *name, struct error *err)
{
    const char *leaf = gphoto2_config_leaf(name), *nearest = gphoto2_config_nearest(name);

    return error_set(err, -EPERM,
                     "'%s' is not among the settings that may be set%s%s%s, as iso, shutterspeed, "
                     "aperture, whitebalance, imageformat, capturetarget; in the configuration "
                     "gphoto2_allow = [ \"%s%s\" ] adds it",
                     name, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                     nearest ? "'?)" : "", add_setting, leaf);
}

static int check_settable(const struct filter *filter, const char *name, struct error *err)
{
    const char *why = never_set(name);

    if (gphoto2_config_is_listed(name) || is_movable(name))
        return 0;
    if (why)
        return error_set(err, -EPERM, "'%s' is never set: %s", name, why);
    if (is_added(filter->rules->allow, add_setting, gphoto2_config_leaf(name)))
        return 0;
    return refuse_setting(name, err);
}

/* *ret_value: inside pair. */
static int check_pair(const struct filter *filter, const char *pair, const char **ret_value,
                      struct error *err)
{
    size_t len = strcspn(pair, "=");
    CLEANUP(free_p) char *name = xstrndup(pair, len);
    int rc;

    if (pair[len] != '=')
        return error_set(err, -EINVAL, "must be NAME=VALUE");
    rc = gphoto2_config_check_name(name, err);
    if (rc == 0)
        rc = check_settable(filter, name, err);
    *ret_value = pair + len + 1;
    return rc;
}

static void note_exposure(struct filter *filter, const char *pair)
{
    CLEANUP(free_p) char *copy = xstrdup(pair);
    struct conf_strings pairs = {.items = &copy, .count = 1};

    filter->shutter_ms = MAX(filter->shutter_ms, gphoto2_config_exposure_ms(&pairs));
}

static int refuse_value(const char *value, struct error *err)
{
    return error_set(err, -EINVAL,
                     "the value '%.64s' is longer than 64 bytes or has other characters than "
                     "letters, digits and ./+ -,:_(); --set-config-index takes the number of a "
                     "choice",
                     value);
}

static int check_config_value(struct filter *filter, const char *value, struct error *err)
{
    const char *what = NULL;
    int rc = check_pair(filter, value, &what, err);

    if (rc == 0 && gphoto2_config_check_value(what, NULL) < 0)
        return refuse_value(what, err);
    if (rc == 0)
        note_exposure(filter, value);
    return rc;
}

static int check_config_index(struct filter *filter, const char *value, struct error *err)
{
    const char *what = NULL;
    int64_t index;
    int rc = check_pair(filter, value, &what, err);

    return rc < 0 ? rc : read_number(what, 0, 9999, &index, err);
}

/* "5" events, "3f" files, "2s", "500ms"; a text would be waited for without an end. */
static int check_wait(struct filter *filter, const char *value, struct error *err)
{
    size_t digits = strspn(value, "0123456789");
    CLEANUP(free_p) char *number = xstrndup(value, digits);
    const char *unit = value + digits;
    int64_t most = EVENTS_MAX, factor_ms = 0, count = 0;

    if (str_equal(unit, "s"))
        factor_ms = 1000;
    else if (str_equal(unit, "ms"))
        factor_ms = 1;
    else if (*unit && !str_equal(unit, "f"))
        return error_set(err, -EINVAL,
                         "must be a time, as 5s or 500ms, or a number of events, as "
                         "3, or of files, as 2f");
    if (factor_ms > 0)
        most = GPHOTO2_WAIT_MAX_S * (int64_t)1000 / factor_ms;
    if (read_number(number, 1, most, &count, err) < 0)
        return -EINVAL;
    filter->made.wait_ms += count * factor_ms;
    return PASS_ON;
}

/* "10s", or "100" pictures of the viewfinder. */
static int check_movie(struct filter *filter, const char *value, struct error *err)
{
    if (strchr(value, 'f') || strchr(value, 'm'))
        return error_set(err, -EINVAL, "must be a time, as 10s, or a number of pictures, as 100");
    return check_wait(filter, value, err);
}

static int check_bulb(struct filter *filter, const char *value, struct error *err)
{
    return read_number(value, 1, GPHOTO2_WAIT_MAX_S, &filter->bulb_s, err);
}

static int check_frames(struct filter *filter, const char *value, struct error *err)
{
    filter->takes_frames = true;
    return read_number(value, 1, FRAMES_MAX, &filter->frames, err);
}

static int check_interval(struct filter *filter, const char *value, struct error *err)
{
    filter->takes_interval = true;
    return read_number(value, 1, GPHOTO2_WAIT_MAX_S, &filter->interval_s, err);
}

/* Of the camera's card. */
static int check_camera_path(struct filter *filter, const char *value, struct error *err)
{
    size_t len = strlen(value);

    (void)filter;
    if (len < 1 || len > CAMERA_PATH_MAX)
        return error_set(err, -EINVAL, "a path on the camera has 1 to %d bytes", CAMERA_PATH_MAX);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)value[i]) && !strchr("/._- ", value[i]))
            return error_set(err, -EINVAL, "a path on the camera has letters, digits and '/._- '");
    if (value[0] == '-' || strstr(value, ".."))
        return error_set(err, -EINVAL,
                         "a path on the camera does not begin with '-' and has no "
                         "'..'");
    return PASS_ON;
}

/* "7", "1-5,9", or one file by its name. */
static int check_range(struct filter *filter, const char *value, struct error *err)
{
    size_t len = strlen(value);

    if (len > 0 && len <= RANGE_MAX && isdigit((unsigned char)value[0]) &&
        strspn(value, "0123456789,-") == len)
        return PASS_ON;
    if (len > 0 && strspn(value, "0123456789,-") == len)
        return error_set(err, -EINVAL, "must be numbers of files, as 7 or 1-5,9");
    return check_camera_path(filter, value, err);
}

/* --- the options --- */

#define CARD      "it changes what is on the owner's card"
#define LOCAL     "it reads or writes files of this machine by their path"
#define SETUP     "which camera it is stands in the configuration"
#define LISTING   "it shows what is on the owner's card"
#define DOWNLOADS "it takes older pictures from the owner's card"

static const struct option options[] = {
    /* looking */
    {.name = "auto-detect"},
    {.name = "version", .letter = 'v'},
    {.name = "help", .letter = '?'},
    {.name = "usage"},
    {.name = "list-cameras"},
    {.name = "list-ports"},
    {.name = "abilities", .letter = 'a'},
    {.name = "summary"},
    {.name = "about"},
    {.name = "manual"},
    {.name = "storage-info"},
    {.name = "list-config"},
    {.name = "list-all-config"},
    {.name = "get-config", .check = check_config_name},
    {.name = "quiet", .letter = 'q'},
    {.name = "parsable"},
    /* setting */
    {.name = "port", .check = check_port},
    {.name = "set-config", .check = check_config_value},
    {.name = "set-config-value", .check = check_config_value},
    {.name = "set-config-index", .check = check_config_index},
    /* taking pictures */
    {.name = "capture-image", .captures = true},
    {.name = "trigger-capture", .captures = true},
    {.name = "capture-image-and-download", .captures = true, .downloads = true},
    {.name = "capture-preview", .downloads = true},
    {.name = "wait-event", .check = check_wait, .value_is_optional = true},
    {.name = "wait-event-and-download",
     .check = check_wait,
     .value_is_optional = true,
     .downloads = true,
     .may_get_none = true},
    {.name = "capture-tethered",
     .check = check_wait,
     .value_is_optional = true,
     .downloads = true,
     .may_get_none = true},
    {.name = "bulb", .letter = 'B', .check = check_bulb},
    {.name = "frames", .letter = 'F', .check = check_frames},
    {.name = "interval", .letter = 'I', .check = check_interval},
    {.name = "keep"},
    {.name = "keep-raw"},
    {.name = "no-keep"},
    {.name = "filename", .check = check_filename},
    {.name = "filenumber", .check = check_file_number},
    /* what the operator may want */
    {.name = "force-overwrite", .access = BY_CONFIG, .why = "it replaces pictures that are there"},
    {.name = "list-folders", .letter = 'l', .access = BY_CONFIG, .why = LISTING},
    {.name = "list-files", .letter = 'L', .access = BY_CONFIG, .why = LISTING},
    {.name = "num-files", .letter = 'n', .access = BY_CONFIG, .why = LISTING},
    {.name = "show-exif", .access = BY_CONFIG, .check = check_range, .why = LISTING},
    {.name = "show-info", .access = BY_CONFIG, .check = check_range, .why = LISTING},
    {.name = "folder",
     .letter = 'f',
     .access = BY_CONFIG,
     .check = check_camera_path,
     .why = LISTING},
    {.name = "recurse", .letter = 'R', .access = BY_CONFIG, .why = LISTING},
    {.name = "no-recurse", .access = BY_CONFIG, .why = LISTING},
    {.name = "reverse", .access = BY_CONFIG, .why = LISTING},
    {.name = "new", .access = BY_CONFIG, .why = DOWNLOADS},
    {.name = "get-file",
     .letter = 'p',
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "get-thumbnail",
     .letter = 't',
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "get-raw-data",
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "get-audio-data",
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "get-metadata",
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "get-exif",
     .access = BY_CONFIG,
     .check = check_range,
     .downloads = true,
     .why = DOWNLOADS},
    {.name = "capture-sound", .access = BY_CONFIG, .why = "it listens to what is said around it"},
    {.name = "capture-movie",
     .access = BY_CONFIG,
     .check = check_movie,
     .value_is_optional = true,
     .downloads = true,
     .why = "it fills the disk"},
    {.name = "debug", .access = BY_CONFIG, .why = "it prints a great deal"},
    /* what nobody may */
    {.name = "hook-script", .access = NEVER, .why = "it runs a program of this machine"},
    {.name = "shell", .access = NEVER, .why = "it waits for commands on a terminal"},
    {.name = "config", .access = NEVER, .why = "it waits for keys on a terminal"},
    {.name = "show-preview", .access = NEVER, .why = "it draws on a terminal"},
    {.name = "debug-logfile", .access = NEVER, .why = LOCAL},
    {.name = "debug-loglevel", .access = NEVER, .why = "it prints a great deal"},
    {.name = "upload-file", .letter = 'u', .access = NEVER, .why = LOCAL},
    {.name = "upload-metadata", .access = NEVER, .why = LOCAL},
    {.name = "stdout", .access = NEVER, .why = "the answer is text; pictures come as files"},
    {.name = "stdout-size", .access = NEVER, .why = "the answer is text; pictures come as files"},
    {.name = "skip-existing",
     .access = NEVER,
     .why = "a file that is there is never replaced anyway"},
    {.name = "camera", .access = NEVER, .why = SETUP},
    {.name = "usbid", .access = NEVER, .why = SETUP},
    {.name = "speed", .access = NEVER, .why = SETUP},
    {.name = "reset", .access = NEVER, .why = "the agent does that itself when the camera hangs"},
    {.name = "reset-interval", .access = NEVER, .why = "there is nobody to send it signals"},
    {.name = "mkdir", .letter = 'm', .access = NEVER, .why = CARD},
    {.name = "rmdir", .letter = 'r', .access = NEVER, .why = CARD},
    {.name = "delete-file", .letter = 'd', .access = NEVER, .why = CARD},
    {.name = "delete-all-files", .letter = 'D', .access = NEVER, .why = CARD},
    {.name = "get-all-files", .letter = 'P', .access = NEVER, .why = "it fills the disk"},
    {.name = "get-all-thumbnails", .letter = 'T', .access = NEVER, .why = "it fills the disk"},
    {.name = "get-all-metadata", .access = NEVER, .why = "it fills the disk"},
    {.name = "get-all-raw-data", .access = NEVER, .why = "it fills the disk"},
    {.name = "get-all-audio-data", .access = NEVER, .why = "it fills the disk"},
    {.name = "get-all-exif", .access = NEVER, .why = "it fills the disk"},
};

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static const struct option *find_letter(char letter)
{
    for (size_t i = 0; letter && i < ARRAY_LEN(options); i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

/* --- words become options --- */

struct word {
    const struct option *option;
    const char *value; /* behind '='; NULL: none */
};

static int refuse_unknown(const char *name, size_t len, struct error *err)
{
    CLEANUP(free_p) char *word = xstrndup(name, MIN(len, (size_t)OPTION_NAME_MAX));
    struct nearest nearest = nearest_init(word);

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        nearest_try(&nearest, options[i].name);
    return error_set(err, -EINVAL, "gphoto2 has no option --%s%s%s%s", word,
                     nearest.best ? "; did you mean --" : "", nearest.best ? nearest.best : "",
                     nearest.best ? "?" : "");
}

static int read_long(const char *text, struct word *ret, struct error *err)
{
    size_t len = strcspn(text, "=");

    ret->option = find_option(text, len);
    ret->value = text[len] == '=' ? text + len + 1 : NULL;
    if (ret->option)
        return 0;
    return refuse_unknown(text, len, err);
}

/* One letter a word: what stands behind it in popt's other forms (-Fn, -qL) could be anything. */
static int read_letter(const char *text, struct word *ret, struct error *err)
{
    ret->option = find_letter(text[0]);
    ret->value = text[0] && text[1] == '=' ? text + 2 : NULL;
    if (ret->option && (text[1] == '\0' || ret->value))
        return 0;
    if (ret->option || find_option(text, strcspn(text, "=")))
        return error_set(err, -EINVAL,
                         "'-%.32s': write each option as a word of its own, as "
                         "--capture-image or -F 5",
                         text);
    return error_set(err, -EINVAL, "gphoto2 has no option -%.32s", text);
}

static int read_word(const char *text, struct word *ret, struct error *err)
{
    *ret = (struct word){0};
    if (str_starts_with(text, "--") && text[2])
        return read_long(text + 2, ret, err);
    if (text[0] == '-' && text[1] && text[1] != '-')
        return read_letter(text + 1, ret, err);
    return error_set(err, -EINVAL, "'%.64s' belongs to no option", text);
}

static int check_access(const struct option *option, const struct conf_strings *allow,
                        struct error *err)
{
    if (option->access == NEVER)
        return error_set(err, -EPERM, "--%s is never allowed: %s", option->name, option->why);
    if (option->access == BY_CONFIG && !is_added(allow, "--", option->name))
        return error_set(err, -EPERM,
                         "--%s is not allowed: %s; in the configuration gphoto2_allow = [ "
                         "\"--%s\" ] of this camera allows it",
                         option->name, option->why, option->name);
    return 0;
}

/* next: the word behind it, or NULL; *ret_used: it was the value. */
static int take_value(struct word *word, const char *next, bool *ret_used, struct error *err)
{
    const struct option *option = word->option;

    *ret_used = false;
    if (!option->check)
        return word->value ? error_set(err, -EINVAL, "--%s takes no value", option->name) : 0;
    if (!word->value && next && !(option->value_is_optional && next[0] == '-')) {
        word->value = next;
        *ret_used = true;
    }
    if (word->value)
        return 0;
    return error_set(err, -EINVAL,
                     option->value_is_optional
                         ? "--%s would have no end: give it a time, as --%s=5s"
                         : "--%s: its value is missing%.0s",
                     option->name, option->name);
}

static int add_option(struct filter *filter, const struct word *word, struct error *err)
{
    const struct option *option = word->option;
    int rc = option->check ? option->check(filter, word->value, err) : PASS_ON;

    if (rc < 0) {
        (void)error_prefix(err, "--%s %.64s", option->name, word->value);
        return rc;
    }
    filter->captures += option->captures;
    filter->made.downloads |= option->downloads;
    filter->made.must_download |= option->downloads && !option->may_get_none;
    filter->made.overwrite |= str_equal(option->name, "force-overwrite");
    filter->quiet |= str_equal(option->name, "quiet") || str_equal(option->name, "parsable");
    if (rc == KEEP_OURS || str_equal(option->name, "force-overwrite"))
        return 0;
    if (option->check)
        program_args_add(&filter->made.args, "--%s=%s", option->name, word->value);
    else
        program_args_add(&filter->made.args, "--%s", option->name);
    return 0;
}

static int add_words(struct filter *filter, const char *const *words, size_t count,
                     struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct word word;
        bool used;
        int rc = read_word(words[i], &word, err);

        if (rc == 0)
            rc = check_access(word.option, filter->rules->allow, err);
        if (rc == 0)
            rc = take_value(&word, i + 1 < count ? words[i + 1] : NULL, &used, err);
        if (rc == 0)
            rc = add_option(filter, &word, err);
        if (rc < 0)
            return rc;
        i += used;
    }
    return 0;
}

/* --- what they are together --- */

static void add_exposures(struct filter *filter)
{
    int64_t frames = filter->takes_interval ? filter->frames : 1;
    int64_t each_ms = (filter->interval_s + filter->bulb_s) * 1000 + 2 * filter->shutter_ms;

    filter->made.wait_ms += filter->captures * frames * each_ms;
}

static int check_whole(struct filter *filter, struct error *err)
{
    if (filter->takes_interval && !filter->takes_frames)
        return error_set(err, -EINVAL, "--interval would have no end: give --frames, too");
    if (filter->quiet && filter->made.downloads)
        return error_set(err, -EINVAL,
                         "--quiet and --parsable are not for downloads: without them gphoto2 asks "
                         "nobody before it replaces a file, and does not say what it saved");
    if (filter->made.filename && !filter->made.downloads)
        return error_set(err, -EINVAL,
                         "--filename is given, but nothing is downloaded; "
                         "--capture-image-and-download does that");
    add_exposures(filter);
    if (filter->made.wait_ms > GPHOTO2_WAIT_MAX_S * (int64_t)1000)
        return error_set(err, -EINVAL, "all in all it would take %lld s; at most %d s are allowed",
                         (long long)filter->made.wait_ms / 1000, GPHOTO2_WAIT_MAX_S);
    return 0;
}

int gphoto2_arguments_make(const char *const *words, size_t count,
                           const struct gphoto2_rules *rules, struct gphoto2_arguments *ret,
                           struct error *err)
{
    struct filter filter = {.rules = rules, .made = {.first_number = 1}};
    int rc;

    if (count == 0)
        return error_set(err, -EINVAL, "there is no option; --auto-detect is one");
    if (count > GPHOTO2_WORDS_MAX)
        return error_set(err, -EINVAL, "more than %d words", GPHOTO2_WORDS_MAX);
    rc = add_words(&filter, words, count, err);
    if (rc == 0)
        rc = check_whole(&filter, err);
    if (rc < 0)
        gphoto2_arguments_done(&filter.made);
    else
        *ret = filter.made;
    return rc;
}

void gphoto2_arguments_done(struct gphoto2_arguments *arguments)
{
    program_args_done(&arguments->args);
    free(arguments->filename);
    free(arguments->port);
    *arguments = (struct gphoto2_arguments){0};
}

/* --- gphoto2_allow --- */

static int check_added_setting(const char *name, struct error *err)
{
    const char *why = never_set(name);

    if (gphoto2_config_check_name(name, err) < 0)
        return -EINVAL;
    if (strchr(name, '/'))
        return error_set(err, -EINVAL, "only the last part of the name: \"%s%s\"", add_setting,
                         gphoto2_config_leaf(name));
    if (why)
        return error_set(err, -EPERM, "the setting '%s' can never be allowed: %s", name, why);
    if (gphoto2_config_is_listed(name) || is_movable(name))
        return error_set(err, -EINVAL, "the setting '%s' is allowed anyway; take it out", name);
    return 0;
}

int gphoto2_allow_check(const char *entry, struct error *err)
{
    const struct option *option = NULL;

    if (str_starts_with(entry, add_setting))
        return check_added_setting(entry + strlen(add_setting), err);
    if (str_starts_with(entry, "--"))
        option = find_option(entry + 2, strlen(entry + 2));
    if (!option && str_starts_with(entry, "--"))
        return refuse_unknown(entry + 2, strlen(entry + 2), err);
    if (!option)
        return error_set(err, -EINVAL, "'%.64s' is no option: write it as \"--list-files\"", entry);
    if (option->access == NEVER)
        return error_set(err, -EPERM, "%s can never be allowed: %s", entry, option->why);
    if (option->access == ALLOWED)
        return error_set(err, -EINVAL, "%s is allowed anyway; take it out", entry);
    return 0;
}
