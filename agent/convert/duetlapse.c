/* SPDX-License-Identifier: MIT */
/* duetlapse: words → values per option → checks → settings. The table `options` is the whole of
 * DuetLapse3's command line. */
#include "agent/convert/duetlapse.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 256 };

enum option_id {
    DUET,
    PASSWORD,
    POLL,
    BASEDIR,
    INSTANCES,
    LOGTYPE,
    NOLOG,
    VERBOSE,
    HOST,
    PORT,
    KEEPLOGS,
    NOVIDEO,
    DELETEPICS,
    MAXFFMPEG,
    KEEPFILES,
    DONTWAIT,
    SECONDS,
    DETECT,
    PAUSE,
    NUMLAYERS,
    MOVEHEAD,
    REST,
    STANDBY,
    RESTART,
    CAMERA1,
    WEBURL1,
    CAMERA2,
    WEBURL2,
    EXTRATIME,
    MINVIDEO,
    MAXVIDEO,
    CAMPARAM1,
    CAMPARAM2,
    VIDPARAM1,
    VIDPARAM2,
    FPS,
    HIDEBUTTONS,
    EXECKEY,
    SIMULATE,
    MESSAGE_MACRO,
    COMMENT,
    OPTION_FILE,
    OPTION_COUNT,
};

enum takes { TAKES_NOTHING, TAKES_TEXT, TAKES_NUMBER, TAKES_CHOICE, TAKES_PAIR, TAKES_ANY };

struct option {
    const char *name;
    enum takes takes;
    const char *const *choices;
    const char *ignored;     /* why it has no meaning here */
    const char *unsupported; /* what to do instead */
};

static const char *const instance_words[] = {"single", "oneip", "many", NULL};
static const char *const log_words[] = {"console", "file", "both", NULL};
static const char *const detect_words[] = {"layer", "pause", "none", NULL};
static const char *const yes_words[] = {"yes", "no", NULL};
static const char *const camera_words[] = {"usb", "pi", "web", "stream", "other", NULL};
static const char *const simulate_words[] = {"all", "printer", "camera", NULL};

static const char log_hint[] = "the log level is the agent's setting log_level";
static const char listener_hint[] = "there is no web server: commands come by MQTT";
static const char capture_hint[] =
    "a program is run as a camera of the configuration only (kind command); lapsectl convert "
    "writes it";
static const char encode_hint[] =
    "ffmpeg's arguments are lapsed's own; see fps, crf, preset, max_width and hold_last_s";

