/* SPDX-License-Identifier: MIT */
/* options: one table makes the parser and the help. */
#include "tests/sim/options.h"

#include "agent/base/str.h"
#include "tests/sim/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_kind { FLAG, NUMBER, TEXT };

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    int64_t fallback, min, max;
    const char *text; /* fallback of a TEXT */
    const char *help;
};

#define AT(field) offsetof(struct options, field)
#define NUMBER_ROW(name, field, def, lo, hi, help)                                                 \
    {                                                                                              \
        name, NUMBER, AT(field), def, lo, hi, NULL, help                                           \
    }
#define TEXT_ROW(name, field, def, help)                                                           \
    {                                                                                              \
        name, TEXT, AT(field), 0, 0, 0, def, help                                                  \
    }
#define FLAG_ROW(name, field, help)                                                                \
    {                                                                                              \
        name, FLAG, AT(field), 0, 0, 0, NULL, help                                                 \
    }

enum { HOUR_MS = 3600 * 1000 };

static const struct option_row rows[] = {
    TEXT_ROW("--listen", listen, "127.0.0.1:0", "address:port, port 0 = any free one"),
    TEXT_ROW("--job", job, "benchy.gcode", "name of the file that is printed"),
    NUMBER_ROW("--layers", layers, 10, 1, 65535, "layers of the job"),
    NUMBER_ROW("--layer-ms", layer_ms, 2000, 1, HOUR_MS, "print time of a layer"),
    FLAG_ROW("--idle", idle, "start no job"),
    NUMBER_ROW("--start-delay-ms", start_delay_ms, 0, 0, HOUR_MS, "until the job starts"),
    NUMBER_ROW("--heat-ms", heat_ms, 500, 0, HOUR_MS, "warm-up, while the layer is null"),
    NUMBER_ROW("--pause-ms", pause_ms, 300, 0, HOUR_MS, "from M25 until paused"),
    NUMBER_ROW("--resume-ms", resume_ms, 300, 0, HOUR_MS, "from M24 until it prints"),
    NUMBER_ROW("--stop-ms", stop_ms, 40, 0, HOUR_MS, "from M25 until the head stands"),
    NUMBER_ROW("--lookahead-ms", lookahead_ms, -1, -1, HOUR_MS,
               "the file is read so far ahead; -1 = 150, at most a quarter layer"),
    NUMBER_ROW("--move-mm-s", move_mm_s, 200, 1, 10000, "upper limit of G0 and G1"),
    TEXT_ROW("--layer-comment", layer_comment, "number",
             "number, or change: the counter goes up at each comment read"),
    NUMBER_ROW("--m226-every", m226_every, 0, 0, 65535, "M226 in the file every N layers"),
    FLAG_ROW("--loop", loop, "start the job again after its end"),
    NUMBER_ROW("--gap-ms", gap_ms, 2000, 0, HOUR_MS, "before it starts again"),
    TEXT_ROW("--password", password, "", "of rr_connect"),
    TEXT_ROW("--firmware", firmware, "3.5", "3.3, 3.4, 3.5 or 3.6"),
    NUMBER_ROW("--latency-ms", latency_ms, 0, 0, 60000, "before each answer of the printer"),
    TEXT_ROW("--camera-size", camera_size, "640x480", "pixels"),
    NUMBER_ROW("--camera-fps", camera_fps, 10, 1, 60, "frames per second of the streams"),
    NUMBER_ROW("--noise", noise, 4, 0, 64, "of the camera, in grey levels"),
    NUMBER_ROW("--quality", quality, 85, 20, 100, "of the JPEGs"),
    TEXT_ROW("--log", log, NULL, "the oracle's JSON lines"),
    TEXT_ROW("--port-file", port_file, NULL, "the port is written here, too"),
    NUMBER_ROW("--seed", seed, 1, 0, INT32_MAX, "of noise and session keys"),
    FLAG_ROW("--help", help, "this text"),
    FLAG_ROW("--version", version, "the version"),
};

static void *field_of(struct options *options, const struct option_row *row)
{
    return (char *)options + row->offset;
}

static void set_defaults(struct options *options)
{
    *options = (struct options){0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].kind == NUMBER)
            *(int64_t *)field_of(options, &rows[i]) = rows[i].fallback;
        if (rows[i].kind == TEXT)
            *(const char **)field_of(options, &rows[i]) = rows[i].text;
    }
}

static const struct option_row *find_row(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal(rows[i].name, name))
            return &rows[i];
    }
    return NULL;
}

