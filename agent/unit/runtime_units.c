/* SPDX-License-Identifier: MIT */
/* runtime_units: a unit is never freed from inside one of its own callbacks: what is due is done by
 * a timer of zero. */
#include "agent/unit/runtime_units.h"

#include "agent/base/clock.h"
#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/unit/unit_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX_BYTES = 16 * 1024, ARGS_MAX_DEPTH = 16 };

/* A request in the journal has one of them. */
static const char args_key[] = "args";
static const char override_key[] = "override";

struct record {
    struct list link;
    struct runtime_units *runtime;
    char *id;
    cJSON *args; /* as they were asked, and always with the id; of an override: its settings */
    int64_t made_at;
    bool override, ending;
    struct unit *unit;     /* NULL: not on disk yet, or gone while its printer is let go */
    struct unit_plan plan; /* its settings are the unit's */
    struct unit_origin origin;
    struct unit_settings saved; /* override: flat copy of those of the configuration */
    char *printer, *cameras[UNIT_PLAN_CAMERAS]; /* made for it; NULL: none */
    answer_fn answer;                           /* NULL: nobody waits */
    void *user;
};

struct runtime_units {
    struct runtime_units_config config;
    struct list records;
    struct timer *sweep;
    bool stopped;
};

/* --- records --- */

static struct record *find_record(const struct runtime_units *runtime, const char *id)
{
    struct record *record;

    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        if (str_equal(record->id, id))
            return record;
    }
    return NULL;
}

static struct record *find_made(const struct runtime_units *runtime, const struct unit *unit)
{
    struct record *record = find_record(runtime, unit_id(unit));

    return record && !record->override ? record : NULL;
}

static struct record *record_new(struct runtime_units *runtime, const char *id)
{
    struct record *record = xcalloc(1, sizeof(*record));

    record->runtime = runtime;
    record->id = xstrdup(id);
    record->made_at = clock_wall_ms();
    list_append(&runtime->records, &record->link);
    return record;
}

static void record_free(struct record *record)
{
    list_remove(&record->link);
    unit_plan_done(record->runtime->config.config, &record->plan);
    for (size_t i = 0; i < UNIT_PLAN_CAMERAS; i++)
        free(record->cameras[i]);
    free(record->printer);
    json_free(record->args);
    free(record->id);
    free(record);
}

static void put_record(struct record *record, journal_done_fn done, void *user)
{
    CLEANUP(json_free_p) cJSON *request = json_object();
    CLEANUP(free_p) char *text = NULL;

    json_add(request, record->override ? override_key : args_key, json_copy(record->args));
    text = json_print(request);
    journal_put_unit(record->runtime->config.journal,
                     &(struct journal_unit){.id = record->id,
                                            .request = text,
                                            .ending = record->ending,
                                            .made_at = record->made_at},
                     done, user);
}

static void forget_record(struct record *record)
{
    journal_delete_unit(record->runtime->config.journal, record->id);
    record_free(record);
}

/* --- devices by address --- */

static void hold_devices(struct record *record)
{
    struct devices *devices = record->runtime->config.devices;
    struct unit_plan *plan = &record->plan;

    if (plan->has_printer) {
        record->printer = xstrdup(plan->printer.id);
        devices_hold_printer(devices, &plan->printer);
    }
    for (size_t i = 0; i < plan->camera_count; i++) {
        record->cameras[i] = xstrdup(plan->cameras[i].id);
        devices_hold_camera(devices, &plan->cameras[i]);
    }
    plan->has_printer = false;
    plan->camera_count = 0;
}

/* Its row stays until the printer, which we may have paused, was seen running. */
static void release_devices(struct record *record)
{
    struct devices *devices = record->runtime->config.devices;

    for (size_t i = 0; i < UNIT_PLAN_CAMERAS; i++)
        if (record->cameras[i])
            devices_release_camera(devices, record->cameras[i]);
    if (record->printer)
        devices_release_printer(devices, record->printer);
    if (!devices_printer_leaves(devices, record->printer))
        forget_record(record);
}

void runtime_units_on_printer_gone(struct runtime_units *runtime, const char *printer)
{
    struct record *record;

    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        if (!record->unit && record->ending && str_equal(record->printer, printer))
            forget_record(record);
    }
}

/* --- the end of a unit --- */

static void remove_unit(struct record *record)
{
    const struct runtime_units_config *config = &record->runtime->config;

    log_info("unit.gone", "unit=%s", record->id);
    units_remove(config->units, TAKE(record->unit));
    config->on_gone(&record->plan.settings, config->user);
    release_devices(record);
}