static const struct option options[OPTION_COUNT] = {
    [DUET] = {.name = "-duet", .takes = TAKES_TEXT},
    [PASSWORD] = {.name = "-password", .takes = TAKES_TEXT},
    [POLL] = {.name = "-poll",
              .takes = TAKES_NUMBER,
              .ignored = "layers are looked for at the printer's poll_printing_ms"},
    [BASEDIR] = {.name = "-basedir",
                 .takes = TAKES_TEXT,
                 .ignored = "files go below the agent's media_dir"},
    [INSTANCES] = {.name = "-instances",
                   .takes = TAKES_CHOICE,
                   .choices = instance_words,
                   .ignored = "one agent serves any number of units"},
    [LOGTYPE] = {.name = "-logtype",
                 .takes = TAKES_CHOICE,
                 .choices = log_words,
                 .ignored = log_hint},
    [NOLOG] = {.name = "-nolog", .ignored = log_hint},
    [VERBOSE] = {.name = "-verbose", .ignored = log_hint},
    [HOST] = {.name = "-host", .takes = TAKES_TEXT, .ignored = listener_hint},
    [PORT] = {.name = "-port", .takes = TAKES_NUMBER, .ignored = listener_hint},
    [KEEPLOGS] = {.name = "-keeplogs", .ignored = "logs go to the journal of the system"},
    [NOVIDEO] = {.name = "-novideo"},
    [DELETEPICS] = {.name = "-deletepics"},
    [MAXFFMPEG] = {.name = "-maxffmpeg",
                   .takes = TAKES_NUMBER,
                   .ignored = "encoders at a time are the setting max_encoders of encode"},
    [KEEPFILES] = {.name = "-keepfiles"},
    [DONTWAIT] = {.name = "-dontwait"},
    [SECONDS] = {.name = "-seconds", .takes = TAKES_NUMBER},
    [DETECT] = {.name = "-detect", .takes = TAKES_CHOICE, .choices = detect_words},
    [PAUSE] = {.name = "-pause", .takes = TAKES_CHOICE, .choices = yes_words},
    [NUMLAYERS] = {.name = "-numlayers", .takes = TAKES_NUMBER},
    [MOVEHEAD] = {.name = "-movehead", .takes = TAKES_PAIR},
    [REST] = {.name = "-rest", .takes = TAKES_NUMBER},
    [STANDBY] = {.name = "-standby"},
    [RESTART] = {.name = "-restart"},
    [CAMERA1] = {.name = "-camera1", .takes = TAKES_CHOICE, .choices = camera_words},
    [WEBURL1] = {.name = "-weburl1", .takes = TAKES_TEXT},
    [CAMERA2] = {.name = "-camera2", .takes = TAKES_CHOICE, .choices = camera_words},
    [WEBURL2] = {.name = "-weburl2", .takes = TAKES_TEXT},
    [EXTRATIME] = {.name = "-extratime", .takes = TAKES_NUMBER},
    [MINVIDEO] = {.name = "-minvideo", .takes = TAKES_NUMBER},
    [MAXVIDEO] = {.name = "-maxvideo", .takes = TAKES_NUMBER},
    [CAMPARAM1] = {.name = "-camparam1", .takes = TAKES_TEXT, .unsupported = capture_hint},
    [CAMPARAM2] = {.name = "-camparam2", .takes = TAKES_ANY, .unsupported = capture_hint},
    [VIDPARAM1] = {.name = "-vidparam1", .takes = TAKES_TEXT, .unsupported = encode_hint},
    [VIDPARAM2] = {.name = "-vidparam2", .takes = TAKES_TEXT, .unsupported = encode_hint},
    [FPS] = {.name = "-fps", .takes = TAKES_NUMBER},
    [HIDEBUTTONS] = {.name = "-hidebuttons", .ignored = listener_hint},
    [EXECKEY] = {.name = "-execkey",
                 .takes = TAKES_TEXT,
                 .unsupported = "messages of a printer never run programs; let an automation "
                                "listen to the unit's events"},
    [SIMULATE] = {.name = "-simulate",
                  .takes = TAKES_CHOICE,
                  .choices = simulate_words,
                  .unsupported = "use a camera of kind pattern, and an interval without a printer"},
    [MESSAGE_MACRO] = {.name = "-M3291",
                       .takes = TAKES_TEXT,
                       .unsupported = "messages of the printer are not read; its G-code can "
                                      "publish to a trigger_topic (M118 P6) or commands come by "
                                      "MQTT"},
    [COMMENT] = {.name = "-#", .takes = TAKES_TEXT},
    [OPTION_FILE] = {.name = "-file",
                     .takes = TAKES_TEXT,
                     .unsupported = "the file is not read; write its options here"},
};

struct words {
    char *items[WORDS_MAX];
    size_t count;
};

/* Of each option the value given last; "" for one without a value, NULL: not given. */
struct given {
    const char *values[OPTION_COUNT];
    double pair[2]; /* of -movehead */
};

struct parse {
    struct duetlapse *result;
    struct words words;
    struct given given;
};

/* --- words, as a shell takes them apart --- */

static void words_done(struct words *words)
{
    while (words->count > 0)
        free(words->items[--words->count]);
}

