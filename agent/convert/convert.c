/* SPDX-License-Identifier: MIT */
#include "agent/convert/convert.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/config.h"
#include "agent/convert/convert_draft.h"
#include "agent/convert/duetlapse.h"
#include "agent/convert/fswebcam.h"
#include "capture/camera/gphoto2_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writing --- */

void draft_set(struct convert_draft *draft, const char *key, char *text)
{
    if (draft->setting_count == DRAFT_SETTINGS) {
        free(text);
        return;
    }
    draft->settings[draft->setting_count].key = key;
    draft->settings[draft->setting_count++].text = text;
}

static void print_text(const char *text, size_t len, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fputc('\\', out);
        fputc((unsigned char)text[i] < 0x20 ? ' ' : text[i], out);
    }
    fputc('"', out);
}

static void print_words(const char *text, FILE *out)
{
    fputs("[ ", out);
    for (size_t len; *text; text += len + (text[len] == ',')) {
        len = strcspn(text, ",");
        print_text(text, len, out);
        fputs(text[len] == ',' ? ", " : " ", out);
    }
    fputc(']', out);
}

/* A value as the file has it: libconfig tells 1 from 1.0 and both from "1". */
static void print_setting(const struct conf_field *field, const char *text, FILE *out)
{
    fprintf(out, "    %s = ", field->key);
    switch (field->type) {
    case CONF_BOOL:
    case CONF_INT:
        fputs(text, out);
        break;
    case CONF_FLOAT:
        fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
        break;
    case CONF_FLAGS:
        print_words(text, out);
        break;
    default:
        print_text(text, strlen(text), out);
        break;
    }
    fputs(";\n", out);
}

static void print_assignment(const char *key, const char *text, FILE *out)
{
    fprintf(out, "    %s = ", key);
    print_text(text, strlen(text), out);
    fputs(";\n", out);
}

static void print_comments(const char *head, const struct problems *comments, FILE *out)
{
    if (comments->count > 0)
        fputs(head, out);
    for (size_t i = 0; i < comments->count; i++)
        fprintf(out, "#   %s\n", comments->items[i]);
}

static void print_printer(const struct convert_draft *draft, FILE *out)
{
    if (!draft->printer)
        return;
    fputs("printers = ( {\n", out);
    print_assignment("id", draft->printer, out);
    print_assignment("kind", "duet", out);
    print_assignment("url", draft->duet, out);
    if (draft->printer_password)
        fputs("    #password_file = \"printer-password\"; # write it there, chmod 600\n", out);
    fputs("} );\n\n", out);
}

static void print_list(const char *key, const struct camparam *list, FILE *out)
{
    if (list->count == 0)
        return;
    fprintf(out, "    %s = [ ", key);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            fputs(", ", out);
        print_text(list->words[i], strlen(list->words[i]), out);
    }
    fputs(" ];\n", out);
}

static void print_camera(const struct draft_camera *camera, FILE *out)
{
    fputs("{\n", out);
    print_assignment("id", camera->id, out);
    print_assignment("kind", camera->kind, out);
    if (camera->url)
        print_assignment("url", camera->url, out);
    print_list("command", &camera->command, out);
    print_list("config", &camera->config, out);
    if (str_equal(camera->kind, "gphoto2"))
        fputs("    timeout_ms = 15000;\n", out);
    if (camera->device)
        print_assignment("device", camera->device, out);
    if (camera->width > 0)
        fprintf(out, "    width = %lld;\n    height = %lld;\n", (long long)camera->width,
                (long long)camera->height);
    if (camera->fps > 0)
        fprintf(out, "    fps = %lld.0;\n", (long long)camera->fps);
    if (camera->user) {
        print_assignment("user", camera->user, out);
        fputs("    #password_file = \"camera-password\"; # write it there, chmod 600\n", out);
    }
    if (camera->latency_ms > 0)
        fprintf(out, "    latency_ms = %lld;\n", (long long)camera->latency_ms);
    fputs("}", out);
}

static void print_cameras(const struct convert_draft *draft, FILE *out)
{
    const char *separator = "cameras = ( ";

    for (size_t i = 0; i < DRAFT_CAMERAS; i++) {
        if (!draft->cameras[i].id)
            continue;
        fputs(separator, out);
        print_camera(&draft->cameras[i], out);
        separator = ", ";
    }
    fputs(" );\n\n", out);
}

static void print_unit(const struct convert_draft *draft, const struct conf_table *table, FILE *out)
{
    const char *separator = "    cameras = [ ";

    fputs("units = ( {\n", out);
    print_assignment("id", draft->unit, out);
    if (draft->printer)
        print_assignment("printer", draft->printer, out);
    for (size_t i = 0; i < DRAFT_CAMERAS; i++) {
        if (!draft->cameras[i].id)
            continue;
        fprintf(out, "%s\"%s\"", separator, draft->cameras[i].id);
        separator = ", ";
    }
    fputs(" ];\n", out);
    for (size_t i = 0; i < draft->setting_count; i++)
        print_setting(conf_table_get(table, draft->settings[i].key), draft->settings[i].text, out);
    for (size_t i = 0; i < draft->later.count; i++)
        fprintf(out, "    #%s\n", draft->later.items[i]);
    fputs("} );\n", out);
}