static void restore_settings(struct record *record)
{
    const struct config *config = record->runtime->config.config;
    struct unit *unit = units_find(record->runtime->config.units, record->id);
    struct unit_settings settings = *unit_get_settings(unit);

    for (const cJSON *member = json_first(record->args); member; member = json_next(member))
        conf_copy_value(&config->unit_table, &settings, &record->saved, json_key(member));
    log_info("unit.settings_restored", "unit=%s", record->id);
    unit_replace_settings(unit, &settings, NULL);
    forget_record(record);
}

static bool is_busy(const struct record *record)
{
    const struct runtime_units_config *config = &record->runtime->config;

    return config->is_busy(record->id, config->user);
}

static bool is_over(const struct record *record)
{
    return record->unit && !unit_session(record->unit) &&
           unit_state(record->unit) != SESSION_BUILDING && !is_busy(record);
}

static void on_sweep(void *user)
{
    struct runtime_units *runtime = user;
    struct record *record;

    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        if (record->ending && record->override)
            restore_settings(record);
        else if (record->ending && is_over(record))
            remove_unit(record);
    }
}

static void end_record(struct record *record)
{
    if (!record->ending && !record->override) {
        record->ending = true;
        put_record(record, NULL, NULL);
    }
    record->ending = true;
    timer_start(record->runtime->sweep, 0);
}

void runtime_units_on_jobs(struct runtime_units *runtime)
{
    if (!runtime->stopped)
        timer_start(runtime->sweep, 0);
}

bool runtime_units_has(const struct runtime_units *runtime, const struct unit *unit)
{
    return find_made(runtime, unit) != NULL;
}

void runtime_units_end(struct runtime_units *runtime, struct unit *unit)
{
    struct record *record = find_made(runtime, unit);

    if (record)
        end_record(record);
}

void runtime_units_on_event(struct runtime_units *runtime, const struct unit *unit,
                            const char *type)
{
    struct record *record = find_record(runtime, unit_id(unit));
    bool over = str_equal(type, "session_finished") || str_equal(type, "session_aborted");

    if (!record || runtime->stopped)
        return;
    if (record->override && (over || str_equal(type, "session_discarded")))
        end_record(record);
    if (!record->override && over && (record->ending || !record->plan.settings.restart))
        end_record(record);
}

/* --- the beginning --- */

static void make_unit(struct record *record)
{
    const struct runtime_units_config *config = &record->runtime->config;

    record->origin = (struct unit_origin){.args = record->args, .made_at = record->made_at};
    record->unit = config->make(&record->plan.settings, &record->origin, config->user);
    log_info("unit.made", "unit=%s", record->id);
}

static void add_notes(cJSON *json, const struct problems *notes)
{
    cJSON *array = json_add_array(json, "notes");

    for (size_t i = 0; i < notes->count; i++)
        json_add_string(array, NULL, notes->items[i]);
}

static void answer_made(struct record *record)
{
    CLEANUP(json_free_p) cJSON *result = json_object();

    if (!record->answer)
        return;
    json_add_string(result, "unit", record->id);
    json_add_string(result, "state", session_state_name(unit_state(record->unit)));
    add_notes(result, &record->plan.notes);
    TAKE(record->answer)(ACK_OK, NULL, result, record->user);
}

static void on_written(int result, const struct error *err, void *user)
{
    struct record *record = user;

    if (record->runtime->stopped)
        return; /* it begins with the next start */
    if (result == 0) {
        make_unit(record);
        answer_made(record);
        return;
    }
    if (record->answer)
        record->answer(result == -ENOSPC ? ACK_STORAGE_FULL : ACK_INTERNAL, err->text, NULL,
                       record->user);
    record->ending = true;
    release_devices(record);
}

static size_t count_made(const struct runtime_units *runtime)
{
    struct record *record;
    size_t count = 0;

    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        count += !record->override;
    }
    return count;
}

static bool is_taken(const struct runtime_units *runtime, const char *id)
{
    return find_record(runtime, id) || config_find_unit(runtime->config.config, id);
}

/* "mk4", "mk4-2" … of the model or the printer. */
static void choose_id(const struct runtime_units *runtime, struct unit_settings *settings,
                      const cJSON *args)
{
    const char *like = json_get_string(args, "like");
    const char *base = like ? like : settings->printer ? settings->printer : "unit";
    char *id = xasprintf("%.44s", base);

    for (int n = 2; is_taken(runtime, id); n++) {
        free(id);
        id = xasprintf("%.44s-%d", base, n);
    }
    settings->id = id;
}