/* The part of a word inside quotes; *at is behind the opening one. false: it is never closed. */
static bool take_quoted(const char **at, char quote, struct buf *word)
{
    for (; **at; (*at)++) {
        if (**at == quote) {
            (*at)++;
            return true;
        }
        if (quote == '"' && **at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\'))
            (*at)++;
        if (buf_append(word, *at, 1) < 0)
            return false;
    }
    return false;
}

static bool take_word(const char **at, struct buf *word)
{
    while (**at && !strchr(" \t\r\n", **at)) {
        char c = *(*at)++;

        if (c == '\'' || c == '"') {
            if (!take_quoted(at, c, word))
                return false;
            continue;
        }
        if (c == '\\' && **at)
            c = *(*at)++;
        if (c != '\n' && buf_append(word, &c, 1) < 0)
            return false;
    }
    return true;
}

/* false: it is none. */
static bool split(struct parse *parse, const char *text)
{
    CLEANUP(buf_done) struct buf word = BUF_INIT(DUETLAPSE_MAX_BYTES);
    const char *at = text;

    for (;;) {
        at += strspn(at, " \t\r\n");
        if (*at == '#') { /* a comment, in a file of options */
            at += strcspn(at, "\n");
            continue;
        }
        if (*at == '\0')
            return true;
        buf_clear(&word);
        if (!take_word(&at, &word)) {
            problems_add(&parse->result->problems, "a quote is never closed");
            return false;
        }
        if (parse->words.count == WORDS_MAX) {
            problems_add(&parse->result->problems, "more than %d words", WORDS_MAX);
            return false;
        }
        parse->words.items[parse->words.count++] = xstrdup(buf_text(&word));
    }
}

/* --- options and their values --- */

static bool is_number(const char *text)
{
    double value;

    return str_to_double(text, &value) == 0 && isfinite(value);
}

/* As argparse: a word that begins with '-' is an option, unless it is a negative number. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !is_number(word);
}

static bool is_program(const char *word)
{
    return str_ends_with(word, "DuetLapse3.py") || str_ends_with(word, "python3") ||
           str_ends_with(word, "python") || str_equal(word, "nohup");
}

/* -name or -name=value. */
static enum option_id find_option(const char *word, const char **ret_value)
{
    size_t len = strcspn(word, "=");

    for (int id = 0; id < OPTION_COUNT; id++) {
        if (strlen(options[id].name) != len || strncmp(options[id].name, word, len) != 0)
            continue;
        *ret_value = word[len] ? word + len + 1 : NULL;
        return (enum option_id)id;
    }
    return OPTION_COUNT;
}

static void check_choice(struct parse *parse, const struct option *option, const char *value)
{
    CLEANUP(buf_done) struct buf known = BUF_INIT(128);
    int rc = 0;

    for (size_t i = 0; option->choices[i]; i++)
        if (str_equal(option->choices[i], value))
            return;
    for (size_t i = 0; option->choices[i] && rc == 0; i++)
        rc = buf_printf(&known, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    problems_add(&parse->result->problems, "%s: '%s' is none of: %s", option->name, value,
                 buf_text(&known));
}

static void check_value(struct parse *parse, const struct option *option, const char *value)
{
    double number;

    if (option->takes == TAKES_CHOICE)
        check_choice(parse, option, value);
    if (option->takes != TAKES_NUMBER)
        return;
    if (!is_number(value))
        problems_add(&parse->result->problems, "%s: '%s' is not a number", option->name, value);
    else if (str_to_double(value, &number) == 0 && number < 0)
        problems_add(&parse->result->problems, "%s: is less than 0", option->name);
}

/* "10 5", and also the "10,5" of its README. The index behind them. */
static size_t take_pair(struct parse *parse, size_t at)
{
    const struct words *words = &parse->words;
    const char *comma = at < words->count ? strchr(words->items[at], ',') : NULL;
    CLEANUP(free_p) char *first = NULL;
    const char *second = comma ? comma + 1 : at + 1 < words->count ? words->items[at + 1] : "";

    if (at < words->count)
        first = xstrndup(words->items[at], comma ? (size_t)(comma - words->items[at]) : SIZE_MAX);
    if (!first || str_to_double(first, &parse->given.pair[0]) < 0 ||
        str_to_double(second, &parse->given.pair[1]) < 0) {
        problems_add(&parse->result->problems, "-movehead: needs two numbers: -movehead 10 5");
        while (at < words->count && !is_option(words->items[at]))
            at++;
        return at;
    }
    return at + (comma ? 1 : 2);
}

/* The value of an option at words[at]; the index behind it. */
static size_t take_value(struct parse *parse, enum option_id id, size_t at)
{
    const struct option *option = &options[id];
    const struct words *words = &parse->words;

    if (option->takes == TAKES_NOTHING)
        return at;
    if (option->takes == TAKES_PAIR)
        return take_pair(parse, at);
    if (at == words->count || is_option(words->items[at])) {
        if (option->takes != TAKES_ANY)
            problems_add(&parse->result->problems, "%s: needs a value", option->name);
        return at;
    }
    parse->given.values[id] = words->items[at++];
    check_value(parse, option, parse->given.values[id]);
    while (option->takes == TAKES_ANY && at < words->count && !is_option(words->items[at]))
        at++;
    return at;
}

static void take_inline(struct parse *parse, enum option_id id, const char *value)
{
    const struct option *option = &options[id];

    if (option->takes == TAKES_NOTHING || option->takes == TAKES_PAIR) {
        problems_add(&parse->result->problems, "%s: takes no '=' value", option->name);
        return;
    }
    parse->given.values[id] = value;
    check_value(parse, option, value);
}

static size_t take_option(struct parse *parse, size_t at)
{
    const char *word = parse->words.items[at++];
    const char *value = NULL;
    enum option_id id = find_option(word, &value);

    if (id == OPTION_COUNT) {
        problems_add(&parse->result->problems, "%.*s: DuetLapse3 has no such option",
                     (int)strcspn(word, "="), word);
        while (at < parse->words.count && !is_option(parse->words.items[at]))
            at++;
        return at;
    }
    parse->given.values[id] = "";
    if (value) {
        take_inline(parse, id, value);
        return at;
    }
    return take_value(parse, id, at);
}

/* A word too many is not repeated: it may be half of a password. */
static void take_options(struct parse *parse)
{
    const char *last = "the first option";
    size_t at = 0;

    while (at < parse->words.count && is_program(parse->words.items[at]))
        at++;
    if (at < parse->words.count && str_equal(parse->words.items[parse->words.count - 1], "&"))
        free(parse->words.items[--parse->words.count]);
    while (at < parse->words.count) {
        const char *word = parse->words.items[at];

        if (is_option(word)) {
            last = word;
            at = take_option(parse, at);
            continue;
        }
        problems_add(&parse->result->problems,
                     "%.*s: there is a word too many; put quotes around a value with spaces",
                     (int)strcspn(last, "="), last);
        at++;
    }
}

/* --- what the values mean together --- */

static bool is_given(const struct given *given, enum option_id id)
{
    return given->values[id] != NULL;
}

/* A value that is not a number has its problem already. */
static double number_of(const struct given *given, enum option_id id, double fallback)
{
    double value = fallback;

    if (given->values[id] && str_to_double(given->values[id], &value) < 0)
        return fallback;
    return value;
}

static const char *word_of(const struct given *given, enum option_id id, const char *fallback)
{
    return given->values[id] && given->values[id][0] ? given->values[id] : fallback;
}

static bool says(const struct given *given, enum option_id id, const char *word)
{
    return str_equal(given->values[id], word);
}

static bool moves_head(const struct given *given)
{
    return fabs(given->pair[0]) > 0 || fabs(given->pair[1]) > 0;
}

static void sort_options(struct parse *parse)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        if (!is_given(&parse->given, (enum option_id)id))
            continue;
        if (options[id].ignored)
            problems_add(&parse->result->ignored, "%s: %s", options[id].name, options[id].ignored);
        if (options[id].unsupported)
            problems_add(&parse->result->unsupported, "%s: not supported; %s", options[id].name,
                         options[id].unsupported);
    }
}