static void print_draft(const struct convert_draft *draft, FILE *out)
{
    struct config *config = config_blank();

    fprintf(out,
            "# Made by 'lapsectl convert' of %s.\n"
            "# Check it with: lapsed --check-config FILE\n",
            draft->source);
    print_comments("#\n# Not carried over, or not quite:\n", &draft->notes, out);
    fputs("\nmqtt = {\n    host = \"127.0.0.1\"; # the broker\n};\n\n", out);
    if (draft->ffmpeg) {
        fputs("encode = {\n", out);
        print_assignment("ffmpeg", draft->ffmpeg, out);
        fputs("};\n\n", out);
    }
    print_printer(draft, out);
    print_cameras(draft, out);
    print_unit(draft, &config->unit_table, out);
    config_free(config);
}

/* The same rules as of the file, so that it passes. */
static void check_draft(const struct convert_draft *draft, struct problems *problems)
{
    struct config *config = config_blank();
    const struct conf_table *table = &config->unit_table;
    struct unit_settings unit = {0};
    struct config_contradiction broken;
    struct error err = {0};

    conf_set_defaults(table, &unit);
    replace_str(&unit.printer, draft->printer);
    for (size_t i = 0; i < draft->setting_count; i++)
        if (conf_init_text(table, &unit, draft->settings[i].key, draft->settings[i].text, &err) < 0)
            problems_add(problems, "%s", err.text);
    for (size_t nth = 0; problems->count == 0 && config_contradiction(&unit, nth, &broken); nth++)
        problems_add(problems, "%s: %s", broken.key, broken.text);
    conf_values_done(table, &unit);
    config_free(config);
}

static void draft_done(struct convert_draft *draft)
{
    for (size_t i = 0; i < DRAFT_CAMERAS; i++) {
        free(draft->cameras[i].id);
        free(draft->cameras[i].kind);
        free(draft->cameras[i].url);
        free(draft->cameras[i].device);
        free(draft->cameras[i].user);
        camparam_done(&draft->cameras[i].command);
        camparam_done(&draft->cameras[i].config);
    }
    for (size_t i = 0; i < draft->setting_count; i++)
        free(draft->settings[i].text);
    free(draft->unit);
    free(draft->printer);
    free(draft->duet);
    free(draft->ffmpeg);
    problems_done(&draft->later);
    problems_done(&draft->notes);
}

void draft_finish(struct convert_draft *draft, struct conversion *ret)
{
    size_t len = 0;
    FILE *out;

    if (ret->problems.count == 0)
        check_draft(draft, &ret->problems);
    out = ret->problems.count == 0 ? open_memstream(&ret->config, &len) : NULL;
    if (out) {
        print_draft(draft, out);
        fclose(out);
    }
    ret->notes = draft->notes;
    draft->notes = (struct problems){0};
    draft_done(draft);
}

void conversion_done(struct conversion *conversion)
{
    free(conversion->config);
    problems_done(&conversion->notes);
    problems_done(&conversion->problems);
    *conversion = (struct conversion){0};
}

char *draft_split_url(const char *url, char **ret_user)
{
    const char *authority = strstr(url, "://");
    const char *host = authority ? authority + 3 : url;
    const char *at = memchr(host, '@', strcspn(host, "/?#"));

    *ret_user = NULL;
    if (!at)
        return xstrdup(url);
    *ret_user = xstrndup(host, strcspn(host, ":@"));
    return xasprintf("%.*s%s", (int)(host - url), url, at + 1);
}

/* --- DuetLapse3 --- */

static void take_notes(struct convert_draft *draft, const struct problems *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        problems_add(&draft->notes, "%s", notes->items[i]);
}

static void convert_printer(struct convert_draft *draft, const struct duetlapse *words)
{
    const char *duet = words->duet ? words->duet : "localhost";
    char id[STR_ID_MAX + 1];

    draft->duet = strstr(duet, "://") ? xstrdup(duet) : xasprintf("http://%s", duet);
    str_make_id(strstr(draft->duet, "://") + 3, id);
    draft->printer = xstrdup(id);
    draft->unit = xstrdup(id);
    draft->printer_password = words->password != NULL;
    if (!words->duet)
        problems_add(&draft->notes, "-duet: was not given, so it is localhost as in DuetLapse3");
}

/* fswebcam, which DuetLapse3 ran, takes the first device for either camera. A USB camera has two
 * devices, the second without pictures. */
