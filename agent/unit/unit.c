/* SPDX-License-Identifier: MIT */
/* unit: the imperative half of session_state. step() is the only place where the state changes;
 * each action bit has one function. */
#include "agent/unit/unit.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/unit/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_RETRY_MS = 30000 };

static struct session_config session_config(const struct unit *unit)
{
    return (struct session_config){
        .services = &unit->config.services,
        .agent = unit->config.config->agent.id,
        .settings = unit->config.settings,
    };
}

/* --- the actions of session_next() --- */

static void open_failed(struct unit *unit, const struct error *err)
{
    log_error("unit.session_failed", "unit=%s error=\"%s\"", unit_id(unit), err->text);
    replace_str(&unit->ill_camera, NULL);
    unit_set_problem(unit, &unit->capture, err);
    unit_step(unit, SESSION_OPEN_FAILED);
}

static void do_open(struct unit *unit)
{
    struct session_config config = session_config(unit);
    const char *job = unit->config.printer && unit->facts.job_running
                          ? printer_get_view(unit->config.printer)->job_file
                          : NULL;
    struct error err = {0};
    cJSON *data;

    unit->facts.new_job = false;
    unit->facts.restart_asked = false;
    unit->end = NULL;
    unit->last_cause = (struct trigger_cause){.layer = -1};
    if (session_begin(&config, job, &unit_session_events, unit, &unit->session, &err) < 0) {
        open_failed(unit, &err);
        return;
    }
    unit_clear_problem(unit, &unit->capture);
    unit_clear_problem(unit, &unit->video);
    log_info("unit.session_started", "unit=%s session=%s", unit_id(unit),
             session_id(unit->session));
    data = json_object();
    json_add_string(data, "job", session_job(unit->session));
    json_add_string(data, "dir", session_dir(unit->session));
    unit_emit(unit, "session_started", data);
}

static bool wants_last_frame(const struct unit *unit)
{
    struct session_totals totals;

    session_get_totals(unit->session, &totals);
    return unit->config.settings->last_frame && totals.frames > 0;
}

void unit_close_session(struct unit *unit, const char *event, bool discard)
{
    cJSON *data = json_object();
    struct session_totals totals;

    session_get_totals(unit->session, &totals);
    json_add_string(data, "session", session_id(unit->session));
    json_add_string(data, "job", session_job(unit->session));
    json_add_string(data, "end", unit->end);
    json_add_int(data, "frames", totals.frames);
    json_add_int(data, "missed", session_missed(unit->session));
    if (discard)
        session_discard(unit->session);
    else
        session_end(unit->session, unit->end);
    session_free(TAKE(unit->session));
    unit->unproven = false;
    log_info("unit.session_ended", "unit=%s end=%s frames=%lld", unit_id(unit),
             unit->end ? unit->end : "-", (long long)totals.frames);
    unit_emit(unit, event, data);
}

static void do_finish(struct unit *unit)
{
    struct shot_request last = {
        .cause = {.name = "last",
                  .layer = session_last_layer(unit->session),
                  .at_mono_us = clock_mono_us()},
        .for_session = true,
        .must = true,
    };

    if (!unit->end) {
        unit->end = "finished";
        unit->ended_at_mono_us = last.cause.at_mono_us;
    }
    session_set_tail(unit->session, true);
    unit_begin_final(unit);
    unit->finish_wanted = true;
    if (wants_last_frame(unit))
        shot_queue_ask(unit->shots, &last);
    else
        unit_continue_finish(unit);
}

static void do_discard(struct unit *unit)
{
    unit->end = "discarded";
    unit->finish_wanted = false;
    shot_queue_drop(unit->shots);
    unit_cancel_builds(unit);
    unit_close_session(unit, "session_discarded", !unit->config.settings->keep_files);
}

static void do_abort(struct unit *unit)
{
    unit->end = "aborted";
    unit->finish_wanted = false;
    shot_queue_drop(unit->shots);
    unit_cancel_builds(unit);
    unit_close_session(unit, "session_aborted", false);
}