static void check_camera(struct parse *parse, enum option_id camera, enum option_id url,
                         enum option_id parameters)
{
    const struct given *given = &parse->given;
    struct problems *problems = &parse->result->problems;
    const char *word = word_of(given, camera, camera == CAMERA1 ? "usb" : NULL);
    const char *address = word_of(given, url, "");

    if (duetlapse_camera_kind(word)) {
        if (!str_starts_with(address, "http://") && !str_starts_with(address, "https://") &&
            !str_is_id(address))
            problems_add(problems, "%s %s: cannot be used without %s http://…",
                         options[camera].name, word, options[url].name);
    } else if (is_given(given, url) && !str_equal(word, "other")) {
        problems_add(problems, "%s: needs %s web or %s stream", options[url].name,
                     options[camera].name, options[camera].name);
    }
    if (is_given(given, parameters) && !str_equal(word, "other"))
        problems_add(problems, "%s: can only be used with %s other", options[parameters].name,
                     options[camera].name);
}

static void check_capture(struct parse *parse)
{
    const struct given *given = &parse->given;
    struct problems *problems = &parse->result->problems;

    if (moves_head(given) && !says(given, PAUSE, "yes") && !says(given, DETECT, "pause"))
        problems_add(problems, "-movehead: requires either -pause yes or -detect pause");
    if (says(given, PAUSE, "yes") && says(given, DETECT, "pause"))
        problems_add(problems, "-pause yes: cannot be used with -detect pause, where the G-code "
                               "has pauses of its own");
    if (is_given(given, NOVIDEO) && is_given(given, DELETEPICS) && !is_given(given, KEEPFILES))
        problems_add(problems, "-deletepics: would delete the only copy of the frames with "
                               "-novideo");
}