/* What depends on the units that are there now. */
static enum ack_code check_room(const struct runtime_units *runtime, const struct unit_plan *plan,
                                struct error *err)
{
    const struct runtime_units_config *config = &runtime->config;
    long long most = config->config->agent.max_runtime_units;

    if (plan->settings.id && find_record(runtime, plan->settings.id)) {
        error_set(err, -EEXIST,
                  "args.unit: there is a unit '%s' already; finish it first, or choose another id",
                  plan->settings.id);
        return ACK_WRONG_STATE;
    }
    if ((long long)count_made(runtime) >= most) {
        error_set(err, -EBUSY,
                  "%lld units were made at run time already, max_runtime_units in %s is %lld; "
                  "finish one of them first",
                  (long long)count_made(runtime), config->config->file, most);
        return ACK_BUSY;
    }
    if (plan->has_printer && devices_printer_leaves(config->devices, plan->printer.id)) {
        error_set(err, -EBUSY, "the printer at %s is being let go; try again in some seconds",
                  plan->printer.url);
        return ACK_BUSY;
    }
    return ACK_OK;
}

static struct record *take_plan(struct runtime_units *runtime, const cJSON *args,
                                struct unit_plan *plan)
{
    struct record *record;

    if (!plan->settings.id)
        choose_id(runtime, &plan->settings, args);
    record = record_new(runtime, plan->settings.id);
    record->plan = *plan;
    *plan = (struct unit_plan){0};
    record->args = json_copy(args);
    if (!json_get(record->args, "unit"))
        json_add_string(record->args, "unit", record->id);
    hold_devices(record);
    return record;
}

void runtime_units_start(struct runtime_units *runtime, const cJSON *args, answer_fn answer,
                         void *user)
{
    const struct config *config = runtime->config.config;
    struct plan_problems problems;
    struct unit_plan plan;
    struct error err = {0};

    unit_plan_make(config, args, &plan, &problems);
    if (problems.code == ACK_OK)
        problems.code = check_room(runtime, &plan, &err);
    if (problems.code != ACK_OK) {
        CLEANUP(free_p) char *text = problems_join(&problems.list);

        answer(problems.code, err.code ? err.text : text, NULL, user);
    } else {
        struct record *record = take_plan(runtime, args, &plan);

        record->answer = answer;
        record->user = user;
        put_record(record, on_written, record);
    }
    problems_done(&problems.list);
    unit_plan_done(config, &plan);
}

void runtime_units_forget(struct runtime_units *runtime, void *user)
{
    struct record *record;

    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        if (record->user == user)
            record->answer = NULL;
    }
}

/* --- settings for one session --- */

static void begin_override(struct record *record, struct unit *unit,
                           const struct unit_settings *changed)
{
    record->override = true;
    record->saved = *unit_get_settings(unit);
    unit_replace_settings(unit, changed, record->args);
}

enum ack_code runtime_units_override(struct runtime_units *runtime, struct unit *unit,
                                     const cJSON *settings, char **ret_problems)
{
    const struct config *config = runtime->config.config;
    struct unit_settings changed = *unit_get_settings(unit);
    struct plan_problems problems = {.code = ACK_OK};
    struct record *record;

    if (find_record(runtime, unit_id(unit))) {
        *ret_problems = xstrdup(
            "args.settings: this unit has settings for its next session, or was made at run "
            "time; finish it first");
        return ACK_WRONG_STATE;
    }
    unit_plan_override(config, settings, &changed, &problems);
    if (problems.code == ACK_OK) {
        record = record_new(runtime, unit_id(unit));
        record->args = json_copy(settings);
        begin_override(record, unit, &changed);
        put_record(record, NULL, NULL);
    } else {
        *ret_problems = problems_join(&problems.list);
    }
    problems_done(&problems.list);
    return problems.code;
}

/* --- after a restart --- */

static void not_restored(struct record *record, const struct plan_problems *problems)
{
    CLEANUP(free_p) char *text = problems_join(&problems->list);

    log_error("unit.not_restored", "unit=%s message=\"%s\"", record->id, text);
    forget_record(record);
}

static void restore_override(struct record *record, const cJSON *settings)
{
    const struct runtime_units_config *config = &record->runtime->config;
    struct unit *unit = units_find(config->units, record->id);
    struct plan_problems problems = {.code = ACK_UNKNOWN_TARGET};
    struct unit_settings changed;

    record->args = json_copy(settings);
    if (unit) {
        changed = *unit_get_settings(unit);
        unit_plan_override(config->config, settings, &changed, &problems);
    }
    if (problems.code == ACK_OK)
        begin_override(record, unit, &changed);
    else
        not_restored(record, &problems);
    problems_done(&problems.list);
}

