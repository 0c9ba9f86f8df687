/* SPDX-License-Identifier: MIT */
/* convert_moonraker: the section [timelapse] of a moonraker.conf, and the webcams it names.
 *
 * lapsed has no printer of kind moonraker yet. A frame for each layer comes all the same: Moonraker
 * can publish one MQTT message per layer, and that is a trigger. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/convert/convert_draft.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 512, FILE_MAX_BYTES = 256 * 1024 };

struct entry {
    char *section, *key, *value;
};

struct ini {
    struct entry entries[ENTRIES_MAX];
    size_t count;
};

/* --- the file --- */

static char *trimmed(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    return xstrndup(text, len);
}

static size_t length_without_comment(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((line[i] == '#' || line[i] == ';') && (i == 0 || isspace((unsigned char)line[i - 1])))
            return i;
    return len;
}

static void add_entry(struct ini *ini, const char *section, const char *line, size_t len)
{
    size_t key_len = strcspn(line, ":=");
    struct entry *entry = &ini->entries[ini->count];

    if (key_len >= len || ini->count == ENTRIES_MAX)
        return;
    entry->section = xstrdup(section);
    entry->key = trimmed(line, key_len);
    entry->value = trimmed(line + key_len + 1, len - key_len - 1);
    ini->count++;
}

/* Lines that continue a value (lists of other sections) are of no interest. */
static void read_ini(const char *text, struct ini *ini)
{
    CLEANUP(free_p) char *section = xstrdup("");

    for (size_t len; *text; text += len + (text[len] == '\n')) {
        size_t used;

        len = strcspn(text, "\n");
        used = length_without_comment(text, len);
        if (*text == '[') {
            free(section);
            section = trimmed(text + 1, strcspn(text + 1, "]\n"));
        } else if (used > 0 && !isspace((unsigned char)*text)) {
            add_entry(ini, section, text, used);
        }
    }
}

static void ini_done(struct ini *ini)
{
    for (size_t i = 0; i < ini->count; i++) {
        free(ini->entries[i].section);
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
}

static bool has_section(const struct ini *ini, const char *section)
{
    for (size_t i = 0; i < ini->count; i++)
        if (str_equal(ini->entries[i].section, section))
            return true;
    return false;
}

static const char *find_value(const struct ini *ini, const char *section, const char *key)
{
    const char *value = NULL;

    for (size_t i = 0; i < ini->count; i++)
        if (str_equal(ini->entries[i].section, section) && str_equal(ini->entries[i].key, key))
            value = ini->entries[i].value;
    return value;
}

/* --- [timelapse] --- */

static const char timelapse[] = "timelapse";

/* What has no counterpart, and why. */
static const struct {
    const char *key, *why;
} left_out[] = {
    {"output_path", "videos go below the agent's media_dir"},
    {"frame_path", "frames go below the agent's media_dir, and stay"},
    {"gcode_verbose", "nothing is written to the printer's console"},
    {"park_custom_pos_dz", "the printer's pause macro lifts the head"},
    {"park_retract_speed", "the printer's pause macro retracts"},
    {"park_extrude_speed", "the printer's resume macro primes"},
    {"park_retract_distance", "the printer's pause macro retracts"},
    {"park_extrude_distance", "the printer's resume macro primes"},
    {"fw_retract", "the printer's pause macro retracts"},
    {"autorender", "the video grows while the print runs and is always made"},
    {"pixelformat", "videos are yuv420p, which plays everywhere"},
    {"time_format_code", "sessions are named by UTC time and job"},
    {"extraoutputparams", "ffmpeg's arguments are lapsed's own"},
    {"variable_fps_min", "target_length_s is kept exactly"},
    {"variable_fps_max", "target_length_s is kept exactly"},
    {"rotation", "set rotation of the camera: 90, 180 or 270 degrees clockwise"},
    {"flip_x", "set the camera or its server to turn the picture"},
    {"flip_y", "set the camera or its server to turn the picture"},
    {"previewimage", "each picture is published as image/<camera>/last"},
    {"saveframes", "frames are kept unless delete_frames is set"},
    {"wget_skip_cert_check", "certificates are always checked"},
};

static const char *const carried[] = {
    "enabled",
    "mode",
    "camera",
    "snapshoturl",
    "parkhead",
    "parkpos",
    "park_time",
    "park_custom_pos_x",
    "variable_fps",
    "park_custom_pos_y",
    "targetlength",
    "park_travel_speed",
    "ffmpeg_binary_path",
    "stream_delay_compensation",
    "hyperlapse_cycle",
    "constant_rate_factor",
    "output_framerate",
    "duplicatelastframe",
};

static const char *why_left_out(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (str_equal(left_out[i].key, key))
            return left_out[i].why;
    for (size_t i = 0; i < ARRAY_LEN(carried); i++)
        if (str_equal(carried[i], key))
            return NULL;
    return "moonraker-timelapse has no such setting";
}

static void note_left_out(const struct ini *ini, struct convert_draft *draft)
{
    for (size_t i = 0; i < ini->count; i++) {
        const struct entry *entry = &ini->entries[i];
        const char *why = str_equal(entry->section, timelapse) ? why_left_out(entry->key) : NULL;

        if (why)
            problems_add(&draft->notes, "%s: %s", entry->key, why);
    }
}

/* Of [timelapse]; a mistake is a problem. */
static double number_of(const struct ini *ini, const char *key, double fallback,
                        struct problems *problems)
{
    const char *text = find_value(ini, timelapse, key);
    double value = fallback;

    if (text && str_to_double(text, &value) < 0)
        problems_add(problems, "%s: '%s' is not a number", key, text);
    return value;
}

static bool switch_of(const struct ini *ini, const char *key, bool fallback,
                      struct problems *problems)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    const char *text = find_value(ini, timelapse, key);

    if (!text)
        return fallback;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return true;
        if (strcasecmp(text, no[i]) == 0)
            return false;
    }
    problems_add(problems, "%s: '%s' is neither True nor False", key, text);
    return fallback;
}

