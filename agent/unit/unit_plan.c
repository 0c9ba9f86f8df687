/* SPDX-License-Identifier: MIT */
#include "agent/unit/unit_plan.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/convert/duetlapse.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX_BYTES = 4096 };

struct planning {
    const struct config *config;
    const cJSON *settings; /* of the request; NULL: none */
    struct unit_plan *plan;
    struct plan_problems *problems;
};

static void problem(struct plan_problems *problems, enum ack_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void problem(struct plan_problems *problems, enum ack_code code, const char *fmt, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    problems_add(&problems->list, "%s", text);
    if (problems->code != code)
        problems->code = problems->code == ACK_OK ? code : ACK_BAD_PARAMS;
}

/* --- settings by name --- */

static int join_texts(const cJSON *list, struct buf *text)
{
    int rc = 0;

    for (const cJSON *item = json_first(list); item && rc == 0; item = json_next(item)) {
        if (!json_is_string(item))
            return -EINVAL;
        rc = buf_printf(text, "%s%s", text->len > 0 ? "," : "", json_string(item));
    }
    return rc;
}

/* As it would stand in set/<key>; NULL: neither scalar nor a list of texts. */
static char *text_of(const cJSON *value)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(VALUE_MAX_BYTES);

    if (json_is_string(value))
        return xstrdup(json_string(value));
    if (json_is_bool(value) || json_is_number(value))
        return json_print(value);
    if (!json_is_array(value) || join_texts(value, &text) < 0)
        return NULL;
    return xstrdup(buf_text(&text));
}

typedef int (*setter_fn)(const struct conf_table *table, void *values, const char *key,
                         const char *text, struct error *err);

static void apply_setting(const struct config *config, const cJSON *member, setter_fn set,
                          struct unit_settings *unit, struct plan_problems *problems)
{
    CLEANUP(free_p) char *text = text_of(member);
    const char *key = json_key(member);
    struct error err = {0};
    int rc;

    if (!text) {
        problem(problems, ACK_BAD_PARAMS,
                "args.settings.%s: must be a text, a number, true, false or a list of texts", key);
        return;
    }
    rc = set(&config->unit_table, unit, key, text, &err);
    if (rc == -ENOENT)
        problem(problems, ACK_BAD_PARAMS, "args.settings.%s: there is no such setting", key);
    else if (rc == -EPERM)
        problem(problems, ACK_FORBIDDEN,
                "args.settings.%s: cannot change while a unit lives; make one of its own with the "
                "agent's command start",
                key);
    else if (rc < 0)
        problem(problems, ACK_BAD_PARAMS, "args.settings.%s", err.text);
}

static void apply_settings(struct planning *planning)
{
    for (const cJSON *member = json_first(planning->settings); member; member = json_next(member)) {
        if (str_equal(json_key(member), "id"))
            problem(planning->problems, ACK_BAD_PARAMS, "args.settings.id: say it as args.unit");
        else
            apply_setting(planning->config, member, conf_init_text, &planning->plan->settings,
                          planning->problems);
    }
}

/* --- addresses --- */

/* "http://Host:80" and "http://host/" are the same place. with_path false: only the server counts.
 * The caller frees. */
