/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_words.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/program.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROMPT     "gphoto2: {"
#define NEW_FILE   "New file is in location "
#define ON_CAMERA  " on the camera"
#define ALNUM      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define PATH_CHARS ALNUM "/._-()#+~"

enum { PATH_MAX_BYTES = 512, WORDS_MAX = 240, EXPOSURE_MAX_S = 3600 };

/* --- what it may be told --- */

/* "30", "1/60", "0.3", "2.5s"; 0: none of these. */
static double seconds_of(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (*end == '/') {
        const char *divisor_text = end + 1;
        double divisor = strtod(divisor_text, &end);

        value = divisor > 0 ? value / divisor : 0;
    }
    if (*end && !str_equal(end, "s"))
        return 0;
    return value > 0 && value <= EXPOSURE_MAX_S ? value : 0;
}

int64_t gphoto2_config_exposure_ms(const struct conf_strings *pairs)
{
    double seconds = 0;

    for (size_t i = 0; i < pairs->count; i++) {
        const char *name = strstr(pairs->items[i], "shutterspeed");
        const char *equals = strchr(pairs->items[i], '=');

        if (name && equals && name < equals)
            seconds = seconds_of(equals + 1);
    }
    return (int64_t)(seconds * 1000);
}

static bool is_number(const char *text, size_t len)
{
    return len > 0 && len <= 3 && strspn(text, "0123456789") >= len;
}

int gphoto2_port_check(const char *port, struct error *err)
{
    const char *comma = strchr(port, ',');

    if (str_starts_with(port, "usb:") && comma && is_number(port + 4, (size_t)(comma - port - 4)) &&
        is_number(comma + 1, strlen(comma + 1)))
        return 0;
    return error_set(
        err, -EINVAL,
        "'%.64s' is not a port of a camera: only usb:BBB,DDD, as gphoto2 --auto-detect "
        "shows it",
        port);
}

/* --- what it says --- */

#define SWITCHED_ON                                                                                \
    "no camera; is it switched on, its battery full and its cable in? gphoto2 --auto-detect "      \
    "lists "                                                                                       \
    "what is there"
#define TAKEN                                                                                      \
    "another program has the camera, mostly gvfs-gphoto2-volume-monitor of the desktop; stop it "  \
    "with: systemctl --user mask --now gvfs-gphoto2-volume-monitor"
#define NO_FOCUS "the camera found no focus; set its lens to manual focus"
#define FULL     "the camera's card is full; delete pictures on it, or set capturetarget=Internal RAM"
#define BROKEN   "the connection to the camera broke; check its cable and its battery"

static const struct program_advice advice[] = {
    {"Could not claim", -EBUSY, TAKEN},
    {"Could not lock the device", -EBUSY, TAKEN},
    {"insufficient permissions", -EACCES,
     "may not use the camera; give the user of lapsed the USB device (group plugdev, udev rule of "
     "libgphoto2)"},
    {"No camera found", -ENODEV, SWITCHED_ON},
    {"Could not find the requested device", -ENODEV, SWITCHED_ON},
    {"PTP No Device", -ENODEV, SWITCHED_ON},
    {"Unknown port", -ENODEV, "there is no such port; gphoto2 --auto-detect lists what is there"},
    {"Unknown model", -EINVAL,
     "gphoto2 knows no such model; gphoto2 --list-cameras lists those that it knows"},
    {"not found in configuration tree", -EINVAL,
     "the camera has no such setting; gphoto2 --list-config lists those that it has"},
    {"no focus", -EIO, NO_FOCUS},
    {"No focus", -EIO, NO_FOCUS},
    {"no auto-focus", -EIO, NO_FOCUS},
    {"Out of Focus", -EIO, NO_FOCUS},
    {"Store Full", -ENOSPC, FULL},
    {"Not enough free space", -ENOSPC, FULL},
    {"Store Not Available", -ENODEV, "the camera has no card; put one in"},
    {"Device Busy", -EBUSY, "the camera is busy with something else"},
    {"I/O in progress", -EBUSY, "the camera is busy with something else"},
    {"PTP Timeout", -ETIMEDOUT, "the camera does not answer; switch it off and on"},
    {"Timeout reading", -ETIMEDOUT, "the camera does not answer; switch it off and on"},
    {"PTP I/O Error", -EREMOTEIO, BROKEN},
    {"I/O problem", -EREMOTEIO, BROKEN},
    {NULL, 0, NULL},
};