static void warn(struct parse *parse)
{
    const struct given *given = &parse->given;
    struct problems *ignored = &parse->result->ignored;
    bool seconds = number_of(given, SECONDS, 0) > 0;

    if (!seconds && says(given, DETECT, "none"))
        problems_add(ignored, "-detect none without -seconds: nothing but the snapshot command "
                              "takes a frame");
    if (seconds && says(given, DETECT, "none") && !is_given(given, DONTWAIT))
        problems_add(ignored, "-seconds with -detect none: implies -dontwait");
    if (is_given(given, KEEPFILES) && is_given(given, DELETEPICS))
        problems_add(ignored, "-deletepics: -keepfiles beats it");
    if (is_given(given, NUMLAYERS) && is_given(given, DETECT) && !says(given, DETECT, "layer"))
        problems_add(ignored, "-numlayers: counts only with -detect layer");
    if (number_of(given, MAXVIDEO, 0) > 0 &&
        number_of(given, MAXVIDEO, 0) < number_of(given, MINVIDEO, 0))
        problems_add(ignored, "-maxvideo: is raised to -minvideo");
}

/* --- settings --- */

static void add_setting(struct parse *parse, const char *key, char *text)
{
    struct duetlapse *result = parse->result;

    result->settings[result->setting_count++] =
        (struct duetlapse_setting){.key = key, .text = text};
}

static void add_switch(struct parse *parse, const char *key, bool on)
{
    add_setting(parse, key, xstrdup(on ? "true" : "false"));
}

static void add_number(struct parse *parse, const char *key, double value)
{
    add_setting(parse, key, xasprintf("%.15g", value));
}

static void map_triggers(struct parse *parse)
{
    const struct given *given = &parse->given;
    double seconds = number_of(given, SECONDS, 0);
    const char *detect = word_of(given, DETECT, "layer");
    bool none = str_equal(detect, "none");

    if (seconds > 0)
        add_setting(parse, "trigger",
                    none ? xstrdup("interval") : xasprintf("%s,interval", detect));
    else
        add_setting(parse, "trigger", xstrdup(none ? "command" : detect));
    add_number(parse, "interval_s", seconds);
    if (str_equal(detect, "layer"))
        add_number(parse, "every_nth_layer", fmax(1, number_of(given, NUMLAYERS, 1)));
    add_switch(parse, "standby", is_given(given, STANDBY));
    add_switch(parse, "dontwait", is_given(given, DONTWAIT) || (seconds > 0 && none));
    add_switch(parse, "restart", is_given(given, RESTART));
}

static void map_park(struct parse *parse)
{
    const struct given *given = &parse->given;
    bool pause = says(given, PAUSE, "yes");

    add_switch(parse, "pause", pause);
    add_switch(parse, "park", moves_head(given));
    if (moves_head(given)) {
        add_number(parse, "park_x_mm", given->pair[0]);
        add_number(parse, "park_y_mm", given->pair[1]);
    }
    if (pause || says(given, DETECT, "pause"))
        add_number(parse, "rest_s", number_of(given, REST, 1));
}