/* The webcam's own address when it is named, as moonraker-timelapse does. */
static const char *snapshot_url(const struct ini *ini)
{
    const char *name = find_value(ini, timelapse, "camera");
    CLEANUP(free_p) char *section = xasprintf("webcam %s", name ? name : "");
    const char *url = find_value(ini, timelapse, "snapshoturl");

    if (name && find_value(ini, section, "snapshot_url"))
        url = find_value(ini, section, "snapshot_url");
    return url ? url : "http://localhost:8080/?action=snapshot";
}

static void convert_camera(const struct ini *ini, struct convert_draft *draft,
                           struct problems *problems)
{
    struct draft_camera *camera = &draft->cameras[0];
    const char *url = snapshot_url(ini);
    CLEANUP(free_p) char *whole = NULL;

    whole = url[0] == '/' ? xasprintf("http://localhost%s", url) : xstrdup(url);
    camera->id = xstrdup("camera");
    camera->kind = xstrdup("http");
    camera->url = draft_split_url(whole, &camera->user);
    camera->latency_ms =
        (int64_t)lround(1000 * number_of(ini, "stream_delay_compensation", 0.05, problems));
    if (!str_starts_with(whole, "http://") && !str_starts_with(whole, "https://"))
        problems_add(problems, "snapshoturl: is not an http:// or https:// URL");
    if (camera->latency_ms < 0 || camera->latency_ms > 10000)
        problems_add(problems, "stream_delay_compensation: must be from 0 to 10");
}

static void convert_trigger(const struct ini *ini, struct convert_draft *draft,
                            struct problems *problems)
{
    const char *mode = find_value(ini, timelapse, "mode");

