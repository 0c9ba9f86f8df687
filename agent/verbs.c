/* SPDX-License-Identifier: MIT */
#include "agent/verbs.h"

#include "agent/base/str.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum {
    TEXT_MAX_BYTES = 1024,
    READ_ONLY = VERB_READ | VERB_NO_TOPIC | VERB_FLEET,
};

static const struct verb_arg set_args[] = {
    {.name = "key", .type = ARG_ID, .required = true, .help = "the setting"},
    {.name = "value", .type = ARG_SCALAR, .required = true, .help = "its new value"},
    {.name = NULL},
};

#define PAGE_ARGS                                                                                  \
    {.name = "limit",                                                                              \
     .type = ARG_INT,                                                                              \
     .min = 1,                                                                                     \
     .max = VERB_LIST_LIMIT_MAX,                                                                   \
     .help = "how many items at most; 50 when absent"},                                            \
    {                                                                                              \
        .name = "cursor", .type = ARG_STRING, .max = 128,                                          \
        .help = "next_cursor of the page before; absent for the first"                             \
    }

const struct verb_arg verb_list_args[] = {
    PAGE_ARGS,
    {.name = NULL},
};

static const struct verb_arg printer_args[] = {
    {.name = "printer", .type = ARG_ID, .required = true, .help = "its name"},
    {.name = NULL},
};

static const struct verb_arg light_args[] = {
    {.name = "light", .type = ARG_ID, .required = true, .help = "its name"},
    {.name = NULL},
};

static const struct verb_arg discover_args[] = {
    {.name = "method", .type = ARG_STRING, .max = 64, .help = "only this one"},
    {.name = NULL},
};

static const struct verb_arg start_args[] = {
    {.name = "settings", .type = ARG_OBJECT, .help = "settings for one session, by name"},
    {.name = NULL},
};

static const struct verb_arg create_args[] = {
    {.name = "unit", .type = ARG_ID, .help = "id of the new unit; absent: one is chosen"},
    {.name = "like", .type = ARG_ID, .help = "a unit of the configuration to begin from"},
    {.name = "settings",
     .type = ARG_OBJECT,
     .help = "settings by name, as in the list units of the configuration"},
    {.name = "duetlapse",
     .type = ARG_STRING,
     .max = 8192,
     .help = "a command line of DuetLapse3: \"-duet … -seconds 15 -camera1 stream -weburl1 …\""},
    {.name = NULL},
};

static const struct verb_arg gphoto2_args[] = {
    {.name = "timeout_s",
     .type = ARG_INT,
     .min = 1,
     .max = 7200,
     .help = "it may take so long; absent: what it is told to wait and to expose, the camera's "
             "timeout_ms and 30 s"},
    {.name = "arguments",
     .type = ARG_WORDS,
     .max = 4096,
     .help = "the words for gphoto2, as one text or a list: \"--capture-image-and-download "
             "--filename x.jpg\"; absent: --auto-detect"},
    {.name = NULL},
};

/* --- sessions, videos, jobs --- */

#define SESSION_ARG(need, about)                                                                   \
    {                                                                                              \
        .name = "session", .type = ARG_STRING, .required = (need), .max = 200, .help = (about)     \
    }
#define UNIT_ARG                                                                                   \
    {                                                                                              \
        .name = "unit", .type = ARG_ID, .help = "only those of this unit"                          \
    }

static const struct verb_arg session_list_args[] = {
    UNIT_ARG,
    PAGE_ARGS,
    {.name = NULL},
};

static const struct verb_arg session_args[] = {
    SESSION_ARG(true, "its id"),
    {.name = NULL},
};

static const struct verb_arg video_list_args[] = {
    SESSION_ARG(false, "only those of this session"),
    UNIT_ARG,
    {.name = "kind", .type = ARG_ID, .help = "only \"final\", \"preview\" or \"build\""},
    PAGE_ARGS,
    {.name = NULL},
};