static void hold_cameras(struct unit *unit, bool hold)
{
    for (size_t i = 0; i < unit->config.settings->cameras.count; i++)
        hold ? camera_hold(unit->cameras[i]) : camera_release(unit->cameras[i]);
}

static bool keeps_cameras(enum session_state state)
{
    return state == SESSION_CAPTURING || state == SESSION_PAUSED || state == SESSION_BUILDING;
}

static void enter(struct unit *unit, enum session_state next)
{
    enum session_state before = unit->state;

    if (next == before)
        return;
    unit->state = next;
    unit->state_since = clock_wall_ms();
    if (keeps_cameras(next) != keeps_cameras(before))
        hold_cameras(unit, keeps_cameras(next));
    triggers_set_active(unit->triggers, next == SESSION_CAPTURING);
    log_info("unit.state", "unit=%s state=%s", unit_id(unit), session_state_name(next));
    unit->callbacks.on_changed(unit, true, unit->user);
}

/* Actions that go with entering a state. Pictures and previews, which a command waits for, are
 * asked for by their callers. */
static void act(struct unit *unit, unsigned actions)
{
    if (actions & SESSION_DO_NOTE_RESTART)
        unit->facts.restart_asked = true;
    if (actions & SESSION_DO_NOTE_JOB)
        unit->facts.new_job = true;
    if (actions & SESSION_DO_DISCARD)
        do_discard(unit);
    if (actions & SESSION_DO_ABORT)
        do_abort(unit);
    if (actions & SESSION_DO_FINISH)
        do_finish(unit);
    if (actions & SESSION_DO_OPEN)
        do_open(unit);
    if (actions & SESSION_DO_RETRY_LATER)
        timer_start(unit->retry, OPEN_RETRY_MS);
    if (unit->session && unit->state != SESSION_STANDBY)
        session_set_state(unit->session, unit->state);
}

void unit_refresh_facts(struct unit *unit)
{
    const struct unit_settings *settings = unit->config.settings;

    unit->facts.has_printer = unit->config.printer != NULL;
    unit->facts.waits_for_job = unit->config.printer && !settings->dontwait;
    unit->facts.continuous = settings->restart;
    unit->facts.starts_standby = settings->standby || unit->disarmed;
}

void unit_step(struct unit *unit, enum session_event event)
{
    struct session_step next;

    unit_refresh_facts(unit);
    next = session_next(unit->state, event, &unit->facts);
    enter(unit, next.next);
    act(unit, next.actions);
}

/* --- commands --- */

void unit_answer(struct unit *unit, answer_fn answer, void *user)
{
    cJSON *result = json_object();

    json_add_string(result, "state", session_state_name(unit->state));
    if (unit->build.id[0])
        json_add_string(result, "job", unit->build.id);
    answer(ACK_OK, NULL, result, user);
    json_free(result);
}

static void emit_command(struct unit *unit, enum session_event command)
{
    if (command == SESSION_CMD_PAUSE)
        unit_emit(unit, "session_paused", json_object());
    if (command == SESSION_CMD_RESUME)
        unit_emit(unit, "session_resumed", json_object());
}

void unit_command(struct unit *unit, enum session_event command, answer_fn answer, void *user)
{
    struct session_step next;

    unit_refresh_facts(unit);
    next = session_next(unit->state, command, &unit->facts);
    if (next.refusal) {
        answer(ACK_WRONG_STATE, next.refusal, NULL, user);
        return;
    }
    if (next.actions & (SESSION_DO_FRAME | SESSION_DO_PICTURE)) {
        unit_snapshot(unit, next.actions & SESSION_DO_FRAME, answer, user);
        return;
    }
    if (next.actions & SESSION_DO_PREVIEW) {
        unit_preview(unit, answer, user);
        return;
    }
    if (command == SESSION_CMD_START || command == SESSION_CMD_RESTART)
        unit->disarmed = false;
    unit_step(unit, command);
    emit_command(unit, command);
    unit_answer(unit, answer, user);
}