    if (mode && !str_equal(mode, "layermacro") && !str_equal(mode, "hyperlapse")) {
        problems_add(problems, "mode: '%s' is none of: layermacro, hyperlapse", mode);
        return;
    }
    draft_set(draft, "standby", xstrdup("true"));
    if (str_equal(mode, "hyperlapse")) {
        draft_set(draft, "trigger", xstrdup("interval"));
        draft_set(draft, "interval_s",
                  xasprintf("%.15g", number_of(ini, "hyperlapse_cycle", 30, problems)));
        return;
    }
    draft_set(draft, "trigger", xstrdup("mqtt"));
    draft_set(draft, "trigger_topic", xstrdup("klipper/layer"));
    problems_add(
        &draft->notes,
        "mode layermacro: the layers come by MQTT: give moonraker.conf its section [mqtt], "
        "and let the macro TIMELAPSE_TAKE_FRAME call {action_call_remote_method("
        "\"publish_mqtt_topic\", topic=\"klipper/layer\", payload=\"layer\", qos=0, "
        "retain=False, use_prefix=False)}");
}

static void convert_video(const struct ini *ini, struct convert_draft *draft,
                          struct problems *problems)
{
    double fps = number_of(ini, "output_framerate", 30, problems);
    double held = number_of(ini, "duplicatelastframe", 5, problems);

    draft_set(draft, "fps", xasprintf("%.15g", fps));
    draft_set(draft, "crf",
              xasprintf("%.15g", number_of(ini, "constant_rate_factor", 23, problems)));
    if (fps > 0 && held > 0)
        draft_set(draft, "hold_last_s", xasprintf("%.3g", held / fps));
    if (switch_of(ini, "variable_fps", false, problems))
        draft_set(draft, "target_length_s",
                  xasprintf("%.15g", number_of(ini, "targetlength", 10, problems)));
    replace_str(&draft->ffmpeg, find_value(ini, timelapse, "ffmpeg_binary_path"));
}

/* Needs a printer that can be paused. */
static void convert_park(const struct ini *ini, struct convert_draft *draft,
                         struct problems *problems)
{
    const char *position = find_value(ini, timelapse, "parkpos");

    if (!switch_of(ini, "parkhead", false, problems))
        return;
    problems_add(&draft->later, "%s", "with a printer of kind moonraker, once there is one:");
    problems_add(&draft->later, "pause = true; park = true;");
    if (str_equal(position, "custom"))
        problems_add(&draft->later, "park_x_mm = %g; park_y_mm = %g;",
                     number_of(ini, "park_custom_pos_x", 10, problems),
                     number_of(ini, "park_custom_pos_y", 10, problems));
    else
        problems_add(&draft->notes,
                     "parkpos %s: lapsed does not know the size of the bed; say park_x_mm, "
                     "park_y_mm",
                     position ? position : "back_left");
    problems_add(&draft->later, "park_feed_mm_min = %g; rest_s = %g;",
                 60 * number_of(ini, "park_travel_speed", 100, problems),
                 number_of(ini, "park_time", 0.1, problems));
}

static void convert_timelapse(const struct ini *ini, struct convert_draft *draft,
                              struct problems *problems)
{
    draft->unit = xstrdup("printer");
    problems_add(&draft->notes,
                 "the printer: kind moonraker does not exist yet, so the unit follows none: it "
                 "begins with the command start and ends with finish (Moonraker can publish both, "
                 "from PRINT_START and PRINT_END)");
    if (!switch_of(ini, "enabled", true, problems))
        problems_add(&draft->notes,
                     "enabled False: the unit is in standby until the command start");
    convert_camera(ini, draft, problems);
    convert_trigger(ini, draft, problems);
    convert_video(ini, draft, problems);
    convert_park(ini, draft, problems);
    note_left_out(ini, draft);
}

void convert_moonraker(const char *text, struct conversion *ret)
{
    struct convert_draft draft = {.source = "a moonraker.conf"};
    struct ini *ini = xcalloc(1, sizeof(*ini));

    *ret = (struct conversion){0};
    if (strlen(text) > FILE_MAX_BYTES)
        problems_add(&ret->problems, "is larger than %d KB", FILE_MAX_BYTES / 1024);
    else
        read_ini(text, ini);
    if (ret->problems.count == 0 && !has_section(ini, timelapse) && !strstr(text, "[timelapse]"))
        problems_add(&ret->problems, "has no section [timelapse]");
    if (ret->problems.count == 0)
        convert_timelapse(ini, &draft, &ret->problems);
    draft_finish(&draft, ret);
    ini_done(ini);
    free(ini);
}