static const struct verb_arg video_delete_args[] = {
    {.name = "file", .type = ARG_STRING, .required = true, .help = "its path or its name"},
    SESSION_ARG(false, "whose it is, when several have this name"),
    {.name = NULL},
};

#define BUILD_OPTIONS                                                                              \
    {.name = "camera", .type = ARG_ID, .help = "only this one; absent: a video of each"},          \
        {.name = "name", .type = ARG_STRING, .max = 100, .help = "of the file, without suffix"},   \
        {.name = "fps", .type = ARG_NUMBER, .min = 1, .max = 240, .help = "frames a second"},      \
        {.name = "crf", .type = ARG_INT, .max = 51, .help = "quality of x264: lower is better"},   \
        {.name = "max_width",                                                                      \
         .type = ARG_INT,                                                                          \
         .min = 16,                                                                                \
         .max = 8192,                                                                              \
         .help = "larger pictures are scaled down, px"},                                           \
    {                                                                                              \
        .name = "target_length_s", .type = ARG_NUMBER, .min = 0.1, .max = 3600,                    \
        .help = "it lasts so long, whatever fps says"                                              \
    }

static const struct verb_arg build_args[] = {
    SESSION_ARG(true, "whose frames; it must have ended"),
    BUILD_OPTIONS,
    {.name = NULL},
};

static const struct verb_arg rebuild_args[] = {
    BUILD_OPTIONS,
    {.name = NULL},
};

static const struct verb_arg job_add_args[] = {
    {.name = "kind", .type = ARG_ID, .help = "\"build\", the only kind"},
    SESSION_ARG(true, "whose frames; it must have ended"),
    BUILD_OPTIONS,
    {.name = NULL},
};

static const struct verb_arg job_args[] = {
    {.name = "job", .type = ARG_STRING, .required = true, .max = 100, .help = "its id"},
    {.name = NULL},
};

static const struct verb_arg job_move_args[] = {
    {.name = "job", .type = ARG_STRING, .required = true, .max = 100, .help = "its id"},
    {.name = "position",
     .type = ARG_INT,
     .required = true,
     .min = 1,
     .max = 1000,
     .help = "among those that wait; 1 = the next"},
    {.name = NULL},
};