static void reopen_triggers(struct unit *unit)
{
    triggers_close(unit->triggers);
    unit->triggers =
        triggers_open(unit->config.services.loop, unit->config.settings, unit_on_trigger, unit);
    triggers_set_active(unit->triggers, unit->state == SESSION_CAPTURING);
}

void unit_replace_settings(struct unit *unit, const struct unit_settings *settings,
                           const cJSON *overrides)
{
    *unit->config.settings = *settings;
    unit->overrides = overrides;
    reopen_triggers(unit);
    if (unit->session)
        session_settings_changed(unit->session);
    unit_changed(unit);
}

/* "armed" is no setting of the file but what the unit does: a switch for people. Off loses nothing:
 * a session that is open is finished, with its video. */
static const struct conf_field armed_fields[] = {
    {.key = "armed", .type = CONF_BOOL, .flags = CONF_RELOAD},
};
static const struct conf_table armed_table = {
    .name = "units", .fields = armed_fields, .field_count = ARRAY_LEN(armed_fields)};

static void arm(struct unit *unit, bool armed)
{
    bool open = unit->state == SESSION_CAPTURING || unit->state == SESSION_PAUSED;

    unit->disarmed = !armed;
    if (armed && unit->state == SESSION_STANDBY)
        unit_step(unit, SESSION_CMD_START);
    if (!armed && open)
        unit_step(unit, SESSION_CMD_FINISH);
    if (!armed && (unit->state == SESSION_WAITING || unit->state == SESSION_ERROR))
        unit_step(unit, SESSION_CMD_STANDBY);
    unit_changed(unit);
}

static enum ack_code set_armed(struct unit *unit, const char *text, struct error *err)
{
    bool armed = false;

    if (conf_set_text(&armed_table, &armed, "armed", text, err) < 0)
        return ACK_BAD_PARAMS;
    arm(unit, armed);
    return ACK_OK;
}

/* before: what the triggers were opened with. */
static void settings_changed(struct unit *unit, const struct unit_settings *before)
{
    const struct unit_settings *settings = unit->config.settings;

    if (settings->trigger != before->trigger ||
        memcmp(&settings->interval_s, &before->interval_s, sizeof(before->interval_s)) != 0)
        reopen_triggers(unit);
    if (unit->session)
        session_settings_changed(unit->session);
    unit_changed(unit);
}

static enum ack_code set_setting(struct unit *unit, const char *key, const char *text,
                                 struct error *err)
{
    struct unit_settings before = *unit->config.settings;
    int rc = config_set_unit(unit->config.config, unit->config.settings, key, text, err);

    if (rc == -EPERM)
        return ACK_FORBIDDEN;
    if (rc < 0)
        return ACK_BAD_PARAMS;
    settings_changed(unit, &before);
    return ACK_OK;
}

enum ack_code unit_set(struct unit *unit, const char *key, const char *text, struct error *err)
{
    if (str_equal(key, armed_fields[0].key))
        return set_armed(unit, text, err);
    return set_setting(unit, key, text, err);
}

int unit_reload(struct unit *unit, const struct unit_settings *fresh, struct error *err)
{
    struct unit_settings before = *unit->config.settings;
    int rc = config_merge_unit(unit->config.config, unit->config.settings, fresh, err);

    if (rc == 0)
        settings_changed(unit, &before);
    return rc;
}

/* --- birth and death --- */

static void on_retry(void *user)
{
    unit_step(user, SESSION_RETRY);
}