static bool has_open_session(const struct record *record)
{
    struct journal_session session = {0};
    struct error err;

    if (journal_open_session(record->runtime->config.journal, record->id, &session, &err) < 0)
        return false;
    journal_session_done(&session);
    return true;
}

static void on_finish_answer(enum ack_code code, const char *message, const cJSON *result,
                             void *user)
{
    const struct record *record = user;

    (void)result;
    if (code != ACK_OK)
        log_warn("unit.not_finished", "unit=%s message=\"%s\"", record->id, message);
}

/* It was asked to finish before we ended. */
static void restore_ending(struct record *record)
{
    hold_devices(record);
    if (!has_open_session(record) && !is_busy(record)) {
        release_devices(record);
        return;
    }
    record->plan.settings.standby = true; /* no new session */
    make_unit(record);
    if (unit_session(record->unit) && unit_state(record->unit) != SESSION_BUILDING)
        unit_command(record->unit, SESSION_CMD_FINISH, on_finish_answer, record);
    timer_start(record->runtime->sweep, 0);
}

static void restore_going(struct record *record)
{
    hold_devices(record);
    make_unit(record);
}

static void restore_made(struct record *record, const cJSON *args)
{
    struct plan_problems problems;

    record->args = json_copy(args);
    unit_plan_make(record->runtime->config.config, args, &record->plan, &problems);
    if (problems.code != ACK_OK)
        not_restored(record, &problems);
    else if (record->ending)
        restore_ending(record);
    else
        restore_going(record);
    problems_done(&problems.list);
}

static int parse_row(const struct journal_unit *row, cJSON **ret_request, struct error *err)
{
    static const struct json_limits limits = {.max_bytes = ARGS_MAX_BYTES + 64,
                                              .max_depth = ARGS_MAX_DEPTH + 1};

    return json_parse(row->request, strlen(row->request), &limits, ret_request, err);
}

static void restore_row(const struct journal_unit *row, void *user)
{
    CLEANUP(json_free_p) cJSON *request = NULL;
    struct record *record = record_new(user, row->id);
    struct error err = {0};

    record->made_at = row->made_at;
    record->ending = row->ending;
    if (parse_row(row, &request, &err) < 0) {
        log_error("unit.not_restored", "unit=%s message=\"%s\"", row->id, err.text);
        forget_record(record);
    } else if (json_get(request, override_key)) {
        restore_override(record, json_get(request, override_key));
    } else {
        restore_made(record, json_get(request, args_key));
    }
}

void runtime_units_restore(struct runtime_units *runtime)
{
    struct error err = {0};

    if (journal_each_unit(runtime->config.journal, restore_row, runtime, &err) < 0)
        log_error("unit.not_restored", "error=\"%s\"", err.text);
}

/* --- without an agent --- */

struct printer_search {
    const struct config *config;
    runtime_printer_fn each;
    void *user;
};

static void search_row(const struct journal_unit *row, void *user)
{
    const struct printer_search *search = user;
    CLEANUP(json_free_p) cJSON *request = NULL;
    struct plan_problems problems;
    struct unit_plan plan;
    struct error err;

    if (parse_row(row, &request, &err) < 0)
        return;
    unit_plan_make(search->config, json_get(request, args_key), &plan, &problems);
    if (plan.has_printer) {
        search->each(&plan.printer, search->user);
        plan.printer = (struct printer_settings){0};
    }
    problems_done(&problems.list);
    unit_plan_done(search->config, &plan);
}

int runtime_units_each_printer(struct journal *journal, const struct config *config,
                               runtime_printer_fn each, void *user, struct error *err)
{
    struct printer_search search = {.config = config, .each = each, .user = user};

    return journal_each_unit(journal, search_row, &search, err);
}

/* --- birth and death --- */

struct runtime_units *runtime_units_new(const struct runtime_units_config *config)
{
    struct runtime_units *runtime = xcalloc(1, sizeof(*runtime));

    runtime->config = *config;
    runtime->sweep = timer_new(config->loop, on_sweep, runtime);
    list_init(&runtime->records);
    return runtime;
}

void runtime_units_stop(struct runtime_units *runtime)
{
    runtime->stopped = true;
    timer_stop(runtime->sweep);
}

void runtime_units_free(struct runtime_units *runtime)
{
    struct record *record;

    if (!runtime)
        return;
    LIST_FOR_EACH(&runtime->records, record, struct record, link)
    {
        record_free(record);
    }
    timer_free(runtime->sweep);
    free(runtime);
}