const struct verb verbs[VERB_COUNT] = {
    [VERB_UNIT_START] = {TOPIC_SCOPE_UNIT, "start", "unit.start", VERB_DURABLE_ID | VERB_FLEET,
                         start_args,
                         "arm the unit: capture the print that runs, or wait for the next"},
    [VERB_UNIT_STANDBY] = {TOPIC_SCOPE_UNIT, "standby", "unit.standby", VERB_DURABLE_ID, NULL,
                           "stop and discard the session: its frames are deleted, no video"},
    [VERB_UNIT_PAUSE] = {TOPIC_SCOPE_UNIT, "pause", "unit.pause", VERB_FLEET, NULL,
                         "take no frames for now (the printer is not touched)"},
    [VERB_UNIT_RESUME] = {TOPIC_SCOPE_UNIT, "resume", "unit.resume", VERB_FLEET, NULL,
                          "go on taking frames"},
    [VERB_UNIT_FINISH] = {TOPIC_SCOPE_UNIT, "finish", "unit.finish",
                          VERB_DURABLE_ID | VERB_LONG | VERB_FLEET, NULL,
                          "end the session: one last frame, then the video"},
    [VERB_UNIT_ABORT] = {TOPIC_SCOPE_UNIT, "abort", "unit.abort", VERB_DURABLE_ID, NULL,
                         "end the session at once: no last frame, no video; frames are kept"},
    [VERB_UNIT_RESTART] = {TOPIC_SCOPE_UNIT, "restart", "unit.restart", VERB_DURABLE_ID | VERB_LONG,
                           NULL, "finish the session with its video and begin a new one"},
    [VERB_UNIT_SNAPSHOT] = {TOPIC_SCOPE_UNIT, "snapshot", "unit.snapshot", VERB_FLEET, NULL,
                            "take one frame now (without a session: only the picture is "
                            "published)"},
    [VERB_UNIT_PREVIEW] = {TOPIC_SCOPE_UNIT, "preview", "unit.preview", VERB_LONG | VERB_FLEET,
                           NULL, "make a video of the frames so far; capture goes on"},
    [VERB_UNIT_REBUILD] = {TOPIC_SCOPE_UNIT, "rebuild", "unit.rebuild", VERB_DURABLE_ID | VERB_LONG,
                           rebuild_args, "make one more video of the last session that has ended"},
    [VERB_UNIT_SET] = {TOPIC_SCOPE_UNIT, "set", "unit.set", VERB_NO_TOPIC, set_args,
                       "change one setting of the unit"},
    [VERB_UNIT_LIST] = {TOPIC_SCOPE_AGENT, "list", "unit.list", READ_ONLY, verb_list_args,
                        "the units, in short"},
    [VERB_UNIT_STATUS] = {TOPIC_SCOPE_UNIT, "status", "unit.status", READ_ONLY, NULL,
                          "what unit/<unit>/status says"},
    [VERB_UNIT_CREATE] = {TOPIC_SCOPE_AGENT, "start", "unit.create", VERB_DURABLE_ID, create_args,
                          "make a unit that goes again when it is finished"},
    [VERB_AGENT_FINISH] = {TOPIC_SCOPE_AGENT, "finish", "agent.finish",
                           VERB_DURABLE_ID | VERB_FLEET, NULL,
                           "finish every open session; units made by start go"},
    [VERB_CAMERA_SNAPSHOT] = {TOPIC_SCOPE_CAMERA, "snapshot", "camera.snapshot", 0, NULL,
                              "take one picture now and publish it"},
    [VERB_CAMERA_GPHOTO2] = {TOPIC_SCOPE_CAMERA, "gphoto2", "camera.gphoto2",
                             VERB_BARE | VERB_SLOW | VERB_TRUSTED, gphoto2_args,
                             "run gphoto2 with these words; its pictures go below base_dir"},
    [VERB_CAMERA_LIST] = {TOPIC_SCOPE_AGENT, "list", "camera.list", READ_ONLY, verb_list_args,
                          "the cameras, each as camera/<camera>/status says"},
    [VERB_CAMERA_PROBE] =
        {TOPIC_SCOPE_AGENT, "probe", "camera.probe", READ_ONLY, NULL,
         "the USB cameras here: formats, controls, what to write into lapsed.conf"},
    [VERB_LIGHT_ON] = {TOPIC_SCOPE_AGENT, "light_on", "light.on", 0, light_args,
                       "switch a light on, until light_off"},
    [VERB_LIGHT_OFF] = {TOPIC_SCOPE_AGENT, "light_off", "light.off", 0, light_args,
                        "switch a light off, whoever switched it on"},
    [VERB_LIGHT_LIST] = {TOPIC_SCOPE_AGENT, "list", "light.list", READ_ONLY, verb_list_args,
                         "the lights, each as light/<light>/status says"},
    [VERB_PRINTER_LIST] = {TOPIC_SCOPE_AGENT, "list", "printer.list", READ_ONLY, verb_list_args,
                           "the printers, each as printer/<printer>/status says"},
    [VERB_PRINTER_STATUS] = {TOPIC_SCOPE_AGENT, "status", "printer.status", READ_ONLY, printer_args,
                             "what printer/<printer>/status says"},
    [VERB_AGENT_PING] = {TOPIC_SCOPE_AGENT, "ping", "agent.ping", VERB_FLEET | VERB_READ, NULL,
                         "answer at once"},
    [VERB_AGENT_SHUTDOWN] = {TOPIC_SCOPE_AGENT, "shutdown", "agent.shutdown", 0, NULL,
                             "stop the agent; open sessions go on when it is started again"},
    [VERB_AGENT_PURGE_RETAINED] = {TOPIC_SCOPE_AGENT, "purge_retained", "agent.purge_retained", 0,
                                   NULL,
                                   "clear every retained topic of this agent from the broker"},
    [VERB_AGENT_INFO] = {TOPIC_SCOPE_AGENT, "info", "agent.info", READ_ONLY, NULL,
                         "what the info topic says"},
    [VERB_AGENT_STATUS] = {TOPIC_SCOPE_AGENT, "status", "agent.status", READ_ONLY, NULL,
                           "what the status topic says"},
    [VERB_AGENT_RELOAD] = {TOPIC_SCOPE_AGENT, "reload", "agent.reload", VERB_FLEET, NULL,
                           "read the configuration again and apply what needs no restart"},
    [VERB_RPC_DISCOVER] = {TOPIC_SCOPE_AGENT, "discover", "rpc.discover", READ_ONLY, discover_args,
                           "this list: every method, its parameters and the errors (OpenRPC)"},
    [VERB_SESSION_LIST] = {TOPIC_SCOPE_AGENT, "list", "session.list", READ_ONLY, session_list_args,
                           "the sessions, newest first"},
    [VERB_SESSION_GET] = {TOPIC_SCOPE_AGENT, "get", "session.get", READ_ONLY, session_args,
                          "one session with its cameras and videos"},
    [VERB_SESSION_DELETE] = {TOPIC_SCOPE_AGENT, "delete", "session.delete",
                             VERB_DURABLE_ID | VERB_NO_TOPIC, session_args,
                             "delete an ended session: frames, videos, everything"},
    [VERB_VIDEO_BUILD] = {TOPIC_SCOPE_AGENT, "build", "video.build", VERB_DURABLE_ID | VERB_LONG,
                          build_args, "make one more video of the frames of an ended session"},
    [VERB_VIDEO_LIST] = {TOPIC_SCOPE_AGENT, "list", "video.list", READ_ONLY, video_list_args,
                         "the videos, newest first"},
    [VERB_VIDEO_DELETE] = {TOPIC_SCOPE_AGENT, "delete", "video.delete",
                           VERB_DURABLE_ID | VERB_NO_TOPIC, video_delete_args,
                           "delete one video file"},
    [VERB_JOB_LIST] = {TOPIC_SCOPE_AGENT, "list", "job.list", READ_ONLY, verb_list_args,
                       "the builds: those that run and wait, then the last that ended"},
    [VERB_JOB_GET] = {TOPIC_SCOPE_AGENT, "get", "job.get", READ_ONLY, job_args, "one build"},
    [VERB_JOB_ADD] = {TOPIC_SCOPE_AGENT, "add", "job.add",
                      VERB_DURABLE_ID | VERB_LONG | VERB_NO_TOPIC, job_add_args,
                      "the same as video.build"},
    [VERB_JOB_CANCEL] = {TOPIC_SCOPE_AGENT, "cancel", "job.cancel", VERB_NO_TOPIC, job_args,
                         "give a build up; the frames are kept"},
    [VERB_JOB_PAUSE] = {TOPIC_SCOPE_AGENT, "pause", "job.pause", VERB_NO_TOPIC, job_args,
                        "stop a build until it is resumed"},
    [VERB_JOB_RESUME] = {TOPIC_SCOPE_AGENT, "resume", "job.resume", VERB_NO_TOPIC, job_args,
                         "go on with a paused build, or try a failed one again"},
    [VERB_JOB_MOVE] = {TOPIC_SCOPE_AGENT, "move", "job.move", VERB_NO_TOPIC, job_move_args,
                       "change the place of a build that waits"},
};

