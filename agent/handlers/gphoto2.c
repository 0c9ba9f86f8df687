/* SPDX-License-Identifier: MIT */
/* gphoto2: the camera service of POCS as a command: words for gphoto2 in, what it said, its exit
 * code and its pictures out. What POCS's service lacks stands in capture/camera: which words are
 * harmless, one run at a time, a time limit, pictures below one directory. */
#include "agent/handlers/handlers.h"

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_line.h"
#include "capture/camera/gphoto2_pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN_MS = 30 * 1000, /* what gphoto2 needs beside exposing and waiting */
    WAIT_MS = 60 * 1000,   /* for the camera to be free */
    /* The answer has to fit into a message of 64 KiB, whatever it says. */
    OUTPUT_MAX_BYTES = 28 * 1024,
    ERROR_MAX_BYTES = 4 * 1024,
    FILES_MAX_BYTES = 12 * 1024,
};

struct command {
    struct call *call;
    struct gphoto2_pass *pass;
    struct gphoto2_device *device;
    char *base_dir;
    int64_t asked_at_ms;
};

static void command_free(struct command *command)
{
    free(command->base_dir);
    free(command);
}

/* --- the answer --- */

/* Characters that a JSON text holds as they are, or with one more byte. */
static bool is_plain(unsigned char byte, bool utf8)
{
    return byte == '\n' || byte == '\t' || (byte >= 0x20 && byte < 0x7f) || (byte >= 0x80 && utf8);
}

/* Whole lines, as many as fit. true: there were more. */
static bool add_text(cJSON *json, const char *key, const char *text, size_t max_bytes)
{
    CLEANUP(buf_done) struct buf kept = BUF_INIT(max_bytes);
    bool utf8 = str_is_utf8(text, strlen(text)), fits = true;
    size_t whole = 0, taken = 0;

    for (const char *at = text; *at && fits; at++) {
        bool escaped = *at == '"' || *at == '\\' || *at == '\n' || *at == '\t';

        taken += escaped ? 2 : 1;
        fits = taken <= max_bytes;
        if (fits && is_plain((unsigned char)*at, utf8))
            fits = buf_append(&kept, at, 1) == 0;
        if (*at == '\n' && fits)
            whole = kept.len;
    }
    if (!fits) {
        CLEANUP(free_p) char *lines = xstrndup(buf_text(&kept), whole);

        json_add_string(json, key, lines);
    } else {
        json_add_string(json, key, buf_text(&kept));
    }
    return !fits;
}

static void add_command(cJSON *result, const struct command *command, const char *const *words)
{
    const char *prefix[GPHOTO2_PREFIX_MAX + 1];
    cJSON *list = json_add_array(result, "command");

    gphoto2_device_prefix(command->device, prefix);
    for (size_t i = 0; prefix[i]; i++)
        json_add_string(list, NULL, prefix[i]);
    for (size_t i = 0; words[i]; i++)
        json_add_string(list, NULL, words[i]);
}

static void add_files(cJSON *result, const struct command *command,
                      const struct gphoto2_kept_list *kept)
{
    cJSON *files = json_add_array(result, "files");
    size_t bytes = 0;

    for (size_t i = 0; i < kept->count; i++) {
        CLEANUP(free_p) char *path = path_join(command->base_dir, kept->items[i].name);
        cJSON *file;

        bytes += 2 * strlen(path);
        if (bytes > FILES_MAX_BYTES)
            break;
        file = json_add_object(files, NULL);
        json_add_string(file, "file", kept->items[i].name);
        json_add_string(file, "path", path);
        json_add_int(file, "bytes", kept->items[i].bytes);
    }
    json_add_int(result, "file_count", (int64_t)kept->count);
}

/* The members of POCS's service keep their names and their meaning, but success is true only then.
 */
static cJSON *report(const struct command *command, const struct gphoto2_passed *passed)
{
    const struct process_result *process = passed->process;
    const cJSON *arguments = json_get(command->call->args, "arguments");
    cJSON *result = json_object();
    bool cut;

    if (arguments)
        json_add(result, "arguments", json_copy(arguments));
    json_add_bool(result, "success", passed->error->code == 0);
    if (process && process->exit_code >= 0)
        json_add_int(result, "returncode", process->exit_code);
    else
        json_add_null(result, "returncode");
    cut = add_text(result, "output", passed->output, OUTPUT_MAX_BYTES);
    json_add_bool(result, "output_cut", cut);
    add_text(result, "error", process ? process->stderr_tail : "", ERROR_MAX_BYTES);
    add_command(result, command, passed->words);
    add_files(result, command, passed->kept);
    json_add_int(result, "duration_ms", clock_mono_ms() - command->asked_at_ms);
    return result;
}

static enum ack_code code_of(const struct gphoto2_passed *passed)
{
    switch (passed->error->code) {
    case 0:
        return ACK_OK;
    case -EEXIST:
        return ACK_WRONG_STATE;
    case -ELOOP:
    case -ENOTDIR:
        return ACK_FORBIDDEN;
    case -ENOSPC:
        return ACK_STORAGE_FULL;
    case -ETIME:
        return ACK_BUSY;
    case -EBUSY:
        return passed->process ? ACK_CAMERA_FAILED : ACK_BUSY;
    case -ETIMEDOUT:
        return ACK_TIMEOUT;
    default:
        return ACK_CAMERA_FAILED;
    }
}