/* Comes back to the session that was open when we ended. */
static bool recover(struct unit *unit)
{
    struct session_config config = session_config(unit);
    struct journal_session row = {0};
    struct error err = {0};
    enum session_state state;
    int rc;

    if (journal_open_session(unit->config.services.journal, unit_id(unit), &row, &err) < 0)
        return false;
    rc = session_resume(&config, &row, &unit_session_events, unit, &unit->session, &err);
    state = session_state_find(row.state);
    if (rc < 0) {
        log_error("unit.recovery_failed", "unit=%s session=%s error=\"%s\"", unit_id(unit), row.id,
                  err.text);
        unit_set_problem(unit, &unit->capture, &err);
        journal_session_done(&row);
        return false;
    }
    log_info("unit.session_recovered", "unit=%s session=%s state=%s", unit_id(unit), row.id,
             row.state);
    journal_session_done(&row);
    unit->unproven =
        unit->config.printer && session_job(unit->session) && state != SESSION_BUILDING;
    unit->last_cause =
        (struct trigger_cause){.name = "recovered", .layer = session_last_layer(unit->session)};
    enter(unit, state == SESSION_STATE_COUNT ? SESSION_CAPTURING : state);
    unit_emit(unit, "session_recovered", json_object());
    return true;
}

/* A session that was being built when we ended: its last frame was taken. */
static void build_again(struct unit *unit)
{
    unit->end = "finished";
    unit->ended_at_mono_us = clock_mono_us();
    unit_begin_final(unit);
    unit->finish_wanted = true;
    unit_continue_finish(unit);
}

struct unit *unit_new(const struct unit_config *config, const struct unit_callbacks *callbacks,
                      void *user)
{
    struct unit *unit = xcalloc(1, sizeof(*unit));

    unit->config = *config;
    unit->callbacks = *callbacks;
    unit->user = user;
    unit->cameras =
        xmemdup(config->cameras, config->settings->cameras.count * sizeof(*config->cameras));
    unit->state = SESSION_STANDBY;
    unit->state_since = clock_wall_ms();
    unit->last_cause.layer = -1;
    unit->shots = shot_queue_new(config->settings->cameras.count, &unit_shot_events, unit);
    unit->retry = timer_new(config->services.loop, on_retry, unit);
    unit->leaving = timer_new(config->services.loop, unit_on_leaving, unit);
    unit->triggers = triggers_open(config->services.loop, config->settings, unit_on_trigger, unit);
    if (recover(unit)) {
        if (unit->state == SESSION_BUILDING)
            build_again(unit);
    } else if (!config->settings->standby) {
        unit_step(unit, SESSION_CMD_START);
    }
    return unit;
}

void unit_free(struct unit *unit)
{
    if (!unit)
        return;
    shot_queue_free(unit->shots);
    unit_leave_builds(unit);
    if (keeps_cameras(unit->state))
        hold_cameras(unit, false);
    session_free(unit->session);
    triggers_close(unit->triggers);
    timer_free(unit->retry);
    timer_free(unit->leaving);
    free(unit->cameras);
    free(unit->ill_camera);
    free(unit);
}

/* --- looks --- */

const char *unit_id(const struct unit *unit)
{
    return unit->config.settings->id;
}

const struct unit_settings *unit_get_settings(const struct unit *unit)
{
    return unit->config.settings;
}

enum session_state unit_state(const struct unit *unit)
{
    return unit->state;
}

bool unit_armed(const struct unit *unit)
{
    return unit->state != SESSION_STANDBY && !unit->disarmed;
}

int64_t unit_state_since(const struct unit *unit)
{
    return unit->state_since;
}

const struct session *unit_session(const struct unit *unit)
{
    return unit->session;
}

const struct unit_build *unit_get_build(const struct unit *unit)
{
    return &unit->build;
}

const struct unit_origin *unit_get_origin(const struct unit *unit)
{
    return unit->config.origin;
}

const cJSON *unit_overrides(const struct unit *unit)
{
    return unit->overrides;
}

struct printer *unit_printer(const struct unit *unit)
{
    return unit->config.printer;
}

struct camera *unit_camera(const struct unit *unit, size_t index)
{
    return unit->cameras[index];
}

const struct error *unit_error(const struct unit *unit, int64_t *ret_since)
{
    const struct unit_problem *problem =
        unit->capture.err.code != 0 ? &unit->capture : &unit->video;

    *ret_since = problem->since;
    return &problem->err;
}