enum verb_id verb_find(enum topic_scope scope, const char *name)
{
    for (int id = 0; id < VERB_COUNT; id++)
        if (!(verbs[id].flags & VERB_NO_TOPIC) && verbs[id].scope == scope &&
            str_equal(verbs[id].name, name))
            return (enum verb_id)id;
    return VERB_COUNT;
}

enum verb_id verb_find_method(const char *method)
{
    for (int id = 0; id < VERB_COUNT; id++)
        if (str_equal(verbs[id].method, method))
            return (enum verb_id)id;
    return VERB_COUNT;
}

/* --- arguments --- */

static int check_text(const struct verb_arg *arg, const cJSON *value, struct error *err)
{
    const char *text = json_string(value);
    size_t most = arg->max > 0 ? (size_t)arg->max : TEXT_MAX_BYTES;

    if (!text)
        return error_set(err, -EINVAL, "must be a text");
    if (strlen(text) > most)
        return error_set(err, -EINVAL, "is longer than %zu bytes", most);
    if (arg->type == ARG_ID && !str_is_id(text))
        return error_set(err, -EINVAL, "must be a name of lower-case letters, digits, '_' and '-'");
    return 0;
}

static int check_number(const struct verb_arg *arg, const cJSON *value, struct error *err)
{
    double number = json_number(value);

    if (!json_is_number(value))
        return error_set(err, -EINVAL, "must be a number");
    if (arg->type == ARG_INT && number != floor(number))
        return error_set(err, -EINVAL, "must be a whole number");
    if ((arg->min != 0 || arg->max != 0) && (number < arg->min || number > arg->max))
        return error_set(err, -EINVAL, "must be from %g to %g", arg->min, arg->max);
    return 0;
}