static char *canonical_url(const char *url, bool with_path)
{
    const char *authority = strstr(url, "://");
    size_t len;
    char *server, *whole;

    if (!authority)
        return xstrdup(url);
    len = (size_t)(authority + 3 - url) + strcspn(authority + 3, "/?#");
    server = xstrndup(url, len);
    for (char *at = server; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (str_starts_with(server, "http://") && str_ends_with(server, ":80"))
        server[strlen(server) - 3] = '\0';
    if (str_starts_with(server, "https://") && str_ends_with(server, ":443"))
        server[strlen(server) - 4] = '\0';
    if (!with_path)
        return server;
    whole = xasprintf("%s%s%s", server, url[len] == '/' ? "" : "/", url + len);
    free(server);
    return whole;
}

static bool same_url(const char *a, const char *b, bool with_path)
{
    CLEANUP(free_p) char *one = a ? canonical_url(a, with_path) : NULL;
    CLEANUP(free_p) char *other = b ? canonical_url(b, with_path) : NULL;

    return one && str_equal(one, other);
}

/* The same for the same address, whenever it is asked for: frames and pauses are kept under it. */
static char *id_of_url(const char *url, bool with_path)
{
    CLEANUP(free_p) char *canonical = canonical_url(url, with_path);
    const char *authority = strstr(canonical, "://") + 3;
    CLEANUP(free_p) char *server = xstrndup(authority, strcspn(authority, "/?#"));
    uint32_t hash = 2166136261u;
    char id[STR_ID_MAX + 1];

    for (const char *at = canonical; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    str_make_id(server, id);
    return xasprintf("%.40s-%06x", id, hash & 0xffffff);
}

static bool has_login(const char *url)
{
    const char *authority = strstr(url, "://");

    return authority && memchr(authority + 3, '@', strcspn(authority + 3, "/?#"));
}

/* Whether an address may be used; option: "-duet", list: "printers". */
static bool may_use_address(struct planning *planning, const char *option, const char *list,
                            const char *kind, const char *url)
{
    if (planning->config->agent.allow_addresses)
        return true;
    problem(planning->problems, ACK_FORBIDDEN,
            "args.duetlapse: %s: addresses are not allowed here; put { id = \"…\"; kind = \"%s\"; "
            "url = \"%s\"; } into the list %s of %s and give its id, or set allow_addresses = true "
            "in its group agent",
            option, kind, url, list, planning->config->file);
    return false;
}

/* The arguments are shown to everybody who may read the unit's status. */
static bool tells_secrets(struct planning *planning, const struct duetlapse *words)
{
    bool told = words->password || (words->duet && has_login(words->duet));

    for (size_t i = 0; i < DUETLAPSE_CAMERAS; i++)
        told = told || (words->cameras[i].url && has_login(words->cameras[i].url));
    if (told)
        problem(planning->problems, ACK_FORBIDDEN,
                "args.duetlapse: a password does not go over MQTT; put the printer or camera into "
                "%s, with its password_file, and give its id here",
                planning->config->file);
    return told;
}

/* --- the printer and the cameras of a DuetLapse3 command line --- */

static const struct printer_settings *known_printer(const struct config *config, const char *duet,
                                                    const char *url)
{
    const struct printer_settings *printer = config_find_printer(config, duet);

    for (size_t i = 0; !printer && i < config->printer_count; i++)
        if (same_url(config->printers[i].url, url, false))
            printer = &config->printers[i];
    return printer;
}

static void plan_new_printer(struct planning *planning, const char *url)
{
    struct printer_settings *printer = &planning->plan->printer;

    if (!may_use_address(planning, "-duet", "printers", "duet", url))
        return;
    conf_set_defaults(&printer_table, printer);
    replace_str(&printer->url, url);
    printer->id = id_of_url(url, false);
    planning->plan->has_printer = true;
    replace_str(&planning->plan->settings.printer, printer->id);
}

static void plan_printer(struct planning *planning, const struct duetlapse *words)
{
    CLEANUP(free_p) char *url = NULL;
    const struct printer_settings *known;

    if (json_get(planning->settings, "printer"))
        return;
    if (!words->duet) {
        if (!planning->plan->settings.printer && words->problems.count == 0)
            problem(planning->problems, ACK_BAD_PARAMS,
                    "args.duetlapse: -duet: is missing: the id or address of the printer");
        return;
    }
    url = strstr(words->duet, "://") ? xstrdup(words->duet) : xasprintf("http://%s", words->duet);
    known = known_printer(planning->config, words->duet, url);
    if (known)
        replace_str(&planning->plan->settings.printer, known->id);
    else
        plan_new_printer(planning, url);
}

static const struct camera_settings *known_camera(const struct config *config, const char *url)
{
    const struct camera_settings *camera = config_find_camera(config, url);

    for (size_t i = 0; !camera && i < config->camera_count; i++)
        if (same_url(config->cameras[i].url, url, true))
            camera = &config->cameras[i];
    return camera;
}

static void use_camera(struct unit_settings *unit, char *id)
{
    struct conf_strings *list = &unit->cameras;

    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = id;
}

static void plan_new_camera(struct planning *planning, const struct duetlapse_camera *words,
                            const char *option)
{
    struct unit_plan *plan = planning->plan;
    struct camera_settings *camera = &plan->cameras[plan->camera_count];
    const char *kind = duetlapse_camera_kind(words->word);
    struct error err = {0};

    if (!may_use_address(planning, option, "cameras", kind, words->url))
        return;
    conf_set_defaults(&camera_table, camera);
    if (conf_init_text(&camera_table, camera, "kind", kind, &err) < 0 ||
        conf_init_text(&camera_table, camera, "url", words->url, &err) < 0)
        problem(planning->problems, ACK_BAD_PARAMS, "args.duetlapse: %s: %s", option, err.text);
    camera->id = id_of_url(words->url, true);
    plan->camera_count++;
    use_camera(&plan->settings, xstrdup(camera->id));
}

static void plan_camera(struct planning *planning, const struct duetlapse_camera *words, int number)
{
    CLEANUP(free_p) char *option = xasprintf("-weburl%d", number);
    const struct camera_settings *known;

    if (!duetlapse_camera_kind(words->word)) {
        problem(planning->problems, ACK_UNSUPPORTED,
                "args.duetlapse: -camera%d %s: not supported; serve it as a stream (ustreamer, "
                "mjpg-streamer) and say -camera%d stream -weburl%d …, or name cameras of the "
                "configuration in args.settings.cameras",
                number, words->word, number, number);
        return;
    }
    if (!words->url)
        return; /* that was told already */
    known = known_camera(planning->config, words->url);
    if (known)
        use_camera(&planning->plan->settings, xstrdup(known->id));
    else if (str_is_id(words->url))
        problem(planning->problems, ACK_UNKNOWN_TARGET,
                "args.duetlapse: %s: there is no camera '%s' in the configuration", option,
                words->url);
    else
        plan_new_camera(planning, words, option);
}

static void drop_cameras(struct unit_settings *unit)
{
    for (size_t i = 0; i < unit->cameras.count; i++)
        free(unit->cameras.items[i]);
    free(unit->cameras.items);
    unit->cameras = (struct conf_strings){0};
}

/* With settings.cameras (or those of `like`, when no camera is named) they are known. */
static void plan_cameras(struct planning *planning, const struct duetlapse *words)
{
    bool unnamed = !words->cameras[0].url && !words->cameras[1].word;

    if (json_get(planning->settings, "cameras") ||
        (unnamed && planning->plan->settings.cameras.count > 0))
        return;
    drop_cameras(&planning->plan->settings);
    for (int i = 0; i < DUETLAPSE_CAMERAS; i++)
        if (words->cameras[i].word)
            plan_camera(planning, &words->cameras[i], i + 1);
}

static void apply_duetlapse(struct planning *planning, const char *text)
{
    CLEANUP(duetlapse_done) struct duetlapse words;
    struct problems *notes = &planning->plan->notes;

    duetlapse_parse(text, &words);
    for (size_t i = 0; i < words.problems.count; i++)
        problem(planning->problems, ACK_BAD_PARAMS, "args.duetlapse: %s", words.problems.items[i]);
    for (size_t i = 0; i < words.unsupported.count; i++)
        problem(planning->problems, ACK_UNSUPPORTED, "args.duetlapse: %s",
                words.unsupported.items[i]);
    for (size_t i = 0; i < words.ignored.count; i++)
        problems_add(notes, "%s", words.ignored.items[i]);
    for (size_t i = 0; i < words.setting_count; i++) {
        const struct duetlapse_setting *setting = &words.settings[i];
        struct error err = {0};

        if (conf_init_text(&planning->config->unit_table, &planning->plan->settings, setting->key,
                           setting->text, &err) < 0)
            problem(planning->problems, ACK_BAD_PARAMS, "args.duetlapse: %s", err.text);
    }
    if (tells_secrets(planning, &words))
        return;
    plan_printer(planning, &words);
    plan_cameras(planning, &words);
}

/* --- the whole --- */

static void start_from(struct planning *planning, const char *like)
{
    const struct config *config = planning->config;
    const struct unit_settings *model = config_find_unit(config, like);
    struct unit_settings *settings = &planning->plan->settings;

    if (like && !model)
        problem(planning->problems, ACK_UNKNOWN_TARGET,
                "args.like: there is no unit '%s' in the configuration", like);
    if (!model) {
        conf_set_defaults(&config->unit_table, settings);
        return;
    }
    conf_copy_values(&config->unit_table, settings, model);
    free(TAKE(settings->id));
    settings->standby = false;
}

static bool is_planned_camera(const struct unit_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->camera_count; i++)
        if (str_equal(plan->cameras[i].id, id))
            return true;
    return false;
}

static void check_devices(struct planning *planning)
{
    const struct unit_plan *plan = planning->plan;
    const struct unit_settings *unit = &plan->settings;

    if (unit->printer && !plan->has_printer &&
        !config_find_printer(planning->config, unit->printer))
        problem(planning->problems, ACK_UNKNOWN_TARGET,
                "args.settings.printer: there is no printer '%s' in the configuration",
                unit->printer);
    for (size_t i = 0; i < unit->cameras.count; i++)
        if (!config_find_camera(planning->config, unit->cameras.items[i]) &&
            !is_planned_camera(plan, unit->cameras.items[i]))
            problem(planning->problems, ACK_UNKNOWN_TARGET,
                    "args.settings.cameras: there is no camera '%s' in the configuration",
                    unit->cameras.items[i]);
    if (unit->cameras.count == 0 && planning->problems->code == ACK_OK)
        problem(planning->problems, ACK_BAD_PARAMS,
                "args.settings.cameras: is missing: the ids of its cameras");
}

/* What contradicts itself; told only once the single values are right. */
static void check_rules(const struct unit_settings *unit, const cJSON *settings,
                        struct plan_problems *problems)
{
    struct config_contradiction rule;

    if (problems->code != ACK_OK)
        return;
    for (size_t nth = 0; config_contradiction(unit, nth, &rule); nth++)
        problem(problems, ACK_BAD_PARAMS, "args.settings.%s: %s", rule.key, rule.text);
    if (json_number(json_get(settings, "interval_s")) > 0 &&
        !(unit->trigger & UNIT_TRIGGER_INTERVAL))
        problem(problems, ACK_BAD_PARAMS,
                "args.settings.interval_s: has no effect without \"interval\" in trigger");
}

void unit_plan_make(const struct config *config, const cJSON *args, struct unit_plan *ret,
                    struct plan_problems *problems)
{
    const char *duetlapse = json_get_string(args, "duetlapse");
    struct planning planning = {.config = config,
                                .settings = json_get(args, "settings"),
                                .plan = ret,
                                .problems = problems};

    *ret = (struct unit_plan){0};
    *problems = (struct plan_problems){.code = ACK_OK};
    start_from(&planning, json_get_string(args, "like"));
    if (duetlapse)
        apply_duetlapse(&planning, duetlapse);
    apply_settings(&planning);
    replace_str(&ret->settings.id, json_get_string(args, "unit"));
    if (config_find_unit(config, ret->settings.id))
        problem(problems, ACK_BAD_PARAMS,
                "args.unit: '%s' is a unit of the configuration; its own command start takes "
                "settings for one session",
                ret->settings.id);
    check_devices(&planning);
    check_rules(&ret->settings, planning.settings, problems);
}

void unit_plan_done(const struct config *config, struct unit_plan *plan)
{
    conf_values_done(&config->unit_table, &plan->settings);
    conf_values_done(&printer_table, &plan->printer);
    for (size_t i = 0; i < plan->camera_count; i++)
        conf_values_done(&camera_table, &plan->cameras[i]);
    problems_done(&plan->notes);
    *plan = (struct unit_plan){0};
}

void unit_plan_override(const struct config *config, const cJSON *settings,
                        struct unit_settings *changed, struct plan_problems *problems)
{
    *problems = (struct plan_problems){.code = ACK_OK};
    for (const cJSON *member = json_first(settings); member; member = json_next(member))
        apply_setting(config, member, conf_set_text, changed, problems);
    check_rules(changed, settings, problems);
}