static int set_number(struct options *options, const struct option_row *row, const char *text,
                      struct error *err)
{
    int64_t value;

    if (str_to_int(text, &value) < 0 || value < row->min || value > row->max)
        return error_set(err, -EINVAL, "%s %s: not a number from %lld to %lld", row->name, text,
                         (long long)row->min, (long long)row->max);
    *(int64_t *)field_of(options, row) = value;
    return 0;
}

/* Returns how many words it took. */
static int take_option(struct options *options, char **words, struct error *err)
{
    const struct option_row *row = find_row(words[0]);
    int rc;

    if (!row)
        return error_set(err, -EINVAL, "%s: unknown option (see --help)", words[0]);
    if (row->kind == FLAG) {
        *(bool *)field_of(options, row) = true;
        return 1;
    }
    if (!words[1])
        return error_set(err, -EINVAL, "%s needs a value", words[0]);
    if (row->kind == TEXT) {
        *(const char **)field_of(options, row) = words[1];
        return 2;
    }
    rc = set_number(options, row, words[1], err);
    return rc < 0 ? rc : 2;
}

static int parse_listen(struct options *options, struct error *err)
{
    const char *colon = strrchr(options->listen, ':');
    int64_t port;

    if (!colon || (size_t)(colon - options->listen) >= sizeof(options->host) ||
        str_to_int(colon + 1, &port) < 0 || port < 0 || port > 65535)
        return error_set(err, -EINVAL, "--listen %s: not address:port", options->listen);
    snprintf(options->host, sizeof(options->host), "%.*s", (int)(colon - options->listen),
             options->listen);
    options->port = (int)port;
    return 0;
}

/* "640x480" */
static bool scan_size(const char *text, int64_t *ret_width, int64_t *ret_height)
{
    const char *end = scan_int(text, ret_width);

    if (!end || *end != 'x')
        return false;
    end = scan_int(end + 1, ret_height);
    return end && *end == '\0';
}

static int parse_size(struct options *options, struct error *err)
{
    int64_t width, height;

    if (!scan_size(options->camera_size, &width, &height) || width < 320 || height < 240 ||
        width > 4096 || height > 4096 || width % 16 || height % 2)
        return error_set(err, -EINVAL,
                         "--camera-size %s: not WIDTHxHEIGHT from 320x240 to 4096x4096, the width "
                         "a multiple of 16",
                         options->camera_size);
    options->width = (int)width;
    options->height = (int)height;
    return 0;
}

static int parse_texts(struct options *options, struct error *err)
{
    static const char *const versions[] = {"3.3", "3.4", "3.5", "3.6"};
    int rc = parse_listen(options, err);

    if (rc == 0)
        rc = parse_size(options, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (str_equal(versions[i], options->firmware))
            options->firmware_number = 33 + (int)i;
    }
    if (options->firmware_number == 0)
        return error_set(err, -EINVAL, "--firmware %s: not 3.3 to 3.6", options->firmware);
    if (!str_equal(options->layer_comment, "number") &&
        !str_equal(options->layer_comment, "change"))
        return error_set(err, -EINVAL, "--layer-comment %s: not number or change",
                         options->layer_comment);
    if (options->lookahead_ms < 0)
        options->lookahead_ms = MIN(150, options->layer_ms / 4);
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct error *err)
{
    set_defaults(ret_options);
    for (int i = 1; i < argc;) {
        int taken = take_option(ret_options, &argv[i], err);

        if (taken < 0)
            return taken;
        i += taken;
    }
    return parse_texts(ret_options, err);
}

void options_print_help(void)
{
    printf("lapsed-sim: a simulated Duet (RepRapFirmware 3, standalone) with a camera\n\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        printf("  %-18s %s", rows[i].name, rows[i].help);
        if (rows[i].kind == NUMBER)
            printf(" (%lld)", (long long)rows[i].fallback);
        else if (rows[i].text && rows[i].text[0])
            printf(" (%s)", rows[i].text);
        printf("\n");
    }
    printf("\nPrinter: http://HOST:PORT/rr_*   Camera: /camera.jpg /stream /camera2.jpg /stream2\n"
           "Faults:  /sim/fault?what=NAME&for_ms=&count=&ms=&on=printer|camera|camera2   "
           "/sim/fault?what=none\n"
           "Truth:   /sim/state /sim/log   Commands: /sim/command?do=start|cancel|pause|resume|"
           "finish\n");
}