/* A video shorter than -minvideo is not made; with -maxvideo it plays at one frame a second at
 * least. Without -minvideo we do not ask for the 5 s of DuetLapse3: what was captured is shown. */
static void map_video(struct parse *parse)
{
    const struct given *given = &parse->given;
    double fps = number_of(given, FPS, 10), shortest = number_of(given, MINVIDEO, 0);
    double longest = number_of(given, MAXVIDEO, 0);
    bool keep = is_given(given, KEEPFILES);

    add_switch(parse, "keep_files", keep);
    add_switch(parse, "delete_frames", is_given(given, DELETEPICS) && !keep);
    add_switch(parse, "video", !is_given(given, NOVIDEO));
    add_number(parse, "fps", fps);
    add_number(parse, "hold_last_s", number_of(given, EXTRATIME, 0));
    if (longest > 0)
        add_number(parse, "target_length_s", fmax(longest, shortest));
    if (shortest > 0)
        add_number(parse, "min_frames", ceil(shortest * (longest > 0 ? 1 : fps)));
}

static void map_camera(struct parse *parse, size_t index, enum option_id camera, enum option_id url,
                       enum option_id parameters)
{
    struct duetlapse_camera *result = &parse->result->cameras[index];
    const char *word = word_of(&parse->given, camera, index == 0 ? "usb" : NULL);

    for (size_t i = 0; word && camera_words[i]; i++)
        if (str_equal(camera_words[i], word))
            result->word = camera_words[i];
    replace_str(&result->url, parse->given.values[url]);
    replace_str(&result->program, parse->given.values[parameters]);
}

static void map_printer(struct parse *parse)
{
    const struct given *given = &parse->given;
    const char *duet = word_of(given, DUET, NULL);

    if (duet && (strpbrk(duet, " \t\"'\\<>@?#") || strlen(duet) > 255))
        problems_add(&parse->result->problems, "-duet: is not a host name or address");
    else
        replace_str(&parse->result->duet, duet);
    if (is_given(given, PASSWORD) && !says(given, PASSWORD, "reprap"))
        replace_str(&parse->result->password, given->values[PASSWORD]);
}

static void understand(struct parse *parse)
{
    take_options(parse);
    sort_options(parse);
    check_camera(parse, CAMERA1, WEBURL1, CAMPARAM1);
    check_camera(parse, CAMERA2, WEBURL2, CAMPARAM2);
    check_capture(parse);
    warn(parse);
    map_printer(parse);
    map_triggers(parse);
    map_park(parse);
    map_video(parse);
    map_camera(parse, 0, CAMERA1, WEBURL1, CAMPARAM1);
    map_camera(parse, 1, CAMERA2, WEBURL2, CAMPARAM2);
}

void duetlapse_parse(const char *text, struct duetlapse *ret)
{
    struct parse parse = {.result = ret};

    *ret = (struct duetlapse){0};
    if (strlen(text) > DUETLAPSE_MAX_BYTES) {
        problems_add(&ret->problems, "is longer than %d bytes", DUETLAPSE_MAX_BYTES);
        return;
    }
    if (split(&parse, text))
        understand(&parse);
    words_done(&parse.words);
}

void duetlapse_done(struct duetlapse *duetlapse)
{
    for (size_t i = 0; i < duetlapse->setting_count; i++)
        free(duetlapse->settings[i].text);
    for (size_t i = 0; i < DUETLAPSE_CAMERAS; i++) {
        free(duetlapse->cameras[i].url);
        free(duetlapse->cameras[i].program);
    }
    free(duetlapse->duet);
    free_secret(duetlapse->password);
    problems_done(&duetlapse->problems);
    problems_done(&duetlapse->unsupported);
    problems_done(&duetlapse->ignored);
    *duetlapse = (struct duetlapse){0};
}

const char *duetlapse_camera_kind(const char *word)
{
    if (str_equal(word, "web"))
        return "http";
    return str_equal(word, "stream") ? "mjpeg" : NULL;
}