/* Where its complaint begins; all of it when it has no such form. */
static const char *find_complaint(const char *said)
{
    const char *stars = strstr(said, "*** Error"), *error = strstr(said, "ERROR:");

    if (stars && (!error || stars < error))
        return stars;
    return error ? error : said;
}

/* As one line. */
static void tidy(const char *said, char ret_words[WORDS_MAX])
{
    size_t len = 0;

    for (; *said && len + 1 < WORDS_MAX; said++) {
        bool blank = isspace((unsigned char)*said) || iscntrl((unsigned char)*said);

        if (!blank)
            ret_words[len++] = *said;
        else if (len > 0 && ret_words[len - 1] != ' ')
            ret_words[len++] = ' ';
    }
    while (len > 0 && ret_words[len - 1] == ' ')
        len--;
    ret_words[len] = '\0';
}

int gphoto2_explain(const char *said, struct error *err)
{
    const char *complaint = find_complaint(said);
    const struct program_advice *found = program_advice_find(advice, complaint);
    char words[WORDS_MAX];

    tidy(complaint, words);
    if (found)
        return error_set(err, found->code, "%s (%s)", found->text, words);
    if (*words)
        return error_set(err, -EIO, "gphoto2: %s", words);
    return error_set(err, -EIO, "gphoto2 made no picture and does not say why");
}

int gphoto2_check_result(const struct process_result *result, int64_t timeout_ms, struct error *err)
{
    char how[64];

    if (result->timed_out)
        return error_set(err, -ETIMEDOUT, "gphoto2 did not end within %lld ms",
                         (long long)timeout_ms);
    if (result->overflow)
        return error_set(err, -EFBIG, "gphoto2 printed more than is taken from it");
    if (result->exit_code == 0)
        return 0;
    if (*result->stderr_tail)
        return gphoto2_explain(result->stderr_tail, err);
    process_describe(result, how, sizeof(how));
    return error_set(err, -EIO, "gphoto2: %s", how);
}

bool gphoto2_find_prompt(const char *said, bool after_command, size_t *ret_len)
{
    const char *newline = strrchr(said, '\n');
    const char *line = newline ? newline + 1 : said;

    if ((after_command && !newline) || !str_starts_with(line, PROMPT) || !str_ends_with(line, "> "))
        return false;
    *ret_len = (size_t)(line - said);
    return true;
}

static bool is_plain_path(const char *path)
{
    return path[0] == '/' && path[strspn(path, PATH_CHARS)] == '\0';
}

bool gphoto2_next_camera_file(const char **said, char **ret_path)
{
    const char *start, *end;

    while ((start = strstr(*said, NEW_FILE))) {
        CLEANUP(free_p) char *path = NULL;

        start += strlen(NEW_FILE);
        end = strstr(start, ON_CAMERA);
        *said = start;
        if (!end || end - start > PATH_MAX_BYTES)
            continue;
        *said = end;
        path = xstrndup(start, (size_t)(end - start));
        if (!is_plain_path(path))
            continue;
        *ret_path = TAKE(path);
        return true;
    }
    return false;
}

static size_t stem_len(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? (size_t)(dot - path) : strlen(path);
}

bool gphoto2_same_picture(const char *path, const char *other)
{
    size_t len = stem_len(path);

    return len == stem_len(other) && strncmp(path, other, len) == 0;
}

enum gphoto2_file gphoto2_file_kind(const char *name)
{
    static const char *const raw[] = {"3fr", "arw", "cr2", "cr3", "crw", "dng", "kdc", "mef",
                                      "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2",
                                      "rwl", "sr2", "srf", "srw", "x3f", NULL};
    const char *suffix = strrchr(name, '.');

    if (!suffix)
        return GPHOTO2_OTHER;
    suffix++;
    if (strcasecmp(suffix, "jpg") == 0 || strcasecmp(suffix, "jpeg") == 0)
        return GPHOTO2_JPEG;
    for (const char *const *at = raw; *at; at++)
        if (strcasecmp(suffix, *at) == 0)
            return GPHOTO2_RAW;
    return GPHOTO2_OTHER;
}