static void on_passed(const struct gphoto2_passed *passed, void *user)
{
    struct command *command = user;
    struct call *call = command->call;
    cJSON *result = report(command, passed);
    enum ack_code code = code_of(passed);
    CLEANUP(free_p) char *message = xasprintf("%s: %s", call->target, passed->error->text);

    call->cancel = NULL;
    command_free(command);
    call_answer(call, code, code == ACK_OK ? NULL : message, result);
    json_free(result);
}

/* --- the question --- */

static int split_words(const cJSON *arguments, struct program_args *ret_words, struct error *err)
{
    *ret_words = (struct program_args){0};
    if (!arguments)
        return gphoto2_line_split("--auto-detect", ret_words, err);
    if (json_is_string(arguments))
        return gphoto2_line_split(json_string(arguments), ret_words, err);
    if (json_size(arguments) > GPHOTO2_WORDS_MAX)
        return error_set(err, -EINVAL, "more than %d words", GPHOTO2_WORDS_MAX);
    for (const cJSON *word = json_first(arguments); word; word = json_next(word))
        program_args_add(ret_words, "%s", json_string(word));
    return 0;
}

static int read_arguments(const struct call *call, const struct camera_settings *settings,
                          const char *base_dir, struct gphoto2_arguments *ret, struct error *err)
{
    const struct gphoto2_rules rules = {
        .base_dir = base_dir, .port = settings->port, .allow = &settings->gphoto2_allow};
    CLEANUP(program_args_done) struct program_args words = {0};
    int rc = split_words(json_get(call->args, "arguments"), &words, err);

    if (rc == 0)
        rc =
            gphoto2_arguments_make((const char *const *)words.items, words.count, &rules, ret, err);
    if (rc < 0)
        (void)error_prefix(err, "arguments");
    return rc;
}

static void cancel_command(struct call *call)
{
    struct command *command = call->work;

    gphoto2_pass_cancel(command->pass);
    command_free(command);
}

static int64_t time_limit_ms(const struct call *call, const struct camera_settings *settings,
                             const struct gphoto2_arguments *arguments)
{
    int64_t given_s;

    if (json_get_int(call->args, "timeout_s", &given_s))
        return given_s * 1000;
    return arguments->wait_ms + settings->timeout_ms + MARGIN_MS;
}

static void start(struct call *call, struct gphoto2_device *device,
                  const struct camera_settings *settings, struct gphoto2_arguments *arguments,
                  char *base_dir)
{
    struct command *command = xcalloc(1, sizeof(*command));
    const struct gphoto2_pass_config config = {
        .base_dir = base_dir,
        .reserve_bytes = (int64_t)(call->rooms->config->agent.reserve_mb * 1e6),
        .wait_ms = WAIT_MS,
        .timeout_ms = time_limit_ms(call, settings, arguments),
    };

    command->call = call;
    command->device = device;
    command->base_dir = base_dir;
    command->asked_at_ms = clock_mono_ms();
    call->work = command;
    call->cancel = cancel_command;
    command->pass = gphoto2_pass_start(device, arguments, &config, on_passed, command);
}

/* Such a camera is of the configuration, always. */
static const struct camera_settings *find_settings(const struct config *config, const char *id)
{
    for (size_t i = 0; i < config->camera_count; i++)
        if (str_equal(config->cameras[i].id, id))
            return &config->cameras[i];
    return NULL;
}

static char *base_dir_of(const struct config *config, const struct camera_settings *settings)
{
    if (settings->base_dir)
        return xstrdup(settings->base_dir);
    return xasprintf("%s/gphoto2/%s", config->agent.media_dir, settings->id);
}

static void refuse_kind(struct call *call, const struct camera *camera)
{
    CLEANUP(free_p)
    char *message = xasprintf("camera %s is of kind \"%s\"; gphoto2 runs only for kind = "
                              "\"gphoto2\"",
                              call->target, camera_kind(camera));

    call_answer(call, ACK_UNSUPPORTED, message, NULL);
}

static void ask(struct call *call, struct gphoto2_device *device,
                const struct camera_settings *settings)
{
    char *base_dir = base_dir_of(call->rooms->config, settings);
    struct gphoto2_arguments arguments;
    struct error err = {0};
    int rc = read_arguments(call, settings, base_dir, &arguments, &err);

    if (rc == 0) {
        start(call, device, settings, &arguments, base_dir);
        return;
    }
    free(base_dir);
    call_answer(call, rc == -EPERM ? ACK_FORBIDDEN : ACK_BAD_PARAMS, err.text, NULL);
}

void handle_camera_gphoto2(struct call *call)
{
    struct camera *camera = call_find_camera(call);
    struct gphoto2_device *device = camera ? camera_gphoto2(camera) : NULL;

    if (!camera)
        return;
    if (device)
        ask(call, device, find_settings(call->rooms->config, call->target));
    else
        refuse_kind(call, camera);
}