static int check_texts(const struct verb_arg *arg, const cJSON *value, struct error *err)
{
    if (!json_is_array(value))
        return error_set(err, -EINVAL, "must be a list of texts");
    for (const cJSON *item = json_first(value); item; item = json_next(item))
        if (check_text(arg, item, err) < 0)
            return -EINVAL;
    return 0;
}

static int check_words(const struct verb_arg *arg, const cJSON *value, struct error *err)
{
    if (json_is_string(value))
        return check_text(arg, value, err);
    if (!json_is_array(value))
        return error_set(err, -EINVAL, "must be a text or a list of texts");
    return check_texts(arg, value, err);
}

static int check_arg(const struct verb_arg *arg, const cJSON *value, struct error *err)
{
    switch (arg->type) {
    case ARG_STRING:
    case ARG_ID:
        return check_text(arg, value, err);
    case ARG_INT:
    case ARG_NUMBER:
        return check_number(arg, value, err);
    case ARG_STRINGS:
        return check_texts(arg, value, err);
    case ARG_WORDS:
        return check_words(arg, value, err);
    case ARG_BOOL:
        if (!json_is_bool(value))
            return error_set(err, -EINVAL, "must be true or false");
        return 0;
    case ARG_OBJECT:
        if (!json_is_object(value))
            return error_set(err, -EINVAL, "must be an object");
        return 0;
    case ARG_SCALAR:
        if (!json_is_string(value) && !json_is_number(value) && !json_is_bool(value))
            return error_set(err, -EINVAL, "must be a text, a number, true or false");
        return 0;
    }
    return -EINVAL;
}

static const struct verb_arg *find_arg(const struct verb *verb, const char *name)
{
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (str_equal(arg->name, name))
            return arg;
    return NULL;
}

int verb_check_args(const struct verb *verb, const char *path, const cJSON *args, struct error *err)
{
    for (const cJSON *member = json_first(args); member; member = json_next(member)) {
        const struct verb_arg *arg = find_arg(verb, json_key(member));

        if (!arg)
            return error_set(err, -EINVAL, "%s.%s: '%s' takes no such argument", path,
                             json_key(member), verb->name);
        if (check_arg(arg, member, err) < 0)
            return error_prefix(err, "%s.%s", path, arg->name);
    }
    for (const struct verb_arg *arg = verb->args; arg && arg->name; arg++)
        if (arg->required && !json_get(args, arg->name))
            return error_set(err, -EINVAL, "%s.%s: is missing", path, arg->name);
    return 0;
}