static void convert_usb(struct convert_draft *draft, struct draft_camera *camera)
{
    bool second = camera == &draft->cameras[1] && str_equal(draft->cameras[0].kind, "v4l2");

    camera->kind = xstrdup("v4l2");
    camera->device = xstrdup(second ? "/dev/video2" : "/dev/video0");
    if (second)
        problems_add(&draft->notes,
                     "-camera2 usb: DuetLapse3 took the pictures of the first USB camera for both; "
                     "here it is %s, see 'lapsectl camera probe'",
                     camera->device);
}

static bool is_gphoto2(const struct camparam *command)
{
    const char *slash = command->count > 0 ? strrchr(command->words[0], '/') : NULL;

    return command->count > 0 && str_equal(slash ? slash + 1 : command->words[0], "gphoto2");
}

/* What it was told to set is config here; how to photograph is known. */
static void convert_dslr(struct convert_draft *draft, struct draft_camera *camera)
{
    struct camparam *command = &camera->command, *config = &camera->config;
    struct error err = {0};

    camera->kind = xstrdup("gphoto2");
    for (size_t i = 1; i + 1 < command->count; i++) {
        if (!str_equal(command->words[i], "--set-config"))
            continue;
        if (gphoto2_config_check(command->words[++i], &err) == 0)
            config->words[config->count++] = xstrdup(command->words[i]);
        else
            problems_add(&draft->notes, "%s: --set-config: %s", camera->id, err.text);
    }
    camparam_done(command);
}

/* What fswebcam would take is taken without it. */
static void convert_fswebcam(struct draft_camera *camera, const struct fswebcam *words)
{
    camera->kind = xstrdup("v4l2");
    camera->device = xstrdup(words->device ? words->device : "/dev/video0");
    camera->width = words->width;
    camera->height = words->height;
    camera->fps = words->fps;
    camparam_done(&camera->command);
}

/* A camera that was a program there is the same program here. */
static bool convert_program(struct convert_draft *draft, const struct duetlapse_camera *words,
                            struct draft_camera *camera)
{
    CLEANUP(free_p) char *user = NULL;
    const char *program = words->program;
    struct fswebcam fswebcam;

    if (str_equal(words->word, "usb")) {
        convert_usb(draft, camera);
        return true;
    }
    if (str_equal(words->word, "pi")) {
        camera->kind = xstrdup("rpicam");
        return true;
    }
    if (!program || camparam_read(program, &camera->command, NULL) < 0)
        return false;
    if (is_gphoto2(&camera->command)) {
        convert_dslr(draft, camera);
        return true;
    }
    if (fswebcam_read(&camera->command, &fswebcam)) {
        convert_fswebcam(camera, &fswebcam);
        return true;
    }
    camera->kind = xstrdup("command");
    if (words->url)
        camera->url = draft_split_url(words->url, &user);
    if (user)
        problems_add(&draft->notes,
                     "%s: the login of its address is not written here; {url} goes without it",
                     camera->id);
    if (camera->url && str_starts_with(camera->url, "rtsp://"))
        problems_add(&draft->notes,
                     "%s: kind = \"stream\" reads rtsp:// without a program per picture, and with "
                     "user and password_file nobody sees the login in the process list",
                     camera->id);
    return true;
}

static void convert_camera(struct convert_draft *draft, const struct duetlapse_camera *words,
                           size_t index)
{
    struct draft_camera *camera = &draft->cameras[index];
    const char *kind = duetlapse_camera_kind(words->word);

    if (!words->word)
        return;
    camera->id = xasprintf("camera%zu", index + 1);
    if (!kind && convert_program(draft, words, camera))
        return;
    camera->url =
        draft_split_url(kind ? words->url : "http://127.0.0.1:8080/stream", &camera->user);
    camera->kind = xstrdup(kind && str_ends_with(camera->url, ".m3u8") ? "stream"
                           : kind                                      ? kind
                                                                       : "mjpeg");
    if (!kind)
        problems_add(&draft->notes,
                     "-camera%zu %s: -camparam%zu is more than a program and its words; put it "
                     "into a script and name that in command of a camera of kind command",
                     index + 1, words->word, index + 1);
}

void convert_duetlapse(const char *text, struct conversion *ret)
{
    CLEANUP(duetlapse_done) struct duetlapse words;
    struct convert_draft draft = {.source = "a DuetLapse3 command line"};

    *ret = (struct conversion){0};
    duetlapse_parse(text, &words);
    ret->problems = words.problems;
    words.problems = (struct problems){0};
    take_notes(&draft, &words.unsupported);
    take_notes(&draft, &words.ignored);
    convert_printer(&draft, &words);
    for (size_t i = 0; i < DUETLAPSE_CAMERAS && ret->problems.count == 0; i++)
        convert_camera(&draft, &words.cameras[i], i);
    for (size_t i = 0; i < words.setting_count; i++)
        draft_set(&draft, words.settings[i].key, TAKE(words.settings[i].text));
    draft_finish(&draft, ret);
}
